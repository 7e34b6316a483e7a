/* test_client_subscriber.c - the subscriber of libtrial: how it mends itself, and how it waits. */
#include "other_end.h"

#include "trial/limits.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static void test_the_wait_doubles_to_two_seconds_and_begins_anew(void **state)
{
    static const int64_t waits_ms[] = { 50, 100, 200, 400, 800, 1600, 2000, 2000 };
    trial_subscriber *s = other_subscribe(NULL);
    int64_t lost_ms;

    (void)state;
    other.refusals = TRIAL_BUSY;
    other.refused = COUNT_OF(waits_ms);
    other.refused_method = "hello";
    other.has_heartbeats = true;
    other_assert_fails(s, 10000, TRIAL_BUSY, "no event");
    assert_int_equal(other.opened, COUNT_OF(waits_ms) + 1);
    for (size_t i = 0; i < COUNT_OF(waits_ms); i++) {
        int64_t waited_ms = other.opened_ms[i + 1] - other.opened_ms[i];

        assert_in_range(waited_ms, waits_ms[i] / 2, waits_ms[i]);
    }
    other_bring("events"); /* what is no notification ends the connection */
    other_assert_fails(s, 100, TRIAL_MALFORMED, "is no notification");
    lost_ms = other.now_ms;
    other_connect(s);
    assert_in_range(other.opened_ms[other.opened - 1] - lost_ms, 25, 50);
    assert_int_equal(trial_subscriber_look(s).connections, 2);
    other_end(s);
}

static void test_it_goes_on_behind_what_was_handed_out(void **state)
{
    trial_subscriber *s = other_subscribe(&(trial_subscriber_settings){ .from = 5 });
    int64_t heard_ms;

    (void)state;
    other.head = 20;
    other_connect(s);
    assert_int_equal(other_last("subscribe")->number, 5);
    other_bring_events(5, 6, false);
    other_assert_next(s, 5);
    other_assert_next(s, 6);
    heard_ms = other.now_ms;
    other_connect(s); /* silence is not yet long */
    assert_int_equal(other.opened, 1);
    other_assert_fails(s, 3 * TRIAL_HEARTBEAT_MS + 200, TRIAL_BUSY, "no event");
    assert_int_equal(other.opened, 2);
    assert_in_range(
        other.opened_ms[1] - heard_ms, 3 * TRIAL_HEARTBEAT_MS, 3 * TRIAL_HEARTBEAT_MS + 50);
    assert_int_equal(other_last("subscribe")->number, 7);
    other_bring_events(6, 8, false); /* one of them again */
    other_assert_next(s, 7);
    assert_int_equal(trial_subscriber_look(s).lag, 13);
    other_bring("events"); /* 8 was not handed out: it goes with its connection */
    other_assert_next(s, 8);
    other_assert_fails(s, 100, TRIAL_MALFORMED, "is no notification");
    other_connect(s);
    other_bring_word("ended"); /* its right was taken away, and came back */
    other_connect(s);
    assert_int_equal(other.opened, 4);
    assert_int_equal(other_last("subscribe")->number, 9);
    other_end(s);
}

static void test_another_log_and_a_shorter_one_are_told(void **state)
{
    trial_subscriber *s;

    (void)state;
    for (int is_shorter = 0; is_shorter < 2; is_shorter++) {
        s = other_subscribe(&(trial_subscriber_settings){ .from = 1 });
        other.head = 9;
        other_connect(s);
        if (is_shorter) {
            other.head = 8;
        } else {
            other.log = "another";
        }
        other_assert_fails(s,
                           LONG_MS,
                           TRIAL_CONFLICT,
                           is_shorter ? "ends at position 8 now and had 9 before"
                                      : "has another log now, another and not the log");
        assert_int_equal(other_count("subscribe"), 1);
        other_end(s);
    }
}

static void test_a_refusal_that_waiting_does_not_mend_is_told(void **state)
{
    trial_subscriber *s = other_subscribe(&(trial_subscriber_settings){ .name = "n" });

    (void)state;
    other.refusals = TRIAL_CONFLICT;
    other.refused = 1;
    other.refused_method = "subscribe";
    other_assert_fails(s, LONG_MS, TRIAL_CONFLICT, "refused");
    assert_int_equal(other.opened, 1);
    assert_false(other.is_open);
    other_end(s);
}

static void test_a_wait_is_stopped(void **state)
{
    trial_subscriber *s = other_subscribe(&(trial_subscriber_settings){ .from = 1, .stop_fd = 1 });
    const trial_replayed *event = &(trial_replayed){ 0 };

    (void)state;
    other_connect(s);
    other.is_stopped = true;
    assert_int_equal(trial_subscriber_next(s, LONG_MS, &event, NULL), TRIAL_OK);
    assert_null(event);
    other_end(s);
}

static void assert_readable(int fd, bool is_wanted)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };

    assert_int_equal(poll(&one, 1, is_wanted ? (int)LONG_MS : 0), is_wanted ? 1 : 0);
}

static void test_a_loop_is_told_when_to_call(void **state)
{
    trial_subscriber *s = other_subscribe(&(trial_subscriber_settings){ .from = 1 });
    struct timespec now;
    eventfd_t one;
    int fd;

    (void)state;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    other.now_ms = 0; /* what it waits for is past */
    other.fd = eventfd(0, EFD_CLOEXEC);
    fd = trial_subscriber_fd(s);
    assert_readable(fd, true); /* to begin */
    other_assert_fails(s, 0, TRIAL_BUSY, "no connection");
    other_assert_fails(s, 0, TRIAL_BUSY, "no event");
    assert_string_equal(trial_subscriber_look(s).log, "the log");
    assert_readable(fd, true);                          /* it was silent for too long */
    other.now_ms = ((int64_t)now.tv_sec + 3600) * 1000; /* what it waits for is ahead */
    other_bring_word("heartbeat");
    other_assert_fails(s, 0, TRIAL_BUSY, "no event");
    assert_readable(fd, false);
    assert_int_equal(eventfd_write(other.fd, 1), 0); /* something came */
    assert_readable(fd, true);
    assert_int_equal(eventfd_read(other.fd, &one), 0);
    other_bring("events");
    other_assert_fails(s, 0, TRIAL_MALFORMED, "is no notification");
    assert_int_equal(eventfd_write(other.fd, 1), 0); /* of a connection that is gone */
    assert_readable(fd, false);
    other.now_ms += 1000;
    other_assert_fails(s, 0, TRIAL_BUSY, "no connection"); /* and one that stands again */
    assert_readable(fd, true);
    assert_int_equal(trial_subscriber_fd(s), fd);
    other_end(s);
    (void)close(other.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_wait_doubles_to_two_seconds_and_begins_anew),
        cmocka_unit_test(test_it_goes_on_behind_what_was_handed_out),
        cmocka_unit_test(test_another_log_and_a_shorter_one_are_told),
        cmocka_unit_test(test_a_refusal_that_waiting_does_not_mend_is_told),
        cmocka_unit_test(test_a_wait_is_stopped),
        cmocka_unit_test(test_a_loop_is_told_when_to_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
