/* pages_format.h - LMDB 0.9's file as it lies on the disk of a machine of 64 bits, little-endian.
 */
#ifndef STORE_PAGES_FORMAT_H
#define STORE_PAGES_FORMAT_H

#include "trial/base.h"

#include <assert.h>

#define PAGE_BYTES 4096u
#define PAGE_BYTES_MAX 65536u
#define PAGE_HEAD_BYTES 16u
#define PAGE_NODE_BYTES 8u /* in front of a node's key */
#define PAGE_NONE UINT64_MAX
#define PAGE_BRANCH 0x01u
#define PAGE_LEAF 0x02u
#define PAGE_OVERFLOW 0x04u
#define PAGE_META 0x08u
#define NODE_BIG 0x01u   /* the value lies in pages of its own */
#define NODE_TABLE 0x02u /* the value is a table's record */
#define META_MAGIC 0xbeefc0deu
#define META_VERSION 1u
#define TREE_INTEGER_KEYS 0x08u
#define TREE_DEPTH_MAX 32u /* LMDB's own bound */

/** In front of every page. */
typedef struct page_head {
    uint64_t number;
    uint16_t pad;
    uint16_t flags;
    uint16_t lower; /* behind the pointers to nodes; of overflow: lower and upper are `pages` */
    uint16_t upper; /* where the nodes begin */
} page_head;

/** A tree: where its root is and what it should hold. */
typedef struct page_tree {
    uint32_t pad;
    uint16_t flags;
    uint16_t depth;
    uint64_t branches;
    uint64_t leaves;
    uint64_t overflows;
    uint64_t entries;
    uint64_t root;
} page_tree;

/** Behind the head of pages 0 and 1. */
typedef struct page_meta {
    uint32_t magic;
    uint32_t version;
    uint64_t address;
    uint64_t map_bytes;
    page_tree free; /* its pad is the size of a page, its flags those of the environment */
    page_tree main;
    uint64_t last_page;
    uint64_t txn_id;
} page_meta;

static_assert(sizeof(page_head) == PAGE_HEAD_BYTES, "as LMDB writes it");
static_assert(sizeof(page_tree) == 48, "as LMDB writes it");
static_assert(sizeof(page_meta) == 136, "as LMDB writes it");

#endif
