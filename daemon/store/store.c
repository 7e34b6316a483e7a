/* store.c - opening, recovering and closing the store.
 *
 * place.c finds the directory, journal.c and table.c hold the bytes, overlay.c what is newer than
 * LMDB, commit.c moves it there, write.c and read.c are the two sides that callers see. */
#include "pages.h"
#include "store_internal.h"

#include "trial/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SNAPSHOT_TRIES 16 /* to find one that no two commits have overtaken yet */

static trial_code check_settings(const store_settings *settings, trial_error *err)
{
    if (settings->journal_bytes < TRIAL_TURN_BYTES_MAX) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "journal-bytes is %llu, and one turn may take %d; set it to that or more",
                          (unsigned long long)settings->journal_bytes,
                          TRIAL_TURN_BYTES_MAX);
    }
    if (settings->commit_events == 0) {
        return trial_fail(err, TRIAL_INVALID, "commit-events is 0; set it to 1 or more");
    }
    return TRIAL_OK;
}

/* First a look at all of it, which writes nothing; then it is opened to be written. */
static trial_code open_parts(store *s, trial_error *err)
{
    char tables_path[STORE_PATH_BYTES_MAX];
    char journal_path[STORE_PATH_BYTES_MAX];
    uint64_t last = 0;
    trial_code code;

    (void)place_join(tables_path, s->path, STORE_LMDB); /* place_open() saw to the length */
    (void)place_join(journal_path, s->path, STORE_JOURNAL);
    code = tables_look(tables_path, s->name, s->settings.map_bytes, &last, err);
    if (code == TRIAL_OK) {
        code = journal_open(&s->journal, journal_path, s->name, last, err);
    }
    if (code == TRIAL_OK) {
        code = tables_open(
            &s->tables, tables_path, s->name, s->settings.map_bytes, s->settings.is_read_only, err);
    }
    if (code == TRIAL_OK) {
        code = store_read_begin(s, &s->snapshot, &s->committed, err);
    }
    if (code == TRIAL_OK) {
        TRIAL_ASSERT(s->committed == last); /* nobody else may write: we hold the lock */
        s->snapshot->is_fixed = true;       /* the writer says which generation it reads */
        s->generation = s->snapshot->generation;
        s->current = s->generation;
    }
    if (code == TRIAL_OK && !s->settings.is_read_only) {
        code = journal_secure(&s->journal, s->committed, err);
    }
    return code;
}

trial_code
store_open(const store_settings *settings, store **ret_store, bool *ret_is_new, trial_error *err)
{
    store *s = calloc(1, sizeof *s);
    trial_code code = check_settings(settings, err);

    if (s == NULL) {
        return trial_fail_errno(err, ENOMEM, "opening the store '%s'", settings->path);
    }
    s->settings = *settings;
    s->directory_fd = -1;
    s->marker_fd = -1;
    s->committer.event_fd = -1;
    s->journal.files[0].fd = -1;
    s->journal.files[1].fd = -1;
    (void)pthread_mutex_init(&s->reads_lock, NULL); /* with defaults it cannot fail */
    (void)pthread_mutex_init(&s->committer.lock, NULL);
    (void)pthread_cond_init(&s->committer.changed, NULL);
    if (code == TRIAL_OK) {
        code = place_open(s, ret_is_new, err);
    }
    if (code == TRIAL_OK) {
        fault_enter();
        code = open_parts(s, err);
        fault_leave();
    }
    if (code == TRIAL_OK && !s->settings.is_read_only) {
        code = commit_start(s, err);
    }
    s->settings.path = s->path;
    s->head = s->committed;
    s->flushed = s->committed;
    if (code == TRIAL_OK && journal_last(&s->journal) > s->committed) {
        s->flushed = journal_last(&s->journal);
    }
    s->active = &s->layers[0];
    overlay_reset(&s->active->rows, s->head + 1);
    s->batch = 1;
    if (code != TRIAL_OK) {
        store_close(s);
        return code;
    }
    *ret_store = s;
    return TRIAL_OK;
}

void store_close(store *s)
{
    if (s == NULL) {
        return;
    }
    if (s->committer.is_started && !s->is_broken && s->head >= s->flushed) {
        (void)!store_commit_all(s, NULL); /* what fails stays in the journal */
    }
    commit_stop(s);
    store_read_end(s->snapshot);
    reads_done(s);
    tables_close(&s->tables);
    journal_close(&s->journal);
    for (uint32_t i = 0; i < STORE_LAYERS; i++) {
        overlay_done(&s->layers[i].rows);
    }
    (void)pthread_mutex_destroy(&s->reads_lock);
    (void)pthread_mutex_destroy(&s->committer.lock);
    (void)pthread_cond_destroy(&s->committer.changed);
    place_close(s);
    free(s);
}

