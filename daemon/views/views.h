/* views.h - what the views say. Pure: states in, rows out; the day asked about is a parameter. */
#ifndef VIEWS_H
#define VIEWS_H

#include "trial/state.h"
#include "trial/value.h"

typedef enum views_view {
#define COLUMN(name, doc)
#define VIEW(lower, UPPER, name, row, answers, kinds, columns) VIEWS_##UPPER,
#include "trial/views.def"
    VIEWS_COUNT
} views_view;

/** VIEWS_COUNT where there is no view of that name. */
views_view views_named(trial_text name);
const char *views_name(views_view view);
bool views_has_column(views_view view, trial_text name);

/** Which kinds of subject's states the view is folded from: bits 1 << TRIAL_KIND_X. */
uint32_t views_kinds(views_view view);

typedef struct views_source views_source;

/** Takes one state, borrowed for the call. Return false to end the walk early. */
typedef bool views_visit(void *context, const trial_state *state);

/**
 * The states of one moment. Walks go in the order of subjects' ids, byte by byte.
 *
 * each             visits every state of a kind; `programme` absent: of all programmes. Kinds that
 *                  belong to none (programme, municipality, other) are visited whole whatever it
 *                  says. One walk at a time.
 * find             one state, or NULL; borrowed from the source.
 * of_municipality  visits the trials that name a municipality, or the networks that ever had it.
 * at               the source as of the end of a day, with the same known_at; given, closed by
 *                  `close`.
 */
struct views_source {
    void *context;
    trial_code (*each)(void *context,
                       trial_kind kind,
                       trial_text programme,
                       views_visit *visit,
                       void *visitor,
                       trial_error *err);
    trial_code (*find)(void *context,
                       trial_kind kind,
                       trial_text id,
                       const trial_state **ret_state,
                       trial_error *err);
    trial_code (*of_municipality)(void *context,
                                  trial_kind kind, /* TRIAL_KIND_TRIAL or TRIAL_KIND_NETWORK */
                                  trial_text code,
                                  views_visit *visit,
                                  void *visitor,
                                  trial_error *err);
    trial_code (*at)(void *context, trial_date day, views_source *ret_source, trial_error *err);
    void (*close)(void *context); /* of what `at` gave */
};

typedef struct views_question {
    views_view view;
    trial_text key;           /* absent: all rows; a whole subject or its short id are one */
    const trial_value *where; /* a map, or NULL; fields are checked by views_check() */
    trial_text after;         /* rows whose key is behind this one; absent: from the first */
    uint32_t limit;           /* 0: no limit */
    trial_date today;         /* the day asked about */
} views_question;

/** One row and the key it is sorted by. */
typedef struct views_row {
    trial_text key;
    trial_value *row; /* a map */
} views_row;

typedef struct views_answer {
    views_row *rows; /* in the byte order of their keys */
    uint32_t count;
    trial_text next; /* key of the last row where more follow, else absent */
} views_answer;

/** Fails with INVALID: `where` names a field the view has not. */
TRIAL_MUST_USE trial_code views_check(const views_question *question, trial_error *err);

/** Answer a question. Everything returned lives in the arena. Errors are those of the source. */
TRIAL_MUST_USE trial_code views_answer_question(const views_question *question,
                                                const views_source *source,
                                                trial_arena *arena,
                                                views_answer *ret_answer,
                                                trial_error *err);

#endif
