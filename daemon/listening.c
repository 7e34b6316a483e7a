/* listening.c - which of the sockets that the service manager passed in stands for which endpoint.
 */
#include "loop.h"

#include "host.h"

/* The place of an endpoint among those of requests, or behind them for the feed; -1: it is none. */
static int place_of(const struct config *config, const host_listener *passed)
{
    if (strcmp(passed->name, LISTENING_FEED) == 0) {
        return strcmp(config->feed, passed->endpoint) == 0 ? (int)config->listen.count : -1;
    }
    for (uint32_t i = 0; i < config->listen.count; i++) {
        if (strcmp(config->listen.items[i], passed->endpoint) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static trial_code
take(const struct config *config, const host_listener *passed, int *ret_fds, trial_error *err)
{
    bool is_feed = strcmp(passed->name, LISTENING_FEED) == 0;
    int place;

    if (!is_feed && strcmp(passed->name, LISTENING_REQUESTS) != 0) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "a socket named '%s' was passed in; FileDescriptorName= is '%s' or '%s'",
                          passed->name,
                          LISTENING_REQUESTS,
                          LISTENING_FEED);
    }
    place = place_of(config, passed);
    if (place < 0 || ret_fds[place] >= 0) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "the socket passed in for '%s' is not what the setting '%s' names; make "
                          "ListenStream= of its unit and the setting the same",
                          passed->endpoint,
                          is_feed ? "feed" : "listen");
    }
    ret_fds[place] = passed->fd;
    return TRIAL_OK;
}

trial_code listening_take(const struct config *config, int *ret_fds, trial_error *err)
{
    host_listener passed[CONFIG_ENDPOINTS_MAX + 1];
    uint32_t count = 0;
    trial_code code = host_listeners(passed, CONFIG_ENDPOINTS_MAX + 1, &count, err);

    for (uint32_t i = 0; i <= config->listen.count; i++) {
        ret_fds[i] = -1;
    }
    for (uint32_t i = 0; code == TRIAL_OK && i < count; i++) {
        code = take(config, &passed[i], ret_fds, err);
    }
    return code;
}
