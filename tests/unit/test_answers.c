/* test_answers.c - pages of events, moments, and the log read again. */
#include "desk.h"

#include "moment.h"

#include <malloc.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

static int64_t number(const json_t *answer, const char *name)
{
    return json_integer_value(json_object_get(answer, name));
}

/* Read page after page and hold each event's position against a naive filter over the whole log. */
static void assert_pages(desk *d, const char *params, bool is_backwards, size_t wanted)
{
    json_t *asked = desk_json(params);
    size_t seen = 0;
    int64_t last = is_backwards ? INT64_MAX : 0;

    for (;;) {
        char *text = json_dumps(asked, JSON_COMPACT);
        json_t *answer = desk_read(d, text);
        const json_t *event;
        size_t i;

        free(text);
        assert_false(d->is_error);
        assert_true(json_array_size(json_object_get(answer, "events")) <= 7);
        json_array_foreach(json_object_get(answer, "events"), i, event)
        {
            int64_t position = number(event, "position");

            assert_true(is_backwards ? position < last : position > last);
            last = position;
            seen++;
        }
        if (number(answer, "next") == 0) {
            break;
        }
        (void)json_object_set(asked, "from", json_object_get(answer, "next"));
    }
    json_decref(asked);
    assert_int_equal(seen, wanted);
}

static void test_pages_hold_every_event_once_and_in_order(void **state)
{
    desk *d = *state;

    desk_import(d, 0, 400, 400);
    assert_pages(d, "{'limit':7}", false, 400);
    assert_pages(d, "{'limit':7,'backwards':true}", true, 400);
    assert_pages(d, "{'limit':7,'subject':'network/'}", false, 75);
    assert_pages(d, "{'limit':7,'types':['municipality.','round.opened']}", false, 47);
    assert_pages(d, "{'limit':7,'subject':'trial/ff2-018'}", false, 10);
    assert_pages(d, "{'limit':7,'subject':'trial/ff2-018','backwards':true}", true, 10);
    assert_pages(d, "{'limit':7,'subject':'trial/none'}", false, 0);
    assert_pages(d, "{'limit':7,'programme':'ff2'}", false, 356);
    assert_pages(d, "{'limit':7,'programme':'ff2','backwards':true}", true, 356);
    assert_pages(d, "{'limit':7,'programme':'ff2','types':['round.']}", false, 5);
    assert_pages(d, "{'limit':7,'programme':'none'}", false, 0);
    assert_pages(d, "{'limit':7,'as_of':'2016-12-31'}", false, 190);
    assert_pages(d, "{'limit':7,'known_at':100}", false, 100);
    assert_pages(d, "{'limit':7,'known_at':'2001-01-01'}", false, 0);
    assert_pages(d, "{'limit':7,'from':500}", false, 0);
}

static void add_steps(desk *d, unsigned first, unsigned count)
{
    char params[400];

    for (unsigned i = first; i < first + count; i++) {
        (void)snprintf(params,
                       sizeof params,
                       "{'events':[{'id':'%u','source':'/t','type':'activity.completed',"
                       "'subject':'case/%c','time':'2020-01-01T00:00:00Z',"
                       "'data':{'activity':'step'}}]}",
                       i,
                       i % 3 == 0 ? 'b' : 'a');
        (void)desk_append(d, params);
        assert_false(d->is_error);
    }
}

/* Where case/a stands: two of three positions. */
static void assert_steps(const chain *c, size_t count, uint64_t from, uint64_t until)
{
    assert_int_equal(c->count, count);
    assert_int_equal(c->until, until);
    for (size_t i = 0; i < count; i++, from++) {
        from += from % 3 == 0 ? 1 : 0;
        assert_int_equal(c->steps[i].position, from);
    }
}

static void extend(desk *d, uint64_t last, size_t most)
{
    store_read *read = NULL;
    uint64_t committed;

    assert_int_equal(store_commit_all(d->store, NULL), TRIAL_OK);
    assert_int_equal(store_read_begin(d->store, &read, &committed, NULL), TRIAL_OK);
    assert_int_equal(chain_extend(&d->known, read, last, most, NULL), TRIAL_OK);
    store_read_end(read);
}

