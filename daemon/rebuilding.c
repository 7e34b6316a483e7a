/* rebuilding.c - rebuilds, one at a time: a thread folds, the loop hands over what came meanwhile
 * and swaps between two turns, the next commit puts the new rows in use, who asked is answered, and
 * the thread clears the old ones. */
#include "loop.h"

#include "host.h"

/* Somebody asked for it who may do so no longer; nobody did where a start found that it is needed.
 */
static bool is_revoked(const loop *l, const readers_job *job)
{
    return job->peer_size > 0 && !authority_still_allows(l, job);
}

static void begin_next(loop *l)
{
    while (l->rebuilds != NULL && !l->is_rebuilding) {
        readers_job *job = l->rebuilds;

        l->rebuilds = job->next;
        if (is_revoked(l, job)) {
            requests_refuse(l, job);
            continue;
        }
        l->is_rebuilding = true;
        l->is_folding = job->kind == READERS_REBUILD;
        conditions_look(l, host_monotonic_ms());
        readers_give(l->readers, job);
    }
}

/* Is it for the same view, or for all as well? */
static bool is_for(const readers_job *job, trial_text view)
{
    trial_text asked = job->request.as.rebuild.view;

    return job->kind == READERS_REBUILD && job->peer_size > 0 &&
           trial_text_is_set(asked) == trial_text_is_set(view) &&
           (!trial_text_is_set(view) || trial_text_equal(asked, view));
}

trial_code rebuilding_check(const loop *l, trial_text view, trial_error *err)
{
    if (trial_text_is_set(view) && views_named(view) == VIEWS_COUNT) {
        return trial_fail(err, TRIAL_NOT_FOUND, "there is no view '%.*s'", TRIAL_TEXT_ARGS(view));
    }
    for (const readers_job *job = l->rebuilds; job != NULL; job = job->next) {
        if (is_for(job, view)) {
            return trial_fail(
                err,
                TRIAL_BUSY,
                "a rebuild of %.*s waits already for one under way; ask again when "
                "it is done",
                TRIAL_TEXT_ARGS(trial_text_is_set(view) ? view : TRIAL_TEXT("all views")));
        }
    }
    return TRIAL_OK;
}

void rebuilding_add(loop *l, readers_job *job)
{
    readers_job **link = &l->rebuilds;

    while (*link != NULL) {
        link = &(*link)->next;
    }
    job->next = NULL;
    *link = job;
    begin_next(l);
}

trial_code rebuilding_start(loop *l, trial_error *err)
{
    bool has_spare = false;
    trial_code code = store_has_spare(l->store, &has_spare, err);
    readers_job *job;

    if (code != TRIAL_OK || !(has_spare || engine_needs_rebuild(l->engine))) {
        return code;
    }
    job = readers_job_new();
    job->kind = READERS_CLEAR;
    if (engine_needs_rebuild(l->engine)) {
        job->kind = READERS_REBUILD;
        host_log(
            HOST_NOTICE,
            "the rows are of an older version of the fold: they are rebuilt from the log while "
            "the daemon serves");
    }
    rebuilding_add(l, job);
    return TRIAL_OK;
}

void rebuilding_put_views(pack_writer *writer, views_view only, uint64_t position)
{
    trial_arena arena = { 0 };
    trial_value *views = trial_value_map(&arena);

    for (views_view view = 0; view < VIEWS_COUNT; view++) {
        if (only == VIEWS_COUNT || only == view) {
            trial_value_set(
                &arena, views, views_name(view), trial_value_unsigned(&arena, position));
        }
    }
    pack_put_value(writer, views, &arena);
    trial_arena_done(&arena);
}

/* Tell who asked, if somebody did and did not only find out at the start that it is needed. */
static void answer(loop *l, readers_job *job)
{
    trial_text view = job->request.as.rebuild.view;
    pack_writer *out = &job->answer;
    host_about about = host_about_error(&job->err);

    if (job->code == TRIAL_OK) {
        about.position = job->swapped;
        host_log_about(HOST_NOTICE,
                       &about,
                       "the views are rebuilt and in use from position %llu",
                       (unsigned long long)job->swapped);
    } else if (job->code != TRIAL_BUSY) {
        host_log_about(HOST_ERROR,
                       &about,
                       "a rebuild was given up, the old rows are in use: %s",
                       job->err.text);
    }
    if (job->peer_size == 0) {
        return;
    }
    if (job->code != TRIAL_OK) {
        proto_put_error(out, job->request.msgid, &job->err);
    } else {
        proto_put_result(out, job->request.msgid);
        pack_put_map(out, 1);
        pack_put_word(out, "views");
        rebuilding_put_views(
            out, trial_text_is_set(view) ? views_named(view) : VIEWS_COUNT, job->swapped);
    }
    l->metrics.requests[TRIAL_METHOD_REBUILD][job->code]++;
    loop_answer(
        l, (trial_bytes){ job->peer, job->peer_size }, job->is_delimited, pack_written(out));
}

/* What is left of it, swapped or given up, is cleared by the thread. */
static void end(loop *l, readers_job *job)
{
    l->is_folding = false;
    answer(l, job);
    rebuild_done(job->rebuild);
    job->rebuild = NULL;
    job->kind = READERS_CLEAR;
    readers_give(l->readers, job);
}

static trial_code swap(loop *l, readers_job *job)
{
    if (rebuild_swap(job->rebuild, l->engine, &job->err) != TRIAL_OK) {
        (void)trial_fail_while(&job->err, "swapping rebuilt rows in");
        l->failure = job->err;
        readers_job_done(job);
        return TRIAL_STORAGE;
    }
    job->swapped = store_head(l->store);
    l->swapping = job;
    store_commit_begin(l->store);
    return TRIAL_OK;
}

trial_code rebuilding_continue(loop *l, readers_job *job)
{
    bool has_more = false;

    if (job->code != TRIAL_OK && store_build_has_failed(l->store)) {
        l->failure = job->err;
        readers_job_done(job);
        return TRIAL_STORAGE;
    }
    if (job->kind == READERS_CLEAR) {
        if (job->code != TRIAL_OK && job->code != TRIAL_BUSY) {
            host_log(HOST_WARNING,
                     "rows that nobody uses could not be cleared: %s; the next start tries again",
                     job->err.text);
        }
        readers_job_done(job);
        l->is_rebuilding = false;
        begin_next(l);
        return TRIAL_OK;
    }
    if (job->code == TRIAL_OK) {
        job->code = rebuild_hand_over(job->rebuild, &has_more, &job->err);
    }
    if (job->code != TRIAL_OK) {
        end(l, job);
        return TRIAL_OK;
    }
    if (has_more) {
        readers_give(l->readers, job);
        return TRIAL_OK;
    }
    return swap(l, job);
}

void rebuilding_commit(loop *l)
{
    readers_job *job = l->swapping;

    if (job != NULL && !store_is_swapping(l->store)) {
        l->swapping = NULL;
        end(l, job);
    }
}

void rebuilding_drop(loop *l)
{
    readers_job_done(l->swapping);
    l->swapping = NULL;
    while (l->rebuilds != NULL) {
        readers_job *job = l->rebuilds;

        l->rebuilds = job->next;
        readers_job_done(job);
    }
}
