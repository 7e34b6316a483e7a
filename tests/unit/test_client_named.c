/* test_client_named.c - a subscriber of libtrial whose position the daemon keeps. */
#include "other_end.h"

#include "trial/limits.h"

static void test_its_end_is_told_behind_what_came(void **state)
{
    static const struct {
        const char *code; /* as the daemon says it */
        trial_code told;
        const char *words;
    } ends[] = {
        { "conflict", TRIAL_CONFLICT, "took over the subscription 'n'" },
        { "not-found", TRIAL_NOT_FOUND, "was removed" },
        { NULL, TRIAL_CONFLICT, "took over" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        trial_subscriber *s =
            other_subscribe(&(trial_subscriber_settings){ .name = "n", .from = 1 });

        other_connect(s);
        assert_false(other_last("subscribe")->takes_over);
        other_bring_events(1, 2, false);
        other_bring_end(ends[i].code);
        other_assert_next(s, 1);
        other_assert_next(s, 2);
        other_assert_fails(s, LONG_MS, ends[i].told, ends[i].words);
        assert_int_equal(other.opened, 1); /* it does not take it back */
        other_end(s);
    }
}

static void test_a_right_that_was_revoked_is_waited_for(void **state)
{
    trial_subscriber *s = other_subscribe(&(trial_subscriber_settings){ .name = "n", .from = 1 });

    (void)state;
    other_connect(s);
    other_bring_events(1, 1, false);
    other_assert_next(s, 1);
    other_bring_end("unauthorised");
    other.refusals = TRIAL_UNAUTHORISED;
    other.refused = 1;
    other.refused_method = "subscribe";
    other_assert_fails(s, LONG_MS, TRIAL_UNAUTHORISED, "refused"); /* by who took it away */
    assert_int_equal(other.opened, 2);
    other_connect(s); /* it came back */
    other_bring_events(1, 1, false);
    other_assert_next(s, 1); /* which nobody acknowledged */
    other_end(s);
}

static void test_nothing_is_set_aside_without_a_name_or_an_event(void **state)
{
    static const char *const names[] = { NULL, "n" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        trial_subscriber *s =
            other_subscribe(&(trial_subscriber_settings){ .name = names[i], .from = 1 });

        other_connect(s);
        if (i == 0) {
            other_bring_events(1, 1, false);
            other_assert_next(s, 1);
        }
        assert_int_equal(trial_subscriber_park(s, "a reason", NULL), TRIAL_INVALID);
        other_bring_events(2, 2, false);
        other_assert_next(s, 2);
        assert_int_equal(other.opened, 1);
        other_end(s);
    }
}

static void test_a_named_one_is_its_own_again_and_begins_where_the_daemon_is(void **state)
{
    trial_subscriber *s = other_subscribe(&(trial_subscriber_settings){ .name = "n", .from = 1 });

    (void)state;
    other_connect(s);
    other_bring_events(1, 4, false);
    for (uint64_t position = 1; position <= 4; position++) {
        other_assert_next(s, position);
    }
    other.position = 2; /* it knows of two acknowledgements */
    other_assert_fails(s, 3 * TRIAL_HEARTBEAT_MS + 200, TRIAL_BUSY, "no event");
    assert_int_equal(other.opened, 2);
    assert_true(other_last("subscribe")->takes_over);
    other_bring_events(3, 5, false);
    other_assert_next(s, 3);
    other_assert_next(s, 4);
    other_end(s);
}

static void test_acknowledgements_are_said_together_before_a_wait(void **state)
{
    trial_subscriber *s =
        other_subscribe(&(trial_subscriber_settings){ .name = "n", .from = 1, .credit = 8 });

    (void)state;
    other_connect(s);
    other_bring_events(1, 6, false);
    for (uint64_t position = 1; position <= 6; position++) {
        other_assert_next(s, position);
        if (position != 6) {
            trial_subscriber_ack(s);
        }
        assert_int_equal(other_count("ack"), 0);
    }
    other_connect(s);
    assert_int_equal(other_count("ack"), 1);
    assert_int_equal(other_last("ack")->number, 5);
    assert_int_equal(other_last("credit")->number, 6);
    other_connect(s);
    assert_int_equal(other_count("ack"), 1); /* once */
    other_bring_events(2, 2, true);
    other_assert_next(s, 2);
    assert_true(trial_subscriber_look(s).is_replayed);
    trial_subscriber_ack(s);
    assert_int_equal(other_last("ack")->number, 2); /* of one that was parked at once */
    other_bring_events(7, 7, false);
    other_assert_next(s, 7);
    trial_subscriber_ack(s);
    other_end(s); /* what was worked off is said before it goes */
    assert_int_equal(other_last("ack")->number, 7);
}

static void test_a_named_one_shows_that_it_lives_and_others_need_not(void **state)
{
    (void)state;
    for (int is_named = 0; is_named < 2; is_named++) {
        trial_subscriber *s = other_subscribe(
            &(trial_subscriber_settings){ .name = is_named ? "n" : NULL, .from = 1 });

        other.has_heartbeats = true;
        other_assert_fails(s, 12 * TRIAL_HEARTBEAT_MS, TRIAL_BUSY, "no event");
        assert_int_equal(other.opened, 1);
        assert_in_range(other_count("credit"), is_named ? 2 : 0, is_named ? 3 : 0);
        if (is_named) {
            assert_int_equal(other_last("credit")->number, 0);
        }
        other_end(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_its_end_is_told_behind_what_came),
        cmocka_unit_test(test_a_right_that_was_revoked_is_waited_for),
        cmocka_unit_test(test_nothing_is_set_aside_without_a_name_or_an_event),
        cmocka_unit_test(test_a_named_one_is_its_own_again_and_begins_where_the_daemon_is),
        cmocka_unit_test(test_acknowledgements_are_said_together_before_a_wait),
        cmocka_unit_test(test_a_named_one_shows_that_it_lives_and_others_need_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