static void test_a_chain_is_walked_no_further_than_to_what_is_known(void **state)
{
    desk *d = *state;

    add_steps(d, 1, 32);
    chain_begin(&d->known, TRIAL_TEXT("case/a"), 4);
    extend(d, 32, 100);
    assert_steps(&d->known, 20, 4, 32);
    assert_non_null(d->known.steps[19].record.data);
    chain_begin(&d->known, TRIAL_TEXT("case/a"), 29);
    assert_steps(&d->known, 3, 29, 32);
    assert_null(d->known.steps[2].record.data);
    add_steps(d, 33, 9);
    extend(d, 41, 100);
    assert_steps(&d->known, 9, 29, 41);
    chain_begin(&d->known, TRIAL_TEXT("case/a"), 28);
    assert_steps(&d->known, 0, 28, 27);
    chain_begin(&d->known, TRIAL_TEXT("case/b"), 28);
    extend(d, 39, 100);
    assert_int_equal(d->known.count, 4);
    chain_begin(&d->known, TRIAL_TEXT("case/a"), 28);
    assert_steps(&d->known, 0, 28, 27);
    chain_begin(&d->known, TRIAL_TEXT("case/a"), 50);
    extend(d, 41, 100);
    assert_steps(&d->known, 0, 50, 49);
}

static void test_of_a_very_long_chain_the_older_part_comes_first(void **state)
{
    desk *d = *state;

    add_steps(d, 1, 41);
    chain_begin(&d->known, TRIAL_TEXT("case/a"), 1);
    extend(d, 41, 5);
    assert_in_range(d->known.count, 3, 5);
    while (d->known.until < 41) {
        size_t before = d->known.count;

        assert_steps(&d->known, before, 1, d->known.steps[before - 1].position);
        extend(d, 41, 5);
        assert_in_range(d->known.count, before + 1, before + 5);
    }
    assert_steps(&d->known, 28, 1, 41);
}

/* Only what is sure to be short is read by the writer's thread, and then as a reader would. */
static void assert_at_once(desk *d, const struct trial_request_read *request, bool is_wanted)
{
    const answers_settings settings = { TRIAL_REQUEST_BYTES_DEFAULT };
    pack_writer answer = { 0 };
    pack_writer other = { 0 };
    trial_error err = TRIAL_ERROR_NONE;

    assert_int_equal(answers_read_at_once(d->store, &d->known, 5, request, &answer), is_wanted);
    if (is_wanted) {
        assert_int_equal(
            answers_read(d->store, NULL, &d->known, &settings, 5, request, &other, &err), TRIAL_OK);
        assert_int_equal(answer.size, other.size);
        assert_memory_equal(answer.data, other.data, answer.size);
        pack_writer_done(&other);
    } else {
        assert_int_equal(answer.size, 0);
    }
    pack_writer_done(&answer);
}

static void test_only_a_short_history_is_read_at_once(void **state)
{
    desk *d = *state;
    struct trial_request_read read = { .subject = TRIAL_TEXT("case/a") };

    add_steps(d, 1, 48);
    assert_int_equal(store_commit_all(d->store, NULL), TRIAL_OK);
    assert_at_once(d, &read, true); /* 32 events */
    read.backwards = (trial_truth){ true, true };
    read.limit = (trial_integer){ 5, true };
    assert_at_once(d, &read, true);
    read.limit = (trial_integer){ 0, true };
    assert_at_once(d, &read, false);
    read.limit.is_set = false;
    read.programme = TRIAL_TEXT("ff2");
    assert_at_once(d, &read, false);
    assert_at_once(d, &(struct trial_request_read){ .subject = TRIAL_TEXT("case/") }, false);
    assert_at_once(d, &(struct trial_request_read){ .limit = { 1, true } }, false);
    assert_at_once(d, &(struct trial_request_read){ .subject = TRIAL_TEXT("case/none") }, true);
    add_steps(d, 49, 1);
    assert_int_equal(store_commit_all(d->store, NULL), TRIAL_OK);
    assert_at_once(d, &(struct trial_request_read){ .subject = TRIAL_TEXT("case/a") }, false);
}

