/* power_restore.c - see power_restore.h. The restore is the daemon's own. */
#include "power_restore.h"

#include "engine.h"
#include "speaker.h"
#include "tasks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 512
#define LOG_NAME "6d1f3a52-0c1b-4a5e-9a57-5a0f3f1c7e12"

int tasks_exit_status(const trial_error *err)
{
    (void)err;
    return EXIT_FAILURE;
}

static int restore(const char *store_path, const char *backup_path)
{
    struct config *config = trial_memory(sizeof *config);
    store_settings settings = power_settings(store_path);
    int status;

    (void)snprintf(config->store, sizeof config->store, "%s", store_path);
    (void)snprintf(config->from, sizeof config->from, "%s", backup_path);
    config->map_bytes = settings.map_bytes;
    config->journal_bytes = settings.journal_bytes;
    config->commit_events = settings.commit_events;
    status = tasks_restore(config);
    free(config);
    return status;
}

static void fill_with_threes(void *bytes, size_t size)
{
    memset(bytes, 3, size); /* salts need not be secret here */
}

/* A log of all events, in a store that is nobody's concern. */
static trial_code
fill_source(const power_events *sent, const char *path, store **ret_store, trial_error *err)
{
    static const engine_settings limits = { .request_events = TRIAL_REQUEST_EVENTS_DEFAULT,
                                            .request_bytes = TRIAL_REQUEST_BYTES_DEFAULT,
                                            .event_bytes = TRIAL_EVENT_BYTES_DEFAULT,
                                            .event_depth = TRIAL_EVENT_DEPTH_DEFAULT };
    store_settings settings = power_settings(path);
    struct trial_request_append request = { 0 };
    pack_writer list = { 0 };
    pack_writer answer = { 0 };
    engine *e = NULL;
    uint64_t recovered;
    bool is_new;
    trial_code code;

    settings.name = LOG_NAME;
    code = store_open(&settings, ret_store, &is_new, err);
    if (code == TRIAL_OK) {
        code = engine_open(*ret_store, &limits, fill_with_threes, &e, &recovered, err);
    }
    pack_put_list(&list, POWER_EVENTS);
    for (uint32_t i = 0; i < POWER_EVENTS; i++) {
        pack_put_raw(&list, sent->events[i]);
    }
    request.events = pack_written(&list);
    if (code == TRIAL_OK) {
        engine_turn_begin(e, 1700000000 * TRIAL_NS_PER_S);
        code = engine_append(e, 1, &request, &anybody, &answer, err);
    }
    if (code == TRIAL_OK) {
        code = engine_turn_flush(e, err);
        engine_turn_done(e);
    }
    pack_writer_done(&list);
    pack_writer_done(&answer);
    engine_close(e);
    return code;
}

static trial_code make_backup(store *s, const char *path, trial_error *err)
{
    backup *b = trial_memory(sizeof *b);
    backup_writer writer;
    trial_code code = backup_begin(path, trial_text_of(LOG_NAME), b, err);

    backup_write_begin(b, &writer);
    for (uint64_t position = 1; position <= store_head(s) && code == TRIAL_OK; position++) {
        trial_bytes bytes = { 0 };
        proto_record record;

        code = store_get_record(s, position, &bytes, err);
        if (code == TRIAL_OK) {
            code = proto_record_read(bytes, &record, err);
        }
        if (code == TRIAL_OK) {
            proto_tree_add(&b->tree, record.leaf);
            code = backup_write(&writer, bytes, err);
        }
    }
    if (code == TRIAL_OK) {
        code = backup_write_end(&writer, err);
    }
    backup_write_done(&writer);
    backup_done(b);
    free(b);
    return code;
}

int power_restore_work(const char *root, uint64_t seed)
{
    const power_mark made = { .word = POWER_MADE };
    power_events *sent = trial_memory(sizeof *sent);
    trial_error err = TRIAL_ERROR_NONE;
    char source[PATH_BYTES];
    char backup_path[PATH_BYTES];
    char path[PATH_BYTES];
    store *s = NULL;
    trial_code code;
    int fd;

    (void)alarm(120); /* it waits for nothing that takes so long */
    power_events_make(sent, seed);
    (void)snprintf(source, sizeof source, "%s.source", root);
    (void)snprintf(backup_path, sizeof backup_path, "%s.backup", root);
    (void)mkdir(backup_path, 0700); /* the backup says what is wrong with it */
    code = fill_source(sent, source, &s, &err);
    if (code == TRIAL_OK) {
        code = make_backup(s, backup_path, &err);
    }
    store_close(s);
    (void)snprintf(path, sizeof path, "%s/store", root);
    if (code != TRIAL_OK || restore(path, backup_path) != EXIT_SUCCESS) {
        (void)fprintf(stderr, "the restore went wrong: %s\n", err.text);
        return EXIT_FAILURE;
    }
    (void)snprintf(path, sizeof path, "%s/told", root);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return pwrite(fd, &made, sizeof made, 0) == sizeof made ? EXIT_SUCCESS : EXIT_FAILURE;
}

bool power_restore_again(const char *directory, const char *backup_path, char *text)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof path, "%s/store", directory);
    if (access(path, F_OK) == 0 || restore(path, backup_path) == EXIT_SUCCESS) {
        return true;
    }
    (void)snprintf(text, ORACLE_TEXT_BYTES, "what the restore left cannot be restored over");
    return false;
}

bool power_restore_know(const power_record *r,
                        const char *backup_path,
                        backup *b,
                        power_known *known)
{
    trial_error err = TRIAL_ERROR_NONE;
    bool is_read = backup_open(backup_path, b, &err) == TRIAL_OK && b->tree.size == POWER_EVENTS;

    for (uint32_t i = 0; i < POWER_EVENTS && is_read; i++) {
        known->events[i] = (oracle_event){ .event = r->sent.events[i], .position = i + 1 };
        is_read = backup_record(b, i + 1, &known->events[i].record, &err) == TRIAL_OK;
    }
    known->sent = POWER_EVENTS;
    return is_read;
}
