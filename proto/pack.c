/* pack.c - tokens, the scan that lets a frame in, and the reader that walks it in place. It knows
 * the encoding and asks nothing about meaning. */
#include "token.h"

#define ONES 0x0101010101010101u /* a one in each byte */
#define HIGHS 0x8080808080808080u

// clang-format off
const pack_form pack_forms[32] = {
    /* c0 */ { .kind = PACK_NIL },                  /* c1 */ { .is_never = true },
    /* c2 */ { .kind = PACK_TRUTH },                /* c3 */ { .kind = PACK_TRUTH },
    /* c4 */ { .kind = PACK_BIN, .width = 1 },      /* c5 */ { .kind = PACK_BIN, .width = 2 },
    /* c6 */ { .kind = PACK_BIN, .width = 4 },
    /* c7 */ { .kind = PACK_EXT, .width = 1, .extra = 1 },
    /* c8 */ { .kind = PACK_EXT, .width = 2, .extra = 1 },
    /* c9 */ { .kind = PACK_EXT, .width = 4, .extra = 1 },
    /* ca */ { .kind = PACK_FLOAT, .width = 4, .is_shorter_than_canonical = true },
    /* cb */ { .kind = PACK_FLOAT, .width = 8 },
    /* cc */ { .kind = PACK_UNSIGNED, .width = 1, .least = 0x80 },
    /* cd */ { .kind = PACK_UNSIGNED, .width = 2, .least = 0x100 },
    /* ce */ { .kind = PACK_UNSIGNED, .width = 4, .least = 0x10000 },
    /* cf */ { .kind = PACK_UNSIGNED, .width = 8, .least = 0x100000000 },
    /* d0 */ { .kind = PACK_INTEGER, .width = 1, .is_signed = true, .least = 0x20 },
    /* d1 */ { .kind = PACK_INTEGER, .width = 2, .is_signed = true, .least = 0x80 },
    /* d2 */ { .kind = PACK_INTEGER, .width = 4, .is_signed = true, .least = 0x8000 },
    /* d3 */ { .kind = PACK_INTEGER, .width = 8, .is_signed = true, .least = 0x80000000 },
    /* d4 */ { .kind = PACK_EXT, .extra = 2 },      /* d5 */ { .kind = PACK_EXT, .extra = 3 },
    /* d6 */ { .kind = PACK_EXT, .extra = 5 },      /* d7 */ { .kind = PACK_EXT, .extra = 9 },
    /* d8 */ { .kind = PACK_EXT, .extra = 17 },
    /* d9 */ { .kind = PACK_TEXT, .width = 1, .least = 0x20 },
    /* da */ { .kind = PACK_TEXT, .width = 2, .least = 0x100 },
    /* db */ { .kind = PACK_TEXT, .width = 4, .least = 0x10000 },
    /* dc */ { .kind = PACK_LIST, .width = 2, .least = 0x10 },
    /* dd */ { .kind = PACK_LIST, .width = 4, .least = 0x10000 },
    /* de */ { .kind = PACK_MAP, .width = 2, .least = 0x10 },
    /* df */ { .kind = PACK_MAP, .width = 4, .least = 0x10000 },
};
// clang-format on

/* A signed integer: one that is not negative is the same number as an unsigned one, spelt longer.
 */
static void finish_signed(pack_token *token, const pack_form *form)
{
    unsigned shift = 64u - 8u * form->width;
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): no width is 0 here. */
    int64_t value = (int64_t)(token->bits << shift) >> shift;

    token->bits = (uint64_t)value;
    if (value >= 0) {
        token->kind = PACK_UNSIGNED;
        token->is_shortest = false;
    } else {
        token->is_shortest = ~(uint64_t)value >= form->least; /* -33 is ~32 */
    }
}

static void finish_float(pack_token *token, const pack_form *form)
{
    uint32_t bits = (uint32_t)token->bits;
    float number;
    double wide;

    token->is_shortest = !form->is_shorter_than_canonical;
    if (form->is_shorter_than_canonical) {
        memcpy(&number, &bits, sizeof number);
        wide = (double)number;
        memcpy(&token->bits, &wide, sizeof wide);
    }
}

