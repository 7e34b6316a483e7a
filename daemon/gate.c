/* gate.c - reads and queries wait here for their peer, and pages of the whole log for publishers. A
 * few of one peer are with the readers at a time, and none while what was made for it before waits
 * to be read: a request that waits is small, an answer that waits is not. So a peer that never
 * reads costs its neighbours nothing, not even a commit: that is waited for behind the gate. */
#include "loop.h"

#include <stdlib.h>

#define uthash_malloc(size) trial_memory(size)
#include <uthash.h>

#define NS_PER_S 1000000000u

#define GIVEN_MAX                                                                                  \
    8u /* jobs of one peer with the readers: more than they have threads to begin with */

/* A read of no more events than these is for somebody who looks. */
#define GLANCE_EVENTS 256

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

/* Is it one of the many that an export, a backup or a replay asks for? A subscription's page is
 * not: it must come closer to the log's end, however fast that goes on. */
static bool is_page(const readers_job *job)
{
    const struct trial_request_read *read = &job->request.as.read;

    if (job->kind != READERS_REQUEST) {
        return false;
    }
    return job->request.method == TRIAL_METHOD_RECORDS ||
           (job->request.method == TRIAL_METHOD_READ && !trial_text_is_set(read->subject) &&
            !(read->limit.is_set && read->limit.value <= GLANCE_EVENTS));
}

/* While publishers keep the loop busy pages go one at a time and rest behind each: an export that
 * takes all it can get costs two processors 45 % of the appends, one at 64 MiB/s some 15 %. */
static bool must_rest(const loop *l, const readers_job *job)
{
    return l->is_busy && is_page(job) && (l->pages > 0 || host_monotonic_ns() < l->page_ns);
}

static void end_page(loop *l, const readers_job *job)
{
    uint64_t now_ns = host_monotonic_ns();

    l->pages--;
    l->page_ns = now_ns + job->answer.size * NS_PER_S / l->config->busy_read_bytes;
}

/* Hand over what may be handed over; true where some of it must wait for the peer, or rest. */
static bool give_some(loop *l, struct gate_peer *of)
{
    while (of->first != NULL && of->given < GIVEN_MAX) {
        readers_job *job = of->first;

        if (must_rest(l, job) || !net_has_room(l->net, (trial_bytes){ of->peer, of->peer_size })) {
            return true;
        }
        l->pages += is_page(job) ? 1 : 0;
        of->first = job->next;
        of->last = of->first == NULL ? NULL : of->last;
        if (!authority_still_allows(l, job)) {
            l->pages -= is_page(job) ? 1 : 0;
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
    if (is_page(job)) {
        end_page(l, job);
    }
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
