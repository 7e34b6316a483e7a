/* test_host.c - what the machine is told and asked: notices, clocks, randomness, signals. */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEXT_BYTES 4096

/* A service manager's end of the notice socket. */
static int open_manager(char *ret_directory)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    assert_non_null(mkdtemp(ret_directory));
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", ret_directory);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
    return fd;
}

static void close_manager(int fd, const char *directory)
{
    char path[TEXT_BYTES];

    (void)snprintf(path, sizeof path, "%s/notify", directory);
    (void)unlink(path);
    (void)unsetenv("NOTIFY_SOCKET");
    (void)rmdir(directory);
    (void)close(fd);
}

static void assert_notice(int fd, const char *expected)
{
    char text[TEXT_BYTES] = "";
    ssize_t size = recv(fd, text, sizeof text - 1, 0);

    assert_true(size > 0);
    assert_string_equal(text, expected);
}

static void test_the_manager_hears_each_notice(void **state)
{
    char directory[] = "/tmp/triald-host-XXXXXX";
    int fd = open_manager(directory);

    (void)state;
    host_notify_ready();
    assert_notice(fd, "READY=1");
    host_notify_status("at %d", 1866);
    assert_notice(fd, "STATUS=at 1866");
    host_notify_alive();
    assert_notice(fd, "WATCHDOG=1");
    host_notify_extend(5000000);
    assert_notice(fd, "EXTEND_TIMEOUT_USEC=5000000");
    assert_true(host_notify_reloaded());
    assert_notice(fd, "READY=1");
    host_notify_stopping();
    assert_notice(fd, "STOPPING=1");
    close_manager(fd, directory);
}

static void test_a_reload_is_told_with_its_time(void **state)
{
    static const char begin[] = "RELOADING=1\nMONOTONIC_USEC=";
    char directory[] = "/tmp/triald-host-XXXXXX";
    int fd = open_manager(directory);
    char text[TEXT_BYTES] = "";
    uint64_t before_us = host_monotonic_ns() / 1000;
    uint64_t told_us;

    (void)state;
    host_notify_reloading();
    assert_true(recv(fd, text, sizeof text - 1, 0) > 0);
    assert_int_equal(strncmp(text, begin, sizeof begin - 1), 0);
    told_us = strtoull(text + sizeof begin - 1, NULL, 10);
    assert_in_range(told_us, before_us, host_monotonic_ns() / 1000);
    close_manager(fd, directory);
}

static void test_the_end_of_a_reload_is_owed_until_there_is_room(void **state)
{
    char directory[] = "/tmp/triald-host-XXXXXX";
    int fd = open_manager(directory);
    char text[TEXT_BYTES];

    (void)state;
    while (host_notify_reloaded()) { /* until its socket takes no more */
    }
    assert_true(recv(fd, text, sizeof text, 0) > 0);
    assert_true(host_notify_reloaded());
    close_manager(fd, directory);
    (void)setenv("NOTIFY_SOCKET", "/nowhere/triald/notify", 1);
    assert_true(host_notify_reloaded()); /* who is gone is owed nothing */
    (void)unsetenv("NOTIFY_SOCKET");
}

static void test_a_long_status_is_cut_and_not_refused(void **state)
{
    char directory[] = "/tmp/triald-host-XXXXXX";
    int fd = open_manager(directory);
    char text[TEXT_BYTES];

    (void)state;
    host_notify_status("%01000d", 7);
    assert_int_equal(recv(fd, text, sizeof text, 0), strlen("STATUS=") + 511);
    close_manager(fd, directory);
}

static void test_a_manager_that_does_not_read_holds_nobody_up(void **state)
{
    char directory[] = "/tmp/triald-host-XXXXXX";
    int fd = open_manager(directory);

    (void)state;
    for (int i = 0; i < 10000; i++) { /* far more than its socket takes */
        host_notify_alive();
        host_notify_status("at %d", i);
    }
    assert_notice(fd, "WATCHDOG=1");
    assert_notice(fd, "STATUS=at 0");
    close_manager(fd, directory);
}

static void test_an_abstract_name_is_told_too(void **state)
{
    static const char name[] = "triald-host-test";
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    char path[64];

    (void)state;
    (void)snprintf(path, sizeof path, "@%s-%d", name, (int)getpid());
    memcpy(address.sun_path + 1, path + 1, strlen(path) - 1);
    assert_int_equal(bind(fd,
                          (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))),
                     0);
    assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
    host_notify_alive();
    assert_notice(fd, "WATCHDOG=1");
    (void)unsetenv("NOTIFY_SOCKET");
    (void)close(fd);
}

static void test_without_a_manager_notices_are_nothing(void **state)
{
    (void)state;
    (void)unsetenv("NOTIFY_SOCKET");
    host_notify_ready();
    host_notify_status("unheard");
    assert_null(getenv("NOTIFY_SOCKET"));
}

