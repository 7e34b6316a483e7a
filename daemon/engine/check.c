/* check.c - the records in their order, each with the rows that it must have. See check.h. */
#include "check_internal.h"

#include "version.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void check_note(checking *c, uint64_t position, const char *format, ...)
{
    uint64_t at = position == 0 || position > c->size ? c->size : position;
    va_list args;

    at = at == 0 ? 1 : at;
    if (c->found->bad != 0 && c->found->bad <= at) {
        return;
    }
    c->found->bad = at;
    va_start(args, format);
    (void)vsnprintf(c->found->reason, sizeof c->found->reason, format, args);
    va_end(args);
}

bool check_slice(checking *c)
{
    uint64_t ignored;

    store_read_end(c->read);
    c->read = NULL;
    c->in_slice = 0;
    if (c->progress->is_stopped) {
        c->code =
            trial_fail(c->err, TRIAL_BUSY, "the daemon is leaving; ask again when it is back");
        return false;
    }
    c->code = store_read_begin(c->store, &c->read, &ignored, c->err);
    return c->code == TRIAL_OK;
}

trial_bytes
check_get(checking *c, store_table table, trial_bytes key, uint64_t position, const char *what)
{
    trial_error why = TRIAL_ERROR_NONE;
    trial_bytes bytes = { 0 };

    if (key.size == 0) {
        check_note(c, position, "%s has no name", what);
    } else if (store_read_get(c->read, table, key, &bytes, &why) != TRIAL_OK) {
        check_note(c, position, "%s cannot be read: %s", what, why.text);
        bytes = (trial_bytes){ 0 };
    }
    return bytes;
}

/* Does the row of the event's id lead here? */
static void check_id(checking *c, const proto_record *record)
{
    trial_error why = TRIAL_ERROR_NONE;
    trial_event event;
    trial_bytes bytes;
    uint64_t position = 0;
    row_key k;

    if (proto_record_event(record, &c->arena, &event, &why) != TRIAL_OK) {
        check_note(c, record->position, "%s", why.text);
        return;
    }
    key_event_id(event.source, event.id, &k);
    bytes = check_get(c, STORE_EVENT_ID, key_span(&k), record->position, "the row of its id");
    if (bytes.size == sizeof position) {
        memcpy(&position, bytes.data, sizeof position);
    }
    if (position != record->position) {
        check_note(c,
                   record->position,
                   bytes.data == NULL ? "its id has no row" : "the row of its id leads elsewhere");
    }
}

static void check_list(checking *c, trial_text programme, uint64_t position)
{
    row_key k;

    key_programme(programme, position, &k);
    if (check_get(c, STORE_PROGRAMME, key_span(&k), position, "its row in a programme's list")
            .data == NULL) {
        check_note(c,
                   position,
                   "it is missing in the list of programme '%.*s'",
                   (int)programme.size,
                   programme.size == 0 ? "" : programme.at);
    }
    c->listed++;
}

/* The head of its subject must know it, and the lists that subject and data put it into. */
static void check_lists(checking *c, const proto_record *record)
{
    trial_bytes subject = { (const uint8_t *)record->subject.at, record->subject.size };
    trial_error why = TRIAL_ERROR_NONE;
    trial_text programmes[2];
    trial_text id;
    head_row head;
    trial_bytes bytes =
        check_get(c, STORE_SUBJECT, subject, record->position, "the row of its subject");

    if (bytes.data == NULL || head_row_read(bytes, &head, &why) != TRIAL_OK ||
        head.first > record->position || head.last < record->position ||
        head.revision < record->revision ||
        (head.first == record->position) != (record->previous == 0)) {
        check_note(c, record->position, "the row of its subject does not know it");
        return;
    }
    head.programme = trial_arena_text(&c->arena, head.programme);
    writer_programmes(record, head.programme, programmes);
    for (int i = 0; i < 2; i++) {
        if (programmes[i].size > 0) {
            check_list(c, programmes[i], record->position);
        }
    }
    if (programmes[0].size == 0 && trial_subject_split(record->subject, &id) != TRIAL_KIND_CASE) {
        check_list(c, (trial_text){ 0 }, record->position);
    }
}

/* Two events of a subject may not both come behind the same one. */
static void check_previous(checking *c, const proto_record *record)
{
    uint64_t previous = record->previous;
    uint8_t bit = (uint8_t)(1u << (previous % 8));

    if (previous == 0) {
        return;
    }
    if ((c->named[previous / 8] & bit) != 0) {
        check_note(c,
                   record->position,
                   "another event of its subject follows position %llu too",
                   (unsigned long long)previous);
    }
    c->named[previous / 8] |= bit;
}