trial_code store_check_pages(store *s, trial_error *err)
{
    pages_depth depth = s->settings.is_read_only ? PAGES_ALL : PAGES_PATHS;
    char path[STORE_PATH_BYTES_MAX];
    trial_code code = TRIAL_BUSY;
    int fd = -1;

    (void)place_join(path, s->path, STORE_LMDB "/data.mdb"); /* place_open() saw to the length */
    for (int i = 0; i < SNAPSHOT_TRIES && code == TRIAL_BUSY; i++) {
        uint64_t committed;
        store_read *r = NULL;
        int rc = mdb_env_get_fd(s->tables.env, &fd);

        code = rc == MDB_SUCCESS ? store_read_begin(s, &r, &committed, err)
                                 : store_fail(err, rc, "looking at '%s'", path);
        if (code == TRIAL_OK) {
            TRIAL_ASSERT(r != NULL);
            code = pages_check(fd, path, mdb_txn_id(r->txn), depth, INT64_MAX, err);
        }
        store_read_end(r);
    }
    return code;
}

const char *store_name(const store *s)
{
    return s->name;
}

/* The next record of the turn that is being replayed. */
static trial_bytes next_replayed(store *s)
{
    trial_bytes record;
    uint32_t size;

    memcpy(&size, s->replay.data, sizeof size); /* the journal checked that the lengths fit */
    record = (trial_bytes){ s->replay.data + sizeof size, size };
    s->replay.data += sizeof size + size;
    s->replay.size -= sizeof size + size;
    s->replay_position++;
    return record;
}

trial_code store_recover(store *s, trial_bytes *ret_record, trial_error *err)
{
    *ret_record = (trial_bytes){ 0 };
    if (s->head >= s->flushed) {
        free(s->journal.turn);
        s->journal.turn = NULL;
        s->journal.turn_room = 0;
        return TRIAL_OK;
    }
    while (ret_record->data == NULL) {
        if (s->replay.size == 0) {
            uint64_t first = 0;
            trial_code code = journal_next(&s->journal, s->committed, &first, &s->replay, err);

            if (code != TRIAL_OK) {
                return code;
            }
            TRIAL_ASSERT(s->replay.size > 0); /* journal_open() saw that it reaches `flushed` */
            s->replay_position = first;
        }
        if (s->replay_position == s->head + 1) {
            *ret_record = next_replayed(s);
        } else {
            TRIAL_ASSERT(s->replay_position <= s->head); /* the caller appended what it got */
            (void)next_replayed(s);
        }
    }
    return TRIAL_OK;
}

/* Readers in use beside the writer's own snapshot, and the age of the oldest. */
static void look_at_reads(store *s, store_facts *facts)
{
    int64_t now_ms = space_now_ms();

    (void)pthread_mutex_lock(&s->reads_lock);
    for (const store_read *r = s->reads; r != NULL; r = r->next) {
        if (r->is_in_use && r != s->snapshot) {
            uint64_t age_ms = (uint64_t)(now_ms - r->begun_ms);

            facts->readers++;
            facts->oldest_read_ms = age_ms > facts->oldest_read_ms ? age_ms : facts->oldest_read_ms;
        }
    }
    (void)pthread_mutex_unlock(&s->reads_lock);
}

void store_look_at_health(store *s, store_health *ret_health)
{
    store_facts facts = { 0 };

    space_look(s);
    look_at_reads(s, &facts);
    *ret_health = (store_health){ .free_bytes = s->free_bytes,
                                  .oldest_read_ms = facts.oldest_read_ms,
                                  .is_low = s->is_low,
                                  .is_journal_full = s->is_journal_full,
                                  .is_behind = s->commit_failed_ms != 0 };
}

bool store_map_is_full(const store *s)
{
    return s->is_map_full;
}

trial_code store_look(store *s, store_facts *ret_facts, trial_error *err)
{
    store_facts facts = { .journal_bytes = s->journal.files[0].size + s->journal.files[1].size,
                          .journal_used_bytes = journal_used(&s->journal, s->committed) };
    struct stat file;
    int dead;
    int fd;
    int rc = mdb_env_get_fd(s->tables.env, &fd);

    if (rc == MDB_SUCCESS) {
        rc = mdb_reader_check(s->tables.env, &dead);
    }
    if (rc == MDB_SUCCESS && fstat(fd, &file) != 0) {
        rc = errno;
    }
    if (rc != MDB_SUCCESS) {
        return store_fail(err, rc, "looking at '%s'", s->path);
    }
    space_look(s);
    look_at_reads(s, &facts);
    facts.lmdb_bytes = (uint64_t)file.st_size;
    facts.free_bytes = s->free_bytes;
    facts.is_refusing = s->is_low || s->is_journal_full || s->commit_failed_ms != 0;
    *ret_facts = facts;
    return TRIAL_OK;
}
