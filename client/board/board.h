/* board.h - what the files of the gateway share. Two rooms meet here: http, which alone knows the
 * HTTP library, and desk, which knows what each address answers. */
#ifndef BOARD_H
#define BOARD_H

#include "ask.h"
#include "follow.h"
#include "metrics.h"
#include "pages.h"
#include "route.h"
#include "settings.h"
#include "stream.h"

typedef struct board_state {
    board_settings settings;
    trial_client_settings daemon; /* how it is reached */
    board_asker *asker;
    board_follows *follows;
    board_pages *pages; /* NULL: there are none, and the rest is served */
    board_counts counts;
    char since[64]; /* ingesttime of the first event; "" as long as nobody asked */
    char since_log[64];
} board_state;

typedef struct board_http board_http;

/** One request and its answer. */
typedef struct board_exchange board_exchange;

/* http: the server */

/**
 * Listen.
 *
 * ret_port  where, if the settings say port 0.
 * Fails with STORAGE: the address cannot be had; INVALID: it is none.
 */
TRIAL_MUST_USE trial_code http_open(board_state *board,
                                    board_http **ret_http,
                                    uint16_t *ret_port,
                                    trial_error *err);
void http_close(board_http *http); /* NULL is fine */

/** A descriptor that polls readable when there is something to do. */
int http_fd(const board_http *http);

/** Serve what came, wake streams that have something to send, cut who is too slow. Never waits. */
void http_turn(board_http *http);

/** Milliseconds until http_turn() wants to be called again, at most `most`. */
uint32_t http_wait_ms(board_http *http, uint32_t most);

/* http: an exchange, for the desk */

const board_route *exchange_route(const board_exchange *exchange);
trial_arena *exchange_arena(board_exchange *exchange); /* for the exchange's life */
trial_text exchange_header(const board_exchange *exchange,
                           const char *name); /* absent where not sent */

/** How an answer is to be sent. Text is a literal or lives as long as the program. */
typedef struct exchange_form {
    unsigned status;
    const char *type;
    const char *cache; /* Cache-Control */
    const char *etag;  /* NULL: none; copied */
    bool is_packed;    /* gzip */
    bool varies;       /* by Accept-Encoding */
} exchange_form;

/** Answer with memory that is taken and freed. */
void exchange_answer(board_exchange *exchange, const exchange_form *form, char *body, size_t size);

/** Answer with bytes that live as long as the program. */
void exchange_answer_lasting(board_exchange *exchange, const exchange_form *form, trial_bytes body);

/** Answer with a stream; it is taken. */
void exchange_stream(board_exchange *exchange, board_stream *stream);

/** Answer with an error as JSON; `status` 0: the one that goes with its code. */
void exchange_fail(board_exchange *exchange, unsigned status, const trial_error *error);

/** What the desk keeps for an exchange that is under way; `forget` is called when it ends before it
 * was answered. */
typedef void exchange_forget(void *work);
void exchange_keep(board_exchange *exchange, void *work, exchange_forget *forget);

/* desk */

/** Begin to answer: at once, or later through exchange_answer() and its like. */
void desk_begin(board_state *board, board_exchange *exchange);

/** The HTTP status that goes with an error of the daemon or of ours. */
unsigned desk_status(trial_code code);

#endif
