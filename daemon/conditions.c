/* conditions.c - what the daemon is going through, for STATUS=, the log and `status`: the rows of
 * conditions.def. The log says each when it begins and when it is over, and nothing in between. */
#include "loop.h"

#include "host.h"
#include "tasks.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define STATUS_MS 1000
#define LASTING_MS 10000  /* what happens now and then is over when it did not for so long */
#define OLD_READ_MS 60000 /* a snapshot read for so long keeps LMDB from using old pages again */
#define MIB (1024.0 * 1024.0)

static const struct condition_row {
    const char *name;
    host_level level;
    const char *what;
    const char *advice;
    const char *over;
    const char *id;
} rows[CONDITION_COUNT] = {
#define CONDITION(UPPER, name, grade, what, advice, over, id)                                      \
    [CONDITION_##UPPER] = { name, HOST_##grade, what, advice, over, id },
#include "trial/conditions.def"
};

/* Begin it, or go on with it, in the words of `args`. */
TRIAL_PRINTF(4, 0)
static void
begin(loop *l, condition_id id, const host_about *about, const char *format, va_list args)
{
    const struct condition_row *row = &rows[id];
    condition *c = &l->conditions[id];
    bool was_on = c->is_on;

    c->is_on = true;
    (void)vsnprintf(c->detail, sizeof c->detail, format, args); /* a cut one still says most */
    if (!was_on) {
        c->since_ms = host_monotonic_ms();
        if (id != CONDITION_DROPPING_LINES) { /* which the log says itself, when it can */
            host_log_about(row->level, about, "%s (%s); %s", row->what, c->detail, row->advice);
        }
    }
}

void conditions_set(loop *l, condition_id id, bool is_on, const char *format, ...)
{
    const host_about about = { .message_id = rows[id].id };
    va_list args;

    if (is_on) {
        va_start(args, format);
        begin(l, id, &about, format, args);
        va_end(args);
        return;
    }
    if (l->conditions[id].is_on && rows[id].over[0] != '\0') {
        host_log_about(HOST_NOTICE, &about, "%s", rows[id].over);
    }
    l->conditions[id].is_on = false;
}

static void begin_about(loop *l, condition_id id, const host_about *about, const char *format, ...)
    TRIAL_PRINTF(4, 5);

static void begin_about(loop *l, condition_id id, const host_about *about, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    begin(l, id, about, format, args);
    va_end(args);
}

void conditions_set_damaged(loop *l, const trial_error *err, trial_text subject)
{
    host_about about = host_about_error(err);

    about.message_id = rows[CONDITION_DAMAGED].id;
    about.subject = subject;
    if (about.position > 0 && strncmp(err->text, "position ", 9) != 0) { /* it says it itself */
        begin_about(
            l, CONDITION_DAMAGED, &about, "position %" PRIu64 ": %s", about.position, err->text);
    } else {
        begin_about(l, CONDITION_DAMAGED, &about, "%s", err->text);
    }
}

/* Something that happens now and then, told by a count: on till it has not risen for a while. */
static void look_at_count(loop *l, condition_id id, uint64_t count, uint64_t now_ms)
{
    condition *c = &l->conditions[id];

    if (count != c->count) {
        c->count = count;
        c->until_ms = now_ms + LASTING_MS;
    }
    conditions_set(l, id, now_ms < c->until_ms, "%" PRIu64 " so far", count);
}

void conditions_set_behind(loop *l, bool is_behind, const char *why)
{
    bool is_map = is_behind && store_map_is_full(l->store);

    l->is_refusing = is_behind;
    conditions_set(l, CONDITION_MAP_FULL, is_map, "%s", why);
    conditions_set(l, CONDITION_TABLES_BEHIND, is_behind && !is_map, "%s", why);
}

static void look_at_store(loop *l)
{
    store_health health;

    store_look_at_health(l->store, &health);
    if (health.is_behind != l->is_refusing) { /* an append waited for that commit, not the loop */
        conditions_set_behind(l, health.is_behind, "what is appended stays in the journal");
    }
    conditions_set(l,
                   CONDITION_LOW_SPACE,
                   health.is_low,
                   "%.1f MiB are free, and %.1f MiB are kept in reserve",
                   (double)health.free_bytes / MIB,
                   (double)l->config->reserve_bytes / MIB);
    conditions_set(l,
                   CONDITION_JOURNAL_FULL,
                   health.is_journal_full,
                   "positions %" PRIu64 " to %" PRIu64 " lie in it alone",
                   store_committed(l->store) + 1,
                   store_flushed(l->store));
    conditions_set(l,
                   CONDITION_OLD_READ,
                   health.oldest_read_ms >= OLD_READ_MS,
                   "for %" PRIu64 " s",
                   health.oldest_read_ms / 1000);
}

static void set_work(loop *l, condition_id id, bool is_on, readers_kind kind, const char *unit)
{
    readers_kind doing;
    uint64_t done;
    uint64_t total;

    readers_progress(l->readers, &doing, &done, &total);
    if (doing == kind && total > 0) {
        conditions_set(l, id, is_on, "%" PRIu64 " of %" PRIu64 " %s", done, total, unit);
    } else {
        conditions_set(l, id, is_on, "at its beginning");
    }
}

void conditions_look(loop *l, uint64_t now_ms)
{
    look_at_store(l);
    set_work(l, CONDITION_REBUILDING, l->is_folding, READERS_REBUILD, "events");
    set_work(l, CONDITION_VERIFYING, l->verifying > 0, READERS_LONG, "steps");
    look_at_count(l, CONDITION_TURNING_AWAY, net_turned_away(l->net), now_ms);
    look_at_count(l, CONDITION_DROPPING_ANSWERS, net_dropped(l->net), now_ms);
    look_at_count(l, CONDITION_DROPPING_LINES, host_log_dropped(), now_ms);
    conditions_set(l,
                   CONDITION_BACKING_UP,
                   l->records_ms != 0 && now_ms < l->records_ms + LASTING_MS,
                   "at position %" PRIu64 " of %" PRIu64,
                   l->records_from,
                   store_flushed(l->store));
}

/* Add to a text of bounded size; what finds no room is cut. */
static void add(char *text, size_t room, const char *before, const char *what, const char *detail)
{
    size_t size = strlen(text);

    (void)snprintf(text + size, room - size, "%s%s (%s)", before, what, detail);
}

void conditions_tell(loop *l, uint64_t now_ms)
{
    char text[sizeof l->told_status];

    if (now_ms < l->status_ms) {
        return;
    }
    l->status_ms = now_ms + STATUS_MS;
    conditions_look(l, now_ms);
    (void)snprintf(text,
                   sizeof text,
                   "position %" PRIu64 ", %" PRIu32 " peers",
                   store_flushed(l->store),
                   net_peers(l->net));
    for (condition_id id = 0; id < CONDITION_COUNT; id++) {
        if (l->conditions[id].is_on) {
            add(text, sizeof text, "; ", rows[id].what, l->conditions[id].detail);
        }
    }
    tasks_tame(text); /* the service manager passes over what is no text */
    if (strcmp(text, l->told_status) != 0) {
        host_notify_status("%s", text);
        memcpy(l->told_status, text, sizeof text);
    }
}

void conditions_put(loop *l)
{
    uint64_t now_ms = host_monotonic_ms();
    uint32_t count = 0;

    for (condition_id id = 0; id < CONDITION_COUNT; id++) {
        count += l->conditions[id].is_on ? 1 : 0;
    }
    pack_put_list(&l->out, count);
    for (condition_id id = 0; id < CONDITION_COUNT; id++) {
        const condition *c = &l->conditions[id];

        if (c->is_on) {
            pack_put_map(&l->out, 5);
            pack_put_word(&l->out, "advice");
            pack_put_word(&l->out, rows[id].advice);
            pack_put_word(&l->out, "detail");
            pack_put_message(&l->out, c->detail);
            pack_put_word(&l->out, "name");
            pack_put_word(&l->out, rows[id].name);
            pack_put_word(&l->out, "seconds");
            pack_put_unsigned(&l->out, (now_ms - c->since_ms) / 1000);
            pack_put_word(&l->out, "what");
            pack_put_word(&l->out, rows[id].what);
        }
    }
}
