/* requests.c - one handler a row of requests.def: what is answered in the turn, after it, or by a
 * reader. */
#include "loop.h"

#include "host.h"
#include "probes.h"

#include <stdlib.h>

typedef trial_code handler(loop *l,
                           const net_message *message,
                           const proto_frame *frame,
                           const trial_request *request);

#define REQUEST(lower, UPPER, name, role, doc, result, ...) static handler on_##lower;
#include "trial/requests.def"

static handler *const handlers[TRIAL_METHOD_COUNT] = {
#define REQUEST(lower, UPPER, name, role, doc, result, ...) [TRIAL_METHOD_##UPPER] = on_##lower,
#include "trial/requests.def"
};

/* Begin an answer of this turn; whatever is written to l->out until end_reply() is its frame. */
static reply *begin_reply(loop *l, trial_bytes peer, bool is_delimited)
{
    reply *r = &l->replies[l->reply_count++];

    r->peer_size = peer.size;
    memcpy(r->peer, peer.data, peer.size);
    r->is_delimited = is_delimited;
    r->begin = l->out.size;
    return r;
}

static void end_reply(loop *l, reply *r)
{
    r->size = l->out.size - r->begin;
}

static void
answer_error(loop *l, const net_message *message, uint32_t msgid, const trial_error *err)
{
    reply *r = begin_reply(l, message->peer, message->is_delimited);

    l->metrics.requests[l->method][err->code]++;
    proto_put_error(&l->out, msgid, err);
    end_reply(l, r);
}

/* Ask again when the turn is on disk. */
static trial_code ask_later(loop *l, const net_message *message, const trial_request *request)
{
    question *q = &l->questions[l->question_count++];

    q->peer_size = message->peer.size;
    memcpy(q->peer, message->peer.data, message->peer.size);
    q->is_delimited = message->is_delimited;
    q->method = request->method;
    q->msgid = request->msgid;
    return TRIAL_OK;
}

static trial_code on_hello(loop *l,
                           const net_message *message,
                           const proto_frame *frame,
                           const trial_request *request)
{
    const struct trial_request_hello *hello = &request->as.hello;
    trial_error err = TRIAL_ERROR_NONE;

    (void)frame;
    if (hello->protocol.is_set && hello->protocol.value != TRIAL_PROTOCOL_VERSION) {
        (void)trial_fail(&err,
                         TRIAL_UNSUPPORTED,
                         "this daemon speaks protocol %d, not %lld",
                         TRIAL_PROTOCOL_VERSION,
                         (long long)hello->protocol.value);
        answer_error(l, message, request->msgid, &err);
        return TRIAL_OK;
    }
    return ask_later(l, message, request);
}

static trial_code on_status(loop *l,
                            const net_message *message,
                            const proto_frame *frame,
                            const trial_request *request)
{
    (void)frame;
    return ask_later(l, message, request);
}

static trial_code on_metrics(loop *l,
                             const net_message *message,
                             const proto_frame *frame,
                             const trial_request *request)
{
    (void)frame;
    return ask_later(l, message, request);
}

static trial_code on_append(loop *l,
                            const net_message *message,
                            const proto_frame *frame,
                            const trial_request *request)
{
    const engine_speaker speaker = { .may_name = authority_may_name, .context = l };
    reply *r = begin_reply(l, message->peer, message->is_delimited);
    trial_code code = engine_append(l->engine,
                                    request->msgid,
                                    &request->as.append,
                                    rights_are_used(l->rights) ? &speaker : NULL,
                                    &l->out,
                                    &l->failure);

    (void)frame;
    end_reply(l, r);
    return code;
}

/* Make a job of a request: the frame is copied, for it goes with this turn, and read again. */
static readers_job *
make_job(loop *l, readers_kind kind, const net_message *message, const trial_request *request)
{
    readers_job *job = readers_job_new();
    uint8_t *copy = trial_memory(message->payload.size);
    trial_error err = TRIAL_ERROR_NONE;
    proto_frame again;

    memcpy(copy, message->payload.data, message->payload.size);
    job->kind = kind;
    job->frame = (trial_bytes){ copy, message->payload.size };
    job->peer_size = message->peer.size;
    memcpy(job->peer, message->peer.data, message->peer.size);
    job->is_delimited = message->is_delimited;
    job->owner = l->owner;
    job->needs = store_flushed(l->store); /* what is acknowledged is readable at once */
    job->today = trial_date_of((trial_instant)host_now_ns());
    if (proto_frame_read(job->frame, &l->limits, &again, &err) != TRIAL_OK ||
        proto_request_read(&again, &job->arena, &job->request, &err) != TRIAL_OK) {
        trial_panic(__FILE__, __LINE__, "a request that was read once is not read again");
    }
    TRIAL_ASSERT(job->request.msgid == request->msgid);
    return job;
}

