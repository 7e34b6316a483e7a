/* values.c - trees of plain values to canonical bytes, and back. */
#include "token.h"

#include <stdlib.h>

/* A list or map of the tree that is being written or filled. */
struct level {
    trial_value *value;
    trial_entry *entries; /* writing a map: in the order of their names */
    uint32_t next;
    uint32_t left;       /* items or entries still to come */
    trial_text name;     /* reading a map: of the entry that comes */
    trial_text greatest; /* of the names so far */
};

static int compare_entries(const void *a, const void *b)
{
    return trial_text_compare(((const trial_entry *)a)->name, ((const trial_entry *)b)->name);
}

static void put_scalar(pack_writer *writer, const trial_value *value)
{
    switch (value->kind) {
    case TRIAL_VALUE_NIL:
        pack_put_nil(writer);
        return;
    case TRIAL_VALUE_TRUTH:
        pack_put_truth(writer, value->as.truth);
        return;
    case TRIAL_VALUE_INTEGER:
        pack_put_integer(writer, value->as.integer);
        return;
    case TRIAL_VALUE_UNSIGNED:
        pack_put_unsigned(writer, value->as.count);
        return;
    case TRIAL_VALUE_FLOAT:
        pack_put_float(writer, value->as.number);
        return;
    case TRIAL_VALUE_TEXT:
        pack_put_text(writer, value->as.text);
        return;
    case TRIAL_VALUE_LIST:
    case TRIAL_VALUE_MAP:
        break;
    }
    trial_panic(__FILE__, __LINE__, "a value of no kind");
}

/* Begin a list or map, which must be entered. */
static void begin_container(pack_writer *writer,
                            const trial_value *value,
                            trial_arena *scratch,
                            struct level *ret)
{
    trial_entry *entries = NULL;
    uint32_t count;

    if (value->kind == TRIAL_VALUE_LIST) {
        count = value->as.list.count;
        pack_put_list(writer, count);
    } else {
        count = value->as.map.count;
        pack_put_map(writer, count);
        entries = trial_arena_grow(scratch, value->as.map.entries, count, count, sizeof *entries);
        qsort(entries, count, sizeof *entries, compare_entries);
    }
    *ret = (struct level){ .entries = entries, .left = count };
    ret->value = (trial_value *)(uintptr_t)value; /* only looked at */
}

static bool is_container(const trial_value *value)
{
    return value->kind == TRIAL_VALUE_LIST || value->kind == TRIAL_VALUE_MAP;
}

bool pack_try_value(pack_writer *writer, const trial_value *value, trial_arena *scratch)
{
    struct level levels[PACK_DEPTH_MAX];
    uint32_t depth = 0;

    if (is_container(value)) {
        begin_container(writer, value, scratch, &levels[depth++]);
    } else {
        put_scalar(writer, value);
    }
    while (depth > 0) {
        struct level *level = &levels[depth - 1];
        const trial_value *inner;

        if (level->left == 0) {
            depth--;
            continue;
        }
        level->left--;
        if (level->entries != NULL) {
            pack_put_text(writer, level->entries[level->next].name);
            inner = level->entries[level->next++].value;
        } else {
            inner = level->value->as.list.items[level->next++];
        }
        if (depth == PACK_DEPTH_MAX && is_container(inner)) {
            return false;
        }
        if (is_container(inner)) {
            begin_container(writer, inner, scratch, &levels[depth++]);
        } else {
            put_scalar(writer, inner);
        }
    }
    return true;
}

void pack_put_value(pack_writer *writer, const trial_value *value, trial_arena *scratch)
{
    bool is_whole = pack_try_value(writer, value, scratch);

    TRIAL_ASSERT(is_whole);
}

/* Make the value a token stands for; its items come later. */
static trial_value *value_of(const pack_token *token, trial_arena *arena)
{
    switch (token->kind) {
    case PACK_NIL:
        return trial_value_nil(arena);
    case PACK_TRUTH:
        return trial_value_truth(arena, token->bits != 0);
    case PACK_INTEGER:
        return trial_value_integer(arena, (int64_t)token->bits);
    case PACK_UNSIGNED:
        return trial_value_unsigned(arena, token->bits);
    case PACK_FLOAT:
        return trial_value_float(arena, pack_token_float(token));
    case PACK_TEXT:
        return trial_value_text(arena, pack_token_text(token));
    case PACK_LIST:
        return trial_value_list(arena);
    case PACK_MAP:
        return trial_value_map(arena);
    case PACK_BIN:
    case PACK_EXT:
    case PACK_END:
        break;
    }
    return NULL;
}

