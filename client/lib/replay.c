/* replay.c - the log from a position on, page by page: each is asked for before the one before it
 * is handed out, and its events are taken where they lie. */
#include "lib.h"
#include "pack.h"
#include "trial/client.h"
#include "trial/limits.h"

#include <stdlib.h>

/* Pages on their way. Without filters positions have no gaps, so it is known where the pages behind
 * the next one begin, unless they are cut short by their bytes. */
#define AHEAD_MAX 3u

struct asked {
    uint64_t position;
    uint32_t msgid;
};

struct trial_replay {
    trial_client *client;
    uint32_t timeout_ms;
    trial_value *params; /* in `arena` */
    trial_value *from;   /* the entry of `params` */
    uint64_t position;   /* the next event is here or further */
    struct asked asked[AHEAD_MAX];
    uint32_t asked_count;
    bool is_plain;          /* no filters, and no page was cut short: pages are whole */
    bool is_last;           /* nothing was behind the page that is handed out */
    trial_replayed *events; /* of the page that is handed out */
    uint32_t count;
    uint32_t room;
    uint32_t next;
    trial_arena arena;   /* as long as the replay */
    trial_arena message; /* of one answer */
};

trial_code trial_replay_open(const trial_client_settings *settings,
                             uint64_t from,
                             const trial_value *filters,
                             trial_replay **ret_replay,
                             trial_error *err)
{
    trial_replay *replay = trial_memory(sizeof *replay);
    pack_writer writer = { 0 };
    trial_code code = trial_client_open(settings, &replay->client, err);

    if (code == TRIAL_OK && filters != NULL) {
        code = lib_put_tree(&writer, filters, &replay->message, err);
        if (code == TRIAL_OK) {
            code = lib_read_value(pack_written(&writer), &replay->arena, &replay->params, err);
        }
        pack_writer_done(&writer);
    }
    if (code != TRIAL_OK) {
        trial_replay_close(replay);
        return code;
    }
    if (replay->params == NULL) {
        replay->params = trial_value_map(&replay->arena);
        replay->is_plain = true;
    }
    replay->position = from == 0 ? 1 : from;
    replay->from = trial_value_unsigned(&replay->arena, replay->position);
    trial_value_set(&replay->arena, replay->params, "from", replay->from);
    replay->timeout_ms = settings == NULL || settings->timeout_ms == 0 ? LIB_TIMEOUT_MS_DEFAULT
                                                                       : settings->timeout_ms;
    *ret_replay = replay;
    return TRIAL_OK;
}

void trial_replay_close(trial_replay *replay)
{
    if (replay != NULL) {
        trial_client_close(replay->client);
        trial_arena_done(&replay->arena);
        trial_arena_done(&replay->message);
        free(replay->events);
        free(replay);
    }
}

static trial_code ask(trial_replay *replay, uint64_t position, trial_error *err)
{
    struct asked *asked = &replay->asked[replay->asked_count];
    trial_code code;

    replay->from->as.count = position;
    asked->position = position;
    code = trial_client_send(replay->client, "read", replay->params, &asked->msgid, err);
    replay->asked_count += code == TRIAL_OK ? 1 : 0;
    return code;
}

/* Ask for what is wanted next and, where it is known where that is, for the pages behind it. */
static trial_code ask_ahead(trial_replay *replay, trial_error *err)
{
    trial_code code = TRIAL_OK;

    if (replay->asked_count == 0) {
        code = ask(replay, replay->position, err);
    }
    while (code == TRIAL_OK && replay->is_plain && replay->asked_count < AHEAD_MAX) {
        uint64_t last = replay->asked[replay->asked_count - 1].position;

        code = ask(replay, last + TRIAL_READ_EVENTS_MAX, err);
    }
    return code;
}

static void take_events(trial_replay *replay, pack_reader *reader)
{
    uint32_t count = pack_list(reader);
    uint64_t position = replay->position;

    if (count > TRIAL_READ_EVENTS_MAX) {
        reader->has_failed = true; /* more than any daemon sends */
        return;
    }
    if (count > replay->room) {
        replay->events = trial_memory_again(replay->events, count * sizeof *replay->events);
        replay->room = count;
    }
    for (uint32_t i = 0; i < count && !reader->has_failed; i++) {
        trial_replayed *event = &replay->events[i];

        lib_take_event(reader, event);
        reader->has_failed = reader->has_failed || event->position < position;
        position = event->position + 1;
        replay->count = i + 1;
    }
}