static void test_the_watchdog_is_ours_only_where_it_names_us(void **state)
{
    char pid[32];

    (void)state;
    (void)unsetenv("WATCHDOG_USEC");
    assert_int_equal(host_watchdog_us(), 0);
    (void)setenv("WATCHDOG_USEC", "20000000", 1);
    (void)unsetenv("WATCHDOG_PID");
    assert_int_equal(host_watchdog_us(), 20000000);
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid() + 1);
    (void)setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(host_watchdog_us(), 0);
    (void)unsetenv("WATCHDOG_PID");
    (void)unsetenv("WATCHDOG_USEC");
}

static void test_the_clocks_count_in_their_units(void **state)
{
    uint64_t before_ms = host_monotonic_ms();
    uint64_t now_ns = host_now_ns();
    struct timespec now;

    (void)state;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    assert_in_range(now_ns / 1000000000u, (uintmax_t)now.tv_sec - 60, (uintmax_t)now.tv_sec);
    assert_true(host_monotonic_ms() >= before_ms);
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    assert_in_range(before_ms / 1000u, 0, (uintmax_t)now.tv_sec);
    assert_true(before_ms / 1000u + 60 > (uint64_t)now.tv_sec);
}

static void test_random_bytes_fill_all_they_were_asked_for(void **state)
{
    uint8_t first[64 + 1] = { 0 };
    uint8_t again[64 + 1] = { 0 };
    static const uint8_t none[32];

    (void)state;
    host_random(first, 64);
    host_random(again, 64);
    assert_memory_not_equal(first, again, 64);
    assert_memory_not_equal(first + 32, none, 32);
    assert_int_equal(first[64], 0);
    host_random(first, 0);
}

static void test_signals_wait_to_be_read(void **state)
{
    trial_error err = TRIAL_ERROR_NONE;
    int fd = host_signals_open(&err);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(host_signals_read(fd), 0);
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(host_signals_read(fd), SIGHUP);
    assert_int_equal(host_signals_read(fd), SIGTERM);
    assert_int_equal(host_signals_read(fd), 0);
    assert_int_equal(raise(SIGPIPE), 0); /* ends the process unless it was taken away */
    (void)close(fd);
}

static void test_as_many_files_as_the_process_may_have(void **state)
{
    struct rlimit before;
    struct rlimit after;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    before.rlim_max = before.rlim_max < 500 ? before.rlim_max : 500;
    before.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(host_descriptors(), before.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
    assert_int_equal(after.rlim_cur, before.rlim_max);
}

static bool explains_low_addresses(const void *address)
{
    return address != NULL && (uintptr_t)address < 4096;
}

/* How a child ended that explains faults and then has one; what it said goes into `ret_said`. */
static int fault_in_child(int number, uintptr_t address, char ret_said[64])
{
    int ends[2];
    int status;
    ssize_t size;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        host_faults_explain(explains_low_addresses, 74, "a page is damaged");
        if (number == SIGABRT) {
            abort();
        }
        *(volatile char *)address = 1;
        _exit(0);
    }
    (void)close(ends[1]);
    size = read(ends[0], ret_said, 63);
    ret_said[size < 0 ? 0 : size] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_a_fault_that_is_explained_ends_with_a_sentence(void **state)
{
    char said[64];
    int status;

    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* it looks at faults itself */
#endif
    status = fault_in_child(SIGSEGV, 8, said);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 74);
    assert_non_null(strstr(said, "a page is damaged\n"));
    status = fault_in_child(SIGSEGV, 8192, said);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    assert_string_equal(said, "");
    status = fault_in_child(SIGABRT, 0, said);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_manager_hears_each_notice),
        cmocka_unit_test(test_a_reload_is_told_with_its_time),
        cmocka_unit_test(test_the_end_of_a_reload_is_owed_until_there_is_room),
        cmocka_unit_test(test_a_long_status_is_cut_and_not_refused),
        cmocka_unit_test(test_a_manager_that_does_not_read_holds_nobody_up),
        cmocka_unit_test(test_an_abstract_name_is_told_too),
        cmocka_unit_test(test_without_a_manager_notices_are_nothing),
        cmocka_unit_test(test_the_watchdog_is_ours_only_where_it_names_us),
        cmocka_unit_test(test_as_many_files_as_the_process_may_have),
        cmocka_unit_test(test_the_clocks_count_in_their_units),
        cmocka_unit_test(test_random_bytes_fill_all_they_were_asked_for),
        cmocka_unit_test(test_signals_wait_to_be_read),
        cmocka_unit_test(test_a_fault_that_is_explained_ends_with_a_sentence),
    };

    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
