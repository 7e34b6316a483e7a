/* follow.c - see follow.h. Each subscription has a connection of its own, so that whatever comes
 * over it belongs to that one, and a new one begins with nothing in flight. */
#include "follow.h"

#include "host.h"
#include "trial/limits.h"

#include <stdlib.h>

/* Heartbeats come each second of silence; after two and a half the daemon is gone or stands still,
 * and asking again costs nothing. */
#define SILENCE_MS (TRIAL_HEARTBEAT_MS * 5 / 2)
#define RETRY_MS 200      /* between tries where there is no connection */
#define SEND_WAIT_MS 1    /* how long a try may hold the loop */
#define CREDIT 4096u      /* events on their way to us; half of them are given back at a time */
#define MESSAGES_A_TURN 8 /* then the streams have their turn */

typedef enum follow_state {
    FOLLOW_AWAY,    /* nothing is asked yet */
    FOLLOW_ASKING,  /* for the daemon's status */
    FOLLOW_WAITING, /* for what the subscription sends */
} follow_state;

struct board_follow {
    board_follows *all;
    trial_text programme; /* absent: the whole log */
    uint32_t holders;
    trial_client *client;
    follow_state state;
    bool is_placed;
    bool is_live;
    uint64_t heard_ms;
    uint64_t try_ms; /* not before */
    int64_t subscription;
    uint32_t used; /* credit not given back yet */
    uint64_t head;
    board_ring ring;
};

struct board_follows {
    const trial_client_settings *daemon;
    const trial_client *beside;
    uint32_t ring_events;
    size_t ring_bytes;
    char log[128]; /* a name has 36 */
    uint64_t generation;
    uint64_t mended;
    trial_arena arena; /* of one message */
    uint32_t room;
    uint32_t count;
    board_follow *items[]; /* the first is the whole log's */
};

static void set_number(trial_arena *arena, trial_value *map, const char *name, uint64_t number)
{
    trial_value_set(arena, map, name, trial_value_unsigned(arena, number));
}

static board_follow *add(board_follows *follows, trial_text programme)
{
    board_follow *follow = trial_memory(sizeof *follow + programme.size);
    char *name = (char *)(follow + 1);

    follow->all = follows;
    if (trial_text_is_set(programme)) {
        memcpy(name, programme.at, programme.size);
        follow->programme = (trial_text){ name, programme.size };
    }
    ring_init(&follow->ring, follows->ring_events, follows->ring_bytes);
    follows->items[follows->count++] = follow;
    return follow;
}

static void drop(board_follow *follow)
{
    trial_client_close(follow->client);
    ring_done(&follow->ring);
    free(follow);
}

trial_code follows_open(const trial_client_settings *daemon,
                        const trial_client *beside,
                        uint32_t room,
                        uint32_t ring_events,
                        size_t ring_bytes,
                        board_follows **ret_follows,
                        trial_error *err)
{
    board_follows *follows = trial_memory(sizeof *follows + (room + 1) * sizeof follows->items[0]);
    trial_client_settings settings = *daemon;
    trial_code code;

    settings.timeout_ms = SEND_WAIT_MS;
    settings.beside = beside;
    follows->daemon = daemon;
    follows->beside = beside;
    follows->ring_events = ring_events;
    follows->ring_bytes = ring_bytes;
    follows->room = room + 1;
    follow_hold(follows, (trial_text){ NULL, 0 }); /* for good: it is what /readyz rests on */
    code = trial_client_open(&settings, &follows->items[0]->client, err);
    if (code != TRIAL_OK) {
        follows_close(follows);
        return code;
    }
    *ret_follows = follows;
    return TRIAL_OK;
}

void follows_close(board_follows *follows)
{
    if (follows == NULL) {
        return;
    }
    for (uint32_t i = 0; i < follows->count; i++) {
        drop(follows->items[i]);
    }
    trial_arena_done(&follows->arena);
    free(follows);
}

uint32_t follows_fds(const board_follows *follows, int *ret_fds, uint32_t room)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < follows->count && count < room; i++) {
        if (follows->items[i]->client != NULL) {
            ret_fds[count++] = trial_client_fd(follows->items[i]->client);
        }
    }
    return count;
}

