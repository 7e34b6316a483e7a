/* loop.c - see loop.h. The one thread that decides and appends; everything it does fits between two
 * waits. */
#include "loop.h"

#include "host.h"
#include "probes.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#define QUEUED_RETRY_MS 10   /* answers that slow peers have not taken are tried again so often */
#define COMMIT_RETRY_MS 1000 /* a commit that found no space is tried again so often */
#define BEAT_MS 1000
/* A read waits for the turn to end, which then takes no more requests than these: so many make a
 * flush cheap enough. */
#define READ_TURN_REQUESTS 64u
#define SINGLES_MIN 8u /* turns of one request: only one client is busy */

enum { WATCH_SIGNALS, WATCH_COMMIT, WATCH_READERS, WATCH_KEYS, WATCH_NAMES, WATCH_COUNT };

static trial_code fail(loop *l, trial_code code, const trial_error *err)
{
    l->failure = *err;
    return code;
}

void loop_answer(loop *l, trial_bytes peer, bool is_delimited, trial_bytes frame)
{
    l->metrics.sent_bytes += frame.size;
    (void)net_send(l->net, peer, is_delimited, frame, true);
}

static void send_replies(loop *l)
{
    trial_bytes out = pack_written(&l->out);

    for (uint32_t i = 0; i < l->reply_count; i++) {
        const reply *r = &l->replies[i];

        loop_answer(l,
                    (trial_bytes){ r->peer, r->peer_size },
                    r->is_delimited,
                    (trial_bytes){ out.data + r->begin, r->size });
    }
    l->reply_count = 0;
    pack_writer_reset(&l->out);
}

static void answer(loop *l)
{
    uint32_t count = l->reply_count + l->question_count;
    uint64_t sent_bytes = l->metrics.sent_bytes;

    send_replies(l);
    requests_answer_questions(l);
    probe_answered(count, l->metrics.sent_bytes - sent_bytes);
}

/* Publish a turn's events: frame 0 the topic, frame 1 a notification of one event. */
static void publish(loop *l, const engine_added *added, uint32_t count)
{
    pack_writer frame = { 0 };
    char topic[TRIAL_TYPE_BYTES_MAX + TRIAL_SUBJECT_BYTES_MAX + 2];

    for (uint32_t i = 0; i < count; i++) {
        const proto_record *record = &added[i].record;
        int size = snprintf(topic,
                            sizeof topic,
                            "%.*s %.*s",
                            TRIAL_TEXT_ARGS(record->type),
                            TRIAL_TEXT_ARGS(record->subject));

        pack_writer_reset(&frame);
        proto_put_notification(&frame, "events");
        pack_put_map(&frame, 2);
        pack_put_word(&frame, "events");
        pack_put_list(&frame, 1);
        pack_put_raw(&frame, record->event);
        pack_put_word(&frame, "head");
        pack_put_unsigned(&frame, store_flushed(l->store));
        net_publish(l->net, (trial_text){ topic, (uint32_t)size }, pack_written(&frame));
    }
    l->metrics.feed_events += count;
    pack_writer_done(&frame);
}

/* Put the turn on disk, then answer, then publish: in that order and no other. */
static trial_code finish_turn(loop *l)
{
    trial_error err = TRIAL_ERROR_NONE;
    const engine_added *added;
    uint32_t count;
    uint64_t flushes = store_counted(l->store)->flushes;
    trial_code code = engine_turn_flush(l->engine, &err);

    if (code != TRIAL_OK) {
        (void)trial_fail_while(&err, "putting a turn on disk; nothing of it was acknowledged");
        return fail(l, TRIAL_STORAGE, &err);
    }
    if (store_counted(l->store)->flushes > flushes) {
        probe_flushed(store_flushed(l->store), metrics_end_flush(&l->metrics));
    }
    authority_settle(l);
    answer(l);
    (void)metrics_end_stage(&l->metrics, TRIAL_STAGE_answer);
    added = engine_turn_added(l->engine, &count);
    if (count > 0) {
        l->appended_ms = host_monotonic_ms();
        if (net_has_readers(l->net)) {
            publish(l, added, count);
        }
        subscribers_add(l->subscribers, added, count);
        (void)metrics_end_stage(&l->metrics, TRIAL_STAGE_publish);
        probe_published(count);
    }
    metrics_end_turn(&l->metrics);
    engine_turn_done(l->engine);
    return TRIAL_OK;
}

/* Answers that readers have ready do not wait for the end of the turn, which may have hundreds of
 * events. */
static trial_code send_answers(loop *l)
{
    readers_job *job;
    trial_code code = TRIAL_OK;

    while (code == TRIAL_OK && (job = readers_take_answer(l->readers)) != NULL) {
        code = requests_finish(l, job);
    }
    return code;
}

/* May the turn take another message? */
static bool has_room(const loop *l, uint32_t count, uint64_t bytes)
{
    return count < l->config->turn_requests && bytes < l->config->turn_bytes &&
           (l->waiting == NULL || count < READ_TURN_REQUESTS);
}

