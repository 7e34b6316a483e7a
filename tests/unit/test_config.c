/* test_config.c - settings: which origin wins, what is refused and in which words. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#define WORDS_MAX 16

struct outcome {
    trial_code code;
    struct config config;
    trial_error err;
};

/* Read settings as main would, from words that end with NULL. No default file is there to read. */
static struct outcome read_words(const char *const *flags, const char *const *environment)
{
    struct outcome outcome = { .err = TRIAL_ERROR_NONE };
    char *argv[WORDS_MAX + 2] = { (char *)"triald" };
    int argc = 1;

    for (const char *const *flag = flags; *flag != NULL; flag++) {
        argv[argc++] = (char *)(uintptr_t)*flag;
    }
    outcome.code =
        config_read(argc, argv, (char **)(uintptr_t)environment, &outcome.config, &outcome.err);
    return outcome;
}

static struct outcome read_bytes(const char *text, size_t size)
{
    const char *const none[] = { NULL };
    struct outcome outcome = read_words(none, none);
    FILE *file = fmemopen((void *)(uintptr_t)text, size, "r");

    assert_non_null(file);
    assert_int_equal(outcome.code, TRIAL_OK);
    outcome.code = config_read_file(file, "f", &outcome.config, &outcome.err);
    (void)fclose(file);
    return outcome;
}

static struct outcome read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

static void test_defaults_are_those_of_the_contract(void **state)
{
    const char *const none[] = { NULL };
    struct outcome got = read_words(none, none);

    (void)state;
    assert_int_equal(got.code, TRIAL_OK);
    assert_string_equal(got.config.store, "/var/lib/triald");
    assert_int_equal(got.config.listen.count, 1);
    assert_string_equal(got.config.listen.items[0], "ipc:///run/triald/triald.sock");
    assert_string_equal(got.config.feed, "ipc:///run/triald/feed.sock");
    assert_int_equal(got.config.event_bytes, TRIAL_EVENT_BYTES_DEFAULT);
    assert_int_equal(got.config.event_depth, TRIAL_EVENT_DEPTH_DEFAULT);
    assert_int_equal(got.config.request_events, TRIAL_REQUEST_EVENTS_DEFAULT);
    assert_int_equal(got.config.request_bytes, TRIAL_REQUEST_BYTES_DEFAULT);
    assert_int_equal(got.config.turn_requests, TRIAL_TURN_REQUESTS_MAX);
    assert_int_equal(got.config.turn_bytes, TRIAL_TURN_BYTES_MAX);
    assert_int_equal(got.config.map_bytes, UINT64_C(64) << 30);
    assert_false(got.config.is_answered);
}

static void test_the_first_state_directory_is_the_default_store(void **state)
{
    const char *const none[] = { NULL };
    const char *const environment[] = { "STATE_DIRECTORY=/srv/a:/srv/b", NULL };
    struct outcome got = read_words(none, environment);

    (void)state;
    assert_string_equal(got.config.store, "/srv/a");
    assert_int_equal(got.config.origins[CONFIG_store], CONFIG_DEFAULT);
}

static void test_a_flag_beats_a_variable_and_a_variable_the_file(void **state)
{
    char path[] = "/tmp/triald-config-XXXXXX";
    int fd = mkstemp(path);
    char variable[64];
    const char *const flags[] = { "--readers=5", "--listen", "tcp://127.0.0.1:1", NULL };
    const char *environment[] = { variable,
                                  "TRIALD_READERS=4",
                                  "TRIALD_COMMIT_MS=2s",
                                  "TRIALD_ENDPOINT=tcp://elsewhere:9",
                                  "TRIALD_FEED=",
                                  NULL };
    const char text[] = "readers = 3\ncommit-ms = 7\nmap_bytes = 2G\nlisten = ipc:///a\n";
    struct outcome got;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    (void)close(fd);
    (void)snprintf(variable, sizeof variable, "TRIALD_CONFIG=%s", path);
    got = read_words(flags, environment);
    (void)unlink(path);

    assert_int_equal(got.code, TRIAL_OK);
    assert_int_equal(got.config.readers, 5);
    assert_int_equal(got.config.commit_ms, 2000);
    assert_int_equal(got.config.map_bytes, UINT64_C(2) << 30);
    assert_int_equal(got.config.listen.count, 1);
    assert_string_equal(got.config.listen.items[0], "tcp://127.0.0.1:1");
    assert_string_equal(got.config.feed, "ipc:///run/triald/feed.sock");
    assert_int_equal(got.config.origins[CONFIG_readers], CONFIG_FLAG);
    assert_int_equal(got.config.origins[CONFIG_commit_ms], CONFIG_VARIABLE);
    assert_int_equal(got.config.origins[CONFIG_map_bytes], CONFIG_FILE);
    assert_int_equal(got.config.origins[CONFIG_config], CONFIG_VARIABLE);
}

