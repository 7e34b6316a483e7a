/* reading.c - see reading.h. */
#include "reading.h"

#include "trial/limits.h"
#include "trial/subscriber.h"

#define LOOK_MS 500u /* so soon it is noticed, and said, that the daemon is gone */

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
    trial_subscriber *subscriber;
    uint64_t count;
    bool has_lost; /* the daemon was gone, and it was said */
};

/* Say once that the daemon is gone, and once that it is back. */
static void say_how_it_is(struct following *following)
{
    trial_subscriber_state state = trial_subscriber_look(following->subscriber);

    if (!state.is_connected && !following->has_lost) {
        ctl_say("the daemon is gone; waiting for it at position %llu",
                (unsigned long long)state.position + 1);
        following->has_lost = true;
    } else if (state.is_connected && following->has_lost) {
        ctl_say("the daemon is back");
        following->has_lost = false;
    }
}

/* Visit one event; *ret_goes_on false ends the walk. */
static trial_code take_event(struct following *following,
                             const trial_replayed *event,
                             uint64_t limit,
                             reading_visit *visit,
                             void *context,
                             bool *ret_goes_on,
                             trial_error *err)
{
    trial_arena arena = { 0 };
    trial_value *value = NULL;
    trial_code code = trial_replayed_value(event, &arena, &value, err);

    if (code == TRIAL_OK) {
        *ret_goes_on = visit(context, value) && ++following->count != limit;
    }
    trial_arena_done(&arena);
    return code;
}

/* libtrial goes on trying, and says so; who asked for an answer in time does not. */
static void note_that_it_ends(trial_error *err)
{
    char *yet = strstr(err->text, " yet; it is tried again");

    if (yet != NULL) {
        *yet = '\0';
    }
}

/* The next event, if one comes before somebody should be told how it is. A daemon that was never
 * there is an error; one that was is waited for. */
static trial_code await_event(ctl_command *ctl,
                              struct following *following,
                              const trial_replayed **ret_event,
                              trial_error *err)
{
    bool was_connected = trial_subscriber_look(following->subscriber).connections > 0;
    uint32_t wait_ms = was_connected ? LOOK_MS : ctl_settings(ctl).timeout_ms;
    trial_code code = trial_subscriber_next(following->subscriber, 0, ret_event, err);

    if (code == TRIAL_BUSY) {
        (void)fflush(stdout); /* whoever follows wants it now; main.c looks for errors */
        code = trial_subscriber_next(following->subscriber, wait_ms, ret_event, err);
    }
    if (trial_subscriber_look(following->subscriber).connections > 0) {
        say_how_it_is(following);
        code = code == TRIAL_BUSY ? TRIAL_OK : code;
    } else if (code == TRIAL_BUSY) {
        note_that_it_ends(err);
    }
    return code;
}

trial_code reading_follow(ctl_command *ctl,
                          const reading_question *question,
                          reading_visit *visit,
                          void *context,
                          trial_error *err)
{
    struct following following = { 0 };
    trial_client_settings settings = ctl_settings(ctl);
    trial_subscriber_settings wanted = { .from = question->from, .filters = question->filters };
    bool goes_on = true;
    trial_code code = trial_subscriber_open(&settings, &wanted, &following.subscriber, err);

    while (code == TRIAL_OK && goes_on) {
        const trial_replayed *event = NULL;

        code = await_event(ctl, &following, &event, err);
        if (code == TRIAL_OK && event != NULL) {
            code = take_event(&following, event, question->limit, visit, context, &goes_on, err);
        }
        if (ferror(stdout) != 0) {
            goes_on = false; /* nobody reads us any more */
        }
    }
    trial_subscriber_close(following.subscriber);
    return code;
}