static void assert_invalid(desk *d, const char *field)
{
    const json_t *detail = json_object_get(d->answer, "detail");

    assert_true(d->is_error);
    assert_string_equal(json_string_value(json_object_get(d->answer, "code")), "invalid");
    assert_string_equal(json_string_value(json_object_get(detail, "field")), field);
}

static void test_a_bad_parameter_is_named(void **state)
{
    static const char *const reads[][2] = {
        { "{'from':-1}", "from" },
        { "{'limit':0}", "limit" },
        { "{'limit':1025}", "limit" },
        { "{'subject':'trial'}", "subject" },
        { "{'programme':''}", "programme" },
        { "{'as_of':'yesterday'}", "as_of" },
        { "{'as_of':'2016-02-30'}", "as_of" },
        { "{'known_at':0}", "known_at" },
        { "{'known_at':true}", "known_at" },
        { "{'known_at':'2016'}", "known_at" },
    };
    static const char *const queries[][2] = {
        { "{'view':'trial','limit':0}", "limit" },
        { "{'view':'trial','where':{'colour':'red'}}", "where.colour" },
        { "{'view':'trial','as_of':'x'}", "as_of" },
    };
    desk *d = *state;

    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        (void)desk_read(d, reads[i][0]);
        assert_invalid(d, reads[i][1]);
    }
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        (void)desk_query(d, queries[i][0]);
        assert_invalid(d, queries[i][1]);
    }
    (void)desk_query(d, "{'view':'nothing'}");
    assert_string_equal(json_string_value(json_object_get(d->answer, "code")), "not-found");
}

static json_t *rows_of(desk *d, const char *params)
{
    json_t *answer = desk_query(d, params);

    if (d->is_error) {
        fail_msg("%s: %s", params, json_dumps(answer, JSON_COMPACT));
    }
    return json_incref(json_object_get(answer, "rows"));
}

static void assert_same(desk *d, const char *a, const char *b)
{
    json_t *left = rows_of(d, a);
    json_t *right = rows_of(d, b);

    assert_true(json_array_size(left) > 0);
    if (!json_equal(left, right)) {
        fail_msg("%s differs from %s", a, b);
    }
    json_decref(left);
    json_decref(right);
}

/* A moment folded from one programme's list, from the whole log, and the tables of now are three
 * ways to the same states. */
static void test_every_way_to_a_moment_leads_to_the_same_rows(void **state)
{
    static const char *const views[] = { "programme", "funnel",     "network", "trial",
                                         "exemption", "evaluation", "outcome", "law",
                                         "deadline",  "figure",     "refusal", "duration",
                                         "finding" };
    desk *d = *state;
    char now[160];
    char folded[160];
    char listed[160];

    desk_import(d, 0, 1866, 300);
    d->now_ns = 1700000000 * TRIAL_NS_PER_S; /* the day that as_of names below */
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        (void)snprintf(now, sizeof now, "{'view':'%s'}", views[i]);
        (void)snprintf(folded, sizeof folded, "{'view':'%s','known_at':1866}", views[i]);
        (void)snprintf(listed,
                       sizeof listed,
                       "{'view':'%s','known_at':1866,'where':{'programme':'ff2'}}",
                       views[i]);
        assert_same(d, now, folded);
        assert_same(d, now, listed);
    }
    assert_same(d, "{'view':'municipality'}", "{'view':'municipality','known_at':1866}");
    assert_same(d,
                "{'view':'municipality','key':'0159'}",
                "{'view':'municipality','key':'municipality/0159','as_of':'2023-12-31'}");
    assert_same(d,
                "{'view':'trial','key':'ff2-018'}",
                "{'view':'trial','key':'trial/ff2-018','known_at':1866}");
}

/* By a correction, and as a law does that is enacted for another one than it was proposed for: what
 * comes to a programme later has events that its list does not have. */
