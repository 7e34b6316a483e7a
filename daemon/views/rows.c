/* rows.c - rows and their keys: how columns are set, and which rows a question keeps. */
#include "views_internal.h"

#include <stdlib.h>

static bool is_behind(const views_fold *fold, trial_text key)
{
    return !trial_text_is_set(fold->question->after) ||
           trial_text_compare(key, fold->question->after) > 0;
}

bool views_is_wanted(const views_fold *fold, trial_text key)
{
    if (!is_behind(fold, key) ||
        (trial_text_is_set(fold->bound) && trial_text_compare(key, fold->bound) > 0)) {
        return false;
    }
    return !trial_text_is_set(fold->question->key) || trial_text_equal(key, fold->key) ||
           trial_text_equal(key, fold->question->key);
}

bool views_is_full(const views_fold *fold)
{
    return fold->question->limit > 0 && fold->count > fold->question->limit;
}

bool views_may_fit(const views_fold *fold, const trial_value *row)
{
    const trial_value *where = fold->question->where;

    if (where == NULL || where->kind != TRIAL_VALUE_MAP) {
        return true;
    }
    for (uint32_t i = 0; i < where->as.map.count; i++) {
        const trial_value *value = trial_value_find(row, where->as.map.entries[i].name);

        if (value != NULL && !trial_value_fits(value, where->as.map.entries[i].value)) {
            return false;
        }
    }
    return true;
}

bool views_may_fit_text(const views_fold *fold, const char *column, trial_text text)
{
    const trial_value *wanted = trial_value_get(fold->question->where, column);
    trial_value value = { .kind = TRIAL_VALUE_NIL };

    if (wanted == NULL) {
        return true;
    }
    if (trial_text_is_set(text)) {
        value.kind = TRIAL_VALUE_TEXT;
        value.as.text = text;
    }
    return trial_value_fits(&value, wanted);
}

bool views_may_fit_word(const views_fold *fold,
                        const char *column,
                        const trial_choices *choices,
                        trial_choice choice)
{
    trial_text word =
        choice == 0 ? (trial_text){ 0 } : trial_text_of(trial_choice_word(choices, choice));

    return views_may_fit_text(fold, column, word);
}

static int compare_rows(const void *a, const void *b)
{
    return trial_text_compare(((const views_row *)a)->key, ((const views_row *)b)->key);
}

void views_sort(views_fold *fold)
{
    if (fold->count > 1) {
        qsort(fold->rows, fold->count, sizeof *fold->rows, compare_rows);
    }
}

/* One row over the limit is kept, for it shows that more follow. A page of a long view then costs
 * the memory of two pages and not of the view. */
static void drop_over_limit(views_fold *fold)
{
    uint64_t enough = (uint64_t)fold->question->limit + 1;

    if (fold->question->limit > 0 && fold->count >= enough * 2) {
        views_sort(fold);
        fold->count = (uint32_t)enough;
        fold->bound = fold->rows[fold->count - 1].key;
    }
}

void views_keep(views_fold *fold, trial_text key, trial_value *row)
{
    if (!views_is_wanted(fold, key) || !views_may_fit(fold, row)) {
        return;
    }
    if (fold->count == fold->room) {
        fold->room = fold->room == 0 ? 64 : fold->room * 2;
        fold->rows =
            trial_arena_grow(fold->arena, fold->rows, fold->count, fold->room, sizeof *fold->rows);
    }
    fold->rows[fold->count++] = (views_row){ trial_arena_text(fold->arena, key), row };
    drop_over_limit(fold);
}

void views_put_text(trial_arena *arena, trial_value *map, const char *name, trial_text text)
{
    trial_value_set(arena, map, name, trial_value_copy(arena, text));
}

void views_put_word(trial_arena *arena,
                    trial_value *map,
                    const char *name,
                    const trial_choices *choices,
                    trial_choice choice)
{
    trial_value_set(arena,
                    map,
                    name,
                    choice == 0 ? trial_value_nil(arena)
                                : trial_value_word(arena, trial_choice_word(choices, choice)));
}

void views_put_integer(trial_arena *arena, trial_value *map, const char *name, trial_integer value)
{
    trial_value_set(arena,
                    map,
                    name,
                    value.is_set ? trial_value_integer(arena, value.value)
                                 : trial_value_nil(arena));
}

void views_put_count(trial_arena *arena, trial_value *map, const char *name, int64_t count)
{
    trial_value_set(arena, map, name, trial_value_integer(arena, count));
}

void views_put_truth(trial_arena *arena, trial_value *map, const char *name, trial_truth value)
{
    trial_value_set(arena,
                    map,
                    name,
                    value.is_set ? trial_value_truth(arena, value.value) : trial_value_nil(arena));
}

void views_put_number(trial_arena *arena, trial_value *map, const char *name, trial_number number)
{
    trial_value_set(arena, map, name, trial_value_number(arena, number));
}

void views_put_date(trial_arena *arena, trial_value *map, const char *name, trial_date date)
{
    trial_value_set(arena, map, name, trial_value_date(arena, date));
}

void views_put_instant(trial_arena *arena, trial_value *map, const char *name, trial_instant time)
{
    trial_value_set(arena, map, name, trial_value_instant(arena, time));
}

void views_put_texts(trial_arena *arena, trial_value *map, const char *name, trial_texts texts)
{
    trial_value *list = views_put_list(arena, map, name);

    for (uint32_t i = 0; i < texts.count; i++) {
        trial_value_push(arena, list, trial_value_copy(arena, texts.items[i]));
    }
}

void views_put_nil(trial_arena *arena, trial_value *map, const char *name)
{
    trial_value_set(arena, map, name, trial_value_nil(arena));
}

trial_value *views_put_list(trial_arena *arena, trial_value *map, const char *name)
{
    trial_value *list = trial_value_list(arena);

    trial_value_set(arena, map, name, list);
    return list;
}

trial_value *views_put_map(trial_arena *arena, trial_value *map, const char *name)
{
    trial_value *inner = trial_value_map(arena);

    trial_value_set(arena, map, name, inner);
    return inner;
}

trial_text views_key(trial_arena *arena, const trial_text *parts, uint32_t count)
{
    size_t size = count;
    size_t at = 0;
    char *key;

    for (uint32_t i = 0; i < count; i++) {
        size += parts[i].size;
    }
    key = trial_arena_take(arena, size);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            key[at++] = '/';
        }
        if (parts[i].size > 0) {
            memcpy(key + at, parts[i].at, parts[i].size);
            at += parts[i].size;
        }
    }
    return (trial_text){ key, (uint32_t)at };
}

trial_text views_key_number(trial_arena *arena, int64_t number)
{
    return trial_arena_print(arena, "%010lld", (long long)number);
}

trial_code views_read_day(const trial_value *value, trial_date *ret_day, trial_error *err)
{
    trial_instant instant = TRIAL_INSTANT_NONE;

    if (value->kind != TRIAL_VALUE_TEXT) {
        return trial_fail_rule(err, TRIAL_RULE_BAD_TIME, "a day is text written YYYY-MM-DD");
    }
    if (value->as.text.size > sizeof "YYYY-MM-DD" - 1 &&
        trial_instant_read(value->as.text, &instant, err) == TRIAL_OK) {
        *ret_day = trial_date_of(instant);
        return TRIAL_OK;
    }
    return trial_date_read(value->as.text, ret_day, err);
}