/* Put a value where it belongs: into the list or map on top. */
static trial_code
place(struct level *level, trial_value *value, trial_arena *arena, trial_error *err)
{
    trial_value *into = level->value;

    level->left--;
    if (into->kind == TRIAL_VALUE_LIST) {
        trial_value_push(arena, into, value);
        return TRIAL_OK;
    }
    /* A name behind all others is new; only what is out of order must be looked for. */
    if (level->greatest.at == NULL || trial_text_compare(level->greatest, level->name) < 0) {
        level->greatest = level->name;
    } else if (trial_value_find(into, level->name) != NULL) {
        return trial_fail_rule(err,
                               TRIAL_RULE_NOT_JSON,
                               "the key '%.*s' is there twice",
                               TRIAL_TEXT_ARGS(level->name));
    }
    trial_value_append(arena, into, level->name, value);
    return TRIAL_OK;
}

/* Read one token where the reader stands; a list or map only begins. */
static trial_code read_one(
    pack_reader *reader, trial_arena *arena, pack_token *token, trial_value **ret, trial_error *err)
{
    if (!pack_token_read(reader->at, reader->end, token) ||
        pack_token_items(token) > (size_t)(reader->end - token->next)) {
        return trial_fail_rule(err, TRIAL_RULE_NOT_JSON, "a value is cut short");
    }
    *ret = value_of(token, arena);
    if (*ret == NULL) {
        return trial_fail_rule(err, TRIAL_RULE_WRONG_TYPE, "a value is bin or ext");
    }
    reader->at = token->next;
    return TRIAL_OK;
}

/* Read the next item or entry of the level on top; a list or map becomes the new top. */
static trial_code fill(pack_reader *reader,
                       trial_arena *arena,
                       struct level *levels,
                       uint32_t *depth,
                       trial_error *err)
{
    struct level *level = &levels[*depth - 1];
    trial_value *value = NULL;
    pack_token token = { 0 };
    trial_code code;

    TRIAL_ASSERT(level->value != NULL);
    if (level->value->kind == TRIAL_VALUE_MAP) {
        level->name = pack_text(reader);
        if (reader->has_failed) {
            return trial_fail_rule(err, TRIAL_RULE_NOT_JSON, "a key of a map is no text");
        }
    }
    code = read_one(reader, arena, &token, &value, err);
    if (code == TRIAL_OK) {
        code = place(level, value, arena, err);
    }
    if (code != TRIAL_OK || token.count == 0 ||
        (token.kind != PACK_LIST && token.kind != PACK_MAP)) {
        return code;
    }
    if (*depth == PACK_DEPTH_MAX) {
        return trial_fail_rule(err, TRIAL_RULE_TOO_LARGE, "a value is nested too deep");
    }
    levels[(*depth)++] = (struct level){ .value = value, .left = token.count };
    return TRIAL_OK;
}

trial_code
pack_value(pack_reader *reader, trial_arena *arena, trial_value **ret_value, trial_error *err)
{
    struct level levels[PACK_DEPTH_MAX];
    trial_value *value = NULL;
    uint32_t depth = 0;
    pack_token token = { 0 };
    trial_code code = read_one(reader, arena, &token, &value, err);

    if (code == TRIAL_OK && (token.kind == PACK_LIST || token.kind == PACK_MAP)) {
        levels[depth++] = (struct level){ .value = value, .left = token.count };
    }
    while (code == TRIAL_OK && depth > 0) {
        if (levels[depth - 1].left == 0) {
            depth--;
        } else {
            code = fill(reader, arena, levels, &depth, err);
        }
    }
    if (code != TRIAL_OK) {
        reader->has_failed = true;
        return code;
    }
    *ret_value = value;
    return TRIAL_OK;
}
