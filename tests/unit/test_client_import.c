/* test_client_import.c - batches of lines against a daemon of our own: whatever the size of a
 * request, the log and the counts are those of one line after the other. */
#include "test.h"

#include "import.h"
#include "lines.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINES_MAX 600
#define ROUNDS 400

/* What a line of the test does. */
enum deed {
    GOOD,      /* is taken */
    BAD_SHAPE, /* its shape is wrong: told before any rule is looked at */
    BAD_RULE,  /* a rule forbids it */
    NEEDS,     /* is taken where the event it names was */
    REPEAT,    /* the same as an earlier line */
    NO_JSON,   /* never was an event */
};

struct line {
    enum deed deed;
    uint32_t id;
    uint32_t needs;
};

/* A daemon: events are integers, all of a request or none. */
struct daemon {
    bool has[LINES_MAX];
    uint32_t log[LINES_MAX];
    uint32_t count;
    uint32_t limit; /* events in one request; more is too large, without saying which */
    const import_line *sent;
    uint32_t sent_count;
    uint32_t requests;
    uint32_t dies_at; /* the request that gets no answer; 0: none */
    uint64_t refused[LINES_MAX];
    trial_code codes[LINES_MAX];
    uint32_t refused_count;
    bool stops;
    trial_arena arena;
};

static struct line lines[LINES_MAX];

static trial_code fail_at(trial_error *err, trial_code code, uint32_t index)
{
    (void)trial_fail(err, code, "no");
    err->index = index;
    return code;
}

static uint32_t number_of(const import_line *line)
{
    return (uint32_t)trial_value_get_integer(line->event, "n");
}

/* Judge one event as the log stands, `fresh` being those of its own request. */
static trial_code judge(const struct daemon *daemon, const bool *fresh, uint32_t n)
{
    const struct line *line = &lines[n];

    if (daemon->has[line->id] || fresh[line->id]) {
        return TRIAL_OK;
    }
    if (line->deed == BAD_RULE ||
        (line->deed == NEEDS && !daemon->has[line->needs] && !fresh[line->needs])) {
        return TRIAL_REFUSED;
    }
    return TRIAL_OK;
}

static trial_code
send_lines(void *context, const import_line *sent, uint32_t count, trial_error *err)
{
    struct daemon *daemon = context;

    (void)err;
    assert_true(count > 0);
    assert_null(daemon->sent); /* one request at a time, or the order would not be the file's */
    daemon->sent = sent;
    daemon->sent_count = count;
    daemon->requests++;
    return TRIAL_OK;
}

static trial_code receive_answer(void *context, trial_value **ret_result, trial_error *err)
{
    struct daemon *daemon = context;
    const import_line *sent = daemon->sent;
    bool fresh[LINES_MAX] = { false };
    trial_value *duplicates = trial_value_list(&daemon->arena);

    assert_non_null(sent);
    daemon->sent = NULL;
    if (daemon->requests == daemon->dies_at) {
        return trial_fail(err, TRIAL_BUSY, "no answer");
    }
    if (daemon->sent_count > daemon->limit) {
        return trial_fail(err, TRIAL_TOO_LARGE, "too many");
    }
    for (uint32_t i = 0; i < daemon->sent_count; i++) {
        if (lines[number_of(&sent[i])].deed == BAD_SHAPE) {
            return fail_at(err, TRIAL_INVALID, i);
        }
    }
    for (uint32_t i = 0; i < daemon->sent_count; i++) {
        uint32_t n = number_of(&sent[i]);

        if (judge(daemon, fresh, n) != TRIAL_OK) {
            return fail_at(err, TRIAL_REFUSED, i);
        }
        trial_value_push(
            &daemon->arena,
            duplicates,
            trial_value_truth(&daemon->arena, daemon->has[lines[n].id] || fresh[lines[n].id]));
        fresh[lines[n].id] = true;
    }
    for (uint32_t i = 0; i < daemon->sent_count; i++) {
        uint32_t id = lines[number_of(&sent[i])].id;

        if (!daemon->has[id]) {
            daemon->has[id] = true;
            daemon->log[daemon->count++] = id;
        }
    }
    *ret_result = trial_value_map(&daemon->arena);
    trial_value_set(&daemon->arena, *ret_result, "duplicates", duplicates);
    return TRIAL_OK;
}

