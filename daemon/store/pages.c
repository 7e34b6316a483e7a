/* pages.c - LMDB's pages looked at; see pages.h. */
#include "pages.h"

#include "pages_format.h"
#include "store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TABLES_MAX (STORE_SLOT_COUNT + 1)

typedef struct span {
    const uint8_t *data;
    size_t size;
} span;

/* A page on the way down, and the keys between which all below it lies. */
typedef struct level {
    uint8_t page[PAGE_BYTES];
    uint64_t number;
    uint32_t count;
    uint32_t next; /* the child to go to */
    span low;      /* data == NULL: no bound */
    span high;
} level;

typedef struct walk {
    int fd;
    const char *path;
    page_meta meta;
    pages_depth depth;
    int64_t until_ms;
    uint8_t *seen; /* a bit a page */
    level *levels; /* TREE_DEPTH_MAX of them */
    page_tree tables[TABLES_MAX];
    uint32_t table_count;
    trial_error *err;
} walk;

/* The tree that is walked, and what was met of it. */
typedef struct tree {
    const page_tree *is;
    bool has_integer_keys;
    bool is_free; /* the list of free pages */
    bool is_main; /* the table of tables */
    uint64_t branches;
    uint64_t leaves;
    uint64_t overflows;
    uint64_t entries;
} tree;

static trial_code bad_page(const walk *w, uint64_t number, const char *what)
{
    return trial_fail(w->err,
                      TRIAL_INVALID,
                      "page %llu of '%s' is damaged: %s; restore the store from a backup",
                      (unsigned long long)number,
                      w->path,
                      what);
}

static trial_code read_at(const walk *w, uint64_t number, size_t skip, void *ret_bytes, size_t size)
{
    ssize_t got = pread(w->fd, ret_bytes, size, (off_t)(number * PAGE_BYTES + skip));

    if (got == (ssize_t)size) {
        return TRIAL_OK;
    }
    return trial_fail_errno(w->err,
                            got < 0 ? errno : EIO,
                            "reading page %llu of '%s'",
                            (unsigned long long)number,
                            w->path);
}

/* Every page is one thing and that once. */
static trial_code claim(const walk *w, uint64_t number, uint64_t count, uint64_t by)
{
    if (number < 2 || count > w->meta.last_page || number > w->meta.last_page - count + 1) {
        return bad_page(w, by, "it leads to a page that is none");
    }
    for (uint64_t i = number; i < number + count; i++) {
        uint8_t bit = (uint8_t)(1u << (i % 8));

        if ((w->seen[i / 8] & bit) != 0) {
            return bad_page(w, by, "it leads to a page that is in use elsewhere, or free");
        }
        w->seen[i / 8] |= bit;
    }
    return TRIAL_OK;
}

typedef struct node {
    span key;
    uint32_t size; /* of the value */
    uint64_t child;
    uint16_t flags;
    const uint8_t *value;
} node;

static node node_at(const uint8_t *page, uint32_t index)
{
    uint16_t at;
    uint16_t words[4];
    node n;

    memcpy(&at, page + PAGE_HEAD_BYTES + (size_t)index * 2, sizeof at);
    memcpy(words, page + at, sizeof words);
    n.size = words[0] | (uint32_t)words[1] << 16;
    n.child = n.size | (uint64_t)words[2] << 32;
    n.flags = words[2];
    n.key = (span){ page + at + PAGE_NODE_BYTES, words[3] };
    n.value = n.key.data + n.key.size;
    return n;
}

/* Bytes of a node, padded to an even number. */
static size_t node_bytes(const node *n, bool is_branch)
{
    size_t value = is_branch ? 0 : (n->flags & NODE_BIG) != 0 ? sizeof(uint64_t) : n->size;

    return (PAGE_NODE_BYTES + n->key.size + value + 1) & ~(size_t)1;
}

/* The nodes lie inside the page, and side by side. */
static bool nodes_fit(const uint8_t *page, const page_head *head, uint32_t count)
{
    bool is_branch = head->flags == PAGE_BRANCH;
    size_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint16_t at;
        node n;

        memcpy(&at, page + PAGE_HEAD_BYTES + (size_t)i * 2, sizeof at);
        if (at < head->upper || at % 2 != 0 || at > PAGE_BYTES - PAGE_NODE_BYTES) {
            return false;
        }
        n = node_at(page, i);
        if (node_bytes(&n, is_branch) > PAGE_BYTES - at) {
            return false;
        }
        sum += node_bytes(&n, is_branch);
    }
    return sum == PAGE_BYTES - head->upper;
}

