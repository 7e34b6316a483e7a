/* check_rows.c - rows that nothing asks for: what the records ask for was found there, so a table
 * with as many rows as they ask for holds no other. See check.h. */
#include "check_internal.h"

#include "links.h"
#include "named.h"

#include <stdio.h>

/* A walk in slices. */
struct walking {
    checking *c;
    store_visit *visit;
    bool is_cut; /* the slice ended before the table did */
};

static bool visit_row(void *context, trial_bytes key, trial_bytes value)
{
    struct walking *walking = context;
    checking *c = walking->c;

    if (key.size == c->after.size && memcmp(key.data, c->after.bytes, key.size) == 0) {
        return true; /* the slice before ended with it */
    }
    if (key.size > sizeof c->after.bytes) {
        check_note(c, 0, "a row's key has %zu bytes", key.size);
        return false;
    }
    memcpy(c->after.bytes, key.data, key.size);
    c->after.size = key.size;
    (void)walking->visit(c, key, value);
    walking->is_cut = ++c->in_slice >= CHECK_SLICE;
    return !walking->is_cut;
}

void check_walk(checking *c, store_table table, store_visit *visit)
{
    struct walking walking = { c, visit, true };
    trial_error why = TRIAL_ERROR_NONE;

    c->after.size = 0;
    while (walking.is_cut && check_slice(c)) {
        walking.is_cut = false;
        if (store_read_each(c->read,
                            table,
                            (trial_bytes){ 0 },
                            key_span(&c->after),
                            visit_row,
                            &walking,
                            &why) != TRIAL_OK) {
            check_note(c, 0, "%s", why.text);
        }
    }
}

static bool count_id(void *context, trial_bytes key, trial_bytes value)
{
    checking *c = context;
    uint64_t position = 0;

    (void)key;
    if (value.size == sizeof position) {
        memcpy(&position, value.data, sizeof position);
    }
    c->rows += position <= c->size ? 1 : 0;
    return true;
}

static bool count_listed(void *context, trial_bytes key, trial_bytes value)
{
    checking *c = context;

    (void)value;
    c->rows += key.size < 9 || key_programme_position(key) <= c->size ? 1 : 0;
    return true;
}

/* The subject that a kind and an id name; its memory is the arena's. */
static trial_text subject_of(checking *c, trial_kind kind, trial_text id)
{
    const char *word = kind < TRIAL_KIND_COUNT ? trial_kind_word(kind) : "";

    return word[0] == '\0' ? id
                           : trial_arena_print(&c->arena, "%s/%.*s", word, TRIAL_TEXT_ARGS(id));
}

/* Is there such a subject? Its row is read in the snapshot of the row that names it. */
static bool has_subject(checking *c, trial_text subject)
{
    trial_bytes key = { (const uint8_t *)subject.at, subject.size };

    return key.size > 0 && key.size <= KEY_BYTES_MAX &&
           check_get(c, STORE_SUBJECT, key, 0, "the row of a subject").data != NULL;
}

static bool check_state_row(void *context, trial_bytes key, trial_bytes value)
{
    checking *c = context;
    trial_kind kind = (trial_kind)(key.data[0] - 'a');
    trial_text subject = subject_of(c, kind, key_state_id(key));

    (void)value;
    if (!has_subject(c, subject)) {
        check_note(c,
                   0,
                   "a state is kept of '%.*s', which the log does not know",
                   TRIAL_TEXT_ARGS(subject));
    }
    trial_arena_reset(&c->arena);
    return true;
}

/* A link is of the subject at its end, unless it is from an exemption, which only has its trial in
 * mind: those are counted. */
static bool check_link_row(void *context, trial_bytes key, trial_bytes value)
{
    checking *c = context;
    const uint8_t *nul = memchr(key.data, '\0', key.size);
    trial_text subject;

    (void)value;
    if (key.data[0] == (uint8_t)KEY_OF_EXEMPTION) {
        c->exemption_rows++;
        return true;
    }
    if (nul == NULL || nul + 2 > key.data + key.size) {
        check_note(c, 0, "a link has no name in it");
        return true;
    }
    subject =
        subject_of(c, (trial_kind)(nul[1] - 'a'), key_link_id(key, (size_t)(nul + 2 - key.data)));
    if (!has_subject(c, subject) || !check_subject_had(c, subject, key)) {
        check_note(
            c, 0, "a link leads to '%.*s', which never asked for it", TRIAL_TEXT_ARGS(subject));
    }
    trial_arena_reset(&c->arena);
    return true;
}

static bool check_named_row(void *context, trial_bytes key, trial_bytes value)
{
    checking *c = context;

    if (!named_row_is_sound(key, value)) {
        check_note(c, 0, "a row of a named subscription is not as it was written");
    }
    return true;
}

void check_rows(checking *c)
{
    c->rows = 0;
    check_walk(c, STORE_EVENT_ID, count_id);
    if (c->code == TRIAL_OK && c->rows != c->size) {
        check_note(c, 0, "there are %llu rows of ids", (unsigned long long)c->rows);
    }
    c->rows = 0;
    if (c->code == TRIAL_OK) {
        check_walk(c, STORE_PROGRAMME, count_listed);
    }
    if (c->code == TRIAL_OK && c->rows != c->listed) {
        check_note(c,
                   0,
                   "the lists of programmes have %llu rows and the events ask for %llu",
                   (unsigned long long)c->rows,
                   (unsigned long long)c->listed);
    }
    if (c->code == TRIAL_OK && c->has_states) {
        check_walk(c, STORE_STATE, check_state_row);
    }
    if (c->code == TRIAL_OK && c->has_states) {
        check_walk(c, STORE_LINK, check_link_row);
    }
    if (c->code == TRIAL_OK) {
        check_walk(c, STORE_META, check_named_row);
    }
}
