/* shape.c - maps into the structs that rows describe, and back. What a field may hold is judged
 * here; what it means is not. */
#include "token.h"
#include "trial/limits.h"
#include "trial/state.h"

#include <stdio.h>

#define SHAPE_DEPTH_MAX 8u   /* structs in structs: a state, its lists, their maps, and room */
#define SHAPE_FIELDS_MAX 64u /* bits of `seen` */
#define CODES_COUNT 10000u   /* 0000 .. 9999 */

/* A map that is being read into a struct, or a list of such maps. */
struct level {
    const trial_shape *shape;
    const trial_shape *other; /* takes what `shape` has no row for; only at the top */
    char *into;
    char *other_into;
    uint64_t seen;
    uint64_t other_seen;
    uint64_t nils; /* parameters that are there and nil: absent, and not to be there twice */
    uint32_t left; /* entries of the map, or items of the list */
    bool is_list;
    trial_text name; /* of the entry that is being read */
};

struct walk {
    pack_reader reader;
    trial_arena *arena;
    trial_error *err;
    const char *prefix;
    bool is_strict;
    bool is_ours; /* written by us: what is absent was absent, required or not */
    uint32_t depth;
    struct level levels[SHAPE_DEPTH_MAX];
};

/* Fail over the field that is being read: its dotted name, then `what`. */
static trial_code fail_at(struct walk *walk, trial_rule rule, const char *what)
{
    char path[TRIAL_ERROR_FIELD_BYTES] = "";
    size_t size = pack_path_add(path, 0, trial_text_of(walk->prefix));

    for (uint32_t i = 0; i < walk->depth; i++) {
        if (walk->levels[i].name.at != NULL) {
            size = pack_path_add(path, size, walk->levels[i].name);
        }
    }
    (void)trial_fail_rule(walk->err, rule, "%s %s", path[0] == '\0' ? "the value" : path, what);
    if (walk->err != NULL) {
        (void)trial_fail_field(walk->err, "%s", path);
    }
    return trial_rule_code(rule);
}

/* An unknown parameter is a fault under no rule's name. */
static trial_code fail_unknown(struct walk *walk, trial_text name)
{
    (void)trial_fail(walk->err,
                     TRIAL_INVALID,
                     "'%.*s' is no parameter of this method",
                     name.size > 60 ? 60 : (int)name.size,
                     name.at);
    if (walk->err != NULL) {
        (void)trial_fail_field(walk->err, "%.*s", name.size > 60 ? 60 : (int)name.size, name.at);
    }
    return TRIAL_INVALID;
}

static trial_code fail_choice(struct walk *walk, const trial_choices *choices)
{
    char what[TRIAL_ERROR_TEXT_BYTES / 2] = "must be one of:";
    size_t size = strlen(what);

    for (uint32_t i = 0; i < choices->count && size < sizeof what; i++) {
        int more = snprintf(what + size, sizeof what - size, " %s", choices->words[i]);

        size += more > 0 ? (size_t)more : 0;
    }
    return fail_at(walk, TRIAL_RULE_WRONG_TYPE, what);
}

