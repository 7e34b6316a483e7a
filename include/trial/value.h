/* value.h - a tree of plain values: what a view's row is before it is bytes, and after. */
#ifndef TRIAL_VALUE_H
#define TRIAL_VALUE_H

#include "trial/arena.h"
#include "trial/shape.h"

typedef enum trial_value_kind {
    TRIAL_VALUE_NIL,
    TRIAL_VALUE_TRUTH,
    TRIAL_VALUE_INTEGER,  /* fits int64_t */
    TRIAL_VALUE_UNSIGNED, /* above INT64_MAX */
    TRIAL_VALUE_FLOAT,
    TRIAL_VALUE_TEXT,
    TRIAL_VALUE_LIST,
    TRIAL_VALUE_MAP,
} trial_value_kind;

typedef struct trial_value trial_value;

/** One entry of a map; `name` lives as long as the tree. */
typedef struct trial_entry {
    trial_text name;
    trial_value *value;
} trial_entry;

/** A value lives in the arena it was made in; text is borrowed unless said otherwise. */
struct trial_value {
    trial_value_kind kind;
    union {
        bool truth;
        int64_t integer;
        uint64_t count;
        double number;
        trial_text text;
        struct {
            trial_value **items;
            uint32_t count;
            uint32_t room;
        } list;
        struct {
            trial_entry *entries; /* in the order they were set; encoding sorts them */
            uint32_t count;
            uint32_t room;
        } map;
    } as;
};

trial_value *trial_value_nil(trial_arena *arena);
trial_value *trial_value_truth(trial_arena *arena, bool truth);
trial_value *trial_value_integer(trial_arena *arena, int64_t integer);
trial_value *trial_value_unsigned(trial_arena *arena, uint64_t number);
trial_value *trial_value_float(trial_arena *arena, double number);
trial_value *trial_value_text(trial_arena *arena, trial_text text); /* absent text gives nil */
trial_value *trial_value_word(trial_arena *arena, const char *literal);
trial_value *trial_value_copy(trial_arena *arena, trial_text text);       /* copies the text too */
trial_value *trial_value_number(trial_arena *arena, trial_number number); /* absent gives nil */
trial_value *trial_value_date(trial_arena *arena, trial_date date);       /* NONE gives nil */
trial_value *trial_value_instant(trial_arena *arena, trial_instant instant);
trial_value *trial_value_texts(trial_arena *arena, trial_texts texts);
trial_value *trial_value_list(trial_arena *arena);
trial_value *trial_value_map(trial_arena *arena);

/** Add to a list's end. */
void trial_value_push(trial_arena *arena, trial_value *list, trial_value *item);

/** Set a map's entry; a name that is there gets the new value. `name` is a literal. */
void trial_value_set(trial_arena *arena, trial_value *map, const char *name, trial_value *value);
void trial_value_set_text(trial_arena *arena,
                          trial_value *map,
                          trial_text name,
                          trial_value *value);

/** The same for a name that is known not to be there: a map of many entries stays cheap. */
void trial_value_append(trial_arena *arena, trial_value *map, trial_text name, trial_value *value);

/** Add to the integer under `name`, which starts at 0. */
void trial_value_add(trial_arena *arena, trial_value *map, trial_text name, int64_t by);

/** The value under `name`, or NULL. `map` may be NULL or no map: NULL. */
trial_value *trial_value_get(const trial_value *map, const char *name);
trial_value *trial_value_find(const trial_value *map, trial_text name);

/** What is there under `name` in the form asked for, else the empty form. */
trial_text trial_value_get_text(const trial_value *map, const char *name);
int64_t trial_value_get_integer(const trial_value *map, const char *name);

/** Is it a number, and which? Beyond 2^53 the nearest one that a double can be. */
bool trial_value_as_number(const trial_value *value, double *ret_number);

/** Are two values the same? Numbers compare as numbers, maps whatever their order. */
bool trial_value_equal(const trial_value *a, const trial_value *b);

/** Does `value` fit the condition `wanted`: equal, a number equal to its decimal text, or a list
 * that holds it? */
bool trial_value_fits(const trial_value *value, const trial_value *wanted);

#endif
