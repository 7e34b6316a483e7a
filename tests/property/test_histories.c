/* test_histories.c - random legal histories through the whole writer: every event is taken, a
 * repeat never makes a second one, whatever crashes between, and the states are those that folding
 * the log anew makes. */
#include "desk.h"
#include "walk.h"

#define SEEDS 8
#define STEPS 250

/* How far a walk has been appended, and the answers it got. */
struct sending {
    desk *desk;
    history *past;
    uint32_t next;  /* of past->events: the first that was not sent */
    uint64_t taken; /* events of the log */
    uint64_t positions[HISTORY_EVENTS_MAX];
};

static bool is_new(const json_t *answer, uint32_t i)
{
    return json_is_false(json_array_get(json_object_get(answer, "duplicates"), i));
}

/* A correction's values stand for themselves in a plain history: the log has others. */
static bool is_sendable(const trial_event *event)
{
    return event->type != TRIAL_EVENT_CORRECTION_ISSUED;
}

/* Send what is new, and some of what is not, in one request; then hold its answer against what was
 * said. */
static void send(struct sending *sending, history_dice *dice)
{
    const trial_event *events[64];
    uint32_t indexes[64];
    bool is_repeat[64];
    uint32_t count = 0;
    json_t *answer;

    while (sending->next < sending->past->event_count && count < 48) {
        if (sending->next > 0 && history_roll(dice, 4) == 0) {
            indexes[count] = history_roll(dice, sending->next);
            is_repeat[count] = true;
        } else {
            indexes[count] = sending->next++;
            is_repeat[count] = false;
        }
        events[count] = &sending->past->events[indexes[count]];
        count += is_sendable(events[count]) ? 1 : 0;
    }
    if (count == 0) {
        return;
    }
    answer = desk_append_events(sending->desk, events, count);
    if (sending->desk->is_error) {
        fail_msg("%s", json_dumps(answer, JSON_COMPACT));
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t position =
            (uint64_t)json_integer_value(json_array_get(json_object_get(answer, "positions"), i));

        assert_int_equal(is_new(answer, i), !is_repeat[i]);
        if (is_repeat[i]) {
            assert_int_equal(position, sending->positions[indexes[i]]);
        } else {
            assert_int_equal(position, ++sending->taken);
            sending->positions[indexes[i]] = position;
        }
    }
    assert_int_equal(store_head(sending->desk->store), sending->taken);
}

static void walk_a_history(desk *d, uint64_t seed)
{
    history_dice dice = { .seed = seed };
    history *past = calloc(1, sizeof *past);
    struct sending *sending = calloc(1, sizeof *sending);
    walk walker;

    assert_non_null(past);
    assert_non_null(sending);
    *sending = (struct sending){ .desk = d, .past = past };
    walk_begin(&walker, past, &dice);
    for (int step = 0; step < STEPS; step++) {
        trial_event event = walk_step(&walker);

        history_fold(past, &event);
        if (history_roll(&dice, 10) == 0) {
            send(sending, &dice);
        }
        if (history_roll(&dice, 60) == 0) {
            desk_crash(d);
        }
    }
    while (sending->next < past->event_count) {
        send(sending, &dice);
    }
    desk_assert_states_are_folded(d);
    free(sending);
    history_done(past);
    free(past);
}

static void test_random_histories_are_taken_once_and_fold_alike(void **state)
{
    const char *given = getenv("TRIAL_SEED");
    uint64_t seed = given == NULL ? 1 : strtoull(given, NULL, 10);

    for (uint64_t i = 0; i < SEEDS; i++) {
        void *other = NULL;

        print_message("TRIAL_SEED=%llu\n", (unsigned long long)(seed + i));
        assert_int_equal(desk_setup(&other), 0);
        walk_a_history(other, seed + i);
        assert_int_equal(desk_teardown(&other), 0);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_histories_are_taken_once_and_fold_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
