/* authority.c - who may do what, for the loop: the directory of certificates is read when it
 * changes, what changed becomes events, and every message is judged by who sent it. */
#include "loop.h"

#include "answers.h"
#include "host.h"

#include <stdio.h>
#include <unistd.h>

#define SETTLE_MS 100     /* after a change of the directory: several files are one change */
#define LOOK_MS 1000      /* for another directory at the path, of which nobody tells */
#define LOG_AGAIN_MS 1000 /* a change that could not be logged is tried again */
#define UNUSED_REASON "keys are no longer in use"

static void tell_problem(void *context, const trial_error *err)
{
    loop *l = context;

    host_log(HOST_ERROR, "keys: %s", err->text);
    (void)snprintf(l->keys_problem, sizeof l->keys_problem, "%.180s", err->text);
}

/* Watch what is at the path now, which may be another directory. */
static void watch(loop *l)
{
    host_mark mark = host_mark_of(l->config->keys);

    if (l->keys_fd >= 0 &&
        (mark.device != l->keys_mark.device || mark.inode != l->keys_mark.inode)) {
        (void)close(l->keys_fd); /* it was only watched */
        l->keys_fd = -1;
    }
    l->keys_fd = host_watch_directory(l->keys_fd, l->config->keys);
    l->keys_mark = mark;
}

void authority_read(loop *l)
{
    uint32_t refused;
    uint32_t at = 0;

    watch(l); /* before it is read: what changes after that is told */
    refused = rights_read(l->rights, l->config->keys, tell_problem, l);

    conditions_set(l, CONDITION_KEYS_REFUSED, refused > 0, "%s", l->keys_problem);
    l->keys_read_ms = 0;
    l->keys_log_ms = rights_next_change(l->rights, &at) == NULL ? 0 : 1;
    if (l->subscribers != NULL) {
        subscribers_end_where(l->subscribers,
                              authority_has_lost,
                              l,
                              TRIAL_UNAUTHORISED,
                              "its right to read was revoked",
                              host_monotonic_ms());
    }
    if (l->net != NULL && rights_lost_reader(l->rights)) {
        net_cut_feed(l->net); /* who may listen comes back at once */
    }
}

void authority_note_change(loop *l)
{
    host_watch_drain(l->keys_fd);
    if (l->keys_read_ms == 0) {
        l->keys_read_ms = host_monotonic_ms() + SETTLE_MS;
    }
}

void authority_note_names(loop *l)
{
    rights_note_names(l->rights);
    authority_read(l);
}

bool authority_has_lost(void *context, uint64_t owner)
{
    const loop *l = context;

    return rights_are_used(l->rights) && !rights_has(l->rights, owner, TRIAL_ROLE_READ);
}

bool authority_still_allows(const loop *l, const readers_job *job)
{
    return job->kind == READERS_PAGE || !rights_are_used(l->rights) ||
           rights_has(l->rights, job->owner, trial_method_row_of(job->request.method)->role);
}

static rights_peer peer_of(const net_who *who)
{
    return (rights_peer){ .is_local = who->is_local,
                          .uid = who->uid,
                          .gid = who->gid,
                          .key = trial_text_of(who->key[0] == '\0' ? NULL : who->key) };
}

bool authority_admits(void *context, net_door door, const net_who *who)
{
    const rights_peer peer = peer_of(who);

    if (who->key[0] == '\0' && (door == NET_REQUESTS || !rights_are_used(context))) {
        return true; /* without a key on tcp: loopback, and judged by every request */
    }
    if (!rights_are_used(context)) {
        return false; /* of keys none is known */
    }
    return rights_admits(context, &peer, door == NET_FEED ? TRIAL_ROLE_READ : TRIAL_ROLE_NONE);
}

trial_code authority_check(loop *l, trial_method method, trial_error *err)
{
    const trial_method_row *row = trial_method_row_of(method);
    rights_peer peer;
    net_who who;

    l->owner = 0;
    if (!rights_are_used(l->rights)) {
        return TRIAL_OK;
    }
    who = net_sender(l->net);
    if (who.is_named) {
        return trial_fail(
            err,
            TRIAL_INVALID,
            "the connection has a routing id of its own choice; where keys are in use "
            "leave that to ZeroMQ, for an answer to a name reaches whoever has it by then");
    }
    peer = peer_of(&who);
    l->owner = rights_find(l->rights, &peer);
    return rights_check(l->rights, &peer, l->owner, row->role, row->name, err);
}

