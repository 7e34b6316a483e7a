/* subscriber_named.c - what is of named subscriptions alone: the daemon keeps how far they are, and
 * is told what was worked off and what is left for later. */
#include "subscriber_internal.h"

#define PARK_MS 5000u /* to wait for the answer: the daemon waits for its disk */

void subscriber_take_name(trial_subscriber *s, const trial_subscriber_settings *how)
{
    trial_arena *arena = &s->arena;

    s->is_named = true;
    s->takeover = trial_value_truth(arena, how->takes_over);
    trial_value_set(arena, s->params, "name", trial_value_copy(arena, trial_text_of(how->name)));
    trial_value_set(arena, s->params, "takeover", s->takeover);
    trial_value_set(arena, s->params, "client", trial_value_text(arena, trial_text_of(s->name)));
}

static void tell_ack(trial_subscriber *s, uint64_t position)
{
    trial_arena arena = { 0 };
    trial_value *params = trial_value_map(&arena);

    trial_value_set(&arena, params, "name", trial_value_get(s->params, "name"));
    trial_value_set(&arena, params, "position", trial_value_unsigned(&arena, position));
    subscriber_tell(s, "ack", params);
    trial_arena_done(&arena);
}

void subscriber_say_done(trial_subscriber *s)
{
    if (s->step == STEP_SUBSCRIBED && s->done > s->acked) {
        s->acked = s->done;
        tell_ack(s, s->done);
    }
}

void trial_subscriber_ack(trial_subscriber *s)
{
    if (!s->is_named || s->step != STEP_SUBSCRIBED || s->event.position == 0) {
        return; /* what is not said is handed out again */
    }
    if (s->is_replaying) {
        tell_ack(s, s->event.position);
    } else {
        s->done = s->event.position;
    }
}

trial_code subscriber_say_ended(trial_subscriber *s, trial_error *err)
{
    trial_text name = trial_value_get_text(s->params, "name");

    subscriber_lose(s);
    if (s->ended == TRIAL_NOT_FOUND) {
        return trial_fail(err,
                          TRIAL_NOT_FOUND,
                          "the subscription '%.*s' at %s was removed",
                          TRIAL_TEXT_ARGS(name),
                          s->endpoint);
    }
    return trial_fail(err,
                      TRIAL_CONFLICT,
                      "another consumer took over the subscription '%.*s' at %s",
                      TRIAL_TEXT_ARGS(name),
                      s->endpoint);
}

/* What is left to hand out lies where the answer will lie. */
static void keep_rest(trial_subscriber *s)
{
    trial_bytes rest = { s->events.at, (size_t)(s->events.end - s->events.at) };

    if (s->left > 0 && !s->is_kept) {
        trial_arena_reset(&s->rest);
        s->events = pack_reader_of(trial_arena_bytes(&s->rest, rest));
        s->is_kept = true;
    }
}

trial_code trial_subscriber_park(trial_subscriber *s, const char *reason, trial_error *err)
{
    trial_arena arena = { 0 };
    trial_value *params = trial_value_map(&arena);
    trial_message answer = { 0 };
    uint32_t msgid = 0;
    trial_code code;

    if (!s->is_named || s->event.position == 0) {
        trial_arena_done(&arena);
        return trial_fail(
            err, TRIAL_INVALID, "only what a named subscription has handed out can be set aside");
    }
    if (s->step != STEP_SUBSCRIBED) {
        trial_arena_done(&arena);
        return trial_fail(
            err, TRIAL_BUSY, "no connection to %s yet; it is tried again", s->endpoint);
    }
    trial_value_set(&arena, params, "name", trial_value_get(s->params, "name"));
    trial_value_set(&arena, params, "position", trial_value_unsigned(&arena, s->event.position));
    trial_value_set(&arena, params, "reason", trial_value_text(&arena, trial_text_of(reason)));
    keep_rest(s);
    code = trial_client_send(s->client, "park", params, &msgid, err);
    if (code == TRIAL_OK) {
        code = lib_await(s->client, msgid, PARK_MS, &arena, &answer, err);
    }
    if (code == TRIAL_OK && answer.error.code != TRIAL_OK) {
        code = answer.error.code;
        if (err != NULL) {
            *err = answer.error;
        }
    }
    if (code != TRIAL_OK) {
        subscriber_lose(s);
    }
    trial_arena_done(&arena);
    return code;
}