/* What people write at length may have line breaks; names and identifiers are one line. */
static bool is_prose(const trial_field *field)
{
    static const char *const names[] = { "reason", "summary", "cite", "method", "contact" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(field->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static trial_code
read_text(struct walk *walk, const trial_field *field, const pack_token *token, void *into)
{
    trial_text text = pack_token_text(token);

    if (token->kind != PACK_TEXT) {
        return fail_at(walk, TRIAL_RULE_WRONG_TYPE, "must be a text");
    }
    if (!walk->is_ours) {
        if (field->is_required && text.size == 0) {
            return fail_at(walk, TRIAL_RULE_BAD_RANGE, "must not be empty");
        }
        if (is_prose(field) ? pack_prose_has_control(text) : pack_text_has_control(text)) {
            return fail_at(walk, TRIAL_RULE_BAD_RANGE, "must not hold control characters");
        }
    }
    memcpy(into, &text, sizeof text);
    return TRIAL_OK;
}

static bool is_code(const pack_token *token)
{
    if (token->kind != PACK_TEXT || token->count != 4) {
        return false;
    }
    for (uint32_t i = 0; i < 4; i++) {
        if (token->body[i] < '0' || token->body[i] > '9') {
            return false;
        }
    }
    return true;
}

static trial_code read_code(struct walk *walk, const pack_token *token, void *into)
{
    trial_text text = pack_token_text(token);

    if (!is_code(token)) {
        return fail_at(walk, TRIAL_RULE_WRONG_TYPE, "must be a code of four digits, as text");
    }
    memcpy(into, &text, sizeof text);
    return TRIAL_OK;
}

static trial_code read_integer(struct walk *walk, const pack_token *token, void *into)
{
    trial_integer integer = { .value = (int64_t)token->bits, .is_set = true };

    if (token->kind != PACK_INTEGER && token->kind != PACK_UNSIGNED) {
        return fail_at(walk, TRIAL_RULE_WRONG_TYPE, "must be an integer");
    }
    if (token->kind == PACK_UNSIGNED && token->bits > INT64_MAX) {
        return fail_at(walk, TRIAL_RULE_BAD_RANGE, "is beyond 9223372036854775807");
    }
    memcpy(into, &integer, sizeof integer);
    return TRIAL_OK;
}

static trial_code read_number(struct walk *walk, const pack_token *token, void *into)
{
    trial_number number = { .form = TRIAL_NUMBER_INTEGER, .as.integer = (int64_t)token->bits };

    if (token->kind == PACK_FLOAT) {
        number = (trial_number){ .form = TRIAL_NUMBER_FLOAT, .as.number = pack_token_float(token) };
    } else if (token->kind == PACK_UNSIGNED && token->bits > INT64_MAX) {
        number =
            (trial_number){ .form = TRIAL_NUMBER_UNSIGNED, .as.unsigned_integer = token->bits };
    } else if (token->kind != PACK_INTEGER && token->kind != PACK_UNSIGNED) {
        return fail_at(walk, TRIAL_RULE_WRONG_TYPE, "must be a number");
    }
    memcpy(into, &number, sizeof number);
    return TRIAL_OK;
}

static trial_code read_truth(struct walk *walk, const pack_token *token, void *into)
{
    trial_truth truth = { .value = token->bits != 0, .is_set = true };

    if (token->kind != PACK_TRUTH) {
        return fail_at(walk, TRIAL_RULE_WRONG_TYPE, "must be true or false");
    }
    memcpy(into, &truth, sizeof truth);
    return TRIAL_OK;
}

static trial_code read_date(struct walk *walk, const pack_token *token, void *into)
{
    trial_date date = TRIAL_DATE_NONE;

    if (token->kind != PACK_TEXT) {
        return fail_at(walk, TRIAL_RULE_WRONG_TYPE, "must be a day, as text");
    }
    if (trial_date_read(pack_token_text(token), &date, NULL) != TRIAL_OK) {
        return fail_at(
            walk, TRIAL_RULE_BAD_TIME, "must be a day written YYYY-MM-DD from 1900 to 2100");
    }
    memcpy(into, &date, sizeof date);
    return TRIAL_OK;
}

static trial_code read_instant(struct walk *walk, const pack_token *token, void *into)
{
    trial_instant instant = (int64_t)token->bits;

    if (token->kind != PACK_INTEGER && (token->kind != PACK_UNSIGNED || token->bits > INT64_MAX)) {
        return fail_at(walk, TRIAL_RULE_WRONG_TYPE, "must be an instant, as an integer");
    }
    memcpy(into, &instant, sizeof instant);
    return TRIAL_OK;
}

static trial_code
read_choice(struct walk *walk, const trial_field *field, const pack_token *token, void *into)
{
    trial_choice choice = 0;

    if (token->kind == PACK_TEXT) {
        choice = trial_choice_named(field->choices, pack_token_text(token));
    }
    if (choice == 0) {
        return fail_choice(walk, field->choices);
    }
    memcpy(into, &choice, sizeof choice);
    return TRIAL_OK;
}

/* Is a code of the list there twice? */
static bool has_twins(trial_texts codes)
{
    uint64_t seen[(CODES_COUNT + 63) / 64] = { 0 };

    for (uint32_t i = 0; i < codes.count; i++) {
        const char *at = codes.items[i].at;
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): each was read as four digits. */
        unsigned code = (unsigned)((at[0] - '0') * 1000 + (at[1] - '0') * 100 + (at[2] - '0') * 10 +
                                   (at[3] - '0'));
        uint64_t bit = (uint64_t)1 << (code % 64);

        if ((seen[code / 64] & bit) != 0) {
            return true;
        }
        seen[code / 64] |= bit;
    }
    return false;
}

/* Read the items of a list of texts or codes; the reader stands behind the list's token. */
static trial_code
read_texts(struct walk *walk, const trial_field *field, const pack_token *list, void *into)
{
    bool is_codes = field->kind == TRIAL_FIELD_CODES;
    trial_texts texts = { .count = list->count };
    pack_token token;

    if (list->kind != PACK_LIST) {
        return fail_at(walk, TRIAL_RULE_WRONG_TYPE, "must be a list of texts");
    }
    if (is_codes && list->count == 0 && !walk->is_ours) {
        return fail_at(walk, TRIAL_RULE_BAD_RANGE, "must not be empty");
    }
    if (list->count > TRIAL_EVENT_ELEMENTS_MAX) { /* of a request: no event has so many */
        return fail_at(walk, TRIAL_RULE_TOO_LARGE, "must not hold so many texts");
    }
    if (list->count > 0) {
        texts.items = trial_arena_take(walk->arena, list->count * sizeof *texts.items);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        if (!pack_token_read(walk->reader.at, walk->reader.end, &token)) {
            return fail_at(walk, TRIAL_RULE_NOT_JSON, "is cut short");
        }
        if (is_codes ? !is_code(&token) : token.kind != PACK_TEXT) {
            return fail_at(walk,
                           TRIAL_RULE_WRONG_TYPE,
                           is_codes ? "must be a list of codes of four digits, as text"
                                    : "must be a list of texts");
        }
        walk->reader.at = token.next;
        texts.items[i] = pack_token_text(&token);
        if (!walk->is_ours && pack_prose_has_control(texts.items[i])) {
            return fail_at(walk, TRIAL_RULE_BAD_RANGE, "must not hold control characters");
        }
    }
    if (is_codes && !walk->is_ours && has_twins(texts)) {
        return fail_at(walk, TRIAL_RULE_BAD_RANGE, "must not name a code twice");
    }
    memcpy(into, &texts, sizeof texts);
    return TRIAL_OK;
}

/* Keep a value as its bytes; the reader stands at its token. */
static trial_code read_raw(struct walk *walk, bool is_map, void *into)
{
    pack_kind kind = pack_peek(&walk->reader);
    trial_bytes bytes = pack_skip(&walk->reader);

    if (walk->reader.has_failed) {
        return fail_at(walk, TRIAL_RULE_NOT_JSON, "is cut short");
    }
    if (is_map && kind != PACK_MAP) {
        return fail_at(walk, TRIAL_RULE_WRONG_TYPE, "must be a map");
    }
    memcpy(into, &bytes, sizeof bytes);
    return TRIAL_OK;
}

/* Enter a struct, or a list of them; the reader stands behind the map's or list's token. */
static trial_code
enter(struct walk *walk, const trial_field *field, const pack_token *token, void *into)
{
    bool is_list = field->kind == TRIAL_FIELD_OBJECTS;
    const trial_shape *shape = field->shape();
    struct level level = { .shape = shape, .left = token->count, .is_list = is_list };
    trial_list list = { .count = token->count };

    if (token->kind != (is_list ? PACK_LIST : PACK_MAP)) {
        return fail_at(
            walk, TRIAL_RULE_WRONG_TYPE, is_list ? "must be a list of maps" : "must be a map");
    }
    TRIAL_ASSERT(walk->depth < SHAPE_DEPTH_MAX && shape->count <= SHAPE_FIELDS_MAX);
    if (is_list) {
        if (list.count > 0) {
            list.items = trial_arena_take(walk->arena, (size_t)list.count * shape->size);
        }
        level.into = list.items;
        memcpy(into, &list, sizeof list);
    } else {
        level.into = trial_arena_take(walk->arena, shape->size);
        trial_shape_clear(shape, level.into);
        memcpy(into, &level.into, sizeof level.into);
    }
    walk->levels[walk->depth++] = level;
    return TRIAL_OK;
}

/* Read the value where the reader stands into a field, or enter it. */
static trial_code read_field(struct walk *walk, const trial_field *field, void *into)
{
    pack_token token;

    if (field->kind == TRIAL_FIELD_ANY || field->kind == TRIAL_FIELD_FREE) {
        return read_raw(walk, field->kind == TRIAL_FIELD_FREE, into);
    }
    if (!pack_token_read(walk->reader.at, walk->reader.end, &token) ||
        pack_token_items(&token) > (size_t)(walk->reader.end - token.next)) {
        return fail_at(walk, TRIAL_RULE_NOT_JSON, "is cut short");
    }
    walk->reader.at = token.next;
    switch (field->kind) {
    case TRIAL_FIELD_TEXT:
        return read_text(walk, field, &token, into);
    case TRIAL_FIELD_INTEGER:
        return read_integer(walk, &token, into);
    case TRIAL_FIELD_NUMBER:
        return read_number(walk, &token, into);
    case TRIAL_FIELD_TRUTH:
        return read_truth(walk, &token, into);
    case TRIAL_FIELD_DATE:
        return read_date(walk, &token, into);
    case TRIAL_FIELD_INSTANT:
        return read_instant(walk, &token, into);
    case TRIAL_FIELD_CODE:
        return read_code(walk, &token, into);
    case TRIAL_FIELD_CHOICE:
        return read_choice(walk, field, &token, into);
    case TRIAL_FIELD_TEXTS:
    case TRIAL_FIELD_CODES:
        return read_texts(walk, field, &token, into);
    case TRIAL_FIELD_OBJECT:
    case TRIAL_FIELD_OBJECTS:
        return enter(walk, field, &token, into);
    case TRIAL_FIELD_ANY:
    case TRIAL_FIELD_FREE:
        break;
    }
    trial_panic(__FILE__, __LINE__, "a field of no kind");
}

static const trial_field *find_field(const trial_shape *shape, trial_text name)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        const char *row = shape->fields[i].name;

        if (row[0] == name.at[0] && strncmp(row, name.at, name.size) == 0 &&
            row[name.size] == '\0') {
            return &shape->fields[i];
        }
    }
    return NULL;
}

