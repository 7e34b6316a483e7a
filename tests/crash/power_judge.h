/* power_judge.h - images of a record, each given to the oracle, in a process of its own that may
 * die over one. */
#ifndef TESTS_POWER_JUDGE_H
#define TESTS_POWER_JUDGE_H

#include "power_record.h"
#include "power_trust.h"

#define POWER_SAID_MAX 3 /* violations that are told in words */

/** What is to be judged. Images are numbered from 0 over the moments of a record, and each draws
 * its chance from the seed and its number. */
typedef struct power_trial {
    const power_record *record;
    uint32_t from; /* the moments before these calls: [from, until] */
    uint32_t until;
    uint32_t images; /* at least so many */
    power_lies lies; /* of the disk, once the store was made */
    power_trust trust;
    int64_t only;     /* this image alone; -1: all */
    const char *keep; /* a directory: build `only` there, and judge it not. NULL: judge */
    const char *scratch;
    const char *backup_path; /* it is a restore of this backup; NULL: it is not */
    bool is_wanted;          /* violations are: what dies over one says nothing */
} power_trial;

typedef struct power_verdict {
    uint32_t images; /* judged */
    uint32_t violations;
    uint32_t deaths; /* violations that ended the judge */
    struct {
        uint32_t image;
        uint32_t call; /* the cut was before this one */
        char text[ORACLE_TEXT_BYTES];
    } said[POWER_SAID_MAX];
} power_verdict;

void power_judge(const power_trial *trial, power_verdict *ret_verdict);

#endif