/* Gather what has arrived, up to the bounds of a turn, and decide it. */
static trial_code run_turn(loop *l)
{
    net_message message;
    uint64_t bytes = 0;
    uint32_t count = 0;
    bool is_added = false;
    trial_code code;

    l->has_read = false;
    metrics_begin(&l->metrics);
    engine_turn_begin(l->engine, (int64_t)host_now_ns());
    code = authority_log(l, &is_added);
    /* What changes rights is a turn of its own: whoever asks next is judged by what is on disk. */
    while (code == TRIAL_OK && !is_added && has_room(l, count, bytes) &&
           net_receive(l->net, &message)) {
        if (count == 0) {
            probe_turn_start(l->metrics.turns);
        }
        bytes += message.payload.size;
        count++;
        code = requests_take(l, &message);
        code = code == TRIAL_OK ? send_answers(l) : code;
    }
    l->has_served = count > 0;
    if (count > 1) {
        l->singles = 0;
    } else {
        l->singles += count;
    }
    if (code != TRIAL_OK || (count == 0 && !is_added)) {
        return code;
    }
    l->metrics.received_messages += count;
    l->metrics.received_bytes += bytes;
    metrics_end_gather(&l->metrics);
    return finish_turn(l);
}

static bool is_level(const loop *l)
{
    return store_committed(l->store) == store_flushed(l->store) && !store_is_swapping(l->store);
}

/* Bring LMDB level when somebody waits for it, when enough has come, or after a quiet moment. */
static void commit_when_due(loop *l, uint64_t now_ms)
{
    bool is_quiet = now_ms - l->appended_ms >= l->config->commit_ms;
    bool is_wanted = consumers_want_commit(l, now_ms);

    if ((is_level(l) && !is_wanted) || (l->is_refusing && now_ms < l->retry_ms)) {
        return;
    }
    if (l->waiting != NULL || l->swapping != NULL || l->is_refusing || is_quiet ||
        l->held != NULL || store_commit_is_due(l->store)) {
        store_commit_begin(l->store);
    }
}

static trial_code end_commit(loop *l, uint64_t now_ms)
{
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code = store_commit_end(l->store, &err);

    if (code == TRIAL_OK) {
        conditions_set_behind(l, false, "");
        return TRIAL_OK;
    }
    if (code == TRIAL_NO_SPACE) {
        conditions_set_behind(l, true, err.text);
        l->retry_ms = now_ms + COMMIT_RETRY_MS;
        return TRIAL_OK;
    }
    (void)trial_fail_while(&err, "bringing the tables level");
    return fail(l, TRIAL_STORAGE, &err);
}

/* Does LMDB hold what the job needs, or, for one that is soon done, the tail in front of it? */
static bool has_what_it_needs(loop *l, readers_job *job)
{
    if (job->needs <= store_committed(l->store)) {
        return true;
    }
    job->tail = readers_job_is_short(job) ? store_tail_take(l->store) : NULL;
    return job->tail != NULL;
}

/* Hand over the jobs whose snapshot holds what they need. While the disk is full they are given
 * what there is: their answers name the position they rest on. */
static void release_waiting(loop *l)
{
    readers_job **link = &l->waiting;

    while (*link != NULL) {
        readers_job *job = *link;

        if (has_what_it_needs(l, job) || l->is_refusing) {
            *link = job->next;
            readers_give(l->readers, job);
        } else {
            link = &job->next;
        }
    }
}

static void ask_for_pages(loop *l, uint64_t now_ms)
{
    readers_job *job;

    while ((job = subscribers_next_page(l->subscribers, store_flushed(l->store), now_ms)) != NULL) {
        job->asked_ns = host_monotonic_ns();
        gate_enter(l, job);
        gate_give(l, job);
    }
}

static trial_code take_finished(loop *l)
{
    readers_job *job;
    trial_code code = TRIAL_OK;

    while (code == TRIAL_OK && (job = readers_take(l->readers)) != NULL) {
        code = requests_finish(l, job);
    }
    return code;
}

static void beat(loop *l, uint64_t now_ms)
{
    pack_writer frame = { 0 };

    l->beat_ms = now_ms + BEAT_MS;
    if (!net_has_readers(l->net)) {
        return;
    }
    proto_put_notification(&frame, "heartbeat");
    pack_put_map(&frame, 1);
    pack_put_word(&frame, "head");
    pack_put_unsigned(&frame, store_flushed(l->store));
    net_publish(l->net, TRIAL_TEXT("heartbeat"), pack_written(&frame));
    pack_writer_done(&frame);
}

/* What is done by the clock: heartbeats, the watchdog, the status line. */
static void tick(loop *l, uint64_t now_ms)
{
    if (now_ms >= l->beat_ms) {
        beat(l, now_ms);
    }
    if (host_watchdog_us() != 0 && now_ms >= l->alive_ms) {
        host_notify_alive();
        l->alive_ms = now_ms + host_watchdog_us() / 4000; /* four times as often as it must be */
    }
    authority_tick(l, now_ms);
    l->is_reloading = l->is_reloading && !host_notify_reloaded();
    conditions_tell(l, now_ms);
}

