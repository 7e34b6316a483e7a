/* canonical.c - the one spelling that is stored and hashed: what has it, and how the rest gets it.
 */
#include "token.h"

#include <math.h>
#include <stdlib.h>

/* A list or map that a walk is in. */
struct spot {
    uint64_t left; /* values and keys still to come */
    bool is_map;
    trial_text key; /* the last one of a map */
};

/* A key must be a text behind the one before it. */
static bool key_is_in_order(struct spot *spot, bool is_text, trial_text key)
{
    if (!is_text || (spot->key.at != NULL && trial_text_compare(spot->key, key) >= 0)) {
        return false;
    }
    spot->key = key;
    return true;
}

static bool token_is_canonical(const pack_token *token)
{
    return token->is_shortest && token->kind != PACK_BIN && token->kind != PACK_EXT &&
           (token->kind != PACK_FLOAT || isfinite(pack_token_float(token)));
}

/* Walk over one value from `at`; NULL where there is none, else behind it. */
static const uint8_t *walk_over(const uint8_t *at, const uint8_t *end, pack_measured *ret_measured)
{
    struct spot outer[PACK_DEPTH_MAX]; /* the lists and maps around this one */
    struct spot spot = { .left = 1 };
    pack_measured measured = { .is_canonical = true };
    uint32_t depth = 0;
    pack_token token;

    do {
        uint64_t items;

        if (!pack_token_read(at, end, &token)) {
            return NULL;
        }
        items = pack_token_items(&token);
        if (items > (size_t)(end - token.next)) {
            return NULL;
        }
        measured.elements++;
        if (!token_is_canonical(&token) ||
            (spot.is_map && spot.left % 2 == 0 &&
             !key_is_in_order(&spot, token.kind == PACK_TEXT, pack_token_text(&token)))) {
            measured.is_canonical = false;
        }
        at = token.next;
        spot.left--;
        if (token.kind >= PACK_LIST && depth + 1 > measured.depth) {
            measured.depth = depth + 1;
        }
        if (items > 0) {
            if (depth == PACK_DEPTH_MAX) {
                return NULL;
            }
            outer[depth++] = spot;
            spot = (struct spot){ .left = items, .is_map = token.kind == PACK_MAP };
        }
        while (spot.left == 0 && depth > 0) {
            spot = outer[--depth];
        }
    } while (spot.left > 0);
    *ret_measured = measured;
    return at;
}

bool pack_measure(trial_bytes bytes, pack_measured *ret_measured)
{
    const uint8_t *end = bytes.size == 0 ? bytes.data : bytes.data + bytes.size;
    const uint8_t *behind = walk_over(bytes.data, end, ret_measured);

    return behind != NULL && behind == end;
}

bool pack_is_canonical(trial_bytes bytes)
{
    pack_measured measured;

    return pack_measure(bytes, &measured) && measured.is_canonical;
}

bool pack_entry_read(pack_reader *reader, pack_entry *ret_entry)
{
    const uint8_t *key = reader->at;
    pack_leaf value;

    ret_entry->name = pack_text(reader);
    if (reader->has_failed) {
        return false;
    }
    ret_entry->key = key;
    ret_entry->value = reader->at;
    if (pack_leaf_read(reader->at, reader->end, &value)) { /* most are */
        reader->at = value.next;
    } else {
        (void)pack_skip(reader); /* the reader remembers */
    }
    ret_entry->end = reader->at;
    return !reader->has_failed;
}

static int compare_entries(const void *a, const void *b)
{
    return trial_text_compare(((const pack_entry *)a)->name, ((const pack_entry *)b)->name);
}

/* Most maps are small, and many are nearly in order already. */
static void sort_entries(pack_entry *entries, uint32_t count)
{
    if (count > 32) {
        qsort(entries, count, sizeof *entries, compare_entries);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        pack_entry moved = entries[i];
        uint32_t to = i;

        while (to > 0 && trial_text_compare(entries[to - 1].name, moved.name) > 0) {
            entries[to] = entries[to - 1];
            to--;
        }
        entries[to] = moved;
    }
}

trial_code
pack_entries_read(pack_reader *reader, uint32_t count, pack_entry *ret_entries, trial_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!pack_entry_read(reader, &ret_entries[i])) {
            return trial_fail_rule(err, TRIAL_RULE_NOT_JSON, "a key of a map is no text");
        }
    }
    sort_entries(ret_entries, count);
    for (uint32_t i = 1; i < count; i++) {
        if (trial_text_equal(ret_entries[i - 1].name, ret_entries[i].name)) {
            return trial_fail_rule(err,
                                   TRIAL_RULE_NOT_JSON,
                                   "the key '%.*s' is there twice",
                                   TRIAL_TEXT_ARGS(ret_entries[i].name));
        }
    }
    return TRIAL_OK;
}

/* A list or map that is being written: a list goes on where the reader stands, a map from entry to
 * entry. */
struct level {
    const pack_entry *entries; /* NULL in a list */
    uint32_t count;
    uint32_t next;
    const uint8_t *end; /* of a map, where its last entry ends in the source */
};

struct rewrite {
    pack_reader *reader;
    pack_writer *writer;
    trial_arena *scratch;
    trial_error *err;
    uint32_t depth;
    struct level levels[PACK_DEPTH_MAX];
};

