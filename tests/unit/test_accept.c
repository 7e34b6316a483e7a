/* test_accept.c - the connections of a listener can all be ended, from its first one on. */
#include "test.h"

#include "net_internal.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct pair {
    int listener;
    int ours;
    int peer;
};

/* Listen, and take one connection: long before anybody says which listener may be cut. */
static struct pair make_pair(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    socklen_t size = sizeof address;
    struct pair made = { .listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
                         .peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };

    /* Of no more than its family: Linux finds an abstract name that is free. */
    assert_int_equal(bind(made.listener, (struct sockaddr *)&address, sizeof address.sun_family),
                     0);
    assert_int_equal(getsockname(made.listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(listen(made.listener, 1), 0);
    assert_int_equal(connect(made.peer, (struct sockaddr *)&address, size), 0);
    made.ours = accept4(made.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(made.ours >= 0);
    return made;
}

static void end_pair(struct pair pair)
{
    assert_int_equal(close(pair.ours), 0);
    assert_int_equal(close(pair.peer), 0);
    assert_int_equal(close(pair.listener), 0);
}

static bool is_cut(struct pair pair)
{
    char byte;

    return recv(pair.peer, &byte, 1, MSG_DONTWAIT) == 0;
}

static void test_what_was_taken_before_is_cut_too(void **state)
{
    struct pair feed = make_pair();

    (void)state;
    assert_false(is_cut(feed));
    accept_cut(feed.listener);
    assert_true(is_cut(feed));
    end_pair(feed);
}

static void test_another_listener_keeps_its_connections(void **state)
{
    struct pair feed = make_pair();
    struct pair requests = make_pair();

    (void)state;
    accept_cut(feed.listener);
    assert_true(is_cut(feed));
    assert_false(is_cut(requests));
    end_pair(feed);
    end_pair(requests);
}

static void test_a_number_that_is_given_again_is_left_alone(void **state)
{
    struct pair feed = make_pair();
    int ours[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ours), 0);
    assert_int_equal(dup2(ours[0], feed.ours), feed.ours); /* libzmq closed it, and here it is */
    accept_cut(feed.listener);
    assert_int_equal(send(ours[1], "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(close(ours[0]), 0);
    assert_int_equal(close(ours[1]), 0);
    end_pair(feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_taken_before_is_cut_too),
        cmocka_unit_test(test_another_listener_keeps_its_connections),
        cmocka_unit_test(test_a_number_that_is_given_again_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