static void test_what_came_to_a_programme_later_belongs_to_it_at_every_moment(void **state)
{
    static const char *const views[] = {
        "trial", "funnel", "law", "deadline", "figure", "finding" /* which asks for a network */
    };
    static const char *const events[] = {
        "'programme.opened','source':'/dk/regering','subject':'programme/p','data':{'title':'P',"
        "'periodFrom':'2016-01-01','periodTo':'2016-12-31'}",
        "'round.opened','source':'/dk/ministerium/i','subject':'programme/p','data':{'round':1,"
        "'opensOn':'2016-01-01','deadline':'2016-12-31'}",
        "'correction.issued','source':'/dk/ministerium/i','subject':'trial/ff2-018','data':{"
        "'corrects':'ff2-00149','field':'programme','oldValue':'ff2','newValue':'p','reason':'x'}",
        "'figure.reported','source':'/dk/presse/x','subject':'programme/p','data':{'value':1,"
        "'metric':'applications.submitted','asOf':'2021-02-01','document':'d'}",
        "'law.proposed','source':'/dk/regering','subject':'law/l','data':{'programme':'ff2',"
        "'title':'L','role':'general','form':'act'}",
        "'deadline.set','source':'/dk/ministerium/i','subject':'law/l','data':{'deadlineId':'d',"
        "'kind':'k','due':'2021-03-01','appliesTo':'x'}",
        "'law.enacted','source':'/dk/folketing','subject':'law/l','data':{'programme':'p',"
        "'title':'L','role':'general','form':'act'}",
    };
    desk *d = *state;
    char now[160];
    char listed[160];

    desk_import(d, 0, 150, 150); /* the trial is the last of them; its round is open */
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        char append[512];

        (void)snprintf(append,
                       sizeof append,
                       "{'events':[{'id':'x%zu','time':'2021-02-01T00:00:00Z','type':%s}]}",
                       i,
                       events[i]);
        (void)desk_append(d, append);
        assert_false(d->is_error);
    }
    d->now_ns = 1700000000 * TRIAL_NS_PER_S;
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        (void)snprintf(now, sizeof now, "{'view':'%s','where':{'programme':'p'}}", views[i]);
        (void)snprintf(listed,
                       sizeof listed,
                       "{'view':'%s','where':{'programme':'p'},'as_of':'2023-11-14'}",
                       views[i]);
        assert_same(d, now, listed);
    }
    (void)desk_query(d, "{'view':'figure','where':{'programme':'p','agrees':true}}");
    assert_int_equal(json_array_size(json_object_get(d->answer, "rows")), 1);
}

/* A view that compares figures of a thousand days folds the log for each of them. */
static void test_a_day_that_was_looked_at_holds_no_memory(void **state)
{
    static const moment_choice now = { TRIAL_INSTANT_NONE, TRIAL_INSTANT_NONE, 0 };
    desk *d = *state;
    trial_error err = TRIAL_ERROR_NONE;
    store_read *read = NULL;
    uint64_t committed = 0;
    size_t first = 0; /* bytes; stays 0 where a sanitizer counts for itself */
    trial_date day;
    views_source source;
    moment *m;
    bool is_bounded;

    desk_import(d, 0, 400, 400);
    assert_int_equal(store_commit_all(d->store, &err), TRIAL_OK);
    assert_int_equal(store_read_begin(d->store, &read, &committed, &err), TRIAL_OK);
    assert_int_equal(trial_date_read(TRIAL_TEXT("2017-01-01"), &day, &err), TRIAL_OK);
    m = moment_open(read, committed, &now);
    source = moment_source(m);
    for (int i = 0; i < 50; i++) {
        const trial_state *found = NULL;
        views_source then;

        assert_int_equal(source.at(source.context, day + i, &then, &err), TRIAL_OK);
        assert_int_equal(
            then.find(then.context, TRIAL_KIND_TRIAL, TRIAL_TEXT("ff2-018"), &found, &err),
            TRIAL_OK);
        then.close(then.context);
        first = i == 0 ? mallinfo2().uordblks : first;
    }
    is_bounded = mallinfo2().uordblks < first + 65536;
    moment_close(m);
    store_read_end(read);
    assert_true(is_bounded);
}

/* The desk's clock goes on by a second a turn: 40 requests of 10 events, each at a time of its own.
 */
