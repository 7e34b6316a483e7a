/* http_exchange.c - one request from its first byte to the end of its answer. Whatever is odd about
 * it is refused here, before the desk sees it. */
#include "http.h"

#include "host.h"
#include "json.h"
#include "word.h"

#include <stdlib.h>

#define STREAM_BLOCK                                                                               \
    16384 /* of a stream's answer at most; the connection's memory may give less                   \
           */
#define ETAG_BYTES 96

/* What every answer carries. A page runs what it came with and speaks to us alone. */
static const struct header {
    const char *name;
    const char *value;
} headers[] = {
    { "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
      "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'" },
    { "X-Content-Type-Options", "nosniff" },
    { "Referrer-Policy", "no-referrer" },
    { "Cross-Origin-Opener-Policy", "same-origin" },
};

static board_guest *guest_of(const board_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info->socket_context;
}

static void place_guest(const board_exchange *exchange, guest_place place)
{
    board_guest *guest = guest_of(exchange);

    guest->stands_at = place;
    guest->since_ms = exchange->http->now_ms;
}

void http_resume(board_exchange *exchange)
{
    if (exchange->is_suspended) {
        exchange->is_suspended = false;
        MHD_resume_connection(exchange->connection);
    }
}

const board_route *exchange_route(const board_exchange *exchange)
{
    return &exchange->route;
}

trial_arena *exchange_arena(board_exchange *exchange)
{
    return &exchange->arena;
}

trial_text exchange_header(const board_exchange *exchange, const char *name)
{
    return trial_text_of(MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name));
}

void exchange_keep(board_exchange *exchange, void *work, exchange_forget *forget)
{
    exchange->work = work;
    exchange->forget = forget;
}

/* A request's line has come, and nothing more is known of it. */
void *http_on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    board_http *http = context;
    board_exchange *exchange = trial_memory(sizeof *exchange);
    size_t size = strlen(target);

    exchange->http = http;
    exchange->connection = connection;
    exchange->target_size = size;
    exchange->fault = TRIAL_ERROR_NONE;
    exchange->next = http->exchanges;
    if (exchange->next != NULL) {
        exchange->next->before = exchange;
    }
    http->exchanges = exchange;
    if (size > http->board->settings.url_bytes) {
        exchange->fault_status = MHD_HTTP_URI_TOO_LONG;
        (void)trial_fail(&exchange->fault,
                         TRIAL_TOO_LARGE,
                         "the address has %zu bytes; at most %llu are taken",
                         size,
                         (unsigned long long)http->board->settings.url_bytes);
        return exchange;
    }
    if (route_read((trial_text){ target, (uint32_t)size },
                   &exchange->arena,
                   &exchange->route,
                   &exchange->fault) == TRIAL_MALFORMED) {
        exchange->fault_status = MHD_HTTP_BAD_REQUEST;
    }
    return exchange;
}

void http_on_completed(void *context,
                       struct MHD_Connection *connection,
                       void **request_context,
                       enum MHD_RequestTerminationCode why)
{
    board_exchange *exchange = *request_context;
    board_http *http = context;

    (void)connection;
    (void)why;
    if (exchange == NULL) {
        return;
    }
    if (exchange->forget != NULL) {
        exchange->forget(exchange->work);
    }
    if (exchange->stream != NULL) {
        stream_close(exchange->stream);
        http->board->counts.streams--;
    }
    if (exchange->response != NULL) {
        MHD_destroy_response(exchange->response);
    }
    http->answer_count -= exchange->is_counted ? 1 : 0;
    if (exchange->before != NULL) {
        exchange->before->next = exchange->next;
    } else {
        http->exchanges = exchange->next;
    }
    if (exchange->next != NULL) {
        exchange->next->before = exchange->before;
    }
    place_guest(exchange, GUEST_ASKING);
    trial_arena_done(&exchange->arena);
    free(exchange);
    *request_context = NULL;
}

/* Is it a name as RFC 9110 writes them? What is none, another server might read as one. */
static bool is_name(const char *name)
{
    static const char letters[] = "!#$%&'*+-.^_`|~0123456789"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    return name[0] != '\0' && name[strspn(name, letters)] == '\0';
}

/* Headers that may stand once, and how often they do. */
struct header_counts {
    uint32_t host;
    uint32_t length;
    uint32_t encoding;
    bool has_body;
    bool is_odd; /* one has a name that is none */
};

