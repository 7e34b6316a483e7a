/* check_backup.c - the records of a backup. See check.h. */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void note(check_found *found, uint64_t position, const char *format, ...) TRIAL_PRINTF(3, 4);

static void note(check_found *found, uint64_t position, const char *format, ...)
{
    va_list args;

    found->bad = position;
    va_start(args, format);
    (void)vsnprintf(found->reason, sizeof found->reason, format, args);
    va_end(args);
}

/* Does it follow its subject's record before it, and does nothing else? `named` has a bit a
 * position. */
static void check_link(backup *b, const proto_record *record, uint8_t *named, check_found *found)
{
    uint8_t bit = (uint8_t)(1u << (record->previous % 8));
    trial_error why = TRIAL_ERROR_NONE;
    trial_bytes bytes = { 0 };
    proto_record before;

    if (record->previous == 0) {
        return;
    }
    if (backup_record(b, record->previous, &bytes, &why) != TRIAL_OK ||
        proto_record_read(bytes, &before, &why) != TRIAL_OK) {
        note(found, record->previous, "%s", why.text);
    } else if (!trial_text_equal(before.subject, record->subject) ||
               before.revision + 1 != record->revision) {
        note(found, record->position, "it does not follow its subject's event before it");
    } else if ((named[record->previous / 8] & bit) != 0) {
        note(found,
             record->position,
             "another event of its subject follows position %llu too",
             (unsigned long long)record->previous);
    }
    named[record->previous / 8] |= bit;
}

/* One record by itself; ret_record is set where nothing was found. */
static void check_one(backup *b,
                      uint64_t position,
                      trial_instant last_ingest,
                      trial_arena *arena,
                      proto_record *ret_record,
                      check_found *found)
{
    trial_error why = TRIAL_ERROR_NONE;
    trial_bytes bytes = { 0 };

    if (backup_record(b, position, &bytes, &why) != TRIAL_OK ||
        proto_record_read(bytes, ret_record, &why) != TRIAL_OK) {
        note(found, position, "%s", why.text);
    } else if (ret_record->position != position) {
        note(found,
             position,
             "the record in its place is that of position %llu",
             (unsigned long long)ret_record->position);
    } else if (!proto_record_leaf_is_right(ret_record) ||
               !proto_record_is_sound(ret_record, bytes, arena)) {
        note(found, position, "the record is not as it was written");
    } else if (ret_record->ingest < last_ingest) {
        note(found, position, "it became part of the log before the event in front of it");
    }
}

static void check_tree(const backup *b, check_found *found)
{
    uint8_t mine[TRIAL_HASH_BYTES];
    uint8_t theirs[TRIAL_HASH_BYTES];

    proto_tree_root(&found->tree, mine);
    proto_tree_root(&b->tree, theirs);
    if (memcmp(mine, theirs, sizeof mine) != 0) {
        note(found,
             b->tree.size == 0 ? 1 : b->tree.size,
             "the root that " BACKUP_MANIFEST " names is not that of the events");
    }
}

void check_backup(backup *b, answers_progress *progress, check_found *found)
{
    uint8_t *named = trial_memory(b->tree.size / 8 + 1);
    trial_instant last_ingest = TRIAL_INSTANT_NONE;
    proto_tree nothing = { 0 };
    trial_arena arena = { 0 };

    progress->total = b->tree.size;
    proto_tree_root(&nothing, found->earlier_root);
    for (uint64_t position = 1;
         position <= b->tree.size && found->bad == 0 && !progress->is_stopped;
         position++) {
        proto_record record = { .position = 0 };

        progress->at = position;
        check_one(b, position, last_ingest, &arena, &record, found);
        if (found->bad == 0) {
            check_link(b, &record, named, found);
        }
        if (found->bad == 0) {
            last_ingest = record.ingest;
            proto_tree_add(&found->tree, record.leaf);
        }
        if (found->bad == 0 && position == found->earlier_size) {
            proto_tree_root(&found->tree, found->earlier_root);
        }
        progress->done = position;
        trial_arena_reset(&arena);
    }
    if (found->bad == 0 && !progress->is_stopped) {
        check_tree(b, found);
    }
    trial_arena_done(&arena);
    free(named);
}
