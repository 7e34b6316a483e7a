/* test_log.c - log lines: to the journal with their fields, to stderr elsewhere, and never waited
 * for.
 */
#include "host.h"
#include "trial/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TEXT_BYTES 4096

/* Where the journal's socket is; "" for nowhere. */
static char journal_path[108];

ssize_t __real_sendto(int fd,
                      const void *bytes,
                      size_t size,
                      int flags,
                      const struct sockaddr *address,
                      socklen_t address_size);
ssize_t __wrap_sendto(int fd,
                      const void *bytes,
                      size_t size,
                      int flags,
                      const struct sockaddr *address,
                      socklen_t address_size);

/* The journal of this machine is left alone. */
ssize_t __wrap_sendto(int fd,
                      const void *bytes,
                      size_t size,
                      int flags,
                      const struct sockaddr *address,
                      socklen_t address_size)
{
    struct sockaddr_un moved = { .sun_family = AF_UNIX };

    if (strcmp(((const struct sockaddr_un *)address)->sun_path, "/run/systemd/journal/socket") !=
        0) {
        return __real_sendto(fd, bytes, size, flags, address, address_size);
    }
    if (journal_path[0] == '\0') {
        errno = ENOENT;
        return -1;
    }
    memcpy(moved.sun_path, journal_path, sizeof moved.sun_path);
    return __real_sendto(fd, bytes, size, flags, (const struct sockaddr *)&moved, sizeof moved);
}

/* Put the write end of a pipe or socket pair in the place of stderr; what stood there comes back by
 * restore_stderr(). */
static int replace_stderr(int fd)
{
    int kept = dup(STDERR_FILENO);

    assert_true(kept >= 0);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    return kept;
}

static void restore_stderr(int kept)
{
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    (void)close(kept);
}

static void read_text(int fd, char *ret_text)
{
    ssize_t size = read(fd, ret_text, TEXT_BYTES - 1);

    assert_true(size >= 0);
    ret_text[size] = '\0';
}

static void test_a_line_is_plain_where_no_journal_reads_it(void **state)
{
    char text[TEXT_BYTES];
    int ends[2];
    int kept;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    (void)setenv("JOURNAL_STREAM", "1:1", 1); /* somebody else's stream */
    kept = replace_stderr(ends[1]);
    host_log(HOST_WARNING, "a%cb %d", '\n', 7);
    restore_stderr(kept);
    read_text(ends[0], text);
    (void)unsetenv("JOURNAL_STREAM");
    assert_string_equal(text, "triald: a b 7\n");
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_a_line_carries_its_level_to_the_journal(void **state)
{
    char text[TEXT_BYTES];
    char stream[64];
    struct stat seen;
    int ends[2];
    int kept;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(fstat(ends[1], &seen), 0);
    (void)snprintf(
        stream, sizeof stream, "%ju:%ju", (uintmax_t)seen.st_dev, (uintmax_t)seen.st_ino);
    (void)setenv("JOURNAL_STREAM", stream, 1);
    kept = replace_stderr(ends[1]);
    host_log(HOST_ERROR, "the disk failed");
    host_log(HOST_INFO, "%02000d", 1);
    restore_stderr(kept);
    (void)unsetenv("JOURNAL_STREAM");
    read_text(ends[0], text);
    assert_int_equal(strncmp(text, "<3>the disk failed\n<6>000", 25), 0);
    assert_int_equal(strlen(text), strlen("<3>the disk failed\n") + HOST_LOG_LINE_BYTES - 1);
    assert_int_equal(text[strlen(text) - 1], '\n');
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void assert_entry(int fd, const char *expected)
{
    char text[TEXT_BYTES] = "";
    ssize_t size = recv(fd, text, sizeof text - 1, 0);

    assert_true(size > 0);
    assert_string_equal(text, expected);
}

/* A journal: stderr is its stream, and its socket stands in `directory`. */
struct journal {
    char directory[32];
    int fd;        /* the socket's end that it reads */
    int stream[2]; /* [0] is the end that it reads */
    int stderr_kept;
};

static void open_journal(struct journal *j)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char stream[64];
    struct stat seen;

    (void)snprintf(j->directory, sizeof j->directory, "/tmp/triald-host-XXXXXX");
    assert_non_null(mkdtemp(j->directory));
    (void)snprintf(journal_path, sizeof journal_path, "%s/socket", j->directory);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", journal_path);
    j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(j->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, j->stream), 0);
    assert_int_equal(fstat(j->stream[1], &seen), 0);
    (void)snprintf(
        stream, sizeof stream, "%ju:%ju", (uintmax_t)seen.st_dev, (uintmax_t)seen.st_ino);
    (void)setenv("JOURNAL_STREAM", stream, 1);
    j->stderr_kept = replace_stderr(j->stream[1]);
}

/* Nothing went the other way. */
static void close_journal(struct journal *j)
{
    char text[16];

    restore_stderr(j->stderr_kept);
    assert_int_equal(read(j->stream[0], text, sizeof text), -1);
    (void)unsetenv("JOURNAL_STREAM");
    (void)close(j->stream[0]);
    (void)close(j->stream[1]);
    (void)close(j->fd);
    (void)unlink(journal_path);
    (void)rmdir(j->directory);
    journal_path[0] = '\0';
}

