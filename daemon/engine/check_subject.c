/* check_subject.c - one subject: its chain from the last event to the first, and its state and
 * links against a fold of that history alone. See check.h.
 *
 * A state depends on other subjects by its breaches only: apply sees nothing but its own state, and
 * a correction asks the rules merely whether to note one. So the fold here knows no other subject,
 * needs the memory of one history, and compares all but breaches. */
#include "check_internal.h"

#include "links.h"
#include "row.h"

/* A fold of one subject. */
struct history {
    checking *c;
    trial_text subject;
    uint64_t last;
    uint64_t *positions; /* newest first */
    uint64_t count;
    trial_kind kind;
    trial_text id;
    trial_bytes state; /* as folded so far; NULL: none yet */
    uint64_t *links;   /* hashes of those it asked for */
    uint32_t link_count;
    uint32_t link_room;
    const trial_bytes *wanted; /* a link to look for, else NULL */
    bool has_wanted;
    pack_writer buffer; /* of the fold */
    trial_arena arena;  /* of one event */
};

static trial_code
get_state(void *context, trial_kind kind, trial_text id, trial_bytes *ret_state, trial_error *err)
{
    const struct history *h = context;

    (void)err;
    *ret_state = kind == h->kind && trial_text_equal(id, h->id) ? h->state : (trial_bytes){ 0 };
    return TRIAL_OK;
}

static uint64_t hash_of(trial_bytes key)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < key.size; i++) {
        hash = (hash ^ key.data[i]) * 1099511628211u;
    }
    return hash;
}

/* Is the link new to this history? */
static bool note_link(struct history *h, uint64_t hash)
{
    for (uint32_t i = 0; i < h->link_count; i++) {
        if (h->links[i] == hash) {
            return false;
        }
    }
    if (h->link_count == h->link_room) {
        h->link_room = h->link_room == 0 ? 32 : h->link_room * 2;
        h->links =
            trial_arena_grow(&h->c->arena, h->links, h->link_count, h->link_room, sizeof *h->links);
    }
    h->links[h->link_count++] = hash;
    return true;
}

static void check_link(void *context, const row_key *link)
{
    struct history *h = context;
    trial_bytes key = key_span(link);

    if (h->wanted != NULL) {
        h->has_wanted = h->has_wanted || (key.size == h->wanted->size &&
                                          memcmp(key.data, h->wanted->data, key.size) == 0);
        return;
    }
    if (!note_link(h, hash_of(key))) {
        return;
    }
    h->c->exemptions += key.data[0] == (uint8_t)KEY_OF_EXEMPTION ? 1 : 0;
    if (check_get(h->c, STORE_LINK, key, h->last, "a link of its subject").data == NULL) {
        check_note(h->c, h->last, "'%.*s' lacks a link", TRIAL_TEXT_ARGS(h->subject));
    }
}

static trial_code
put_state(void *context, const trial_state *state, trial_bytes bytes, trial_error *err)
{
    struct history *h = context;

    (void)err;
    (void)state;
    h->state = trial_arena_bytes(&h->c->arena, bytes);
    return TRIAL_OK;
}

static void check_links(void *context, const trial_state *state)
{
    links_of(state, check_link, context);
}

static trial_code
get_record(void *context, uint64_t position, trial_bytes *ret_record, trial_error *err)
{
    const struct history *h = context;

    return store_read_record(h->c->read, position, ret_record, err);
}

static trial_code
has_exemption(void *context, trial_text exemption_id, bool *ret_has, trial_error *err)
{
    (void)context;
    (void)exemption_id;
    (void)err;
    *ret_has = false;
    return TRIAL_OK;
}

/* One step back along the chain: the record that must be there. False: it is not. */
static bool
read_link(struct history *h, uint64_t position, uint64_t revision, proto_record *ret_record)
{
    trial_error why = TRIAL_ERROR_NONE;
    trial_bytes bytes = { 0 };

    h->c->progress->at = position;
    if (store_read_record(h->c->read, position, &bytes, &why) != TRIAL_OK ||
        proto_record_read(bytes, ret_record, &why) != TRIAL_OK) {
        check_note(h->c, position, "%s", why.text);
        return false;
    }
    if (!trial_text_equal(ret_record->subject, h->subject) || ret_record->revision != revision) {
        check_note(h->c,
                   position,
                   "it should be revision %llu of '%.*s' and is revision %llu of '%.*s'",
                   (unsigned long long)revision,
                   TRIAL_TEXT_ARGS(h->subject),
                   (unsigned long long)ret_record->revision,
                   TRIAL_TEXT_ARGS(ret_record->subject));
        return false;
    }
    return true;
}

/* Walk the chain back to the first event. False: it is broken, which was noted. */
static bool walk_chain(struct history *h, const head_row *head)
{
    checking *c = h->c;
    uint64_t position = head->last;
    proto_record record = { 0 };

    h->positions = trial_arena_take(&c->arena, (size_t)head->revision * sizeof *h->positions);
    for (uint64_t revision = head->revision; revision > 0; revision--) {
        if (!read_link(h, position, revision, &record)) {
            return false;
        }
        h->positions[h->count++] = position;
        if (position <= c->size) {
            c->chained++;
            c->progress->done++;
        }
        position = record.previous;
    }
    if (position != 0 || record.position != head->first) {
        check_note(c, record.position, "the row of its subject begins its history elsewhere");
        return false;
    }
    if (!trial_text_equal(head->programme,
                          writer_may_be_programme(record.programme) ? record.programme
                                                                    : (trial_text){ 0 })) {
        check_note(c, record.position, "the row of its subject names another programme");
        return false;
    }
    return true;
}

