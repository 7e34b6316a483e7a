/* follow.h - the subscriptions to the daemon, one for the whole log and one for each programme that
 * somebody looks at, each with its ring. */
#ifndef BOARD_FOLLOW_H
#define BOARD_FOLLOW_H

#include "ring.h"
#include "trial/client.h"

typedef struct board_follow board_follow;
typedef struct board_follows board_follows;

/**
 * Begin to follow the log.
 *
 * daemon  how it is reached; its text is borrowed for good.
 * beside  the client whose ZeroMQ context is shared; it is closed last.
 * room    most programmes at once.
 */
board_follows *follows_open(const trial_client_settings *daemon,
                            const trial_client *beside,
                            uint32_t room,
                            uint32_t ring_events,
                            size_t ring_bytes);
void follows_close(board_follows *follows); /* NULL is fine */

/** Take what came. True: an event did. */
bool follows_turn(board_follows *follows);

/** Fill with descriptors that poll readable; returns how many, at most `room`. */
uint32_t follows_fds(const board_follows *follows, int *ret_fds, uint32_t room);

/** How often a subscription was lost and made anew since the start. */
uint64_t follows_mended(const board_follows *follows);

/** The log's name; "" where the daemon was never heard. */
const char *follows_log(const board_follows *follows);

/** Counts how often the daemon turned out to have another log; all positions mean something else
 * then. */
uint64_t follows_generation(const board_follows *follows);

/** That of a programme, absent for the whole log, held once more. NULL: too many programmes. */
board_follow *follow_hold(board_follows *follows, trial_text programme);
void follow_release(board_follow *follow); /* NULL is fine */

const board_ring *follow_ring(const board_follow *follow);
bool follow_is_placed(const board_follow *follow); /* its ring has a beginning */
bool follow_is_live(
    const board_follow *follow); /* the daemon speaks, and all it had was received */
uint64_t follow_head(const board_follow *follow); /* the last position we have heard of */

#endif