uint64_t follows_mended(const board_follows *follows)
{
    return follows->mended;
}

const char *follows_log(const board_follows *follows)
{
    return follows->log;
}

uint64_t follows_generation(const board_follows *follows)
{
    return follows->generation;
}

board_follow *follow_hold(board_follows *follows, trial_text programme)
{
    board_follow *found = NULL;

    for (uint32_t i = 0; i < follows->count && found == NULL; i++) {
        trial_text name = follows->items[i]->programme;

        if (trial_text_is_set(name) == trial_text_is_set(programme) &&
            trial_text_equal(name, programme)) {
            found = follows->items[i];
        }
    }
    if (found == NULL && follows->count < follows->room) {
        found = add(follows, programme);
    }
    if (found != NULL) {
        found->holders++;
    }
    return found;
}

void follow_release(board_follow *follow)
{
    board_follows *follows = follow == NULL ? NULL : follow->all;

    if (follow == NULL || --follow->holders > 0) {
        return;
    }
    for (uint32_t i = 0; i < follows->count; i++) {
        if (follows->items[i] == follow) {
            follows->items[i] = follows->items[--follows->count];
            break;
        }
    }
    drop(follow);
}

const board_ring *follow_ring(const board_follow *follow)
{
    return &follow->ring;
}

bool follow_is_placed(const board_follow *follow)
{
    return follow->is_placed;
}

bool follow_is_live(const board_follow *follow)
{
    return follow->is_live;
}

uint64_t follow_head(const board_follow *follow)
{
    return follow->head;
}

/* Begin again in a moment, over a new connection. Said once, until it is mended. */
static void lose(board_follow *follow, const char *why, uint64_t now_ms)
{
    if (follow->is_live) {
        follow->all->mended++;
        host_log(HOST_NOTICE,
                 "the daemon %s; asking again for what comes behind position %llu",
                 why,
                 (unsigned long long)follow->ring.last);
    }
    trial_client_close(follow->client);
    follow->client = NULL;
    follow->state = FOLLOW_AWAY;
    follow->is_live = false;
    follow->try_ms = now_ms + RETRY_MS;
}

static trial_code send_subscribe(board_follow *follow, uint32_t *ret_msgid)
{
    trial_arena *arena = &follow->all->arena;
    trial_value *params = trial_value_map(arena);

    set_number(arena, params, "from", follow->ring.last + 1);
    set_number(arena, params, "credit", CREDIT);
    if (trial_text_is_set(follow->programme)) {
        trial_value_set(arena, params, "programme", trial_value_text(arena, follow->programme));
    }
    return trial_client_send(follow->client, "subscribe", params, ret_msgid, NULL);
}

/* Ask the daemon who it is. */
static void try_again(board_follow *follow, uint64_t now_ms)
{
    trial_client_settings settings = *follow->all->daemon;
    uint32_t msgid = 0;

    settings.timeout_ms = SEND_WAIT_MS;
    settings.beside = follow->all->beside;
    follow->try_ms = now_ms + RETRY_MS;
    if (follow->client == NULL && trial_client_open(&settings, &follow->client, NULL) != TRIAL_OK) {
        return; /* out of sockets for now */
    }
    if (trial_client_send(follow->client, "status", NULL, &msgid, NULL) == TRIAL_OK) {
        follow->state = FOLLOW_ASKING;
        follow->heard_ms = now_ms;
    }
}

/* The daemon has another log than the one we knew: no position means what it meant. */
static void forget_log(board_follows *follows, trial_text log)
{
    (void)snprintf(follows->log, sizeof follows->log, "%.*s", TRIAL_TEXT_ARGS(log));
    follows->generation++;
    host_log(HOST_WARNING,
             "the daemon has another log now, '%s'; every stream begins anew",
             follows->log);
    for (uint32_t i = 0; i < follows->count; i++) {
        follows->items[i]->is_placed = false;
        follows->items[i]->is_live = false;
        follows->items[i]->head = 0;
        ring_place(&follows->items[i]->ring, 0);
    }
}

