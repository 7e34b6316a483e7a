/* http.h - what the files of the server share; with them, all that knows libmicrohttpd. */
#ifndef BOARD_HTTP_H
#define BOARD_HTTP_H

#include "board.h"

#include <microhttpd.h>

/** A connection, and what it is at. */
typedef enum guest_place {
    GUEST_ASKING,    /* it is to send a request */
    GUEST_WAITING,   /* for our answer: the daemon's time counts */
    GUEST_ANSWERING, /* it is to take the answer */
    GUEST_STREAMING, /* heartbeats show whether it is there, and the kernel counts the time */
} guest_place;

typedef struct board_guest {
    struct board_guest *next;
    struct board_guest *before;
    int fd;
    guest_place stands_at;
    uint64_t since_ms;
    bool is_cut;
} board_guest;

struct board_http {
    board_state *board;
    struct MHD_Daemon *daemon;
    int listen_fd;
    int epoll_fd;
    uint64_t now_ms;
    uint64_t swept_ms;
    board_guest *guests;
    board_exchange *exchanges;
    uint32_t answer_count; /* exchanges that make or send an answer of the daemon's */
    bool is_stopping;
};

struct board_exchange {
    board_http *http;
    board_exchange *next;
    board_exchange *before;
    struct MHD_Connection *connection;
    trial_arena arena;
    board_route route;
    size_t target_size; /* as it came */
    trial_error fault;  /* of the target; code TRIAL_OK where it has none */
    unsigned fault_status;
    bool is_known;     /* the library has shown its header */
    bool is_head;      /* the method is HEAD: no body is sent */
    bool is_begun;     /* the desk has it */
    bool is_suspended; /* waits for the desk, or for something to send */
    bool is_counted;   /* in answer_count */
    struct MHD_Response *response;
    unsigned status;
    board_stream *stream; /* while it is sent */
    void *work;           /* the desk's */
    exchange_forget *forget;
};

/** Let the library go on with an exchange that it was told to leave alone. */
void http_resume(board_exchange *exchange);

/* What the library calls; http_exchange.c. */
void *http_on_target(void *context, const char *target, struct MHD_Connection *connection);
enum MHD_Result http_on_access(void *context,
                               struct MHD_Connection *connection,
                               const char *url,
                               const char *method,
                               const char *version,
                               const char *upload,
                               size_t *upload_size,
                               void **request_context);
void http_on_completed(void *context,
                       struct MHD_Connection *connection,
                       void **request_context,
                       enum MHD_RequestTerminationCode why);

#endif