/* Find where the entry `name` goes; NULL where it goes nowhere. Twice is a fault. */
static const trial_field *
route(struct level *level, trial_text name, void **ret_into, bool *ret_is_twice)
{
    const trial_shape *shape = level->shape;
    const trial_field *field = name.size == 0 ? NULL : find_field(shape, name);
    uint64_t *seen = &level->seen;
    char *into = level->into;
    uint64_t bit;

    if (field == NULL && level->other != NULL && name.size > 0) {
        shape = level->other;
        field = find_field(shape, name);
        seen = &level->other_seen;
        into = level->other_into;
    }
    if (field == NULL) {
        return NULL;
    }
    bit = (uint64_t)1 << (uint32_t)(field - shape->fields);
    *ret_is_twice = (*seen & bit) != 0;
    *seen |= bit;
    *ret_into = into + field->offset;
    return field;
}

/* Read the next entry of the map on top. */
static trial_code read_entry(struct walk *walk)
{
    struct level *level = &walk->levels[walk->depth - 1];
    const trial_field *field;
    bool is_twice = false;
    void *into = NULL;

    level->left--;
    level->name = pack_text(&walk->reader);
    if (walk->reader.has_failed) {
        return fail_at(walk, TRIAL_RULE_NOT_JSON, "has a key that is no text");
    }
    field = route(level, level->name, &into, &is_twice);
    if (field == NULL && walk->is_strict) {
        return fail_unknown(walk, level->name);
    }
    if (is_twice) {
        return fail_at(walk, TRIAL_RULE_NOT_JSON, "is there twice");
    }
    if (field == NULL && !walk->is_ours && pack_text_has_control(level->name)) {
        return fail_at(walk, TRIAL_RULE_BAD_RANGE, "is a name with control characters");
    }
    if (field == NULL || (walk->is_strict && pack_peek(&walk->reader) == PACK_NIL)) {
        level->nils |= field == NULL ? 0 : (uint64_t)1 << (uint32_t)(field - level->shape->fields);
        (void)pack_skip(&walk->reader); /* the reader remembers */
        return walk->reader.has_failed ? fail_at(walk, TRIAL_RULE_NOT_JSON, "is cut short")
                                       : TRIAL_OK;
    }
    return read_field(walk, field, into);
}

