/* power_record.h - a record of the work, read back: the calls in an order in which they may have
 * been made, what was said between them, and which events that makes the oracle ask for. */
#ifndef TESTS_POWER_RECORD_H
#define TESTS_POWER_RECORD_H

#include "oracle.h"

#include "power_disk.h"
#include "power_named.h"
#include "power_work.h"

typedef struct power_record {
    power_call *calls;
    uint32_t count;
    uint32_t made;  /* which call says that the store was made */
    uint64_t seed;  /* of the work */
    uint8_t *bytes; /* of the file */
    power_events sent;
} power_record;

/** Have `program` do what `work` says, "--work" or "--restore", in a directory of its own below
 * `scratch`, and read what the recorder wrote down. False, and a word on stderr, where that failed.
 */
bool power_record_make(power_record *r,
                       const char *program,
                       const char *recorder,
                       const char *work,
                       const char *scratch,
                       uint64_t seed);
void power_record_done(power_record *r);

/** The commits' calls are put anywhere among the writer's where they may have been, by chance. */
void power_record_shuffle(power_record *r);

/** A word was said too early: each acknowledgement stands before the write that it is about. */
void power_record_acknowledge_early(power_record *r);

/** The same of what is answered about subscriptions: as soon as it was done. */
void power_record_answer_early(power_record *r);

/** Is a call a word that was said? */
bool power_record_is_word(const power_call *call);

/** What is known at a moment. */
typedef struct power_known {
    oracle_event events[POWER_EVENTS]; /* [0, sent) were sent */
    uint32_t sent;
    bool was_made;
    power_named named;
} power_known;

/** Hear a word; events are borrowed from the record. */
void power_record_hear(const power_record *r, const power_call *word, power_known *known);

#endif
