/* power_cut.c - what is found on the disk after a power cut; see power_disk.h. */
#include "power_disk_internal.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 512

/* How much of what is unsure a file keeps. */
enum way { WAY_NOTHING, WAY_ALL, WAY_BEGINNING, WAY_HALF, WAY_FEW, WAY_MOST, WAY_BUT_ONE, WAY_ONE };
#define WAY_COUNT 8

static uint64_t keep_size(const struct node *node, enum way way, uint64_t *chance)
{
    uint64_t which;

    if (node->size_count == 0 || way == WAY_NOTHING) {
        return node->synced_size;
    }
    which = way == WAY_ALL ? node->size_count : power_roll(chance, node->size_count + 1);
    return which == 0 ? node->synced_size : node->sizes[which - 1];
}

static bool
is_kept(const struct node *node, enum way way, uint32_t i, uint64_t chosen, uint64_t *chance)
{
    switch (way) {
    case WAY_NOTHING:
        return false;
    case WAY_ALL:
        return true;
    case WAY_BEGINNING: /* in order, the last write torn */
        return i < chosen;
    case WAY_HALF:
        return power_roll(chance, 2) == 0;
    case WAY_FEW:
        return power_roll(chance, 8) == 0;
    case WAY_MOST:
        return power_roll(chance, 8) != 0;
    case WAY_BUT_ONE:
        return node->pieces[i].call != node->pieces[chosen].call;
    case WAY_ONE:
        return node->pieces[i].call == node->pieces[chosen].call;
    }
    return false;
}

/* The bytes of a file after the cut. */
static const uint8_t *
cut_file(power_disk *d, const struct node *node, enum way way, uint64_t *chance, uint64_t *ret_size)
{
    uint64_t chosen = node->piece_count == 0 ? 0 : power_roll(chance, node->piece_count);

    *ret_size = keep_size(node, way, chance);
    if (node->piece_count == 0 && *ret_size <= node->room) {
        return node->synced;
    }
    if (d->buffer_room < node->room) {
        d->buffer_room = node->room;
        d->buffer = trial_memory_again(d->buffer, d->buffer_room);
    }
    memcpy(d->buffer, node->synced, node->room);
    for (uint32_t i = 0; i < node->piece_count; i++) {
        if (is_kept(node, way, i, chosen, chance)) {
            memcpy(d->buffer + node->pieces[i].at, node->pieces[i].bytes, SECTOR);
        }
    }
    return d->buffer;
}

static void put_file(const char *path, const uint8_t *bytes, uint64_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool is_put = fd >= 0 && (size == 0 || pwrite(fd, bytes, size, 0) == (ssize_t)size) &&
                  ftruncate(fd, (off_t)size) == 0;

    TRIAL_ASSERT(is_put);
    (void)close(fd);
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts;
    (void)type;
    return where->level == 0 ? 0 : remove(path);
}

static void cut_names(power_disk *d, power_keep keep, uint64_t *chance)
{
    uint64_t way = keep == POWER_KEEP_ANY ? power_roll(chance, 4) : 0;
    uint64_t until = power_roll(chance, d->change_count + 1);

    for (uint32_t i = 0; i < d->node_count; i++) {
        d->nodes[i]->cut_names = d->nodes[i]->synced_names;
    }
    for (uint32_t i = 0; i < d->change_count; i++) {
        const struct change *change = &d->changes[i];
        bool is_done = keep == POWER_KEEP_ALL;

        if (keep == POWER_KEEP_ANY) {
            is_done =
                way == 0 || (way == 1 && i < until) || (way > 1 && power_roll(chance, 2) == 0);
        }
        if (is_done) {
            power_change_names(change->from == NULL ? NULL : &change->from->cut_names,
                               change->to == NULL ? NULL : &change->to->cut_names,
                               change);
        }
    }
}

/* Everything that a name leads to, in the order in which it is made. */
struct found {
    struct node *node[NODES_MAX];
    char path[NODES_MAX][PATH_BYTES];
    uint32_t count;
};

static void find_all(power_disk *d, const char *directory, struct found *f)
{
    f->count = 1;
    f->node[0] = d->nodes[0];
    (void)snprintf(f->path[0], PATH_BYTES, "%s", directory);
    d->names_seen = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        const struct names *names = &f->node[i]->cut_names;

        for (uint32_t k = 0; k < names->count && f->count < NODES_MAX; k++) {
            char path[PATH_BYTES];
            int size = snprintf(path, sizeof path, "%.400s/%s", f->path[i], names->name[k]);

            for (int c = 0; c < size; c++) {
                d->names_seen = d->names_seen * 31 + (uint8_t)path[c];
            }
            memcpy(f->path[f->count], path, sizeof path);
            f->node[f->count++] = names->node[k];
        }
    }
}

void power_disk_cut(power_disk *d, power_keep keep, uint64_t *chance, const char *directory)
{
    struct found *f = trial_memory(sizeof *f);
    enum way both = (enum way)power_roll(chance, WAY_COUNT);
    bool is_one_way = power_roll(chance, 2) == 0;

    cut_names(d, keep, chance);
    find_all(d, directory, f);
    if (d->names_seen != d->last_names) {
        (void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    for (uint32_t i = 1; i < f->count; i++) {
        enum way way = is_one_way ? both : (enum way)power_roll(chance, WAY_COUNT);
        uint64_t size;
        const uint8_t *bytes;

        if (keep != POWER_KEEP_ANY) {
            way = keep == POWER_KEEP_ALL ? WAY_ALL : WAY_NOTHING;
        }
        if (f->node[i]->is_directory) {
            (void)mkdir(f->path[i], 0700); /* it may be there from before */
        } else {
            bytes = cut_file(d, f->node[i], way, chance, &size);
            put_file(f->path[i], bytes, size);
        }
    }
    d->last_names = d->names_seen;
    free(f);
}
