/* subscribers.c - see subscribers.h. */
#include "subscribers_internal.h"

#include "probes.h"

#include <stdlib.h>

#define REPLAYED_MAX 64u /* in one round: what was parked does not hold up what comes */
#define RETRY_MS 20u     /* a peer that takes nothing is tried again so much later */
#define NOTIFICATION_FRAME_BYTES 256u /* what a notification has beside its events */

subscribers *
subscribers_new(uint32_t request_bytes, named_list *list, subscribers_send *send, void *context)
{
    subscribers *s = trial_memory(sizeof *s);

    s->request_bytes = request_bytes;
    s->list = list;
    s->send = send;
    s->context = context;
    return s;
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
    ring_clear(&s->ring);
    pack_writer_done(&s->frame);
    pack_writer_done(&s->events);
    free(s);
}

static bool is_of(const struct subscription *sub, trial_bytes peer)
{
    return sub->peer_size == peer.size && memcmp(sub->peer, peer.data, peer.size) == 0;
}

trial_code subscribers_check_room(const subscribers *s, trial_bytes peer, trial_error *err)
{
    uint32_t of_peer = 0;

    for (const struct subscription *sub = s->first; sub != NULL; sub = sub->next) {
        of_peer += is_of(sub, peer) ? 1 : 0;
    }
    return of_peer < TRIAL_SUBSCRIPTIONS_PER_PEER_MAX
               ? TRIAL_OK
               : trial_fail(err,
                            TRIAL_BUSY,
                            "a peer has at most %d subscriptions; unsubscribe one first",
                            TRIAL_SUBSCRIPTIONS_PER_PEER_MAX);
}

trial_code subscribers_open(subscribers *s,
                            trial_bytes peer,
                            bool is_delimited,
                            const struct trial_request_subscribe *request,
                            named *n,
                            uint64_t owner,
                            uint64_t head,
                            uint64_t now_ms,
                            uint64_t *ret_id,
                            trial_error *err)
{
    answers_filter filter;
    struct subscription *sub;
    trial_code code = subscribers_filter(request, &filter, err);

    code = code == TRIAL_OK ? subscribers_check_room(s, peer, err) : code;
    if (code != TRIAL_OK) {
        return code;
    }
    sub = trial_memory(sizeof *sub);
    sub->id = ++s->last_id;
    sub->owner = owner;
    sub->is_delimited = is_delimited;
    sub->position = request->from.value > 0 ? (uint64_t)request->from.value : head + 1;
    sub->credit = request->credit.is_set ? (uint64_t)request->credit.value : TRIAL_CREDIT_DEFAULT;
    sub->heard_ms = now_ms;
    sub->filter = answers_filter_copy(&filter, &sub->arena);
    if (n != NULL) {
        sub->named = n;
        sub->position = n->position + 1;
    }
    sub->peer_size = peer.size;
    memcpy(sub->peer, peer.data, peer.size);
    sub->next = s->first;
    s->first = sub;
    s->count++;
    *ret_id = sub->id;
    return TRIAL_OK;
}

struct subscription *subscribers_find(const subscribers *s, uint64_t id)
{
    struct subscription *sub = s->first;

    while (sub != NULL && sub->id != id) {
        sub = sub->next;
    }
    return sub;
}

/* The subscription of that peer that a notification names, and another number in it. */
static struct subscription *
addressed(subscribers *s, trial_bytes peer, trial_bytes params, uint64_t *ret_add)
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
    sub = reader.has_failed ? NULL : subscribers_find(s, id);
    return sub != NULL && is_of(sub, peer) ? sub : NULL;
}

void subscribers_credit(subscribers *s, trial_bytes peer, trial_bytes params, uint64_t now_ms)
{
    uint64_t add;
    struct subscription *sub = addressed(s, peer, params, &add);

    if (sub != NULL) {
        if (sub->named != NULL) {
            sub->named->seen_ms = now_ms;
        }
        add = add > TRIAL_CREDIT_MAX ? TRIAL_CREDIT_MAX : add;
        sub->credit = sub->credit + add > TRIAL_CREDIT_MAX ? TRIAL_CREDIT_MAX : sub->credit + add;
    }
}

void subscribers_unsubscribe(subscribers *s, trial_bytes peer, trial_bytes params)
{
    uint64_t ignored;
    struct subscription *sub = addressed(s, peer, params, &ignored);

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

        if (sub->is_gone && sub->named != NULL) {
            named_hold(sub->named, 0, (trial_text){ 0 }, TRIAL_INSTANT_NONE);
            sub->named = NULL;
        }
        if (sub->is_gone && !sub->waits_for_page) {
            *link = sub->next;
            s->count--;
            free_subscription(sub);
        } else {
            link = &sub->next;
        }
    }
    if (s->count == 0) {
        ring_clear(&s->ring);
    }
}

void subscribers_add(subscribers *s, const engine_added *added, uint32_t count)
{
    for (uint32_t i = 0; s->count > 0 && i < count; i++) {
        ring_add(&s->ring, &added[i]);
    }
}

