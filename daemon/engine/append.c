/* append.c - one append: shape, duplicates, expectations, then emitter and rules, event by event.
 */
#include "engine_internal.h"

/* Name the event at fault in its request. */
static trial_code at_index(trial_error *err, uint32_t index)
{
    err->index = index;
    return err->code;
}

/* Read every event: what an event shows by itself is judged before anything else. */
static trial_code read_events(
    engine *e, trial_bytes list, const engine_speaker *speaker, intake *in, trial_error *err)
{
    const proto_limits limits = { e->settings.event_bytes, e->settings.event_depth };
    pack_reader reader = pack_reader_of(list);
    uint32_t count = pack_list(&reader);
    trial_bytes *items = NULL;
    trial_code code;

    /* Looked at before anything is made of them: a byte on the wire must not cost sixteen here. */
    if (!reader.has_failed && count > e->settings.request_events) {
        return trial_fail_rule(err,
                               TRIAL_RULE_TOO_LARGE,
                               "%u events in one request; %u are taken at once",
                               count,
                               e->settings.request_events);
    }
    code = proto_list_read(list, &e->request, &items, &in->count, err);
    if (code != TRIAL_OK) {
        (void)trial_fail_field(err, "events");
        return code;
    }
    if (in->count == 0) {
        code = trial_fail_rule_as(
            err, TRIAL_RULE_BAD_RANGE, TRIAL_INVALID, "an append names at least one event");
        (void)trial_fail_field(err, "events");
        return code;
    }
    in->events = trial_arena_take(&e->request, in->count * sizeof *in->events);
    for (uint32_t i = 0; i < in->count; i++) {
        proto_arrival *arrival = &in->events[i].arrival;

        if (proto_arrival_read(items[i], &limits, &e->request, arrival, err) != TRIAL_OK ||
            rules_shape(&arrival->event, err) != TRIAL_OK) {
            return at_index(err, i);
        }
        if (speaker->may_name != NULL &&
            speaker->may_name(speaker->context, arrival->event.source, err) != TRIAL_OK) {
            return at_index(err, i);
        }
    }
    return TRIAL_OK;
}

static uint32_t hash_text(uint32_t hash, trial_text text)
{
    for (uint32_t i = 0; i < text.size; i++) {
        hash = (hash ^ (uint8_t)text.at[i]) * 16777619u;
    }
    return hash;
}

static bool same_content(const proto_arrival *a, const proto_arrival *b)
{
    return a->content.size == b->content.size &&
           memcmp(a->content.data, b->content.data, a->content.size) == 0;
}

static trial_code other_content(const proto_arrival *arrival, uint64_t position, trial_error *err)
{
    trial_code code = trial_fail_rule_as(err,
                                         TRIAL_RULE_DUPLICATE_ID,
                                         TRIAL_DUPLICATE_CONFLICT,
                                         "event '%.*s' of '%.*s' is known with other content",
                                         TRIAL_TEXT_ARGS(arrival->event.id),
                                         TRIAL_TEXT_ARGS(arrival->event.source));

    if (position != 0) {
        err->position = (int64_t)position;
    }
    (void)trial_fail_field(err, "id");
    return code;
}

/* Find events named twice inside the request. */
static trial_code find_repeats(engine *e, intake *in, trial_error *err)
{
    uint32_t room = 16;
    uint32_t *slots;

    if (in->count == 1) {
        return TRIAL_OK;
    }
    while (room < in->count * 2) {
        room *= 2;
    }
    slots = trial_arena_take(&e->request, room * sizeof *slots);
    for (uint32_t i = 0; i < in->count; i++) {
        const trial_event *event = &in->events[i].arrival.event;
        uint32_t slot = hash_text(hash_text(2166136261u, event->source), event->id) & (room - 1);

        for (; slots[slot] != 0; slot = (slot + 1) & (room - 1)) {
            const proto_arrival *other = &in->events[slots[slot] - 1].arrival;

            if (!trial_text_equal(other->event.id, event->id) ||
                !trial_text_equal(other->event.source, event->source)) {
                continue;
            }
            if (!same_content(other, &in->events[i].arrival)) {
                (void)other_content(&in->events[i].arrival, 0, err);
                return at_index(err, i);
            }
            in->events[i].is_duplicate = true;
            in->events[i].duplicate_of = slots[slot];
            break;
        }
        if (slots[slot] == 0) {
            slots[slot] = i + 1;
        }
    }
    return TRIAL_OK;
}

