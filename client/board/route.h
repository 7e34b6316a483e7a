/* route.h - what a request's target asks for: a path and a query, taken apart strictly. It knows no
 * HTTP library; whatever is odd is refused, so that nobody downstream reads it another way. */
#ifndef BOARD_ROUTE_H
#define BOARD_ROUTE_H

#include "trial/arena.h"

#define ROUTE_PARAMS_MAX 48 /* every condition of a query, and the parameters beside them */

typedef enum route_kind {
    ROUTE_FILE, /* a path of the pages, looked up in their table */
    ROUTE_INDEX,
    ROUTE_VIEW,
    ROUTE_ROW,
    ROUTE_LOG,
    ROUTE_CATALOGUE,
    ROUTE_STATUS,
    ROUTE_EVENTS,
    ROUTE_METRICS,
    ROUTE_HEALTH,
    ROUTE_READY,
} route_kind;

typedef struct route_param {
    trial_text name;
    trial_text value;
} route_param;

typedef struct board_route {
    route_kind kind;
    trial_text path; /* decoded */
    trial_text view; /* of a view or row */
    trial_text key;  /* of a row, decoded */
    route_param params[ROUTE_PARAMS_MAX];
    uint32_t param_count;
} board_route;

/**
 * Read a target, `/api/v1/trial?state=running`.
 *
 * ret_route  its text lives in the arena.
 *
 * Fails with MALFORMED  no absolute path, a byte that must be encoded, a bad percent, NUL, control
 *                       characters or bad UTF-8 behind one, a dot segment
 *            INVALID    a parameter without `=`, without a name, twice, or that nothing here takes
 *            TOO_LARGE  more parameters than ROUTE_PARAMS_MAX
 *            NOT_FOUND  no such path
 */
TRIAL_MUST_USE trial_code route_read(trial_text target,
                                     trial_arena *arena,
                                     board_route *ret_route,
                                     trial_error *err);

/** The value of a parameter; absent text where it was not given. */
trial_text route_param_get(const board_route *route, const char *name);

/** Is the parameter one of the route's own, and not a condition on a field? */
bool route_is_own(const board_route *route, trial_text name);

/** The names of the views, in the order of views.def; NULL behind the last. */
const char *route_view_name(uint32_t index);

#endif
