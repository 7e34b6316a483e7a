/* subscriber.c - a subscription that mends itself: hello, subscribe, events until the daemon falls
 * silent; then a fresh connection, after a wait that doubles, from where it was. */
#include "subscriber_internal.h"

#include <stdlib.h>
#include <zmq.h>

#define SILENCE_MS (3 * TRIAL_HEARTBEAT_MS) /* so long without a word: the daemon is gone */
#define BACKOFF_MS_MIN 50u   /* a daemon that restarts is back in less than a second */
#define BACKOFF_MS_MAX 2000u /* many who wait for one daemon do not flood it when it is back */
#define SIGN_OF_LIFE_MS 5000 /* the daemon keeps a named one for who says something so often */
#define SEND_MS 1u           /* the least: a connection that takes nothing at once is given up */

trial_code trial_subscriber_open(const trial_client_settings *settings,
                                 const trial_subscriber_settings *wanted,
                                 trial_subscriber **ret_subscriber,
                                 trial_error *err)
{
    static const trial_client_settings defaults = { 0 };
    static const trial_subscriber_settings all_new = { 0 };
    const trial_client_settings *given = settings == NULL ? &defaults : settings;
    const trial_subscriber_settings *how = wanted == NULL ? &all_new : wanted;
    trial_subscriber *s = trial_memory(sizeof *s);
    pack_writer writer = { 0 };
    trial_code code = TRIAL_OK;

    s->settings = *given;
    s->endpoint = lib_setting(given->endpoint, "TRIALD_ENDPOINT", LIB_ENDPOINT_DEFAULT);
    s->name = lib_setting(given->name, "", "libtrial");
    s->settings.endpoint = s->endpoint;
    s->settings.name = s->name;
    s->key = lib_setting(given->key, "TRIALD_KEY", "");
    s->server_key = lib_setting(given->server_key, "TRIALD_SERVER_KEY", "");
    s->settings.key = s->key;
    s->settings.server_key = s->server_key;
    s->settings.timeout_ms = SEND_MS;
    s->backoff_ms = BACKOFF_MS_MIN;
    s->jitter = (uint64_t)(uintptr_t)s ^ (uint64_t)lib_now_ms();
    s->next = how->from;
    s->credit = how->credit == 0 ? TRIAL_CREDIT_DEFAULT : how->credit;
    s->stop_fd = how->stop_fd;
    if (how->filters != NULL) {
        code = lib_put_tree(&writer, how->filters, &s->message, err);
        if (code == TRIAL_OK) {
            code = lib_read_value(pack_written(&writer), &s->arena, &s->params, err);
        }
        pack_writer_done(&writer);
    } else {
        s->params = trial_value_map(&s->arena);
    }
    if (code != TRIAL_OK) {
        trial_subscriber_close(s);
        return code;
    }
    s->from = trial_value_unsigned(&s->arena, 0);
    trial_value_set(&s->arena, s->params, "from", s->from);
    trial_value_set(&s->arena, s->params, "credit", trial_value_integer(&s->arena, s->credit));
    if (how->name != NULL) {
        subscriber_take_name(s, how);
    }
    *ret_subscriber = s;
    return TRIAL_OK;
}

/* Many subscribers of one daemon do not come back at one moment: half of the wait is chance. */
static int64_t next_wait(trial_subscriber *s)
{
    uint32_t wait_ms = s->backoff_ms;

    s->backoff_ms = wait_ms * 2 > BACKOFF_MS_MAX ? BACKOFF_MS_MAX : wait_ms * 2;
    s->jitter = s->jitter * 6364136223846793005u + 1442695040888963407u;
    return wait_ms / 2 + (int64_t)((s->jitter >> 33) % (wait_ms / 2 + 1));
}

/* What stood is no more. What was received and not handed out comes again. */
void subscriber_lose(trial_subscriber *s)
{
    lib_wake_watch(&s->wake, -1);
    trial_client_close(s->client);
    s->client = NULL;
    s->left = 0;
    s->is_live = false;
    s->step = STEP_AWAY;
    s->until_ms = lib_now_ms() + next_wait(s);
    lib_wake_at(&s->wake, s->until_ms);
}

