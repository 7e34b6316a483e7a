/* limit_lmdb.c - what LMDB alone can do: one table, records behind each other, a synced commit a
 * batch. No network, no ids, no revisions, no views. `limit_lmdb DIRECTORY SECONDS BYTES BATCH`. */
#include "load.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>

#define MAP_BYTES ((size_t)64 << 30)

static void check(int result, const char *what)
{
    if (result != 0) {
        load_fail("lmdb: %s: %s", what, mdb_strerror(result));
    }
}

/* One transaction of `batch` records from position `first` on. */
static void commit_batch(MDB_env *env, MDB_dbi table, uint64_t first, uint64_t batch, MDB_val value)
{
    MDB_txn *txn;

    check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    for (uint64_t i = 0; i < batch; i++) {
        uint64_t position = first + i;
        MDB_val key = { sizeof position, &position };

        check(mdb_put(txn, table, &key, &value, MDB_APPEND), "put");
    }
    check(mdb_txn_commit(txn), "commit");
}

static MDB_env *open_env(const char *directory, MDB_dbi *ret_table)
{
    MDB_env *env;
    MDB_txn *txn;

    check(mdb_env_create(&env), "environment");
    check(mdb_env_set_mapsize(env, MAP_BYTES), "map");
    check(mdb_env_open(env, directory, 0, 0644), directory);
    check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    check(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, ret_table), "table");
    check(mdb_drop(txn, *ret_table, 0), "empty");
    check(mdb_txn_commit(txn), "commit");
    return env;
}

int main(int count, char **words)
{
    load_latencies latencies = { 0 };
    uint64_t position = 1;
    uint64_t begin_ns;
    uint64_t now_ns;
    uint64_t batch;
    double seconds;
    MDB_val value;
    MDB_dbi table;
    MDB_env *env;

    if (count != 5) {
        (void)fputs("limit_lmdb DIRECTORY SECONDS BYTES BATCH\n", stderr);
        return 64;
    }
    seconds = strtod(words[2], NULL);
    value.mv_size = strtoul(words[3], NULL, 10);
    value.mv_data = load_text(value.mv_size);
    batch = strtoull(words[4], NULL, 10);
    env = open_env(words[1], &table);
    begin_ns = now_ns = load_now_ns();
    while ((double)(now_ns - begin_ns) < seconds * 1e9) {
        uint64_t from_ns = now_ns;

        commit_batch(env, table, position, batch, value);
        position += batch;
        now_ns = load_now_ns();
        load_note(&latencies, now_ns - from_ns);
    }
    load_report(&latencies, position - 1, (double)(now_ns - begin_ns) / 1e9);
    mdb_env_close(env);
    free(value.mv_data);
    return 0;
}
