/* status.c - what the daemon says of itself, its store and its work. */
#include "loop.h"

#include "host.h"

static void put_store_facts(loop *l)
{
    store_facts facts = { 0 };
    trial_error err = TRIAL_ERROR_NONE;

    if (store_look(l->store, &facts, &err) != TRIAL_OK) {
        host_log(HOST_WARNING, "looking at the store: %s", err.text);
    }
    pack_put_map(&l->out, 2);
    pack_put_word(&l->out, "journal");
    pack_put_map(&l->out, 3);
    pack_put_word(&l->out, "bytes");
    pack_put_unsigned(&l->out, facts.journal_bytes);
    pack_put_word(&l->out, "position");
    pack_put_unsigned(&l->out, store_flushed(l->store));
    pack_put_word(&l->out, "used");
    pack_put_unsigned(&l->out, facts.journal_used_bytes);
    pack_put_word(&l->out, "lmdb");
    pack_put_map(&l->out, 6);
    pack_put_word(&l->out, "bytes");
    pack_put_unsigned(&l->out, facts.lmdb_bytes);
    pack_put_word(&l->out, "free");
    pack_put_unsigned(&l->out, facts.free_bytes);
    pack_put_word(&l->out, "oldest_ms");
    pack_put_unsigned(&l->out, facts.oldest_read_ms);
    pack_put_word(&l->out, "position");
    pack_put_unsigned(&l->out, store_committed(l->store));
    pack_put_word(&l->out, "readers");
    pack_put_unsigned(&l->out, facts.readers);
    pack_put_word(&l->out, "refusing");
    pack_put_truth(&l->out, l->is_refusing || facts.is_refusing);
}

static void put_work(loop *l)
{
    readers_kind kind;
    uint64_t done;
    uint64_t total;

    readers_progress(l->readers, &kind, &done, &total);
    pack_put_map(&l->out, 2);
    pack_put_word(&l->out, "done");
    pack_put_unsigned(&l->out, done);
    pack_put_word(&l->out, "total");
    pack_put_unsigned(&l->out, total);
}

/* What went missing for want of room since the start. */
static void put_dropped(loop *l)
{
    pack_put_map(&l->out, 3);
    pack_put_word(&l->out, "answers");
    pack_put_unsigned(&l->out, net_dropped(l->net));
    pack_put_word(&l->out, "connections");
    pack_put_unsigned(&l->out, net_turned_away(l->net));
    pack_put_word(&l->out, "lines");
    pack_put_unsigned(&l->out, host_log_dropped());
}

void status_put(loop *l)
{
    uint8_t root[TRIAL_HASH_BYTES];
    char hex[PROTO_HASH_TEXT_BYTES];
    char started[TRIAL_INSTANT_TEXT_BYTES];

    trial_instant_write_us(l->started, started);
    engine_root(l->engine, root);
    proto_hash_write(root, hex);
    conditions_look(l, host_monotonic_ms());
    pack_put_map(&l->out, 13);
    pack_put_word(&l->out, "conditions");
    conditions_put(l);
    pack_put_word(&l->out, "dropped");
    put_dropped(l);
    pack_put_word(&l->out, "head");
    pack_put_unsigned(&l->out, store_flushed(l->store));
    pack_put_word(&l->out, "log");
    pack_put_word(&l->out, store_name(l->store));
    pack_put_word(&l->out, "peers");
    pack_put_unsigned(&l->out, net_peers(l->net));
    pack_put_word(&l->out, "root");
    pack_put_word(&l->out, hex);
    pack_put_word(&l->out, "started");
    pack_put_word(&l->out, started);
    pack_put_word(&l->out, "stores");
    put_store_facts(l);
    pack_put_word(&l->out, "subscriptions");
    pack_put_unsigned(&l->out, subscribers_count(l->subscribers));
    pack_put_word(&l->out, "uptime");
    pack_put_unsigned(&l->out, (host_monotonic_ms() - l->started_ms) / 1000);
    pack_put_word(&l->out, "version");
    pack_put_word(&l->out, TRIALD_VERSION);
    pack_put_word(&l->out, "views");
    rebuilding_put_views(&l->out, VIEWS_COUNT, store_flushed(l->store));
    pack_put_word(&l->out, "work");
    put_work(l);
}
