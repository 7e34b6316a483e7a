/* subscribers.h - who is sent events as they come. At the tail from memory, behind it from pages
 * that readers fetch; never dropped, never waited for. Belongs to the loop's thread. */
#ifndef ENGINE_SUBSCRIBERS_H
#define ENGINE_SUBSCRIBERS_H

#include "engine.h"
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

/** `request_bytes`: a notification stays under it. */
subscribers *subscribers_new(uint32_t request_bytes, subscribers_send *send, void *context);
void subscribers_done(subscribers *s); /* NULL is fine */

/**
 * Open a subscription. `head`: the last position flushed; from = 0 starts behind it.
 *
 * Fails with INVALID (a parameter), BUSY (too many of one peer).
 */
TRIAL_MUST_USE trial_code subscribers_open(subscribers *s,
                                           trial_bytes peer,
                                           bool is_delimited,
                                           const struct trial_request_subscribe *request,
                                           uint64_t head,
                                           uint64_t now_ms,
                                           uint64_t *ret_id,
                                           trial_error *err);

/** Notifications of a peer; one that names no subscription of that peer does nothing. */
void subscribers_credit(subscribers *s, trial_bytes peer, trial_bytes params);
void subscribers_unsubscribe(subscribers *s, trial_bytes peer, trial_bytes params);

/** Take in what a turn added; `head` is the last position flushed. Sends nothing yet. */
void subscribers_add(subscribers *s, const engine_added *added, uint32_t count);

/** Send everybody what they may be sent, then heartbeats to who has heard nothing for a second. */
void subscribers_pump(subscribers *s, uint64_t head, uint64_t now_ms);

/** A page that somebody behind waits for, as a job; NULL where there is none. */
readers_job *subscribers_next_page(subscribers *s, uint64_t head, uint64_t now_ms);

/** A page has come. */
void subscribers_take_page(subscribers *s, const readers_job *job, uint64_t now_ms);

uint32_t subscribers_count(const subscribers *s);

/** Does anybody wait for its peer to take more? Then pump again soon. */
bool subscribers_are_held(const subscribers *s);

#endif
