/* admin.c - trialctl status and rebuild: about the daemon and its log as a whole. */
#include "ctl.h"
#include "json.h"
#include "render.h"

#include <stdlib.h>

#define MIB 1048576.0
#define LOOK_EVERY_MS 200 /* how often a long request is asked how far it is, where it is shown */
#define ASK_EVERY_MS 2000 /* and how often where it is not */
#define ASK_AGAIN_MS                                                                               \
    5000                 /* an answer that has not come by then may have gone with its connection */
#define SILENCE_MS 60000 /* a daemon that answers nothing for so long is as good as gone */

static int64_t views_behind(const trial_value *status)
{
    const trial_value *views = trial_value_get(status, "views");
    int64_t head = trial_value_get_integer(status, "head");
    int64_t behind = 0;

    for (uint32_t i = 0; views != NULL && i < views->as.map.count; i++) {
        const trial_value *position = views->as.map.entries[i].value;

        behind += position->kind == TRIAL_VALUE_INTEGER && position->as.integer < head ? 1 : 0;
    }
    return behind;
}

/* What the daemon had no room for since it started; nothing is said where that is nothing. */
static void print_dropped(const trial_value *dropped)
{
    int64_t answers = trial_value_get_integer(dropped, "answers");
    int64_t connections = trial_value_get_integer(dropped, "connections");
    int64_t lines = trial_value_get_integer(dropped, "lines");

    if (answers + connections + lines > 0) {
        (void)printf("dropped  %lld answers, %lld connections, %lld log lines\n",
                     (long long)answers,
                     (long long)connections,
                     (long long)lines);
    }
}

/* Where the log lies: what LMDB holds, what only the journal holds yet, and the room there is. */
static void print_stores(const trial_value *stores)
{
    const trial_value *journal = trial_value_get(stores, "journal");
    const trial_value *lmdb = trial_value_get(stores, "lmdb");

    (void)printf("lmdb     at %lld, %.1f MiB; %.1f GiB of the disk are free\n",
                 (long long)trial_value_get_integer(lmdb, "position"),
                 (double)trial_value_get_integer(lmdb, "bytes") / MIB,
                 (double)trial_value_get_integer(lmdb, "free") / (MIB * 1024));
    if (trial_value_get_integer(lmdb, "readers") > 0) {
        (void)printf("reading  %lld snapshots, the oldest for %.1f s\n",
                     (long long)trial_value_get_integer(lmdb, "readers"),
                     (double)trial_value_get_integer(lmdb, "oldest_ms") / 1000);
    }
    (void)printf("journal  at %lld, %.1f of %.1f MiB in use\n",
                 (long long)trial_value_get_integer(journal, "position"),
                 (double)trial_value_get_integer(journal, "used") / MIB,
                 (double)trial_value_get_integer(journal, "bytes") / MIB);
}

/* What the daemon is going through, gravest first, each with what to do: or that all is well. */
static void print_conditions(const trial_value *conditions)
{
    bool has_colour = render_has_colour(stdout);
    uint32_t count =
        conditions != NULL && conditions->kind == TRIAL_VALUE_LIST ? conditions->as.list.count : 0;

    if (count == 0) {
        (void)printf(
            "state    %sserving%s\n", has_colour ? "\033[32m" : "", has_colour ? "\033[0m" : "");
    }
    for (uint32_t i = 0; i < count; i++) {
        const trial_value *condition = conditions->as.list.items[i];

        (void)printf("state    %s", has_colour ? "\033[1m" : "");
        render_put(stdout, trial_value_get_text(condition, "what"));
        (void)printf("%s (", has_colour ? "\033[0m" : "");
        render_put(stdout, trial_value_get_text(condition, "detail"));
        (void)printf(")\n         -> ");
        render_put(stdout, trial_value_get_text(condition, "advice"));
        (void)putchar('\n');
    }
}

static void print_status(const trial_value *result)
{
    const trial_value *views = trial_value_get(result, "views");
    int64_t uptime = trial_value_get_integer(result, "uptime");
    int64_t behind = views_behind(result);

    print_conditions(trial_value_get(result, "conditions"));
    (void)printf("log      %.*s\n", TRIAL_TEXT_ARGS(trial_value_get_text(result, "log")));
    (void)printf("head     %lld\n", (long long)trial_value_get_integer(result, "head"));
    (void)printf("root     %.*s\n", TRIAL_TEXT_ARGS(trial_value_get_text(result, "root")));
    if (views != NULL && views->kind == TRIAL_VALUE_MAP) {
        (void)printf("views    %u", views->as.map.count);
        (void)printf(behind == 0 ? ", all at the head\n" : ", %lld behind\n", (long long)behind);
    }
    (void)printf("peers    %lld\n", (long long)trial_value_get_integer(result, "peers"));
    print_dropped(trial_value_get(result, "dropped"));
    (void)printf("uptime   %lldd %02lld:%02lld:%02lld\n",
                 (long long)(uptime / 86400),
                 (long long)(uptime / 3600 % 24),
                 (long long)(uptime / 60 % 60),
                 (long long)(uptime % 60));
    print_stores(trial_value_get(result, "stores"));
    (void)printf("version  %.*s\n", TRIAL_TEXT_ARGS(trial_value_get_text(result, "version")));
}