/* Take the page apart and find where the next one begins. */
static trial_code
take_page(trial_replay *replay, trial_bytes raw, bool *ret_has_more, trial_error *err)
{
    pack_reader reader = pack_reader_of(raw);
    uint32_t count = pack_map(&reader);
    uint64_t next = 0;

    for (uint32_t i = 0; i < count && !reader.has_failed; i++) {
        trial_text name = pack_text(&reader);

        if (trial_text_is(name, "events")) {
            take_events(replay, &reader);
        } else if (trial_text_is(name, "next")) {
            next = pack_unsigned(&reader);
        } else {
            (void)pack_skip(&reader);
        }
    }
    if (reader.has_failed) {
        replay->count = 0;
        return trial_fail(err, TRIAL_MALFORMED, "an answer to `read` is not a page of the log");
    }
    if (replay->count > 0) {
        replay->position = replay->events[replay->count - 1].position + 1;
    }
    replay->position = next > replay->position ? next : replay->position;
    *ret_has_more = next != 0;
    return TRIAL_OK;
}

/* Wait for the page that was asked for first. */
static trial_code await_page(trial_replay *replay, trial_message *ret_answer, trial_error *err)
{
    uint32_t msgid = replay->asked[0].msgid;
    trial_code code;

    trial_arena_reset(&replay->message);
    code = lib_await(replay->client, msgid, replay->timeout_ms, &replay->message, ret_answer, err);
    if (code == TRIAL_BUSY) {
        lib_forget(replay->client, msgid);
    }
    if (code == TRIAL_OK && ret_answer->error.code != TRIAL_OK) {
        code = ret_answer->error.code;
        if (err != NULL) {
            *err = ret_answer->error;
        }
    }
    replay->asked_count--;
    memmove(replay->asked, replay->asked + 1, replay->asked_count * sizeof *replay->asked);
    return code;
}

/* The pages on their way are not those behind this one. */
static void give_up_ahead(trial_replay *replay)
{
    while (replay->asked_count > 0) {
        lib_forget(replay->client, replay->asked[--replay->asked_count].msgid);
    }
}

/* Take the next page; the one behind it is on its way before this one is handed out. */
static trial_code turn_page(trial_replay *replay, trial_error *err)
{
    trial_error ignored = TRIAL_ERROR_NONE; /* what cannot be sent is asked for when it is wanted */
    trial_message answer = { 0 };
    bool has_more = false;
    trial_code code;

    replay->next = 0;
    replay->count = 0;
    code = ask_ahead(replay, err);
    if (code == TRIAL_OK) {
        code = await_page(replay, &answer, err);
    }
    if (code == TRIAL_OK && replay->is_plain) {
        (void)!ask_ahead(replay, &ignored);
    }
    if (code == TRIAL_OK) {
        code = take_page(replay, answer.raw, &has_more, err);
    }
    if (code != TRIAL_OK || !has_more ||
        (replay->asked_count > 0 && replay->asked[0].position != replay->position)) {
        give_up_ahead(replay);
        replay->is_plain = replay->is_plain && !has_more;
    }
    if (code == TRIAL_OK && has_more) {
        (void)!ask_ahead(replay, &ignored);
    }
    replay->is_last = code == TRIAL_OK && !has_more;
    return code;
}

trial_code
trial_replay_next(trial_replay *replay, const trial_replayed **ret_event, trial_error *err)
{
    trial_code code = TRIAL_OK;

    while (code == TRIAL_OK && replay->next == replay->count && !replay->is_last) {
        code = turn_page(replay, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    if (replay->next < replay->count) {
        *ret_event = &replay->events[replay->next++];
    } else {
        *ret_event = NULL;
        replay->is_last = false; /* the next call looks again */
    }
    return TRIAL_OK;
}
