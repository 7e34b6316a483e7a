/* views.c - the views as a table, and how a question is checked, answered, ordered and cut. */
#include "views_internal.h"

enum {
    P = 1 << TRIAL_KIND_PROGRAMME,
    M = 1 << TRIAL_KIND_MUNICIPALITY,
    N = 1 << TRIAL_KIND_NETWORK,
    T = 1 << TRIAL_KIND_TRIAL,
    L = 1 << TRIAL_KIND_LAW,
    K = 1 << TRIAL_KIND_KEY,
    O = (1 << TRIAL_KIND_CASE) | (1 << TRIAL_KIND_OTHER),
};

static const struct view_row {
    const char *name;
    uint32_t kinds;
    views_make *make;
    const char *const *columns; /* ends with NULL */
} view_rows[VIEWS_COUNT] = {
#define COLUMN(name, doc) #name,
#define VIEW(lower, UPPER, name, row, answers, kinds, columns)                                     \
    [VIEWS_##UPPER] = {                                                                            \
        name, (uint32_t)(kinds), views_make_##lower, (const char *const[]){ columns NULL }         \
    },
#include "trial/views.def"
};

views_view views_named(trial_text name)
{
    views_view view = 0;

    while (view < VIEWS_COUNT && !trial_text_is(name, view_rows[view].name)) {
        view++;
    }
    return view;
}

const char *views_name(views_view view)
{
    TRIAL_ASSERT(view < VIEWS_COUNT);
    return view_rows[view].name;
}

bool views_has_column(views_view view, trial_text name)
{
    TRIAL_ASSERT(view < VIEWS_COUNT);
    for (const char *const *column = view_rows[view].columns; *column != NULL; column++) {
        if (trial_text_is(name, *column)) {
            return true;
        }
    }
    return false;
}

uint32_t views_kinds(views_view view)
{
    TRIAL_ASSERT(view < VIEWS_COUNT);
    return view_rows[view].kinds;
}

static trial_code check_condition(views_view view, const trial_entry *condition, trial_error *err)
{
    trial_date day;

    if (views_has_column(view, condition->name)) {
        return TRIAL_OK;
    }
    if (view == VIEWS_EXEMPTION && trial_text_is(condition->name, "in-force")) {
        return views_read_day(condition->value, &day, err);
    }
    return trial_fail(err,
                      TRIAL_INVALID,
                      "the view %s has no field '%.*s'",
                      views_name(view),
                      TRIAL_TEXT_ARGS(condition->name));
}

trial_code views_check(const views_question *question, trial_error *err)
{
    const trial_value *where = question->where;
    trial_error own = TRIAL_ERROR_NONE;

    err = err == NULL ? &own : err;
    if (where == NULL) {
        return TRIAL_OK;
    }
    if (where->kind != TRIAL_VALUE_MAP) {
        (void)trial_fail(err, TRIAL_INVALID, "the conditions of a query are a map");
        return trial_fail_field(err, "where");
    }
    for (uint32_t i = 0; i < where->as.map.count; i++) {
        const trial_entry *condition = &where->as.map.entries[i];

        if (check_condition(question->view, condition, err) != TRIAL_OK) {
            return trial_fail_field(err, "where.%.*s", TRIAL_TEXT_ARGS(condition->name));
        }
    }
    return TRIAL_OK;
}

trial_code views_answer_question(const views_question *question,
                                 const views_source *source,
                                 trial_arena *arena,
                                 views_answer *ret_answer,
                                 trial_error *err)
{
    views_fold fold = { .question = question, .source = source, .arena = arena };
    views_answer answer = { 0 };
    trial_code code;

    TRIAL_ASSERT(question->view < VIEWS_COUNT);
    views_narrow(&fold);
    code = view_rows[question->view].make(&fold, err);
    if (code != TRIAL_OK) {
        return code;
    }
    views_sort(&fold);
    answer.rows = fold.rows;
    answer.count = fold.count;
    if (question->limit > 0 && answer.count > question->limit) {
        answer.count = question->limit;
        answer.next = answer.rows[answer.count - 1].key;
    }
    *ret_answer = answer;
    return TRIAL_OK;
}
