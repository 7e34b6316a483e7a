/* value.c - see value.h. */
#include "trial/value.h"

#include <stdio.h>
#include <stdlib.h>

static trial_value *new_value(trial_arena *arena, trial_value_kind kind)
{
    trial_value *value = trial_arena_take(arena, sizeof *value);

    value->kind = kind;
    return value;
}

trial_value *trial_value_nil(trial_arena *arena)
{
    return new_value(arena, TRIAL_VALUE_NIL);
}

trial_value *trial_value_truth(trial_arena *arena, bool truth)
{
    trial_value *value = new_value(arena, TRIAL_VALUE_TRUTH);

    value->as.truth = truth;
    return value;
}

trial_value *trial_value_integer(trial_arena *arena, int64_t integer)
{
    trial_value *value = new_value(arena, TRIAL_VALUE_INTEGER);

    value->as.integer = integer;
    return value;
}

trial_value *trial_value_unsigned(trial_arena *arena, uint64_t number)
{
    trial_value *value;

    if (number <= INT64_MAX) {
        return trial_value_integer(arena, (int64_t)number);
    }
    value = new_value(arena, TRIAL_VALUE_UNSIGNED);
    value->as.count = number;
    return value;
}

trial_value *trial_value_float(trial_arena *arena, double number)
{
    trial_value *value = new_value(arena, TRIAL_VALUE_FLOAT);

    value->as.number = number;
    return value;
}

trial_value *trial_value_text(trial_arena *arena, trial_text text)
{
    trial_value *value;

    if (text.at == NULL) {
        return trial_value_nil(arena);
    }
    value = new_value(arena, TRIAL_VALUE_TEXT);
    value->as.text = text;
    return value;
}

trial_value *trial_value_word(trial_arena *arena, const char *literal)
{
    return trial_value_text(arena, trial_text_of(literal));
}

trial_value *trial_value_copy(trial_arena *arena, trial_text text)
{
    return trial_value_text(arena, trial_arena_text(arena, text));
}

trial_value *trial_value_number(trial_arena *arena, trial_number number)
{
    switch (number.form) {
    case TRIAL_NUMBER_INTEGER:
        return trial_value_integer(arena, number.as.integer);
    case TRIAL_NUMBER_UNSIGNED:
        return trial_value_unsigned(arena, number.as.unsigned_integer);
    case TRIAL_NUMBER_FLOAT:
        return trial_value_float(arena, number.as.number);
    case TRIAL_NUMBER_ABSENT:
        break;
    }
    return trial_value_nil(arena);
}

trial_value *trial_value_date(trial_arena *arena, trial_date date)
{
    char text[TRIAL_DATE_TEXT_BYTES];

    if (date == TRIAL_DATE_NONE) {
        return trial_value_nil(arena);
    }
    trial_date_write(date, text);
    return trial_value_copy(arena, trial_text_of(text));
}

trial_value *trial_value_instant(trial_arena *arena, trial_instant instant)
{
    char text[TRIAL_INSTANT_TEXT_BYTES];

    if (instant == TRIAL_INSTANT_NONE) {
        return trial_value_nil(arena);
    }
    trial_instant_write(instant, text);
    return trial_value_copy(arena, trial_text_of(text));
}

trial_value *trial_value_texts(trial_arena *arena, trial_texts texts)
{
    trial_value *list = trial_value_list(arena);

    for (uint32_t i = 0; i < texts.count; i++) {
        trial_value_push(arena, list, trial_value_text(arena, texts.items[i]));
    }
    return list;
}

trial_value *trial_value_list(trial_arena *arena)
{
    return new_value(arena, TRIAL_VALUE_LIST);
}

trial_value *trial_value_map(trial_arena *arena)
{
    return new_value(arena, TRIAL_VALUE_MAP);
}

void trial_value_push(trial_arena *arena, trial_value *list, trial_value *item)
{
    TRIAL_ASSERT(list->kind == TRIAL_VALUE_LIST);
    if (list->as.list.count == list->as.list.room) {
        list->as.list.room = list->as.list.room == 0 ? 4 : list->as.list.room * 2;
        list->as.list.items = trial_arena_grow(arena,
                                               list->as.list.items,
                                               list->as.list.count,
                                               list->as.list.room,
                                               sizeof *list->as.list.items);
    }
    list->as.list.items[list->as.list.count++] = item;
}

static trial_entry *find_entry(const trial_value *map, trial_text name)
{
    if (map == NULL || map->kind != TRIAL_VALUE_MAP) {
        return NULL;
    }
    for (uint32_t i = 0; i < map->as.map.count; i++) {
        if (trial_text_equal(map->as.map.entries[i].name, name)) {
            return &map->as.map.entries[i];
        }
    }
    return NULL;
}