static int compare(const tree *t, span a, span b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order;

    if (t->has_integer_keys && a.size == sizeof(uint64_t) && b.size == sizeof(uint64_t)) {
        uint64_t left;
        uint64_t right;

        memcpy(&left, a.data, sizeof left);
        memcpy(&right, b.data, sizeof right);
        return (left > right) - (left < right);
    }
    order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Keys ascend and stay between those that led here. The first of a branch page counts for nothing.
 */
static bool keys_ascend(const tree *t, const level *l, bool is_branch)
{
    span before = l->low;
    bool may_equal = true;

    for (uint32_t i = is_branch ? 1 : 0; i < l->count; i++) {
        node n = node_at(l->page, i);
        int order = before.data == NULL ? 1 : compare(t, n.key, before);

        if (n.key.size == 0 || n.key.size > STORE_KEY_BYTES_MAX ||
            (t->has_integer_keys && n.key.size != sizeof(uint64_t)) || order < 0 ||
            (order == 0 && (is_branch || !may_equal))) {
            return false;
        }
        before = n.key;
        may_equal = false;
    }
    return l->high.data == NULL || before.data == NULL || compare(t, before, l->high) < 0;
}

static trial_code read_page(walk *w, const tree *t, level *l, uint16_t flags)
{
    page_head head;
    trial_code code = read_at(w, l->number, 0, l->page, PAGE_BYTES);

    if (code != TRIAL_OK) {
        return code;
    }
    memcpy(&head, l->page, sizeof head);
    if (head.number != l->number || head.flags != flags) {
        return bad_page(w, l->number, "it is not the page that belongs there");
    }
    if (head.lower <= PAGE_HEAD_BYTES || head.lower % 2 != 0 || head.lower > head.upper ||
        head.upper > PAGE_BYTES) {
        return bad_page(w, l->number, "its head cannot be");
    }
    l->count = (head.lower - PAGE_HEAD_BYTES) / 2;
    l->next = 0;
    if (!nodes_fit(l->page, &head, l->count)) {
        return bad_page(w, l->number, "its rows do not lie where its head says");
    }
    return keys_ascend(t, l, flags == PAGE_BRANCH)
               ? TRIAL_OK
               : bad_page(w, l->number, "its keys are not in order");
}

/* A value in pages of its own. */
static trial_code check_overflow(walk *w, tree *t, const node *n, uint64_t by, uint64_t *ret_number)
{
    page_head head;
    uint64_t wanted = ((uint64_t)n->size + PAGE_HEAD_BYTES - 1) / PAGE_BYTES + 1;
    uint64_t pages;
    trial_code code;

    memcpy(ret_number, n->value, sizeof *ret_number);
    if (*ret_number > w->meta.last_page) {
        return bad_page(w, by, "it leads to a page that is none");
    }
    code = read_at(w, *ret_number, 0, &head, sizeof head);
    if (code != TRIAL_OK) {
        return code;
    }
    pages = head.lower | (uint64_t)head.upper << 16;
    if (head.number != *ret_number || head.flags != PAGE_OVERFLOW || pages < wanted) {
        return bad_page(w, by, "what it leads to is not what belongs there");
    }
    t->overflows += pages;
    return claim(w, *ret_number, pages, by);
}

/* Pages that may be used again: a count, then numbers that descend. */
static trial_code check_free(walk *w, const uint8_t *list, size_t size, uint64_t by)
{
    uint64_t count = 0;
    uint64_t before = UINT64_MAX;

    if (size >= sizeof count) {
        memcpy(&count, list, sizeof count);
    }
    if (size < sizeof count || count > size / sizeof count - 1) {
        return bad_page(w, by, "a list of free pages has no end");
    }
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t number;

        memcpy(&number, list + i * sizeof number, sizeof number);
        if (number >= before || claim(w, number, 1, by) != TRIAL_OK) {
            return bad_page(w, by, "a list names pages as free that are not");
        }
        before = number;
    }
    return TRIAL_OK;
}

static trial_code read_free(walk *w, tree *t, const node *n, uint64_t by)
{
    uint64_t number = 0;
    uint8_t *list;
    trial_code code;

    if ((n->flags & NODE_BIG) == 0) {
        return check_free(w, n->value, n->size, by);
    }
    code = check_overflow(w, t, n, by, &number);
    if (code != TRIAL_OK) {
        return code;
    }
    list = malloc(n->size);
    if (list == NULL) {
        return store_fail(w->err, ENOMEM, "looking at the free pages");
    }
    code = read_at(w, number, PAGE_HEAD_BYTES, list, n->size);
    if (code == TRIAL_OK) {
        code = check_free(w, list, n->size, by);
    }
    free(list);
    return code;
}

