/* walk.h - random legal histories: a second telling of the state machines, that knows nothing of
 * the rules and yet never breaks one. */
#ifndef TESTS_WALK_H
#define TESTS_WALK_H

#include "history.h"

#define WALK_TRIALS_MAX 24
#define WALK_EXEMPTIONS_MAX 2

typedef struct walk_exemption {
    const char *id;
    trial_date from;
    trial_date to;
    bool is_live;
} walk_exemption;

/* Municipalities are bits: 1 is 0101, 2 is 0102. */
typedef struct walk_trial {
    const char *subject;
    trial_choice state;
    uint32_t applied;
    uint32_t approved;
    uint32_t charters;
    walk_exemption exemptions[WALK_EXEMPTIONS_MAX];
    uint32_t exemption_count;
    trial_date started;
} walk_trial;

typedef struct walk {
    history *past;
    history_dice *dice;
    trial_instant now;
    walk_trial trials[WALK_TRIALS_MAX];
    uint32_t trial_count;
    uint32_t exemption_count; /* of all trials */
    trial_date period_to;
    trial_date deadline;  /* NONE before it is set */
    uint32_t round_count; /* the last one is open where it is even */
    uint32_t number;      /* of the newest network, law and programme */
    trial_choice network; /* state of that network */
    trial_choice law;
    bool has_rights; /* of the key k1 */
    trial_choice programme;
    bool is_member; /* 0103, of n1 */
    bool is_alone;  /* 0103, appointed in p1 */
} walk;

/** Begin in a world of one open programme and one network; the given events are folded. */
void walk_begin(walk *walker, history *past, history_dice *dice);

/** The next event: a legal one, which the caller must let happen before the next step. */
trial_event walk_step(walk *walker);

#endif
