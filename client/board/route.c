/* route.c - see route.h. */
#include "route.h"

#include "pack.h"

#define API "/api/v1/"
#define SEGMENTS_MAX 4 /* of a path below the API; a file's path is not taken apart */

static const char *const view_names[] = {
#define COLUMN(name, doc)
#define VIEW(lower, UPPER, name, row, answers, kinds, columns) name,
#include "trial/views.def"
    NULL,
};

/* Where there is no view: the fixed paths, and the parameters each takes. */
static const struct fixed {
    const char *path;
    route_kind kind;
    const char
        *params; /* with a space before and behind each; NULL: any, for the page reads them */
} fixed[] = {
    { API, ROUTE_INDEX, "" },
    { API "log", ROUTE_LOG, " from limit subject types programme backwards as_of known_at " },
    { API "catalogue", ROUTE_CATALOGUE, "" },
    { API "status", ROUTE_STATUS, "" },
    { API "events", ROUTE_EVENTS, " from subject types programme last_event_id " },
    { "/metrics", ROUTE_METRICS, "" },
    { "/healthz", ROUTE_HEALTH, "" },
    { "/readyz", ROUTE_READY, "" },
};
#define FIXED_COUNT (sizeof fixed / sizeof fixed[0])

static const char view_params[] = " as_of known_at limit after key ";
static const char row_params[] = " as_of known_at ";

const char *route_view_name(uint32_t index)
{
    TRIAL_ASSERT(index < sizeof view_names / sizeof view_names[0]);
    return view_names[index];
}

trial_text route_param_get(const board_route *route, const char *name)
{
    for (uint32_t i = 0; i < route->param_count; i++) {
        if (trial_text_is(route->params[i].name, name)) {
            return route->params[i].value;
        }
    }
    return (trial_text){ NULL, 0 };
}

/* Is the name one of a list with a space before and behind each? */
static bool is_listed(const char *list, trial_text name)
{
    size_t size = strlen(list);
    const char *at = size == 0 ? NULL : memmem(list, size, name.at, name.size);

    while (at != NULL) {
        if (at > list && at[-1] == ' ' && at[name.size] == ' ') {
            return true;
        }
        at++;
        at = memmem(at, size - (size_t)(at - list), name.at, name.size);
    }
    return false;
}

static const char *params_of(const board_route *route)
{
    if (route->kind == ROUTE_VIEW) {
        return view_params;
    }
    if (route->kind == ROUTE_ROW) {
        return row_params;
    }
    for (size_t i = 0; i < FIXED_COUNT; i++) {
        if (fixed[i].kind == route->kind) {
            return fixed[i].params;
        }
    }
    return NULL;
}