bool pack_token_read_long(const uint8_t *at, const uint8_t *end, pack_token *ret_token)
{
    const pack_form *form = &pack_forms[*at & 0x1fu];
    size_t left = (size_t)(end - at) - 1;

    if (form->is_never || form->width > left) {
        return false;
    }
    left -= form->width;
    ret_token->kind = form->kind;
    ret_token->bits = form->kind == PACK_TRUTH ? *at & 1u : pack_big_endian(at + 1, form->width);
    ret_token->next = at + 1 + form->width;
    ret_token->is_shortest = ret_token->bits >= form->least;
    if (form->is_signed) {
        finish_signed(ret_token, form);
    } else if (form->kind == PACK_FLOAT) {
        finish_float(ret_token, form);
    } else if (form->kind == PACK_LIST || form->kind == PACK_MAP) {
        ret_token->count = (uint32_t)ret_token->bits;
    } else if (form->kind == PACK_TEXT || form->kind == PACK_BIN || form->kind == PACK_EXT) {
        if (ret_token->bits + form->extra > left) {
            return false;
        }
        ret_token->count = (uint32_t)ret_token->bits + form->extra;
        ret_token->body = ret_token->next;
        ret_token->next += ret_token->count;
        ret_token->is_shortest = ret_token->is_shortest && form->kind == PACK_TEXT;
    }
    return true;
}

/* Eight bytes at once: are they all ASCII and none of them NUL? */
static inline bool is_plain(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return ((word | (word - ONES)) & HIGHS) == 0;
}

/* The size of the UTF-8 character at `at`, 0 where it is none: overlong, a surrogate, beyond
 * U+10FFFF, NUL. RFC 3629 section 4. */
static size_t character_size(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t size;

    if (lead < 0x80) {
        return lead == 0 ? 0 : 1;
    }
    if (lead < 0xc2 || lead > 0xf4) {
        return 0;
    }
    size = lead < 0xe0 ? 2 : (lead < 0xf0 ? 3 : 4);
    if (lead == 0xe0) {
        low = 0xa0;
    } else if (lead == 0xed) {
        high = 0x9f;
    } else if (lead == 0xf0) {
        low = 0x90;
    } else if (lead == 0xf4) {
        high = 0x8f;
    }
    if (size > left || at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

/* Is a whole text such bytes? Most are. Parts of it that lie over each other are looked at twice
 * rather than byte by byte. */
static inline bool is_all_plain(const uint8_t *at, size_t size)
{
    const uint8_t *end = at + size;
    uint64_t words[4];

    if (size >= 8) {
        for (; end - at >= 32; at += 32) {
            memcpy(words, at, sizeof words);
            if (((words[0] | words[1] | words[2] | words[3] | (words[0] - ONES) |
                  (words[1] - ONES) | (words[2] - ONES) | (words[3] - ONES)) &
                 HIGHS) != 0) {
                return false;
            }
        }
        for (; end - at > 8; at += 8) {
            if (!is_plain(at)) {
                return false;
            }
        }
        return is_plain(end - 8);
    }
    if (size >= 4) {
        uint32_t halves[2];

        memcpy(&halves[0], at, sizeof halves[0]);
        memcpy(&halves[1], end - 4, sizeof halves[1]);
        return is_plain((const uint8_t *)halves);
    }
    for (; at < end; at++) {
        if ((uint8_t)(*at - 1u) >= 0x7f) {
            return false;
        }
    }
    return true;
}

uint32_t pack_text_valid(trial_text text)
{
    const uint8_t *at = (const uint8_t *)text.at;
    uint32_t done = is_all_plain(at, text.size) ? text.size : 0;

    while (done < text.size) {
        size_t size = text.size - done >= 8 && is_plain(at + done)
                          ? 8
                          : character_size(at + done, text.size - done);

        if (size == 0) {
            break;
        }
        done += (uint32_t)size;
    }
    return done;
}

/* Eight bytes at once: are they all ASCII and none of them a control character? */
static bool is_printable(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return ((word | (word - 0x20 * ONES) | (word + ONES)) & HIGHS) == 0;
}

static bool has_control(trial_text text, bool is_prose)
{
    uint32_t done = 0;

    while (text.size - done >= 8 && is_printable(text.at + done)) {
        done += 8;
    }
    if (text.size >= 8 && text.size - done < 8 && is_printable(text.at + text.size - 8)) {
        return false;
    }
    for (uint32_t i = done; i < text.size; i++) {
        uint8_t byte = (uint8_t)text.at[i];
        uint8_t next = i + 1 < text.size ? (uint8_t)text.at[i + 1] : 0;

        if (is_prose && (byte == '\t' || byte == '\n' || byte == '\r')) {
            continue;
        }
        if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && next >= 0x80 && next < 0xa0)) {
            return true;
        }
    }
    return false;
}

