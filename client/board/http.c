/* http.c - see board.h: the server. It knows libmicrohttpd and no view; what an address answers is
 * the desk's. One thread, and nothing in it waits. */
#include "http.h"

#include "host.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 512  /* connections that wait to be taken: a crowd that comes back at once */
#define SWEEP_MS 250 /* between two looks for who is too slow */

/* A connection came or went. */
static void on_connection(void *context,
                          struct MHD_Connection *connection,
                          void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    board_http *http = context;
    board_guest *guest = *socket_context;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        unsigned stall_ms = http->board->settings.answer_ms;

        guest = trial_memory(sizeof *guest);
        guest->fd = info->connect_fd;
        guest->since_ms = http->now_ms;
        /* A peer that vanished, or takes nothing, is let go of by the kernel. */
        (void)setsockopt(guest->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stall_ms, sizeof stall_ms);
        guest->next = http->guests;
        if (guest->next != NULL) {
            guest->next->before = guest;
        }
        http->guests = guest;
        http->board->counts.connections++;
        *socket_context = guest;
        return;
    }
    if (guest->before != NULL) {
        guest->before->next = guest->next;
    } else {
        http->guests = guest->next;
    }
    if (guest->next != NULL) {
        guest->next->before = guest->before;
    }
    http->board->counts.connections--;
    free(guest);
    *socket_context = NULL;
}

/* Listen where the settings say; the descriptor, or -1. */
static int listen_at(const board_settings *settings, uint16_t *ret_port, trial_error *err)
{
    struct addrinfo wanted = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct addrinfo *found = NULL;
    struct sockaddr_storage bound = { 0 };
    socklen_t size = sizeof bound;
    char port[8];
    int one = 1;
    int fd;
    int code;

    (void)snprintf(port, sizeof port, "%u", settings->port);
    code = getaddrinfo(settings->address, port, &wanted, &found);
    if (code != 0) {
        (void)trial_fail(
            err, TRIAL_INVALID, "listen is '%s': %s", settings->listen, gai_strerror(code));
        return -1;
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &size) != 0 ||
        getnameinfo((struct sockaddr *)&bound, size, NULL, 0, port, sizeof port, NI_NUMERICSERV) !=
            0) {
        (void)trial_fail_errno(err, errno, "listening at '%s'", settings->listen);
        if (fd >= 0) {
            (void)close(fd); /* nothing was accepted from it */
        }
        fd = -1;
    }
    freeaddrinfo(found);
    *ret_port = (uint16_t)strtoul(port, NULL, 10);
    return fd;
}

trial_code
http_open(board_state *board, board_http **ret_http, uint16_t *ret_port, trial_error *err)
{
    board_http *http = trial_memory(sizeof *http);
    const union MHD_DaemonInfo *info = NULL;

    http->board = board;
    http->now_ms = host_monotonic_ms();
    http->listen_fd = listen_at(&board->settings, ret_port, err);
    if (http->listen_fd < 0) {
        free(http);
        return err->code;
    }
    http->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME,
                                    0,
                                    NULL,
                                    NULL,
                                    http_on_access,
                                    http,
                                    MHD_OPTION_LISTEN_SOCKET,
                                    http->listen_fd,
                                    MHD_OPTION_CONNECTION_LIMIT,
                                    board->settings.connections,
                                    MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                    (size_t)board->settings.header_bytes,
                                    MHD_OPTION_CONNECTION_TIMEOUT,
                                    0U, /* the sweep knows better who is too slow */
                                    MHD_OPTION_STRICT_FOR_CLIENT,
                                    1,
                                    MHD_OPTION_URI_LOG_CALLBACK,
                                    http_on_target,
                                    http,
                                    MHD_OPTION_NOTIFY_COMPLETED,
                                    http_on_completed,
                                    http,
                                    MHD_OPTION_NOTIFY_CONNECTION,
                                    on_connection,
                                    http,
                                    MHD_OPTION_END);
    if (http->daemon != NULL) {
        info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    }
    if (info == NULL) {
        (void)close(http->listen_fd); /* nothing was accepted from it */
        free(http);
        return trial_fail(err, TRIAL_STORAGE, "the HTTP server could not be started");
    }
    http->epoll_fd = info->epoll_fd;
    *ret_http = http;
    return TRIAL_OK;
}

void http_close(board_http *http)
{
    if (http == NULL) {
        return;
    }
    http->is_stopping = true;
    for (board_exchange *exchange = http->exchanges; exchange != NULL; exchange = exchange->next) {
        http_resume(exchange);
    }
    (void)MHD_run(http->daemon);   /* what is under way may still be ended; then it is cut */
    MHD_stop_daemon(http->daemon); /* closes the descriptor that it listens at */
    free(http);
}

int http_fd(const board_http *http)
{
    return http->epoll_fd;
}

/* Who sends no request for so long, or takes no answer, is cut: the library then finds the
 * connection closed. */
static void sweep(board_http *http)
{
    const board_settings *settings = &http->board->settings;

    if (http->now_ms - http->swept_ms < SWEEP_MS) {
        return;
    }
    http->swept_ms = http->now_ms;
    for (board_guest *guest = http->guests; guest != NULL; guest = guest->next) {
        uint64_t most_ms = guest->stands_at == GUEST_ASKING      ? settings->head_ms
                           : guest->stands_at == GUEST_ANSWERING ? settings->answer_ms
                                                                 : UINT64_MAX;

        if (http->now_ms - guest->since_ms > most_ms && !guest->is_cut) {
            guest->is_cut = true;
            http->board->counts.cut += guest->stands_at == GUEST_ANSWERING ? 1 : 0;
            (void)shutdown(guest->fd, SHUT_RDWR); /* it may have gone by itself meanwhile */
        }
    }
}

static void wake_streams(board_http *http)
{
    for (board_exchange *exchange = http->exchanges; exchange != NULL; exchange = exchange->next) {
        if (exchange->stream != NULL && exchange->is_suspended &&
            stream_is_ready(exchange->stream, http->now_ms)) {
            http_resume(exchange);
        }
    }
}

void http_turn(board_http *http)
{
    http->now_ms = host_monotonic_ms();
    wake_streams(http);
    sweep(http);
    (void)MHD_run(http->daemon); /* fails only where it was told to quiesce */
    http->board->counts.questions = http->answer_count;
}

uint32_t http_wait_ms(board_http *http, uint32_t most)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;

    if (MHD_get_timeout(http->daemon, &wait_ms) != MHD_YES || wait_ms > most) {
        return most;
    }
    return (uint32_t)wait_ms;
}
