/* token.h - one MessagePack token, read from bytes that nobody has vouched for. Of this room alone.
 */
#ifndef PROTO_TOKEN_H
#define PROTO_TOKEN_H

#include "pack.h"

/** The head of one value: a scalar whole, a text with its bytes, a list or map without its items.
 */
typedef struct pack_token {
    pack_kind kind;
    bool is_shortest;    /* in the form the canonical encoding asks for; never of bin and ext */
    uint32_t count;      /* text, bin, ext: bytes; list: items; map: pairs */
    uint64_t bits;       /* truth, integers (two's complement where negative), a float as double */
    const uint8_t *body; /* of text, bin, ext */
    const uint8_t *next; /* behind the token; of a list or map: its first item */
} pack_token;

/* What the lead bytes 0xc0..0xdf say; everything else is a fixed form. */
typedef struct pack_form {
    pack_kind kind;
    uint8_t width;  /* bytes of the number behind the lead byte */
    uint8_t extra;  /* bytes of body not counted: the type of an ext, the body of a fixext */
    uint64_t least; /* the smallest number that needs this form */
    bool is_never;  /* a byte that stands for nothing */
    bool is_signed;
    bool is_shorter_than_canonical; /* float 32 */
} pack_form;

extern const pack_form pack_forms[32];

static inline uint64_t pack_big_endian(const uint8_t *at, uint8_t width)
{
    uint64_t value = 0;

    for (uint8_t i = 0; i < width; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

/** Read a token of a form with a number of its own (0xc0..0xdf); false where it is cut short. */
bool pack_token_read_long(const uint8_t *at, const uint8_t *end, pack_token *ret_token);

/** Read the token at `at`; false where it is cut short or the byte is the one that never is. */
static inline bool pack_token_read(const uint8_t *at, const uint8_t *end, pack_token *ret_token)
{
    uint8_t lead;

    if (at >= end) {
        return false;
    }
    lead = *at;
    *ret_token = (pack_token){ .is_shortest = true, .next = at + 1 };
    if (lead < 0x80) {
        ret_token->kind = PACK_UNSIGNED;
        ret_token->bits = lead;
        return true;
    }
    if (lead >= 0xe0) {
        ret_token->kind = PACK_INTEGER;
        ret_token->bits = (uint64_t)(int64_t)(int8_t)lead;
        return true;
    }
    if (lead == 0xd9 && end - at >= 2) { /* the text that is longer than 31 bytes: most are */
        ret_token->kind = PACK_TEXT;
        ret_token->count = at[1];
        ret_token->is_shortest = at[1] >= 0x20;
        ret_token->bits = at[1];
        ret_token->body = at + 2;
        ret_token->next = at + 2 + at[1];
        return ret_token->count <= (size_t)(end - at - 2);
    }
    if (lead >= 0xc0) {
        return pack_token_read_long(at, end, ret_token);
    }
    if (lead >= 0xa0) {
        ret_token->kind = PACK_TEXT;
        ret_token->count = lead & 0x1fu;
        ret_token->body = at + 1;
        ret_token->next = at + 1 + ret_token->count;
        return ret_token->count <= (size_t)(end - at - 1);
    }
    ret_token->kind = lead >= 0x90 ? PACK_LIST : PACK_MAP;
    ret_token->count = lead & 0x0fu;
    return true;
}

/** What most values are: an integer in its lead byte, or a text of up to 255 bytes. */
typedef struct pack_leaf {
    const uint8_t *body; /* of a text; else where `next` is */
    const uint8_t *next;
    bool is_text;
} pack_leaf;

/** Read such a value at `at`; false where it is another one or cut short. */
static inline bool pack_leaf_read(const uint8_t *at, const uint8_t *end, pack_leaf *ret_leaf)
{
    const uint8_t *body;
    size_t size;

    if (at >= end) {
        return false;
    }
    if (*at < 0x80 || *at >= 0xe0) {
        *ret_leaf = (pack_leaf){ at + 1, at + 1, false };
        return true;
    }
    if (*at >= 0xa0 && *at < 0xc0) {
        body = at + 1;
        size = *at & 0x1fu;
    } else if (*at == 0xd9 && end - at >= 2) {
        body = at + 2;
        size = at[1];
    } else {
        return false;
    }
    if (size > (size_t)(end - body)) {
        return false;
    }
    *ret_leaf = (pack_leaf){ body, body + size, true };
    return true;
}

static inline trial_text pack_leaf_text(const pack_leaf *leaf)
{
    return (trial_text){ (const char *)leaf->body, (uint32_t)(leaf->next - leaf->body) };
}

/** How many values follow a list's or map's token before it is whole. */
static inline uint64_t pack_token_items(const pack_token *token)
{
    if (token->kind == PACK_MAP) {
        return (uint64_t)token->count * 2;
    }
    return token->kind == PACK_LIST ? token->count : 0;
}

static inline trial_text pack_token_text(const pack_token *token)
{
    return (trial_text){ (const char *)token->body, token->count };
}

static inline double pack_token_float(const pack_token *token)
{
    double number;

    memcpy(&number, &token->bits, sizeof number);
    return number;
}

/** One entry of a map, where its parts stand. */
typedef struct pack_entry {
    trial_text name;
    const uint8_t *key;   /* where the key's token begins */
    const uint8_t *value; /* where the value begins */
    const uint8_t *end;   /* behind the value */
} pack_entry;

static inline trial_bytes pack_entry_value(const pack_entry *entry)
{
    return (trial_bytes){ entry->value, (size_t)(entry->end - entry->value) };
}

/** Read the next entry of a map; false where the key is no text or the bytes end. */
bool pack_entry_read(pack_reader *reader, pack_entry *ret_entry);

/**
 * Read the `count` entries of a map and sort them by name. Fails with MALFORMED (not-json): a key
 * that is no text, or one that is there twice. `ret_entries` has room for them all.
 */
TRIAL_MUST_USE trial_code pack_entries_read(pack_reader *reader,
                                            uint32_t count,
                                            pack_entry *ret_entries,
                                            trial_error *err);

/** A writer on `room` bytes of the arena; more must never be written. */
pack_writer pack_writer_on(trial_arena *arena, size_t room);

/** Where the next `size` bytes go: there is room for them; what is written is counted in by the
 * caller. */
char *pack_writer_room(pack_writer *writer, size_t size);

/** How many bytes the canonical spelling of so many can have at most: a float 32 doubles. */
static inline size_t pack_canonical_room(size_t size)
{
    return size * 2;
}

/** Add a name to a dotted path in a buffer of TRIAL_ERROR_FIELD_BYTES; returns its new size. */
size_t pack_path_add(char *path, size_t size, trial_text name);

/** Put a name in front of the field at fault; returns `code`. */
trial_code pack_fail_inside(trial_error *err, trial_text name, trial_code code);

/** Does the text hold a control character (C0, DEL, C1)? */
bool pack_text_has_control(trial_text text);

/** As that, but tabs and line breaks are allowed: what people write at length. */
bool pack_prose_has_control(trial_text text);

#endif
