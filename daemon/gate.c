/* gate.c - reads and queries wait here for their peer. A few of one peer are with the readers at a
 * time, and none while what was made for it before waits to be read: a request that waits is small,
 * an answer that waits is not. So a peer that never reads costs its neighbours nothing, not even a
 * commit: that is waited for behind the gate. */
#include "loop.h"

#include <stdlib.h>

#define uthash_malloc(size) trial_memory(size)
#include <uthash.h>

#define GIVEN_MAX                                                                                  \
    8u /* jobs of one peer with the readers: more than they have threads to begin with */

struct gate_peer {
    UT_hash_handle hh;
    struct gate_peer *next_held;
    readers_job *first; /* those that wait */
    readers_job *last;
    uint32_t count; /* jobs of it, wherever they are */
    uint32_t given; /* of them with the readers */
    size_t bytes;   /* of their requests */
    bool is_held;   /* in the list of those that must read first */
    size_t peer_size;
    uint8_t peer[NET_PEER_BYTES_MAX];
};

static struct gate_peer *find(const loop *l, trial_bytes peer)
{
    struct gate_peer *found = NULL;

    HASH_FIND(hh, l->gate_peers, peer.data, peer.size, found);
    return found;
}

static trial_bytes peer_of(const readers_job *job)
{
    return (trial_bytes){ job->peer, job->peer_size };
}

bool gate_is_open(const loop *l, trial_bytes peer, size_t frame_bytes)
{
    const struct gate_peer *of = find(l, peer);

    return of == NULL || (of->count < TRIAL_PEER_JOBS_MAX &&
                          of->bytes + frame_bytes <= l->config->request_bytes * LOOP_PEER_ANSWERS);
}

trial_code gate_refuse(trial_error *err)
{
    return trial_fail(err,
                      TRIAL_BUSY,
                      "too many reads and queries of this connection wait; take the answers "
                      "before you ask more");
}

void gate_enter(loop *l, const readers_job *job)
{
    struct gate_peer *of = find(l, peer_of(job));

    if (of == NULL) {
        of = trial_memory(sizeof *of);
        of->peer_size = job->peer_size;
        memcpy(of->peer, job->peer, job->peer_size);
        HASH_ADD(hh, l->gate_peers, peer, of->peer_size, of);
    }
    l->metrics.jobs++;
    of->count++;
    of->bytes += job->frame.size;
}

/* It is with nobody any more. */
static void uncount(loop *l, struct gate_peer *of, const readers_job *job)
{
    l->metrics.jobs--;
    of->count--;
    of->bytes -= job->frame.size;
}

static void forget(loop *l, struct gate_peer *of)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is in the table. */
    HASH_DEL(l->gate_peers, of);
    free(of);
}

/* Hand over what may be handed over; true where some of it must wait for the peer. */
static bool give_some(loop *l, struct gate_peer *of)
{
    while (of->first != NULL && of->given < GIVEN_MAX) {
        readers_job *job = of->first;

        if (!net_has_room(l->net, (trial_bytes){ of->peer, of->peer_size })) {
            return true;
        }
        of->first = job->next;
        of->last = of->first == NULL ? NULL : of->last;
        if (!authority_still_allows(l, job)) {
            uncount(l, of, job);
            requests_refuse(l, job);
            continue;
        }
        of->given++;
        job->next = l->waiting; /* for a commit that holds what it needs */
        l->waiting = job;
    }
    return false; /* what is left goes on when one of the given comes back */
}

static void give_or_hold(loop *l, struct gate_peer *of)
{
    if (!of->is_held && give_some(l, of)) {
        of->is_held = true;
        of->next_held = l->gate_held;
        l->gate_held = of;
    }
}

void gate_give(loop *l, readers_job *job)
{
    struct gate_peer *of = find(l, peer_of(job));

    TRIAL_ASSERT(of != NULL);
    job->next = NULL;
    if (of->last == NULL) {
        of->first = job;
    } else {
        of->last->next = job;
    }
    of->last = job;
    give_or_hold(l, of);
}

void gate_leave(loop *l, const readers_job *job)
{
    struct gate_peer *of = find(l, peer_of(job));

    TRIAL_ASSERT(of != NULL && of->given > 0 && of->count >= of->given);
    of->given--;
    uncount(l, of, job);
    give_or_hold(l, of);
    if (of->count == 0 && !of->is_held) {
        forget(l, of);
    }
}

void gate_look(loop *l, uint64_t now_ms)
{
    struct gate_peer **link = &l->gate_held;

    if (now_ms == l->gate_ms) {
        return; /* who is held is held for longer than that */
    }
    l->gate_ms = now_ms;
    while (*link != NULL) {
        struct gate_peer *of = *link;

        if (give_some(l, of)) {
            link = &of->next_held;
            continue;
        }
        *link = of->next_held;
        of->is_held = false;
        if (of->count == 0) {
            forget(l, of);
        }
    }
}

void gate_drop(loop *l)
{
    struct gate_peer *of = NULL;
    struct gate_peer *next = NULL;

    /* NOLINTBEGIN(clang-analyzer-unix.Malloc): uthash takes a row out before it is freed. */
    HASH_ITER(hh, l->gate_peers, of, next)
    {
        while (of->first != NULL) {
            readers_job *job = of->first;

            of->first = job->next;
            readers_job_done(job);
        }
        HASH_DEL(l->gate_peers, of);
        free(of);
    }
    /* NOLINTEND(clang-analyzer-unix.Malloc) */
    l->gate_held = NULL;
}