bool pack_text_has_control(trial_text text)
{
    return has_control(text, false);
}

bool pack_prose_has_control(trial_text text)
{
    return has_control(text, true);
}

static trial_code cut_short(trial_error *err, size_t at)
{
    return trial_fail_rule(
        err, TRIAL_RULE_NOT_JSON, "the bytes are no MessagePack value from byte %zu on", at);
}

static trial_code too_deep(trial_error *err, uint32_t depth)
{
    return trial_fail_rule(
        err, TRIAL_RULE_TOO_LARGE, "lists and maps are nested deeper than %u levels", depth);
}

/* Judge one token of a scan that is no scalar; `depth` levels are open above it. */
static trial_code scan_token(const pack_token *token,
                             const pack_limits *limits,
                             uint32_t depth,
                             trial_bytes bytes,
                             trial_error *err)
{
    size_t at = (size_t)(token->next - bytes.data);
    bool is_container = token->kind == PACK_LIST || token->kind == PACK_MAP;

    if (is_container && depth >= limits->depth) {
        return too_deep(err, limits->depth);
    }
    if (is_container && pack_token_items(token) > bytes.size - at) {
        return cut_short(err, at);
    }
    if (token->kind == PACK_TEXT && pack_text_valid(pack_token_text(token)) != token->count) {
        return trial_fail_rule(err,
                               TRIAL_RULE_BAD_UTF8,
                               "the text that ends at byte %zu is not UTF-8 without NUL",
                               at);
    }
    return TRIAL_OK;
}

trial_code pack_scan(trial_bytes bytes, const pack_limits *limits, trial_error *err)
{
    uint64_t outer[PACK_DEPTH_MAX]; /* what the lists and maps around this one still want */
    uint64_t wanted = 1;            /* values and keys that the innermost one still wants */
    const uint8_t *at = bytes.data;
    const uint8_t *end = bytes.size == 0 ? at : at + bytes.size;
    uint32_t depth = 0;
    uint32_t elements = 0;

    TRIAL_ASSERT(limits->depth >= 1 && limits->depth <= PACK_DEPTH_MAX);
    if (bytes.size > limits->bytes) {
        return trial_fail_rule(
            err, TRIAL_RULE_TOO_LARGE, "%zu bytes are over %u", bytes.size, limits->bytes);
    }
    do {
        pack_leaf leaf = { 0 };
        pack_token token = { 0 };

        if (pack_leaf_read(at, end, &leaf) &&
            is_all_plain(leaf.body, (size_t)(leaf.next - leaf.body))) {
            token.next = leaf.next; /* no more of it is asked for */
        } else if (!pack_token_read(at, end, &token)) {
            return cut_short(err, bytes.size == 0 ? 0 : (size_t)(at - bytes.data));
        }
        if (++elements > limits->elements) {
            return trial_fail_rule(
                err, TRIAL_RULE_TOO_LARGE, "more than %u values and keys", limits->elements);
        }
        if (token.kind >= PACK_TEXT) {
            trial_code code = scan_token(&token, limits, depth, bytes, err);

            if (code != TRIAL_OK) {
                return code;
            }
        }
        at = token.next;
        wanted--;
        if (pack_token_items(&token) > 0) {
            outer[depth++] = wanted;
            wanted = pack_token_items(&token);
        }
        while (wanted == 0 && depth > 0) {
            wanted = outer[--depth];
        }
    } while (wanted > 0);
    return at == end ? TRIAL_OK : cut_short(err, (size_t)(at - bytes.data));
}

pack_reader pack_reader_of(trial_bytes bytes)
{
    return (pack_reader){ .at = bytes.data,
                          .end = bytes.size == 0 ? bytes.data : bytes.data + bytes.size };
}

pack_kind pack_peek(const pack_reader *reader)
{
    pack_token token;

    if (reader->has_failed || !pack_token_read(reader->at, reader->end, &token)) {
        return PACK_END;
    }
    return token.kind;
}

