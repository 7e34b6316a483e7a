/* metrics.c - see metrics.h. One function a row of metrics.def: a row without its function does not
 * link. */
#include "loop.h"

#include "host.h"

#define MINUTE_NS 60000000000u
#define NS_PER_S 1e9
/* A monitor keeps what it was told of each for long; `subscriptions` has all of them. */
#define METRICS_SUBSCRIPTIONS_MAX 1024u

const char *metrics_method(trial_method method)
{
    return method == TRIAL_METHOD_COUNT ? "unknown" : trial_method_row_of(method)->name;
}

void metrics_begin(metrics *m)
{
    m->turn_ns = host_monotonic_ns();
    m->stage_ns = m->turn_ns;
    m->is_sampling = true;
}

uint64_t metrics_end_stage(metrics *m, trial_stage stage)
{
    uint64_t now_ns = host_monotonic_ns();
    uint64_t took_ns = now_ns - m->stage_ns;

    trial_histogram_add(&m->stages[stage], took_ns);
    m->stage_ns = now_ns;
    return took_ns;
}

void metrics_end_decode(metrics *m)
{
    if (m->is_sampling) {
        (void)metrics_end_stage(m, TRIAL_STAGE_decode);
    }
}

void metrics_end_decide(metrics *m, trial_method method)
{
    if (m->is_sampling && method == TRIAL_METHOD_APPEND) {
        (void)metrics_end_stage(m, TRIAL_STAGE_decide);
    }
    m->is_sampling = false;
}

void metrics_end_gather(metrics *m)
{
    m->stage_ns = m->turn_ns;
    (void)metrics_end_stage(m, TRIAL_STAGE_gather);
    m->turns++;
}

uint64_t metrics_end_flush(metrics *m)
{
    uint64_t took_ns = metrics_end_stage(m, TRIAL_STAGE_flush);

    if (m->stage_ns - m->minute_ns >= MINUTE_NS) {
        bool is_next = m->stage_ns - m->minute_ns < (uint64_t)2 * MINUTE_NS;

        m->slowest_ns[1] = is_next ? m->slowest_ns[0] : 0;
        m->slowest_ns[0] = 0;
        m->minute_ns = m->stage_ns;
    }
    m->slowest_ns[0] = took_ns > m->slowest_ns[0] ? took_ns : m->slowest_ns[0];
    return took_ns;
}

void metrics_end_turn(metrics *m)
{
    trial_histogram_add(&m->stages[TRIAL_STAGE_turn], m->stage_ns - m->turn_ns);
}

void metrics_end_job(metrics *m, const readers_job *job)
{
    static const metrics_reader of_method[TRIAL_METHOD_COUNT] = {
        [TRIAL_METHOD_QUERY] = METRICS_QUERY,
        [TRIAL_METHOD_READ] = METRICS_READ,
        [TRIAL_METHOD_RECORDS] = METRICS_RECORDS,
        [TRIAL_METHOD_VERIFY] = METRICS_VERIFY,
    };
    metrics_reader reader =
        job->kind == READERS_PAGE ? METRICS_PAGE : of_method[job->request.method];

    trial_histogram_add(&m->readers[reader], host_monotonic_ns() - job->asked_ns);
}

/* The longest of this minute and of the one before. */
static uint64_t slowest_ns(const metrics *m)
{
    uint64_t age_ns = host_monotonic_ns() - m->minute_ns;

    if (age_ns >= MINUTE_NS) { /* nothing was flushed since */
        return age_ns < (uint64_t)2 * MINUTE_NS ? m->slowest_ns[0] : 0;
    }
    return m->slowest_ns[0] > m->slowest_ns[1] ? m->slowest_ns[0] : m->slowest_ns[1];
}

/* What rows are made from, looked at once an answer. */
struct asked {
    loop *l;
    trial_arena arena;
    store_facts facts;
    readers_kind kind;
    uint64_t done;
    uint64_t total;
};

typedef trial_value *make_row(struct asked *a);

#define METRIC(kind, lower, unit, labels, doc) static make_row make_##lower;
#include "trial/metrics.def"

#define NUMBER(lower, number)                                                                      \
    static trial_value *make_##lower(struct asked *a)                                              \
    {                                                                                              \
        return trial_value_unsigned(&a->arena, number);                                            \
    }
#define SECONDS(lower, number)                                                                     \
    static trial_value *make_##lower(struct asked *a)                                              \
    {                                                                                              \
        return trial_value_float(&a->arena, number);                                               \
    }