static void test_endpoints_add_up_by_comma_by_flag_and_by_line(void **state)
{
    const char *const none[] = { NULL };
    const char *const flags[] = { "--listen", "ipc:///a, tcp://*:1", "--listen=ipc:///b", NULL };
    struct outcome got = read_words(flags, none);

    (void)state;
    assert_int_equal(got.config.listen.count, 3);
    assert_string_equal(got.config.listen.items[1], "tcp://*:1");
    assert_string_equal(got.config.listen.items[2], "ipc:///b");

    got = read_text("listen = ipc:///c\nlisten = ipc:///d\n");
    assert_int_equal(got.config.listen.count, 2);
    assert_string_equal(got.config.listen.items[1], "ipc:///d");
}

static struct refused_case {
    const char *name;
    const char *flag;
    trial_code code;
    const char *says;
} refused_cases[] = {
    { "an unknown flag", "--colour", TRIAL_MALFORMED, "'--colour'" },
    { "a flag without its value", "--store", TRIAL_MALFORMED, "'--store'" },
    { "a word that is no flag", "start", TRIAL_MALFORMED, "'start' is no flag" },
    { "a size with a strange suffix",
      "--map-bytes=1Q",
      TRIAL_INVALID,
      "--map-bytes: map_bytes is '1Q'" },
    { "a size with two suffixes", "--map-bytes=1KM", TRIAL_INVALID, "not a number of bytes" },
    { "no number at all", "--readers=", TRIAL_INVALID, "not a whole number" },
    { "a negative number", "--readers=-1", TRIAL_INVALID, "not a whole number" },
    { "a count with a suffix", "--readers=1K", TRIAL_INVALID, "not a whole number" },
    { "a number over its range", "--readers=65", TRIAL_INVALID, "between 1 and 64" },
    { "a number under its range", "--readers=0", TRIAL_INVALID, "between 1 and 64" },
    { "a number that would wrap", "--map-bytes=16777217T", TRIAL_INVALID, "lies between" },
    { "a number of forty digits",
      "--map-bytes=1111111111111111111111111111111111111111",
      TRIAL_INVALID,
      "map_bytes" },
    { "an endpoint of another kind", "--feed=inproc://x", TRIAL_INVALID, "neither ipc:///PATH" },
    { "a port that there is not", "--feed=tcp://127.0.0.1:65536", TRIAL_INVALID, "nor tcp://" },
    { "an endpoint without a port", "--feed=tcp://127.0.0.1", TRIAL_INVALID, "nor tcp://" },
    { "a port that is no number", "--feed=tcp://127.0.0.1:x", TRIAL_INVALID, "nor tcp://" },
    { "an endpoint without a path", "--feed=ipc://", TRIAL_INVALID, "neither ipc:///PATH" },
    { "an empty endpoint in a list", "--listen=ipc:///a,", TRIAL_INVALID, "takes 1 to 250" },
    { "an ipc path that no socket can have",
      "--feed=ipc:///0123456789012345678901234567890123456789012345678901234567890123456789"
      "0123456789012345678901234567890123456789",
      TRIAL_INVALID,
      "over 107 bytes" },
    { "nine endpoints",
      "--listen=ipc:///1,ipc:///2,ipc:///3,ipc:///4,ipc:///5,ipc:///6,ipc:///7,ipc:///8,ipc:///9",
      TRIAL_INVALID,
      "more than 8" },
    { "a named file that is absent",
      "--config=/nowhere/triald.conf",
      TRIAL_STORAGE,
      "'/nowhere/triald.conf'" },
    { "a directory for a file", "--config=/tmp", TRIAL_STORAGE, "'/tmp'" },
    { "an event over a request",
      "--event-bytes=8K --request-bytes=4K",
      TRIAL_INVALID,
      "event_bytes is over request_bytes" },
    { "a request over a turn",
      "--request-bytes=32M",
      TRIAL_INVALID,
      "request_bytes is over turn_bytes" },
    { "a turn over the journal",
      "--journal-bytes=20M",
      TRIAL_INVALID,
      "journal_bytes is under twice turn_bytes" },
    { "nothing to describe", "--describe=weather", TRIAL_MALFORMED, "'weather'" },
};

static void test_is_refused(void **state)
{
    const struct refused_case *c = *state;
    const char *const none[] = { NULL };
    const char *flags[WORDS_MAX] = { NULL };
    char words[512];
    size_t count = 0;
    struct outcome got;

    (void)snprintf(words, sizeof words, "%s", c->flag);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        flags[count++] = word;
    }
    if (strchr(c->flag, ',') != NULL && count > 1) { /* a list is one word */
        flags[0] = c->flag;
        flags[1] = NULL;
    }
    got = read_words(flags, none);
    assert_int_equal(got.code, c->code);
    assert_int_equal(config_exit_status(got.code), c->code == TRIAL_MALFORMED ? 64 : 78);
    if (strstr(got.err.text, c->says) == NULL) {
        fail_msg("it says \"%s\", not \"%s\"", got.err.text, c->says);
    }
}

