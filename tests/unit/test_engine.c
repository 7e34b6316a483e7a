/* test_engine.c - what an append promises: places, repeats, expectations, all or none, and no loss.
 */
#include "desk.h"

#include "keys.h"

#define REGISTERED(id, code, name)                                                                 \
    "{'id':'" id "','source':'/dk/ministerium/indenrig','type':'municipality.registered',"         \
    "'subject':'municipality/" code "','time':'2016-01-15T09:00:00Z',"                             \
    "'data':{'code':'" code "','name':'" name "','region':'Region Hovedstaden'}}"
#define STEP(id, subject, activity)                                                                \
    "{'id':'" id "','source':'/a','type':'activity.completed','subject':'" subject "',"            \
    "'time':'2026-01-05T08:00:00Z','data':{'activity':'" activity "'}}"
#define EVENTS(list) "{'events':[" list "]}"

static int64_t number(const json_t *answer, const char *name)
{
    return json_integer_value(json_object_get(answer, name));
}

static int64_t item(const json_t *answer, const char *name, size_t i)
{
    const json_t *value = json_array_get(json_object_get(answer, name), i);

    return json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
}

static const char *text(const json_t *answer, const char *name)
{
    const char *value = json_string_value(json_object_get(answer, name));

    return value == NULL ? "" : value;
}

static void assert_refused(const desk *d, const char *code, const char *rule, int64_t index)
{
    const json_t *detail = json_object_get(d->answer, "detail");

    assert_true(d->is_error);
    assert_string_equal(text(d->answer, "code"), code);
    assert_string_equal(text(detail, "rule"), rule);
    if (index >= 0) {
        assert_int_equal(number(detail, "index"), index);
    }
    assert_string_not_equal(text(d->answer, "message"), "");
}

static void test_positions_and_revisions_count_from_one(void **state)
{
    desk *d = *state;
    json_t *answer = desk_append(
        d,
        EVENTS(STEP("1", "case/a", "x") "," STEP("2", "case/b", "x") "," STEP("3", "case/a", "y")));

    assert_false(d->is_error);
    assert_int_equal(number(answer, "first"), 1);
    assert_int_equal(number(answer, "last"), 3);
    assert_int_equal(item(answer, "revisions", 0), 1);
    assert_int_equal(item(answer, "revisions", 1), 1);
    assert_int_equal(item(answer, "revisions", 2), 2);
    assert_int_equal(json_array_size(json_object_get(answer, "warnings")), 0);
}

static void test_a_repeat_gets_its_first_answer_for_ever(void **state)
{
    desk *d = *state;
    json_t *answer;

    (void)desk_append(d, EVENTS(STEP("1", "case/a", "x")));
    (void)desk_append(d, EVENTS(STEP("2", "case/a", "y")));
    desk_reopen(d);
    answer = desk_append(d, EVENTS(STEP("3", "case/a", "z") "," STEP("1", "case/a", "x")));
    assert_int_equal(number(answer, "first"), 3);
    assert_int_equal(number(answer, "last"), 1);
    assert_int_equal(item(answer, "positions", 1), 1);
    assert_int_equal(item(answer, "revisions", 1), 1);
    assert_int_equal(item(answer, "duplicates", 0), 0);
    assert_int_equal(item(answer, "duplicates", 1), 1);
    assert_int_equal(store_head(d->store), 3);
}

static void test_a_repeat_inside_a_request_is_one_event(void **state)
{
    desk *d = *state;
    json_t *answer = desk_append(
        d,
        EVENTS(STEP("1", "case/a", "x") "," STEP("2", "case/a", "y") "," STEP("1", "case/a", "x")));

    assert_int_equal(item(answer, "duplicates", 2), 1);
    assert_int_equal(item(answer, "positions", 2), 1);
    assert_int_equal(number(answer, "last"), 1);
    assert_int_equal(store_head(d->store), 2);
}

static void test_other_content_under_an_id_is_a_conflict(void **state)
{
    desk *d = *state;

    (void)desk_append(d, EVENTS(STEP("1", "case/a", "x")));
    (void)desk_append(d, EVENTS(STEP("2", "case/a", "x") "," STEP("1", "case/a", "other")));
    assert_refused(d, "duplicate-conflict", "duplicate-id", 1);
    assert_int_equal(number(json_object_get(d->answer, "detail"), "position"), 1);
    (void)desk_append(d, EVENTS(STEP("2", "case/a", "x") "," STEP("2", "case/a", "other")));
    assert_refused(d, "duplicate-conflict", "duplicate-id", 1);
    assert_int_equal(store_head(d->store), 1);
}

