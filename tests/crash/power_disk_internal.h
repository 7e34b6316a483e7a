/* power_disk_internal.h - what the files of the disk that loses its power share. */
#ifndef TESTS_POWER_DISK_INTERNAL_H
#define TESTS_POWER_DISK_INTERNAL_H

#include "power_disk.h"

#define SECTOR ((uint64_t)512)
#define NAMES_MAX 24 /* of one directory */
#define NAME_BYTES 64
#define NODES_MAX 64
#define PENDING_NAMES_MAX 64

/* A sector as one write left it. */
struct piece {
    uint64_t call; /* which call that was */
    uint64_t at;
    const uint8_t *bytes;
};

struct node;

struct names {
    char name[NAMES_MAX][NAME_BYTES];
    struct node *node[NAMES_MAX];
    uint32_t count;
};

/* A file or a directory, whatever names lead to it. */
struct node {
    bool is_directory;
    uint8_t *now; /* what a program reads */
    uint64_t size;
    uint64_t room; /* of both */
    uint8_t *synced;
    uint64_t synced_size;
    struct piece *pieces; /* written since, in order */
    uint32_t piece_count;
    uint32_t piece_room;
    uint64_t *sizes; /* it had since */
    uint32_t size_count;
    uint32_t size_room;
    trial_arena arena; /* the pieces' bytes */
    struct names names;
    struct names synced_names;
    struct names cut_names; /* of the image in the making */
};

/* A change of names that its directory was not synced after. */
struct change {
    struct node *from; /* NULL: nothing leaves */
    char from_name[NAME_BYTES];
    struct node *to; /* NULL: nothing comes */
    char to_name[NAME_BYTES];
    struct node *node;
};

struct power_disk {
    struct node *nodes[NODES_MAX];
    uint32_t node_count;
    struct change changes[PENDING_NAMES_MAX];
    uint32_t change_count;
    power_lies lies;
    uint64_t calls;
    uint8_t *buffer; /* a file of an image */
    uint64_t buffer_room;
    uint64_t last_names; /* of the image that lies on disk; 0: not known */
    uint64_t names_seen;
};

/** Do a change of names to the names of two directories, each NULL where the change is none of
 * theirs. */
void power_change_names(struct names *from, struct names *to, const struct change *change);

#endif
