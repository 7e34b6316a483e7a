/* listeners.c - the listening sockets that the service manager made and passed in. It keeps them
 * while the daemon is restarted, so whoever connects meanwhile waits and is served. */
#include "host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

union address {
    struct sockaddr any;
    struct sockaddr_un local;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    struct sockaddr_storage room;
};

/* The address as a setting writes it; false where none can. */
static bool write_endpoint(const union address *address, char *ret_text)
{
    char text[INET6_ADDRSTRLEN];
    bool is_any;

    switch (address->any.sa_family) {
    case AF_UNIX:
        (void)snprintf(ret_text, HOST_ENDPOINT_BYTES, "ipc://%s", address->local.sun_path);
        return address->local.sun_path[0] == '/'; /* no name that only this machine's network has */
    case AF_INET:
        (void)inet_ntop(AF_INET, &address->four.sin_addr, text, sizeof text); /* it has room */
        (void)snprintf(ret_text,
                       HOST_ENDPOINT_BYTES,
                       "tcp://%s:%u",
                       address->four.sin_addr.s_addr == INADDR_ANY ? "*" : text,
                       ntohs(address->four.sin_port));
        return true;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, &address->six.sin6_addr, text, sizeof text); /* it has room */
        is_any = IN6_IS_ADDR_UNSPECIFIED(&address->six.sin6_addr);
        (void)snprintf(ret_text,
                       HOST_ENDPOINT_BYTES,
                       "tcp://%s%s%s:%u",
                       is_any ? "" : "[",
                       is_any ? "*" : text,
                       is_any ? "" : "]",
                       ntohs(address->six.sin6_port));
        return true;
    default:
        return false;
    }
}

static trial_code look_at(int fd, const char *name, host_listener *ret_listener, trial_error *err)
{
    union address address = { .room = { 0 } }; /* a path that fills its room still ends in NUL */
    socklen_t size = sizeof address;
    int flags;

    if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0 ||
        getsockname(fd, &address.any, &size) != 0 ||
        !write_endpoint(&address, ret_listener->endpoint)) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "descriptor %d ('%s') was passed in and is no listening socket of a path "
                          "or of tcp; correct ListenStream= of its socket unit",
                          fd,
                          name);
    }
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return trial_fail_errno(err, errno, "taking the socket '%s' that was passed in", name);
    }
    ret_listener->fd = fd;
    (void)snprintf(ret_listener->name, sizeof ret_listener->name, "%s", name);
    return TRIAL_OK;
}

trial_code
host_listeners(host_listener *ret_listeners, uint32_t max, uint32_t *ret_count, trial_error *err)
{
    char **names = NULL;
    int count = sd_listen_fds_with_names(1, &names);
    trial_code code = TRIAL_OK;

    *ret_count = 0;
    if (count < 0) {
        return trial_fail_errno(err, -count, "taking the sockets that were passed in");
    }
    if ((uint32_t)count > max) {
        code = trial_fail(
            err, TRIAL_INVALID, "%d sockets were passed in, and %u can be served", count, max);
    }
    for (int i = 0; i < count; i++) {
        if (code == TRIAL_OK) {
            code = look_at(SD_LISTEN_FDS_START + i, names[i], &ret_listeners[i], err);
        }
        free(names[i]);
    }
    free(names);
    *ret_count = code == TRIAL_OK ? (uint32_t)count : 0;
    return code;
}
