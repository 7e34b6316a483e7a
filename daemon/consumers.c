/* consumers.c - what is asked of named subscriptions. What must be on disk before it is answered
 * (a name that is made or removed, an event that is parked or replayed) waits for its commit. */
#include "loop.h"

#include "host.h"

#include <stdlib.h>

#define HELD_MAX 4096u          /* answers that wait for a commit; one more request is `busy` */
#define POSITIONS_EVERY_MS 1000 /* acknowledged positions are put so often, of all at once */

struct consumers_held {
    struct consumers_held *next;
    uint64_t batch;
    uint64_t subscription; /* which begins when it is answered; 0: none */
    bool is_delimited;
    size_t peer_size;
    uint8_t peer[NET_PEER_BYTES_MAX];
    pack_writer answer;
};

static void put_number(pack_writer *answer, const char *name, uint64_t number)
{
    pack_put_word(answer, name);
    pack_put_unsigned(answer, number);
}

static void put_text(pack_writer *answer, const char *name, trial_text text)
{
    pack_put_word(answer, name);
    pack_put_text(answer, trial_text_is_set(text) ? text : TRIAL_TEXT(""));
}

static void put_instant(pack_writer *answer, const char *name, trial_instant instant)
{
    char text[TRIAL_INSTANT_TEXT_BYTES];

    trial_instant_write_us(instant, text);
    pack_put_word(answer, name);
    pack_put_word(answer, text);
}

static void send(loop *l, const net_message *message, const pack_writer *answer)
{
    loop_answer(l, message->peer, message->is_delimited, pack_written(answer));
}

/* Answer when what was put lies on disk. */
static void send_later(loop *l, const net_message *message, pack_writer *answer, uint64_t id)
{
    struct consumers_held *held = trial_memory(sizeof *held);
    struct consumers_held **last = &l->held;

    held->batch = l->named.batch;
    held->subscription = id;
    held->is_delimited = message->is_delimited;
    held->peer_size = message->peer.size;
    memcpy(held->peer, message->peer.data, message->peer.size);
    held->answer = *answer;
    *answer = (pack_writer){ 0 };
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = held;
    l->held_count++;
}

void consumers_answer(loop *l)
{
    while (l->held != NULL && l->held->batch <= store_batch_committed(l->store)) {
        struct consumers_held *held = l->held;

        loop_answer(l,
                    (trial_bytes){ held->peer, held->peer_size },
                    held->is_delimited,
                    pack_written(&held->answer));
        subscribers_hold(l->subscribers, held->subscription, false);
        l->held = held->next;
        l->held_count--;
        pack_writer_done(&held->answer);
        free(held);
    }
}

void consumers_drop(loop *l)
{
    while (l->held != NULL) {
        struct consumers_held *held = l->held;

        l->held = held->next;
        pack_writer_done(&held->answer);
        free(held);
    }
    named_done(&l->named);
}

bool consumers_want_commit(loop *l, uint64_t now_ms)
{
    if (named_has_changed(&l->named) && now_ms - l->named.put_ms >= POSITIONS_EVERY_MS) {
        named_put_positions(&l->named);
        l->named.put_ms = now_ms;
    }
    return l->named.batch > store_batch_committed(l->store);
}

/* Nothing is promised that has no room, and no more than is bounded. */
static trial_code check_room(loop *l, trial_error *err)
{
    if (l->is_refusing) {
        return trial_fail(err,
                          TRIAL_NO_SPACE,
                          "the disk has no room for what is kept of subscriptions; make room, and "
                          "ask again");
    }
    return l->held_count < HELD_MAX
               ? TRIAL_OK
               : trial_fail(err, TRIAL_BUSY, "too many requests wait for the disk; ask again");
}

/* May another take its place, or remove it? Its holder is told why, where there is one. */
static trial_code
make_way(loop *l, named *n, bool is_takeover, trial_code code, const char *reason, trial_error *err)
{
    uint64_t now_ms = host_monotonic_ms();
    char since[TRIAL_INSTANT_TEXT_BYTES];

    if (n->holder == 0) {
        return TRIAL_OK;
    }
    if (!is_takeover && now_ms - n->seen_ms < l->config->consumer_ms &&
        subscribers_is_alive(l->subscribers, n->holder, store_flushed(l->store), now_ms)) {
        trial_instant_write_us(n->since, since);
        return trial_fail(err,
                          TRIAL_CONFLICT,
                          "subscription '%s' is consumed by '%s' since %s; end that one, or take "
                          "over",
                          n->name,
                          n->client,
                          since);
    }
    subscribers_end(l->subscribers, n->holder, code, reason, now_ms);
    named_hold(n, 0, (trial_text){ 0 }, TRIAL_INSTANT_NONE);
    return TRIAL_OK;
}

