/* pages.c - see pages.h. */
#include "pages.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

struct board_pages {
    trial_arena arena;
    size_t bytes;
    uint32_t count;
    board_page items[PAGES_FILES_MAX];
};

static const struct type {
    const char *suffix;
    const char *type;
} types[] = {
    { ".html", "text/html; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".json", "application/json" },
    { ".svg", "image/svg+xml" },
    { ".png", "image/png" },
    { ".ico", "image/x-icon" },
    { ".woff2", "font/woff2" },
    { ".txt", "text/plain; charset=utf-8" },
    { ".webmanifest", "application/manifest+json" },
    { ".map", "application/json" },
};

#define PACKED ".gz"

static bool ends_with(trial_text text, const char *suffix)
{
    size_t size = strlen(suffix);

    return text.size > size && memcmp(text.at + text.size - size, suffix, size) == 0;
}

static const char *type_of(trial_text path)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (ends_with(path, types[i].suffix)) {
            return types[i].type;
        }
    }
    return NULL;
}

/* Does the name hold a hash, as the bundler writes it: NAME-ABCDEFGH.js? */
static bool has_hash(trial_text path)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const char *dash = memrchr(path.at, '-', path.size);
    const char *end = path.at + path.size;

    return dash != NULL && end - dash > 9 && strspn(dash + 1, letters) == 8 && dash[9] == '.';
}

static trial_code
read_all(board_pages *pages, const FTSENT *entry, trial_bytes *ret_bytes, trial_error *err)
{
    size_t size = (size_t)entry->fts_statp->st_size;
    uint8_t *data;
    size_t got;
    FILE *file;

    if (size > PAGES_BYTES_MAX - pages->bytes) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "the files of the pages have more than %d bytes together",
                          PAGES_BYTES_MAX);
    }
    file = fopen(entry->fts_accpath, "re");
    if (file == NULL) {
        return trial_fail_errno(err, errno, "opening '%.300s'", entry->fts_path);
    }
    data = trial_arena_room(&pages->arena, size + 1);
    got = fread(data, 1, size + 1, file);
    (void)fclose(file); /* it was only read */
    if (got != size) {
        return trial_fail(
            err, TRIAL_STORAGE, "'%.300s' changed while it was read", entry->fts_path);
    }
    pages->bytes += size;
    *ret_bytes = (trial_bytes){ data, size };
    return TRIAL_OK;
}

static board_page *find(board_pages *pages, trial_text path)
{
    for (uint32_t i = 0; i < pages->count; i++) {
        if (trial_text_is(path, pages->items[i].path)) {
            return &pages->items[i];
        }
    }
    return NULL;
}

/* The item of that path, made where there is none yet: the packed form may come first. */
static trial_code
item_of(board_pages *pages, trial_text path, board_page **ret_page, trial_error *err)
{
    board_page *item = find(pages, path);

    if (item == NULL && pages->count == PAGES_FILES_MAX) {
        return trial_fail(err, TRIAL_INVALID, "the pages have more than %d files", PAGES_FILES_MAX);
    }
    if (item == NULL) {
        item = &pages->items[pages->count++];
        item->path = trial_arena_print(&pages->arena, "%.*s%c", TRIAL_TEXT_ARGS(path), '\0').at;
        item->type = type_of(path);
        item->is_lasting = has_hash(path);
    }
    if (item->type == NULL) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s' among the pages is of no sort that a browser is given",
                          item->path);
    }
    *ret_page = item;
    return TRIAL_OK;
}

