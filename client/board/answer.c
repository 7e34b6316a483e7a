/* answer.c - rows, events and status: questions to the daemon, and JSON out of their answers. Rows
 * are written as trialctl writes them, by the same code. */
#include "desk.h"

#include "json.h"
#include "trial/limits.h"
#include "word.h"

#include <inttypes.h>
#include <stdlib.h>
#include <xxhash.h>

/* Rows of one page: turning them into JSON holds the streams up for some milliseconds at most. */
#define PAGE_ROWS 2000
#define ETAG_BYTES 48 /* a position, a hash, a dash, quotes */

struct answer {
    board_state *board;
    board_exchange *exchange;
    trial_value *params;
    trial_value *after; /* as it was asked for; NULL: from the first row */
    FILE *out;
    char *body;
    size_t size;
    uint64_t limit; /* 0: all rows */
    uint64_t count;
    uint64_t position; /* of the first page */
    bool is_pinned;    /* to a position: further pages cannot differ */
    bool has_page;     /* the first page came */
};

static void open_body(struct answer *answer)
{
    answer->body = NULL;
    answer->out = trial_memory_stream(&answer->body, &answer->size);
    answer->count = 0;
}

static void drop_body(struct answer *answer)
{
    if (answer->out != NULL) {
        TRIAL_ASSERT(fclose(answer->out) == 0); /* memory: cannot fail */
        answer->out = NULL;
    }
    free(answer->body);
    answer->body = NULL;
}

/* The exchange ended before it was answered. */
static void forget(void *work)
{
    struct answer *answer = work;

    asker_forget(answer->board->asker, answer);
    drop_body(answer);
}

static void fail(struct answer *answer, const trial_error *error)
{
    drop_body(answer);
    exchange_fail(answer->exchange, 0, error);
}

static void fail_as(struct answer *answer, trial_code code, const char *sentence)
{
    trial_error error = TRIAL_ERROR_NONE;

    (void)trial_fail(&error, code, "%s", sentence);
    fail(answer, &error);
}

static void ask(struct answer *answer, const char *method, asker_done *done)
{
    trial_error error = TRIAL_ERROR_NONE;

    if (asker_ask(answer->board->asker,
                  method,
                  answer->params,
                  answer->board->settings.daemon_ms,
                  done,
                  answer,
                  &error) != TRIAL_OK) {
        fail(answer, &error);
        return;
    }
    exchange_keep(answer->exchange, answer, forget);
}

/* Send the body. The tag has the last position and a hash of what is said: a view without as_of
 * says something else tomorrow, and another log something else at the same position. */
static void finish(struct answer *answer, uint64_t position)
{
    char etag[ETAG_BYTES];
    char *body;

    (void)putc('\n', answer->out); /* memory: cannot fail */
    TRIAL_ASSERT(fclose(answer->out) == 0);
    answer->out = NULL;
    body = answer->body;
    answer->body = NULL;
    (void)snprintf(etag,
                   sizeof etag,
                   "\"%" PRIu64 "-%016llx\"",
                   position,
                   (unsigned long long)XXH3_64bits(body, answer->size));
    exchange_answer(answer->exchange,
                    &(exchange_form){
                        .status = 200,
                        .type = "application/json",
                        .cache = "no-cache",
                        .etag = etag,
                    },
                    body,
                    answer->size);
}

/* Is the body over its bound? Then the exchange was answered. */
static bool is_over(struct answer *answer)
{
    TRIAL_ASSERT(fflush(answer->out) == 0); /* memory: cannot fail */
    if (answer->size <= answer->board->settings.answer_bytes) {
        return false;
    }
    fail_as(
        answer, TRIAL_TOO_LARGE, "the answer is too large: take it in parts, by limit and after");
    return true;
}

static const trial_value *list_of(const trial_value *result, const char *name)
{
    const trial_value *list = trial_value_get(result, name);

    return list != NULL && list->kind == TRIAL_VALUE_LIST ? list : NULL;
}

static void write_member(FILE *out, const char *before, const trial_value *value)
{
    (void)fputs(before, out); /* memory: cannot fail */
    json_write(out, value);
}

static void write_rows(struct answer *answer, const trial_value *rows, bool is_first)
{
    if (is_first) {
        (void)fputs("{\"view\":", answer->out); /* memory: cannot fail */
        json_write_text(answer->out, exchange_route(answer->exchange)->view);
        (void)fprintf(answer->out, ",\"position\":%" PRIu64 ",\"rows\":[", answer->position);
    }
    for (uint32_t i = 0; i < rows->as.list.count; i++) {
        write_member(answer->out, answer->count == 0 ? "" : ",", rows->as.list.items[i]);
        answer->count++;
    }
}

