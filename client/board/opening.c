/* opening.c - how an event stream begins. Its filter is shown to the daemon first, by a read of its
 * first page: what is wrong with it is told at once, and the stream begins where the log is. */
#include "desk.h"

#include "host.h"
#include "word.h"

struct opening {
    board_state *board;
    board_exchange *exchange;
    stream_filter filter;
    uint64_t next; /* 0: only new ones */
    bool is_again;
};

static void forget(void *work)
{
    struct opening *opening = work;

    asker_forget(opening->board->asker, opening);
}

static void fail_full(struct opening *opening, const char *what, uint32_t most)
{
    trial_error error = TRIAL_ERROR_NONE;

    (void)trial_fail(
        &error, TRIAL_BUSY, "%u %s are open, and more are not taken; try again later", most, what);
    exchange_fail(opening->exchange, 0, &error);
}

/* `page` NULL: the daemon does not answer now; the stream waits for it. */
static void begin(struct opening *opening, const trial_value *page)
{
    board_state *board = opening->board;
    const stream_ground ground = { board->asker, board->follows, board->settings.daemon_ms };
    board_stream *stream;

    if (board->counts.streams >= board->settings.streams) {
        fail_full(opening, "event streams", board->settings.streams);
        return;
    }
    stream = stream_open(&ground, &opening->filter, opening->next, opening->is_again);
    if (stream == NULL) {
        fail_full(opening, "programmes' streams", board->settings.programmes);
        return;
    }
    if (page != NULL) {
        stream_take_page(stream, page);
    }
    exchange_stream(opening->exchange, stream);
}

static void on_page(void *context, const trial_value *result, const trial_error *error)
{
    struct opening *opening = context;

    if (result == NULL && error->code != TRIAL_BUSY) {
        exchange_fail(opening->exchange, 0, error);
        return;
    }
    begin(opening, result);
}

/* A position in the address or the header; 0 is one before the first event. */
static trial_code
read_position(trial_text text, const char *name, uint64_t *ret_position, trial_error *err)
{
    if (!trial_text_is_set(text) || word_number(text, 0, INT64_MAX - 1, ret_position)) {
        return TRIAL_OK;
    }
    (void)trial_fail(
        err, TRIAL_INVALID, "%s is '%.*s', which is no position", name, TRIAL_TEXT_ARGS(text));
    return trial_fail_field(err, "%s", name);
}

/* Where to begin. A browser that comes back says in a header which event it saw last; a script may
 * say it in the address. The address of a stream stays the same when it is opened again, so its
 * `from` counts only where it is further on. */
static trial_code read_place(struct opening *opening, trial_error *err)
{
    const board_route *route = exchange_route(opening->exchange);
    trial_text header = exchange_header(opening->exchange, "Last-Event-ID");
    trial_text param = route_param_get(route, "last_event_id");
    trial_text again = header.size > 0 ? header : param;
    uint64_t last = 0;
    uint64_t from = 0;
    trial_code code = read_position(
        again.size > 0 ? again : (trial_text){ NULL, 0 }, "Last-Event-ID", &last, err);

    if (code == TRIAL_OK) {
        code = read_position(route_param_get(route, "from"), "from", &from, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    opening->is_again = again.size > 0 && last + 1 > from;
    opening->next = opening->is_again ? last + 1 : from;
    return TRIAL_OK;
}

static trial_code read_filter(struct opening *opening, trial_error *err)
{
    const board_route *route = exchange_route(opening->exchange);
    stream_filter *filter = &opening->filter;
    trial_text types = route_param_get(route, "types");

    filter->subject = route_param_get(route, "subject");
    filter->programme = route_param_get(route, "programme");
    if (trial_text_is_set(types)) {
        filter->type_count = desk_split(types, filter->types, STREAM_TYPES_MAX);
    }
    return filter->type_count <= STREAM_TYPES_MAX
               ? TRIAL_OK
               : trial_fail(err, TRIAL_INVALID, "more than %d types", STREAM_TYPES_MAX);
}

void desk_begin_stream(board_state *board, board_exchange *exchange)
{
    trial_arena *arena = exchange_arena(exchange);
    struct opening *opening = trial_arena_take(arena, sizeof *opening);
    trial_error error = TRIAL_ERROR_NONE;
    trial_value *question;
    trial_code code;

    opening->board = board;
    opening->exchange = exchange;
    code = read_place(opening, &error);
    if (code == TRIAL_OK) {
        code = read_filter(opening, &error);
    }
    if (code != TRIAL_OK) {
        exchange_fail(exchange, 0, &error);
        return;
    }
    question = stream_question(&opening->filter,
                               opening->next == 0 ? 1 : opening->next,
                               opening->next == 0 ? 1 : STREAM_PAGE_EVENTS,
                               arena);
    if (asker_ask(
            board->asker, "read", question, board->settings.daemon_ms, on_page, opening, &error) !=
        TRIAL_OK) {
        begin(opening, NULL);
        return;
    }
    exchange_keep(exchange, opening, forget);
}
