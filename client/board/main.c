/* main.c - trialboard: what a browser sees of triald. It is a client of the daemon like any other;
 * one thread asks, follows and answers, and nothing in it waits but the loop. */
#include "board.h"
#include "host.h"
#include "streams.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EXIT_USAGE 64
#define EXIT_CONFIG 78
#define TURN_MS 100   /* between two looks at clocks: heartbeats, deadlines, silence */
#define START_MS 1000 /* for the daemon's first answer; then what can be is served without it */
#define TRY_MS 10     /* between two looks for a connection */
#define FDS_OTHER 3   /* signals, the HTTP server, questions */

extern char **environ;

struct loop {
    board_state *board;
    board_http *http;
    int signal_fd;
    uint64_t watchdog_ms; /* within which the watchdog is to be fed; 0: there is none */
    uint64_t fed_ms;
};

static bool is_told_to_stop(const struct loop *loop)
{
    for (int number = host_signals_read(loop->signal_fd); number != 0;
         number = host_signals_read(loop->signal_fd)) {
        if (number != SIGHUP) { /* there is no file to read again */
            return true;
        }
    }
    return false;
}

static void feed_watchdog(struct loop *loop)
{
    uint64_t now_ms = host_monotonic_ms();

    if (loop->watchdog_ms > 0 && now_ms - loop->fed_ms >= loop->watchdog_ms / 2) {
        host_notify_alive();
        loop->fed_ms = now_ms;
    }
}

/* Sending may swallow the sign that something came, so all is looked at again after each turn, and
 * the loop sleeps only when nothing was there. */
static void turn(struct loop *loop)
{
    bool is_done;

    do {
        http_turn(loop->http);
        is_done = asker_turn(loop->board->asker);
        is_done = follows_turn(loop->board->follows) || is_done;
    } while (is_done);
    http_turn(loop->http);
}

static void run(struct loop *loop)
{
    board_state *board = loop->board;
    uint32_t room = FDS_OTHER + 1 + board->settings.programmes;
    struct pollfd *fds = trial_memory(room * sizeof *fds);
    int *followed = trial_memory(room * sizeof *followed);

    while (!is_told_to_stop(loop)) {
        uint32_t count = FDS_OTHER;

        turn(loop);
        feed_watchdog(loop);
        fds[0] = (struct pollfd){ .fd = loop->signal_fd, .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = http_fd(loop->http), .events = POLLIN };
        fds[2] = (struct pollfd){ .fd = asker_fd(board->asker), .events = POLLIN };
        count += follows_fds(board->follows, followed, room - FDS_OTHER);
        for (uint32_t i = FDS_OTHER; i < count; i++) {
            fds[i] = (struct pollfd){ .fd = followed[i - FDS_OTHER], .events = POLLIN };
        }
        (void)poll(fds, count, (int)http_wait_ms(loop->http, TURN_MS)); /* whatever it says, all
                                                                         * is looked at */
    }
    free(followed);
    free(fds);
}

static void on_first_answer(void *context, const trial_value *result, const trial_error *error)
{
    bool *is_there = context;

    (void)error; /* whatever it was: there is nothing more to wait for */
    *is_there = result != NULL;
}

/* Whoever asks as soon as we are ready should not be told that there is no connection yet. */
static void wait_for_daemon(board_state *board)
{
    uint64_t until_ms = host_monotonic_ms() + START_MS;
    bool is_there = false;
    bool is_asked = false;

    while (!is_there && host_monotonic_ms() < until_ms) {
        struct pollfd fd = { .fd = asker_fd(board->asker), .events = POLLIN };

        if (!is_asked) {
            is_asked =
                asker_ask(
                    board->asker, "status", NULL, START_MS, on_first_answer, &is_there, NULL) ==
                TRIAL_OK;
        }
        (void)poll(&fd, 1, TRY_MS); /* whatever it says, it is looked at */
        (void)asker_turn(board->asker);
    }
    asker_forget(board->asker, &is_there);
}

static void say_where(const board_settings *settings, uint16_t port)
{
    bool is_v6 = strchr(settings->address, ':') != NULL;

    (void)printf("listening on http://%s%s%s:%u/\n",
                 is_v6 ? "[" : "",
                 settings->address,
                 is_v6 ? "]" : "",
                 port);
    (void)fflush(stdout); /* whoever reads it has it, or does not want it */
    host_log(HOST_NOTICE, "listening on %s, port %u", settings->address, port);
    host_notify_ready();
    host_notify_status("answering on %s, port %u", settings->address, port);
}

/* The pages may be absent: JSON, events and metrics are served without them. */
static trial_code open_pages(board_state *board, trial_error *err)
{
    trial_code code = pages_open(board->settings.pages, &board->pages, err);

    if (code == TRIAL_NOT_FOUND) {
        host_log(HOST_WARNING, "there are no pages: %s", err->text);
        return TRIAL_OK;
    }
    return code == TRIAL_OK ? code : trial_fail_while(err, "reading the pages");
}

static trial_code open_board(board_state *board, trial_error *err)
{
    const board_settings *settings = &board->settings;
    trial_code code = open_pages(board, err);

    board->daemon = (trial_client_settings){ .endpoint = settings->endpoint,
                                             .key = settings->key,
                                             .server_key = settings->server_key,
                                             .name = "trialboard" };
    if (code == TRIAL_OK) {
        /* Each stream may wait for a page, each answer and monitor for one of its own. */
        code = asker_open(&board->daemon, settings->connections, &board->asker, err);
    }
    if (code == TRIAL_OK) {
        board->follows = follows_open(&board->daemon,
                                      asker_client(board->asker),
                                      settings->programmes,
                                      settings->ring_events,
                                      settings->ring_bytes);
    }
    return code;
}

static int serve(board_state *board, trial_error *err)
{
    struct loop loop = { .board = board,
                         .signal_fd = host_signals_open(err),
                         .watchdog_ms = host_watchdog_us() / 1000 };
    uint16_t port = 0;
    trial_code code = loop.signal_fd < 0 ? err->code : open_board(board, err);

    (void)host_descriptors(); /* fewer than asked for are fine: connections are bounded */
    if (code == TRIAL_OK) {
        code = http_open(board, &loop.http, &port, err);
    }
    if (code == TRIAL_OK) {
        wait_for_daemon(board);
        say_where(&board->settings, port);
        run(&loop);
        host_notify_stopping();
    }
    http_close(loop.http);
    follows_close(board->follows);
    asker_close(board->asker);
    pages_close(board->pages);
    if (code != TRIAL_OK) {
        host_log(HOST_ERROR, "%s", err->text);
    }
    return code == TRIAL_OK ? EXIT_SUCCESS : code == TRIAL_INVALID ? EXIT_CONFIG : EXIT_FAILURE;
}

/* What was asked for and printed must have arrived: a full disk behind stdout is no success. */
static int close_output(void)
{
    if (proto_streams_arrived()) {
        return EXIT_SUCCESS;
    }
    (void)fprintf(stderr, "trialboard: writing to standard output: %s\n", strerrordesc_np(errno));
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static board_state board; /* large: it holds the settings' text */
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code;

    proto_streams_hold();
    code = settings_read(argc, argv, environ, &board.settings, &err);
    if (code != TRIAL_OK) {
        (void)fprintf(stderr, "trialboard: %s\n", err.text);
        return code == TRIAL_MALFORMED ? EXIT_USAGE : EXIT_CONFIG;
    }
    if (board.settings.is_answered) {
        return close_output();
    }
    return serve(&board, &err);
}
