/* desk.c - what each address answers: files, the index, the catalogue, health, metrics, streams.
 * Rows and events are answer.c's. It knows no HTTP library. */
#include "desk.h"

#include "catalogue.h"
#include "host.h"
#include "json.h"
#include "word.h"

#include <stdlib.h>

#define NO_STORE "no-store"
#define MONITOR_WAIT_MS 2000 /* who watches us asks every few seconds, and gives up in ten */
#define CODINGS_MAX 16       /* of Accept-Encoding; a browser names four */

unsigned desk_status(trial_code code)
{
    switch (code) {
    case TRIAL_OK:
        return 200;
    case TRIAL_INVALID:
    case TRIAL_UNKNOWN_TYPE:
        return 400;
    case TRIAL_UNAUTHORISED:
        return 403;
    case TRIAL_NOT_FOUND:
        return 404;
    case TRIAL_REFUSED:
    case TRIAL_CONFLICT:
    case TRIAL_DUPLICATE_CONFLICT:
        return 409;
    case TRIAL_TOO_LARGE:
        return 413;
    case TRIAL_MALFORMED: /* what the daemon said */
    case TRIAL_UNSUPPORTED:
        return 502;
    case TRIAL_STORAGE:
    case TRIAL_NO_SPACE:
    case TRIAL_BUSY:
    case TRIAL_CODE_COUNT:
        break;
    }
    return 503;
}

void desk_answer_text(board_exchange *exchange, unsigned status, const char *type, const char *text)
{
    const exchange_form form = { .status = status, .type = type, .cache = NO_STORE };

    exchange_answer_lasting(exchange, &form, (trial_bytes){ (const uint8_t *)text, strlen(text) });
}

void desk_answer_value(board_exchange *exchange, const char *cache, const trial_value *value)
{
    const exchange_form form = { .status = 200, .type = "application/json", .cache = cache };
    char *body = NULL;
    size_t size = 0;
    FILE *out = trial_memory_stream(&body, &size);

    json_write(out, value);
    (void)putc('\n', out); /* memory: cannot fail */
    TRIAL_ASSERT(fclose(out) == 0);
    exchange_answer(exchange, &form, body, size);
}

/* Is it the name of gzip, with no quality of nought behind it? */
static bool is_gzip(trial_text coding)
{
    const char *mark = memchr(coding.at, ';', coding.size);
    uint32_t size = mark == NULL ? coding.size : (uint32_t)(mark - coding.at);
    trial_text name = trial_text_trim((trial_text){ coding.at, size });
    trial_text rest = TRIAL_TEXT("");
    bool is_nought = false;

    if (mark != NULL) {
        rest = trial_text_trim((trial_text){ mark + 1, coding.size - size - 1 });
    }
    if (rest.size > 2 && strncasecmp(rest.at, "q=", 2) == 0) {
        uint32_t at = 2;

        while (at < rest.size && (rest.at[at] == '0' || rest.at[at] == '.')) {
            at++;
        }
        is_nought = at == rest.size;
    }
    return name.size == 4 && strncasecmp(name.at, "gzip", 4) == 0 && !is_nought;
}

static bool takes_gzip(const board_exchange *exchange)
{
    trial_text accepted = exchange_header(exchange, "Accept-Encoding");
    trial_text codings[CODINGS_MAX];
    uint32_t count = accepted.size == 0 ? 0 : desk_split(accepted, codings, CODINGS_MAX);

    for (uint32_t i = 0; i < count && i < CODINGS_MAX; i++) {
        if (is_gzip(codings[i])) {
            return true;
        }
    }
    return false;
}

static void answer_file(board_state *board, board_exchange *exchange)
{
    const board_page *page = pages_find(board->pages, exchange_route(exchange)->path);
    bool is_packed = page != NULL && page->packed.size > 0 && takes_gzip(exchange);
    trial_error error = TRIAL_ERROR_NONE;
    char etag[PAGES_ETAG_BYTES + 1];

    if (page == NULL) {
        (void)trial_fail(&error,
                         TRIAL_NOT_FOUND,
                         board->pages == NULL ? "the pages are not installed; /api/v1/ is"
                                              : "there is nothing at that address");
        exchange_fail(exchange, 0, &error);
        return;
    }
    /* The packed form is another sequence of bytes, so it has a tag of its own. */
    (void)snprintf(etag, sizeof etag, "%.17s%s\"", page->etag, is_packed ? "z" : "");
    exchange_answer_lasting(
        exchange,
        &(exchange_form){
            .status = 200,
            .type = page->type,
            .cache = page->is_lasting ? "public, max-age=31536000, immutable" : "no-cache",
            .etag = etag,
            .is_packed = is_packed,
            .varies = page->packed.size > 0,
        },
        is_packed ? page->packed : page->plain);
}

/* The columns of a view, from its row. */
struct column {
    const char *view;
    const char *name;
    const char *doc;
};

struct view_row {
    const char *name;
    const char *row;
    const char *answers;
};

static const struct view_row view_rows[] = {
#define COLUMN(name, doc)
#define VIEW(lower, UPPER, name, row, answers, kinds, columns) { name, row, answers },
#include "trial/views.def"
};

/* Every column behind the name of its view. */
static const struct column columns[] = {
#define COLUMN(name, doc) { NULL, #name, doc },
#define VIEW(lower, UPPER, name, row, answers, kinds, columns) { name, NULL, NULL }, columns
#include "trial/views.def"
};