static void set_limit(struct answer *answer)
{
    uint64_t left = answer->limit == 0 ? PAGE_ROWS : answer->limit - answer->count;

    trial_value_set(exchange_arena(answer->exchange),
                    answer->params,
                    "limit",
                    trial_value_unsigned(exchange_arena(answer->exchange),
                                         left < PAGE_ROWS ? left : PAGE_ROWS));
}

static void on_rows(void *context, const trial_value *result, const trial_error *error);

/* Events came between two pages: begin again at what the log knew by now, where none can. What was
 * asked for by `known_at` itself may be more than that, a day that is not over. */
static void pin(struct answer *answer, uint64_t position)
{
    trial_arena *arena = exchange_arena(answer->exchange);

    drop_body(answer);
    open_body(answer);
    answer->is_pinned = true;
    answer->has_page = false;
    trial_value_set(arena, answer->params, "known_at", trial_value_unsigned(arena, position));
    trial_value_set(arena,
                    answer->params,
                    "after",
                    answer->after == NULL ? trial_value_nil(arena) : answer->after);
    set_limit(answer);
    ask(answer, "query", on_rows);
}

static void on_rows(void *context, const trial_value *result, const trial_error *error)
{
    struct answer *answer = context;
    trial_arena *arena = exchange_arena(answer->exchange);
    const trial_value *rows = list_of(result, "rows");
    const trial_value *next = trial_value_get(result, "next");
    uint64_t position = (uint64_t)trial_value_get_integer(result, "position");
    bool is_first = !answer->has_page;

    if (result == NULL) {
        fail(answer, error);
        return;
    }
    if (rows == NULL) {
        fail_as(answer, TRIAL_MALFORMED, "the daemon's answer has no rows");
        return;
    }
    if (!is_first && !answer->is_pinned && position != answer->position) {
        pin(answer, position);
        return;
    }
    answer->has_page = true;
    answer->position = is_first ? position : answer->position;
    write_rows(answer, rows, is_first);
    if (is_over(answer)) {
        return;
    }
    if (next != NULL && next->kind == TRIAL_VALUE_TEXT &&
        (answer->limit == 0 || answer->count < answer->limit)) {
        trial_value_set(arena, answer->params, "after", trial_value_copy(arena, next->as.text));
        set_limit(answer);
        ask(answer, "query", on_rows);
        return;
    }
    if (next == NULL) {
        (void)fputs("],\"next\":null}", answer->out); /* memory: cannot fail */
    } else {
        write_member(answer->out, "],\"next\":", next);
        (void)putc('}', answer->out);
    }
    finish(answer, answer->position);
}

static void on_row(void *context, const trial_value *result, const trial_error *error)
{
    struct answer *answer = context;
    const board_route *route = exchange_route(answer->exchange);
    const trial_value *rows = list_of(result, "rows");
    uint64_t position = (uint64_t)trial_value_get_integer(result, "position");

    if (result == NULL) {
        fail(answer, error);
        return;
    }
    if (rows == NULL) {
        fail_as(answer, TRIAL_MALFORMED, "the daemon's answer has no rows");
        return;
    }
    if (rows->as.list.count == 0) {
        trial_error unknown = TRIAL_ERROR_NONE;

        (void)trial_fail(&unknown,
                         TRIAL_NOT_FOUND,
                         "the view '%.*s' has no row '%.*s'",
                         TRIAL_TEXT_ARGS(route->view),
                         TRIAL_TEXT_ARGS(route->key));
        fail(answer, &unknown);
        return;
    }
    (void)fputs("{\"view\":", answer->out); /* memory: cannot fail */
    json_write_text(answer->out, route->view);
    (void)fprintf(answer->out, ",\"position\":%" PRIu64, position);
    write_member(answer->out, ",\"row\":", rows->as.list.items[0]);
    (void)putc('}', answer->out);
    finish(answer, position);
}

static void on_events(void *context, const trial_value *result, const trial_error *error)
{
    struct answer *answer = context;
    const trial_value *events = list_of(result, "events");
    uint64_t head = (uint64_t)trial_value_get_integer(result, "head");

    if (result == NULL) {
        fail(answer, error);
        return;
    }
    if (events == NULL) {
        fail_as(answer, TRIAL_MALFORMED, "the daemon's answer has no events");
        return;
    }
    write_member(answer->out, "{\"events\":", events);
    (void)fprintf(answer->out,
                  ",\"next\":%" PRId64 ",\"head\":%" PRIu64 "}",
                  trial_value_get_integer(result, "next"),
                  head);
    if (!is_over(answer)) {
        finish(answer, head);
    }
}

