/* subscribers.c - see subscribers.h. */
#include "subscribers.h"

#include <stdlib.h>

/* The newest events, kept in memory while anybody is subscribed: who is not further behind than
 * this is served without a look at the disk. */
#define RING_EVENTS_MAX 8192u
#define RING_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define RETRY_MS 20u                  /* a peer that takes nothing is tried again so much later */
#define NOTIFICATION_FRAME_BYTES 256u /* what a notification has beside its events */

/* One event of the ring; its spans point behind it. */
struct kept {
    proto_record record;
    trial_text programmes[2];
    size_t size;
    uint8_t bytes[];
};

struct subscription {
    struct subscription *next;
    uint64_t id;
    bool is_delimited;
    bool is_gone;
    bool is_told_live;
    bool waits_for_page;
    uint64_t position; /* the next one to look at */
    uint64_t credit;
    uint64_t heard_ms;      /* when it was last sent anything */
    uint64_t not_before_ms; /* its peer took nothing: when to try again */
    answers_filter filter;
    trial_arena arena; /* of the filter */
    size_t peer_size;
    uint8_t peer[256];
};

struct subscribers {
    struct subscription *first;
    uint32_t count;
    uint64_t last_id;
    uint32_t request_bytes;
    subscribers_send *send;
    void *context;
    struct kept *ring[RING_EVENTS_MAX];
    uint64_t ring_first; /* position of the oldest kept, 0: nothing kept */
    uint32_t ring_count;
    size_t ring_bytes;
    pack_writer frame;
    pack_writer events;
};

subscribers *subscribers_new(uint32_t request_bytes, subscribers_send *send, void *context)
{
    subscribers *s = trial_memory(sizeof *s);

    s->request_bytes = request_bytes;
    s->send = send;
    s->context = context;
    return s;
}

static void forget_oldest(subscribers *s)
{
    struct kept *kept = s->ring[s->ring_first % RING_EVENTS_MAX];

    s->ring_bytes -= kept->size;
    s->ring_first++;
    s->ring_count--;
    free(kept);
}

static void clear_ring(subscribers *s)
{
    while (s->ring_count > 0) {
        forget_oldest(s);
    }
    s->ring_first = 0;
}

static void free_subscription(struct subscription *sub)
{
    trial_arena_done(&sub->arena);
    free(sub);
}

void subscribers_done(subscribers *s)
{
    if (s == NULL) {
        return;
    }
    while (s->first != NULL) {
        struct subscription *sub = s->first;

        s->first = sub->next;
        free_subscription(sub);
    }
    clear_ring(s);
    pack_writer_done(&s->frame);
    pack_writer_done(&s->events);
    free(s);
}

static bool is_of(const struct subscription *sub, trial_bytes peer)
{
    return sub->peer_size == peer.size && memcmp(sub->peer, peer.data, peer.size) == 0;
}

static trial_code check(const struct trial_request_subscribe *request, trial_error *err)
{
    if (request->from.is_set && request->from.value < 0) {
        (void)trial_fail_rule_as(
            err, TRIAL_RULE_BAD_RANGE, TRIAL_INVALID, "'from' is a position, or 0 for new events");
        return trial_fail_field(err, "from");
    }
    if (request->credit.is_set &&
        (request->credit.value < 0 || request->credit.value > (int64_t)TRIAL_CREDIT_MAX)) {
        (void)trial_fail_rule_as(err,
                                 TRIAL_RULE_BAD_RANGE,
                                 TRIAL_INVALID,
                                 "'credit' is a number of events from 0 to %u",
                                 TRIAL_CREDIT_MAX);
        return trial_fail_field(err, "credit");
    }
    return TRIAL_OK;
}

static answers_filter copy_filter(const answers_filter *filter, trial_arena *arena)
{
    answers_filter copy = *filter;

    copy.subject = trial_arena_text(arena, filter->subject);
    copy.programme = trial_arena_text(arena, filter->programme);
    copy.types.items = trial_arena_take(arena, filter->types.count * sizeof *copy.types.items);
    for (uint32_t i = 0; i < filter->types.count; i++) {
        copy.types.items[i] = trial_arena_text(arena, filter->types.items[i]);
    }
    return copy;
}