static void set_word(trial_arena *arena, trial_value *map, const char *name, const char *word)
{
    trial_value_set(arena, map, name, trial_value_word(arena, word));
}

static trial_value *columns_of(trial_arena *arena, const char *view)
{
    trial_value *list = trial_value_list(arena);
    const char *at = "";

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        at = columns[i].view != NULL ? columns[i].view : at;
        if (columns[i].view == NULL && strcmp(at, view) == 0) {
            trial_value *column = trial_value_map(arena);

            set_word(arena, column, "name", columns[i].name);
            set_word(arena, column, "doc", columns[i].doc);
            trial_value_push(arena, list, column);
        }
    }
    return list;
}

static void answer_index(board_exchange *exchange)
{
    static const char *const links[] = { "log", "events", "catalogue", "status" };
    trial_arena *arena = exchange_arena(exchange);
    trial_value *index = trial_value_map(arena);
    trial_value *views = trial_value_list(arena);
    trial_value *linked = trial_value_map(arena);

    for (size_t i = 0; i < sizeof view_rows / sizeof view_rows[0]; i++) {
        const struct view_row *row = &view_rows[i];
        trial_value *view = trial_value_map(arena);

        set_word(arena, view, "view", row->name);
        set_word(arena, view, "row", row->row);
        set_word(arena, view, "answers", row->answers);
        trial_value_set(arena,
                        view,
                        "link",
                        trial_value_text(arena, trial_arena_print(arena, "/api/v1/%s", row->name)));
        trial_value_set(arena, view, "columns", columns_of(arena, row->name));
        trial_value_push(arena, views, view);
    }
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        trial_value_set(arena,
                        linked,
                        links[i],
                        trial_value_text(arena, trial_arena_print(arena, "/api/v1/%s", links[i])));
    }
    set_word(arena, index, "version", TRIALD_VERSION);
    trial_value_set(arena, index, "views", views);
    trial_value_set(arena, index, "links", linked);
    desk_answer_value(exchange, "no-cache", index);
}

/* What a monitor asked, while the daemon is asked. */
struct monitor {
    board_state *board;
    board_exchange *exchange;
};

static void forget_monitor(void *work)
{
    struct monitor *monitor = work;

    asker_forget(monitor->board->asker, monitor);
}

static void answer_metrics(board_state *board, board_exchange *exchange, const trial_value *status)
{
    trial_text accepted = exchange_header(exchange, "Accept");
    bool is_old = accepted.size > 0 && strstr(accepted.at, "text/plain") != NULL &&
                  strstr(accepted.at, "application/openmetrics-text") == NULL;
    const exchange_form form = {
        .status = 200,
        .type = is_old ? "text/plain; version=0.0.4; charset=utf-8"
                       : "application/openmetrics-text; version=1.0.0; charset=utf-8",
        .cache = NO_STORE,
    };
    char *body = NULL;
    size_t size = 0;
    FILE *out = trial_memory_stream(&body, &size);

    board->counts.resubscribed = follows_mended(board->follows);
    metrics_write(out, !is_old, status, &board->counts);
    TRIAL_ASSERT(fclose(out) == 0);
    exchange_answer(exchange, &form, body, size);
}

static void answer_monitor(board_state *board,
                           board_exchange *exchange,
                           const trial_value *status,
                           const trial_error *error)
{
    if (exchange_route(exchange)->kind == ROUTE_METRICS) {
        answer_metrics(board, exchange, status);
    } else if (status != NULL) {
        desk_answer_text(exchange, 200, "text/plain; charset=utf-8", "the daemon answers\n");
    } else {
        exchange_fail(exchange, 503, error);
    }
}

static void on_monitor(void *context, const trial_value *result, const trial_error *error)
{
    struct monitor *monitor = context;

    answer_monitor(monitor->board, monitor->exchange, result, error);
}

static void begin_monitor(board_state *board, board_exchange *exchange)
{
    struct monitor *monitor = trial_arena_take(exchange_arena(exchange), sizeof *monitor);
    trial_error error = TRIAL_ERROR_NONE;
    const char *method = exchange_route(exchange)->kind == ROUTE_METRICS ? "metrics" : "status";

    *monitor = (struct monitor){ board, exchange };
    if (asker_ask(board->asker, method, NULL, MONITOR_WAIT_MS, on_monitor, monitor, &error) !=
        TRIAL_OK) {
        answer_monitor(board, exchange, NULL, &error);
        return;
    }
    exchange_keep(exchange, monitor, forget_monitor);
}

void desk_begin(board_state *board, board_exchange *exchange)
{
    switch (exchange_route(exchange)->kind) {
    case ROUTE_FILE:
        answer_file(board, exchange);
        return;
    case ROUTE_INDEX:
        answer_index(exchange);
        return;
    case ROUTE_CATALOGUE:
        desk_answer_value(exchange, "no-cache", catalogue_rows(exchange_arena(exchange)));
        return;
    case ROUTE_HEALTH:
        desk_answer_text(exchange, 200, "text/plain; charset=utf-8", "the gateway works\n");
        return;
    case ROUTE_METRICS:
    case ROUTE_READY:
        begin_monitor(board, exchange);
        return;
    case ROUTE_VIEW:
    case ROUTE_ROW:
    case ROUTE_LOG:
    case ROUTE_STATUS:
        desk_begin_answer(board, exchange);
        return;
    case ROUTE_EVENTS:
        desk_begin_stream(board, exchange);
        return;
    }
}