bool authority_may_notify(const loop *l)
{
    rights_peer peer;
    net_who who;

    if (!rights_are_used(l->rights)) {
        return true;
    }
    who = net_sender(l->net);
    peer = peer_of(&who);
    return !who.is_named && rights_has(l->rights, rights_find(l->rights, &peer), TRIAL_ROLE_READ);
}

trial_code authority_may_name(void *context, trial_text source, trial_error *err)
{
    const loop *l = context;

    return rights_check_source(l->rights, l->owner, source, err);
}

/* What the log says. */

static trial_integer integer_of(const trial_value *row, const char *name)
{
    const trial_value *value = trial_value_get(row, name);

    return value != NULL && value->kind == TRIAL_VALUE_INTEGER
               ? (trial_integer){ value->as.integer, true }
               : (trial_integer){ 0 };
}

/* Add the words of a list to a text, one blank between two. */
static void join(const trial_value *list, char *text, size_t room)
{
    size_t size = 0;

    text[0] = '\0';
    for (uint32_t i = 0; list != NULL && i < list->as.list.count; i++) {
        trial_text word = list->as.list.items[i]->as.text;

        if (size + word.size + 2 < room) {
            size += (size_t)snprintf(
                text + size, room - size, "%s%.*s", i == 0 ? "" : " ", TRIAL_TEXT_ARGS(word));
        }
    }
}

/* A row of the view `right` as a grant; what was revoked is none. */
static void note_row(rights *r, const trial_value *row)
{
    rights_grant grant = { 0 };
    trial_text fingerprint = trial_value_get_text(row, "fingerprint");
    trial_integer uid = integer_of(row, "uid");
    trial_integer gid = integer_of(row, "gid");
    char roles[64];
    trial_error err = TRIAL_ERROR_NONE;

    if (trial_text_is(trial_value_get_text(row, "state"), "granted")) {
        grant.kind = trial_text_is_set(fingerprint) ? RIGHTS_KEY
                     : uid.is_set                   ? RIGHTS_USER
                                                    : RIGHTS_GROUP;
        grant.id = (uint32_t)(uid.is_set ? uid.value : gid.value);
        if (fingerprint.size < sizeof grant.fingerprint && trial_text_is_set(fingerprint)) {
            memcpy(grant.fingerprint, fingerprint.at, fingerprint.size);
        }
        join(trial_value_get(row, "roles"), roles, sizeof roles);
        join(trial_value_get(row, "sources"), grant.sources, sizeof grant.sources);
        if (proto_roles_read(roles, &grant.roles, &err) != TRIAL_OK) {
            host_log(HOST_WARNING, "keys: %s", err.text); /* of a later version: granted anew */
        }
    }
    rights_note_logged(r, trial_value_get_text(row, "name"), &grant);
}

/* Take one page of the view's rows. `ret_after` is where the next one begins, "" at the end. */
static trial_code
note_page(loop *l, trial_bytes answer, char *ret_after, size_t room, trial_error *err)
{
    proto_frame_limits limits = l->limits;
    trial_value *result = NULL;
    trial_arena arena = { 0 };
    proto_frame frame;
    trial_code code;

    limits.request_bytes = UINT32_MAX; /* it is our own */
    ret_after[0] = '\0';
    code = proto_frame_read(answer, &limits, &frame, err);
    if (code == TRIAL_OK) {
        pack_reader reader = pack_reader_of(frame.result);

        code = pack_value(&reader, &arena, &result, err);
    }
    if (code == TRIAL_OK) {
        const trial_value *rows = trial_value_get(result, "rows");
        trial_text next = trial_value_get_text(result, "next");

        for (uint32_t i = 0; rows != NULL && i < rows->as.list.count; i++) {
            note_row(l->rights, rows->as.list.items[i]);
        }
        if (trial_text_is_set(next)) {
            (void)snprintf(ret_after, room, "%.*s", TRIAL_TEXT_ARGS(next));
        }
    }
    trial_arena_done(&arena);
    return code;
}