static trial_code
check_required(struct walk *walk, struct level *level, const trial_shape *shape, uint64_t seen)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        if (shape->fields[i].is_required && (seen >> i & 1u) == 0) {
            level->name = trial_text_of(shape->fields[i].name);
            return fail_at(walk, TRIAL_RULE_MISSING_FIELD, "is missing");
        }
    }
    return TRIAL_OK;
}

/* The map on top is read: is all there that must be? Then leave it. */
static trial_code leave_map(struct walk *walk)
{
    struct level *level = &walk->levels[walk->depth - 1];
    trial_code code = TRIAL_OK;

    level->name = (trial_text){ 0 };
    if (!walk->is_ours) {
        code = check_required(walk, level, level->shape, level->seen & ~level->nils);
        if (code == TRIAL_OK && level->other != NULL) {
            code = check_required(walk, level, level->other, level->other_seen);
        }
    }
    if (code == TRIAL_OK) {
        walk->depth--;
    }
    return code;
}

/* Enter the next item of the list on top. */
static trial_code next_item(struct walk *walk)
{
    struct level *list = &walk->levels[walk->depth - 1];
    struct level item = { .shape = list->shape, .into = list->into };

    item.left = pack_map(&walk->reader);
    if (walk->reader.has_failed) {
        return fail_at(walk, TRIAL_RULE_WRONG_TYPE, "must be a list of maps");
    }
    list->left--;
    list->into += list->shape->size;
    trial_shape_clear(item.shape, item.into);
    TRIAL_ASSERT(walk->depth < SHAPE_DEPTH_MAX);
    walk->levels[walk->depth++] = item;
    return TRIAL_OK;
}

