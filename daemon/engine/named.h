/* named.h - named subscriptions: what is kept of each on disk (its filter, how far it was
 * acknowledged, what was parked) and who consumes it now. Rows of STORE_META, put beside the log's
 * and committed with them; they are state of this daemon and no part of the log. Belongs to the
 * loop's thread. */
#ifndef ENGINE_NAMED_H
#define ENGINE_NAMED_H

#include "answers.h"

/** What an event was set aside for. */
typedef struct named_parked {
    uint64_t position;
    trial_instant since;
    bool is_replayed; /* it is to be sent again, and goes when it is acknowledged */
    bool is_sent;     /* to the consumer of now */
    char reason[TRIAL_PARK_REASON_BYTES_MAX + 1];
} named_parked;

typedef struct named {
    struct named *next;
    char name[TRIAL_NAME_BYTES_MAX + 1];
    answers_filter filter;
    trial_arena arena;     /* of the filter */
    uint64_t position;     /* what the filter takes up to here was acknowledged or parked */
    uint64_t put_position; /* as the row has it */
    trial_instant made;
    named_parked *parked; /* in the order of their positions */
    uint32_t parked_count;
    uint32_t parked_room;
    /* who consumes it: nothing of it is on disk */
    uint64_t holder; /* subscription; 0: nobody */
    trial_instant since;
    uint64_t seen_ms; /* when its peer last said anything about it */
    char client[TRIAL_NAME_BYTES_MAX + 1];
    uint64_t *in_flight; /* positions sent and not acknowledged, in order; a window of them */
    uint32_t in_flight_count;
} named;

typedef struct named_settings {
    uint32_t subscriptions; /* most that are kept */
    uint32_t parked;        /* most events parked of one */
    uint32_t window;        /* most events in flight of one */
    uint64_t consumer_ms;   /* a consumer silent for so long may be replaced */
} named_settings;

typedef struct named_list {
    store *store;
    named_settings settings;
    named *first;
    uint32_t count;
    uint64_t batch;  /* of the last row that was put */
    uint64_t put_ms; /* when positions were put last */
} named_list;

/** For a verification: is a row of STORE_META what is written here? Rows of others are. */
bool named_row_is_sound(trial_bytes key, trial_bytes value);

/** Read what LMDB holds. Fails with STORAGE: a row is damaged. */
TRIAL_MUST_USE trial_code named_open(named_list *list,
                                     store *s,
                                     const named_settings *settings,
                                     trial_error *err);
void named_done(named_list *list);

/** Is it a name? Fails with INVALID. */
TRIAL_MUST_USE trial_code named_check(trial_text name, trial_error *err);

named *named_find(const named_list *list, trial_text name); /* NULL: there is none */
TRIAL_MUST_USE trial_code named_get(const named_list *list,
                                    trial_text name,
                                    named **ret_named,
                                    trial_error *err);

/**
 * Find it or make it, from behind `position`.
 *
 * Fails with CONFLICT  it has another filter
 *            BUSY      as many are kept as may be
 */
TRIAL_MUST_USE trial_code named_make(named_list *list,
                                     trial_text name,
                                     const answers_filter *filter,
                                     uint64_t position,
                                     trial_instant now,
                                     named **ret_named,
                                     bool *ret_is_new,
                                     trial_error *err);

/** Forget it, its rows and its parked events. */
void named_remove(named_list *list, named *n);

/** It is consumed by `holder`, or by nobody (0): what was in flight is sent again. */
void named_hold(named *n, uint64_t holder, trial_text client, trial_instant now);

/** Another event was sent. There is room: ask named_room(). */
void named_sent(named *n, uint64_t position);
uint32_t named_room(const named_list *list, const named *n);

/** Nothing is in flight and all before `next` was looked at. */
void named_passed(named *n, uint64_t next);

/**
 * Acknowledge all that was sent up to `position`; or the one event there, where it is replayed.
 * Fails with INVALID: nothing so far along was sent.
 */
TRIAL_MUST_USE trial_code
named_ack(named_list *list, named *n, uint64_t position, uint64_t looked_at, trial_error *err);

/** Set one event aside. Fails with NOT_FOUND (it is not in flight), BUSY (too many are parked),
 * INVALID (the reason is too long). */
TRIAL_MUST_USE trial_code named_park(named_list *list,
                                     named *n,
                                     uint64_t position,
                                     uint64_t looked_at,
                                     trial_text reason,
                                     trial_instant now,
                                     trial_error *err);

named_parked *named_find_parked(const named *n, uint64_t position); /* NULL: it is not */

/** Have all that is parked sent again; returns how many that is. */
uint32_t named_replay(named_list *list, named *n);

/** The next replayed event that was not sent to the consumer of now, NULL where there is none. */
named_parked *named_next_replayed(const named *n);

/** Put the positions that have changed; they lie on disk with the next commit. */
void named_put_positions(named_list *list);
bool named_has_changed(const named_list *list);

#endif
