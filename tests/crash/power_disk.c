/* power_disk.c - see power_disk.h: what the calls of a record make of the disk. What is found after
 * a cut is made in power_cut.c. */
#include "power_disk_internal.h"

#include <stdio.h>
#include <stdlib.h>

uint64_t power_roll(uint64_t *chance, uint64_t sides)
{
    uint64_t z = (*chance += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % sides;
}

/* Names. */

static struct node *find(const struct names *names, const char *name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->name[i], name) == 0) {
            return names->node[i];
        }
    }
    return NULL;
}

static void forget(struct names *names, const char *name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->name[i], name) == 0) {
            names->count--;
            memcpy(names->name[i], names->name[names->count], NAME_BYTES);
            names->node[i] = names->node[names->count];
            return;
        }
    }
}

static void call_it(struct names *names, const char *name, struct node *node)
{
    forget(names, name);
    TRIAL_ASSERT(names->count < NAMES_MAX && strlen(name) < NAME_BYTES);
    (void)snprintf(names->name[names->count], NAME_BYTES, "%s", name);
    names->node[names->count++] = node;
}

/* The directory of a path and the last name in it; NULL where it is none of the disk's. */
static struct node *directory_of(const power_disk *d, const char *path, char name[NAME_BYTES])
{
    struct node *node = d->nodes[0];
    const char *slash;

    while (node != NULL && (slash = strchr(path, '/')) != NULL) {
        (void)snprintf(name, NAME_BYTES, "%.*s", (int)(slash - path), path);
        node = find(&node->names, name);
        path = slash + 1;
    }
    (void)snprintf(name, NAME_BYTES, "%s", path);
    return node;
}

static struct node *node_at(const power_disk *d, const char *path)
{
    char name[NAME_BYTES];
    struct node *directory;

    if (path[0] == '\0') {
        return d->nodes[0];
    }
    directory = directory_of(d, path, name);
    return directory == NULL ? NULL : find(&directory->names, name);
}

static struct node *new_node(power_disk *d, bool is_directory)
{
    struct node *node = trial_memory(sizeof *node);

    TRIAL_ASSERT(d->node_count < NODES_MAX);
    node->is_directory = is_directory;
    d->nodes[d->node_count++] = node;
    return node;
}

void power_change_names(struct names *from, struct names *to, const struct change *change)
{
    if (from != NULL) {
        forget(from, change->from_name);
    }
    if (to != NULL) {
        call_it(to, change->to_name, change->node);
    }
}

static void take_change(power_disk *d, const struct change *change)
{
    power_change_names(change->from == NULL ? NULL : &change->from->names,
                       change->to == NULL ? NULL : &change->to->names,
                       change);
    TRIAL_ASSERT(d->change_count < PENDING_NAMES_MAX);
    d->changes[d->change_count++] = *change;
}

static void make(power_disk *d, const char *path, bool is_directory)
{
    struct change change = { 0 };

    change.to = directory_of(d, path, change.to_name);
    TRIAL_ASSERT(change.to != NULL);
    change.node = new_node(d, is_directory);
    take_change(d, &change);
}

static void leave(power_disk *d, const char *path, const char *new_path)
{
    struct change change = { 0 };

    change.from = directory_of(d, path, change.from_name);
    change.node = node_at(d, path);
    TRIAL_ASSERT(change.node != NULL);
    if (new_path != NULL) {
        change.to = directory_of(d, new_path, change.to_name);
        TRIAL_ASSERT(change.to != NULL);
    }
    take_change(d, &change);
}

/* A name that came to a place it has left since does not come again. */
static void drop_arrivals(power_disk *d, const struct change *leaving, uint32_t before)
{
    for (uint32_t i = 0; i < before; i++) {
        struct change *earlier = &d->changes[i];

        if (earlier->to == leaving->from && earlier->to != NULL &&
            strcmp(earlier->to_name, leaving->from_name) == 0) {
            earlier->to = NULL;
        }
    }
}

/* A move is on disk when the directory it went to is synced, a removal when its own is. */
static void sync_names(power_disk *d, const struct node *directory)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < d->change_count; i++) {
        struct change change = d->changes[i];

        if ((change.to == NULL ? change.from : change.to) == directory) {
            drop_arrivals(d, &change, kept);
            power_change_names(change.from == NULL ? NULL : &change.from->synced_names,
                               change.to == NULL ? NULL : &change.to->synced_names,
                               &change);
        } else {
            d->changes[kept++] = change;
        }
    }
    d->change_count = kept;
}

/* Files. */

static void make_room(struct node *node, uint64_t size)
{
    uint64_t room = node->room;

    if (size <= room) {
        return;
    }
    node->room = (size + 65535) / 65536 * 65536 + room;
    node->now = trial_memory_again(node->now, node->room);
    node->synced = trial_memory_again(node->synced, node->room);
    memset(node->now + room, 0, node->room - room);
    memset(node->synced + room, 0, node->room - room);
}

static void set_size(struct node *node, uint64_t size)
{
    make_room(node, size);
    if (size < node->size) {
        memset(node->now + size, 0, node->size - size);
    }
    if (node->size_count == node->size_room) {
        node->size_room = node->size_room * 2 + 16;
        node->sizes = trial_memory_again(node->sizes, node->size_room * sizeof *node->sizes);
    }
    node->sizes[node->size_count++] = size;
    node->size = size;
}