static void test_the_journal_gets_a_line_with_its_fields(void **state)
{
    const host_about about = { .message_id = "55550bb29ef8465e9e08d60a29d9feb4",
                               .position = 1866,
                               .subject = TRIAL_TEXT("trial/a\nMESSAGE=forged"),
                               .rule = "not-found" };
    trial_error err = TRIAL_ERROR_NONE;
    host_about of_error;
    struct journal j;

    (void)state;
    open_journal(&j);
    host_log_about(HOST_ERROR, &about, "a%cb %d", '\n', 7);
    assert_entry(j.fd,
                 "MESSAGE=a b 7\nPRIORITY=3\nSYSLOG_IDENTIFIER=triald\n"
                 "MESSAGE_ID=55550bb29ef8465e9e08d60a29d9feb4\nTRIALD_POSITION=1866\n"
                 "TRIALD_SUBJECT=trial/a MESSAGE=forged\nTRIALD_RULE=not-found\n");
    host_log(HOST_INFO, "plain");
    assert_entry(j.fd, "MESSAGE=plain\nPRIORITY=6\nSYSLOG_IDENTIFIER=triald\n");
    of_error = host_about_error(&err);
    host_log_about(HOST_INFO, &of_error, "of nothing");
    assert_entry(j.fd, "MESSAGE=of nothing\nPRIORITY=6\nSYSLOG_IDENTIFIER=triald\n");
    (void)trial_fail_rule(&err, TRIAL_RULE_ILLEGAL_TRANSITION, "no");
    err.position = 7;
    of_error = host_about_error(&err);
    host_log_about(HOST_INFO, &of_error, "of a rule");
    assert_entry(j.fd,
                 "MESSAGE=of a rule\nPRIORITY=6\nSYSLOG_IDENTIFIER=triald\n"
                 "TRIALD_POSITION=7\nTRIALD_RULE=illegal-transition\n");
    close_journal(&j);
}

static void test_a_long_line_leaves_its_fields_their_room(void **state)
{
    char subject[TRIAL_SUBJECT_BYTES_MAX];
    char text[TEXT_BYTES] = "";
    const host_about about = { .position = 7, .subject = { subject, sizeof subject } };
    struct journal j;

    (void)state;
    memset(subject, 's', sizeof subject);
    open_journal(&j);
    host_log_about(HOST_INFO, &about, "%02000d", 1);
    assert_true(recv(j.fd, text, sizeof text - 1, 0) > HOST_LOG_LINE_BYTES);
    assert_non_null(strstr(text, "0\nPRIORITY=6\n"));
    assert_non_null(strstr(text, "\nTRIALD_POSITION=7\nTRIALD_SUBJECT=sss"));
    assert_string_equal(text + strlen(text) - 4, "sss\n");
    close_journal(&j);
}

static void test_a_stalled_journal_costs_lines_and_not_time(void **state)
{
    uint64_t before = host_log_dropped();
    char text[TEXT_BYTES];
    struct journal j;

    (void)state;
    open_journal(&j);
    while (host_log_dropped() == before) {
        host_log(HOST_INFO, "%0900d", 0);
    }
    host_log(HOST_INFO, "lost too");
    while (recv(j.fd, text, sizeof text, 0) > 0) {
    }
    host_log(HOST_INFO, "heard again");
    assert_entry(j.fd, "MESSAGE=heard again\nPRIORITY=6\nSYSLOG_IDENTIFIER=triald\n");
    assert_int_equal(host_log_dropped() - before, 2);
    assert_entry(j.fd,
                 "MESSAGE=2 log lines were dropped before this\nPRIORITY=4\n"
                 "SYSLOG_IDENTIFIER=triald\n");
    close_journal(&j);
}

/* Fill what nobody reads, then read it: the lines that could not be written are counted. */
static void drop_and_tell(int read_end, int write_end)
{
    uint64_t before = host_log_dropped();
    char text[TEXT_BYTES];
    char said[64];
    int kept = replace_stderr(write_end);

    while (host_log_dropped() == before) {
        host_log(HOST_INFO, "%0900d", 0);
    }
    host_log(HOST_INFO, "lost too");
    assert_int_equal(fcntl(read_end, F_SETFL, O_NONBLOCK), 0);
    while (read(read_end, text, sizeof text) > 0) {
    }
    host_log(HOST_INFO, "heard again");
    restore_stderr(kept);
    read_text(read_end, text);
    (void)snprintf(said,
                   sizeof said,
                   "triald: heard again\ntriald: %ju log lines were dropped",
                   (uintmax_t)(host_log_dropped() - before));
    assert_int_equal(host_log_dropped() - before, 2);
    assert_int_equal(strncmp(text, said, strlen(said)), 0);
}

static void test_a_stalled_pipe_costs_lines_and_not_time(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    drop_and_tell(ends[0], ends[1]);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_a_stalled_socket_costs_lines_and_not_time(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    drop_and_tell(ends[0], ends[1]);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_a_gone_reader_costs_lines_and_not_the_daemon(void **state)
{
    uint64_t before = host_log_dropped();
    int ends[2];
    int kept;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    (void)close(ends[0]);
    kept = replace_stderr(ends[1]);
    host_log(HOST_INFO, "to nobody");
    restore_stderr(kept);
    assert_int_equal(host_log_dropped() - before, 1);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_is_plain_where_no_journal_reads_it),
        cmocka_unit_test(test_a_line_carries_its_level_to_the_journal),
        cmocka_unit_test(test_the_journal_gets_a_line_with_its_fields),
        cmocka_unit_test(test_a_long_line_leaves_its_fields_their_room),
        cmocka_unit_test(test_a_stalled_journal_costs_lines_and_not_time),
        cmocka_unit_test(test_a_stalled_pipe_costs_lines_and_not_time),
        cmocka_unit_test(test_a_stalled_socket_costs_lines_and_not_time),
        cmocka_unit_test(test_a_gone_reader_costs_lines_and_not_the_daemon),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