/* What mends itself is not told: a daemon that has too much to do, or has ended in the midst of a
 * handshake, which another one would look like too. */
static trial_code
lose_for(trial_subscriber *s, trial_code code, const trial_error *why, trial_error *err)
{
    bool was_let_in = s->connections > 0 && why->system_errno == LIB_HANDSHAKE_CUT;

    subscriber_lose(s);
    if (code == TRIAL_BUSY || (code == TRIAL_UNAUTHORISED && was_let_in)) {
        return TRIAL_OK;
    }
    if (err != NULL) {
        *err = *why;
    }
    return code;
}

static trial_code connect_again(trial_subscriber *s, trial_error *err)
{
    trial_code code = trial_client_open(&s->settings, &s->client, err);

    if (code != TRIAL_OK) {
        subscriber_lose(s); /* out of sockets, it may be: later */
        return code;
    }
    lib_wake_watch(&s->wake, trial_client_fd(s->client));
    s->step = STEP_CONNECTING;
    s->until_ms = lib_now_ms() + SILENCE_MS;
    return TRIAL_OK;
}

static trial_code ask(trial_subscriber *s,
                      const char *method,
                      const trial_value *params,
                      subscriber_step then,
                      trial_error *err)
{
    trial_error why = TRIAL_ERROR_NONE;
    trial_code code = trial_client_send(s->client, method, params, &s->msgid, &why);

    if (code != TRIAL_OK) {
        return lose_for(s, code, &why, err);
    }
    s->step = then;
    s->until_ms = lib_now_ms() + SILENCE_MS;
    return TRIAL_OK;
}

static trial_code greet(trial_subscriber *s, trial_error *err)
{
    trial_value *params = trial_value_map(&s->message);

    trial_value_set(
        &s->message, params, "client", trial_value_text(&s->message, trial_text_of(s->name)));
    trial_value_set(
        &s->message, params, "protocol", trial_value_integer(&s->message, TRIAL_PROTOCOL_VERSION));
    return ask(s, "hello", params, STEP_GREETED, err);
}

static trial_code take_hello(trial_subscriber *s, const trial_value *result, trial_error *err)
{
    uint64_t head = (uint64_t)trial_value_get_integer(result, "head");
    trial_text log = trial_value_get_text(result, "log");
    trial_code code = lib_check_log(s->endpoint, s->log, s->head, log, head, err);

    if (code != TRIAL_OK) {
        return code;
    }
    s->head = head;
    if (!s->is_named || s->connections == 0) {
        s->next = s->next == 0 ? head + 1 : s->next;
        s->from->as.count = s->next;
    }
    return ask(s, "subscribe", s->params, STEP_ASKED, err);
}

static void take_subscription(trial_subscriber *s, const trial_value *result)
{
    s->subscription = (uint64_t)trial_value_get_integer(result, "subscription");
    if (s->is_named) { /* a lost connection is ours again, whoever the daemon thinks is there */
        s->acked = (uint64_t)trial_value_get_integer(result, "position");
        s->done = s->acked;
        s->next = s->acked + 1;
        s->takeover->as.truth = true;
    }
    s->step = STEP_SUBSCRIBED;
    s->used = 0;
    s->connections++;
    s->backoff_ms = BACKOFF_MS_MIN;
}

static trial_code take_answer(trial_subscriber *s, const trial_message *answer, trial_error *err)
{
    trial_value *result = NULL;
    trial_code code = answer->error.code;

    if (answer->msgid != s->msgid) {
        return TRIAL_OK;
    }
    if (code != TRIAL_OK) {
        *err = answer->error;
        return code;
    }
    code = lib_read_value(answer->raw, &s->message, &result, err);
    if (code == TRIAL_OK && s->step == STEP_GREETED) {
        code = take_hello(s, result, err);
    } else if (code == TRIAL_OK && s->step == STEP_ASKED) {
        take_subscription(s, result);
    }
    return code;
}