static void test_an_answer_says_what_it_rests_on(void **state)
{
    desk *d = *state;

    desk_import(d, 0, 400, 10);
    assert_int_equal(number(desk_query(d, "{'view':'funnel'}"), "position"), 400);
    assert_int_equal(number(desk_query(d, "{'view':'funnel','as_of':'2016-12-31'}"), "position"),
                     400);
    assert_int_equal(number(desk_query(d, "{'view':'funnel','known_at':123}"), "position"), 123);
    assert_int_equal(number(desk_query(d, "{'view':'funnel','known_at':999}"), "position"), 400);
    (void)desk_query(d, "{'view':'funnel','known_at':'2023-11-14T22:13:20Z'}");
    assert_int_equal(number(d->answer, "position"), 10);
    (void)desk_query(d, "{'view':'funnel','known_at':'2023-11-14T22:13:27.5Z'}");
    assert_int_equal(number(d->answer, "position"), 80);
    (void)desk_query(d, "{'view':'funnel','known_at':'2023-11-14T22:13:19Z'}");
    assert_int_equal(number(d->answer, "position"), 0);
    (void)desk_query(d, "{'view':'funnel','known_at':'2024-01-01'}");
    assert_int_equal(number(d->answer, "position"), 400);
}

static void test_verify_reads_the_log_again(void **state)
{
    desk *d = *state;
    char params[200];
    json_t *earlier;

    desk_import(d, 0, 700, 100);
    earlier = json_incref(desk_verify(d, "{}"));
    assert_int_equal(number(earlier, "size"), 700);
    assert_int_equal(number(earlier, "bad"), 0);
    assert_true(json_is_true(json_object_get(earlier, "same")));
    desk_import(d, 700, 300, 100);
    (void)snprintf(params,
                   sizeof params,
                   "{'size':700,'root':'%s'}",
                   json_string_value(json_object_get(earlier, "root")));
    assert_true(json_is_true(json_object_get(desk_verify(d, params), "same")));
    params[8] = '6'; /* 600: not the size of that root */
    assert_true(json_is_false(json_object_get(desk_verify(d, params), "same")));
    (void)desk_verify(d, "{'size':700}");
    assert_invalid(d, "root");
    (void)desk_verify(d, "{'size':-1,'root':''}");
    assert_invalid(d, "size");
    (void)desk_verify(d, "{'size':1,'root':'abc'}");
    assert_invalid(d, "root");
    (void)desk_verify(
        d,
        "{'size':2000,'root':'0000000000000000000000000000000000000000000000000000000000000000'}");
    assert_true(json_is_false(json_object_get(d->answer, "same")));
    json_decref(earlier);
}

/* Flip one bit of every place in LMDB's file where these bytes stand, while nobody has it open. */
static size_t damage(desk *d, const char *words)
{
    char path[SCRATCH_PATH_BYTES];
    size_t size = strlen(words);
    size_t found = 0;
    struct stat facts;
    uint8_t *bytes;
    FILE *file;

    scratch_join(path, d->path, "lmdb/data.mdb");
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &facts), 0);
    bytes = malloc((size_t)facts.st_size);
    assert_int_equal(fread(bytes, 1, (size_t)facts.st_size, file), facts.st_size);
    for (size_t at = 0; at + size <= (size_t)facts.st_size; at++) {
        if (memcmp(bytes + at, words, size) == 0) {
            bytes[at] ^= 1;
            found++;
        }
    }
    rewind(file);
    assert_int_equal(fwrite(bytes, 1, (size_t)facts.st_size, file), facts.st_size);
    assert_int_equal(fclose(file), 0);
    free(bytes);
    return found;
}

static void assert_storage(desk *d)
{
    assert_true(d->is_error);
    assert_string_equal(json_string_value(json_object_get(d->answer, "code")), "storage");
}

