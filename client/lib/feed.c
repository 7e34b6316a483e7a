/* feed.c - the feed for light readers: what it drops is read from the log, so its user sees every
 * event once, in order. */
#include "frame.h"
#include "lib.h"
#include "trial/client.h"
#include "trial/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

#define FILL_EVENTS 256 /* of one page that fills a gap */

struct trial_feed {
    void *context;
    void *socket;
    void *watch; /* of its handshakes; NULL on ipc */
    lib_keys keys;
    char *endpoint;
    trial_client *client; /* for what was missed */
    char log[LIB_LOG_BYTES];
    bool is_checked; /* it is the log that it was, as far as was heard */
    proto_frame_limits limits;
    uint64_t next;     /* the position that is handed out next */
    uint64_t head;     /* the last position we have heard of */
    trial_arena arena; /* of the page */
    trial_value *page; /* events read to fill a gap; NULL where there are none */
    uint32_t page_next;
};

/* Is what the daemon has still the log that it had? The feed does not say. */
static trial_code check_log(trial_feed *feed, uint64_t *ret_head, trial_error *err)
{
    trial_arena arena = { 0 };
    trial_value *status = NULL;
    trial_code code = trial_client_call(feed->client, "status", NULL, &arena, &status, err);

    if (code == TRIAL_OK) {
        trial_text log = trial_value_get_text(status, "log");

        *ret_head = (uint64_t)trial_value_get_integer(status, "head");
        code = lib_check_log(feed->endpoint, feed->log, feed->head, log, *ret_head, err);
    }
    feed->is_checked = code == TRIAL_OK;
    trial_arena_done(&arena);
    return code;
}

trial_code trial_feed_open(const trial_client_settings *settings,
                           uint64_t from,
                           trial_feed **ret_feed,
                           trial_error *err)
{
    static const trial_client_settings defaults = { 0 };
    const trial_client_settings *given = settings == NULL ? &defaults : settings;
    trial_feed *feed = trial_memory(sizeof *feed);
    trial_code code = lib_keys_read(given, &feed->keys, err);

    feed->endpoint = lib_setting(given->feed, "TRIALD_FEED", LIB_FEED_DEFAULT);
    feed->limits = lib_limits(given);
    /* Listening begins before the head is asked for, so nothing falls between the two. */
    if (code == TRIAL_OK) {
        code = lib_socket_open(ZMQ_SUB,
                               feed->limits.request_bytes,
                               feed->endpoint,
                               &feed->keys,
                               given->beside,
                               &feed->context,
                               &feed->socket,
                               &feed->watch,
                               err);
    }
    if (code == TRIAL_OK) {
        code = trial_client_open(given, &feed->client, err);
    }
    if (code == TRIAL_OK) {
        code = check_log(feed, &feed->head, err);
    }
    if (code != TRIAL_OK) {
        trial_feed_close(feed);
        return code;
    }
    feed->next = from == 0 ? feed->head + 1 : from;
    *ret_feed = feed;
    return TRIAL_OK;
}

void trial_feed_close(trial_feed *feed)
{
    if (feed == NULL) {
        return;
    }
    lib_watch_close(feed->socket, feed->watch);
    lib_socket_close(feed->context, feed->socket);
    explicit_bzero(&feed->keys, sizeof feed->keys);
    free(feed->endpoint);
    trial_client_close(feed->client);
    trial_arena_done(&feed->arena);
    free(feed);
}

/* Read the page that begins at `next`. */
static trial_code fill_gap(trial_feed *feed, trial_error *err)
{
    trial_value *params;
    trial_value *result = NULL;
    uint64_t head;
    trial_code code = feed->is_checked ? TRIAL_OK : check_log(feed, &head, err);

    if (code != TRIAL_OK) {
        return code;
    }
    trial_arena_reset(&feed->arena);
    feed->page = NULL;
    params = trial_value_map(&feed->arena);
    trial_value_set(&feed->arena, params, "from", trial_value_unsigned(&feed->arena, feed->next));
    trial_value_set(&feed->arena, params, "limit", trial_value_integer(&feed->arena, FILL_EVENTS));
    code = trial_client_call(feed->client, "read", params, &feed->arena, &result, err);
    if (code != TRIAL_OK) {
        return code;
    }
    feed->page = trial_value_get(result, "events");
    feed->page_next = 0;
    if (feed->page == NULL || feed->page->kind != TRIAL_VALUE_LIST ||
        feed->page->as.list.count == 0) {
        feed->page = NULL;
        return trial_fail(err,
                          TRIAL_MALFORMED,
                          "the log has no event at position %llu, which the feed told of",
                          (unsigned long long)feed->next);
    }
    return TRIAL_OK;
}