/* Ask the view, as a peer would: page by page, for an answer has a bound. */
static trial_code read_logged(loop *l, trial_error *err)
{
    const answers_settings settings = { .request_bytes = (uint32_t)l->config->request_bytes };
    char after[TRIAL_SUBJECT_BYTES_MAX + 1] = "";
    store_tail *tail = store_tail_take(l->store); /* the journal may know better than the tables */
    trial_code code = TRIAL_OK;
    bool is_first = true;

    while (code == TRIAL_OK && (is_first || after[0] != '\0')) {
        struct trial_request_query query = { .view = TRIAL_TEXT("right") };
        pack_writer answer = { 0 };

        query.after = trial_text_of(is_first ? NULL : after);
        code = answers_query(l->store, tail, &settings, 0, &query, 0, &answer, err);
        if (code == TRIAL_OK) {
            code = note_page(l, pack_written(&answer), after, sizeof after, err);
        }
        pack_writer_done(&answer);
        is_first = false;
    }
    store_tail_give(tail);
    return code;
}

/* What becomes of it. */

static trial_value *words_of(trial_arena *arena, const char *words)
{
    trial_value *list = trial_value_list(arena);
    trial_text word;

    for (word = proto_word_next(&words); trial_text_is_set(word); word = proto_word_next(&words)) {
        trial_value_push(arena, list, trial_value_copy(arena, word));
    }
    return list;
}

static void put_word(trial_arena *arena, trial_value *map, const char *name, const char *word)
{
    trial_value_set(arena, map, name, trial_value_copy(arena, trial_text_of(word)));
}

/* What a right.granted or right.revoked says. */
static trial_value *data_of(trial_arena *arena, const rights_grant *grant, const char *reason)
{
    trial_value *data = trial_value_map(arena);
    char roles[64];

    rights_roles_write(grant->roles, roles, sizeof roles);
    trial_value_set(arena, data, "roles", words_of(arena, roles));
    if (grant->sources[0] != '\0') {
        trial_value_set(arena, data, "sources", words_of(arena, grant->sources));
    }
    if (grant->kind == RIGHTS_KEY) {
        put_word(arena, data, "fingerprint", grant->fingerprint);
    } else {
        trial_value_set(arena,
                        data,
                        grant->kind == RIGHTS_USER ? "uid" : "gid",
                        trial_value_integer(arena, grant->id));
    }
    if (reason != NULL) {
        put_word(arena, data, "reason", reason);
    }
    return data;
}

static trial_value *event_of(loop *l, trial_arena *arena, const rights_entry *entry)
{
    bool is_grant = entry->listed.kind != RIGHTS_NONE;
    trial_value *event = trial_value_map(arena);
    const char *reason = rights_are_used(l->rights) ? entry->reason : UNUSED_REASON;
    char time[TRIAL_INSTANT_TEXT_BYTES];
    uint8_t random[16];
    char id[2 * sizeof random + 1];

    host_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        (void)snprintf(id + 2 * i, 3, "%02x", random[i]);
    }
    trial_instant_write_us(engine_turn_time(l->engine), time);
    put_word(arena, event, "id", id);
    put_word(arena, event, "source", ENGINE_OWN_SOURCE);
    put_word(arena, event, "type", is_grant ? "right.granted" : "right.revoked");
    trial_value_set(arena,
                    event,
                    "subject",
                    trial_value_text(arena, trial_arena_print(arena, "key/%s", entry->name)));
    put_word(arena, event, "time", time);
    trial_value_set(
        arena,
        event,
        "data",
        data_of(arena, is_grant ? &entry->listed : &entry->logged, is_grant ? NULL : reason));
    return event;
}