static void test_an_expected_revision_must_hold(void **state)
{
    desk *d = *state;
    const char *first = "{'events':[" STEP("1", "case/a", "x") "],'expect':{'case/a':0}}";

    (void)desk_append(d, first);
    assert_false(d->is_error);
    (void)desk_append(d, first); /* a repeat is found before its expectation is judged */
    assert_false(d->is_error);
    (void)desk_append(d, "{'events':[" STEP("2", "case/a", "y") "],'expect':{'case/a':0}}");
    assert_refused(d, "conflict", "", 0);
    assert_int_equal(number(json_object_get(d->answer, "detail"), "revision"), 1);
    (void)desk_append(d, "{'events':[" STEP("2", "case/a", "y") "],'expect':{'case/other':1}}");
    assert_refused(d, "conflict", "", -1);
    (void)desk_append(d, "{'events':[" STEP("2", "case/a", "y") "],'expect':{'case/a':1}}");
    assert_false(d->is_error);
    (void)desk_append(d, "{'events':[" STEP("3", "case/a", "y") "],'expect':{'case/a':'1'}}");
    assert_refused(d, "invalid", "wrong-type", -1);
    (void)desk_append(d, "{'events':[" STEP("3", "case/a", "y") "],'expect':{'':1}}");
    assert_refused(d, "invalid", "bad-range", -1);
}