static bool is_parked(const struct subscription *sub, uint64_t position)
{
    return sub->named != NULL && named_find_parked(sub->named, position) != NULL;
}

/* Events that may be sent now: what credit there is, and of a named one what its window holds. */
static uint64_t allowed(const subscribers *s, const struct subscription *sub)
{
    uint64_t room = sub->named == NULL ? sub->credit : named_room(s->list, sub->named);

    return room < sub->credit ? room : sub->credit;
}

static bool wants(const struct subscription *sub, const ring_event *kept)
{
    trial_text programme = sub->filter.programme;

    return !is_parked(sub, kept->record.position) &&
           answers_filter_takes(&sub->filter, &kept->record) &&
           (!trial_text_is_set(programme) || trial_text_equal(programme, kept->programmes[0]) ||
            trial_text_equal(programme, kept->programmes[1]));
}

void subscribers_begin_frame(subscribers *s, const char *word, uint32_t entries)
{
    pack_writer_reset(&s->frame);
    proto_put_notification(&s->frame, word);
    pack_put_map(&s->frame, entries);
}

void subscribers_put_number(subscribers *s, const char *name, uint64_t number)
{
    pack_put_word(&s->frame, name);
    pack_put_unsigned(&s->frame, number);
}

bool subscribers_send_frame(subscribers *s, struct subscription *sub, uint64_t now_ms)
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
    subscribers_begin_frame(s, "events", 3);
    pack_put_word(&s->frame, "events");
    pack_put_list(&s->frame, count);
    pack_put_raw(&s->frame, events);
    subscribers_put_number(s, "head", head);
    subscribers_put_number(s, "subscription", sub->id);
    if (!subscribers_send_frame(s, sub, now_ms)) {
        return false;
    }
    sub->credit -= count;
    for (uint32_t i = 0; sub->named != NULL && i < count; i++) {
        named_sent(sub->named, s->positions[i]);
    }
    return true;
}

static bool send_word(
    subscribers *s, struct subscription *sub, const char *word, uint64_t head, uint64_t now_ms)
{
    subscribers_begin_frame(s, word, 2);
    subscribers_put_number(s, "head", head);
    subscribers_put_number(s, "subscription", sub->id);
    return subscribers_send_frame(s, sub, now_ms);
}

/* Gather one message from the ring; ret_position: where it goes on. */
static uint32_t gather(subscribers *s, const struct subscription *sub, uint64_t *ret_position)
{
    uint64_t position = sub->position;
    uint64_t most = allowed(s, sub);
    uint32_t count = 0;

    pack_writer_reset(&s->events);
    while (ring_holds(&s->ring, position)) {
        const ring_event *kept = ring_at(&s->ring, position);

        if (wants(sub, kept)) {
            if (count == most || count == TRIAL_READ_EVENTS_MAX ||
                (count > 0 && s->events.size + kept->record.event.size + NOTIFICATION_FRAME_BYTES >
                                  s->request_bytes)) {
                break;
            }
            pack_put_raw(&s->events, kept->record.event);
            s->positions[count++] = position;
        }
        position++;
    }
    *ret_position = position;
    return count;
}

/* Send again what was parked and is replayed: one event a message, which says so. */
static void pump_replayed(subscribers *s, struct subscription *sub, uint64_t head, uint64_t now_ms)
{
    named_parked *parked = named_next_replayed(sub->named);
    trial_error err = TRIAL_ERROR_NONE; /* a damaged record is told of by who reads or verifies */

    for (uint32_t i = 0; i < REPLAYED_MAX && parked != NULL && sub->credit > 0; i++) {
        trial_bytes bytes;
        proto_record record;

        if (store_get_record(s->list->store, parked->position, &bytes, &err) != TRIAL_OK ||
            proto_record_read(bytes, &record, &err) != TRIAL_OK) {
            return;
        }
        subscribers_begin_frame(s, "events", 4);
        pack_put_word(&s->frame, "events");
        pack_put_list(&s->frame, 1);
        pack_put_raw(&s->frame, record.event);
        subscribers_put_number(s, "head", head);
        pack_put_word(&s->frame, "replayed");
        pack_put_truth(&s->frame, true);
        subscribers_put_number(s, "subscription", sub->id);
        if (!subscribers_send_frame(s, sub, now_ms)) {
            return;
        }
        sub->credit--;
        parked->is_sent = true;
        parked = named_next_replayed(sub->named);
    }
}

