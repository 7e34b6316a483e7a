/* streams.h - the three streams that a program takes for given: whoever started it may have closed
 * them. */
#ifndef PROTO_STREAMS_H
#define PROTO_STREAMS_H

#include <stdbool.h>

/**
 * Take the places of standard streams that are closed, before anything is opened: else the next
 * file that is gets the number, and what is said to a person is written into a store. Whoever reads
 * or writes such a stream is told EBADF, as before.
 */
void proto_streams_hold(void);

/** Has everything that was printed on stdout arrived? errno says why it has not. */
bool proto_streams_arrived(void);

#endif