/* Find events that the log holds already. */
static trial_code find_duplicates(engine *e, intake *in, trial_error *err)
{
    for (uint32_t i = 0; i < in->count; i++) {
        incoming *event = &in->events[i];
        trial_bytes bytes = { 0 };
        proto_record record;
        trial_code code;
        row_key k;

        if (event->is_duplicate) {
            continue;
        }
        key_event_id(event->arrival.event.source, event->arrival.event.id, &k);
        code = store_get(e->store, STORE_EVENT_ID, key_span(&k), &bytes, err);
        if (code != TRIAL_OK) {
            return code;
        }
        if (bytes.data == NULL) {
            continue;
        }
        if (bytes.size != sizeof event->position) {
            return trial_fail(
                err, TRIAL_STORAGE, "an event id's row is %zu bytes long", bytes.size);
        }
        memcpy(&event->position, bytes.data, sizeof event->position);
        code = store_get_record(e->store, event->position, &bytes, err);
        if (code == TRIAL_OK) {
            code = proto_record_read(bytes, &record, err);
        }
        if (code != TRIAL_OK) {
            return code;
        }
        if (!proto_record_holds(&record, &event->arrival)) {
            (void)other_content(&event->arrival, event->position, err);
            return at_index(err, i);
        }
        event->is_duplicate = true;
        event->revision = record.revision;
    }
    return TRIAL_OK;
}

/* A repeat of a whole request has its answer already: it wants no room and changes nothing. */
static bool has_new(const intake *in)
{
    for (uint32_t i = 0; i < in->count; i++) {
        if (!in->events[i].is_duplicate) {
            return true;
        }
    }
    return false;
}

/* Does the request name the subject, and has it a new event for it? */
static bool expects_nothing_new(const intake *in, trial_text subject)
{
    bool is_named = false;

    for (uint32_t i = 0; i < in->count; i++) {
        if (trial_text_equal(in->events[i].arrival.event.subject, subject)) {
            is_named = true;
            if (!in->events[i].is_duplicate) {
                return false;
            }
        }
    }
    return is_named || !has_new(in);
}

static trial_code
check_expectation(engine *e, intake *in, trial_text subject, uint64_t expected, trial_error *err)
{
    head_row head;
    trial_code code;

    if (subject.size == 0 || subject.size > TRIAL_SUBJECT_BYTES_MAX) {
        code = trial_fail_rule_as(err,
                                  TRIAL_RULE_BAD_RANGE,
                                  TRIAL_INVALID,
                                  "'expect' names a subject of %u bytes",
                                  subject.size);
        (void)trial_fail_field(err, "expect");
        return code;
    }
    if (expects_nothing_new(in, subject)) {
        return TRIAL_OK;
    }
    code = writer_head(e, subject, &head, err);
    if (code == TRIAL_OK && trial_text_equal(in->events[0].arrival.event.subject, subject)) {
        in->events[0].head = head; /* nothing comes between */
        in->events[0].has_head = true;
    }
    if (code != TRIAL_OK || head.revision == expected) {
        return code;
    }
    code = trial_fail(
        err,
        TRIAL_CONFLICT,
        "'%.*s' is at revision %llu, not %llu as expected; read it again and decide anew",
        TRIAL_TEXT_ARGS(subject),
        (unsigned long long)head.revision,
        (unsigned long long)expected);
    err->revision = (int64_t)head.revision;
    err->position = (int64_t)head.last;
    for (uint32_t i = 0; i < in->count; i++) {
        if (trial_text_equal(in->events[i].arrival.event.subject, subject)) {
            return at_index(err, i);
        }
    }
    return code;
}

static trial_code check_expectations(engine *e, intake *in, trial_bytes expect, trial_error *err)
{
    pack_reader reader = pack_reader_of(expect);
    uint32_t count = expect.data == NULL ? 0 : pack_map(&reader);

    for (uint32_t i = 0; i < count; i++) {
        trial_text subject = pack_text(&reader);
        uint64_t expected = pack_unsigned(&reader);
        trial_code code;

        if (reader.has_failed) {
            code = trial_fail_rule(
                err, TRIAL_RULE_WRONG_TYPE, "'expect' maps subjects to revisions, 0 or more");
            (void)trial_fail_field(err, "expect");
            return code;
        }
        code = check_expectation(e, in, subject, expected, err);
        if (code != TRIAL_OK) {
            return code;
        }
    }
    return TRIAL_OK;
}

static bool is_among(rules_findings findings, const rules_finding *wanted)
{
    for (uint32_t i = 0; i < findings.count; i++) {
        if (findings.items[i].rule == wanted->rule &&
            findings.items[i].position == wanted->position) {
            return true;
        }
    }
    return false;
}

static bool has_more(rules_findings before, rules_findings after)
{
    for (uint32_t i = 0; i < after.count; i++) {
        if (!is_among(before, &after.items[i])) {
            return true;
        }
    }
    return false;
}