static enum MHD_Result
count_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct header_counts *counts = context;

    (void)kind;
    counts->is_odd = counts->is_odd || !is_name(name);
    if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0) {
        counts->host++;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        counts->length++;
        counts->has_body = counts->has_body || value == NULL || strcmp(value, "0") != 0;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        counts->encoding++;
    }
    return MHD_YES;
}

static void
set_fault(board_exchange *exchange, unsigned status, trial_code code, const char *sentence)
{
    exchange->fault_status = status;
    (void)trial_fail(&exchange->fault, code, "%s", sentence);
}

/* Is the request's line a method, a target and a version with one space between them? The library
 * keeps the three where it read them, so what it passed over (more spaces, or all behind a NUL)
 * shows in the distance between them. */
static bool is_plain_line(const board_exchange *exchange, const char *method, const char *version)
{
    uintptr_t distance = (uintptr_t)version - (uintptr_t)method;

    return (strcmp(version, MHD_HTTP_VERSION_1_1) == 0 ||
            strcmp(version, MHD_HTTP_VERSION_1_0) == 0) &&
           distance == strlen(method) + 1 + exchange->target_size + 1;
}

/* Nothing here takes a body, so whoever sends one is answered and cut: there is no second request
 * to be smuggled behind the first. True: it is to be cut. */
static bool check_headers(board_exchange *exchange, const char *method, const char *version)
{
    struct header_counts counts = { 0 };
    trial_text host;

    (void)MHD_get_connection_values(/* returns how many there are */
                                    exchange->connection,
                                    MHD_HEADER_KIND,
                                    count_header,
                                    &counts);
    if (counts.is_odd || !is_plain_line(exchange, method, version)) {
        set_fault(exchange,
                  MHD_HTTP_BAD_REQUEST,
                  TRIAL_MALFORMED,
                  "the request's line or the name of a header is not HTTP/1.1 to the letter");
        return true;
    }
    if (counts.encoding > 0 || counts.length > 1) {
        set_fault(exchange,
                  MHD_HTTP_BAD_REQUEST,
                  TRIAL_MALFORMED,
                  "a request here has no body, no Transfer-Encoding and one length at most");
        return true;
    }
    if (counts.has_body) {
        set_fault(exchange,
                  MHD_HTTP_CONTENT_TOO_LARGE,
                  TRIAL_TOO_LARGE,
                  "a request here has no body: the gateway only reads");
        return true;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        set_fault(exchange,
                  MHD_HTTP_METHOD_NOT_ALLOWED,
                  TRIAL_UNSUPPORTED,
                  "the gateway only reads: GET and HEAD");
        return false;
    }
    if (counts.host > 1 || (counts.host == 0 && strcmp(version, MHD_HTTP_VERSION_1_0) != 0)) {
        set_fault(exchange, MHD_HTTP_BAD_REQUEST, TRIAL_MALFORMED, "a request names its host once");
        return true;
    }
    host = exchange_header(exchange, MHD_HTTP_HEADER_HOST);
    if (counts.host == 1 && !settings_has_host(&exchange->http->board->settings, host)) {
        set_fault(exchange,
                  421, /* Misdirected Request, which the library has no name for */
                  TRIAL_UNAUTHORISED,
                  "the gateway does not answer for that host; --hosts names those it does");
    }
    return false;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    /* Fails where there is no memory, or for a header that is none of ours. */
    TRIAL_ASSERT(MHD_add_response_header(response, name, value) == MHD_YES);
}

/* May pages of that origin read the answer? */
static bool is_allowed(const board_exchange *exchange, trial_text origin)
{
    const char *allowed = exchange->http->board->settings.allow_origin;

    return allowed[0] != '\0' && trial_text_is_set(origin) &&
           (strcmp(allowed, "*") == 0 || trial_text_is(origin, allowed));
}

static void add_common(board_exchange *exchange, struct MHD_Response *response)
{
    const char *allowed = exchange->http->board->settings.allow_origin;

    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        add_header(response, headers[i].name, headers[i].value);
    }
    add_header(response,
               "Cross-Origin-Resource-Policy",
               allowed[0] == '\0' ? "same-origin" : "cross-origin");
    if (is_allowed(exchange, exchange_header(exchange, MHD_HTTP_HEADER_ORIGIN))) {
        add_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        add_header(response, "Access-Control-Expose-Headers", "ETag, Retry-After");
    }
}

/* Does the browser have it already? */
static bool is_known(const board_exchange *exchange, const char *etag)
{
    trial_text known = exchange_header(exchange, MHD_HTTP_HEADER_IF_NONE_MATCH);

    return known.size > 0 &&
           (trial_text_is(known, "*") || memmem(known.at, known.size, etag, strlen(etag)) != NULL);
}