static bool refuse_line(void *context, const import_line *line, const trial_error *err)
{
    struct daemon *daemon = context;

    daemon->refused[daemon->refused_count] = line->number;
    daemon->codes[daemon->refused_count++] = err->code;
    return !daemon->stops;
}

/* Import the first `count` lines in batches of `most`; true where it came to its end. */
static trial_code run(struct daemon *daemon, uint32_t count, uint32_t most, import_work *ret_work)
{
    import_batch *batch = trial_memory(sizeof *batch);
    import_work work = { .peer = { daemon, send_lines, receive_answer, refuse_line },
                         .chunk = most,
                         .chunk_max = most };
    trial_code code = TRIAL_OK;
    uint32_t at = 0;

    while (at < count && code == TRIAL_OK && !work.is_stopped) {
        trial_error err = TRIAL_ERROR_NONE;

        batch->count = 0;
        while (at < count && batch->count < most) {
            import_line *line = &batch->lines[batch->count++];

            *line = (import_line){ .file = "f", .number = at, .err = TRIAL_ERROR_NONE };
            at++;
            if (lines[at - 1].deed == NO_JSON) {
                (void)trial_fail(&line->err, TRIAL_MALFORMED, "not JSON");
                break;
            }
            line->event = trial_value_map(&daemon->arena);
            trial_value_set(
                &daemon->arena, line->event, "n", trial_value_integer(&daemon->arena, at - 1));
        }
        import_begin(&work, batch);
        code = import_settle(&work, batch, &err);
    }
    free(batch);
    *ret_work = work;
    return code;
}

static void make_lines(uint32_t count, uint32_t bad_percent)
{
    for (uint32_t i = 0; i < count; i++) {
        bool is_bad = (uint32_t)rand() % 100 < bad_percent;

        lines[i] = (struct line){ .deed = GOOD, .id = i };
        if (is_bad) {
            lines[i].deed = (enum deed)(1 + rand() % 5);
        }
        if (i > 0 && lines[i].deed == NEEDS) {
            lines[i].needs = lines[(uint32_t)rand() % i].id;
        }
        if (i > 0 && lines[i].deed == REPEAT) {
            struct line *earlier = &lines[(uint32_t)rand() % i];

            lines[i].id = earlier->id;
            lines[i].deed = earlier->deed;
            lines[i].needs = earlier->needs;
        }
    }
}

static void assert_same(const struct daemon *got, const struct daemon *wanted)
{
    assert_int_equal(got->count, wanted->count);
    assert_memory_equal(got->log, wanted->log, wanted->count * sizeof wanted->log[0]);
    assert_int_equal(got->refused_count, wanted->refused_count);
    for (uint32_t i = 0; i < wanted->refused_count; i++) {
        assert_int_equal(got->refused[i], wanted->refused[i]);
        assert_int_equal(got->codes[i], wanted->codes[i]);
    }
}

static void test_any_batch_size_equals_one_line_at_a_time(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct daemon one = { .limit = UINT32_MAX };
        struct daemon many = { .limit = round % 3 == 0 ? 7 : UINT32_MAX };
        uint32_t count = 1 + (uint32_t)rand() % (LINES_MAX - 1);
        import_work single;
        import_work work;

        make_lines(count, (uint32_t)rand() % 101);
        assert_int_equal(run(&one, count, 1, &single), TRIAL_OK);
        assert_int_equal(run(&many, count, 1 + (uint32_t)rand() % 300, &work), TRIAL_OK);
        assert_same(&many, &one);
        assert_memory_equal(&work.counts, &single.counts, sizeof work.counts);
        assert_int_equal(work.counts.read, count);
        assert_int_equal(work.counts.appended, many.count);
        assert_int_equal(work.counts.rejected, many.refused_count);
        assert_int_equal(work.counts.appended + work.counts.duplicates + work.counts.rejected,
                         count);
        assert_int_equal(work.first_refusal, many.refused_count == 0 ? TRIAL_OK : many.codes[0]);
        trial_arena_done(&one.arena);
        trial_arena_done(&many.arena);
    }
}