static void test_a_refused_event_takes_its_request_along(void **state)
{
    desk *d = *state;
    uint8_t before[TRIAL_HASH_BYTES];
    uint8_t after[TRIAL_HASH_BYTES];

    (void)desk_append(d, EVENTS(REGISTERED("1", "0101", "København")));
    engine_root(d->engine, before);
    (void)desk_append(
        d,
        EVENTS(REGISTERED(
            "2",
            "0159",
            "Gladsaxe") ","
                        "{'id':'3','source':'/dk/regering','type':'municipality.appointed',"
                        "'subject':'municipality/0159','time':'2016-01-15T09:00:00Z',"
                        "'data':{'programme':'none','decidedBy':'x'}}"));
    assert_refused(d, "refused", "unknown-subject", 1);
    engine_root(d->engine, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(store_head(d->store), 1);
    (void)desk_append(d, EVENTS(REGISTERED("2", "0159", "Gladsaxe")));
    assert_int_equal(number(d->answer, "first"), 2);
    assert_int_equal(item(d->answer, "revisions", 0), 1);
    assert_int_equal(
        json_array_size(json_object_get(desk_query(d, "{'view':'municipality'}"), "rows")), 2);
}

static void test_a_dry_run_answers_the_same_and_keeps_nothing(void **state)
{
    desk *d = *state;

    (void)desk_append(d, "{'events':[" REGISTERED("1", "0101", "K") "],'dry_run':true}");
    assert_false(d->is_error);
    assert_int_equal(number(d->answer, "first"), 1);
    assert_int_equal(store_head(d->store), 0);
    assert_int_equal(
        json_array_size(json_object_get(desk_query(d, "{'view':'municipality'}"), "rows")), 0);
    (void)desk_append(d, EVENTS(REGISTERED("1", "0101", "K")));
    assert_int_equal(item(d->answer, "duplicates", 0), 0);
}

static void test_shape_is_judged_first_and_names_its_event(void **state)
{
    desk *d = *state;

    (void)desk_append(d, EVENTS(STEP("1", "case/a", "x") "," STEP("2", "case/", "x")));
    assert_refused(d, "invalid", "wrong-type", 1);
    (void)desk_append(d, EVENTS(""));
    assert_refused(d, "invalid", "bad-range", -1);
    (void)desk_append(d, "{'events':7}");
    assert_true(d->is_error);
    d->limits.request_events = 2;
    desk_reopen(d);
    (void)desk_append(
        d,
        EVENTS(STEP("1", "case/a", "x") "," STEP("2", "case/a", "x") "," STEP("3", "case/a", "x")));
    assert_refused(d, "too-large", "too-large", -1);
    assert_int_equal(store_head(d->store), 0);
}

static void test_ingest_time_never_goes_back(void **state)
{
    desk *d = *state;
    json_t *events;
    char first[40];

    (void)desk_append(d, EVENTS(STEP("1", "case/a", "x")));
    d->now_ns -= 3600 * TRIAL_NS_PER_S;
    (void)desk_append(d, EVENTS(STEP("2", "case/a", "y")));
    desk_crash(d);
    d->now_ns = 0;
    (void)desk_append(d, EVENTS(STEP("3", "case/a", "z")));
    events = json_object_get(desk_read(d, "{}"), "events");
    (void)snprintf(first, sizeof first, "%s", text(json_array_get(events, 0), "ingesttime"));
    assert_string_equal(first, "2023-11-14T22:13:20.000000Z");
    assert_string_equal(text(json_array_get(events, 1), "ingesttime"), first);
    assert_string_equal(text(json_array_get(events, 2), "ingesttime"), first);
}

static void test_a_crash_keeps_what_was_flushed(void **state)
{
    desk *d = *state;
    uint8_t before[TRIAL_HASH_BYTES];
    uint8_t after[TRIAL_HASH_BYTES];

    desk_import(d, 0, 900, 100);
    engine_root(d->engine, before);
    desk_crash(d);
    assert_true(d->recovered > 0);
    assert_int_equal(store_head(d->store), 900);
    engine_root(d->engine, after);
    assert_memory_equal(before, after, sizeof before);
    desk_assert_states_are_folded(d);
    desk_import(d, 800, 1066, 50); /* the first 100 of these are repeats */
    assert_int_equal(store_head(d->store), 1866);
    desk_assert_states_are_folded(d);
}

static void test_a_start_warns_of_what_is_missing(void **state)
{
    desk *d = *state;
    size_t warned = 0;
    size_t lines = desk_programme_lines();

    for (size_t i = 0; i < lines; i++) {
        const json_t *warnings;
        const json_t *warning;
        size_t k;

        desk_import(d, i, 1, 1);
        warnings = json_object_get(d->answer, "warnings");
        json_array_foreach(warnings, k, warning)
        {
            const char *rule = text(warning, "rule");

            assert_int_equal(number(warning, "index"), 0);
            warned += strcmp(rule, "no-baseline") == 0 || strcmp(rule, "no-target") == 0 ? 1 : 0;
        }
    }
    assert_int_equal(warned, 5);
}

/* Flip a bit of what stands behind a key; returns how often it was there. */
static size_t damage_value(desk *d, const row_key *k)
{
    static uint8_t bytes[8 << 20];
    char path[SCRATCH_PATH_BYTES];
    size_t found = 0;
    size_t size;
    FILE *file;

    scratch_join(path, d->path, "lmdb/data.mdb");
    file = fopen(path, "r+b");
    assert_non_null(file);
    size = fread(bytes, 1, sizeof bytes, file);
    assert_in_range(size, k->size + 1, sizeof bytes - 1);
    for (size_t at = 0; at + k->size < size; at++) {
        if (memcmp(bytes + at, k->bytes, k->size) == 0) {
            bytes[at + k->size] ^= 1;
            found++;
        }
    }
    rewind(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return found;
}

static void test_an_exemption_that_cannot_be_looked_up_is_not_granted_again(void **state)
{
    static const char approved[] = EVENTS(
        "{'id':'again','source':'/dk/ministerium/bolig','type':'trial.approved',"
        "'subject':'trial/ff2-022','time':'2017-04-07T07:02:00Z','data':{'ministry':'m',"
        "'legalBasis':{'form':'order','title':'b'},'exemptions':[{'exemptionId':'ff2-018-e1',"
        "'act':'Byggeloven','section':'63','ministry':'m','effect':'exempt',"
        "'validFrom':'2017-04-07','validTo':'2021-12-31'}],'participants':['0169','0710'],"
        "'plannedStart':'2017-07-27','plannedEnd':'2020-06-30'}}");
    desk *d = *state;
    row_key k;

    desk_import(d, 0, 250, 250);
    (void)desk_append(d, approved);
    assert_refused(d, "refused", "duplicate-id", 0);
    key_link(KEY_OF_EXEMPTION, TRIAL_TEXT("ff2-018-e1"), TRIAL_KIND_TRIAL, (trial_text){ 0 }, &k);
    desk_close(d);
    assert_true(damage_value(d, &k) > 0);
    desk_open(d);
    assert_int_equal(desk_append_code(d, approved), TRIAL_STORAGE);
    assert_int_equal(store_head(d->store), 250);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_positions_and_revisions_count_from_one),
        TEST(test_a_repeat_gets_its_first_answer_for_ever),
        TEST(test_a_repeat_inside_a_request_is_one_event),
        TEST(test_other_content_under_an_id_is_a_conflict),
        TEST(test_an_expected_revision_must_hold),
        TEST(test_a_refused_event_takes_its_request_along),
        TEST(test_a_dry_run_answers_the_same_and_keeps_nothing),
        TEST(test_shape_is_judged_first_and_names_its_event),
        TEST(test_ingest_time_never_goes_back),
        TEST(test_a_crash_keeps_what_was_flushed),
        TEST(test_a_start_warns_of_what_is_missing),
        TEST(test_an_exemption_that_cannot_be_looked_up_is_not_granted_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