static trial_code take_table(walk *w, const node *n, uint64_t by)
{
    page_tree *table = &w->tables[w->table_count];

    if (n->flags != NODE_TABLE || n->size != sizeof *table || w->table_count == TABLES_MAX) {
        return bad_page(w, by, "it names a table that is none of triald's");
    }
    memcpy(table, n->value, sizeof *table);
    w->table_count++;
    if ((table->flags & ~TREE_INTEGER_KEYS) != 0 ||
        (table->flags != 0) != (n->key.size == 3 && memcmp(n->key.data, "log", 3) == 0)) {
        return bad_page(w, by, "it describes a table as none of triald's is made");
    }
    return TRIAL_OK;
}

static trial_code check_leaf(walk *w, tree *t, const level *l)
{
    trial_code code = TRIAL_OK;

    for (uint32_t i = 0; i < l->count && code == TRIAL_OK; i++) {
        node n = node_at(l->page, i);
        uint64_t number;

        t->entries++;
        if (t->is_main) {
            code = take_table(w, &n, l->number);
        } else if ((n.flags & ~NODE_BIG) != 0) {
            code = bad_page(w, l->number, "a row is of a kind that triald never writes");
        } else if (t->is_free) {
            code = read_free(w, t, &n, l->number);
        } else if ((n.flags & NODE_BIG) != 0) {
            code = check_overflow(w, t, &n, l->number, &number);
        }
    }
    return code;
}

/* Go to the next child of the branch page at `at`; it is a leaf where that is the last but one
 * level. Leaves of tables are read where all is looked at. */
static trial_code go_down(walk *w, tree *t, uint32_t at, uint32_t *ret_at)
{
    level *l = &w->levels[at];
    level *below = &w->levels[at + 1];
    node n = node_at(l->page, l->next);
    bool is_leaf = at + 2u == t->is->depth;
    trial_code code = claim(w, n.child, 1, l->number);

    below->number = n.child;
    below->low = l->next == 0 ? l->low : n.key;
    below->high = l->next + 1 == l->count ? l->high : node_at(l->page, l->next + 1).key;
    l->next++;
    if (is_leaf) {
        t->leaves++;
    }
    if (code == TRIAL_OK && (!is_leaf || w->depth == PAGES_ALL || t->is_main || t->is_free)) {
        code = read_page(w, t, below, is_leaf ? PAGE_LEAF : PAGE_BRANCH);
        if (code == TRIAL_OK && is_leaf) {
            code = check_leaf(w, t, below);
        }
    }
    if (code == TRIAL_OK && !is_leaf) {
        t->branches++;
        *ret_at = at + 1;
    }
    return code;
}

static trial_code check_counts(const walk *w, const tree *t)
{
    if (w->depth == PAGES_ALL &&
        (t->branches != t->is->branches || t->leaves != t->is->leaves ||
         t->overflows != t->is->overflows || t->entries != t->is->entries)) {
        return bad_page(w, t->is->root, "the tree below it is not as large as it should be");
    }
    return TRIAL_OK;
}

static trial_code check_tree(walk *w, tree *t)
{
    level *root = &w->levels[0];
    bool is_leaf = t->is->depth == 1;
    uint32_t at = 0;
    trial_code code;

    if (t->is->root == PAGE_NONE && t->is->depth == 0) {
        return check_counts(w, t);
    }
    if (t->is->depth == 0 || t->is->depth > TREE_DEPTH_MAX) {
        return bad_page(w, t->is->root, "the tree below it has a depth that cannot be");
    }
    *root = (level){ .number = t->is->root };
    code = claim(w, root->number, 1, root->number);
    if (code == TRIAL_OK) {
        code = read_page(w, t, root, is_leaf ? PAGE_LEAF : PAGE_BRANCH);
    }
    if (code == TRIAL_OK && is_leaf) {
        t->leaves++;
        root->next = root->count;
        code = check_leaf(w, t, root);
    }
    t->branches += is_leaf ? 0 : 1;
    while (code == TRIAL_OK && space_now_ms() < w->until_ms) {
        if (w->levels[at].next < w->levels[at].count) {
            code = go_down(w, t, at, &at);
        } else if (at == 0) {
            return check_counts(w, t);
        } else {
            at--;
        }
    }
    return code;
}

