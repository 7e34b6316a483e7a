/* read_board.c - an event stream of trialboard, beside a publisher that speaks to the daemon. The
 * endpoint names both: ipc://PATH, a hash sign, the gateway's port. */
#include "read.h"

#include "trial/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS 60000u
#define PIECE_BYTES 65536u
#define LINE_BYTES 2048u /* an event of the publisher's has some five hundred */

struct connection {
    trial_client_settings settings;
    char endpoint[256];
    uint16_t port;
    trial_client *client; /* the publisher's */
    trial_arena arena;
    uint64_t published;
    int fd; /* the subscriber's; -1 before */
    bool is_in_body;
    size_t chunk_left; /* of the chunk that is being read */
    bool is_in_chunk;
    char line[LINE_BYTES];
    size_t line_size;
};

static void *open_connection(const char *endpoint)
{
    struct connection *c = calloc(1, sizeof *c);
    const char *hash = strchr(endpoint, '#');

    if (c == NULL || hash == NULL || (size_t)(hash - endpoint) >= sizeof c->endpoint) {
        load_fail("'%s' is not ENDPOINT#PORT", endpoint);
    }
    memcpy(c->endpoint, endpoint, (size_t)(hash - endpoint));
    c->port = (uint16_t)strtoul(hash + 1, NULL, 10);
    c->fd = -1;
    return c;
}

static void close_connection(void *given)
{
    struct connection *c = given;

    trial_client_close(c->client);
    trial_arena_done(&c->arena);
    if (c->fd >= 0) {
        (void)close(c->fd);
    }
    free(c);
}

static void publish(void *given, uint64_t stamp)
{
    struct connection *c = given;
    trial_client_settings settings = { .endpoint = c->endpoint, .timeout_ms = ANSWER_MS };
    trial_error err = TRIAL_ERROR_NONE;
    trial_arena *arena = &c->arena;
    trial_value *params;
    trial_value *events;
    trial_value *event;
    trial_value *data;
    trial_value *result = NULL;

    if (c->client == NULL && trial_client_open(&settings, &c->client, &err) != TRIAL_OK) {
        load_fail("triald: %s", err.text);
    }
    trial_arena_reset(arena);
    params = trial_value_map(arena);
    events = trial_value_list(arena);
    event = trial_value_map(arena);
    data = trial_value_map(arena);
    trial_value_set(arena, data, "activity", trial_value_word(arena, "pushed"));
    trial_value_set(arena, data, "sent", trial_value_unsigned(arena, stamp));
    trial_value_set(arena, event, "data", data);
    trial_value_set(arena,
                    event,
                    "id",
                    trial_value_text(arena,
                                     trial_arena_print(arena,
                                                       "board-%d-%llu-%llu",
                                                       (int)getpid(),
                                                       (unsigned long long)stamp,
                                                       (unsigned long long)c->published++)));
    trial_value_set(arena, event, "source", trial_value_word(arena, "/bench"));
    trial_value_set(arena, event, "subject", trial_value_word(arena, "case/board"));
    trial_value_set(arena, event, "time", trial_value_word(arena, "2024-05-06T07:08:09Z"));
    trial_value_set(arena, event, "type", trial_value_word(arena, "activity.completed"));
    trial_value_push(arena, events, event);
    trial_value_set(arena, params, "events", events);
    if (trial_client_call(c->client, "append", params, arena, &result, &err) != TRIAL_OK) {
        load_fail("triald: %s", err.text);
    }
}

/* One byte of the body without its chunks. A line that begins with `data:` may have a stamp. */
static bool take_byte(struct connection *c, char byte, uint64_t *ret_stamp)
{
    const char *sent;

    if (byte != '\n') {
        if (c->line_size + 1 < sizeof c->line) {
            c->line[c->line_size++] = byte;
        }
        return false;
    }
    c->line[c->line_size] = '\0';
    c->line_size = 0;
    sent = strncmp(c->line, "data:", 5) == 0 ? strstr(c->line, "\"sent\":") : NULL;
    if (sent != NULL) {
        *ret_stamp = strtoull(sent + 7, NULL, 10);
    }
    return sent != NULL;
}

/* One byte as it came: of the header, of a chunk's size, or of a chunk. */
static bool take_raw(struct connection *c, char byte, uint64_t *ret_stamp)
{
    if (c->is_in_body && c->is_in_chunk && c->chunk_left > 0) {
        c->chunk_left--;
        return take_byte(c, byte, ret_stamp);
    }
    if (c->is_in_body && c->is_in_chunk) { /* the line end behind a chunk */
        c->is_in_chunk = byte != '\n';
        c->chunk_left = 0;
        return false;
    }
    if (c->is_in_body) {
        size_t digit = (size_t)(byte >= 'A' ? (byte | 0x20) - 'a' + 10 : byte - '0');

        if (byte == '\n') {
            c->is_in_chunk = true;
        } else if (byte != '\r') {
            c->chunk_left = c->chunk_left * 16 + digit;
        }
        return false;
    }
    if (byte == '\n') { /* an empty line ends the header */
        c->is_in_body = c->line_size == 0;
        c->line_size = 0;
    } else if (byte != '\r') {
        c->line_size++;
    }
    return false;
}

static uint32_t take(void *given, uint64_t *ret_stamps)
{
    struct connection *c = given;
    char piece[PIECE_BYTES];
    ssize_t got = recv(c->fd, piece, sizeof piece, MSG_DONTWAIT);
    uint32_t count = 0;

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        load_fail("the gateway closed a stream");
    }
    for (ssize_t i = 0; i < got; i++) {
        if (take_raw(c, piece[i], &ret_stamps[count])) {
            count++;
        }
        if (count == READ_STAMPS_MAX) {
            load_fail("more events at once than there is room for");
        }
    }
    return count;
}

/* Open the stream, and wait until it is told to be live: what is published then is new to it. */
static void subscribe(void *given)
{
    static const char request[] = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct connection *c = given;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(c->port),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    char said[4096] = "";
    size_t size = 0;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        send(c->fd, request, sizeof request - 1, MSG_NOSIGNAL) != (ssize_t)sizeof request - 1) {
        load_fail("connecting to the gateway: %s", strerrordesc_np(errno));
    }
    while (strstr(said, "event: live") == NULL) {
        ssize_t got = recv(c->fd, said + size, 1, 0);

        if (got != 1 || size + 2 == sizeof said) {
            load_fail("the gateway opened no stream: %s", said);
        }
        (void)take_raw(c, said[size], &(uint64_t){ 0 });
        size++;
    }
}

static int fd(void *given)
{
    const struct connection *c = given;

    return c->fd;
}

int main(int count, char **words)
{
    static const read_driver driver = {
        .open = open_connection,
        .close = close_connection,
        .publish = publish,
        .subscribe = subscribe,
        .fd = fd,
        .take = take,
    };

    return read_main(&driver, count, words);
}
