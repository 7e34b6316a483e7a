/* rights.c - see rights.h. */
#include "rights.h"

#include "trial/arena.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "rights_internal.h"

#define uthash_malloc(size) trial_memory(size)
#include <uthash.h>

/* Who a grant is for, as bytes that can be looked up: its kind, number and key. */
struct identity {
    uint8_t bytes[1 + sizeof(uint32_t) + TRIAL_KEY_TEXT_BYTES];
};

/* A grant that counts, by who it is for. */
struct holder {
    UT_hash_handle hh;
    struct identity identity;
    uint32_t entry;
};

struct rights {
    atomic_bool are_used; /* read by rights_admits() of another thread, too */
    bool has_lost_reader;
    rights_entry **entries; /* never taken out: an owner is a place among them */
    uint32_t count;
    uint32_t room;
    struct holder *holders;
    names *names;         /* of users and groups; of the loop's thread */
    pthread_mutex_t lock; /* guards all of it against rights_admits() of another thread */
};

rights *rights_new(void)
{
    rights *r = trial_memory(sizeof *r);

    r->names = names_new();
    (void)pthread_mutex_init(&r->lock, NULL); /* cannot fail with default attributes */
    return r;
}

static void drop_holders(rights *r)
{
    struct holder *holder = NULL;
    struct holder *next = NULL;

    /* NOLINTBEGIN(clang-analyzer-unix.Malloc): uthash takes a row out before it is freed. */
    HASH_ITER(hh, r->holders, holder, next)
    {
        HASH_DEL(r->holders, holder);
        free(holder);
    }
    /* NOLINTEND(clang-analyzer-unix.Malloc) */
    r->holders = NULL; /* as uthash left it */
}