/* Find the subscription or make it, and see that nobody else consumes it. Whatever may refuse comes
 * first: who is refused has made no name and ended nobody. */
static trial_code claim(loop *l,
                        const net_message *message,
                        const struct trial_request_subscribe *request,
                        named **ret_named,
                        bool *ret_is_new,
                        trial_error *err)
{
    uint64_t from = request->from.is_set ? (uint64_t)request->from.value : 0;
    answers_filter filter;
    trial_code code = named_check(request->name, err);

    if (code == TRIAL_OK) {
        code = subscribers_filter(request, &filter, err);
    }
    if (code == TRIAL_OK) {
        code = subscribers_check_room(l->subscribers, message->peer, err);
    }
    if (code == TRIAL_OK && named_find(&l->named, request->name) == NULL) {
        code = check_room(l, err);
    }
    if (code == TRIAL_OK && from > store_flushed(l->store) + 1) {
        (void)trial_fail_rule_as(err,
                                 TRIAL_RULE_BAD_RANGE,
                                 TRIAL_INVALID,
                                 "the log ends at position %llu; a named subscription begins in it "
                                 "or right behind it",
                                 (unsigned long long)store_flushed(l->store));
        code = trial_fail_field(err, "from");
    }
    if (code == TRIAL_OK) {
        code = named_make(&l->named,
                          request->name,
                          &filter,
                          from > 0 ? from - 1 : store_flushed(l->store),
                          (trial_instant)host_now_ns(),
                          ret_named,
                          ret_is_new,
                          err);
    }
    return code == TRIAL_OK ? make_way(l,
                                       *ret_named,
                                       request->takeover.value,
                                       TRIAL_CONFLICT,
                                       "another consumer took over",
                                       err)
                            : code;
}

void consumers_subscribe(loop *l, const net_message *message, const trial_request *request)
{
    const struct trial_request_subscribe *subscribe = &request->as.subscribe;
    uint64_t now_ms = host_monotonic_ms();
    trial_error err = TRIAL_ERROR_NONE;
    pack_writer answer = { 0 };
    named *n = NULL;
    bool is_new = false;
    uint64_t id = 0;
    trial_code code = claim(l, message, subscribe, &n, &is_new, &err);

    if (code == TRIAL_OK) {
        code = subscribers_open(l->subscribers,
                                message->peer,
                                message->is_delimited,
                                subscribe,
                                n,
                                l->owner,
                                store_flushed(l->store),
                                now_ms,
                                &id,
                                &err);
    }
    l->metrics.requests[TRIAL_METHOD_SUBSCRIBE][code]++;
    if (code != TRIAL_OK) {
        proto_put_error(&answer, request->msgid, &err);
        send(l, message, &answer);
        pack_writer_done(&answer);
        return;
    }
    named_hold(n, id, subscribe->client, (trial_instant)host_now_ns());
    n->seen_ms = now_ms;
    proto_put_result(&answer, request->msgid);
    pack_put_map(&answer, 3);
    pack_put_word(&answer, "made");
    pack_put_truth(&answer, is_new);
    put_number(&answer, "position", n->position);
    put_number(&answer, "subscription", id);
    subscribers_hold(l->subscribers, id, true);
    send_later(l, message, &answer, id);
    pack_writer_done(&answer);
    consumers_answer(l); /* where all of it was on disk already */
}

/* The subscription, which the peer must consume. */
static trial_code
get_held(loop *l, const net_message *message, trial_text name, named **ret_named, trial_error *err)
{
    trial_code code = named_get(&l->named, name, ret_named, err);

    if (code != TRIAL_OK) {
        return code;
    }
    if (!subscribers_is_of(l->subscribers, (*ret_named)->holder, message->peer)) {
        return trial_fail(err,
                          TRIAL_CONFLICT,
                          "this connection does not consume '%s'; subscribe by that name first",
                          (*ret_named)->name);
    }
    (*ret_named)->seen_ms = host_monotonic_ms();
    return TRIAL_OK;
}