void trial_value_append(trial_arena *arena, trial_value *map, trial_text name, trial_value *value)
{
    if (map->as.map.count == map->as.map.room) {
        map->as.map.room = map->as.map.room == 0 ? 8 : map->as.map.room * 2;
        map->as.map.entries = trial_arena_grow(arena,
                                               map->as.map.entries,
                                               map->as.map.count,
                                               map->as.map.room,
                                               sizeof *map->as.map.entries);
    }
    map->as.map.entries[map->as.map.count++] = (trial_entry){ name, value };
}

void trial_value_set_text(trial_arena *arena, trial_value *map, trial_text name, trial_value *value)
{
    trial_entry *entry = find_entry(map, name);

    TRIAL_ASSERT(map->kind == TRIAL_VALUE_MAP);
    if (entry != NULL) {
        entry->value = value;
        return;
    }
    trial_value_append(arena, map, name, value);
}

void trial_value_set(trial_arena *arena, trial_value *map, const char *name, trial_value *value)
{
    trial_value_set_text(arena, map, trial_text_of(name), value);
}

void trial_value_add(trial_arena *arena, trial_value *map, trial_text name, int64_t by)
{
    trial_value *count = trial_value_find(map, name);

    if (count == NULL) {
        trial_value_set_text(arena, map, name, trial_value_integer(arena, by));
        return;
    }
    TRIAL_ASSERT(count->kind == TRIAL_VALUE_INTEGER);
    count->as.integer += by;
}

trial_value *trial_value_find(const trial_value *map, trial_text name)
{
    trial_entry *entry = find_entry(map, name);

    return entry == NULL ? NULL : entry->value;
}

trial_value *trial_value_get(const trial_value *map, const char *name)
{
    return trial_value_find(map, trial_text_of(name));
}

trial_text trial_value_get_text(const trial_value *map, const char *name)
{
    const trial_value *value = trial_value_get(map, name);

    return value == NULL || value->kind != TRIAL_VALUE_TEXT ? (trial_text){ 0 } : value->as.text;
}

int64_t trial_value_get_integer(const trial_value *map, const char *name)
{
    const trial_value *value = trial_value_get(map, name);

    return value == NULL || value->kind != TRIAL_VALUE_INTEGER ? 0 : value->as.integer;
}

bool trial_value_as_number(const trial_value *value, double *ret_number)
{
    switch (value->kind) {
    case TRIAL_VALUE_INTEGER:
        *ret_number = (double)value->as.integer;
        return true;
    case TRIAL_VALUE_UNSIGNED:
        *ret_number = (double)value->as.count;
        return true;
    case TRIAL_VALUE_FLOAT:
        *ret_number = value->as.number;
        return true;
    case TRIAL_VALUE_NIL:
    case TRIAL_VALUE_TRUTH:
    case TRIAL_VALUE_TEXT:
    case TRIAL_VALUE_LIST:
    case TRIAL_VALUE_MAP:
        break;
    }
    return false;
}

/* Are two values that are x and y as numbers the same? */
static bool numbers_equal(const trial_value *a, double x, const trial_value *b, double y)
{
    if (a->kind == b->kind && a->kind == TRIAL_VALUE_INTEGER) {
        return a->as.integer == b->as.integer; /* exact beyond 2^53 */
    }
    if (a->kind == b->kind && a->kind == TRIAL_VALUE_UNSIGNED) {
        return a->as.count == b->as.count;
    }
    return x >= y && x <= y;
}

/* A pair still to be compared; the depth of values is bounded, so the stack of pairs is too. */
struct pair {
    const trial_value *a;
    const trial_value *b;
};

/* Push the parts of two lists or maps; false where they cannot be equal. */
static bool push_parts(trial_arena *scratch, struct pair **pairs, uint32_t *count, uint32_t *room)
{
    struct pair pair = (*pairs)[--*count];
    uint32_t parts =
        pair.a->kind == TRIAL_VALUE_LIST ? pair.a->as.list.count : pair.a->as.map.count;

    if (*count + parts > *room) {
        *room = (*count + parts) * 2;
        *pairs = trial_arena_grow(scratch, *pairs, *count, *room, sizeof **pairs);
    }
    for (uint32_t i = 0; i < parts; i++) {
        const trial_value *a;
        const trial_value *b;

        if (pair.a->kind == TRIAL_VALUE_LIST) {
            a = pair.a->as.list.items[i];
            b = pair.b->as.list.items[i];
        } else {
            a = pair.a->as.map.entries[i].value;
            b = trial_value_find(pair.b, pair.a->as.map.entries[i].name);
        }
        if (b == NULL) {
            return false;
        }
        (*pairs)[(*count)++] = (struct pair){ a, b };
    }
    return true;
}