/* clang-format off */
NUMBER(appended_events,   engine_counted(a->l->engine)->appended)
NUMBER(committed_events,  store_counted(a->l->store)->committed_events)
NUMBER(committed_rows,    store_counted(a->l->store)->committed_rows)
NUMBER(duplicate_events,  engine_counted(a->l->engine)->duplicates)
NUMBER(feed_events,       a->l->metrics.feed_events)
NUMBER(flushed_bytes,     store_counted(a->l->store)->flushed_bytes)
NUMBER(flushes,           store_counted(a->l->store)->flushes)
NUMBER(notified_bytes,    a->l->metrics.notified_bytes)
NUMBER(notified_messages, a->l->metrics.notified_messages)
NUMBER(received_bytes,    a->l->metrics.received_bytes)
NUMBER(received_messages, a->l->metrics.received_messages)
NUMBER(sent_bytes,        a->l->metrics.sent_bytes)
NUMBER(turns,             a->l->metrics.turns)
NUMBER(disk_free_bytes,   a->facts.free_bytes)
SECONDS(flush_slowest_seconds, (double)slowest_ns(&a->l->metrics) / NS_PER_S)
NUMBER(journal_bytes,     a->facts.journal_bytes)
NUMBER(journal_position,  store_flushed(a->l->store))
NUMBER(journal_used_bytes, a->facts.journal_used_bytes)
NUMBER(lmdb_bytes,        a->facts.lmdb_bytes)
SECONDS(lmdb_oldest_reader_age_seconds, (double)a->facts.oldest_read_ms / 1000)
NUMBER(lmdb_position,     store_committed(a->l->store))
NUMBER(lmdb_readers,      a->facts.readers)
NUMBER(log_size_events,   store_flushed(a->l->store))
NUMBER(peers,             net_peers(a->l->net))
NUMBER(reader_jobs,       a->l->metrics.jobs)
NUMBER(reader_queue_jobs, readers_waiting(a->l->readers))
NUMBER(refusing,          a->l->is_refusing || a->facts.is_refusing ? 1 : 0)
SECONDS(start_time_seconds, (double)a->l->started / NS_PER_S)
NUMBER(subscriptions,     subscribers_count(a->l->subscribers))
NUMBER(subscriptions_lag_events, subscribers_lag(a->l->subscribers, store_flushed(a->l->store)))
SECONDS(uptime_seconds,   (double)(host_monotonic_ms() - a->l->started_ms) / 1000)
NUMBER(work_done_events,  a->done)
NUMBER(work_size_events,  a->total)
/* clang-format on */

static void set(struct asked *a, trial_value *map, const char *name, uint64_t number)
{
    trial_value_set(&a->arena, map, name, trial_value_unsigned(&a->arena, number));
}

static trial_value *make_commits(struct asked *a)
{
    const store_counts *counts = store_counted(a->l->store);
    trial_value *map = trial_value_map(&a->arena);

    set(a, map, trial_code_name(TRIAL_OK), counts->commits);
    set(a, map, trial_code_name(TRIAL_NO_SPACE), counts->commits_without_room);
    return map;
}

static trial_value *make_dropped(struct asked *a)
{
    trial_value *map = trial_value_map(&a->arena);

    set(a, map, "answers", net_dropped(a->l->net));
    set(a, map, "connections", net_turned_away(a->l->net));
    set(a, map, "lines", host_log_dropped());
    return map;
}

/* By rule and by code there is only what has happened: else a monitor kept hundreds of zeros. */
static trial_value *make_refused_appends(struct asked *a)
{
    const engine_counts *counts = engine_counted(a->l->engine);
    trial_value *map = trial_value_map(&a->arena);

    for (trial_rule rule = TRIAL_RULE_NONE + 1; rule < TRIAL_RULE_COUNT; rule++) {
        if (counts->refused[rule] > 0) {
            set(a, map, trial_rule_name(rule), counts->refused[rule]);
        }
    }
    return map;
}

static trial_value *make_requests(struct asked *a)
{
    trial_value *methods = trial_value_map(&a->arena);

    for (trial_method method = 0; method <= TRIAL_METHOD_COUNT; method++) {
        trial_value *codes = trial_value_map(&a->arena);

        for (trial_code code = TRIAL_OK; code < TRIAL_CODE_COUNT; code++) {
            uint64_t number = a->l->metrics.requests[method][code];

            if (method == TRIAL_METHOD_APPEND) {
                number += engine_counted(a->l->engine)->answers[code];
            }
            if (number > 0) {
                set(a, codes, trial_code_name(code), number);
            }
        }
        if (codes->as.map.count > 0) {
            trial_value_set(&a->arena, methods, metrics_method(method), codes);
        }
    }
    return methods;
}