static trial_code take_notification(trial_subscriber *s, const trial_message *message)
{
    lib_notice notice;
    trial_code code = lib_take_notice(message->raw, &notice);

    if (code != TRIAL_OK || s->step != STEP_SUBSCRIBED || notice.subscription != s->subscription) {
        return code;
    }
    s->head = notice.head > s->head ? notice.head : s->head;
    if (trial_text_is(message->method, "ended")) {
        if (!s->is_named || notice.code == TRIAL_UNAUTHORISED) {
            subscriber_lose(s); /* the next try is refused, until the right to read is back */
            return TRIAL_OK;
        }
        s->ended = notice.code == TRIAL_NOT_FOUND ? TRIAL_NOT_FOUND : TRIAL_CONFLICT;
    }
    if (trial_text_is(message->method, "live")) { /* what is wanted up to there was sent */
        s->is_live = true;
        s->next = notice.head >= s->next ? notice.head + 1 : s->next;
    }
    if (trial_text_is(message->method, "events")) {
        s->is_kept = false;
        s->is_replaying = notice.is_replayed;
        s->events = notice.events;
        s->left = pack_list(&s->events);
    }
    return s->events.has_failed ? TRIAL_MALFORMED : TRIAL_OK;
}

/* Take one message, if there is one. *ret_came: there was. */
static trial_code take_message(trial_subscriber *s, bool *ret_came, trial_error *err)
{
    trial_message message = { 0 };
    trial_error failure = TRIAL_ERROR_NONE;
    trial_code code;

    trial_arena_reset(&s->message);
    code = trial_client_receive(s->client, 0, false, &s->message, &message, &failure);
    *ret_came = code == TRIAL_OK;
    if (code == TRIAL_BUSY) {
        return TRIAL_OK;
    }
    if (code == TRIAL_OK) {
        s->heard_ms = lib_now_ms();
        s->was_heard = true;
        s->until_ms = s->heard_ms + SILENCE_MS;
        code = message.is_notification ? take_notification(s, &message)
                                       : take_answer(s, &message, &failure);
    }
    if (code == TRIAL_MALFORMED && failure.code != TRIAL_MALFORMED) {
        (void)trial_fail(&failure, code, "what %s sent is no notification", s->endpoint);
    }
    return code == TRIAL_OK ? code : lose_for(s, code, &failure, err);
}

void subscriber_tell(trial_subscriber *s, const char *method, const trial_value *params)
{
    trial_error ignored = TRIAL_ERROR_NONE; /* what does not arrive is a lost connection */

    s->told_ms = lib_now_ms();
    if (trial_client_notify(s->client, method, params, &ignored) != TRIAL_OK) {
        subscriber_lose(s);
    }
}

/* Give back the credit of what was handed out, half a window at a time. */
static void give_credit(trial_subscriber *s)
{
    trial_value *params;
    bool is_due = s->used >= (s->credit + 1) / 2 ||
                  (s->is_named && lib_now_ms() - s->told_ms >= SIGN_OF_LIFE_MS);

    if (s->step != STEP_SUBSCRIBED || !is_due) {
        return;
    }
    params = trial_value_map(&s->message);
    trial_value_set(
        &s->message, params, "subscription", trial_value_unsigned(&s->message, s->subscription));
    trial_value_set(&s->message, params, "add", trial_value_integer(&s->message, s->used));
    s->used = 0;
    subscriber_tell(s, "credit", params);
}

/* Hand out the next event of the notification. False: it has none that is wanted. */
static bool hand_out(trial_subscriber *s)
{
    while (s->left > 0) {
        lib_take_event(&s->events, &s->event);
        s->left--;
        if (s->events.has_failed) {
            subscriber_lose(s);
            return false;
        }
        s->used++;
        if (s->is_replaying) {
            return true;
        }
        if (s->event.position >= s->next) {
            s->next = s->event.position + 1;
            s->head = s->event.position > s->head ? s->event.position : s->head;
            return true;
        }
    }
    return false;
}

