/* trial_oracle.c - the oracle as a program, for tests that kill or starve the real daemon.
 *
 * trial_oracle STORE SENT: nobody has STORE open; SENT is a file of JSON lines, one an event that
 * was sent, each event once: {"event": {...}, "position": 7} where an answer told its position,
 * {"event": {...}} where none came; "request": N on neighbours that were one request. "made": true
 * on a line says that the store was there before the fault. It says `sound: ...` and ends with 0,
 * or `VIOLATION: ...` and ends with 1; 64 where it was called wrongly. */
#include "oracle.h"

#include "json.h"
#include "pack.h"
#include "trial/limits.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define USAGE 64

/* Everything that was sent, as the file says. */
struct ledger {
    oracle_event *events;
    size_t count;
    size_t room;
    bool was_made;
    trial_arena arena;
};

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts;
    (void)type;
    (void)where;
    return remove(path);
}

static uint64_t number(const trial_value *line, const char *name)
{
    const trial_value *value = trial_value_get(line, name);

    return value == NULL || value->kind != TRIAL_VALUE_INTEGER ? 0 : (uint64_t)value->as.integer;
}

static bool add_line(struct ledger *ledger, trial_text text)
{
    trial_error err = TRIAL_ERROR_NONE;
    trial_value *line = NULL;
    const trial_value *event;
    const trial_value *made;
    pack_writer writer = { 0 };

    if (json_read(text, &ledger->arena, &line, &err) != TRIAL_OK || line->kind != TRIAL_VALUE_MAP) {
        (void)fprintf(stderr, "trial_oracle: %s in %.*s\n", err.text, TRIAL_TEXT_ARGS(text));
        return false;
    }
    made = trial_value_get(line, "made");
    ledger->was_made = ledger->was_made || (made != NULL && made->as.truth);
    event = trial_value_get(line, "event");
    if (event == NULL) {
        return true;
    }
    if (ledger->count == ledger->room) {
        ledger->room = ledger->room == 0 ? 1024 : ledger->room * 2;
        ledger->events = trial_memory_again(ledger->events, ledger->room * sizeof *ledger->events);
    }
    pack_put_value(&writer, event, &ledger->arena);
    ledger->events[ledger->count++] =
        (oracle_event){ .event = trial_arena_bytes(&ledger->arena, pack_written(&writer)),
                        .position = number(line, "position"),
                        .request = number(line, "request") };
    pack_writer_done(&writer);
    return true;
}

static bool read_ledger(const char *path, struct ledger *ledger)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    bool is_read = file != NULL;

    while (is_read && (size = getline(&line, &room, file)) > 0) {
        trial_text text = { line, (uint32_t)size };

        if (text.at[text.size - 1] == '\n') {
            text.size--;
        }
        is_read = text.size == 0 || add_line(ledger, trial_arena_text(&ledger->arena, text));
    }
    free(line);
    if (file == NULL) {
        perror(path);
    } else {
        (void)fclose(file);
    }
    return is_read;
}

static int judge(const char *store_path, const struct ledger *ledger, const char *scratch)
{
    const oracle_case c = { .settings = { .path = store_path,
                                          .map_bytes = (uint64_t)1 << 36,
                                          .journal_bytes = TRIAL_TURN_BYTES_MAX,
                                          .commit_events = 8192 },
                            .events = ledger->events,
                            .count = ledger->count,
                            .was_made = ledger->was_made };
    char text[ORACLE_TEXT_BYTES];
    uint64_t head;
    oracle *o = oracle_new(scratch);
    bool is_sound = oracle_judge(o, &c, &head, text);

    oracle_done(o);
    if (is_sound) {
        (void)printf("sound: the log ends at %llu; %zu events were sent\n",
                     (unsigned long long)head,
                     ledger->count);
        return 0;
    }
    (void)printf("VIOLATION: %s\n", text);
    return 1;
}

int main(int argc, char **argv)
{
    const char *parent = getenv("TMPDIR");
    struct ledger ledger = { 0 };
    char scratch[512];
    int status;

    (void)snprintf(
        scratch, sizeof scratch, "%s/trial-oracle-XXXXXX", parent == NULL ? "/tmp" : parent);
    if (argc != 3 || !read_ledger(argv[2], &ledger) || mkdtemp(scratch) == NULL) {
        (void)fputs("usage: trial_oracle STORE SENT\n", stderr);
        return USAGE;
    }
    status = judge(argv[1], &ledger, scratch);
    (void)nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(ledger.events);
    trial_arena_done(&ledger.arena);
    return status;
}