static void check_bytes(checking *c, uint64_t position, trial_bytes bytes)
{
    trial_error why = TRIAL_ERROR_NONE;
    proto_record record;

    if (proto_record_read(bytes, &record, &why) != TRIAL_OK) {
        check_note(c, position, "%s", why.text);
    } else if (record.position != position) {
        check_note(c,
                   position,
                   "the record in its place is that of position %llu",
                   (unsigned long long)record.position);
    } else if (!proto_record_leaf_is_right(&record)) {
        check_note(c, position, "the event is not what its leaf was made from");
    } else if (!proto_record_is_sound(&record, bytes, &c->arena)) {
        check_note(c, position, "the record is not what its event would be written as");
    } else if (record.ingest < c->last_ingest) {
        check_note(c, position, "it became part of the log before the event in front of it");
    } else {
        check_id(c, &record);
        check_lists(c, &record);
        check_previous(c, &record);
    }
    if (c->found->bad != 0) {
        return;
    }
    c->last_ingest = record.ingest;
    proto_tree_add(&c->found->tree, record.leaf);
    if (position == c->found->earlier_size) {
        proto_tree_root(&c->found->tree, c->found->earlier_root);
    }
}

/* Read every record one by one: one that cannot be read is the first bad one, not an error. */
static void check_records(checking *c)
{
    for (uint64_t position = 1; position <= c->size && c->found->bad == 0; position++) {
        trial_error why = TRIAL_ERROR_NONE;
        trial_bytes bytes = { 0 };

        if (position % CHECK_SLICE == 1 && !check_slice(c)) {
            return;
        }
        c->progress->at = position;
        if (store_read_record(c->read, position, &bytes, &why) != TRIAL_OK) {
            check_note(c, position, "%s", why.text);
            return;
        }
        check_bytes(c, position, bytes);
        trial_arena_reset(&c->arena);
        c->progress->done = position;
    }
}

/* What made the states, and the tree and the clock as the tables have them belong to the same
 * moment as the log's end. */
static void take_log_row(checking *c)
{
    trial_bytes key = { (const uint8_t *)LOG_ROW_KEY, sizeof LOG_ROW_KEY - 1 };
    trial_error why = TRIAL_ERROR_NONE;
    trial_bytes bytes = check_get(c, STORE_META, key, 0, "the row of the log's tree");

    trial_bytes fold = { (const uint8_t *)FOLD_ROW_KEY, sizeof FOLD_ROW_KEY - 1 };

    c->log.last_ingest = TRIAL_INSTANT_NONE;
    if (bytes.data != NULL && log_row_read(bytes, &c->log, &why) != TRIAL_OK) {
        check_note(c, 0, "%s", why.text);
    }
    fold = check_get(c, STORE_META, fold, 0, "the row of the fold's version");
    c->has_states = fold_row_look(fold) == FOLD_ROW_CURRENT;
}

static void check_log_row(checking *c)
{
    uint8_t mine[TRIAL_HASH_BYTES];
    uint8_t theirs[TRIAL_HASH_BYTES];

    proto_tree_root(&c->found->tree, mine);
    proto_tree_root(&c->log.tree, theirs);
    if (c->log.tree.size != c->size || memcmp(mine, theirs, sizeof mine) != 0) {
        check_note(c, 0, "the stored tree is not that of the events");
    } else if (c->log.last_ingest != c->last_ingest) {
        check_note(c, 0, "the stored clock is not that of the last event");
    }
}

static bool visit_subject(void *context, trial_bytes key, trial_bytes value)
{
    checking *c = context;

    check_subject(c, key, value);
    trial_arena_reset(&c->arena);
    return true;
}

/* Every event is on the chain of the subject that it names, and on no other's. */
static void check_subjects(checking *c)
{
    if (c->code == TRIAL_OK) {
        check_walk(c, STORE_SUBJECT, visit_subject);
    }
    if (c->code != TRIAL_OK || c->found->bad != 0) {
        return;
    }
    if (c->chained != c->size) {
        check_note(
            c, 0, "the histories of all subjects hold %llu events", (unsigned long long)c->chained);
    } else if (c->exemption_rows > c->exemptions) {
        check_note(c, 0, "an exemption is listed that was granted to nobody");
    }
}

/* What leads to the rows, and the places that LMDB takes for free. The records come before it, for
 * damage of one is told by its position. */
static void check_pages(checking *c)
{
    trial_error why = TRIAL_ERROR_NONE;

    if (store_check_pages(c->store, &why) != TRIAL_OK) {
        check_note(c, 0, "%s", why.text);
    }
}

trial_code check_store(store *s, answers_progress *progress, check_found *found, trial_error *err)
{
    checking c = { .store = s,
                   .progress = progress,
                   .found = found,
                   .last_ingest = TRIAL_INSTANT_NONE,
                   .err = err };
    proto_tree nothing = { 0 };

    proto_tree_root(&nothing, found->earlier_root);
    c.code = store_read_begin(s, &c.read, &c.size, err);
    if (c.code != TRIAL_OK) {
        return c.code;
    }
    progress->total = c.size * 2;
    c.named = trial_memory(c.size / 8 + 1);
    take_log_row(&c);
    check_records(&c);
    if (c.code == TRIAL_OK && found->bad == 0) {
        check_pages(&c);
    }
    if (c.code == TRIAL_OK && found->bad == 0) {
        check_log_row(&c);
        check_rows(&c);
        check_subjects(&c);
    }
    store_read_end(c.read);
    trial_arena_done(&c.arena);
    free(c.named);
    return c.code;
}
