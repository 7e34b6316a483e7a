/* fault.c - did LMDB lead the process astray? It follows what a damaged page says out of its file
 * or out of the process's memory, and the kernel ends that. Asked from a signal handler. */
#include "store_internal.h"

#include <stdatomic.h>

#define PAST_THE_MAP ((uintptr_t)1 << 32) /* a value's size has 32 bits */

/* The map of the store that this process has open, and a thread's being inside LMDB. A handler is
 * given nothing but an address, so these cannot be anybody's. */
static atomic_uintptr_t map_first;
static atomic_uintptr_t map_last;
static _Thread_local volatile unsigned inside;

void fault_enter(void)
{
    inside++;
}

void fault_leave(void)
{
    TRIAL_ASSERT(inside > 0);
    inside--;
}

void fault_assertion(MDB_env *env, const char *message)
{
    (void)env;
    (void)message; /* LMDB writes it to stderr, and ends the process */
    inside++;
}

/* Every page begins with its number, so where one of them lies tells where the first does. */
void fault_note_map(MDB_env *env, const void *in_page)
{
    MDB_envinfo info;
    MDB_stat facts;
    uint64_t number;
    uintptr_t page;

    if (mdb_env_info(env, &info) != MDB_SUCCESS || mdb_env_stat(env, &facts) != MDB_SUCCESS) {
        return; /* they only copy */
    }
    page = (uintptr_t)in_page & ~(uintptr_t)(facts.ms_psize - 1);
    memcpy(&number, (const void *)page, sizeof number);
    if (number <= info.me_last_pgno) {
        atomic_store(&map_first, page - number * facts.ms_psize);
        atomic_store(&map_last, page - number * facts.ms_psize + info.me_mapsize + PAST_THE_MAP);
    }
}

void fault_forget_map(void)
{
    atomic_store(&map_first, 0);
    atomic_store(&map_last, 0);
}

bool store_is_fault(const void *address)
{
    uintptr_t at = (uintptr_t)address;

    return inside > 0 || (at >= atomic_load(&map_first) && at < atomic_load(&map_last));
}