static trial_code ack(loop *l,
                      const net_message *message,
                      trial_text name,
                      int64_t position,
                      named **ret_named,
                      trial_error *err)
{
    trial_code code = get_held(l, message, name, ret_named, err);

    if (code != TRIAL_OK) {
        return code;
    }
    if (position < 0) {
        (void)trial_fail_rule_as(
            err, TRIAL_RULE_BAD_RANGE, TRIAL_INVALID, "'position' is a number from 0");
        return trial_fail_field(err, "position");
    }
    return named_ack(&l->named,
                     *ret_named,
                     (uint64_t)position,
                     subscribers_looked_at(l->subscribers, (*ret_named)->holder),
                     err);
}

void consumers_ack(loop *l, const net_message *message, trial_bytes params)
{
    pack_reader reader = pack_reader_of(params);
    uint32_t count = pack_map(&reader);
    trial_text name = { 0 };
    uint64_t position = 0;
    trial_error ignored = TRIAL_ERROR_NONE;
    named *n;

    for (uint32_t i = 0; i < count && !reader.has_failed; i++) {
        trial_text key = pack_text(&reader);

        if (trial_text_is(key, "name")) {
            name = pack_text(&reader);
        } else if (trial_text_is(key, "position")) {
            position = pack_unsigned(&reader);
        } else {
            (void)pack_skip(&reader);
        }
    }
    if (!reader.has_failed && position <= INT64_MAX) { /* it asks for no answer and gets none */
        (void)!ack(l, message, name, (int64_t)position, &n, &ignored);
    }
}

static trial_code answer_ack(loop *l,
                             const net_message *message,
                             const trial_request *request,
                             pack_writer *answer,
                             trial_error *err)
{
    const struct trial_request_ack *asked = &request->as.ack;
    named *n;
    trial_code code = ack(l, message, asked->name, asked->position.value, &n, err);

    if (code == TRIAL_OK) {
        pack_put_map(answer, 1);
        put_number(answer, "position", n->position);
    }
    return code;
}

static trial_code answer_park(loop *l,
                              const net_message *message,
                              const trial_request *request,
                              pack_writer *answer,
                              trial_error *err)
{
    const struct trial_request_park *asked = &request->as.park;
    named *n = NULL;
    trial_code code = check_room(l, err);

    if (code == TRIAL_OK) {
        code = get_held(l, message, asked->name, &n, err);
    }
    if (code == TRIAL_OK) {
        code = named_park(&l->named,
                          n,
                          asked->position.value < 0 ? 0 : (uint64_t)asked->position.value,
                          subscribers_looked_at(l->subscribers, n->holder),
                          asked->reason,
                          (trial_instant)host_now_ns(),
                          err);
    }
    if (code == TRIAL_OK) {
        pack_put_map(answer, 2);
        put_number(answer, "parked", n->parked_count);
        put_number(answer, "position", n->position);
    }
    return code;
}

static trial_code
answer_parked(loop *l, const trial_request *request, pack_writer *answer, trial_error *err)
{
    named *n;
    trial_code code = named_get(&l->named, request->as.parked.name, &n, err);

    if (code != TRIAL_OK) {
        return code;
    }
    pack_put_map(answer, 1);
    pack_put_word(answer, "parked");
    pack_put_list(answer, n->parked_count);
    for (uint32_t i = 0; i < n->parked_count; i++) {
        const named_parked *parked = &n->parked[i];

        pack_put_map(answer, 4);
        put_number(answer, "position", parked->position);
        put_text(answer, "reason", trial_text_of(parked->reason));
        pack_put_word(answer, "replayed");
        pack_put_truth(answer, parked->is_replayed);
        put_instant(answer, "since", parked->since);
    }
    return TRIAL_OK;
}

static trial_code
answer_replay(loop *l, const trial_request *request, pack_writer *answer, trial_error *err)
{
    named *n = NULL;
    trial_code code = check_room(l, err);

    if (code == TRIAL_OK) {
        code = named_get(&l->named, request->as.replay.name, &n, err);
    }
    if (code == TRIAL_OK) {
        pack_put_map(answer, 1);
        put_number(answer, "count", named_replay(&l->named, n));
    }
    return code;
}