static void on_status(void *context, const trial_value *result, const trial_error *error);

/* When the log began to know anything: the same for its whole life, so it is asked for once. */
static void on_first_event(void *context, const trial_value *result, const trial_error *error)
{
    struct answer *answer = context;
    const trial_value *events = list_of(result, "events");

    if (result == NULL) {
        fail(answer, error);
        return;
    }
    if (events != NULL && events->as.list.count > 0) {
        trial_text since = trial_value_get_text(events->as.list.items[0], "ingesttime");

        (void)snprintf(
            answer->board->since, sizeof answer->board->since, "%.*s", TRIAL_TEXT_ARGS(since));
    }
    answer->params = NULL;
    ask(answer, "status", on_status);
}

static void on_status(void *context, const trial_value *result, const trial_error *error)
{
    struct answer *answer = context;
    board_state *board = answer->board;
    trial_arena *arena = exchange_arena(answer->exchange);
    trial_text log = trial_value_get_text(result, "log");
    trial_value *status;

    if (result == NULL) {
        fail(answer, error);
        return;
    }
    if (result->kind != TRIAL_VALUE_MAP) {
        fail_as(answer, TRIAL_MALFORMED, "the daemon's answer is no status");
        return;
    }
    if (!trial_text_is(log, board->since_log) ||
        (board->since[0] == '\0' && trial_value_get_integer(result, "head") > 0)) {
        (void)snprintf(board->since_log, sizeof board->since_log, "%.*s", TRIAL_TEXT_ARGS(log));
        board->since[0] = '\0';
        answer->params = trial_value_map(arena);
        trial_value_set(arena, answer->params, "limit", trial_value_integer(arena, 1));
        ask(answer, "read", on_first_event);
        return;
    }
    status = trial_value_map(arena);
    for (uint32_t i = 0; i < result->as.map.count; i++) {
        trial_value_set_text(
            arena, status, result->as.map.entries[i].name, result->as.map.entries[i].value);
    }
    trial_value_set(arena,
                    status,
                    "knows_since",
                    board->since[0] == '\0' ? trial_value_nil(arena)
                                            : trial_value_word(arena, board->since));
    drop_body(answer);
    desk_answer_value(answer->exchange, "no-store", status);
}

uint32_t desk_split(trial_text list, trial_text *ret_words, uint32_t room)
{
    uint32_t from = 0;
    uint32_t count = 0;

    while (from <= list.size) {
        const char *comma = memchr(list.at + from, ',', list.size - from);
        uint32_t end = comma == NULL ? list.size : (uint32_t)(comma - list.at);

        if (count < room) {
            ret_words[count] = (trial_text){ list.at + from, end - from };
        }
        count++;
        from = end + 1;
    }
    return count;
}

/* Parameters that are handed on as they are. */
static void copy_texts(const board_route *route,
                       const char *const *names,
                       trial_arena *arena,
                       trial_value *params)
{
    for (; *names != NULL; names++) {
        trial_text value = route_param_get(route, *names);

        if (trial_text_is_set(value)) {
            trial_value_set(arena, params, *names, trial_value_text(arena, value));
        }
    }
}

static void copy_moment(const board_route *route, trial_arena *arena, trial_value *params)
{
    trial_text known_at = route_param_get(route, "known_at");

    if (trial_text_is_set(known_at)) {
        trial_value_set(arena, params, "known_at", word_moment(arena, known_at));
    }
}

/* A parameter that is a number. Fails with INVALID. */
static trial_code read_number(const board_route *route,
                              const char *name,
                              uint64_t most,
                              uint64_t *ret_number,
                              trial_error *err)
{
    trial_text value = route_param_get(route, name);

    if (!trial_text_is_set(value) || word_number(value, 1, most, ret_number)) {
        return TRIAL_OK;
    }
    (void)trial_fail(err,
                     TRIAL_INVALID,
                     "%s is '%.*s', which is no number from 1 to %" PRIu64,
                     name,
                     TRIAL_TEXT_ARGS(value),
                     most);
    return trial_fail_field(err, "%s", name);
}

