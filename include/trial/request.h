/* request.h - what a peer may ask, made from the rows of requests.def. */
#ifndef TRIAL_REQUEST_H
#define TRIAL_REQUEST_H

#include "trial/shape.h"

typedef enum trial_method {
#define REQUEST(lower, UPPER, name, role, doc, result, ...) TRIAL_METHOD_##UPPER,
#include "trial/requests.def"
    TRIAL_METHOD_COUNT
} trial_method;

#include "trial/fields_struct.inc"
#define REQUEST(lower, UPPER, name, role, doc, result, ...)                                        \
    struct trial_request_##lower {                                                                 \
        bool is_read; /* its parameters were read */                                               \
        __VA_ARGS__                                                                                \
    };
#include "trial/requests.def"

#include "trial/fields_end.inc"

/** One row of requests.def. */
typedef struct trial_method_row {
    const char *name;
    trial_role role; /* that it asks for; NONE: whoever has any may ask */
    const char *doc;
    const char *result;
    const trial_shape *(*shape)(void);
} trial_method_row;

const trial_method_row *trial_method_row_of(trial_method method);
trial_method trial_method_named(trial_text name); /* TRIAL_METHOD_COUNT where there is none */

/** One request, read; spans and lists as in trial_event. */
typedef struct trial_request {
    trial_method method;
    uint32_t msgid;
    union {
#define REQUEST(lower, UPPER, name, role, doc, result, ...) struct trial_request_##lower lower;
#include "trial/requests.def"
    } as;
} trial_request;

#endif