static struct file_case {
    const char *name;
    const char *text;
    const char *says; /* NULL: taken */
} file_cases[] = {
    { "comments and empty lines are passed over", "; a\n# b\n\nreaders = 3 ; why\n", NULL },
    { "a dash is an underscore in a key", "request-bytes = 2M\n", NULL },
    { "the last line needs no end", "readers = 3", NULL },
    { "an unknown key names its line", "readers = 3\ncolour = red\n", "'f' line 2: 'colour'" },
    { "a bad value names its line", "\n\nreaders = many\n", "'f' line 3: readers is 'many'" },
    { "a key given twice is refused", "readers = 1\nreaders = 2\n", "line 2: readers stands" },
    { "a line without a value is refused", "readers = 1\nreaders\n", "'f' line 2 is neither" },
    { "a section is refused", "[a]\nreaders = 1\n", "'[a]': the file has no sections" },
    { "a file cannot name another", "config = /etc/x\n", "cannot name another file" },
    { "the first of two faults is told", "bad\nworse = 1\n", "line 1 is neither" },
    { "a line that would be cut is refused",
      "readers = 1\nstore = "
      "/01234567890123456789012345678901234567890123456789012345678901234567890"
      "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
      "12345678901234567890123456789012345678901234567890\n",
      "'f' line 2: it is over" },
    { "a section with nothing in it is refused",
      "readers = 1\n [a]\n",
      "line 2: ' [a]': the file has" },
};

static void test_a_nul_ends_no_value(void **state)
{
    const char text[] = "readers = 1\nstore = /a\0b\n";
    struct outcome got = read_bytes(text, sizeof text - 1);

    (void)state;
    assert_int_equal(got.code, TRIAL_INVALID);
    assert_string_equal(got.err.text, "'f' line 2: there is a NUL in it");
}

static void test_file(void **state)
{
    const struct file_case *c = *state;
    struct outcome got = read_text(c->text);

    if (c->says == NULL) {
        assert_int_equal(got.code, TRIAL_OK);
        return;
    }
    assert_int_equal(got.code, TRIAL_INVALID);
    if (strstr(got.err.text, c->says) == NULL) {
        fail_msg("it says \"%s\", not \"%s\"", got.err.text, c->says);
    }
}

/* Print settings into a buffer the caller frees. */
static char *print_config(const struct config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    config_print(config, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void test_what_is_printed_reads_back_as_the_same(void **state)
{
    const char *const none[] = { NULL };
    const char *const flags[] = { "--listen=ipc:///a,ipc:///b", "--map-bytes=1234567",
                                  "--reserve-bytes=0",          "--shutdown-ms=3s",
                                  "--store=/srv/et sted",       NULL };
    struct outcome first = read_words(flags, none);
    char *text = print_config(&first.config);
    struct outcome again = read_text(text);

    (void)state;
    assert_int_equal(again.code, TRIAL_OK);
    assert_non_null(strstr(text, "map_bytes = 1234567 ; flag\n"));
    assert_non_null(strstr(text, "request_bytes = 4M ; default\n"));
    memset(first.config.origins, 0, sizeof first.config.origins);
    memset(again.config.origins, 0, sizeof again.config.origins);
    assert_memory_equal(&first.config, &again.config, sizeof first.config);
    free(text);
}

static void test_rows_are_described_for_each_document(void **state)
{
    static const struct {
        const char *what;
        const char *holds;
    } cases[] = {
        { "settings", "*map\\_bytes* = BYTES" },
        { "events", "| `trial.approved` | M |" },
        { "requests", "| `append` |" },
        { "errors", "| `no-space` | 6 | yes |" },
        { "rules", "| `not-member` | `refused` |" },
        { "views", "| `funnel` |" },
        { "example", "\n#map_bytes = 64G\n" },
        { "limits", "| `TRIAL_ID_BYTES_MAX` | 128 |" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        assert_non_null(out);
        assert_true(config_describe(cases[i].what, out));
        assert_int_equal(fclose(out), 0);
        if (strstr(text, cases[i].holds) == NULL) {
            fail_msg("%s does not say %s", cases[i].what, cases[i].holds);
        }
        free(text);
    }
    assert_false(config_describe("weather", stdout));
}

#define PLAIN_TESTS 7
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

int main(void)
{
    static struct CMUnitTest tests[PLAIN_TESTS + COUNT(refused_cases) + COUNT(file_cases)] = {
        cmocka_unit_test(test_defaults_are_those_of_the_contract),
        cmocka_unit_test(test_the_first_state_directory_is_the_default_store),
        cmocka_unit_test(test_a_flag_beats_a_variable_and_a_variable_the_file),
        cmocka_unit_test(test_endpoints_add_up_by_comma_by_flag_and_by_line),
        cmocka_unit_test(test_what_is_printed_reads_back_as_the_same),
        cmocka_unit_test(test_rows_are_described_for_each_document),
        cmocka_unit_test(test_a_nul_ends_no_value),
    };
    struct CMUnitTest *next = tests + PLAIN_TESTS;

    for (size_t i = 0; i < COUNT(refused_cases); i++) {
        *next++ = (struct CMUnitTest){ .name = refused_cases[i].name,
                                       .test_func = test_is_refused,
                                       .initial_state = &refused_cases[i] };
    }
    for (size_t i = 0; i < COUNT(file_cases); i++) {
        *next++ = (struct CMUnitTest){ .name = file_cases[i].name,
                                       .test_func = test_file,
                                       .initial_state = &file_cases[i] };
    }
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