static trial_code
give_job(loop *l, readers_kind kind, const net_message *message, const trial_request *request)
{
    readers_job *job;
    trial_error err = TRIAL_ERROR_NONE;

    if (!gate_is_open(l, message->peer, message->payload.size)) {
        (void)gate_refuse(&err);
        answer_error(l, message, request->msgid, &err);
        return TRIAL_OK;
    }
    job = make_job(l, kind, message, request);
    job->asked_ns = host_monotonic_ns();
    if (kind == READERS_LONG) {
        l->verifying++;
        conditions_look(l, host_monotonic_ms());
    }
    gate_enter(l, job);
    gate_give(l, job);
    return TRIAL_OK;
}

/* The short history of one subject is answered here and now, where LMDB holds all there is: two
 * wake-ups of another thread cost more than the reading. One a turn, so that many readers hold no
 * publisher up. */
static bool read_at_once(loop *l, const net_message *message, const trial_request *request)
{
    reply *r;

    if (l->has_read || store_committed(l->store) < store_head(l->store) ||
        !net_has_room(l->net, message->peer)) {
        return false; /* the gate holds it where the peer must read first */
    }
    r = begin_reply(l, message->peer, message->is_delimited);
    if (!answers_read_at_once(l->store, &l->known, request->msgid, &request->as.read, &l->out)) {
        l->reply_count--;
        return false;
    }
    end_reply(l, r);
    l->metrics.requests[TRIAL_METHOD_READ][TRIAL_OK]++;
    l->has_read = true;
    return true;
}

static trial_code
on_read(loop *l, const net_message *message, const proto_frame *frame, const trial_request *request)
{
    (void)frame;
    if (read_at_once(l, message, request)) {
        return TRIAL_OK;
    }
    return give_job(l, READERS_REQUEST, message, request);
}

static trial_code on_query(loop *l,
                           const net_message *message,
                           const proto_frame *frame,
                           const trial_request *request)
{
    (void)frame;
    return give_job(l, READERS_REQUEST, message, request);
}

static trial_code on_records(loop *l,
                             const net_message *message,
                             const proto_frame *frame,
                             const trial_request *request)
{
    (void)frame;
    l->records_ms = host_monotonic_ms();
    l->records_from =
        request->as.records.from.is_set ? (uint64_t)request->as.records.from.value : 1;
    return give_job(l, READERS_REQUEST, message, request);
}

static trial_code on_verify(loop *l,
                            const net_message *message,
                            const proto_frame *frame,
                            const trial_request *request)
{
    (void)frame;
    return give_job(l, READERS_LONG, message, request);
}

static trial_code on_rebuild(loop *l,
                             const net_message *message,
                             const proto_frame *frame,
                             const trial_request *request)
{
    trial_error err = TRIAL_ERROR_NONE;

    (void)frame;
    if (rebuilding_check(l, request->as.rebuild.view, &err) != TRIAL_OK) {
        answer_error(l, message, request->msgid, &err);
        return TRIAL_OK;
    }
    rebuilding_add(l, make_job(l, READERS_REBUILD, message, request));
    return TRIAL_OK;
}

/* What named subscriptions are asked (consumers.c). */
#define ON_NAMED(method)                                                                           \
    static trial_code method(loop *l,                                                              \
                             const net_message *message,                                           \
                             const proto_frame *frame,                                             \
                             const trial_request *request)                                         \
    {                                                                                              \
        (void)frame;                                                                               \
        consumers_take(l, message, request);                                                       \
        return TRIAL_OK;                                                                           \
    }
ON_NAMED(on_ack)
ON_NAMED(on_park)
ON_NAMED(on_parked)
ON_NAMED(on_replay)
ON_NAMED(on_unsubscribe)
ON_NAMED(on_subscriptions)
#undef ON_NAMED

