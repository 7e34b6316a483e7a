/* parcel.c - how many bytes are on their way to a peer. libzmq bounds its pipes by messages alone,
 * and a thousand answers of four megabytes are more than there is: so each large message tells when
 * libzmq is done with it, and what a peer has not taken is counted in bytes as well. */
#include "net_internal.h"

#include <stdatomic.h>
#include <stdlib.h>

#define uthash_malloc(size) trial_memory(size)
#include <uthash.h>

#define SWEEP_LEAST 64u /* accounts that may lie idle before anybody looks at them */

/* The large messages of one peer. Another thread takes from `bytes`, and does so last. */
struct account {
    UT_hash_handle hh;
    atomic_size_t bytes;
    size_t peer_size;
    uint8_t peer[NET_PEER_BYTES_MAX];
};

struct parcel {
    size_t size;
    uint8_t bytes[];
};

static account *find(const net *n, trial_bytes peer)
{
    account *found = NULL;

    HASH_FIND(hh, n->accounts, peer.data, peer.size, found);
    return found;
}

size_t parcel_bytes(const net *n, trial_bytes peer)
{
    const account *found = n->accounts == NULL ? NULL : find(n, peer);

    return found == NULL ? 0 : atomic_load(&found->bytes);
}

static void sweep(net *n, bool is_all)
{
    account *one = NULL;
    account *next = NULL;

    /* NOLINTBEGIN(clang-analyzer-*): uthash takes a row out before it is freed. */
    HASH_ITER(hh, n->accounts, one, next)
    {
        if (is_all || atomic_load(&one->bytes) == 0) {
            HASH_DEL(n->accounts, one);
            free(one);
        }
    }
    n->sweep_at = HASH_COUNT(n->accounts) * 2 + SWEEP_LEAST;
    /* NOLINTEND(clang-analyzer-*) */
}

void parcel_done(net *n)
{
    sweep(n, true); /* the context is closed: nothing is on its way any more */
}

static account *open_account(net *n, trial_bytes peer)
{
    account *opened = find(n, peer);

    if (opened != NULL) {
        return opened;
    }
    if (HASH_COUNT(n->accounts) >= n->sweep_at) {
        sweep(n, false);
    }
    opened = trial_memory(sizeof *opened);
    opened->peer_size = peer.size;
    memcpy(opened->peer, peer.data, peer.size);
    HASH_ADD(hh, n->accounts, peer, opened->peer_size, opened);
    return opened;
}

/* Called by whichever thread of libzmq is done with the message. */
static void arrived(void *data, void *hint)
{
    account *of = hint;
    struct parcel *parcel = (struct parcel *)(void *)((uint8_t *)data - sizeof *parcel);
    size_t size;

    (void)atomic_load(&of->bytes); /* what was written before it was counted is seen */
    size = parcel->size;
    free(parcel);
    (void)atomic_fetch_sub(&of->bytes, size);
}

bool parcel_send(net *n, trial_bytes peer, trial_bytes payload)
{
    account *of = open_account(n, peer);
    struct parcel *parcel = trial_memory_again(NULL, sizeof *parcel + payload.size);
    zmq_msg_t message;

    parcel->size = payload.size;
    memcpy(parcel->bytes, payload.data, payload.size);
    (void)atomic_fetch_add(&of->bytes, payload.size);
    if (zmq_msg_init_data(&message, parcel->bytes, payload.size, arrived, of) != 0) {
        trial_exhausted(); /* the frames before it are on their way */
    }
    if (zmq_msg_send(&message, n->router, ZMQ_DONTWAIT) < 0) {
        (void)zmq_msg_close(&message); /* a valid message: it is let go */
        return false;
    }
    return true;
}