/* Name the field that was being written, dotted. */
static trial_code name_field(const struct rewrite *rewrite, trial_code code)
{
    char path[TRIAL_ERROR_FIELD_BYTES] = "";
    size_t size = 0;

    for (uint32_t i = 0; i < rewrite->depth; i++) {
        const struct level *level = &rewrite->levels[i];

        if (level->entries != NULL && level->next > 0) {
            size = pack_path_add(path, size, level->entries[level->next - 1].name);
        }
    }
    if (rewrite->err != NULL) {
        return trial_fail_field(rewrite->err, "%s", path);
    }
    return code;
}

static trial_code enter_map(struct rewrite *rewrite, uint32_t count)
{
    pack_entry *entries = trial_arena_take(rewrite->scratch, count * sizeof *entries);
    trial_code code = pack_entries_read(rewrite->reader, count, entries, rewrite->err);

    if (code != TRIAL_OK) {
        return name_field(rewrite, code);
    }
    pack_put_map(rewrite->writer, count);
    rewrite->levels[rewrite->depth++] =
        (struct level){ .entries = entries, .count = count, .end = rewrite->reader->at };
    return TRIAL_OK;
}

static trial_code put_scalar(struct rewrite *rewrite, const pack_token *token)
{
    double number = pack_token_float(token);

    if (token->kind == PACK_BIN || token->kind == PACK_EXT) {
        return name_field(rewrite,
                          trial_fail_rule(rewrite->err,
                                          TRIAL_RULE_WRONG_TYPE,
                                          "a value is bin or ext, which no event may hold"));
    }
    if (token->kind == PACK_FLOAT && !isfinite(number)) {
        return name_field(
            rewrite, trial_fail_rule(rewrite->err, TRIAL_RULE_BAD_RANGE, "a number is not finite"));
    }
    if (token->kind == PACK_FLOAT) {
        pack_put_float(rewrite->writer, number);
    } else if (token->kind == PACK_TEXT) {
        pack_put_text(rewrite->writer, pack_token_text(token));
    } else if (token->kind == PACK_INTEGER) {
        pack_put_integer(rewrite->writer, (int64_t)token->bits);
    } else if (token->kind == PACK_UNSIGNED) {
        pack_put_unsigned(rewrite->writer, token->bits);
    } else if (token->kind == PACK_TRUTH) {
        pack_put_truth(rewrite->writer, token->bits != 0);
    } else {
        pack_put_nil(rewrite->writer);
    }
    return TRIAL_OK;
}

/* Write the value where the reader stands, or enter it. */
static trial_code put_next(struct rewrite *rewrite)
{
    pack_reader *reader = rewrite->reader;
    pack_token token;

    if (!pack_token_read(reader->at, reader->end, &token) ||
        pack_token_items(&token) > (size_t)(reader->end - token.next)) {
        return trial_fail_rule(rewrite->err, TRIAL_RULE_NOT_JSON, "a value is cut short");
    }
    reader->at = token.next;
    if (token.kind != PACK_LIST && token.kind != PACK_MAP) {
        return put_scalar(rewrite, &token);
    }
    if (rewrite->depth == PACK_DEPTH_MAX) {
        return trial_fail_rule(rewrite->err, TRIAL_RULE_TOO_LARGE, "a value is nested too deep");
    }
    if (token.kind == PACK_MAP) {
        return enter_map(rewrite, token.count);
    }
    pack_put_list(rewrite->writer, token.count);
    rewrite->levels[rewrite->depth++] = (struct level){ .count = token.count };
    return TRIAL_OK;
}

/* Leave what is written whole; false where nothing is left to write. */
static bool go_on(struct rewrite *rewrite)
{
    while (rewrite->depth > 0) {
        struct level *level = &rewrite->levels[rewrite->depth - 1];

        if (level->next < level->count) {
            if (level->entries != NULL) {
                pack_put_text(rewrite->writer, level->entries[level->next].name);
                rewrite->reader->at = level->entries[level->next].value;
            }
            level->next++;
            return true;
        }
        if (level->entries != NULL) {
            rewrite->reader->at = level->end;
        }
        rewrite->depth--;
    }
    return false;
}

trial_code
pack_canonical(pack_reader *reader, pack_writer *writer, trial_arena *scratch, trial_error *err)
{
    struct rewrite rewrite = { .reader = reader, .writer = writer, .scratch = scratch, .err = err };
    pack_measured measured;
    const uint8_t *behind = walk_over(reader->at, reader->end, &measured);

    if (behind != NULL && measured.is_canonical) {
        pack_put_raw(writer, (trial_bytes){ reader->at, (size_t)(behind - reader->at) });
        reader->at = behind;
        return TRIAL_OK;
    }
    do {
        trial_code code = put_next(&rewrite);

        if (code != TRIAL_OK) {
            reader->has_failed = true;
            return code;
        }
    } while (go_on(&rewrite));
    return TRIAL_OK;
}

size_t pack_path_add(char *path, size_t size, trial_text name)
{
    size_t room = TRIAL_ERROR_FIELD_BYTES - 1 - size;
    size_t taken;

    if (size > 0 && room > 0) {
        path[size++] = '.';
        room--;
    }
    taken = name.size < room ? name.size : room;
    if (taken > 0) {
        memcpy(path + size, name.at, taken);
    }
    path[size + taken] = '\0';
    return size + taken;
}

trial_code pack_fail_inside(trial_error *err, trial_text name, trial_code code)
{
    char path[TRIAL_ERROR_FIELD_BYTES] = "";
    size_t size = pack_path_add(path, 0, name);

    if (err == NULL) {
        return code;
    }
    if (err->field[0] != '\0') {
        (void)pack_path_add(path, size, trial_text_of(err->field));
    }
    return trial_fail_field(err, "%s", path);
}