static trial_code run(struct walk *walk)
{
    trial_code code = TRIAL_OK;

    while (code == TRIAL_OK && walk->depth > 0) {
        const struct level *level = &walk->levels[walk->depth - 1];

        if (level->is_list && level->left == 0) {
            walk->depth--;
        } else if (level->is_list) {
            code = next_item(walk);
        } else if (level->left > 0) {
            code = read_entry(walk);
        } else {
            code = leave_map(walk);
        }
    }
    return code;
}

static trial_code begin_and_run(struct walk *walk, trial_bytes map, struct level top)
{
    TRIAL_ASSERT(top.shape->count <= SHAPE_FIELDS_MAX);
    walk->reader = pack_reader_of(map);
    trial_shape_clear(top.shape, top.into);
    if (top.other != NULL) {
        TRIAL_ASSERT(top.other->count <= SHAPE_FIELDS_MAX);
        trial_shape_clear(top.other, top.other_into);
    }
    top.left = pack_map(&walk->reader);
    if (walk->reader.has_failed) {
        return fail_at(walk, TRIAL_RULE_WRONG_TYPE, "must be a map");
    }
    walk->levels[walk->depth++] = top;
    return run(walk);
}

trial_code pack_shape(trial_bytes map,
                      const trial_shape *shape,
                      const char *prefix,
                      bool is_strict,
                      trial_arena *arena,
                      void *ret_struct,
                      trial_error *err)
{
    struct walk walk = { .arena = arena, .err = err, .prefix = prefix };

    walk.is_strict = is_strict;
    walk.is_ours = !is_strict && prefix[0] == '\0';
    return begin_and_run(&walk, map, (struct level){ .shape = shape, .into = ret_struct });
}

trial_code pack_shapes(trial_bytes map,
                       const trial_shape *first,
                       void *ret_first,
                       const trial_shape *second,
                       void *ret_second,
                       const char *prefix,
                       trial_arena *arena,
                       trial_error *err)
{
    struct walk walk = { .arena = arena, .err = err, .prefix = prefix };

    walk.is_ours = prefix[0] == '\0';
    return begin_and_run(
        &walk,
        map,
        (struct level){
            .shape = first, .into = ret_first, .other = second, .other_into = ret_second });
}

trial_code
pack_fits(trial_bytes value, const trial_field *field, trial_arena *scratch, trial_error *err)
{
    struct walk walk = { .arena = scratch, .err = err, .prefix = field->name };
    union {
        trial_text text;
        trial_number number;
        trial_texts texts;
        trial_bytes bytes;
        trial_list list;
    } into; /* the widest of what a field is read into */
    trial_code code;

    walk.reader = pack_reader_of(value);
    code = read_field(&walk, field, &into);
    return code == TRIAL_OK ? run(&walk) : code;
}
