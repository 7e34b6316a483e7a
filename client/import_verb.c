/* import_verb.c - trialctl import: files in, lines refused said, the count at the end. */
#include "ctl.h"
#include "lines.h"
#include "render.h"

#include <stdlib.h>

/* The daemon as an import sees it. */
struct daemon {
    ctl_command *ctl;
    ctl_progress progress;
    uint32_t msgid;
};

static trial_code
send_events(void *context, const import_line *lines, uint32_t count, trial_error *err)
{
    struct daemon *daemon = context;
    trial_arena *arena = &daemon->ctl->arena;
    trial_value *params;
    trial_value *events;

    trial_arena_reset(arena); /* nothing of an earlier request is needed any more */
    params = trial_value_map(arena);
    events = trial_value_list(arena);
    for (uint32_t i = 0; i < count; i++) {
        trial_value_push(arena, events, lines[i].event);
    }
    trial_value_set(arena, params, "events", events);
    return trial_client_send(daemon->ctl->client, "append", params, &daemon->msgid, err);
}

static trial_code receive_answer(void *context, trial_value **ret_result, trial_error *err)
{
    struct daemon *daemon = context;
    ctl_command *ctl = daemon->ctl;
    uint32_t timeout_ms = ctl->timeout_ms == 0 ? CTL_TIMEOUT_MS_DEFAULT : ctl->timeout_ms;
    trial_message message;

    do {
        trial_code code =
            trial_client_receive(ctl->client, timeout_ms, true, &ctl->arena, &message, err);

        if (code == TRIAL_BUSY) {
            return trial_fail(err,
                              TRIAL_BUSY,
                              "no answer within %u ms: outcome unknown, run it again; what was "
                              "kept is recognised",
                              timeout_ms);
        }
        if (code != TRIAL_OK) {
            err->code = TRIAL_UNSUPPORTED; /* it is not the line's fault */
            return TRIAL_UNSUPPORTED;
        }
    } while (message.is_notification || (message.msgid != daemon->msgid && message.msgid != 0));
    if (message.error.code != TRIAL_OK) {
        *err = message.error;
        return err->code;
    }
    *ret_result = message.value;
    return TRIAL_OK;
}

static bool say_refused(void *context, const import_line *line, const trial_error *err)
{
    struct daemon *daemon = context;

    ctl_progress_clear(&daemon->progress);
    (void)fprintf(stderr,
                  "%s:%llu: %s: ",
                  line->file,
                  (unsigned long long)line->number,
                  trial_code_name(err->code));
    render_put(stderr, trial_text_of(err->text));
    if (err->rule != TRIAL_RULE_NONE) {
        (void)fprintf(stderr, " (rule %s)", trial_rule_name(err->rule));
    }
    (void)putc('\n', stderr);
    return !ctl_has(daemon->ctl, CTL_STOP);
}

/* Read and settle batch after batch: while one is decided the next is read. */
static trial_code import_all(struct daemon *daemon,
                             lines_reader *reader,
                             import_work *work,
                             import_batch *batches,
                             trial_error *err)
{
    trial_error read_err = TRIAL_ERROR_NONE;
    trial_code read_code = lines_read(reader, work->chunk_max, &batches[0], &read_err);

    for (uint32_t turn = 0; batches[turn].count > 0; turn = 1 - turn) {
        import_batch *batch = &batches[turn];
        trial_code code;

        import_begin(work, batch);
        batches[1 - turn].count = 0;
        if (read_code == TRIAL_OK) {
            read_code = lines_read(reader, work->chunk_max, &batches[1 - turn], &read_err);
        }
        code = import_settle(work, batch, err);
        if (code != TRIAL_OK || work->is_stopped) {
            return code;
        }
        ctl_progress_show(&daemon->progress,
                          "importing",
                          batch->lines[batch->count - 1].end_bytes,
                          reader->total_bytes,
                          work->counts.read);
    }
    if (read_code != TRIAL_OK) {
        *err = read_err;
    }
    return read_code;
}

static void print_counts(const import_counts *counts)
{
    (void)printf("{\"read\":%llu,\"appended\":%llu,\"duplicates\":%llu,\"rejected\":%llu}\n",
                 (unsigned long long)counts->read,
                 (unsigned long long)counts->appended,
                 (unsigned long long)counts->duplicates,
                 (unsigned long long)counts->rejected);
    if (counts->warnings > 0) {
        ctl_say("%llu warnings; 'trialctl list finding' prints them",
                (unsigned long long)counts->warnings);
    }
}

int ctl_import(ctl_command *ctl)
{
    import_batch *batches = trial_memory(2 * sizeof *batches);
    struct daemon daemon = { .ctl = ctl };
    import_work work = { .peer = { &daemon, send_events, receive_answer, say_refused } };
    lines_reader reader = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    uint64_t batch = IMPORT_BATCH_EVENTS;
    trial_code code;
    int status = CTL_EXIT_DONE;

    if (ctl_has(ctl, CTL_BATCH) &&
        !ctl_number_read(ctl->values[CTL_BATCH], 1, IMPORT_BATCH_EVENTS_MAX, &batch)) {
        free(batches);
        return ctl_usage(ctl, "--batch takes a number from 1 to %d", IMPORT_BATCH_EVENTS_MAX);
    }
    work.chunk = (uint32_t)batch;
    work.chunk_max = (uint32_t)batch;
    ctl_progress_begin(ctl, &daemon.progress);
    code = lines_open(&reader, ctl->arguments, ctl->argument_count, &err);
    if (code == TRIAL_OK) {
        code = ctl_connect(ctl, &err);
    }
    if (code == TRIAL_OK) {
        code = import_all(&daemon, &reader, &work, batches, &err);
    }
    ctl_progress_clear(&daemon.progress);
    if (work.first_refusal != TRIAL_OK) {
        status = trial_code_exit(work.first_refusal);
    }
    if (code != TRIAL_OK) {
        status = ctl_fail(ctl, &err); /* it did not even come to its end */
    }
    print_counts(&work.counts);
    lines_close(&reader);
    trial_arena_done(&batches[0].arena);
    trial_arena_done(&batches[1].arena);
    free(batches);
    return status;
}