static void test_stop_ends_at_the_first_and_keeps_what_stood_before_it(void **state)
{
    struct daemon daemon = { .limit = UINT32_MAX, .stops = true };
    import_work work;

    (void)state;
    make_lines(100, 0);
    lines[40].deed = BAD_SHAPE;
    assert_int_equal(run(&daemon, 100, 64, &work), TRIAL_OK);
    assert_int_equal(daemon.count, 40);
    assert_int_equal(work.counts.read, 41);
    assert_int_equal(work.counts.rejected, 1);
    trial_arena_done(&daemon.arena);
}

static void test_an_import_run_again_goes_on_where_it_was_cut(void **state)
{
    struct daemon daemon = { .limit = UINT32_MAX, .dies_at = 3 };
    import_work cut;
    import_work again;

    (void)state;
    make_lines(100, 0);
    assert_int_equal(run(&daemon, 100, 10, &cut), TRIAL_BUSY);
    assert_int_equal(cut.counts.appended, 20);
    assert_int_equal(run(&daemon, 100, 10, &again), TRIAL_OK);
    assert_int_equal(again.counts.duplicates, 20);
    assert_int_equal(again.counts.appended, 80);
    trial_arena_done(&daemon.arena);
}

static void test_a_good_file_costs_one_request_a_batch(void **state)
{
    struct daemon daemon = { .limit = UINT32_MAX };
    import_work work;

    (void)state;
    make_lines(600, 0);
    assert_int_equal(run(&daemon, 600, 100, &work), TRIAL_OK);
    assert_int_equal(daemon.requests, 6);
    trial_arena_done(&daemon.arena);
}

static int file_of(const char *text, char ret_path[32])
{
    int fd = memfd_create("lines", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)snprintf(ret_path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

static void test_a_byte_order_mark_begins_a_file_and_no_other_line(void **state)
{
    static const char *const texts[] = {
        "\xef\xbb\xbf{\"id\":1}\n",
        "\xef\xbb\xbf\n{\"id\":2}\n\xef\xbb\xbf{\"id\":3}",
    };
    static import_batch batch;
    char paths[2][32];
    const char *files[2] = { paths[0], paths[1] };
    int fds[2] = { file_of(texts[0], paths[0]), file_of(texts[1], paths[1]) };
    lines_reader reader;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(lines_open(&reader, files, 2, &err), TRIAL_OK);
    assert_int_equal(lines_read(&reader, 10, &batch, &err), TRIAL_OK);
    assert_int_equal(batch.count, 3);
    for (uint32_t i = 0; i < 2; i++) {
        assert_non_null(batch.lines[i].event);
        assert_int_equal(trial_value_get_integer(batch.lines[i].event, "id"), i + 1);
        assert_int_equal(batch.lines[i].number, i + 1); /* what is left out leaves a line */
    }
    assert_null(batch.lines[2].event);
    assert_int_equal(batch.lines[2].err.code, TRIAL_MALFORMED);
    assert_int_equal(reader.read_bytes, strlen(texts[0]) + strlen(texts[1]));
    lines_close(&reader);
    trial_arena_done(&batch.arena);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_batch_size_equals_one_line_at_a_time),
        cmocka_unit_test(test_stop_ends_at_the_first_and_keeps_what_stood_before_it),
        cmocka_unit_test(test_an_import_run_again_goes_on_where_it_was_cut),
        cmocka_unit_test(test_a_good_file_costs_one_request_a_batch),
        cmocka_unit_test(test_a_byte_order_mark_begins_a_file_and_no_other_line),
    };

    srand(20260111);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
