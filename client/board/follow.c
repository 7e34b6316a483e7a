/* follow.c - see follow.h. What a subscription is and how it mends itself is libtrial's; here its
 * events go to a ring, and what it says of its log to the streams. */
#include "follow.h"

#include "host.h"
#include "trial/subscriber.h"

#include <stdlib.h>

#define CREDIT 4096u       /* events on their way to us */
#define EVENTS_A_TURN 1024 /* of one subscription; then the streams have their turn */

struct board_follow {
    board_follows *all;
    trial_text programme; /* absent: the whole log */
    uint32_t holders;
    trial_subscriber *subscriber;
    bool is_placed;
    bool is_live;
    uint64_t head;
    board_ring ring;
};

struct board_follows {
    trial_client_settings daemon;
    uint32_t ring_events;
    size_t ring_bytes;
    char log[128]; /* a name has 36 */
    uint64_t generation;
    uint64_t mended;
    trial_arena arena; /* of one event */
    uint32_t room;
    uint32_t count;
    board_follow *items[]; /* the first is the whole log's */
};

/* Subscribe to what comes from now on; false: the programme is no text. */
static bool subscribe(board_follow *follow)
{
    trial_arena arena = { 0 };
    trial_value *filters = trial_value_map(&arena);
    const trial_subscriber_settings wanted = { .filters = filters, .credit = CREDIT };
    trial_code code;

    if (trial_text_is_set(follow->programme)) {
        trial_value_set(&arena, filters, "programme", trial_value_text(&arena, follow->programme));
    }
    code = trial_subscriber_open(&follow->all->daemon, &wanted, &follow->subscriber, NULL);
    trial_arena_done(&arena);
    return code == TRIAL_OK;
}

static void drop(board_follow *follow)
{
    trial_subscriber_close(follow->subscriber);
    ring_done(&follow->ring);
    free(follow);
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
    if (!subscribe(follow)) {
        drop(follow);
        return NULL;
    }
    follows->items[follows->count++] = follow;
    return follow;
}

board_follows *follows_open(const trial_client_settings *daemon,
                            const trial_client *beside,
                            uint32_t room,
                            uint32_t ring_events,
                            size_t ring_bytes)
{
    board_follows *follows = trial_memory(sizeof *follows + (room + 1) * sizeof follows->items[0]);
    const board_follow *whole;

    follows->daemon = *daemon;
    follows->daemon.beside = beside;
    follows->ring_events = ring_events;
    follows->ring_bytes = ring_bytes;
    follows->room = room + 1;
    whole = follow_hold(follows, (trial_text){ NULL, 0 }); /* for good: it tells the log's name */
    TRIAL_ASSERT(whole != NULL);
    return follows;
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

    while (count < follows->count && count < room) {
        ret_fds[count] = trial_subscriber_fd(follows->items[count]->subscriber);
        count++; /* -1, where there is no descriptor left, is passed over by poll() */
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

/* The daemon has another log than the one we knew: no position means what it meant. */
static void forget_log(board_follows *follows)
{
    host_log(HOST_WARNING, "the daemon has another log now; every stream begins anew");
    follows->log[0] = '\0';
    follows->generation++;
    for (uint32_t i = 0; i < follows->count; i++) {
        board_follow *follow = follows->items[i];
        bool is_subscribed;

        follow->is_placed = false;
        follow->is_live = false;
        follow->head = 0;
        ring_place(&follow->ring, 0);
        trial_subscriber_close(follow->subscriber);
        is_subscribed = subscribe(follow);
        TRIAL_ASSERT(is_subscribed); /* it was before */
    }
}

/* How the subscription is after a call of it that gave this event, or none. False: it is of another
 * log than the others. */
static bool look(board_follow *follow, const trial_replayed *event)
{
    board_follows *follows = follow->all;
    trial_subscriber_state is = trial_subscriber_look(follow->subscriber);

    if (is.connections == 0) {
        return true;
    }
    if (follows->log[0] == '\0') {
        (void)snprintf(follows->log, sizeof follows->log, "%s", is.log);
    }
    if (strcmp(follows->log, is.log) != 0) {
        return false;
    }
    if (!follow->is_placed) {
        ring_place(&follow->ring, event == NULL ? is.position : event->position - 1);
        follow->is_placed = true;
    }
    if (follow->is_live && !is.is_connected) {
        follows->mended++;
        host_log(HOST_NOTICE,
                 "the daemon is gone; asking again for what comes behind position %llu",
                 (unsigned long long)follow->ring.last);
    }
    follow->is_live = is.is_connected && (follow->is_live || is.is_live);
    follow->head = is.head;
    return true;
}

/* True: an event came. */
static bool take_one(board_follow *follow)
{
    const trial_replayed *event = NULL;
    trial_value *value = NULL;
    /* A refusal mends itself or does not: it is asked again in either case. */
    trial_code code = trial_subscriber_next(follow->subscriber, 0, &event, NULL);

    if (code == TRIAL_CONFLICT || !look(follow, event)) {
        forget_log(follow->all);
        return false;
    }
    if (code != TRIAL_OK) {
        return false;
    }
    trial_arena_reset(&follow->all->arena);
    if (trial_replayed_value(event, &follow->all->arena, &value, NULL) == TRIAL_OK) {
        ring_add(&follow->ring, frame_of_event(value));
    }
    return true;
}

bool follows_turn(board_follows *follows)
{
    bool is_done = false;

    for (uint32_t i = 0; i < follows->count; i++) {
        uint32_t taken = 0;

        while (taken < EVENTS_A_TURN && take_one(follows->items[i])) {
            taken++;
        }
        is_done = is_done || taken > 0;
    }
    return is_done;
}