static trial_code on_subscribe(loop *l,
                               const net_message *message,
                               const proto_frame *frame,
                               const trial_request *request)
{
    trial_error err = TRIAL_ERROR_NONE;
    uint64_t id = 0;
    reply *r;
    trial_code code;

    (void)frame;
    if (net_sender_is_req(l->net)) {
        (void)trial_fail(&err,
                         TRIAL_INVALID,
                         "a REQ socket takes what a subscription brings for its next answer; "
                         "subscribe with a DEALER");
        answer_error(l, message, request->msgid, &err);
        return TRIAL_OK;
    }
    if (trial_text_is_set(request->as.subscribe.name)) {
        consumers_subscribe(l, message, request);
        return TRIAL_OK;
    }
    code = subscribers_open(l->subscribers,
                            message->peer,
                            message->is_delimited,
                            &request->as.subscribe,
                            NULL,
                            l->owner,
                            store_flushed(l->store),
                            host_monotonic_ms(),
                            &id,
                            &err);
    if (code != TRIAL_OK) {
        answer_error(l, message, request->msgid, &err);
        return TRIAL_OK;
    }
    r = begin_reply(l, message->peer, message->is_delimited);
    proto_put_result(&l->out, request->msgid);
    pack_put_map(&l->out, 1);
    pack_put_word(&l->out, "subscription");
    pack_put_unsigned(&l->out, id);
    end_reply(l, r);
    l->metrics.requests[TRIAL_METHOD_SUBSCRIBE][TRIAL_OK]++;
    return TRIAL_OK;
}

static void take_notification(loop *l, const net_message *message, const proto_frame *frame)
{
    if (trial_text_is(frame->method, "credit")) {
        subscribers_credit(l->subscribers, message->peer, frame->params, host_monotonic_ms());
    } else if (trial_text_is(frame->method, "ack")) {
        consumers_ack(l, message, frame->params);
    } else if (trial_text_is(frame->method, "unsubscribe")) {
        subscribers_unsubscribe(l->subscribers, message->peer, frame->params);
    }
    /* Another notification is of a later protocol: it asks for no answer and gets none. */
}

static void end_decode(loop *l, const net_message *message)
{
    metrics_end_decode(&l->metrics);
    probe_decoded(probe_text(metrics_method(l->method)), message->payload.size);
}

static void end_decide(loop *l)
{
    metrics_end_decide(&l->metrics, l->method);
    probe_decided(probe_text(metrics_method(l->method)), store_head(l->store));
}

trial_code requests_take(loop *l, const net_message *message)
{
    trial_error err = TRIAL_ERROR_NONE;
    proto_frame frame = { 0 };
    trial_request request;
    trial_code code;

    l->method = TRIAL_METHOD_COUNT;
    if (message->peer.size > NET_PEER_BYTES_MAX) {
        return TRIAL_OK; /* libzmq bounds routing ids itself */
    }
    if (message->is_whole) {
        code = proto_frame_read(message->payload, &l->limits, &frame, &err);
    } else {
        code = trial_fail(&err, TRIAL_MALFORMED, "a message is one frame of MessagePack-RPC");
    }
    if (code == TRIAL_OK && frame.kind == PROTO_NOTIFICATION) {
        end_decode(l, message);
        if (authority_may_notify(l)) {
            take_notification(l, message, &frame);
        }
        end_decide(l);
        return TRIAL_OK;
    }
    if (code == TRIAL_OK && frame.kind == PROTO_RESPONSE) {
        frame.msgid = 0;
        code = trial_fail(&err, TRIAL_MALFORMED, "a response came where only requests are taken");
    }
    if (code == TRIAL_OK) {
        code = proto_request_read(&frame, &l->arena, &request, &err);
    }
    l->method = code == TRIAL_OK ? request.method : trial_method_named(frame.method);
    end_decode(l, message);
    if (code == TRIAL_OK) {
        code = authority_check(l, request.method, &err);
    }
    if (code != TRIAL_OK) {
        answer_error(l, message, frame.msgid, &err);
        code = TRIAL_OK;
    } else {
        code = handlers[request.method](l, message, &frame, &request);
    }
    end_decide(l);
    trial_arena_reset(&l->arena);
    return code;
}