/* Keep the answer; the library takes it when it asks again. */
static void set_response(board_exchange *exchange, unsigned status, struct MHD_Response *response)
{
    TRIAL_ASSERT(response != NULL && exchange->response == NULL);
    exchange->work = NULL;
    exchange->forget = NULL;
    add_common(exchange, response);
    exchange->response = response;
    exchange->status = status;
    http_resume(exchange);
}

static void set_form(board_exchange *exchange,
                     const exchange_form *form,
                     struct MHD_Response *response,
                     unsigned status)
{
    const char *allowed = exchange->http->board->settings.allow_origin;
    char vary[64];

    if (status != MHD_HTTP_NOT_MODIFIED) {
        add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, form->type);
        if (form->is_packed) {
            add_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
        }
    }
    add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, form->cache);
    if (form->etag != NULL) {
        add_header(response, MHD_HTTP_HEADER_ETAG, form->etag);
    }
    (void)snprintf(vary,
                   sizeof vary,
                   "%s%s%s",
                   form->varies ? "Accept-Encoding" : "",
                   form->varies && allowed[0] != '\0' ? ", " : "",
                   allowed[0] != '\0' ? "Origin" : "");
    if (vary[0] != '\0') {
        add_header(response, MHD_HTTP_HEADER_VARY, vary);
    }
    set_response(exchange, status, response);
}

static unsigned status_of(const board_exchange *exchange, const exchange_form *form)
{
    return form->etag != NULL && is_known(exchange, form->etag) ? MHD_HTTP_NOT_MODIFIED
                                                                : form->status;
}

/* The library leaves the body of a 304 out, as for HEAD; a length may stand there only where it is
 * that of the body that a 200 would have. */
void exchange_answer(board_exchange *exchange, const exchange_form *form, char *body, size_t size)
{
    set_form(exchange,
             form,
             MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE),
             status_of(exchange, form));
}

void exchange_answer_lasting(board_exchange *exchange, const exchange_form *form, trial_bytes body)
{
    set_form(exchange,
             form,
             MHD_create_response_from_buffer(
                 body.size, (void *)(uintptr_t)body.data, MHD_RESPMEM_PERSISTENT),
             status_of(exchange, form));
}

/* The library asks for more of a stream. */
static ssize_t read_stream(void *context, uint64_t offset, char *buffer, size_t room)
{
    board_exchange *exchange = context;
    uint64_t sent = stream_sent(exchange->stream);
    size_t size;

    (void)offset;
    if (exchange->http->is_stopping) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    size = stream_fill(exchange->stream, buffer, room, exchange->http->now_ms);
    exchange->http->board->counts.events_sent += stream_sent(exchange->stream) - sent;
    if (size > 0) {
        return (ssize_t)size;
    }
    if (stream_is_over(exchange->stream)) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    exchange->is_suspended = true;
    MHD_suspend_connection(exchange->connection);
    return 0;
}

void exchange_stream(board_exchange *exchange, board_stream *stream)
{
    static const exchange_form form = {
        .status = MHD_HTTP_OK,
        .type = "text/event-stream; charset=utf-8",
        .cache = "no-store",
    };
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, exchange, NULL);

    exchange->stream = stream;
    exchange->http->board->counts.streams++;
    TRIAL_ASSERT(response != NULL);
    /* To HEAD the library sends the last chunk of a body in chunks (seen with 0.9.75), and a client
     * takes that for the beginning of the next answer. */
    if (exchange->is_head) {
        TRIAL_ASSERT(MHD_set_response_options(
                         response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END) == MHD_YES);
    }
    add_header(response, "X-Accel-Buffering", "no"); /* a proxy between would hold events back */
    set_form(exchange, &form, response, form.status);
}

static void set_detail(trial_arena *arena, trial_value *detail, const trial_error *error)
{
    if (error->field[0] != '\0') {
        trial_value_set(
            arena, detail, "field", trial_value_copy(arena, trial_text_of(error->field)));
    }
    if (error->rule != TRIAL_RULE_NONE) {
        trial_value_set(
            arena, detail, "rule", trial_value_word(arena, trial_rule_name(error->rule)));
    }
}