/* However many came, the keys are read once: more may come meanwhile, and a round follows first. */
static void take_signals(loop *l)
{
    bool is_hangup = false;

    for (int signal = host_signals_read(l->signals); signal != 0;
         signal = host_signals_read(l->signals)) {
        is_hangup = is_hangup || signal == SIGHUP;
        l->is_leaving = l->is_leaving || signal != SIGHUP;
    }
    if (is_hangup) {
        host_notify_reloading();
        l->is_reloading = true;
        host_log(HOST_NOTICE, "reading the keys again; settings are read at start only");
        authority_read(l);
    }
}

/* How long the loop may sleep: till the next thing due by the clock. */
static long sleep_ms(loop *l, uint64_t now_ms)
{
    uint64_t until = subscribers_due_ms(l->subscribers);

    if (l->beat_ms < until) {
        until = l->beat_ms;
    }
    if (host_watchdog_us() != 0 && l->alive_ms < until) {
        until = l->alive_ms;
    }
    if (l->keys_look_ms < until) {
        until = l->keys_look_ms;
    }
    if (l->keys_read_ms != 0 && l->keys_read_ms < until) {
        until = l->keys_read_ms;
    }
    if (l->keys_log_ms != 0 && l->keys_log_ms < until) {
        until = l->keys_log_ms;
    }
    if (!is_level(l) && l->appended_ms + l->config->commit_ms < until) {
        until = l->is_refusing ? l->retry_ms : l->appended_ms + l->config->commit_ms;
    }
    if (net_send_queued(l->net) || subscribers_are_held(l->subscribers) || l->gate_held != NULL) {
        until = until < now_ms + QUEUED_RETRY_MS ? until : now_ms + QUEUED_RETRY_MS;
    }
    return until <= now_ms ? 1 : (long)(until - now_ms);
}

/* Wait for something to do. Behind the request of a single client the next one is often near: for
 * a moment it is watched for without sleeping, because to be woken takes longer than what is left
 * of its round trip. Where several ask, watching takes the processor from them: 16 clients cost 21
 * µs an event with it and 16 without. */
static void wait_for_work(loop *l, net_watch *watches)
{
    uint64_t until_ns = host_monotonic_ns() + (uint64_t)l->config->spin_us * 1000u;

    while (l->has_served && l->singles >= SINGLES_MIN && host_monotonic_ns() < until_ns) {
        if (net_wait(l->net, watches, WATCH_COUNT, 0)) {
            return;
        }
        host_yield();
    }
    (void)net_wait(l->net, watches, WATCH_COUNT, sleep_ms(l, host_monotonic_ms()));
}

/* One round: what woke the loop, a turn, and what follows from them. */
static trial_code run_round(loop *l)
{
    uint64_t now_ms;
    net_watch watches[WATCH_COUNT] = {
        [WATCH_SIGNALS] = { l->signals, false },
        [WATCH_COMMIT] = { store_commit_fd(l->store), false },
        [WATCH_READERS] = { readers_fd(l->readers), false },
        [WATCH_KEYS] = { l->keys_fd, false },
        [WATCH_NAMES] = { l->names_fd, false },
    };
    trial_code code = TRIAL_OK;

    wait_for_work(l, watches);
    now_ms = host_monotonic_ms();
    if (watches[WATCH_SIGNALS].is_ready) {
        take_signals(l);
    }
    if (watches[WATCH_KEYS].is_ready) {
        authority_note_change(l);
    }
    if (watches[WATCH_NAMES].is_ready) {
        authority_note_names(l);
    }
    if (watches[WATCH_COMMIT].is_ready) {
        code = end_commit(l, now_ms);
    }
    if (code == TRIAL_OK) {
        code = run_turn(l);
    }
    if (code == TRIAL_OK && watches[WATCH_READERS].is_ready) {
        code = take_finished(l);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    now_ms = host_monotonic_ms(); /* a turn takes time, and its own is not a quiet one */
    consumers_answer(l); /* whose subscriptions begin with it: they are served in this round */
    subscribers_pump(l->subscribers, store_flushed(l->store), now_ms);
    ask_for_pages(l, now_ms);
    rebuilding_commit(l);
    gate_look(l, now_ms);
    release_waiting(l);
    commit_when_due(l, now_ms);
    tick(l, now_ms);
    return TRIAL_OK;
}

trial_code loop_run(loop *l)
{
    trial_code code = TRIAL_OK;

    l->started_ms = host_monotonic_ms();
    l->started = (trial_instant)host_now_ns();
    l->appended_ms = l->started_ms;
    while (code == TRIAL_OK && !l->is_leaving) {
        code = run_round(l);
    }
    return code;
}