static trial_code answer_unsubscribe(loop *l,
                                     const net_message *message,
                                     const trial_request *request,
                                     pack_writer *answer,
                                     trial_error *err)
{
    named *n = NULL;
    trial_code code = check_room(l, err);

    if (code == TRIAL_OK) {
        code = named_get(&l->named, request->as.unsubscribe.name, &n, err);
    }
    if (code == TRIAL_OK) {
        bool is_own = subscribers_is_of(l->subscribers, n->holder, message->peer);

        code = make_way(l, n, is_own, TRIAL_NOT_FOUND, "the subscription was removed", err);
    }
    if (code == TRIAL_OK) {
        pack_put_map(answer, 2);
        put_text(answer, "name", trial_text_of(n->name));
        put_number(answer, "parked", n->parked_count);
        named_remove(&l->named, n);
    }
    return code;
}

static void put_one(const named *n, uint64_t head, pack_writer *answer)
{
    pack_put_map(answer, n->holder == 0 ? 9 : 11);
    if (n->holder != 0) {
        put_text(answer, "client", trial_text_of(n->client));
        put_instant(answer, "since", n->since);
    }
    put_number(answer, "in_flight", n->in_flight_count);
    put_number(answer, "lag", head > n->position ? head - n->position : 0);
    put_instant(answer, "made", n->made);
    put_text(answer, "name", trial_text_of(n->name));
    put_number(answer, "parked", n->parked_count);
    put_number(answer, "position", n->position);
    put_text(answer, "programme", n->filter.programme);
    put_text(answer, "subject", n->filter.subject);
    pack_put_word(answer, "types");
    pack_put_list(answer, n->filter.types.count);
    for (uint32_t i = 0; i < n->filter.types.count; i++) {
        pack_put_text(answer, n->filter.types.items[i]);
    }
}

static void answer_subscriptions(loop *l, pack_writer *answer)
{
    uint64_t head = store_flushed(l->store);

    pack_put_map(answer, 2);
    put_number(answer, "head", head);
    pack_put_word(answer, "subscriptions");
    pack_put_list(answer, l->named.count);
    for (const named *n = l->named.first; n != NULL; n = n->next) {
        put_one(n, head, answer);
    }
}

void consumers_take(loop *l, const net_message *message, const trial_request *request)
{
    trial_error err = TRIAL_ERROR_NONE;
    pack_writer answer = { 0 };
    bool is_list =
        request->method == TRIAL_METHOD_PARKED || request->method == TRIAL_METHOD_SUBSCRIPTIONS;
    bool waits = request->method == TRIAL_METHOD_PARK || request->method == TRIAL_METHOD_REPLAY ||
                 request->method == TRIAL_METHOD_UNSUBSCRIBE;
    trial_code code = TRIAL_OK;

    proto_put_result(&answer, request->msgid);
    if (is_list && !net_has_room(l->net, message->peer)) {
        code = gate_refuse(&err); /* a list is as large as a read's answer */
    } else if (request->method == TRIAL_METHOD_ACK) {
        code = answer_ack(l, message, request, &answer, &err);
    } else if (request->method == TRIAL_METHOD_PARK) {
        code = answer_park(l, message, request, &answer, &err);
    } else if (request->method == TRIAL_METHOD_PARKED) {
        code = answer_parked(l, request, &answer, &err);
    } else if (request->method == TRIAL_METHOD_REPLAY) {
        code = answer_replay(l, request, &answer, &err);
    } else if (request->method == TRIAL_METHOD_UNSUBSCRIBE) {
        code = answer_unsubscribe(l, message, request, &answer, &err);
    } else {
        TRIAL_ASSERT(request->method == TRIAL_METHOD_SUBSCRIPTIONS);
        answer_subscriptions(l, &answer);
    }
    l->metrics.requests[request->method][code]++;
    if (code != TRIAL_OK) {
        pack_writer_reset(&answer);
        proto_put_error(&answer, request->msgid, &err);
    }
    if (code == TRIAL_OK && waits) {
        send_later(l, message, &answer, 0);
        consumers_answer(l);
    } else {
        send(l, message, &answer);
    }
    pack_writer_done(&answer);
}
