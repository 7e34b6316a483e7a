/* power_restore.h - a restore that is recorded, and what must be true of it after a cut: the store
 * has its place and all of its events, or it is not there and restoring again makes it. */
#ifndef TESTS_POWER_RESTORE_H
#define TESTS_POWER_RESTORE_H

#include "backup.h"

#include "power_record.h"

/** Make a backup of the history `seed` at ROOT.backup, and restore it to ROOT/store; the exit
 * status. */
int power_restore_work(const char *root, uint64_t seed);

/** Restore again below `directory`, if nothing is there; false, and why, where that fails. */
bool power_restore_again(const char *directory, const char *backup_path, char *text);

/** All events of the backup, as acknowledged as they can be. The records live as long as `b`. */
bool power_restore_know(const power_record *r,
                        const char *backup_path,
                        backup *b,
                        power_known *known);

#endif