/* The next event of the page, or NULL. */
static trial_value *take_from_page(trial_feed *feed)
{
    trial_value *event;

    if (feed->page == NULL || feed->page_next == feed->page->as.list.count) {
        feed->page = NULL;
        return NULL;
    }
    event = feed->page->as.list.items[feed->page_next++];
    feed->next = (uint64_t)trial_value_get_integer(event, "position") + 1;
    return event;
}

/* Was a handshake refused? Then ZeroMQ has let go of the connection, and it is begun anew for the
 * next call: the right may be granted by then. */
static trial_code check_handshake(trial_feed *feed, trial_error *err)
{
    trial_code code = lib_watch_look(feed->watch, &feed->keys, feed->endpoint, err);

    if (code != TRIAL_OK) {
        lib_socket_again(feed->socket, feed->endpoint);
    }
    return code;
}

/* Take one message: the topic, then the notification. BUSY where none comes in time. */
static trial_code take_frames(trial_feed *feed,
                              int64_t deadline_ms,
                              trial_arena *arena,
                              trial_bytes *ret_bytes,
                              trial_error *err)
{
    zmq_msg_t part;
    int is_last = 0;

    while (is_last == 0) {
        int size;
        size_t more_bytes = sizeof is_last;

        (void)zmq_msg_init(&part); /* cannot fail: it allocates nothing */
        size = zmq_msg_recv(&part, feed->socket, ZMQ_DONTWAIT);
        if (size < 0) {
            bool may_wait = errno == EAGAIN || errno == EINTR;

            (void)zmq_msg_close(&part); /* cannot fail: it was initialised */
            if (!may_wait || !lib_wait(feed->socket, feed->watch, ZMQ_POLLIN, deadline_ms)) {
                return TRIAL_BUSY;
            }
            if (check_handshake(feed, err) != TRIAL_OK) {
                return TRIAL_UNAUTHORISED;
            }
            continue;
        }
        *ret_bytes = trial_arena_bytes(arena, (trial_bytes){ zmq_msg_data(&part), (size_t)size });
        (void)zmq_msg_close(&part);
        if (zmq_getsockopt(feed->socket, ZMQ_RCVMORE, &is_last, &more_bytes) != 0) {
            return TRIAL_BUSY;
        }
        is_last = is_last == 0 ? 1 : 0;
    }
    return TRIAL_OK;
}

/* Hear one message; *ret_event is its event where that is the next one, else NULL. */
static trial_code hear(trial_feed *feed,
                       int64_t deadline_ms,
                       trial_arena *arena,
                       trial_value **ret_event,
                       trial_error *err)
{
    trial_bytes bytes = { 0 };
    proto_frame frame;
    trial_value *value = NULL;
    const trial_value *events;
    uint64_t head;
    pack_reader reader;
    trial_code code = take_frames(feed, deadline_ms, arena, &bytes, err);

    *ret_event = NULL;
    if (code != TRIAL_OK) {
        return code == TRIAL_UNAUTHORISED
                   ? code
                   : trial_fail(err, TRIAL_BUSY, "no message from the feed in time");
    }
    if (proto_frame_read(bytes, &feed->limits, &frame, err) != TRIAL_OK ||
        frame.kind != PROTO_NOTIFICATION) {
        return trial_fail(err, TRIAL_MALFORMED, "what the feed sent is not the protocol");
    }
    reader = pack_reader_of(frame.params);
    if (pack_value(&reader, arena, &value, err) != TRIAL_OK) {
        return TRIAL_MALFORMED;
    }
    head = (uint64_t)trial_value_get_integer(value, "head");
    feed->is_checked = false;
    if (head < feed->head) { /* it was on its way when we asked, or another log is shorter */
        return check_log(feed, &head, err);
    }
    feed->head = head;
    events = trial_value_get(value, "events");
    if (events != NULL && events->kind == TRIAL_VALUE_LIST && events->as.list.count == 1) {
        trial_value *event = events->as.list.items[0];
        uint64_t position = (uint64_t)trial_value_get_integer(event, "position");

        feed->head = position > feed->head ? position : feed->head;
        if (position == feed->next) {
            feed->next++;
            *ret_event = event;
        }
    }
    return TRIAL_OK;
}

trial_code trial_feed_next(trial_feed *feed,
                           uint32_t timeout_ms,
                           trial_arena *arena,
                           trial_value **ret_event,
                           trial_error *err)
{
    int64_t deadline_ms = lib_now_ms() + timeout_ms;

    for (;;) {
        trial_value *event = take_from_page(feed);
        trial_code code = TRIAL_OK;

        if (event == NULL && feed->next <= feed->head) {
            code = fill_gap(feed, err);
        } else if (event == NULL) {
            code = hear(feed, deadline_ms, arena, &event, err);
        }
        if (code != TRIAL_OK) {
            return code;
        }
        if (event != NULL) {
            *ret_event = event;
            return TRIAL_OK;
        }
    }
}
