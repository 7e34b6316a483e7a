/* shape.h - the description of a struct that is a map on the wire or in a table. The .def rows make
 * both the struct and its description, so a field is named once. */
#ifndef TRIAL_SHAPE_H
#define TRIAL_SHAPE_H

#include "trial/time.h"

/** An integer, or none. */
typedef struct trial_integer {
    int64_t value;
    bool is_set;
} trial_integer;

typedef struct trial_truth {
    bool value;
    bool is_set;
} trial_truth;

typedef enum trial_number_form {
    TRIAL_NUMBER_ABSENT,
    TRIAL_NUMBER_INTEGER,  /* as.integer */
    TRIAL_NUMBER_UNSIGNED, /* as.unsigned_integer, above INT64_MAX */
    TRIAL_NUMBER_FLOAT,    /* as.number, finite */
} trial_number_form;

/** A number stays what it was: 3 and 3.0 are two contents, though equal to a rule. */
typedef struct trial_number {
    trial_number_form form;
    union {
        int64_t integer;
        uint64_t unsigned_integer;
        double number;
    } as;
} trial_number;

/** Its value for a comparison. */
static inline double trial_number_value(trial_number number)
{
    switch (number.form) {
    case TRIAL_NUMBER_INTEGER:
        return (double)number.as.integer;
    case TRIAL_NUMBER_UNSIGNED:
        return (double)number.as.unsigned_integer;
    case TRIAL_NUMBER_FLOAT:
        return number.as.number;
    case TRIAL_NUMBER_ABSENT:
        break;
    }
    return 0;
}

/** A list of texts; items belong to the arena the struct was read into, text to its bytes. */
typedef struct trial_texts {
    trial_text *items;
    uint32_t count;
} trial_texts;

static inline bool trial_texts_has(trial_texts texts, trial_text wanted)
{
    for (uint32_t i = 0; i < texts.count; i++) {
        if (trial_text_equal(texts.items[i], wanted)) {
            return true;
        }
    }
    return false;
}

/** A choice between the words of a row of choices.def: 0 is absent, the rest count from 1. */
typedef uint8_t trial_choice;

/** What a field may hold, and the C type it is read into. */
typedef enum trial_field_kind {
    TRIAL_FIELD_TEXT,    /* trial_text, valid UTF-8; not empty where the field is required */
    TRIAL_FIELD_INTEGER, /* trial_integer */
    TRIAL_FIELD_NUMBER,  /* trial_number */
    TRIAL_FIELD_TRUTH,   /* trial_truth */
    TRIAL_FIELD_DATE,    /* trial_date */
    TRIAL_FIELD_INSTANT, /* trial_instant; tables only, as an integer */
    TRIAL_FIELD_CODE,    /* trial_text of four digits */
    TRIAL_FIELD_CHOICE,  /* trial_choice; `choices` names the words */
    TRIAL_FIELD_TEXTS,   /* trial_texts */
    TRIAL_FIELD_CODES,   /* trial_texts of four digits each, not empty, none twice */
    TRIAL_FIELD_OBJECT,  /* pointer to the struct of `shape`, NULL = absent */
    TRIAL_FIELD_OBJECTS, /* trial_list of the struct of `shape` */
    TRIAL_FIELD_ANY,     /* trial_bytes: the canonical bytes of any value */
    TRIAL_FIELD_FREE,    /* trial_bytes: the canonical bytes of a map of any fields */
} trial_field_kind;

/** The untyped form of every list of structs. */
typedef struct trial_list {
    void *items;
    uint32_t count;
} trial_list;

/** A row of choices.def. */
typedef struct trial_choices {
    const char *name;
    const char *const *words; /* words[0] stands for 1 */
    uint32_t count;
} trial_choices;

typedef struct trial_shape trial_shape;

typedef struct trial_field {
    const char *name; /* on the wire, in the table and in C */
    trial_field_kind kind;
    bool is_required;
    uint32_t offset;                   /* in the struct */
    const trial_shape *(*shape)(void); /* of OBJECT and OBJECTS */
    const trial_choices *choices;
    const char *doc;
} trial_field;

struct trial_shape {
    const char *name;
    uint32_t size; /* of the struct */
    uint32_t count;
    const trial_field *fields;
};

/** The field of that name, or NULL. */
const trial_field *trial_shape_find(const trial_shape *shape, trial_text name);

/** The word of a choice, "" for 0. */
const char *trial_choice_word(const trial_choices *choices, trial_choice choice);

/** The choice a word stands for, 0 where it is none. */
trial_choice trial_choice_named(const trial_choices *choices, trial_text word);

#endif