/* The title stands in the record at position 149 and in the state of its trial. */
static void test_damage_is_named_and_never_answered_with(void **state)
{
    desk *d = *state;

    desk_import(d, 0, 400, 400);
    desk_close(d);
    assert_true(damage(d, "Sygeplejeklinik uden for") >= 2);
    desk_open(d);
    assert_int_equal(number(desk_verify(d, "{}"), "bad"), 149);
    (void)desk_read(d, "{'from':149,'limit':1}");
    assert_storage(d);
    (void)desk_read(d, "{'subject':'trial/ff2-018'}");
    assert_storage(d);
    (void)desk_read(d, "{'programme':'ff2'}");
    assert_storage(d);
    (void)desk_read(d, "{'programme':'ff2','backwards':true}");
    assert_storage(d);
    (void)desk_query(d, "{'view':'trial','key':'ff2-018'}");
    assert_storage(d);
    (void)desk_query(d, "{'view':'trial'}");
    assert_storage(d);
    (void)desk_query(d, "{'view':'trial','known_at':400}");
    assert_storage(d);
    (void)desk_query(d, "{'view':'funnel','where':{'programme':'ff2'},'as_of':'2017-01-01'}");
    assert_storage(d);
    assert_false((desk_read(d, "{'from':150}"), d->is_error));
    assert_false((desk_query(d, "{'view':'trial','key':'ff2-019'}"), d->is_error));
}

#define STEP(id)                                                                                   \
    "{'events':[{'id':'" id "','source':'/a','type':'activity.completed','subject':'case/a',"      \
    "'time':'2026-01-05T08:00:00Z','data':{'activity':'x'}}]}"

/* A read that had to wait may rest on less than one that its thread answered before. */
static void test_a_chain_that_knows_more_gives_no_more_than_there_is(void **state)
{
    const answers_settings settings = { 65536 };
    struct trial_request_read request = { .subject = TRIAL_TEXT("case/a") };
    desk *d = *state;
    trial_error err = TRIAL_ERROR_NONE;
    pack_writer answer = { 0 };
    store_tail *tails[2] = { NULL, NULL };

    (void)desk_append(d, STEP("1"));
    assert_int_equal(store_commit_all(d->store, &err), TRIAL_OK);
    (void)desk_append(d, STEP("2"));
    tails[0] = store_tail_take(d->store);
    assert_non_null(tails[0]);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            answers_read(d->store, tails[i], &d->known, &settings, 1, &request, &answer, &err),
            TRIAL_OK);
    }
    store_tail_give(tails[0]);
    pack_writer_done(&answer);
}

static void test_the_answer_stays_under_its_limit(void **state)
{
    const answers_settings settings = { 8192 };
    desk *d = *state;
    trial_request request = { .msgid = 77 };
    pack_writer answer = { 0 };
    trial_error err = TRIAL_ERROR_NONE;

    desk_import(d, 0, 300, 300);
    assert_int_equal(store_commit_all(d->store, &err), TRIAL_OK);
    request.as.query.view = TRIAL_TEXT("municipality");
    assert_int_equal(
        answers_query(d->store, NULL, &settings, 77, &request.as.query, 0, &answer, &err),
        TRIAL_OK);
    assert_in_range(answer.size, 4096, 8192);
    pack_writer_reset(&answer);
    request = (trial_request){ .msgid = 77 };
    assert_int_equal(
        answers_read(d->store, NULL, &d->known, &settings, 77, &request.as.read, &answer, &err),
        TRIAL_OK);
    assert_in_range(answer.size, 4096, 8192);
    pack_writer_done(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pages_hold_every_event_once_and_in_order),
        TEST(test_a_chain_is_walked_no_further_than_to_what_is_known),
        TEST(test_of_a_very_long_chain_the_older_part_comes_first),
        TEST(test_only_a_short_history_is_read_at_once),
        TEST(test_a_bad_parameter_is_named),
        TEST(test_every_way_to_a_moment_leads_to_the_same_rows),
        TEST(test_what_came_to_a_programme_later_belongs_to_it_at_every_moment),
        TEST(test_a_day_that_was_looked_at_holds_no_memory),
        TEST(test_an_answer_says_what_it_rests_on),
        TEST(test_verify_reads_the_log_again),
        TEST(test_damage_is_named_and_never_answered_with),
        TEST(test_a_chain_that_knows_more_gives_no_more_than_there_is),
        TEST(test_the_answer_stays_under_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