/* Take the next token where it is of `kind`; else the reader has failed. */
static bool take(pack_reader *reader, pack_kind kind, pack_token *ret_token)
{
    if (reader->has_failed || !pack_token_read(reader->at, reader->end, ret_token) ||
        ret_token->kind != kind) {
        reader->has_failed = true;
        return false;
    }
    reader->at = ret_token->next;
    return true;
}

bool pack_truth(pack_reader *reader)
{
    pack_token token;

    return take(reader, PACK_TRUTH, &token) && token.bits != 0;
}

void pack_nil(pack_reader *reader)
{
    pack_token token;

    (void)take(reader, PACK_NIL, &token); /* the reader remembers */
}

int64_t pack_integer(pack_reader *reader)
{
    bool is_negative = pack_peek(reader) == PACK_INTEGER;
    pack_token token;

    if (!take(reader, is_negative ? PACK_INTEGER : PACK_UNSIGNED, &token)) {
        return 0;
    }
    if (!is_negative && token.bits > INT64_MAX) {
        reader->has_failed = true;
        return 0;
    }
    return (int64_t)token.bits;
}

uint64_t pack_unsigned(pack_reader *reader)
{
    pack_token token;

    return take(reader, PACK_UNSIGNED, &token) ? token.bits : 0;
}

trial_number pack_number(pack_reader *reader)
{
    trial_number number = { .form = TRIAL_NUMBER_INTEGER };
    pack_kind kind = pack_peek(reader);
    pack_token token;

    if (kind != PACK_INTEGER && kind != PACK_UNSIGNED && kind != PACK_FLOAT) {
        reader->has_failed = true;
    }
    if (!take(reader, kind, &token)) {
        return (trial_number){ 0 };
    }
    if (kind == PACK_FLOAT) {
        number.form = TRIAL_NUMBER_FLOAT;
        number.as.number = pack_token_float(&token);
    } else if (kind == PACK_UNSIGNED && token.bits > INT64_MAX) {
        number.form = TRIAL_NUMBER_UNSIGNED;
        number.as.unsigned_integer = token.bits;
    } else {
        number.as.integer = (int64_t)token.bits;
    }
    return number;
}

trial_text pack_text(pack_reader *reader)
{
    pack_token token;
    pack_leaf leaf;

    if (!reader->has_failed && pack_leaf_read(reader->at, reader->end, &leaf) && leaf.is_text) {
        reader->at = leaf.next;
        return pack_leaf_text(&leaf);
    }
    return take(reader, PACK_TEXT, &token) ? pack_token_text(&token) : (trial_text){ 0 };
}

trial_bytes pack_bin(pack_reader *reader)
{
    pack_token token;

    return take(reader, PACK_BIN, &token) ? (trial_bytes){ token.body, token.count }
                                          : (trial_bytes){ 0 };
}

/* A list's or map's token, its count held against the bytes that are left. */
static uint32_t take_container(pack_reader *reader, pack_kind kind)
{
    pack_token token;

    if (!take(reader, kind, &token)) {
        return 0;
    }
    if (pack_token_items(&token) > (size_t)(reader->end - reader->at)) {
        reader->has_failed = true;
        return 0;
    }
    return token.count;
}

uint32_t pack_list(pack_reader *reader)
{
    return take_container(reader, PACK_LIST);
}

uint32_t pack_map(pack_reader *reader)
{
    return take_container(reader, PACK_MAP);
}

trial_bytes pack_skip(pack_reader *reader)
{
    const uint8_t *begin = reader->at;
    const uint8_t *at = begin;
    uint64_t left = 1;
    pack_token token;

    if (reader->has_failed) {
        return (trial_bytes){ 0 };
    }
    while (left > 0) {
        pack_leaf leaf;

        if (left <= (size_t)(reader->end - at) && pack_leaf_read(at, reader->end, &leaf)) {
            left--;
            at = leaf.next;
            continue;
        }
        if (!pack_token_read(at, reader->end, &token) ||
            left + pack_token_items(&token) > (size_t)(reader->end - at)) {
            reader->has_failed = true; /* each value still to come takes a byte at least */
            return (trial_bytes){ 0 };
        }
        left += pack_token_items(&token) - 1;
        at = token.next;
    }
    reader->at = at;
    return (trial_bytes){ begin, (size_t)(at - begin) };
}