/* Send one subscription what the ring has for it. */
static void pump_one(subscribers *s, struct subscription *sub, uint64_t head, uint64_t now_ms)
{
    if (sub->named != NULL) {
        pump_replayed(s, sub, head, now_ms);
    }
    while (!sub->is_gone && !sub->waits_for_page && ring_holds(&s->ring, sub->position)) {
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
    if (sub->named != NULL && !sub->waits_for_page) {
        named_passed(sub->named, sub->position);
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
        if (!sub->is_gone && !sub->is_held && now_ms >= sub->not_before_ms) {
            pump_one(s, sub, head, now_ms);
        }
    }
    sweep(s);
}

uint64_t subscribers_due_ms(const subscribers *s)
{
    uint64_t due_ms = UINT64_MAX;

    for (const struct subscription *sub = s->first; sub != NULL; sub = sub->next) {
        uint64_t beat_ms = sub->heard_ms + TRIAL_HEARTBEAT_MS;

        if (beat_ms < sub->not_before_ms) {
            beat_ms = sub->not_before_ms; /* its peer took nothing */
        }
        if (!sub->is_gone && !sub->is_held && beat_ms < due_ms) {
            due_ms = beat_ms;
        }
    }
    return due_ms;
}

readers_job *subscribers_next_page(subscribers *s, uint64_t head, uint64_t now_ms)
{
    for (struct subscription *sub = s->first; sub != NULL; sub = sub->next) {
        readers_job *job;

        if (sub->is_gone || sub->waits_for_page || sub->is_held || allowed(s, sub) == 0 ||
            sub->position > head || now_ms < sub->not_before_ms ||
            ring_holds(&s->ring, sub->position)) {
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
            .limit = allowed(s, sub) < TRIAL_READ_EVENTS_MAX ? (uint32_t)allowed(s, sub)
                                                             : TRIAL_READ_EVENTS_MAX,
        };
        job->needs = head;
        return job;
    }
    return NULL;
}

static uint64_t position_of(trial_bytes event)
{
    pack_reader reader = pack_reader_of(event);
    uint32_t count = pack_map(&reader);

    for (uint32_t i = 0; i < count; i++) {
        if (trial_text_is(pack_text(&reader), "position")) {
            return pack_unsigned(&reader);
        }
        (void)pack_skip(&reader);
    }
    return 0; /* not reached: every event that is read has one */
}

/* Those of a page that are not parked, into s->events, with their positions. */
static uint32_t
choose(subscribers *s, const struct subscription *sub, const answers_page *page, uint64_t *next)
{
    pack_reader reader = pack_reader_of(pack_written(&page->events));
    uint64_t most = allowed(s, sub);
    uint32_t count = 0;

    pack_writer_reset(&s->events);
    for (uint32_t i = 0; i < page->count; i++) {
        trial_bytes event = pack_skip(&reader);
        uint64_t position = position_of(event);

        if (count == most) { /* the window became narrower meanwhile */
            *next = position;
            break;
        }
        if (!is_parked(sub, position)) {
            pack_put_raw(&s->events, event);
            s->positions[count++] = position;
        }
    }
    return count;
}

void subscribers_take_page(subscribers *s, const readers_job *job, uint64_t now_ms)
{
    struct subscription *sub = subscribers_find(s, job->subscription);
    const answers_page *page = &job->page;
    uint64_t next = page->next != 0 ? page->next : page->head + 1;
    trial_bytes events;
    uint32_t count;

    if (sub == NULL) {
        return;
    }
    sub->waits_for_page = false;
    if (sub->is_gone || job->code != TRIAL_OK || next <= sub->position) {
        sub->not_before_ms = now_ms + RETRY_MS;
        return; /* it failed, or a full disk keeps what it should hold in the journal: once more */
    }
    if (sub->named == NULL) {
        events = pack_written(&page->events);
        count = page->count;
    } else {
        count = choose(s, sub, page, &next);
        events = pack_written(&s->events);
    }
    if (count > 0 && !send_events(s, sub, events, count, page->head, now_ms)) {
        return;
    }
    probe_page_sent(sub->id, count, next);
    sub->position = next;
}

bool subscribers_is_of(const subscribers *s, uint64_t id, trial_bytes peer)
{
    const struct subscription *sub = subscribers_find(s, id);

    return sub != NULL && !sub->is_gone && is_of(sub, peer);
}

uint64_t subscribers_looked_at(const subscribers *s, uint64_t id)
{
    const struct subscription *sub = subscribers_find(s, id);

    return sub == NULL ? 0 : sub->position;
}

void subscribers_hold(subscribers *s, uint64_t id, bool is_held)
{
    struct subscription *sub = subscribers_find(s, id);

    if (sub != NULL) {
        sub->is_held = is_held;
    }
}

bool subscribers_is_alive(subscribers *s, uint64_t id, uint64_t head, uint64_t now_ms)
{
    struct subscription *sub = subscribers_find(s, id);

    if (sub != NULL && !sub->is_gone) {
        (void)send_word(s, sub, "heartbeat", head, now_ms); /* it tells who is gone */
    }
    return sub != NULL && !sub->is_gone;
}

uint32_t subscribers_count(const subscribers *s)
{
    return s->count;
}

uint64_t subscribers_lag(const subscribers *s, uint64_t head)
{
    uint64_t most = 0;

    for (const struct subscription *sub = s->first; sub != NULL; sub = sub->next) {
        if (sub->position <= head && head + 1 - sub->position > most) {
            most = head + 1 - sub->position;
        }
    }
    return most;
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