void rights_done(rights *r)
{
    if (r == NULL) {
        return;
    }
    names_done(r->names);
    drop_holders(r);
    for (uint32_t i = 0; i < r->count; i++) {
        free(r->entries[i]);
    }
    free(r->entries);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

static rights_entry *entry_named(rights *r, trial_text name)
{
    rights_entry *entry;

    for (uint32_t i = 0; i < r->count; i++) {
        if (trial_text_is(name, r->entries[i]->name)) {
            return r->entries[i];
        }
    }
    if (r->count == r->room) {
        r->room = r->room == 0 ? 64 : r->room * 2;
        r->entries = trial_memory_again(r->entries, r->room * sizeof(rights_entry *));
    }
    entry = trial_memory(sizeof *entry);
    memcpy(entry->name, name.at, name.size); /* checked, or of our own log: it fits */
    r->entries[r->count++] = entry;
    return entry;
}

static struct identity identity_of(const rights_grant *grant)
{
    struct identity identity = { { (uint8_t)grant->kind } };

    memcpy(identity.bytes + 1, &grant->id, sizeof grant->id);
    memcpy(identity.bytes + 1 + sizeof grant->id, grant->key, sizeof grant->key);
    return identity;
}

static bool is_same(const rights_grant *a, const rights_grant *b)
{
    return a->kind == b->kind && a->id == b->id && a->roles == b->roles &&
           strcmp(a->fingerprint, b->fingerprint) == 0 && strcmp(a->sources, b->sources) == 0;
}

/* What both say: a change of roles takes what it takes at once, and what it leaves goes on. */
static uint32_t roles_of(const rights_entry *entry)
{
    return entry->listed.roles & entry->logged.roles;
}

static bool counts(const rights_entry *entry)
{
    const rights_grant *a = &entry->listed;
    const rights_grant *b = &entry->logged;

    return a->kind != RIGHTS_NONE && a->kind == b->kind && a->id == b->id &&
           strcmp(a->fingerprint, b->fingerprint) == 0 && roles_of(entry) != 0;
}

/* Note anew who counts; the lock is held. */
static void hold_again(rights *r)
{
    drop_holders(r);
    for (uint32_t i = 0; i < r->count; i++) {
        struct holder *holder;

        if (!counts(r->entries[i])) {
            continue;
        }
        holder = trial_memory(sizeof *holder);
        holder->identity = identity_of(&r->entries[i]->listed);
        holder->entry = i;
        HASH_ADD(hh, r->holders, identity, sizeof holder->identity, holder);
    }
}

static bool may_read(const rights_grant *grant)
{
    return grant->kind != RIGHTS_NONE && (grant->roles & 1u << TRIAL_ROLE_READ) != 0;
}

static const rights_listed *listed_as(const rights_listing *listing, trial_text name)
{
    for (uint32_t i = 0; i < listing->count; i++) {
        if (trial_text_is(name, listing->items[i].name)) {
            return &listing->items[i];
        }
    }
    return NULL;
}

/* Put what the directory says in the place of what it said; the lock is held. */
static void list_again(rights *r, const rights_listing *listing)
{
    static const rights_listed gone = { .reason = RIGHTS_GONE };

    for (uint32_t i = 0; i < listing->count; i++) {
        (void)entry_named(r,
                          trial_text_of(listing->items[i].name)); /* it has a place from now on */
    }
    for (uint32_t i = 0; i < r->count; i++) {
        rights_entry *entry = r->entries[i];
        const rights_listed *item = listed_as(listing, trial_text_of(entry->name));
        const rights_listed *now = item == NULL ? &gone : item;
        struct identity was = identity_of(&entry->listed);
        struct identity is = identity_of(&now->grant);
        bool is_other = memcmp(was.bytes, is.bytes, sizeof was.bytes) != 0;

        entry->version += is_other ? 1 : 0;
        r->has_lost_reader |= may_read(&entry->listed) && (is_other || !may_read(&now->grant));
        entry->listed = now->grant;
        memcpy(entry->reason, now->reason, sizeof entry->reason);
    }
    hold_again(r);
}

uint32_t rights_read(rights *r, const char *path, rights_problem *problem, void *context)
{
    bool were_used = r->are_used;
    bool are_used = were_used;
    rights_listing listing;

    names_begin(r->names);
    listing = rights_directory_read(path, r->count > 0, r->names, &are_used, problem, context);
    names_end(r->names);
    (void)pthread_mutex_lock(&r->lock); /* a plain mutex of our own: cannot fail */
    r->are_used = are_used;
    r->has_lost_reader = are_used && !were_used;
    list_again(r, &listing);
    (void)pthread_mutex_unlock(&r->lock);
    free(listing.items);
    return listing.refused;
}

trial_code rights_ask_aside(rights *r, int *ret_fd, trial_error *err)
{
    return names_ask_aside(r->names, ret_fd, err);
}

void rights_note_names(rights *r)
{
    names_drain(r->names);
}

bool rights_are_used(const rights *r)
{
    return r->are_used;
}

bool rights_lost_reader(const rights *r)
{
    return r->has_lost_reader;
}

void rights_note_logged(rights *r, trial_text name, const rights_grant *grant)
{
    rights_entry *entry;

    (void)pthread_mutex_lock(&r->lock);
    entry = entry_named(r, name);
    entry->logged = *grant;
    if (entry->reason[0] == '\0') {
        (void)snprintf(entry->reason, sizeof entry->reason, "%s", RIGHTS_GONE);
    }
    hold_again(r);
    (void)pthread_mutex_unlock(&r->lock);
}

rights_entry *rights_next_change(rights *r, uint32_t *at)
{
    while (*at < r->count) {
        rights_entry *entry = r->entries[(*at)++];

        if (!is_same(&entry->listed, &entry->logged)) {
            return entry;
        }
    }
    return NULL;
}

void rights_settle(rights *r, rights_entry *const *entries, uint32_t count)
{
    (void)pthread_mutex_lock(&r->lock);
    for (uint32_t i = 0; i < count; i++) {
        entries[i]->logged = entries[i]->listed;
    }
    hold_again(r);
    (void)pthread_mutex_unlock(&r->lock);
}

static const struct holder *look_up(const rights *r, const struct identity *identity)
{
    struct holder *found = NULL;

    HASH_FIND(hh, r->holders, identity, sizeof *identity, found);
    return found;
}

static const struct holder *find(const rights *r, const rights_peer *peer)
{
    rights_grant asked = { .kind = RIGHTS_KEY };
    const struct holder *found = NULL;
    struct identity identity;

    if (peer->is_local) {
        asked.kind = RIGHTS_USER;
        asked.id = peer->uid;
        identity = identity_of(&asked);
        found = look_up(r, &identity);
        asked.kind = RIGHTS_GROUP;
        asked.id = peer->gid;
    } else if (peer->key.size != TRIAL_KEY_TEXT_BYTES - 1) {
        return NULL;
    } else {
        memcpy(asked.key, peer->key.at, peer->key.size);
    }
    if (found == NULL) {
        identity = identity_of(&asked);
        found = look_up(r, &identity);
    }
    return found;
}

rights_owner rights_find(const rights *r, const rights_peer *peer)
{
    const struct holder *found = find(r, peer);

    return found == NULL
               ? 0
               : (rights_owner)r->entries[found->entry]->version << 32 | (found->entry + 1);
}

/* The entry of an owner, where it still counts and is still the same key or user. */
static const rights_entry *entry_of(const rights *r, rights_owner owner)
{
    uint32_t place = (uint32_t)owner;
    const rights_entry *entry;

    if (place == 0 || place > r->count) {
        return NULL;
    }
    entry = r->entries[place - 1];
    return counts(entry) && entry->version == (uint32_t)(owner >> 32) ? entry : NULL;
}

static bool has_role(const rights_entry *entry, trial_role role)
{
    return entry != NULL && (role == TRIAL_ROLE_NONE || (roles_of(entry) & 1u << role) != 0);
}

bool rights_has(const rights *r, rights_owner owner, trial_role role)
{
    return has_role(entry_of(r, owner), role);
}

bool rights_admits(rights *r, const rights_peer *peer, trial_role role)
{
    const struct holder *found;
    bool is_admitted;

    (void)pthread_mutex_lock(&r->lock);
    found = find(r, peer);
    is_admitted = found != NULL && has_role(r->entries[found->entry], role);
    (void)pthread_mutex_unlock(&r->lock);
    return is_admitted;
}

void rights_roles_write(uint32_t roles, char *ret_text, size_t room)
{
    size_t size = 0;

    ret_text[0] = '\0';
    for (trial_role role = TRIAL_ROLE_NONE + 1; role < TRIAL_ROLE_COUNT; role++) {
        if ((roles & 1u << role) != 0 && size < room) {
            size += (size_t)snprintf(
                ret_text + size, room - size, "%s%s", size == 0 ? "" : " ", trial_role_name(role));
        }
    }
}

trial_code rights_check(const rights *r,
                        const rights_peer *peer,
                        rights_owner owner,
                        trial_role role,
                        const char *what,
                        trial_error *err)
{
    const rights_entry *entry = entry_of(r, owner);
    char has[64];

    if (has_role(entry, role)) {
        return TRIAL_OK;
    }
    if (entry != NULL) {
        rights_roles_write(roles_of(entry), has, sizeof has);
        (void)trial_fail(err,
                         TRIAL_UNAUTHORISED,
                         "%s needs the right to %s; '%s' has: %s",
                         what,
                         trial_role_name(role),
                         entry->name,
                         has);
    } else if (peer->is_local) {
        (void)trial_fail(err,
                         TRIAL_UNAUTHORISED,
                         "uid %u (gid %u) has no rights here; whoever runs the daemon grants them "
                         "by a certificate",
                         peer->uid,
                         peer->gid);
    } else {
        (void)trial_fail(err,
                         TRIAL_UNAUTHORISED,
                         "this key has no rights here, or no longer; whoever runs the daemon "
                         "grants them by a certificate");
    }
    err->right = role;
    return TRIAL_UNAUTHORISED;
}

static bool covers(trial_text prefix, trial_text source)
{
    if (trial_text_is(prefix, "*") || trial_text_equal(prefix, source)) {
        return true;
    }
    return trial_text_starts(source, prefix) &&
           (prefix.at[prefix.size - 1] == '/' || source.at[prefix.size] == '/');
}

static bool one_covers(const char *words, trial_text source)
{
    trial_text prefix;

    for (prefix = proto_word_next(&words); trial_text_is_set(prefix);
         prefix = proto_word_next(&words)) {
        if (covers(prefix, source)) {
            return true;
        }
    }
    return false;
}

trial_code
rights_check_source(const rights *r, rights_owner owner, trial_text source, trial_error *err)
{
    const rights_entry *entry = entry_of(r, owner);

    if (entry != NULL && one_covers(entry->listed.sources, source) &&
        one_covers(entry->logged.sources, source)) {
        return TRIAL_OK;
    }
    (void)trial_fail(err,
                     TRIAL_UNAUTHORISED,
                     "'%s' may not publish as '%.*s'; it may as: %.200s",
                     entry == NULL ? "nobody" : entry->name,
                     TRIAL_TEXT_ARGS(source),
                     entry == NULL ? "" : entry->listed.sources);
    err->right = TRIAL_ROLE_PUBLISH;
    return trial_fail_field(err, "source");
}