trial_code subscribers_open(subscribers *s,
                            trial_bytes peer,
                            bool is_delimited,
                            const struct trial_request_subscribe *request,
                            uint64_t head,
                            uint64_t now_ms,
                            uint64_t *ret_id,
                            trial_error *err)
{
    answers_filter filter = { .subject = request->subject,
                              .types = request->types,
                              .programme = request->programme,
                              .choice = { TRIAL_INSTANT_NONE, TRIAL_INSTANT_NONE, 0 } };
    struct subscription *sub;
    uint32_t of_peer = 0;
    trial_code code = check(request, err);

    if (code == TRIAL_OK) {
        code = answers_filter_check(&filter, err);
    }
    for (sub = s->first; sub != NULL; sub = sub->next) {
        of_peer += is_of(sub, peer) ? 1 : 0;
    }
    if (code == TRIAL_OK && of_peer >= TRIAL_SUBSCRIPTIONS_PER_PEER_MAX) {
        code = trial_fail(err,
                          TRIAL_BUSY,
                          "a peer has at most %d subscriptions; unsubscribe one first",
                          TRIAL_SUBSCRIPTIONS_PER_PEER_MAX);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    sub = trial_memory(sizeof *sub);
    sub->id = ++s->last_id;
    sub->is_delimited = is_delimited;
    sub->position = request->from.value > 0 ? (uint64_t)request->from.value : head + 1;
    sub->credit = request->credit.is_set ? (uint64_t)request->credit.value : TRIAL_CREDIT_DEFAULT;
    sub->heard_ms = now_ms;
    sub->filter = copy_filter(&filter, &sub->arena);
    sub->peer_size = peer.size;
    memcpy(sub->peer, peer.data, peer.size);
    sub->next = s->first;
    s->first = sub;
    s->count++;
    *ret_id = sub->id;
    return TRIAL_OK;
}

static struct subscription *find(subscribers *s, uint64_t id)
{
    struct subscription *sub = s->first;

    while (sub != NULL && sub->id != id) {
        sub = sub->next;
    }
    return sub;
}

/* The subscription of that peer that a notification names, and another number in it. */
static struct subscription *
named(subscribers *s, trial_bytes peer, trial_bytes params, uint64_t *ret_add)
{
    pack_reader reader = pack_reader_of(params);
    uint32_t count = pack_map(&reader);
    uint64_t id = 0;
    struct subscription *sub;

    *ret_add = 0;
    for (uint32_t i = 0; i < count && !reader.has_failed; i++) {
        trial_text name = pack_text(&reader);

        if (trial_text_is(name, "subscription")) {
            id = pack_unsigned(&reader);
        } else if (trial_text_is(name, "add")) {
            *ret_add = pack_unsigned(&reader);
        } else {
            (void)pack_skip(&reader);
        }
    }
    sub = reader.has_failed ? NULL : find(s, id);
    return sub != NULL && is_of(sub, peer) ? sub : NULL;
}

void subscribers_credit(subscribers *s, trial_bytes peer, trial_bytes params)
{
    uint64_t add;
    struct subscription *sub = named(s, peer, params, &add);

    if (sub != NULL) {
        add = add > TRIAL_CREDIT_MAX ? TRIAL_CREDIT_MAX : add;
        sub->credit = sub->credit + add > TRIAL_CREDIT_MAX ? TRIAL_CREDIT_MAX : sub->credit + add;
    }
}

void subscribers_unsubscribe(subscribers *s, trial_bytes peer, trial_bytes params)
{
    uint64_t ignored;
    struct subscription *sub = named(s, peer, params, &ignored);

    if (sub != NULL) {
        sub->is_gone = true;
    }
}

/* Forget who is gone, unless a page is on its way that uses its filter. */
static void sweep(subscribers *s)
{
    struct subscription **link = &s->first;

    while (*link != NULL) {
        struct subscription *sub = *link;

        if (sub->is_gone && !sub->waits_for_page) {
            *link = sub->next;
            s->count--;
            free_subscription(sub);
        } else {
            link = &sub->next;
        }
    }
    if (s->count == 0) {
        clear_ring(s);
    }
}

void subscribers_add(subscribers *s, const engine_added *added, uint32_t count)
{
    for (uint32_t i = 0; s->count > 0 && i < count; i++) {
        const proto_record *record = &added[i].record;
        size_t size =
            record->event.size + added[i].programmes[0].size + added[i].programmes[1].size;
        struct kept *kept = trial_memory(sizeof *kept + size);
        uint8_t *at = kept->bytes;

        kept->record = *record;
        kept->size = size;
        memcpy(at, record->event.data, record->event.size);
        /* The filter looks at type and subject, which lie inside the event. */
        kept->record.event.data = at;
        kept->record.type.at =
            (const char *)at + (record->type.at - (const char *)record->event.data);
        kept->record.subject.at =
            (const char *)at + (record->subject.at - (const char *)record->event.data);
        at += record->event.size;
        for (int k = 0; k < 2; k++) {
            kept->programmes[k] = (trial_text){ (const char *)at, added[i].programmes[k].size };
            if (added[i].programmes[k].size > 0) {
                memcpy(at, added[i].programmes[k].at, added[i].programmes[k].size);
            }
            at += added[i].programmes[k].size;
        }
        while (s->ring_count > 0 &&
               (s->ring_count == RING_EVENTS_MAX || s->ring_bytes + size > RING_BYTES_MAX)) {
            forget_oldest(s);
        }
        if (s->ring_count == 0) {
            s->ring_first = record->position;
        }
        TRIAL_ASSERT(record->position == s->ring_first + s->ring_count);
        s->ring[record->position % RING_EVENTS_MAX] = kept;
        s->ring_count++;
        s->ring_bytes += size;
    }
}

static bool wants(const struct subscription *sub, const struct kept *kept)
{
    trial_text programme = sub->filter.programme;

    return answers_filter_takes(&sub->filter, &kept->record) &&
           (!trial_text_is_set(programme) ||
            (programme.size > 0 && (trial_text_equal(programme, kept->programmes[0]) ||
                                    trial_text_equal(programme, kept->programmes[1]))));
}

/* Send a frame that lies in s->frame; false where the peer did not take it. */
static bool send_frame(subscribers *s, struct subscription *sub, uint64_t now_ms)
{
    subscribers_sent sent = s->send(s->context,
                                    (trial_bytes){ sub->peer, sub->peer_size },
                                    sub->is_delimited,
                                    pack_written(&s->frame));

    if (sent == SUBSCRIBERS_GONE) {
        sub->is_gone = true;
    }
    if (sent == SUBSCRIBERS_SENT) {
        sub->heard_ms = now_ms;
    } else {
        sub->not_before_ms = now_ms + RETRY_MS;
    }
    return sent == SUBSCRIBERS_SENT;
}

static bool send_events(subscribers *s,
                        struct subscription *sub,
                        trial_bytes events,
                        uint32_t count,
                        uint64_t head,
                        uint64_t now_ms)
{
    pack_writer_reset(&s->frame);
    proto_put_notification(&s->frame, "events");
    pack_put_map(&s->frame, 3);
    pack_put_word(&s->frame, "events");
    pack_put_list(&s->frame, count);
    pack_put_raw(&s->frame, events);
    pack_put_word(&s->frame, "head");
    pack_put_unsigned(&s->frame, head);
    pack_put_word(&s->frame, "subscription");
    pack_put_unsigned(&s->frame, sub->id);
    if (!send_frame(s, sub, now_ms)) {
        return false;
    }
    sub->credit -= count;
    return true;
}

static bool send_word(
    subscribers *s, struct subscription *sub, const char *word, uint64_t head, uint64_t now_ms)
{
    pack_writer_reset(&s->frame);
    proto_put_notification(&s->frame, word);
    pack_put_map(&s->frame, 2);
    pack_put_word(&s->frame, "head");
    pack_put_unsigned(&s->frame, head);
    pack_put_word(&s->frame, "subscription");
    pack_put_unsigned(&s->frame, sub->id);
    return send_frame(s, sub, now_ms);
}

static bool is_in_ring(const subscribers *s, uint64_t position)
{
    return s->ring_count > 0 && position >= s->ring_first &&
           position < s->ring_first + s->ring_count;
}

/* Gather one message from the ring; ret_position: where it goes on. */
static uint32_t gather(subscribers *s, const struct subscription *sub, uint64_t *ret_position)
{
    uint64_t position = sub->position;
    uint32_t count = 0;

    pack_writer_reset(&s->events);
    while (is_in_ring(s, position)) {
        const struct kept *kept = s->ring[position % RING_EVENTS_MAX];

        if (wants(sub, kept)) {
            if (count == sub->credit || count == TRIAL_READ_EVENTS_MAX ||
                (count > 0 && s->events.size + kept->record.event.size + NOTIFICATION_FRAME_BYTES >
                                  s->request_bytes)) {
                break;
            }
            pack_put_raw(&s->events, kept->record.event);
            count++;
        }
        position++;
    }
    *ret_position = position;
    return count;
}

/* Send one subscription what the ring has for it. */
static void pump_one(subscribers *s, struct subscription *sub, uint64_t head, uint64_t now_ms)
{
    while (!sub->is_gone && !sub->waits_for_page && is_in_ring(s, sub->position)) {
        uint64_t position;
        uint32_t count = gather(s, sub, &position);

        if (count == 0 && position == sub->position) {
            break; /* out of credit */
        }
        if (count > 0 && !send_events(s, sub, pack_written(&s->events), count, head, now_ms)) {
            break;
        }
        sub->position = position;
    }
    if (!sub->is_gone && !sub->is_told_live && !sub->waits_for_page && sub->position > head) {
        sub->is_told_live = send_word(s, sub, "live", head, now_ms);
    }
    if (!sub->is_gone && now_ms - sub->heard_ms >= TRIAL_HEARTBEAT_MS) {
        (void)send_word(s, sub, "heartbeat", head, now_ms); /* a full peer hears the next one */
    }
}

void subscribers_pump(subscribers *s, uint64_t head, uint64_t now_ms)
{
    for (struct subscription *sub = s->first; sub != NULL; sub = sub->next) {
        if (now_ms >= sub->not_before_ms) {
            pump_one(s, sub, head, now_ms);
        }
    }
    sweep(s);
}

readers_job *subscribers_next_page(subscribers *s, uint64_t head, uint64_t now_ms)
{
    for (struct subscription *sub = s->first; sub != NULL; sub = sub->next) {
        readers_job *job;

        if (sub->is_gone || sub->waits_for_page || sub->credit == 0 || sub->position > head ||
            now_ms < sub->not_before_ms || is_in_ring(s, sub->position)) {
            continue;
        }
        sub->waits_for_page = true;
        job = readers_job_new();
        job->kind = READERS_PAGE;
        job->subscription = sub->id;
        job->peer_size = sub->peer_size;
        memcpy(job->peer, sub->peer, sub->peer_size);
        job->filter = sub->filter;
        job->range = (answers_range){
            .from = sub->position,
            .limit =
                sub->credit < TRIAL_READ_EVENTS_MAX ? (uint32_t)sub->credit : TRIAL_READ_EVENTS_MAX,
        };
        job->needs = head;
        return job;
    }
    return NULL;
}

void subscribers_take_page(subscribers *s, const readers_job *job, uint64_t now_ms)
{
    struct subscription *sub = find(s, job->subscription);
    const answers_page *page = &job->page;
    uint64_t next = page->next != 0 ? page->next : page->head + 1;

    if (sub == NULL) {
        return;
    }
    sub->waits_for_page = false;
    if (sub->is_gone || job->code != TRIAL_OK || next <= sub->position) {
        sub->not_before_ms = now_ms + RETRY_MS;
        return; /* it failed, or a full disk keeps what it should hold in the journal: once more */
    }
    if (page->count > 0 &&
        !send_events(s, sub, pack_written(&page->events), page->count, page->head, now_ms)) {
        return;
    }
    sub->position = next;
}

uint32_t subscribers_count(const subscribers *s)
{
    return s->count;
}

bool subscribers_are_held(const subscribers *s)
{
    for (const struct subscription *sub = s->first; sub != NULL; sub = sub->next) {
        if (sub->not_before_ms > sub->heard_ms) {
            return true;
        }
    }
    return false;
}