static trial_code begin_view(struct answer *answer, trial_error *err)
{
    static const char *const texts[] = { "as_of", "after", "key", NULL };
    const board_route *route = exchange_route(answer->exchange);
    trial_arena *arena = exchange_arena(answer->exchange);
    trial_value *where = trial_value_map(arena);
    trial_code code = read_number(route, "limit", INT32_MAX, &answer->limit, err);

    if (code != TRIAL_OK) {
        return code;
    }
    trial_value_set(arena, answer->params, "view", trial_value_text(arena, route->view));
    copy_texts(route, texts, arena, answer->params);
    copy_moment(route, arena, answer->params);
    answer->after = trial_value_get(answer->params, "after");
    for (uint32_t i = 0; i < route->param_count; i++) {
        if (!route_is_own(route, route->params[i].name)) {
            trial_value_set_text(
                arena, where, route->params[i].name, word_condition(arena, route->params[i].value));
        }
    }
    if (where->as.map.count > 0) {
        trial_value_set(arena, answer->params, "where", where);
    }
    set_limit(answer);
    ask(answer, "query", on_rows);
    return TRIAL_OK;
}

static trial_code begin_row(struct answer *answer, trial_error *err)
{
    static const char *const texts[] = { "as_of", NULL };
    const board_route *route = exchange_route(answer->exchange);
    trial_arena *arena = exchange_arena(answer->exchange);

    (void)err;
    trial_value_set(arena, answer->params, "view", trial_value_text(arena, route->view));
    trial_value_set(arena, answer->params, "key", trial_value_text(arena, route->key));
    copy_texts(route, texts, arena, answer->params);
    copy_moment(route, arena, answer->params);
    ask(answer, "query", on_row);
    return TRIAL_OK;
}

static trial_code begin_log(struct answer *answer, trial_error *err)
{
    static const char *const texts[] = { "subject", "programme", "as_of", NULL };
    const board_route *route = exchange_route(answer->exchange);
    trial_arena *arena = exchange_arena(answer->exchange);
    trial_text types = route_param_get(route, "types");
    trial_text backwards = route_param_get(route, "backwards");
    trial_text words[STREAM_TYPES_MAX];
    uint64_t from = 0;
    uint64_t limit = TRIAL_READ_EVENTS_MAX;
    trial_code code = read_number(route, "from", INT64_MAX, &from, err);

    if (code == TRIAL_OK) {
        code = read_number(route, "limit", TRIAL_READ_EVENTS_MAX, &limit, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    copy_texts(route, texts, arena, answer->params);
    copy_moment(route, arena, answer->params);
    trial_value_set(arena, answer->params, "limit", trial_value_unsigned(arena, limit));
    if (from != 0) {
        trial_value_set(arena, answer->params, "from", trial_value_unsigned(arena, from));
    }
    if (trial_text_is_set(backwards)) { /* what is no truth the daemon calls of the wrong type */
        trial_value_set(arena, answer->params, "backwards", word_condition(arena, backwards));
    }
    if (trial_text_is_set(types)) {
        trial_value *list = trial_value_list(arena);
        uint32_t count = desk_split(types, words, STREAM_TYPES_MAX);

        if (count > STREAM_TYPES_MAX) {
            return trial_fail(err, TRIAL_INVALID, "more than %d types", STREAM_TYPES_MAX);
        }
        for (uint32_t i = 0; i < count; i++) {
            trial_value_push(arena, list, trial_value_text(arena, words[i]));
        }
        trial_value_set(arena, answer->params, "types", list);
    }
    ask(answer, "read", on_events);
    return TRIAL_OK;
}

void desk_begin_answer(board_state *board, board_exchange *exchange)
{
    trial_arena *arena = exchange_arena(exchange);
    struct answer *answer = trial_arena_take(arena, sizeof *answer);
    trial_error error = TRIAL_ERROR_NONE;
    trial_code code = TRIAL_OK;

    answer->board = board;
    answer->exchange = exchange;
    answer->params = trial_value_map(arena);
    open_body(answer);
    switch (exchange_route(exchange)->kind) {
    case ROUTE_VIEW:
        code = begin_view(answer, &error);
        break;
    case ROUTE_ROW:
        code = begin_row(answer, &error);
        break;
    case ROUTE_LOG:
        code = begin_log(answer, &error);
        break;
    case ROUTE_STATUS:
        answer->params = NULL;
        ask(answer, "status", on_status);
        break;
    case ROUTE_FILE:
    case ROUTE_INDEX:
    case ROUTE_CATALOGUE:
    case ROUTE_EVENTS:
    case ROUTE_METRICS:
    case ROUTE_HEALTH:
    case ROUTE_READY:
        trial_panic(__FILE__, __LINE__, "an address that is answered elsewhere");
    }
    if (code != TRIAL_OK) {
        fail(answer, &error);
    }
}
