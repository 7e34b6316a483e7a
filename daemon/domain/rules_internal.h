/* rules_internal.h - what the files of this room share. Nobody outside includes it. */
#ifndef DOMAIN_RULES_INTERNAL_H
#define DOMAIN_RULES_INTERNAL_H

#include "rules.h"

/* What a rule is asked: may this event happen to this subject, in this world? */
typedef struct rules_asked {
    const trial_state *state;
    const trial_event *event;
    const rules_world *world;
    bool is_new; /* the subject has no event yet */
} rules_asked;

/* Each event type is a pair. `decide` finds the subject's state legal already (rules_machine.c) and
 * judges the rest; `apply` finds the state moved already and notes the rest. */
#define SHAPE(lower, fields)
#define EVENT(lower, UPPER, wire, emitters, kind, rule, feeds, doc, fields)                        \
    TRIAL_MUST_USE trial_code decide_##lower(const rules_asked *asked, trial_error *err);          \
    void apply_##lower(trial_state *state, const trial_event *event, trial_arena *arena);
#include "trial/events.def"

/* A type of which the table of moves says all there is to decide. */
#define DECIDED_BY_THE_MACHINE(lower)                                                              \
    trial_code decide_##lower(const rules_asked *asked, trial_error *err)                          \
    {                                                                                              \
        (void)asked;                                                                               \
        (void)err;                                                                                 \
        return TRIAL_OK;                                                                           \
    }

/* rules_machine.c: the state machines of all kinds as one table of allowed moves. */

/* Is the subject known, the step legal in its state, and a change of state not before the last? */
TRIAL_MUST_USE trial_code rules_check_move(const rules_asked *asked, trial_error *err);

/* Make the move that the event stands for, if it is one. Total: what happened, happened. */
void rules_move(trial_state *state, const trial_event *event, trial_arena *arena);

/* The word of the state a subject is in: "running"; "not known" where nothing is. */
const char *rules_state_word(const trial_state *state);

/* Is there a subject, or only what hangs on it? NULL is not known. */
bool rules_is_known(const trial_state *state);

/* rules_world.c: looking at the rest of the world, and saying what is not there. */

/* Find a subject that the event names in `field` ("programme"), or fail with unknown-subject. */
TRIAL_MUST_USE trial_code rules_known(const rules_asked *asked,
                                      trial_kind kind,
                                      trial_text id,
                                      const char *field,
                                      const trial_state **ret_state,
                                      trial_error *err);

/* Are they all known? `field` as above. */
TRIAL_MUST_USE trial_code rules_all_known(const rules_asked *asked,
                                          trial_kind kind,
                                          trial_texts ids,
                                          const char *field,
                                          trial_error *err);

/* A value that names what stands now must be that: `from` is the end as it stood. */
TRIAL_MUST_USE trial_code rules_current_day(trial_date named,
                                            trial_date current,
                                            const char *field,
                                            trial_error *err);

/* Words for a message, separated by commas and cut where there are too many. */
typedef struct rules_words {
    char text[160];
    uint32_t size;
    uint32_t count;
} rules_words;

void rules_words_add(rules_words *words, trial_text word);

/* The codes that are not in a list. */
rules_words rules_words_outside(trial_texts codes, trial_texts allowed);

/* A day as text, within one expression: rules_day(date).text. */
typedef struct rules_day_text {
    char text[TRIAL_DATE_TEXT_BYTES];
} rules_day_text;

rules_day_text rules_day(trial_date date);

/* A value of an event's data as words of a message, within one expression: a text in quotes, what a
 * list holds by the side of each other, and of a map its size. */
rules_words rules_value(const trial_value *value);

/* Folding. */

/* Add a cleared item to the end of a list of structs; gives its address. */
#define RULES_ADD(arena, list, lower)                                                              \
    ((list)->items = trial_arena_grow(                                                             \
         (arena), (list)->items, (list)->count, (size_t)(list)->count + 1, sizeof *(list)->items), \
     trial_shape_clear(trial_shape_of_##lower(), &(list)->items[(list)->count]),                   \
     &(list)->items[(list)->count++])

/* Replace a text by one that is there. */
static inline void rules_keep_text(trial_text *kept, trial_text text)
{
    if (trial_text_is_set(text)) {
        *kept = text;
    }
}

static inline trial_integer rules_position(const trial_event *event)
{
    return (trial_integer){ (int64_t)event->position, true };
}

/* What hangs on a subject, made where there is nothing yet. */
struct trial_attached *rules_attach(trial_state *state, trial_arena *arena);

/* The exemption of that id, or NULL. */
struct trial_exemption_fact *rules_exemption(const struct trial_trial *trial, trial_text id);

/* Is the municipality a member of the network now? */
bool rules_is_member(const struct trial_network *network, trial_text code);

/* Is the municipality appointed by itself in that programme now? */
bool rules_is_appointed(const struct trial_municipality *municipality, trial_text programme);

/* The round of that number, or NULL. */
struct trial_round_fact *rules_round(const struct trial_programme *programme, trial_integer round);

/* Shorter names for the words of choices.def. */
#define TRIAL_AT(UPPER) TRIAL_CHOICE_trial_state_##UPPER
#define PROGRAMME_AT(UPPER) TRIAL_CHOICE_programme_state_##UPPER
#define NETWORK_AT(UPPER) TRIAL_CHOICE_network_state_##UPPER
#define LAW_AT(UPPER) TRIAL_CHOICE_law_state_##UPPER
#define RIGHT_AT(UPPER) TRIAL_CHOICE_right_state_##UPPER
#define EXEMPTION_AT(UPPER) TRIAL_CHOICE_exemption_state_##UPPER

#endif
