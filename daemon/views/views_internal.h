/* views_internal.h - what the projections of this room share: the fold of one question, walks over
 * states narrowed to it, rows and counts. */
#ifndef VIEWS_INTERNAL_H
#define VIEWS_INTERNAL_H

#include "rules.h"
#include "views.h"

/** One question being answered. */
typedef struct views_fold {
    const views_question *question;
    const views_source *source;
    trial_arena *arena;
    trial_text programme;    /* only what belongs to it is asked about; absent: everything */
    bool has_subject;        /* only the state of this subject is asked about */
    trial_kind subject_kind; /* of that subject */
    trial_text subject_id;
    trial_text key; /* the key asked for, without the word of its kind */
    views_row *rows;
    uint32_t count;
    uint32_t room;
    trial_text bound; /* rows behind this key are over the limit; absent: none is yet */
} views_fold;

/** Add every row that fits the question. One such function a row of views.def. */
typedef trial_code views_make(views_fold *fold, trial_error *err);
#define COLUMN(name, doc)
#define VIEW(lower, UPPER, name, row, answers, kinds, columns)                                     \
    trial_code views_make_##lower(views_fold *fold, trial_error *err);
#include "trial/views.def"

/* walk.c: the states a question is about. */

/** Find out what the key and the conditions narrow the question to. */
void views_narrow(views_fold *fold);

/** Visit the states of a kind that belong to the programme asked about. */
TRIAL_MUST_USE trial_code views_each(
    const views_fold *fold, trial_kind kind, views_visit *visit, void *visitor, trial_error *err);

/** The same, or only the one subject asked about. For views whose rows are each of one subject. */
TRIAL_MUST_USE trial_code views_walk(
    const views_fold *fold, trial_kind kind, views_visit *visit, void *visitor, trial_error *err);

/** views_walk() over every kind, those without a programme only where none is asked about. */
TRIAL_MUST_USE trial_code views_walk_all(const views_fold *fold,
                                         views_visit *visit,
                                         void *visitor,
                                         trial_error *err);

/** The programme a state belongs to; absent for municipalities and foreign subjects. */
trial_text views_programme_of(const trial_state *state);

/** Does a subject of the kind belong to one programme? */
bool views_has_programme(trial_kind kind);

/** The whole subject of a state, in the arena. */
trial_text views_subject_of(trial_arena *arena, const trial_state *state);

/* rows.c: making rows. */

/** May a row of this key be wanted at all? Asked before the row is made. */
bool views_is_wanted(const views_fold *fold, trial_text key);

/** For views that walk in the order of their keys: are there enough rows? */
bool views_is_full(const views_fold *fold);

/** Would this text in that column fit the conditions? Takes no memory. */
bool views_may_fit_text(const views_fold *fold, const char *column, trial_text text);

/** The same for a choice, absent where it is 0. */
bool views_may_fit_word(const views_fold *fold,
                        const char *column,
                        const trial_choices *choices,
                        trial_choice choice);

/** Do the columns that are set so far fit the conditions? */
bool views_may_fit(const views_fold *fold, const trial_value *row);

/** Keep a row whose every column is set, if the question wants it. The key is copied. */
void views_keep(views_fold *fold, trial_text key, trial_value *row);

/** Put the rows in the byte order of their keys. */
void views_sort(views_fold *fold);

/* Set an entry; text is copied, what is absent becomes nil. */
void views_put_text(trial_arena *arena, trial_value *map, const char *name, trial_text text);
void views_put_word(trial_arena *arena,
                    trial_value *map,
                    const char *name,
                    const trial_choices *choices,
                    trial_choice choice);
void views_put_integer(trial_arena *arena, trial_value *map, const char *name, trial_integer value);
void views_put_count(trial_arena *arena, trial_value *map, const char *name, int64_t count);
void views_put_truth(trial_arena *arena, trial_value *map, const char *name, trial_truth value);
void views_put_number(trial_arena *arena, trial_value *map, const char *name, trial_number number);
void views_put_date(trial_arena *arena, trial_value *map, const char *name, trial_date date);
void views_put_instant(trial_arena *arena, trial_value *map, const char *name, trial_instant time);
void views_put_texts(trial_arena *arena, trial_value *map, const char *name, trial_texts texts);
void views_put_nil(trial_arena *arena, trial_value *map, const char *name);

/** A new list under `name`, to be filled. */
trial_value *views_put_list(trial_arena *arena, trial_value *map, const char *name);
trial_value *views_put_map(trial_arena *arena, trial_value *map, const char *name);

/** The key of several parts, with slashes between; an absent part is empty. */
trial_text views_key(trial_arena *arena, const trial_text *parts, uint32_t count);

/** A number as a part of a key: ten digits, so that bytes sort as numbers do. */
trial_text views_key_number(trial_arena *arena, int64_t number);