static trial_code say_none_came(trial_subscriber *s, trial_error *err)
{
    lib_wake_at(&s->wake, s->until_ms);
    if (s->step == STEP_SUBSCRIBED) {
        return trial_fail(err, TRIAL_BUSY, "no event from %s in time", s->endpoint);
    }
    return trial_fail(err, TRIAL_BUSY, "no connection to %s yet; it is tried again", s->endpoint);
}

/* Wait for what the step waits for, at most until the deadline, and do it. */
static trial_code go_on(trial_subscriber *s, int64_t deadline_ms, bool *ret_stop, trial_error *err)
{
    int64_t until_ms = s->until_ms < deadline_ms ? s->until_ms : deadline_ms;
    short events = s->step == STEP_CONNECTING ? ZMQ_POLLOUT : ZMQ_POLLIN;
    lib_ready ready = lib_client_wait(s->client, events, s->stop_fd, until_ms);

    *ret_stop = ready == LIB_STOPPED;
    if (ready == LIB_READY && s->step == STEP_CONNECTING) {
        return greet(s, err);
    }
    if (ready == LIB_TOO_LATE && lib_now_ms() >= s->until_ms) {
        if (s->step == STEP_AWAY) {
            return connect_again(s, err);
        }
        subscriber_lose(s);
    }
    return TRIAL_OK;
}

trial_code trial_subscriber_next(trial_subscriber *s,
                                 uint32_t timeout_ms,
                                 const trial_replayed **ret_event,
                                 trial_error *err)
{
    int64_t deadline_ms = lib_now_ms() + timeout_ms;
    bool is_late = false;

    for (;;) {
        bool is_stopped = false;
        bool came = false;
        trial_code code = TRIAL_OK;

        if (s->left == 0) {
            subscriber_say_done(s);
            give_credit(s);
        }
        if (s->ended != TRIAL_OK && s->left == 0) {
            return subscriber_say_ended(s, err);
        }
        if (hand_out(s)) {
            *ret_event = &s->event;
            return TRIAL_OK;
        }
        if (s->step >= STEP_GREETED) { /* before any clock is asked: we may have been stopped */
            code = take_message(s, &came, err);
        }
        if (code == TRIAL_OK && !came && is_late) {
            return say_none_came(s, err);
        }
        if (code == TRIAL_OK && !came) {
            code = go_on(s, deadline_ms, &is_stopped, err);
        }
        if (code != TRIAL_OK) {
            return code;
        }
        if (is_stopped) {
            *ret_event = NULL;
            return TRIAL_OK;
        }
        is_late = lib_now_ms() >= deadline_ms;
    }
}

void trial_subscriber_close(trial_subscriber *s)
{
    if (s != NULL) {
        if (s->client != NULL) {
            subscriber_say_done(s);
        }
        lib_wake_close(&s->wake);
        trial_client_close(s->client);
        trial_arena_done(&s->rest);
        trial_arena_done(&s->arena);
        trial_arena_done(&s->message);
        free(s->endpoint);
        free(s->key);
        free(s->server_key);
        free(s->name);
        free(s);
    }
}

int trial_subscriber_fd(trial_subscriber *s)
{
    if (!s->wake.is_open && lib_wake_open(&s->wake)) {
        lib_wake_watch(&s->wake, s->client == NULL ? -1 : trial_client_fd(s->client));
        lib_wake_at(&s->wake, 0); /* the first call may do more than wait */
    }
    return s->wake.is_open ? s->wake.fd : -1;
}

trial_subscriber_state trial_subscriber_look(const trial_subscriber *s)
{
    uint64_t position = s->next == 0 ? s->head : s->next - 1;

    return (trial_subscriber_state){
        .is_connected = s->step == STEP_SUBSCRIBED,
        .is_replayed = s->is_replaying,
        .is_live = s->step == STEP_SUBSCRIBED && s->is_live && s->left == 0,
        .position = position,
        .head = s->head,
        .lag = s->head > position ? s->head - position : 0,
        .connections = s->connections,
        .endpoint = s->endpoint,
        .log = s->log,
        .heard_ms_ago = s->was_heard ? lib_now_ms() - s->heard_ms : -1,
    };
}