/* Are two values the same as far as one level shows? Lists and maps: of the same size. */
static bool level_equal(const trial_value *a, const trial_value *b)
{
    double x;
    double y;

    if (trial_value_as_number(a, &x) && trial_value_as_number(b, &y)) {
        return numbers_equal(a, x, b, y);
    }
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case TRIAL_VALUE_NIL:
        return true;
    case TRIAL_VALUE_TRUTH:
        return a->as.truth == b->as.truth;
    case TRIAL_VALUE_TEXT:
        return trial_text_equal(a->as.text, b->as.text);
    case TRIAL_VALUE_LIST:
        return a->as.list.count == b->as.list.count;
    case TRIAL_VALUE_MAP:
        return a->as.map.count == b->as.map.count;
    case TRIAL_VALUE_INTEGER:
    case TRIAL_VALUE_UNSIGNED:
    case TRIAL_VALUE_FLOAT:
        break;
    }
    return false;
}

/* Lists and maps of the same size: compare their parts. */
static bool parts_equal(const trial_value *a, const trial_value *b)
{
    trial_arena scratch = { 0 };
    uint32_t room = 16;
    uint32_t count = 1;
    struct pair *pairs = trial_arena_take(&scratch, room * sizeof *pairs);
    bool is_equal = true;

    pairs[0] = (struct pair){ a, b };
    while (is_equal && count > 0) {
        struct pair top = pairs[count - 1];

        is_equal = level_equal(top.a, top.b);
        if (is_equal && (top.a->kind == TRIAL_VALUE_LIST || top.a->kind == TRIAL_VALUE_MAP)) {
            is_equal = push_parts(&scratch, &pairs, &count, &room);
        } else {
            count--;
        }
    }
    trial_arena_done(&scratch);
    return is_equal;
}

bool trial_value_equal(const trial_value *a, const trial_value *b)
{
    if (!level_equal(a, b)) {
        return false; /* most comparisons end here, and take no memory */
    }
    return (a->kind != TRIAL_VALUE_LIST && a->kind != TRIAL_VALUE_MAP) || parts_equal(a, b);
}

/* A fraction may be written in more than one way: 20, 20.0 and 2e1 are one number. */
static bool is_fraction(double number, trial_text text)
{
    char digits[64];
    char *end;
    double read;

    if (text.size == 0 || text.size >= sizeof digits) {
        return false;
    }
    (void)memcpy(digits, text.at, text.size);
    digits[text.size] = '\0';
    if (strspn(digits, "+-.0123456789eE") != text.size) {
        return false; /* blanks, hexadecimal, infinity */
    }
    read = strtod(digits, &end);
    return *end == '\0' && end != digits && read >= number && read <= number;
}

/* Does the number read as this text does in decimal? */
static bool reads_as(const trial_value *value, trial_text text)
{
    char digits[64];
    int size = 0;

    switch (value->kind) {
    case TRIAL_VALUE_INTEGER:
        size = snprintf(digits, sizeof digits, "%lld", (long long)value->as.integer);
        break;
    case TRIAL_VALUE_UNSIGNED:
        size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value->as.count);
        break;
    case TRIAL_VALUE_FLOAT:
        return is_fraction(value->as.number, text);
    case TRIAL_VALUE_TRUTH:
        size = snprintf(digits, sizeof digits, "%s", value->as.truth ? "true" : "false");
        break;
    case TRIAL_VALUE_NIL:
    case TRIAL_VALUE_TEXT:
    case TRIAL_VALUE_LIST:
    case TRIAL_VALUE_MAP:
        return false;
    }
    return size > 0 && trial_text_equal(text, (trial_text){ digits, (uint32_t)size });
}

static bool fits_itself(const trial_value *value, const trial_value *wanted)
{
    return trial_value_equal(value, wanted) ||
           (wanted->kind == TRIAL_VALUE_TEXT && reads_as(value, wanted->as.text));
}

bool trial_value_fits(const trial_value *value, const trial_value *wanted)
{
    if (value == NULL) {
        return wanted->kind == TRIAL_VALUE_NIL;
    }
    if (fits_itself(value, wanted)) {
        return true;
    }
    if (value->kind == TRIAL_VALUE_LIST) {
        for (uint32_t i = 0; i < value->as.list.count; i++) {
            if (fits_itself(value->as.list.items[i], wanted)) {
                return true;
            }
        }
    }
    return false;
}
