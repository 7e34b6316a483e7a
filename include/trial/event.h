/* event.h - the catalogue in C: one struct a type, made from the rows of events.def. */
#ifndef TRIAL_EVENT_H
#define TRIAL_EVENT_H

#include "trial/shape.h"

/* Who emits: one bit a letter of emitters.def. */
typedef enum trial_emitter_bit {
#define EMITTER(letter, beginning, is_whole, who) TRIAL_EMITTER_BIT_##letter,
#include "trial/emitters.def"
    TRIAL_EMITTER_BIT_COUNT
} trial_emitter_bit;
typedef uint32_t trial_emitters;
#define TRIAL_EMITTER_ANYONE UINT32_MAX /* also a source of none of the shapes */

/** The bit of the emitter a source belongs to, or 0 where it has none of the shapes. */
trial_emitters trial_emitter_of(trial_text source);
trial_emitters trial_emitter_bit_of(char letter);

/** What follows the shape: `0159` of /dk/kommune/0159; absent where nothing does. */
trial_text trial_emitter_name(trial_text source);

/** The kind of a subject, by the word before its slash. */
typedef enum trial_kind {
#define KIND(lower, UPPER, doc) TRIAL_KIND_##UPPER,
#include "trial/kinds.def"
    TRIAL_KIND_CASE,  /* a case of a foreign log; its state is that of OTHER */
    TRIAL_KIND_OTHER, /* any other word */
    TRIAL_KIND_ANY,   /* in rows of events.def: the event may happen to any subject */
} trial_kind;
#define TRIAL_KIND_COUNT TRIAL_KIND_ANY

/** Split a subject; the id is what follows the slash. OTHER and an absent id where there is none.
 */
trial_kind trial_subject_split(trial_text subject, trial_text *ret_id);
const char *trial_kind_word(trial_kind kind); /* "programme"; "" for OTHER and ANY */

/* Choices: enumerations such as TRIAL_REJECTION_EU_LAW, and their tables trial_choices_rejection.
 */
#define WORD(lower, UPPER, text) TRIAL_CHOICE_##lower##_##UPPER,
#define CHOICES(lower, words)                                                                      \
    enum trial_choice_##lower{ TRIAL_CHOICE_##lower##_NONE = 0,                                    \
                               words TRIAL_CHOICE_##lower##_END };                                 \
    extern const trial_choices trial_choices_##lower;
#include "trial/choices.def"

/* Structs and shapes. SHAPE and STATE structs are trial_<lower>; event structs trial_<lower>. */
#include "trial/fields_struct.inc"
#define SHAPE(lower, fields)                                                                       \
    struct trial_##lower {                                                                         \
        fields                                                                                     \
    };                                                                                             \
    struct trial_##lower##_list {                                                                  \
        struct trial_##lower *items;                                                               \
        uint32_t count;                                                                            \
    };                                                                                             \
    const trial_shape *trial_shape_of_##lower(void);
#define EVENT(lower, UPPER, wire, emitters, kind, rule, feeds, doc, fields)                        \
    struct trial_##lower {                                                                         \
        fields                                                                                     \
    };                                                                                             \
    const trial_shape *trial_shape_of_##lower(void);
#include "trial/events.def"
#include "trial/fields_end.inc"

typedef enum trial_event_type {
#define SHAPE(lower, fields)
#define EVENT(lower, UPPER, wire, emitters, kind, rule, feeds, doc, fields) TRIAL_EVENT_##UPPER,
#include "trial/events.def"
    TRIAL_EVENT_COUNT
} trial_event_type;

/** One row of the catalogue. */
typedef struct trial_event_row {
    const char *name; /* trial.approved */
    trial_emitters emitters;
    trial_kind kind;
    const char *rule;  /* what must hold, "" where nothing but the shape */
    const char *feeds; /* views, separated by ", " */
    const char *doc;
    const trial_shape *(*shape)(void);
} trial_event_row;

const trial_event_row *trial_event_row_of(trial_event_type type);
trial_event_type trial_event_named(trial_text name); /* TRIAL_EVENT_COUNT where there is none */

/**
 * One event, read. Every span points into the bytes it was read from and every list into the arena
 * given to the reader; both must outlive it. `position`, `revision` and `ingest` are 0 or
 * TRIAL_INSTANT_NONE before the event is part of the log.
 */
typedef struct trial_event {
    trial_event_type type;
    trial_text id;
    trial_text source;
    trial_text subject;
    trial_kind kind;       /* of the subject */
    trial_text subject_id; /* what follows its slash */
    trial_text time_text;  /* as written */
    trial_instant time;
    uint64_t position;
    uint64_t revision;
    trial_instant ingest;
    struct trial_common common;
    trial_bytes data; /* the canonical map */
    union {
#define SHAPE(lower, fields)
#define EVENT(lower, UPPER, wire, emitters, kind, rule, feeds, doc, fields)                        \
    struct trial_##lower lower;
#include "trial/events.def"
    } as;
} trial_event;

/** The short id of the programme the event's data names, absent where it names none. */
trial_text trial_event_programme(const trial_event *event);

#endif