static trial_value *make_condition(struct asked *a)
{
    trial_value *map = trial_value_map(&a->arena);

#define CONDITION(UPPER, name, grade, what, advice, over, id)                                      \
    set(a, map, name, a->l->conditions[CONDITION_##UPPER].is_on ? 1 : 0);
#include "trial/conditions.def"
    return map;
}

static trial_value *make_subscription_lag_events(struct asked *a)
{
    uint64_t head = store_flushed(a->l->store);
    trial_value *map = trial_value_map(&a->arena);

    for (const named *n = a->l->named.first; n != NULL; n = n->next) {
        if (map->as.map.count == METRICS_SUBSCRIPTIONS_MAX) {
            break;
        }
        trial_value_append(
            &a->arena,
            map,
            trial_text_of(n->name),
            trial_value_unsigned(&a->arena, head > n->position ? head - n->position : 0));
    }
    return map;
}

/* All views rest on the same rows, which a commit brings level with the log. */
static trial_value *make_views(struct asked *a, uint64_t number)
{
    trial_value *map = trial_value_map(&a->arena);

    for (views_view view = 0; view < VIEWS_COUNT; view++) {
        set(a, map, views_name(view), number);
    }
    return map;
}

static trial_value *make_view_lag_events(struct asked *a)
{
    return make_views(a, store_flushed(a->l->store) - store_committed(a->l->store));
}

static trial_value *make_view_position(struct asked *a)
{
    return make_views(a, store_committed(a->l->store));
}

static trial_value *make_histogram(struct asked *a, const trial_histogram *histogram)
{
    trial_value *map = trial_value_map(&a->arena);
    trial_value *buckets = trial_value_list(&a->arena);
    uint64_t count = 0;

    for (uint32_t i = 0; i < TRIAL_HISTOGRAM_BUCKETS; i++) {
        count += histogram->buckets[i];
        trial_value_push(
            &a->arena, buckets, trial_value_unsigned(&a->arena, histogram->buckets[i]));
    }
    trial_value_set(&a->arena, map, "buckets", buckets);
    set(a, map, "count", count);
    trial_value_set(
        &a->arena, map, "sum", trial_value_float(&a->arena, (double)histogram->sum_ns / NS_PER_S));
    return map;
}

static trial_value *make_reader_seconds(struct asked *a)
{
    static const char *const names[METRICS_READER_COUNT] = { [METRICS_PAGE] = "page",
                                                             [METRICS_QUERY] = "query",
                                                             [METRICS_READ] = "read",
                                                             [METRICS_RECORDS] = "records",
                                                             [METRICS_VERIFY] = "verify" };
    trial_value *map = trial_value_map(&a->arena);

    for (metrics_reader i = 0; i < METRICS_READER_COUNT; i++) {
        trial_value_set(&a->arena, map, names[i], make_histogram(a, &a->l->metrics.readers[i]));
    }
    return map;
}

static trial_value *make_stage_seconds(struct asked *a)
{
    trial_value *map = trial_value_map(&a->arena);

    for (trial_stage stage = 0; stage < TRIAL_STAGE_COUNT; stage++) {
        const trial_histogram *times = stage == TRIAL_STAGE_commit
                                           ? &store_counted(a->l->store)->commit
                                           : &a->l->metrics.stages[stage];

        trial_value_set(&a->arena, map, trial_stage_row_of(stage)->name, make_histogram(a, times));
    }
    return map;
}

static make_row *const rows[TRIAL_METRIC_COUNT] = {
#define METRIC(kind, lower, unit, labels, doc) [TRIAL_METRIC_##lower] = make_##lower,
#include "trial/metrics.def"
};

void metrics_put(loop *l)
{
    struct asked a = { .l = l };
    trial_value *answer = trial_value_map(&a.arena);
    trial_arena scratch = { 0 };
    trial_error err = TRIAL_ERROR_NONE;

    if (store_look(l->store, &a.facts, &err) != TRIAL_OK) {
        host_log(HOST_WARNING, "looking at the store: %s", err.text);
    }
    readers_progress(l->readers, &a.kind, &a.done, &a.total);
    conditions_look(l, host_monotonic_ms());
    trial_value_set(&a.arena, answer, "version", trial_value_word(&a.arena, TRIALD_VERSION));
    trial_value_set(&a.arena, answer, "log", trial_value_word(&a.arena, store_name(l->store)));
    for (trial_metric metric = 0; metric < TRIAL_METRIC_COUNT; metric++) {
        const trial_metric_row *row = trial_metric_row_of(metric);
        const char *section = trial_metric_section(row->kind);

        if (trial_value_get(answer, section) == NULL) {
            trial_value_set(&a.arena, answer, section, trial_value_map(&a.arena));
        }
        trial_value_set(&a.arena, trial_value_get(answer, section), row->name, rows[metric](&a));
    }
    pack_put_value(&l->out, answer, &scratch);
    trial_arena_done(&scratch);
    trial_arena_done(&a.arena);
}