static trial_code
take_file(board_pages *pages, const FTSENT *entry, size_t root_size, trial_error *err)
{
    trial_text path = trial_text_of(entry->fts_path + root_size);
    bool is_packed = ends_with(path, PACKED);
    trial_bytes bytes = { 0 };
    board_page *item = NULL;
    trial_code code;

    if (is_packed) {
        path.size -= (uint32_t)sizeof PACKED - 1;
    }
    code = item_of(pages, path, &item, err);
    if (code == TRIAL_OK) {
        code = read_all(pages, entry, &bytes, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    TRIAL_ASSERT(item != NULL);
    if (is_packed) {
        item->packed = bytes;
    } else {
        item->plain = bytes;
        (void)snprintf(item->etag,
                       sizeof item->etag,
                       "\"%016llx\"",
                       (unsigned long long)XXH3_64bits(bytes.data, bytes.size));
    }
    return TRIAL_OK;
}

static trial_code
take_entry(board_pages *pages, const FTSENT *entry, size_t root_size, trial_error *err)
{
    switch (entry->fts_info) {
    case FTS_F:
        return take_file(pages, entry, root_size, err);
    case FTS_D:
        return entry->fts_level <= PAGES_DEPTH_MAX
                   ? TRIAL_OK
                   : trial_fail(err, TRIAL_INVALID, "'%.300s' lies too deep", entry->fts_path);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return entry->fts_level == 0 && entry->fts_errno == ENOENT
                   ? trial_fail(err, TRIAL_NOT_FOUND, "there is no '%.300s'", entry->fts_path)
                   : trial_fail_errno(err, entry->fts_errno, "reading '%.300s'", entry->fts_path);
    default: /* behind a directory; a link or a device is no page */
        return TRIAL_OK;
    }
}

/* Each file must be there as itself, and packed only where that is smaller. */
static trial_code check_items(board_pages *pages, trial_error *err)
{
    for (uint32_t i = 0; i < pages->count; i++) {
        board_page *item = &pages->items[i];

        if (item->etag[0] == '\0') {
            return trial_fail(
                err, TRIAL_INVALID, "'%s' is among the pages only as " PACKED, item->path);
        }
        if (item->packed.size >= item->plain.size) {
            item->packed = (trial_bytes){ 0 };
        }
    }
    return TRIAL_OK;
}

trial_code pages_open(const char *directory, board_pages **ret_pages, trial_error *err)
{
    char root[4096]; /* fts takes it to write on */
    char *roots[] = { root, NULL };
    size_t size = strlen(directory);
    board_pages *pages;
    trial_code code = TRIAL_OK;
    FTS *walk;

    while (size > 1 && directory[size - 1] == '/') {
        size--;
    }
    if (size >= sizeof root) {
        return trial_fail(err, TRIAL_INVALID, "the path of the pages is too long");
    }
    memcpy(root, directory, size);
    root[size] = '\0';
    walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    if (walk == NULL) {
        return trial_fail_errno(err, errno, "reading '%.300s'", directory);
    }
    pages = trial_memory(sizeof *pages);
    for (FTSENT *entry = fts_read(walk); entry != NULL && code == TRIAL_OK;
         entry = fts_read(walk)) {
        code = take_entry(pages, entry, size, err);
    }
    (void)fts_close(walk); /* it was only read */
    if (code == TRIAL_OK) {
        code = check_items(pages, err);
    }
    if (code == TRIAL_OK && pages_find(pages, TRIAL_TEXT("/")) == NULL) {
        code = trial_fail(err, TRIAL_NOT_FOUND, "'%.300s' holds no index.html", directory);
    }
    if (code != TRIAL_OK) {
        pages_close(pages);
        return code;
    }
    *ret_pages = pages;
    return TRIAL_OK;
}

void pages_close(board_pages *pages)
{
    if (pages != NULL) {
        trial_arena_done(&pages->arena);
        free(pages);
    }
}

const board_page *pages_find(const board_pages *pages, trial_text path)
{
    trial_text wanted = trial_text_is(path, "/") ? TRIAL_TEXT("/index.html") : path;

    for (uint32_t i = 0; pages != NULL && i < pages->count; i++) {
        if (trial_text_is(wanted, pages->items[i].path)) {
            return &pages->items[i];
        }
    }
    return NULL;
}

uint32_t pages_count(const board_pages *pages)
{
    return pages == NULL ? 0 : pages->count;
}