/** Read a DATE as a condition states it: a day, or an instant, which stands for its UTC day. Fails
 * with INVALID. */
TRIAL_MUST_USE trial_code views_read_day(const trial_value *value,
                                         trial_date *ret_day,
                                         trial_error *err);

/* table.c: items by name, in the order they came. */
typedef struct views_slot {
    trial_text key; /* in the arena */
    void *item;
} views_slot;

typedef struct views_table {
    trial_arena *arena;
    size_t item_size;
    views_slot *slots;
    uint32_t count;
    uint32_t room;
    uint32_t *heads; /* place in `slots` plus 1, by hash; 0 is free */
    uint32_t heads_count;
} views_table;

views_table views_table_of(trial_arena *arena, size_t item_size);
void *views_table_at(views_table *table, trial_text key); /* a zeroed item where there was none */
void *views_table_find(const views_table *table, trial_text key); /* NULL where there is none */

/* tally.c: counts that more than one view gives. */

/** How many trials ever got how far. */
typedef struct views_tally {
    int64_t steps[TRIAL_CHOICE_step_END];
    int64_t by_provenance[TRIAL_CHOICE_step_END][TRIAL_CHOICE_provenance_END];
    int64_t abandoned_by[TRIAL_CHOICE_stage_END];
} views_tally;

void views_tally_add(views_tally *tally, const struct trial_trial *trial);

/** How a count is known: an entry of the column `provenance`. */
void views_put_split(trial_arena *arena,
                     trial_value *provenance,
                     const char *name,
                     const int64_t counts[TRIAL_CHOICE_provenance_END]);

/** Networks and municipalities of a programme. */
typedef struct views_parties {
    int64_t applied;   /* networks that ever applied */
    int64_t appointed; /* networks ever appointed */
    int64_t active;    /* networks appointed now */
    int64_t ever;      /* distinct municipalities that ever took part */
    int64_t current;   /* distinct members of active networks and appointed ones not withdrawn */
} views_parties;

/**
 * Count parties by programme: `ret_table` maps the programme to its views_parties.
 *
 * programme  only that one; absent: all of them
 * is_apart   false: all programmes together, under the empty name
 */
TRIAL_MUST_USE trial_code views_count_parties(const views_source *source,
                                              trial_text programme,
                                              bool is_apart,
                                              trial_arena *arena,
                                              views_table *ret_table,
                                              trial_error *err);

/** Has the trial ended without being carried through: withdrawn, rejected, abandoned or lapsed? */
bool views_ended_without(const struct trial_trial *trial);

/** Was the trial carried through: completed, evaluated or assessed? */
bool views_is_completed(const struct trial_trial *trial);

/** Who takes part: those that started, else that were approved, else that applied. */
trial_texts views_participants(const struct trial_trial *trial);

/** The spans of time that are counted, by the names of `step` and `durations`. */
typedef struct views_span {
    trial_choice name; /* of trial_choices_span */
    trial_choice from;
    trial_choice to;
} views_span;
#define VIEWS_SPANS 3u
extern const views_span views_spans[VIEWS_SPANS]; /* view_duration.c */

/** Whole days of 24 hours between two steps; false where either was not reached. */
bool views_days_between(const struct trial_trial *trial,
                        trial_choice from,
                        trial_choice to,
                        int64_t *ret_days);

/** Put what is missing into a list of such words; `what` is of trial_choices_missing. */
void views_miss(trial_arena *arena, trial_value *missing, bool is_missing, trial_choice what);

/** What is missing of an indicator, as a list of words, and what became of it. */
trial_value *views_indicator_missing(trial_arena *arena,
                                     const struct trial_trial *trial,
                                     const struct trial_indicator_fact *indicator);
trial_choice views_indicator_result(const struct trial_trial *trial,
                                    const struct trial_indicator_fact *indicator);

/** Where an evaluation stands; `has_live` is whether any of its trials may still be evaluated. */
trial_choice views_evaluation_state(bool is_published, bool has_live, bool has_interim);

/* view_figure.c: figures others published, also for the view `programme`. */
typedef struct views_figure {
    trial_text programme;
    trial_text metric;
    trial_date as_of;
    trial_number value;
    int64_t position;
    trial_value *row; /* all columns but `computed` and `agrees` until they are computed */
} views_figure;

typedef struct views_figures {
    views_figure *items; /* by programme, metric, day and position once computed */
    uint32_t count;
    uint32_t room;
} views_figures;

TRIAL_MUST_USE trial_code views_gather_figures(const views_fold *fold,
                                               views_figures *figures,
                                               trial_error *err);
TRIAL_MUST_USE trial_code views_compute_figures(const views_fold *fold,
                                                views_figures *figures,
                                                trial_error *err);

#endif