bool route_is_own(const board_route *route, trial_text name)
{
    const char *list = params_of(route);

    return list != NULL && name.size > 0 && memchr(name.at, ' ', name.size) == NULL &&
           is_listed(list, name);
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode %XX, and + where it is a query's. */
static trial_code
decode(trial_text text, bool is_query, trial_arena *arena, trial_text *ret_text, trial_error *err)
{
    char *out = trial_arena_room(arena, text.size + 1);
    uint32_t size = 0;
    trial_text decoded;

    for (uint32_t i = 0; i < text.size; i++) {
        char c = text.at[i];

        if (c == '%') {
            bool has_two = text.size - i > 2;
            int high = has_two ? digit_of(text.at[i + 1]) : -1;
            int low = has_two ? digit_of(text.at[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return trial_fail(
                    err, TRIAL_MALFORMED, "a percent sign is not followed by two hex digits");
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        if ((unsigned char)c < 0x20 || c == 0x7f) {
            return trial_fail(
                err, TRIAL_MALFORMED, "a control character is encoded in the address");
        }
        out[size++] = c;
    }
    decoded = (trial_text){ out, size };
    if (pack_text_valid(decoded) != size) {
        return trial_fail(err, TRIAL_MALFORMED, "the address is not UTF-8 where it is encoded");
    }
    *ret_text = decoded;
    return TRIAL_OK;
}

/* Nothing but what an address may hold as it is. */
static trial_code check_bytes(trial_text target, trial_error *err)
{
    if (target.size == 0 || target.at[0] != '/') {
        return trial_fail(err, TRIAL_MALFORMED, "an address here begins with a slash");
    }
    for (uint32_t i = 0; i < target.size; i++) {
        unsigned char c = (unsigned char)target.at[i];

        if (c <= ' ' || c >= 0x7f || strchr("\"#<>\\^`{|}", c) != NULL) {
            return trial_fail(
                err, TRIAL_MALFORMED, "byte %u of the address must be percent-encoded", i + 1);
        }
    }
    return TRIAL_OK;
}

/* The segments between slashes; dots that would climb are refused, encoded or not. */
static trial_code read_segments(trial_text path,
                                trial_arena *arena,
                                trial_text *ret_segments,
                                uint32_t *ret_count,
                                trial_error *err)
{
    uint32_t from = 1;
    uint32_t count = 0;

    while (from <= path.size) {
        const char *slash = memchr(path.at + from, '/', path.size - from);
        uint32_t end = slash == NULL ? path.size : (uint32_t)(slash - path.at);
        trial_text segment = { path.at + from, end - from };
        trial_code code = decode(segment, false, arena, &segment, err);

        if (code != TRIAL_OK) {
            return code;
        }
        if (trial_text_is(segment, ".") || trial_text_is(segment, "..")) {
            return trial_fail(err, TRIAL_MALFORMED, "the address has a dot for a segment");
        }
        if (count < SEGMENTS_MAX) {
            ret_segments[count] = segment;
        }
        count++;
        from = end + 1;
    }
    *ret_count = count;
    return TRIAL_OK;
}

static bool is_view(trial_text name)
{
    for (size_t i = 0; view_names[i] != NULL; i++) {
        if (trial_text_is(name, view_names[i])) {
            return true;
        }
    }
    return false;
}

/* Below the API: /api/v1/VIEW and /api/v1/VIEW/KEY. */
static bool
find_view(const trial_text *segments, uint32_t count, trial_text path, board_route *ret_route)
{
    if (count < 3 || count > 4 || !trial_text_starts(path, TRIAL_TEXT(API)) ||
        !is_view(segments[2])) {
        return false;
    }
    ret_route->kind = count == 3 ? ROUTE_VIEW : ROUTE_ROW;
    ret_route->view = segments[2];
    if (count == 4) {
        ret_route->key = segments[3];
    }
    return count == 3 || segments[3].size > 0;
}

static trial_code
read_path(trial_text path, trial_arena *arena, board_route *ret_route, trial_error *err)
{
    trial_text segments[SEGMENTS_MAX] = { { NULL, 0 } };
    uint32_t count = 0;
    trial_code code = read_segments(path, arena, segments, &count, err);

    if (code == TRIAL_OK) {
        code = decode(path, false, arena, &ret_route->path, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    for (size_t i = 0; i < FIXED_COUNT; i++) {
        if (trial_text_is(path, fixed[i].path)) {
            ret_route->kind = fixed[i].kind;
            return TRIAL_OK;
        }
    }
    if (find_view(segments, count, path, ret_route)) {
        return TRIAL_OK;
    }
    if (trial_text_starts(path, TRIAL_TEXT("/api/"))) {
        return trial_fail(err,
                          TRIAL_NOT_FOUND,
                          "there is no '%.*s' here; " API " lists what there is",
                          TRIAL_TEXT_ARGS(ret_route->path));
    }
    ret_route->kind = ROUTE_FILE;
    return TRIAL_OK;
}

static trial_code
take_param(trial_text pair, trial_arena *arena, board_route *route, trial_error *err)
{
    const char *equals = memchr(pair.at, '=', pair.size);
    uint32_t name_size = equals == NULL ? 0 : (uint32_t)(equals - pair.at);
    route_param param = { { NULL, 0 }, { NULL, 0 } };
    trial_code code;

    if (name_size == 0) {
        return trial_fail(err, TRIAL_INVALID, "a parameter of the address is not NAME=VALUE");
    }
    code = decode((trial_text){ pair.at, name_size }, true, arena, &param.name, err);
    if (code == TRIAL_OK) {
        code = decode(
            (trial_text){ equals + 1, pair.size - name_size - 1 }, true, arena, &param.value, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    for (uint32_t i = 0; i < route->param_count; i++) {
        if (trial_text_equal(route->params[i].name, param.name)) {
            (void)trial_fail(err,
                             TRIAL_INVALID,
                             "the parameter '%.*s' is there twice",
                             TRIAL_TEXT_ARGS(param.name));
            return trial_fail_field(err, "%.*s", TRIAL_TEXT_ARGS(param.name));
        }
    }
    if (route->param_count == ROUTE_PARAMS_MAX) {
        return trial_fail(err, TRIAL_TOO_LARGE, "more than %d parameters", ROUTE_PARAMS_MAX);
    }
    route->params[route->param_count++] = param;
    return TRIAL_OK;
}

static trial_code
read_query(trial_text query, trial_arena *arena, board_route *route, trial_error *err)
{
    uint32_t from = 0;

    while (from < query.size) {
        const char *mark = memchr(query.at + from, '&', query.size - from);
        uint32_t end = mark == NULL ? query.size : (uint32_t)(mark - query.at);
        trial_code code =
            take_param((trial_text){ query.at + from, end - from }, arena, route, err);

        if (code != TRIAL_OK) {
            return code;
        }
        from = end + 1;
    }
    return TRIAL_OK;
}

/* A view takes its fields as conditions, and the daemon knows which those are; a file's page reads
 * its query itself. */
static trial_code check_params(const board_route *route, trial_error *err)
{
    if (route->kind == ROUTE_VIEW || route->kind == ROUTE_FILE) {
        return TRIAL_OK;
    }
    for (uint32_t i = 0; i < route->param_count; i++) {
        trial_text name = route->params[i].name;

        if (!route_is_own(route, name)) {
            (void)trial_fail(err,
                             TRIAL_INVALID,
                             "'%.*s' is no parameter of %.*s",
                             TRIAL_TEXT_ARGS(name),
                             TRIAL_TEXT_ARGS(route->path));
            return trial_fail_field(err, "%.*s", TRIAL_TEXT_ARGS(name));
        }
    }
    return TRIAL_OK;
}

trial_code
route_read(trial_text target, trial_arena *arena, board_route *ret_route, trial_error *err)
{
    const char *mark;
    trial_text path = target;
    trial_code code = check_bytes(target, err);

    memset(ret_route, 0, sizeof *ret_route);
    if (code != TRIAL_OK) {
        return code;
    }
    mark = memchr(target.at, '?', target.size);
    if (mark != NULL) {
        path.size = (uint32_t)(mark - target.at);
    }
    code = read_path(path, arena, ret_route, err);
    if (code == TRIAL_OK && mark != NULL) {
        code = read_query(
            (trial_text){ mark + 1, target.size - path.size - 1 }, arena, ret_route, err);
    }
    return code == TRIAL_OK ? check_params(ret_route, err) : code;
}
