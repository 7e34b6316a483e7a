/* outbox.c - answers that a slow peer has not taken yet. ROUTER says nothing when a pipe has room
 * again, so the loop asks now and then; a peer whose queue is full loses what comes after, and that
 * is counted. */
#include "net_internal.h"

#include <stdlib.h>

struct letter {
    struct letter *next;
    bool is_delimited;
    size_t size;
    uint8_t bytes[];
};

struct outbox {
    outbox *next;
    struct letter *first;
    struct letter *last;
    uint32_t count;
    size_t peer_size;
    uint8_t peer[NET_PEER_BYTES_MAX];
};

static outbox *find(const net *n, trial_bytes peer)
{
    outbox *box = n->outboxes;

    while (box != NULL &&
           !(box->peer_size == peer.size && memcmp(box->peer, peer.data, peer.size) == 0)) {
        box = box->next;
    }
    return box;
}

bool outbox_has(const net *n, trial_bytes peer)
{
    return n->outboxes != NULL && find(n, peer) != NULL;
}

bool outbox_add(net *n, trial_bytes peer, bool is_delimited, trial_bytes payload)
{
    outbox *box = find(n, peer);
    struct letter *letter;

    if (peer.size > NET_PEER_BYTES_MAX || (box != NULL && box->count >= n->queue_max)) {
        return false;
    }
    if (box == NULL) {
        box = trial_memory(sizeof *box);
        box->peer_size = peer.size;
        memcpy(box->peer, peer.data, peer.size);
        box->next = n->outboxes;
        n->outboxes = box;
    }
    letter = trial_memory(sizeof *letter + payload.size);
    letter->is_delimited = is_delimited;
    letter->size = payload.size;
    if (payload.size > 0) {
        memcpy(letter->bytes, payload.data, payload.size);
    }
    if (box->last == NULL) {
        box->first = letter;
    } else {
        box->last->next = letter;
    }
    box->last = letter;
    box->count++;
    return true;
}

static void drop_first(outbox *box)
{
    struct letter *letter = box->first;

    box->first = letter->next;
    if (box->first == NULL) {
        box->last = NULL;
    }
    box->count--;
    free(letter);
}

/* Send what the peer takes; false where it takes no more for now. */
static bool send_box(net *n, outbox *box)
{
    while (box->first != NULL) {
        net_sent sent = net_send_now(n,
                                     (trial_bytes){ box->peer, box->peer_size },
                                     box->first->is_delimited,
                                     (trial_bytes){ box->first->bytes, box->first->size });

        if (sent == NET_FULL) {
            return false;
        }
        n->dropped += sent == NET_GONE ? 1 : 0;
        drop_first(box);
    }
    return true;
}

bool net_send_queued(net *n)
{
    outbox **link = &n->outboxes;

    while (*link != NULL) {
        outbox *box = *link;

        if (send_box(n, box)) {
            *link = box->next;
            free(box);
        } else {
            link = &box->next;
        }
    }
    return n->outboxes != NULL;
}

void outbox_drop_all(net *n)
{
    while (n->outboxes != NULL) {
        outbox *box = n->outboxes;

        while (box->first != NULL) {
            drop_first(box);
        }
        n->outboxes = box->next;
        free(box);
    }
}
