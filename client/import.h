/* import.h - how batches of lines become events of the log: in the order of the file, each line
 * judged once. It knows no socket; a test gives it a daemon of its own. */
#ifndef CLIENT_IMPORT_H
#define CLIENT_IMPORT_H

#include "trial/value.h"

#define IMPORT_BATCH_EVENTS_MAX 1024
#define IMPORT_BATCH_EVENTS 256
#define IMPORT_BATCH_BYTES (1024u * 1024u) /* of lines; packed they are at most 2.3 times it */
#define IMPORT_LINE_BYTES_MAX (16u * 1024u * 1024u) /* more is refused without being kept */

/** One line that is an event, or that cannot be one. */
typedef struct import_line {
    const char *file;
    uint64_t number;    /* of the line in its file, from 1 */
    uint64_t end_bytes; /* read of all files up to its end: for the progress bar */
    trial_value *event; /* NULL where `err` says why it is none */
    trial_error err;
} import_line;

/** Lines that are settled together; only the last may be no event. */
typedef struct import_batch {
    trial_arena arena; /* of its events */
    import_line lines[IMPORT_BATCH_EVENTS_MAX];
    uint32_t count;
} import_batch;

typedef struct import_counts {
    uint64_t read;
    uint64_t appended;
    uint64_t duplicates;
    uint64_t rejected;
    uint64_t warnings;
} import_counts;

/** What an import speaks to. */
typedef struct import_peer {
    void *context;
    /* Send events of the batch as one request; the answer is fetched by `receive`. */
    trial_code (*send)(void *context, const import_line *lines, uint32_t count, trial_error *err);
    /* The answer to the last send; fails with what the daemon said. */
    trial_code (*receive)(void *context, trial_value **ret_result, trial_error *err);
    /* A line is refused; return false to end the import. */
    bool (*refuse)(void *context, const import_line *line, const trial_error *err);
} import_peer;

typedef struct import_work {
    import_peer peer;
    import_counts counts;
    uint32_t chunk;     /* events of the next request: less after a refusal, more after success */
    uint32_t chunk_max; /* events of a request at most */
    trial_code first_refusal;
    trial_code begun; /* how the first request of the batch was sent */
    trial_error begun_err;
    bool is_stopped; /* refuse said so */
} import_work;

/** Begin to settle a batch: its first request is sent, so the next batch can be read meanwhile. */
void import_begin(import_work *work, const import_batch *batch);

/**
 * Settle the begun batch: every line becomes appended, a duplicate or refused, in its order.
 *
 * A request is kept whole or not at all, so a refused line is taken out and what stood before it
 * is sent alone. The refusal counts once everything before it is settled.
 *
 * Fails with what ends an import: BUSY (outcome unknown), STORAGE, NO_SPACE, UNSUPPORTED.
 */
TRIAL_MUST_USE trial_code import_settle(import_work *work,
                                        const import_batch *batch,
                                        trial_error *err);

#endif