static void take_status(board_follow *follow, const trial_value *status, uint64_t now_ms)
{
    board_follows *follows = follow->all;
    uint64_t head = (uint64_t)trial_value_get_integer(status, "head");
    trial_text log = trial_value_get_text(status, "log");
    uint32_t msgid = 0;

    if (follows->log[0] == '\0') {
        (void)snprintf(follows->log, sizeof follows->log, "%.*s", TRIAL_TEXT_ARGS(log));
    }
    if (!trial_text_is(log, follows->log) || (follow->is_placed && head < follow->ring.last)) {
        forget_log(follows, log);
    }
    if (!follow->is_placed) {
        ring_place(&follow->ring, head);
        follow->is_placed = true;
    }
    follow->head = head > follow->head ? head : follow->head;
    follow->used = 0;
    if (send_subscribe(follow, &msgid) != TRIAL_OK) {
        lose(follow, "takes nothing", now_ms);
        return;
    }
    follow->state = FOLLOW_WAITING;
    follow->heard_ms = now_ms;
}

static void give_credit(board_follow *follow)
{
    trial_arena *arena = &follow->all->arena;
    trial_value *params = trial_value_map(arena);

    set_number(arena, params, "subscription", (uint64_t)follow->subscription);
    set_number(arena, params, "add", follow->used);
    if (trial_client_notify(follow->client, "credit", params, NULL) == TRIAL_OK) {
        follow->used = 0; /* else it is given with the next event; the other half is still there */
    }
}

static void take_events(board_follow *follow, const trial_value *events)
{
    for (uint32_t i = 0; i < events->as.list.count; i++) {
        const trial_value *event = events->as.list.items[i];
        uint64_t position = (uint64_t)trial_value_get_integer(event, "position");

        follow->used++;
        if (position > follow->ring.last) {
            ring_add(&follow->ring, frame_of_event(event));
        }
    }
    if (follow->used >= CREDIT / 2) {
        give_credit(follow);
    }
}

static void take_notification(board_follow *follow, const trial_message *message)
{
    const trial_value *events = trial_value_get(message->value, "events");
    uint64_t head = (uint64_t)trial_value_get_integer(message->value, "head");

    follow->subscription = trial_value_get_integer(message->value, "subscription");
    follow->head = head > follow->head ? head : follow->head;
    if (events != NULL && events->kind == TRIAL_VALUE_LIST) {
        take_events(follow, events);
    }
    if (trial_text_is(message->method, "live")) {
        follow->is_live = true;
    }
}

/* One message at most. True: one came. */
static bool take_one(board_follow *follow, uint64_t now_ms)
{
    trial_message message;
    trial_code code;

    if (follow->client == NULL) {
        return false;
    }
    trial_arena_reset(&follow->all->arena);
    code = trial_client_receive(follow->client, 0, true, &follow->all->arena, &message, NULL);
    if (code != TRIAL_OK) {
        return code != TRIAL_BUSY;
    }
    follow->heard_ms = now_ms;
    if (message.is_notification) {
        take_notification(follow, &message);
    } else if (message.error.code != TRIAL_OK) {
        lose(follow, message.error.text, now_ms); /* busy: asked again in a moment */
    } else if (follow->state == FOLLOW_ASKING) {
        take_status(follow, message.value, now_ms);
    }
    return true;
}

bool follows_turn(board_follows *follows)
{
    uint64_t now_ms = host_monotonic_ms();
    bool is_done = false;

    for (uint32_t i = 0; i < follows->count; i++) {
        board_follow *follow = follows->items[i];
        uint32_t taken = 0;

        while (taken < MESSAGES_A_TURN && take_one(follow, now_ms)) {
            taken++;
        }
        is_done = is_done || taken > 0;
        if (follow->state != FOLLOW_AWAY && now_ms - follow->heard_ms > SILENCE_MS) {
            lose(follow, "is silent", now_ms);
        }
        if (follow->state == FOLLOW_AWAY && now_ms >= follow->try_ms) {
            try_again(follow, now_ms);
            is_done = is_done || follow->state == FOLLOW_ASKING;
        }
    }
    return is_done;
}
