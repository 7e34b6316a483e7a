/* subscribers.h - who is sent events as they come. At the tail from memory, behind it from pages
 * that readers fetch; never dropped, never waited for. Belongs to the loop's thread. */
#ifndef ENGINE_SUBSCRIBERS_H
#define ENGINE_SUBSCRIBERS_H

#include "engine.h"
#include "named.h"
#include "readers.h"

typedef struct subscribers subscribers;

typedef enum subscribers_sent {
    SUBSCRIBERS_SENT,
    SUBSCRIBERS_FULL, /* the peer takes nothing now: the events are sent later */
    SUBSCRIBERS_GONE, /* the peer is no more: so are its subscriptions */
} subscribers_sent;

/** Sends one notification frame to a peer, without waiting. */
typedef subscribers_sent
subscribers_send(void *context, trial_bytes peer, bool is_delimited, trial_bytes frame);

/** `request_bytes`: a notification stays under it. `list`: borrowed; positions of named
 * subscriptions are kept there. */
subscribers *
subscribers_new(uint32_t request_bytes, named_list *list, subscribers_send *send, void *context);
void subscribers_done(subscribers *s); /* NULL is fine */

/** The filter of a request, its spans borrowed. Fails with INVALID. */
TRIAL_MUST_USE trial_code subscribers_filter(const struct trial_request_subscribe *request,
                                             answers_filter *ret_filter,
                                             trial_error *err);

/** May the peer have one more? Fails with BUSY. */
TRIAL_MUST_USE trial_code subscribers_check_room(const subscribers *s,
                                                 trial_bytes peer,
                                                 trial_error *err);

/**
 * Open a subscription. `head`: the last position flushed; from = 0 starts behind it. `n`: the named
 * one that it consumes, where it left off; nobody else does. NULL: it has no name. `owner`: whose
 * rights it rests on; 0 where nobody is asked.
 *
 * Fails with INVALID (a parameter), BUSY (too many of one peer).
 */
TRIAL_MUST_USE trial_code subscribers_open(subscribers *s,
                                           trial_bytes peer,
                                           bool is_delimited,
                                           const struct trial_request_subscribe *request,
                                           named *n,
                                           uint64_t owner,
                                           uint64_t head,
                                           uint64_t now_ms,
                                           uint64_t *ret_id,
                                           trial_error *err);

/** Notifications of a peer; one that names no subscription of that peer does nothing. */
void subscribers_credit(subscribers *s, trial_bytes peer, trial_bytes params, uint64_t now_ms);
void subscribers_unsubscribe(subscribers *s, trial_bytes peer, trial_bytes params);

/** Is it a subscription of that peer? */
bool subscribers_is_of(const subscribers *s, uint64_t id, trial_bytes peer);

/** Is there such a subscription, and its peer connected? The peer is sent a heartbeat. */
bool subscribers_is_alive(subscribers *s, uint64_t id, uint64_t head, uint64_t now_ms);

/** The first position that a subscription has not looked at. */
uint64_t subscribers_looked_at(const subscribers *s, uint64_t id);

/** Nothing is sent to a subscription while it is held. */
void subscribers_hold(subscribers *s, uint64_t id, bool is_held);

/** End a subscription and tell its peer why, for programs and for people. */
void subscribers_end(
    subscribers *s, uint64_t id, trial_code code, const char *reason, uint64_t now_ms);

/** End every subscription whose owner has lost its right, and tell its peer why. */
void subscribers_end_where(subscribers *s,
                           bool (*has_lost)(void *context, uint64_t owner),
                           void *context,
                           trial_code code,
                           const char *reason,
                           uint64_t now_ms);

/** Take in what a turn added; `head` is the last position flushed. Sends nothing yet. */
void subscribers_add(subscribers *s, const engine_added *added, uint32_t count);

/** Send everybody what they may be sent, then heartbeats to who has heard nothing for a second. */
void subscribers_pump(subscribers *s, uint64_t head, uint64_t now_ms);

/** When the next heartbeat is due, UINT64_MAX where nobody is to have one. */
uint64_t subscribers_due_ms(const subscribers *s);

/** A page that somebody behind waits for, as a job; NULL where there is none. */
readers_job *subscribers_next_page(subscribers *s, uint64_t head, uint64_t now_ms);

/** A page has come. */
void subscribers_take_page(subscribers *s, const readers_job *job, uint64_t now_ms);

uint32_t subscribers_count(const subscribers *s);

/** Positions up to `head` that the furthest behind has not looked at. */
uint64_t subscribers_lag(const subscribers *s, uint64_t head);

/** Does anybody wait for its peer to take more? Then pump again soon. */
bool subscribers_are_held(const subscribers *s);

#endif