/* Fold what the chain holds, oldest first. */
static bool fold(struct history *h)
{
    fold_rows rows = { .context = h,
                       .get = get_state,
                       .put = put_state,
                       .record = get_record,
                       .has_exemption = has_exemption,
                       .link = check_links,
                       .buffer = &h->buffer };
    trial_error why = TRIAL_ERROR_NONE;
    trial_code code = TRIAL_OK;

    for (uint64_t i = h->count; i > 0 && code == TRIAL_OK; i--) {
        trial_bytes bytes = { 0 };
        proto_record record;

        code = store_read_record(h->c->read, h->positions[i - 1], &bytes, &why);
        if (code == TRIAL_OK) {
            code = proto_record_read(bytes, &record, &why);
        }
        if (code == TRIAL_OK) {
            code = fold_event(&rows, &record, false, &h->arena, &why);
        }
        if (code != TRIAL_OK) {
            check_note(h->c, h->positions[i - 1], "%s", why.text);
        }
        trial_arena_reset(&h->arena);
    }
    return code == TRIAL_OK;
}

/* A state without its breaches, written anew; absent where it cannot be read. */
static trial_bytes without_breaches(struct history *h, trial_bytes bytes, pack_writer *writer)
{
    trial_error ignored = TRIAL_ERROR_NONE;
    trial_state state;

    state.kind = h->kind;
    state.id = h->id;
    if (proto_row_read(bytes, &h->arena, &state, &ignored) != TRIAL_OK) {
        return (trial_bytes){ 0 };
    }
    rules_forget_breaches(&state, &h->arena);
    proto_row_write(writer, &state);
    return pack_written(writer);
}

static bool same(trial_bytes a, trial_bytes b)
{
    return a.size == b.size && a.data != NULL && b.data != NULL &&
           memcmp(a.data, b.data, a.size) == 0;
}

static void compare_state(struct history *h)
{
    pack_writer mine = { 0 };
    pack_writer theirs = { 0 };
    trial_bytes kept;
    row_key k;

    key_state(h->kind, h->id, &k);
    kept = check_get(h->c, STORE_STATE, key_span(&k), h->last, "the state of its subject");
    if ((kept.data == NULL) != (h->state.data == NULL)) {
        check_note(h->c,
                   h->last,
                   kept.data == NULL ? "the state of '%.*s' is missing"
                                     : "a state is kept of '%.*s', which has none",
                   TRIAL_TEXT_ARGS(h->subject));
    } else if (kept.data != NULL && !same(kept, h->state) &&
               !same(without_breaches(h, kept, &theirs), without_breaches(h, h->state, &mine))) {
        check_note(h->c,
                   h->last,
                   "the state of '%.*s' is not what its history folds to",
                   TRIAL_TEXT_ARGS(h->subject));
    }
    pack_writer_done(&mine);
    pack_writer_done(&theirs);
    trial_arena_reset(&h->arena);
}

/* Read the head and walk the chain; the history's memory is the check's arena. */
static bool open_history(struct history *h, trial_bytes value)
{
    trial_error why = TRIAL_ERROR_NONE;
    head_row head;

    if (head_row_read(value, &head, &why) != TRIAL_OK || head.revision == 0 ||
        head.revision > head.last) {
        check_note(h->c, 0, "the row of '%.*s' cannot be", TRIAL_TEXT_ARGS(h->subject));
        return false;
    }
    h->last = head.last;
    h->kind = trial_subject_split(h->subject, &h->id);
    h->id = h->kind == TRIAL_KIND_OTHER ? h->subject : h->id;
    return walk_chain(h, &head);
}

static trial_text text_of(trial_bytes key)
{
    return (trial_text){ (const char *)key.data, (uint32_t)key.size };
}

void check_subject(checking *c, trial_bytes key, trial_bytes value)
{
    struct history h = { .c = c, .subject = text_of(key) };

    if (open_history(&h, value) && c->has_states && fold(&h)) {
        compare_state(&h);
    }
    c->in_slice += h.count < CHECK_SLICE ? (uint32_t)h.count : CHECK_SLICE;
    pack_writer_done(&h.buffer);
    trial_arena_done(&h.arena);
}

bool check_subject_had(checking *c, trial_text subject, trial_bytes link)
{
    trial_bytes key = { (const uint8_t *)subject.at, subject.size };
    struct history h = { .c = c, .subject = subject, .wanted = &link };
    uint64_t chained = c->chained;
    uint64_t done = c->progress->done;
    trial_bytes value;
    trial_state state;
    trial_error ignored = TRIAL_ERROR_NONE;
    row_key k;

    /* Nearly always the state as it stands asks for it still. */
    h.kind = trial_subject_split(subject, &h.id);
    h.id = h.kind == TRIAL_KIND_OTHER ? subject : h.id;
    key_state(h.kind, h.id, &k);
    value = check_get(c, STORE_STATE, key_span(&k), 0, "the state a link leads to");
    state.kind = h.kind;
    state.id = h.id;
    if (value.data != NULL && proto_row_read(value, &h.arena, &state, &ignored) == TRIAL_OK) {
        links_of(&state, check_link, &h);
    }
    value = check_get(c, STORE_SUBJECT, key, 0, "the row of a subject");
    if (!h.has_wanted && value.data != NULL && open_history(&h, value)) {
        (void)fold(&h);
    }
    c->chained = chained;
    c->progress->done = done;
    pack_writer_done(&h.buffer);
    trial_arena_done(&h.arena);
    return h.has_wanted;
}