static void write_file(power_disk *d, struct node *node, const power_call *call)
{
    uint64_t end = call->offset + call->size;
    uint64_t first = call->offset / SECTOR * SECTOR;
    uint64_t count = (end - first + SECTOR - 1) / SECTOR;
    uint8_t *bytes;

    make_room(node, first + count * SECTOR);
    memcpy(node->now + call->offset, call->bytes, call->size);
    if (end > node->size) {
        set_size(node, end);
    }
    bytes = trial_arena_take(&node->arena, count * SECTOR);
    memcpy(bytes, node->now + first, count * SECTOR);
    if (node->piece_room - node->piece_count < count) {
        node->piece_room = node->piece_room * 2 + (uint32_t)count;
        node->pieces = trial_memory_again(node->pieces, node->piece_room * sizeof *node->pieces);
    }
    for (uint64_t i = 0; i < count; i++) {
        node->pieces[node->piece_count++] = (struct piece){ .call = d->calls,
                                                            .at = first + i * SECTOR,
                                                            .bytes = bytes + i * SECTOR };
    }
}

static void sync_file(struct node *node)
{
    for (uint32_t i = 0; i < node->piece_count; i++) {
        memcpy(node->synced + node->pieces[i].at, node->pieces[i].bytes, SECTOR);
    }
    if (node->size < node->synced_size) {
        memset(node->synced + node->size, 0, node->synced_size - node->size);
    }
    node->synced_size = node->size;
    node->piece_count = 0;
    node->size_count = 0;
    trial_arena_reset(&node->arena);
}

/* What the last write wrote is on disk; what came before it stays as unsure as it was. */
static void sync_last_write(struct node *node)
{
    uint64_t call = node->piece_count == 0 ? 0 : node->pieces[node->piece_count - 1].call;
    uint32_t first = node->piece_count;
    uint32_t kept = 0;

    while (first > 0 && node->pieces[first - 1].call == call) {
        first--;
    }
    for (uint32_t i = 0; i < first; i++) {
        bool is_over = false;

        for (uint32_t k = first; k < node->piece_count; k++) {
            is_over = is_over || node->pieces[k].at == node->pieces[i].at;
        }
        if (!is_over) {
            node->pieces[kept++] = node->pieces[i];
        }
    }
    for (uint32_t k = first; k < node->piece_count; k++) {
        memcpy(node->synced + node->pieces[k].at, node->pieces[k].bytes, SECTOR);
        if (node->synced_size < node->pieces[k].at + SECTOR) {
            node->synced_size = node->size; /* it grew to reach this far */
            node->size_count = 0;
        }
    }
    node->piece_count = kept;
}

static bool begins(const char *path, const char *beginning)
{
    return strncmp(path, beginning, strlen(beginning)) == 0;
}

static bool is_told(const power_disk *d, const power_call *call)
{
    bool is_lmdb = strstr(call->path, "lmdb/data.mdb") != NULL;

    if (call->kind == RECORDER_SYNC_DATA && begins(call->path, "store/journal/")) {
        return !d->lies.no_data_sync;
    }
    if (call->kind == RECORDER_SYNC_WRITE && is_lmdb && d->lies.no_lmdb_write_sync) {
        return false;
    }
    return !is_lmdb || !d->lies.no_lmdb_sync;
}

static void sync_any(power_disk *d, const power_call *call)
{
    struct node *node = node_at(d, call->path);

    if (node == NULL || !is_told(d, call)) {
        return;
    }
    if (node->is_directory) {
        sync_names(d, node);
    } else if (call->kind == RECORDER_SYNC_WRITE) {
        sync_last_write(node);
    } else {
        sync_file(node);
    }
}

void power_disk_take(power_disk *d, const power_call *call)
{
    struct node *node;

    d->calls++;
    switch (call->kind) {
    case RECORDER_MAKE:
    case RECORDER_MAKE_DIRECTORY:
        make(d, call->path, call->kind == RECORDER_MAKE_DIRECTORY);
        break;
    case RECORDER_REMOVE:
        leave(d, call->path, NULL);
        break;
    case RECORDER_RENAME:
        leave(d, call->path, call->other);
        break;
    case RECORDER_WRITE:
    case RECORDER_SIZE:
        node = node_at(d, call->path);
        TRIAL_ASSERT(node != NULL);
        if (call->kind == RECORDER_WRITE) {
            write_file(d, node, call);
        } else {
            set_size(node, call->offset);
        }
        break;
    case RECORDER_SYNC:
    case RECORDER_SYNC_DATA:
    case RECORDER_SYNC_WRITE:
        sync_any(d, call);
        break;
    }
}

bool power_disk_is_unsure(const power_disk *d)
{
    bool is_unsure = false;

    for (uint32_t i = 0; i < d->change_count; i++) { /* an empty directory is as good as none */
        is_unsure = is_unsure || d->changes[i].to != NULL || !d->changes[i].node->is_directory;
    }
    for (uint32_t i = 0; i < d->node_count; i++) {
        is_unsure = is_unsure || d->nodes[i]->piece_count > 0 ||
                    (d->nodes[i]->size_count > 0 && d->nodes[i]->size != d->nodes[i]->synced_size);
    }
    return is_unsure;
}

void power_disk_forget(power_disk *d)
{
    d->last_names = 0;
}

void power_disk_lies(power_disk *d, const power_lies *lies)
{
    d->lies = *lies;
}

power_disk *power_disk_new(void)
{
    power_disk *d = trial_memory(sizeof *d);

    (void)new_node(d, true);
    return d;
}

void power_disk_done(power_disk *d)
{
    for (uint32_t i = 0; i < d->node_count; i++) {
        free(d->nodes[i]->now);
        free(d->nodes[i]->synced);
        free(d->nodes[i]->pieces);
        free(d->nodes[i]->sizes);
        trial_arena_done(&d->nodes[i]->arena);
        free(d->nodes[i]);
    }
    free(d->buffer);
    free(d);
}
