/* limits.h - every bound that is not a setting, with its unit in its name and its reason beside it.
 */
#ifndef TRIAL_LIMITS_H
#define TRIAL_LIMITS_H

#include <assert.h>

#define TRIAL_PROTOCOL_VERSION 1

/* The event, as the contract states it. */
#define TRIAL_ID_BYTES_MAX 128
#define TRIAL_SOURCE_BYTES_MAX 256
#define TRIAL_SUBJECT_BYTES_MAX 256
#define TRIAL_TYPE_BYTES_MAX 64      /* the longest row of events.def has room to double */
#define TRIAL_TIME_BYTES_MAX 40      /* 2100-12-31T23:59:59.123456789+14:00 is 35 */
#define TRIAL_ATTRIBUTE_BYTES_MAX 20 /* the name of an extension attribute */
#define TRIAL_TIME_YEAR_MIN 1900
#define TRIAL_TIME_YEAR_MAX 2100
#define TRIAL_SALT_BYTES 32
#define TRIAL_HASH_BYTES 32
#define TRIAL_KEY_TEXT_BYTES 41 /* 32 bytes of a CURVE key in Z85, and the NUL */

/* Defaults of the limits that are settings. */
#define TRIAL_EVENT_BYTES_DEFAULT (64 * 1024)
#define TRIAL_EVENT_DEPTH_DEFAULT 16
#define TRIAL_REQUEST_EVENTS_DEFAULT 1024
#define TRIAL_REQUEST_BYTES_DEFAULT (4 * 1024 * 1024)

/* Ceilings of those settings: the readers' fixed stacks and buffers rest on them. */
#define TRIAL_EVENT_DEPTH_MAX 32
#define TRIAL_EVENT_BYTES_MAX (1024 * 1024)
#define TRIAL_REQUEST_EVENTS_MAX 16384
#define TRIAL_REQUEST_BYTES_MAX (64 * 1024 * 1024)
#define TRIAL_REQUEST_DEPTH_EXTRA 4   /* frame, params list, params map, events list */
#define TRIAL_EVENT_ELEMENTS_MAX 4096 /* values and keys of one event: bounds a bomb of nils */

#define TRIAL_READ_EVENTS_MAX 1024  /* events of one answer or notification */
#define TRIAL_CREDIT_DEFAULT 1024   /* events a new subscription may be sent */
#define TRIAL_CREDIT_MAX (1u << 24) /* credit added beyond this is cut to it */
#define TRIAL_SUBSCRIPTIONS_PER_PEER_MAX 64
#define TRIAL_NAME_BYTES_MAX 64         /* the name of a subscription, and of who consumes it */
#define TRIAL_PARK_REASON_BYTES_MAX 256 /* a sentence: why an event was parked */
#define TRIAL_HEARTBEAT_MS 1000
#define TRIAL_PEER_JOBS_MAX 4096   /* reads and queries of one peer that wait; one more is `busy` */
#define TRIAL_TYPES_FILTER_MAX 64  /* entries of `types` in a read or subscribe */
#define TRIAL_QUERY_ROWS_MAX 10000 /* rows of one answer: what its bytes may hold */
#define TRIAL_WHERE_MAX 32         /* conditions of one query */

/* The turn: what has arrived, up to here, shares one flush. */
#define TRIAL_TURN_REQUESTS_MAX 4096
#define TRIAL_TURN_BYTES_MAX (16 * 1024 * 1024) /* four of the largest default requests */

static_assert(TRIAL_TURN_BYTES_MAX >= TRIAL_REQUEST_BYTES_DEFAULT, "a turn holds one request");
static_assert(TRIAL_EVENT_DEPTH_DEFAULT <= TRIAL_EVENT_DEPTH_MAX, "a default is in its range");

#endif
