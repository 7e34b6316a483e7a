/* reading.c - see reading.h. */
#include "reading.h"

#include "trial/limits.h"

#define CREDIT_BACK (TRIAL_CREDIT_DEFAULT / 2) /* given back when so much is used up */
#define SILENCE_MS (4 * TRIAL_HEARTBEAT_MS)    /* so long without a word: the daemon is gone */

trial_value *reading_filters(ctl_command *ctl, bool with_times)
{
    trial_value *filters = trial_value_map(&ctl->arena);

    ctl_add_filters(ctl, filters);
    if (with_times) {
        ctl_add_times(ctl, filters);
    }
    return filters;
}

static void set_number(trial_arena *arena, trial_value *map, const char *name, uint64_t number)
{
    trial_value_set(arena, map, name, trial_value_unsigned(arena, number));
}

/* The list under `events`, or NULL. */
static const trial_value *events_of(const trial_value *map)
{
    const trial_value *events = trial_value_get(map, "events");

    return events != NULL && events->kind == TRIAL_VALUE_LIST ? events : NULL;
}

/* Visit the events of one answer. False: the walk is over. */
static bool visit_all(
    const trial_value *events, uint64_t limit, uint64_t *count, reading_visit *visit, void *context)
{
    for (uint32_t i = 0; i < events->as.list.count; i++) {
        bool goes_on = visit(context, events->as.list.items[i]);

        *count += 1;
        if (!goes_on || *count == limit) {
            return false;
        }
    }
    return true;
}

trial_code reading_walk(ctl_command *ctl,
                        const reading_question *question,
                        reading_visit *visit,
                        void *context,
                        trial_error *err)
{
    trial_arena page = { 0 };
    trial_arena *arena = question->keeps ? &ctl->arena : &page;
    uint64_t next = question->from == 0 ? 1 : question->from;
    uint64_t count = 0;
    trial_code code = ctl_connect(ctl, err);

    while (code == TRIAL_OK && next != 0) {
        uint64_t left = question->limit == 0 ? TRIAL_READ_EVENTS_MAX : question->limit - count;
        trial_value *result = NULL;
        const trial_value *events;

        trial_arena_reset(&page);
        set_number(&ctl->arena, question->filters, "from", next);
        set_number(&ctl->arena,
                   question->filters,
                   "limit",
                   left < TRIAL_READ_EVENTS_MAX ? left : TRIAL_READ_EVENTS_MAX);
        code = trial_client_call(ctl->client, "read", question->filters, arena, &result, err);
        events = events_of(result);
        if (code != TRIAL_OK || events == NULL ||
            !visit_all(events, question->limit, &count, visit, context)) {
            break;
        }
        next = (uint64_t)trial_value_get_integer(result, "next");
    }
    trial_arena_done(&page);
    return code;
}

/* A subscription under way. */
struct following {
    ctl_command *ctl;
    const reading_question *question;
    uint64_t next; /* first position not visited yet */
    uint64_t count;
    int64_t subscription;
    uint32_t used; /* credit not given back yet */
    bool has_lost; /* the daemon was gone, and it was said */
};

static trial_code subscribe(struct following *following, trial_error *err)
{
    ctl_command *ctl = following->ctl;
    trial_value *params = following->question->filters;
    trial_value *result = NULL;
    trial_code code;

    set_number(&ctl->arena, params, "from", following->next);
    set_number(&ctl->arena, params, "credit", TRIAL_CREDIT_DEFAULT);
    code = ctl_call(ctl, "subscribe", params, &result, err);
    if (code == TRIAL_OK) {
        following->subscription = trial_value_get_integer(result, "subscription");
        following->used = 0;
    }
    return code;
}

/* Only new events are asked for: those behind today's head, also when the daemon is lost before
 * the first one comes. */
static trial_code find_beginning(struct following *following, trial_error *err)
{
    trial_value *result = NULL;
    trial_code code = TRIAL_OK;

    following->next = following->question->from;
    if (following->next == 0) {
        code = ctl_call(following->ctl, "status", NULL, &result, err);
        following->next = (uint64_t)trial_value_get_integer(result, "head") + 1;
    }
    return code;
}

static trial_code give_credit(struct following *following, trial_arena *arena, trial_error *err)
{
    trial_value *params;

    if (following->used < CREDIT_BACK) {
        return TRIAL_OK;
    }
    params = trial_value_map(arena);
    trial_value_set(
        arena, params, "subscription", trial_value_integer(arena, following->subscription));
    set_number(arena, params, "add", following->used);
    following->used = 0;
    return trial_client_notify(following->ctl->client, "credit", params, err);
}

/* Ask again where we stopped. The daemon may be away for long: that is waited out. */
static trial_code subscribe_again(struct following *following, trial_error *err)
{
    trial_code code = subscribe(following, err);

    if (code == TRIAL_BUSY) {
        if (!following->has_lost) {
            ctl_say("the daemon is gone; waiting for it at position %llu",
                    (unsigned long long)following->next);
        }
        following->has_lost = true;
        return TRIAL_OK;
    }
    if (code == TRIAL_OK && following->has_lost) {
        ctl_say("the daemon is back");
        following->has_lost = false;
    }
    return code;
}

/* One notification. *ret_goes_on false ends the walk. */
static trial_code take_message(struct following *following,
                               const trial_message *message,
                               reading_visit *visit,
                               void *context,
                               bool *ret_goes_on)
{
    const trial_value *events = events_of(message->value);

    *ret_goes_on = true;
    if (!message->is_notification || !trial_text_is(message->method, "events") || events == NULL ||
        trial_value_get_integer(message->value, "subscription") != following->subscription) {
        return TRIAL_OK;
    }
    *ret_goes_on = visit_all(events, following->question->limit, &following->count, visit, context);
    if (events->as.list.count > 0) {
        const trial_value *last = events->as.list.items[events->as.list.count - 1];

        following->next = (uint64_t)trial_value_get_integer(last, "position") + 1;
    }
    following->used += events->as.list.count;
    return TRIAL_OK;
}

trial_code reading_follow(ctl_command *ctl,
                          const reading_question *question,
                          reading_visit *visit,
                          void *context,
                          trial_error *err)
{
    struct following following = { .ctl = ctl, .question = question };
    trial_arena arena = { 0 };
    bool goes_on = true;
    trial_code code = find_beginning(&following, err);

    if (code == TRIAL_OK) {
        code = subscribe(&following, err);
    }
    while (code == TRIAL_OK && goes_on) {
        trial_message message;

        trial_arena_reset(&arena);
        code = trial_client_receive(ctl->client, SILENCE_MS, true, &arena, &message, err);
        if (code == TRIAL_BUSY) {
            code = subscribe_again(&following, err);
        } else if (code == TRIAL_OK) {
            code = take_message(&following, &message, visit, context, &goes_on);
            (void)fflush(stdout); /* whoever follows wants it now; main.c looks for errors */
        }
        if (code == TRIAL_OK && goes_on) {
            code = give_credit(&following, &arena, err);
        }
        if (code == TRIAL_BUSY) {
            code = TRIAL_OK; /* the credit did not get through: the silence will show it */
        }
        if (ferror(stdout) != 0) {
            goes_on = false; /* nobody reads us any more */
        }
    }
    trial_arena_done(&arena);
    return code;
}
