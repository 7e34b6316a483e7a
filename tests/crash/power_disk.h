/* power_disk.h - a disk that can lose its power: it takes the calls of a record one by one and
 * builds, at any moment, what may be found afterwards.
 *
 * What was synced is there. Of what was not, any 512-byte sector holds what it held when it was
 * synced or what any write since then put there; a file has any of the sizes it had since then; and
 * any of the names that were made, moved or removed since their directory was synced may have been.
 * A sector is the smallest thing that is written whole. */
#ifndef TESTS_POWER_DISK_H
#define TESTS_POWER_DISK_H

#include "trial/arena.h"

#include "recorder.h"

/** One call of a record. */
typedef struct power_call {
    recorder_kind kind;
    const char *path;
    const char *other;
    const uint8_t *bytes;
    uint32_t size;
    uint64_t offset;
} power_call;

/** A disk that pretends. */
typedef struct power_lies {
    bool no_data_sync;       /* fdatasync() of a file of the journal does nothing */
    bool no_lmdb_sync;       /* nor does any sync of LMDB's, as with MDB_NOSYNC */
    bool no_lmdb_write_sync; /* nor O_DSYNC on LMDB's meta pages, as with MDB_NOMETASYNC */
} power_lies;

typedef struct power_disk power_disk;

power_disk *power_disk_new(void);
void power_disk_done(power_disk *d);

/** From now on it lies. */
void power_disk_lies(power_disk *d, const power_lies *lies);

/** Do a call. Its bytes are borrowed for the call. */
void power_disk_take(power_disk *d, const power_call *call);

/** Is there anything that counts and that a power cut may take? */
bool power_disk_is_unsure(const power_disk *d);

/** Chance, repeatable. */
uint64_t power_roll(uint64_t *chance, uint64_t sides);

/** What a cut keeps. NOTHING and ALL are what they say, ANY is drawn. */
typedef enum power_keep { POWER_KEEP_NOTHING, POWER_KEEP_ALL, POWER_KEEP_ANY } power_keep;

/**
 * Cut the power and write the files that are found into `directory`, which is emptied first; the
 * disk itself goes on as if nothing had been.
 *
 * Files that the image before had under the same names are written over: whoever puts names beside
 * them calls power_disk_forget().
 */
void power_disk_cut(power_disk *d, power_keep keep, uint64_t *chance, const char *directory);
void power_disk_forget(power_disk *d);

#endif
