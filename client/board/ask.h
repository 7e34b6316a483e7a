/* ask.h - questions to the daemon that nobody waits for: the answer comes back through a call. All
 * of them share one connection, so a slow question stands in nobody's way here. */
#ifndef BOARD_ASK_H
#define BOARD_ASK_H

#include "trial/client.h"

typedef struct board_asker board_asker;

/** What came of a question. `result` is NULL where it failed and lives for the call only. */
typedef void asker_done(void *context, const trial_value *result, const trial_error *error);

/**
 * Make an asker; it connects in the background.
 *
 * daemon  how it is reached; borrowed for good.
 * room    most questions under way at once.
 */
TRIAL_MUST_USE trial_code asker_open(const trial_client_settings *daemon,
                                     uint32_t room,
                                     board_asker **ret_asker,
                                     trial_error *err);
void asker_close(board_asker *asker); /* NULL is fine; nobody is called any more */

/** For other clients that are to share its ZeroMQ context. */
const trial_client *asker_client(const board_asker *asker);

/**
 * Ask; `done` is called from asker_turn(), once, at the latest with BUSY after `wait_ms`.
 * Fails with BUSY (nothing was sent, `done` is not called) or TOO_LARGE.
 */
TRIAL_MUST_USE trial_code asker_ask(board_asker *asker,
                                    const char *method,
                                    const trial_value *params,
                                    uint32_t wait_ms,
                                    asker_done *done,
                                    void *context,
                                    trial_error *err);

/** Call nobody for that context any more. */
void asker_forget(board_asker *asker, const void *context);

/** Take what came, and give up what is over its time. True: something was done. */
bool asker_turn(board_asker *asker);

int asker_fd(const board_asker *asker);         /* polls readable when something may have come */
uint32_t asker_count(const board_asker *asker); /* questions under way */

#endif