/* Warn of what stands out now and did not before, on the day of the event. */
static void warn(engine *e, intake *in, uint32_t index, rules_findings before, rules_findings after)
{
    for (uint32_t i = 0; i < after.count; i++) {
        trial_value *warning;

        if (is_among(before, &after.items[i])) {
            continue;
        }
        if (in->warnings == NULL) {
            in->warnings = trial_value_list(&e->request);
        }
        warning = trial_value_map(&e->request);
        trial_value_set(
            &e->request, warning, "index", trial_value_integer(&e->request, (int64_t)index));
        trial_value_set(&e->request,
                        warning,
                        "rule",
                        trial_value_word(&e->request, trial_rule_name(after.items[i].rule)));
        trial_value_set(
            &e->request, warning, "message", trial_value_text(&e->request, after.items[i].message));
        trial_value_push(&e->request, in->warnings, warning);
    }
}

/* Judge the event and fold it into its subject's state. */
static trial_code judge(engine *e, intake *in, uint32_t index, uint64_t previous, trial_error *err)
{
    const trial_event *event = &in->events[index].arrival.event;
    trial_date day = trial_date_of(event->time);
    rules_findings before;
    fold_step *step;
    trial_code code;

    if (event->type == TRIAL_EVENT_ACTIVITY_COMPLETED) { /* history only: no state, no rule */
        return TRIAL_OK;
    }
    step = trial_arena_take(&e->request, sizeof *step);
    code = fold_begin(step, &e->rows, event, previous, &e->request, err);
    if (code == TRIAL_OK) {
        code = fold_decide(step, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    before = rules_find_quietly(&step->state, day, &e->request);
    code = fold_apply(step, err);
    if (code != TRIAL_OK) {
        return code;
    }
    if (has_more(before, rules_find_quietly(&step->state, day, &e->request))) {
        warn(e, in, index, before, rules_find(&step->state, day, &e->request));
    }
    return fold_save(step, err);
}

/* A salt that nothing else gets; valid until the next call. */
static const uint8_t *take_salt(engine *e)
{
    if (e->salts_left == 0) {
        e->random(e->salts, sizeof e->salts);
        e->salts_left = ENGINE_SALTS;
    }
    e->salts_left--;
    return e->salts + (size_t)e->salts_left * TRIAL_SALT_BYTES;
}

/* Give one new event its place: decide, then write its record and rows. */
static trial_code add_event(engine *e, intake *in, uint32_t index, trial_error *err)
{
    incoming *event = &in->events[index];
    proto_record record;
    head_row head = event->head;
    row_key k;
    trial_code code = TRIAL_OK;

    if (!event->has_head) {
        code = writer_head(e, event->arrival.event.subject, &head, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    event->arrival.event.position = store_head(e->store) + 1;
    event->arrival.event.revision = head.revision + 1;
    event->arrival.event.ingest = e->now;
    code = judge(e, in, index, head.last, err);
    if (code != TRIAL_OK) {
        return code;
    }
    proto_record_write(&event->arrival, head.last, take_salt(e), &e->turn, &event->record);
    code = proto_record_read(event->record, &record, err);
    if (code != TRIAL_OK) {
        return code;
    }
    event->position = record.position;
    event->revision = record.revision;
    key_event_id(event->arrival.event.source, event->arrival.event.id, &k);
    store_put(e->store,
              STORE_EVENT_ID,
              key_span(&k),
              (trial_bytes){ (const uint8_t *)&event->position, sizeof event->position });
    writer_note(e, &record, event->record, &head, event->programmes);
    return TRIAL_OK;
}

/* What the daemon says of itself nobody else says; a repeat of it, as an import brings, is known.
 */
static trial_code
check_own(const engine_speaker *speaker, const trial_event *event, trial_error *err)
{
    if (speaker->is_daemon || !trial_text_is(event->source, ENGINE_OWN_SOURCE)) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_NOT_AUTHORISED,
                          "'" ENGINE_OWN_SOURCE "' is the daemon itself; nobody else names it");
    return trial_fail_field(err, "source");
}

static trial_code add_events(engine *e, const engine_speaker *speaker, intake *in, trial_error *err)
{
    for (uint32_t i = 0; i < in->count; i++) {
        incoming *event = &in->events[i];

        if (event->duplicate_of != 0) {
            event->position = in->events[event->duplicate_of - 1].position;
            event->revision = in->events[event->duplicate_of - 1].revision;
            continue;
        }
        if (event->is_duplicate) {
            continue;
        }
        if (check_own(speaker, &event->arrival.event, err) != TRIAL_OK ||
            add_event(e, in, i, err) != TRIAL_OK) {
            return at_index(err, i);
        }
    }
    return TRIAL_OK;
}

static trial_code decide(engine *e,
                         const struct trial_request_append *request,
                         const engine_speaker *speaker,
                         intake *in,
                         trial_error *err)
{
    trial_code code = read_events(e, request->events, speaker, in, err);

    in->is_dry = request->dry_run.is_set && request->dry_run.value;
    if (code == TRIAL_OK) {
        code = find_repeats(e, in, err);
    }
    if (code == TRIAL_OK) {
        code = find_duplicates(e, in, err);
    }
    if (code == TRIAL_OK) {
        code = check_expectations(e, in, request->expect, err);
    }
    if (code == TRIAL_OK && !in->is_dry && has_new(in)) {
        code = store_has_room(e->store, request->events.size * 2 + (uint64_t)in->count * 256, err);
    }
    return code == TRIAL_OK ? add_events(e, speaker, in, err) : code;
}

/* The result, its keys in byte order: duplicates, first, last, positions, revisions, warnings. */
static void put_result(uint32_t msgid, const intake *in, pack_writer *answer)
{
    trial_arena scratch = { 0 };

    proto_put_result(answer, msgid);
    pack_put_map(answer, 6);
    pack_put_word(answer, "duplicates");
    pack_put_list(answer, in->count);
    for (uint32_t i = 0; i < in->count; i++) {
        pack_put_truth(answer, in->events[i].is_duplicate);
    }
    pack_put_word(answer, "first");
    pack_put_unsigned(answer, in->events[0].position);
    pack_put_word(answer, "last");
    pack_put_unsigned(answer, in->events[in->count - 1].position);
    pack_put_word(answer, "positions");
    pack_put_list(answer, in->count);
    for (uint32_t i = 0; i < in->count; i++) {
        pack_put_unsigned(answer, in->events[i].position);
    }
    pack_put_word(answer, "revisions");
    pack_put_list(answer, in->count);
    for (uint32_t i = 0; i < in->count; i++) {
        pack_put_unsigned(answer, in->events[i].revision);
    }
    pack_put_word(answer, "warnings");
    if (in->warnings == NULL) {
        pack_put_list(answer, 0);
    } else {
        pack_put_value(answer, in->warnings, &scratch);
    }
    trial_arena_done(&scratch);
}

/* What was accepted grows the tree, and is handed to whoever publishes the turn. */
static void note_added(engine *e, const intake *in)
{
    for (uint32_t i = 0; i < in->count; i++) {
        engine_added *added;
        trial_error impossible = TRIAL_ERROR_NONE;

        if (in->events[i].is_duplicate) {
            e->counts.duplicates++;
            continue;
        }
        e->counts.appended++;
        if (e->added_count == e->added_room) {
            uint32_t room = e->added_room == 0 ? 256 : e->added_room * 2;

            e->added = trial_arena_grow(&e->turn, e->added, e->added_count, room, sizeof *e->added);
            e->added_room = room;
        }
        added = &e->added[e->added_count++];
        TRIAL_ASSERT(proto_record_read(in->events[i].record, &added->record, &impossible) ==
                     TRIAL_OK);
        proto_tree_add(&e->log.tree, added->record.leaf);
        for (int k = 0; k < 2; k++) {
            added->programmes[k] = trial_arena_text(&e->turn, in->events[i].programmes[k]);
        }
    }
}

trial_code engine_append(engine *e,
                         uint32_t msgid,
                         const struct trial_request_append *request,
                         const engine_speaker *speaker,
                         pack_writer *answer,
                         trial_error *err)
{
    static const engine_speaker anybody = { 0 };
    trial_instant last_ingest = e->log.last_ingest;
    intake in = { 0 };
    trial_error why = TRIAL_ERROR_NONE;
    uint64_t head = store_head(e->store);
    trial_code code;

    store_mark(e->store);
    code = decide(e, request, speaker == NULL ? &anybody : speaker, &in, &why);
    if (code != TRIAL_OK || in.is_dry) {
        store_rewind(e->store);
        e->log.last_ingest = last_ingest;
    } else {
        e->has_unflushed = e->has_unflushed || store_head(e->store) > head;
        note_added(e, &in);
    }
    e->counts.answers[code]++;
    e->counts.refused[why.rule] += code == TRIAL_OK || in.is_dry ? 0 : 1;
    if (code == TRIAL_STORAGE) {
        if (err != NULL) {
            *err = why;
        }
    } else if (code != TRIAL_OK) {
        proto_put_error(answer, msgid, &why);
        code = TRIAL_OK;
    } else {
        put_result(msgid, &in, answer);
    }
    trial_arena_reset(&e->request);
    return code;
}