/* Append a list of events as the daemon itself. A refusal is told and tried again later. */
static trial_code append(loop *l, trial_arena *arena, const trial_value *events, bool *ret_is_kept)
{
    const engine_speaker self = { .is_daemon = true };
    struct trial_request_append request = { 0 };
    pack_writer list = { 0 };
    pack_writer answer = { 0 };
    proto_frame frame;
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code;

    pack_put_value(&list, events, arena);
    request.events = pack_written(&list);
    code = engine_append(l->engine, 0, &request, &self, &answer, &l->failure);
    *ret_is_kept = false;
    if (code == TRIAL_OK &&
        proto_frame_read(pack_written(&answer), &l->limits, &frame, &err) == TRIAL_OK) {
        pack_reader error = pack_reader_of(frame.error);

        *ret_is_kept = pack_peek(&error) == PACK_NIL;
        if (!*ret_is_kept) {
            proto_error_read(frame.error, &err);
        }
    }
    if (code == TRIAL_OK) {
        conditions_set(l, CONDITION_RIGHTS_WAIT, !*ret_is_kept, "%.180s", err.text);
    }
    pack_writer_done(&list);
    pack_writer_done(&answer);
    return code;
}

trial_code authority_log(loop *l, bool *ret_is_added)
{
    trial_arena arena = { 0 };
    trial_value *events;
    rights_entry *entry;
    uint32_t at = 0;
    uint64_t now_ms;
    trial_code code = TRIAL_OK;

    *ret_is_added = false;
    if (l->keys_log_ms == 0) {
        return TRIAL_OK; /* nearly every turn, which looks at no clock for this */
    }
    now_ms = host_monotonic_ms();
    if (now_ms < l->keys_log_ms) {
        return TRIAL_OK;
    }
    events = trial_value_list(&arena);
    l->keys_logged = 0;
    while (l->keys_logged < AUTHORITY_EVENTS_MAX &&
           (entry = rights_next_change(l->rights, &at)) != NULL) {
        l->keys_logging[l->keys_logged++] = entry;
        trial_value_push(&arena, events, event_of(l, &arena, entry));
    }
    if (l->keys_logged > 0) {
        code = append(l, &arena, events, ret_is_added);
    }
    if (!*ret_is_added) {
        l->keys_log_ms = l->keys_logged == 0 ? 0 : now_ms + LOG_AGAIN_MS;
        l->keys_logged = 0;
    }
    trial_arena_done(&arena);
    return code;
}

void authority_settle(loop *l)
{
    for (uint32_t i = 0; i < l->keys_logged; i++) {
        const rights_entry *entry = l->keys_logging[i];

        host_log(HOST_NOTICE,
                 entry->listed.kind == RIGHTS_NONE ? "the rights of '%s' are revoked: %s"
                                                   : "'%s' has rights by its certificate%s",
                 entry->name,
                 entry->listed.kind == RIGHTS_NONE ? entry->reason : "");
    }
    if (l->keys_logged > 0) {
        rights_settle(l->rights, l->keys_logging, l->keys_logged);
    }
    l->keys_logged = 0;
}

/* One turn of nothing else; a start has no other. */
static trial_code log_now(loop *l, bool *ret_is_added, trial_error *err)
{
    trial_code code;

    engine_turn_begin(l->engine, (int64_t)host_now_ns());
    code = authority_log(l, ret_is_added);
    if (code != TRIAL_OK) {
        *err = l->failure;
    } else {
        code = engine_turn_flush(l->engine, err);
    }
    if (code == TRIAL_OK) {
        authority_settle(l);
    }
    engine_turn_done(l->engine);
    return code;
}

trial_code authority_start(loop *l, trial_error *err)
{
    bool is_added = true;
    trial_code code = read_logged(l, err);

    if (code == TRIAL_OK) {
        authority_read(l);
    }
    while (code == TRIAL_OK && is_added) {
        code = log_now(l, &is_added, err);
    }
    return code == TRIAL_OK ? rights_ask_aside(l->rights, &l->names_fd, err) : code;
}

void authority_tick(loop *l, uint64_t now_ms)
{
    /* What is watched is a directory, not the path: one above it may be renamed, or be a link that
     * leads elsewhere now. */
    if (now_ms >= l->keys_look_ms) {
        host_mark mark = host_mark_of(l->config->keys);

        l->keys_look_ms = now_ms + LOOK_MS;
        if (l->keys_read_ms == 0 && !host_mark_is(&mark, &l->keys_mark)) {
            l->keys_read_ms = now_ms;
        }
    }
    if (l->keys_read_ms != 0 && now_ms >= l->keys_read_ms) {
        authority_read(l);
    }
}