static void answer_hello(loop *l, uint32_t msgid)
{
    proto_put_result(&l->out, msgid);
    pack_put_map(&l->out, 4);
    pack_put_word(&l->out, "head");
    pack_put_unsigned(&l->out, store_flushed(l->store));
    pack_put_word(&l->out, "log");
    pack_put_word(&l->out, store_name(l->store));
    pack_put_word(&l->out, "protocol");
    pack_put_unsigned(&l->out, TRIAL_PROTOCOL_VERSION);
    pack_put_word(&l->out, "server");
    pack_put_word(&l->out, "triald " TRIALD_VERSION);
}

/* Only metrics grow, by a line for each named subscription: a thousand answers of the others are
 * less than one of a read. */
static void answer_question(loop *l, const question *q, trial_bytes peer)
{
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code = TRIAL_OK;

    if (q->method == TRIAL_METHOD_METRICS && !net_has_room(l->net, peer)) {
        code = gate_refuse(&err);
    }
    l->metrics.requests[q->method][code]++; /* what is answered is in the answer */
    if (code != TRIAL_OK) {
        proto_put_error(&l->out, q->msgid, &err);
    } else if (q->method == TRIAL_METHOD_STATUS) {
        proto_put_result(&l->out, q->msgid);
        status_put(l);
    } else if (q->method == TRIAL_METHOD_METRICS) {
        proto_put_result(&l->out, q->msgid);
        metrics_put(l);
    } else {
        answer_hello(l, q->msgid);
    }
}

void requests_answer_questions(loop *l)
{
    for (uint32_t i = 0; i < l->question_count; i++) {
        const question *q = &l->questions[i];
        trial_bytes peer = { q->peer, q->peer_size };

        pack_writer_reset(&l->out);
        answer_question(l, q, peer);
        loop_answer(l, peer, q->is_delimited, pack_written(&l->out));
    }
    l->question_count = 0;
    pack_writer_reset(&l->out);
}

/* Damage concerns more than who asked for what it lies in. Where no system call is to blame, what
 * was read is not what was written. Only a verification that has looked at everything ends it. */
static void note_damage(loop *l, const readers_job *job)
{
    const trial_error *err = &job->err;
    bool is_read = job->kind != READERS_PAGE && job->request.method == TRIAL_METHOD_READ;

    if (job->kind == READERS_LONG && job->code == TRIAL_OK) {
        conditions_set(l, CONDITION_DAMAGED, false, "%s", "");
    } else if (job->code == TRIAL_STORAGE && err->system_errno == 0) {
        conditions_set_damaged(l, err, is_read ? job->request.as.read.subject : (trial_text){ 0 });
    }
}

/* A verification is no longer asked for: it was answered, or never begun. */
static void end_verify(loop *l, const readers_job *job)
{
    if (job->kind == READERS_LONG) {
        l->verifying--;
        conditions_look(l, host_monotonic_ms());
    }
}

/* Whatever was to be answered, the right to ask is gone. */
static void revoke(readers_job *job)
{
    trial_role role = trial_method_row_of(job->request.method)->role;

    job->err = TRIAL_ERROR_NONE;
    job->code = trial_fail(&job->err,
                           TRIAL_UNAUTHORISED,
                           "the right to %s was revoked before this was answered",
                           trial_role_name(role));
    job->err.right = role;
    pack_writer_reset(&job->answer);
    proto_put_error(&job->answer, job->request.msgid, &job->err);
}

static void answer_job(loop *l, const readers_job *job)
{
    end_verify(l, job);
    l->metrics.requests[job->request.method][job->code]++;
    loop_answer(l,
                (trial_bytes){ job->peer, job->peer_size },
                job->is_delimited,
                pack_written(&job->answer));
}

void requests_refuse(loop *l, readers_job *job)
{
    revoke(job);
    answer_job(l, job);
    readers_job_done(job);
}

trial_code requests_finish(loop *l, readers_job *job)
{
    note_damage(l, job);
    if (job->kind == READERS_REBUILD || job->kind == READERS_CLEAR) {
        return rebuilding_continue(l, job);
    }
    if (job->kind == READERS_PAGE) {
        subscribers_take_page(l->subscribers, job, host_monotonic_ms());
    } else {
        if (!authority_still_allows(l, job)) {
            revoke(job); /* while a thread had it */
        }
        answer_job(l, job);
    }
    metrics_end_job(&l->metrics, job);
    gate_leave(l, job);
    readers_job_done(job);
    return TRIAL_OK;
}