void exchange_fail(board_exchange *exchange, unsigned status, const trial_error *error)
{
    trial_arena *arena = &exchange->arena;
    trial_value *detail = trial_value_map(arena);
    trial_value *inner = trial_value_map(arena);
    trial_value *outer = trial_value_map(arena);
    struct MHD_Response *response;
    char *body = NULL;
    size_t size = 0;
    FILE *out = trial_memory_stream(&body, &size);

    status = status == 0 ? desk_status(error->code) : status;
    set_detail(arena, detail, error);
    trial_value_set(arena, inner, "code", trial_value_word(arena, trial_code_name(error->code)));
    trial_value_set(arena, inner, "message", trial_value_copy(arena, trial_text_of(error->text)));
    trial_value_set(arena, inner, "detail", detail);
    trial_value_set(arena, outer, "error", inner);
    json_write(out, outer);
    (void)putc('\n', out); /* memory: cannot fail */
    TRIAL_ASSERT(fclose(out) == 0);
    response = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE);
    TRIAL_ASSERT(response != NULL);
    add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        add_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE) {
        add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
        exchange->http->board->counts.turned_away++;
    }
    set_response(exchange, status, response);
}

/* Does making or sending its answer take memory worth counting? */
static bool is_large(route_kind kind)
{
    switch (kind) {
    case ROUTE_INDEX:
    case ROUTE_VIEW:
    case ROUTE_ROW:
    case ROUTE_LOG:
    case ROUTE_CATALOGUE:
    case ROUTE_STATUS:
        return true;
    case ROUTE_FILE:
    case ROUTE_EVENTS:
    case ROUTE_METRICS:
    case ROUTE_HEALTH:
    case ROUTE_READY:
        break;
    }
    return false;
}

/* The request is whole: answer what is wrong with it, or let the desk begin. */
static void begin(board_exchange *exchange)
{
    board_http *http = exchange->http;
    const board_settings *settings = &http->board->settings;
    trial_error error = TRIAL_ERROR_NONE;

    exchange->is_begun = true;
    if (exchange->fault.code != TRIAL_OK) {
        exchange_fail(exchange, exchange->fault_status, &exchange->fault);
        return;
    }
    if (is_large(exchange->route.kind)) {
        if (http->answer_count == settings->questions) {
            (void)trial_fail(&error,
                             TRIAL_BUSY,
                             "%u answers are being made or sent; ask again in a moment",
                             http->answer_count);
            exchange_fail(exchange, 0, &error);
            return;
        }
        exchange->is_counted = true;
        http->answer_count++;
    }
    desk_begin(http->board, exchange);
}

/* The library ends the process where it is stopped while it still waits for us. */
static void fail_leaving(board_exchange *exchange)
{
    trial_error error = TRIAL_ERROR_NONE;

    if (exchange->forget != NULL) {
        exchange->forget(exchange->work);
    }
    (void)trial_fail(&error, TRIAL_BUSY, "the gateway is leaving; ask again when it is back");
    exchange_fail(exchange, 0, &error);
}

static enum MHD_Result queue(board_exchange *exchange)
{
    struct MHD_Response *response = exchange->response;
    enum MHD_Result result;

    place_guest(exchange, exchange->stream != NULL ? GUEST_STREAMING : GUEST_ANSWERING);
    exchange->http->board->counts.answers[exchange->status - METRICS_STATUS_FIRST]++;
    exchange->response = NULL;
    result = MHD_queue_response(exchange->connection, exchange->status, response);
    MHD_destroy_response(response); /* the library holds it as long as it needs it */
    return result;
}

enum MHD_Result http_on_access(void *context,
                               struct MHD_Connection *connection,
                               const char *url,
                               const char *method,
                               const char *version,
                               const char *upload,
                               size_t *upload_size,
                               void **request_context)
{
    board_exchange *exchange = *request_context;

    (void)context;
    (void)connection;
    (void)url; /* decoded by the library's rules; ours are stricter */
    (void)upload;
    *upload_size = 0; /* whatever comes is of no use */
    if (!exchange->is_known) {
        exchange->is_known = true;
        exchange->is_head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
        place_guest(exchange, GUEST_WAITING);
        if (!check_headers(exchange, method, version)) {
            return MHD_YES; /* it is asked for again when the request is whole */
        }
    }
    if (!exchange->is_begun) {
        begin(exchange);
    }
    if (exchange->response == NULL && exchange->http->is_stopping) {
        fail_leaving(exchange);
    }
    if (exchange->response != NULL) {
        return queue(exchange);
    }
    exchange->is_suspended = true;
    MHD_suspend_connection(exchange->connection);
    return MHD_YES;
}
