/* frame.h - MessagePack-RPC: requests, responses and notifications as one frame each. */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include "pack.h"
#include "trial/request.h"

typedef enum proto_frame_kind {
    PROTO_REQUEST,
    PROTO_RESPONSE,
    PROTO_NOTIFICATION,
} proto_frame_kind;

/** A frame taken apart; spans point into it. */
typedef struct proto_frame {
    proto_frame_kind kind;
    uint32_t msgid;
    trial_text method;  /* requests and notifications */
    trial_bytes params; /* the one map; a canonical empty map where params was [] */
    trial_bytes error;  /* responses: nil or a map */
    trial_bytes result;
} proto_frame;

/** Limits of a frame that are settings. */
typedef struct proto_frame_limits {
    uint32_t request_bytes;
    uint32_t request_events;
    uint32_t event_depth;
} proto_frame_limits;

/**
 * Scan a frame and take it apart. ret_frame->msgid is set also where a request's contents are at
 * fault, so that the peer can be answered; it is 0 where the frame cannot be read as a request.
 * Fails with MALFORMED, INVALID or TOO_LARGE; index is that of the event of an append at fault.
 */
TRIAL_MUST_USE trial_code proto_frame_read(trial_bytes bytes,
                                           const proto_frame_limits *limits,
                                           proto_frame *ret_frame,
                                           trial_error *err);

/**
 * Read the parameters of a request. Spans point into the frame and the arena.
 * Fails with UNSUPPORTED (no such method), INVALID (missing or unknown parameter, wrong type).
 */
TRIAL_MUST_USE trial_code proto_request_read(const proto_frame *frame,
                                             trial_arena *arena,
                                             trial_request *ret_request,
                                             trial_error *err);

/** The items of a list value (append's `events`), each as its bytes; the list is whole, as a scan
 * or a skip has found it. INVALID where it is no list. */
TRIAL_MUST_USE trial_code proto_list_read(trial_bytes list,
                                          trial_arena *arena,
                                          trial_bytes **ret_items,
                                          uint32_t *ret_count,
                                          trial_error *err);

/* Writing. A request: begin, one map with pack_put_map and so on. A response: begin_result, one
 * value. */
void proto_put_request(pack_writer *writer, uint32_t msgid, const char *method); /* then one map */
void proto_put_result(pack_writer *writer, uint32_t msgid); /* then one value */
void proto_put_error(pack_writer *writer, uint32_t msgid, const trial_error *err);
void proto_put_notification(pack_writer *writer, const char *method); /* then one map */

/** Read a response's error map back into a trial_error (client). */
void proto_error_read(trial_bytes map, trial_error *ret_err);

#endif