static trial_code check_trees(walk *w)
{
    tree free_pages = { .is = &w->meta.free, .has_integer_keys = true, .is_free = true };
    tree tables = { .is = &w->meta.main, .is_main = true };
    trial_code code = check_tree(w, &free_pages);

    if (code == TRIAL_OK) {
        code = check_tree(w, &tables);
    }
    for (uint32_t i = 0; i < w->table_count && code == TRIAL_OK; i++) {
        tree table = { .is = &w->tables[i], .has_integer_keys = w->tables[i].flags != 0 };

        code = check_tree(w, &table);
    }
    return code;
}

/* One of a machine with other pages is not looked at further; no flipped bit leads from one size
 * to another. */
static bool is_page_size(uint32_t bytes)
{
    return bytes >= PAGE_BYTES && bytes <= PAGE_BYTES_MAX && (bytes & (bytes - 1)) == 0;
}

static bool meta_can_be(const page_head *head, const page_meta *meta, uint64_t number)
{
    return head->number == number && head->flags == PAGE_META && meta->magic == META_MAGIC &&
           meta->version == META_VERSION && is_page_size(meta->free.pad) &&
           meta->free.flags == TREE_INTEGER_KEYS && meta->main.flags == 0 && meta->last_page >= 1;
}

/* Both meta pages. LMDB writes them in turn, each whole, so they are a transaction apart. */
static trial_code read_metas(walk *w, page_meta metas[2])
{
    trial_code code = TRIAL_OK;

    for (uint64_t i = 0; i < 2 && code == TRIAL_OK; i++) {
        size_t at = i == 0 ? 0 : metas[0].free.pad;
        page_head head = { 0 };

        code = read_at(w, 0, at, &head, sizeof head);
        if (code == TRIAL_OK) {
            code = read_at(w, 0, at + sizeof head, &metas[i], sizeof metas[i]);
        }
        if (code == TRIAL_OK && !meta_can_be(&head, &metas[i], i)) {
            code = bad_page(w, i, "it is not what a log of LMDB begins with");
        }
    }
    return code;
}

static trial_code choose_meta(walk *w, const page_meta metas[2], uint64_t txn_id)
{
    uint64_t newest = metas[0].txn_id > metas[1].txn_id ? 0 : 1;

    if (txn_id != 0) { /* somebody writes: one of the two may be newer by now */
        newest = metas[0].txn_id == txn_id ? 0 : 1;
        w->meta = metas[newest];
        return metas[newest].txn_id == txn_id
                   ? TRIAL_OK
                   : trial_fail(w->err, TRIAL_BUSY, "the snapshot is an old one");
    }
    w->meta = metas[newest];
    if (w->meta.txn_id - metas[1 - newest].txn_id != 1 || w->meta.txn_id % 2 != newest) {
        return bad_page(w, newest, "the last two transactions do not follow each other");
    }
    return TRIAL_OK;
}

static trial_code check_size(const walk *w)
{
    struct stat facts;

    if (fstat(w->fd, &facts) != 0) {
        return trial_fail_errno(w->err, errno, "looking at '%s'", w->path);
    }
    if ((uint64_t)facts.st_size / w->meta.free.pad <= w->meta.last_page) {
        return trial_fail(w->err,
                          TRIAL_INVALID,
                          "'%s' was cut: it has %lld bytes and needs %llu; restore the store from "
                          "a backup",
                          w->path,
                          (long long)facts.st_size,
                          (unsigned long long)(w->meta.last_page + 1) * w->meta.free.pad);
    }
    return TRIAL_OK;
}

trial_code pages_check(int fd,
                       const char *path,
                       uint64_t txn_id,
                       pages_depth depth,
                       int64_t until_ms,
                       trial_error *err)
{
    walk w = { .fd = fd, .path = path, .depth = depth, .until_ms = until_ms, .err = err };
    page_meta metas[2] = { 0 };
    trial_code code = read_metas(&w, metas);

    if (code == TRIAL_OK) {
        code = choose_meta(&w, metas, txn_id);
    }
    if (code == TRIAL_OK) {
        code = check_size(&w);
    }
    if (code != TRIAL_OK || w.meta.free.pad != PAGE_BYTES) {
        return code;
    }
    w.seen = calloc(1, w.meta.last_page / 8 + 1);
    w.levels = malloc(TREE_DEPTH_MAX * sizeof *w.levels);
    if (w.seen == NULL || w.levels == NULL) {
        code = store_fail(err, ENOMEM, "looking at the pages of '%s'", path);
    } else {
        code = check_trees(&w);
    }
    free(w.seen);
    free(w.levels);
    return code;
}