int ctl_status(ctl_command *ctl)
{
    trial_value *result = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    if (ctl_call(ctl, "status", NULL, &result, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    if (ctl_is_json(ctl)) {
        json_print(stdout, result);
    } else {
        print_status(result);
    }
    return CTL_EXIT_DONE;
}

/* A request whose answer takes long, and the questions asked meanwhile: how far it is, and whether
 * that daemon is still there, for the next one knows nothing of the request. */
struct long_call {
    ctl_command *ctl;
    const char *method;
    uint32_t msgid;     /* of the request */
    bool is_asked;      /* a question is under way */
    int64_t asked_ms;   /* when the last one was asked */
    int64_t heard_ms;   /* when the last one was answered */
    trial_text started; /* when the daemon that has the request was started */
    ctl_progress progress;
};

static trial_code is_gone(struct long_call *call, const char *what, trial_error *err)
{
    return trial_fail(err,
                      TRIAL_BUSY,
                      "the daemon %s, and nothing came of the %s; ask again when it is there",
                      what,
                      call->method);
}

/* Ask how it is, once at a time, often only where somebody looks. */
static trial_code ask_how_far(struct long_call *call, trial_error *err)
{
    int64_t now_ms = ctl_now_ms();
    int64_t pause_ms = call->is_asked ? ASK_AGAIN_MS : call->progress.is_shown ? 0 : ASK_EVERY_MS;
    uint32_t msgid;

    if (now_ms - call->heard_ms >= SILENCE_MS) {
        return is_gone(call, "no longer answers", err);
    }
    if (now_ms - call->asked_ms < pause_ms) {
        return TRIAL_OK;
    }
    call->is_asked = true;
    call->asked_ms = now_ms;
    return trial_client_send(call->ctl->client, "status", NULL, &msgid, err) == TRIAL_OK
               ? TRIAL_OK
               : is_gone(call, "has gone", err);
}

static trial_code take_how_far(struct long_call *call, const trial_value *status, trial_error *err)
{
    const trial_value *work = trial_value_get(status, "work");
    trial_text started = trial_value_get_text(status, "started");
    uint64_t done = (uint64_t)trial_value_get_integer(work, "done");
    uint64_t total = (uint64_t)trial_value_get_integer(work, "total");

    call->is_asked = false;
    call->heard_ms = ctl_now_ms();
    if (started.size != call->started.size ||
        (started.size > 0 && memcmp(started.at, call->started.at, started.size) != 0)) {
        return is_gone(call, "was restarted", err);
    }
    ctl_progress_show(&call->progress, call->method, done, total, done);
    return TRIAL_OK;
}

/* Wait for the answer until `until_ms`; ret_message is it. */
static trial_code
wait_long(struct long_call *call, int64_t until_ms, trial_message *ret_message, trial_error *err)
{
    trial_code code = TRIAL_OK;

    while (code == TRIAL_OK) {
        int64_t left_ms = until_ms - ctl_now_ms();

        code = trial_client_receive(call->ctl->client,
                                    left_ms < LOOK_EVERY_MS ? 0 : LOOK_EVERY_MS,
                                    true,
                                    &call->ctl->arena,
                                    ret_message,
                                    err);
        if (code == TRIAL_BUSY && left_ms > 0) {
            code = ask_how_far(call, err);
        } else if (code == TRIAL_BUSY) {
            (void)trial_fail(err,
                             TRIAL_BUSY,
                             "no answer to %s in time; it goes on in the daemon, and 'trialctl "
                             "status' shows how far it is",
                             call->method);
        } else if (code == TRIAL_OK && !ret_message->is_notification) {
            if (ret_message->msgid == call->msgid) {
                break;
            }
            code = take_how_far(call, ret_message->value, err);
        }
    }
    return code;
}

trial_code ctl_call_long(ctl_command *ctl,
                         const char *method,
                         const trial_value *params,
                         trial_value **ret_result,
                         trial_error *err)
{
    int64_t given_ms = ctl->timeout_ms == 0 ? CTL_TIMEOUT_MS_LONG : ctl->timeout_ms;
    int64_t begun_ms = ctl_now_ms();
    struct long_call call = { .ctl = ctl, .method = method };
    trial_message message = { 0 };
    trial_value *status = NULL;
    trial_code code = ctl_call(ctl, "status", NULL, &status, err);

    call.started = trial_value_get_text(status, "started");
    call.asked_ms = call.heard_ms = ctl_now_ms();
    ctl_progress_begin(ctl, &call.progress);
    if (code == TRIAL_OK) {
        code = trial_client_send(ctl->client, method, params, &call.msgid, err);
    }
    if (code == TRIAL_OK) {
        code = wait_long(&call, begun_ms + given_ms, &message, err);
    }
    ctl_progress_clear(&call.progress);
    if (code == TRIAL_OK && message.error.code != TRIAL_OK) {
        *err = message.error;
        return err->code;
    }
    *ret_result = message.value;
    return code;
}

int ctl_rebuild(ctl_command *ctl)
{
    trial_value *params = trial_value_map(&ctl->arena);
    trial_value *result = NULL;
    const trial_value *views;
    trial_error err = TRIAL_ERROR_NONE;

    if (ctl->argument_count == 1) {
        trial_value_set(
            &ctl->arena, params, "view", trial_value_word(&ctl->arena, ctl->arguments[0]));
    }
    if (ctl_call_long(ctl, "rebuild", params, &result, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    if (ctl_is_json(ctl)) {
        json_print(stdout, result);
        return CTL_EXIT_DONE;
    }
    views = trial_value_get(result, "views");
    for (uint32_t i = 0; views != NULL && i < views->as.map.count; i++) {
        const trial_entry *entry = &views->as.map.entries[i];

        (void)printf("%-14.*s rebuilt at position %lld\n",
                     TRIAL_TEXT_ARGS(entry->name),
                     (long long)entry->value->as.integer);
    }
    return CTL_EXIT_DONE;
}
