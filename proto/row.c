/* row.c - see row.h. A shape has a pair of functions, made of its rows as if they had been written
 * by hand: states are read and written with every event, and most of their fields are absent. */
#include "row.h"

#include "token.h"

#include <assert.h>
#include <endian.h>

#define NUMBER_BYTES_MAX 10u /* of a LEB128 of 64 bits */

/* What only events hold has its functions too, and no state asks for them. */
#define UNASKED __attribute__((__unused__))

/* Where the next byte goes, and how far there is room for it; the writer behind it grows. */
struct sink {
    uint8_t *at;
    uint8_t *end;
    pack_writer *writer;
};

static void turn_to(struct sink *out, size_t size)
{
    out->at = (uint8_t *)pack_writer_room(out->writer, size);
    out->end = (uint8_t *)out->writer->data + out->writer->room;
}

static inline uint8_t *room(struct sink *out, size_t size)
{
    if (size > (size_t)(out->end - out->at)) {
        out->writer->size = (size_t)(out->at - (uint8_t *)out->writer->data);
        turn_to(out, size);
    }
    return out->at;
}

static inline void put(struct sink *out, const void *from, size_t size)
{
    if (size > 0) {
        memcpy(room(out, size), from, size);
        out->at += size;
    }
}

static inline void put_size(struct sink *out, uint64_t number)
{
    uint8_t *at = room(out, NUMBER_BYTES_MAX);

    while (number >= 0x80) {
        *at++ = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    *at++ = (uint8_t)number;
    out->at = at;
}

static inline void put_64(struct sink *out, uint64_t number)
{
    number = htole64(number);
    put(out, &number, sizeof number);
}

/* Each writes a field that is set; false where it is not. */

static bool put_text(struct sink *out, const trial_text *text)
{
    if (text->at == NULL) {
        return false;
    }
    put_size(out, text->size);
    put(out, text->at, text->size);
    return true;
}

UNASKED static bool put_bytes(struct sink *out, const trial_bytes *bytes)
{
    if (bytes->data == NULL) {
        return false;
    }
    put_size(out, bytes->size);
    put(out, bytes->data, bytes->size);
    return true;
}

static inline bool put_integer(struct sink *out, const trial_integer *integer)
{
    if (integer->is_set) {
        put_size(out, ((uint64_t)integer->value << 1) ^ (uint64_t)(integer->value >> 63));
    }
    return integer->is_set;
}

static bool put_number(struct sink *out, const trial_number *number)
{
    if (number->form == TRIAL_NUMBER_ABSENT) {
        return false;
    }
    put(out, &(uint8_t){ (uint8_t)number->form }, 1);
    put_64(out, number->as.unsigned_integer);
    return true;
}

static inline bool put_truth(struct sink *out, const trial_truth *truth)
{
    if (truth->is_set) {
        put(out, &(uint8_t){ truth->value ? 1 : 0 }, 1);
    }
    return truth->is_set;
}

static inline bool put_choice(struct sink *out, trial_choice choice)
{
    if (choice != 0) {
        put(out, &choice, 1);
    }
    return choice != 0;
}

static inline bool put_date(struct sink *out, const trial_date *date)
{
    uint32_t day = htole32((uint32_t)*date);

    if (*date == TRIAL_DATE_NONE) {
        return false;
    }
    put(out, &day, sizeof day);
    return true;
}

static inline bool put_instant(struct sink *out, const trial_instant *instant)
{
    if (*instant == TRIAL_INSTANT_NONE) {
        return false;
    }
    put_64(out, (uint64_t)*instant);
    return true;
}

/* An empty list is an absent one, whatever its row asks for. */
static bool put_texts(struct sink *out, const trial_texts *texts)
{
    if (texts->count == 0) {
        return false;
    }
    put_size(out, texts->count);
    for (uint32_t i = 0; i < texts->count; i++) {
        put_size(out, texts->items[i].size);
        put(out, texts->items[i].at, texts->items[i].size);
    }
    return true;
}

/* Leave room for the bits of a struct, which are known when its fields are written. */
static inline size_t begin(struct sink *out, size_t bytes)
{
    size_t at;

    (void)room(out, bytes);
    at = (size_t)(out->at - (uint8_t *)out->writer->data);
    out->at += bytes;
    return at;
}

static inline void end(const struct sink *out, size_t at, size_t bytes, uint64_t set)
{
    uint64_t little = htole64(set);

    memcpy(out->writer->data + at, &little, bytes);
}

/* What is left to be read; once cut short it stays so. */
struct source {
    const uint8_t *at;
    const uint8_t *end;
    trial_arena *arena;
    bool has_failed;
};

static inline const uint8_t *take(struct source *in, size_t size)
{
    const uint8_t *taken = in->at;

    if (size > (size_t)(in->end - in->at)) {
        in->has_failed = true;
        return NULL;
    }
    in->at += size;
    return taken;
}

static inline uint64_t take_size(struct source *in)
{
    uint64_t number = 0;

    for (uint32_t shift = 0; shift < 64; shift += 7) {
        uint8_t byte;

        if (in->at == in->end) {
            break;
        }
        byte = *in->at++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return number;
        }
    }
    in->has_failed = true;
    return 0;
}

/* How many items or bytes follow: each takes a byte at least, so no length asks for too much. */
static inline uint32_t take_count(struct source *in)
{
    uint64_t count = take_size(in);

    if (count > (uint64_t)(in->end - in->at)) {
        in->has_failed = true;
        return 0;
    }
    return (uint32_t)count;
}

static inline uint64_t take_64(struct source *in)
{
    const uint8_t *at = take(in, sizeof(uint64_t));
    uint64_t number = 0;

    if (at != NULL) {
        memcpy(&number, at, sizeof number);
    }
    return le64toh(number);
}

static inline uint8_t take_byte(struct source *in)
{
    const uint8_t *at = take(in, 1);

    return at == NULL ? 0 : *at;
}

/* Each reads a field, or gives it its absent form where that is not all zeros. */

static inline void take_text(struct source *in, bool is_set, trial_text *into)
{
    if (is_set) {
        into->size = take_count(in);
        into->at = (const char *)take(in, into->size);
    }
}

UNASKED static void take_bytes(struct source *in, bool is_set, trial_bytes *into)
{
    if (is_set) {
        into->size = take_count(in);
        into->data = take(in, into->size);
    }
}

static inline void take_integer(struct source *in, bool is_set, trial_integer *into)
{
    if (is_set) {
        uint64_t folded = take_size(in);

        into->value = (int64_t)(folded >> 1) ^ -(int64_t)(folded & 1);
        into->is_set = true;
    }
}

static inline void take_number(struct source *in, bool is_set, trial_number *into)
{
    uint8_t form;

    if (!is_set) {
        return;
    }
    form = take_byte(in);
    if (form == TRIAL_NUMBER_ABSENT || form > TRIAL_NUMBER_FLOAT) {
        in->has_failed = true;
        return;
    }
    into->form = (trial_number_form)form;
    into->as.unsigned_integer = take_64(in);
}

static inline void take_truth(struct source *in, bool is_set, trial_truth *into)
{
    if (is_set) {
        *into = (trial_truth){ .value = take_byte(in) != 0, .is_set = true };
    }
}

static inline void
take_choice(struct source *in, bool is_set, const trial_choices *choices, trial_choice *into)
{
    if (is_set) {
        *into = take_byte(in);
        in->has_failed = in->has_failed || *into > choices->count;
    }
}

static inline void take_date(struct source *in, bool is_set, trial_date *into)
{
    const uint8_t *at = is_set ? take(in, sizeof(uint32_t)) : NULL;
    uint32_t day;

    *into = TRIAL_DATE_NONE;
    if (at != NULL) {
        memcpy(&day, at, sizeof day);
        *into = (trial_date)le32toh(day);
    }
}

static inline void take_instant(struct source *in, bool is_set, trial_instant *into)
{
    *into = is_set ? (trial_instant)take_64(in) : TRIAL_INSTANT_NONE;
}

static inline void take_texts(struct source *in, bool is_set, trial_texts *into)
{
    trial_text *items;

    if (!is_set) {
        return;
    }
    into->count = take_count(in);
    if (into->count == 0) {
        return;
    }
    items = trial_arena_take(in->arena, into->count * sizeof *items);
    into->items = items;
    for (uint32_t i = 0; i < into->count && !in->has_failed; i++) {
        take_text(in, true, &items[i]);
    }
}

/* An empty list of structs is never written. */
static inline void *take_items(struct source *in, size_t size, uint32_t *ret_count)
{
    *ret_count = take_count(in);
    if (*ret_count == 0) {
        in->has_failed = true;
        return NULL;
    }
    return trial_arena_room(in->arena, *ret_count * size);
}

/* Which fields of a struct are set; bits beyond them are none. */
static inline uint64_t take_bits(struct source *in, uint32_t fields, size_t bytes)
{
    const uint8_t *bitmap = take(in, bytes);
    uint64_t little = 0;
    uint64_t set;

    if (bitmap != NULL) {
        memcpy(&little, bitmap, bytes);
    }
    set = le64toh(little);
    if (fields < 64 && set >> fields != 0) {
        in->has_failed = true;
        return 0;
    }
    return set;
}

/* The rows are read three times: how many fields has a shape, how is it written, how is it read. */
#include "trial/fields_calls.inc"

#define FIELD(c, name) +1
#define CHOSEN(choices, name) +1
#define NESTED(shape, name) +1
#define LISTED(shape, name) +1
#define COUNT_SHAPE(lower, ...)                                                                    \
    enum { FIELDS_OF_##lower = 0 __VA_ARGS__, BYTES_OF_##lower = (FIELDS_OF_##lower + 7) / 8 };    \
    static_assert(FIELDS_OF_##lower <= 64, "a bit a field");
#define SHAPE(lower, ...) COUNT_SHAPE(lower, __VA_ARGS__)
#define EVENT(...)
#include "trial/events.def"
#define SHAPE(lower, ...) COUNT_SHAPE(lower, __VA_ARGS__)
#define STATE(lower, UPPER, ...) COUNT_SHAPE(lower, __VA_ARGS__)
#include "trial/state.def"
#undef FIELD
#undef CHOSEN
#undef NESTED
#undef LISTED

#define SET_IF(is_set)                                                                             \
    set |= (is_set) ? bit : 0;                                                                     \
    bit <<= 1;
#define FIELD(c, name) SET_IF(put_##c(out, &from->name))
#define CHOSEN(choices, name) SET_IF(put_choice(out, from->name))
#define NESTED(shape, name)                                                                        \
    if (from->name != NULL) {                                                                      \
        write_##shape(out, from->name);                                                            \
    }                                                                                              \
    SET_IF(from->name != NULL)
#define LISTED(shape, name)                                                                        \
    if (from->name.count > 0) {                                                                    \
        put_size(out, from->name.count);                                                           \
    }                                                                                              \
    for (uint32_t i = 0; i < from->name.count; i++) {                                              \
        write_##shape(out, &from->name.items[i]);                                                  \
    }                                                                                              \
    SET_IF(from->name.count > 0)
#define WRITE_SHAPE(lower, ...)                                                                    \
    UNASKED static void write_##lower(struct sink *out, const struct trial_##lower *from)          \
    {                                                                                              \
        size_t at = begin(out, BYTES_OF_##lower);                                                  \
        uint64_t set = 0;                                                                          \
        uint64_t bit = 1;                                                                          \
                                                                                                   \
        __VA_ARGS__                                                                                \
        end(out, at, BYTES_OF_##lower, set);                                                       \
    }
#define SHAPE(lower, ...) WRITE_SHAPE(lower, __VA_ARGS__)
#define EVENT(...)
#include "trial/events.def"
#define SHAPE(lower, ...) WRITE_SHAPE(lower, __VA_ARGS__)
#define STATE(lower, UPPER, ...) WRITE_SHAPE(lower, __VA_ARGS__)
#include "trial/state.def"
#undef FIELD
#undef CHOSEN
#undef NESTED
#undef LISTED

#define NEXT_IS_SET() ((set & bit) != 0)
#define FIELD(c, name)                                                                             \
    take_##c(in, NEXT_IS_SET(), &into->name);                                                      \
    bit <<= 1;
#define CHOSEN(choices, name)                                                                      \
    take_choice(in, NEXT_IS_SET(), &trial_choices_##choices, &into->name);                         \
    bit <<= 1;
#define NESTED(shape, name)                                                                        \
    if (NEXT_IS_SET()) {                                                                           \
        into->name = trial_arena_room(in->arena, sizeof *into->name);                              \
        read_##shape(in, into->name);                                                              \
    }                                                                                              \
    bit <<= 1;
#define LISTED(shape, name)                                                                        \
    if (NEXT_IS_SET()) {                                                                           \
        into->name.items = take_items(in, sizeof *into->name.items, &into->name.count);            \
        for (uint32_t i = 0; i < into->name.count && !in->has_failed; i++) {                       \
            read_##shape(in, &into->name.items[i]);                                                \
        }                                                                                          \
    }                                                                                              \
    bit <<= 1;
#define READ_SHAPE(lower, ...)                                                                     \
    UNASKED static void read_##lower(struct source *in, struct trial_##lower *into)                \
    {                                                                                              \
        uint64_t set = take_bits(in, FIELDS_OF_##lower, BYTES_OF_##lower);                         \
        uint64_t bit = 1;                                                                          \
                                                                                                   \
        memset(into, 0, sizeof *into);                                                             \
        __VA_ARGS__                                                                                \
    }
#define SHAPE(lower, ...) READ_SHAPE(lower, __VA_ARGS__)
#define EVENT(...)
#include "trial/events.def"
#define SHAPE(lower, ...) READ_SHAPE(lower, __VA_ARGS__)
#define STATE(lower, UPPER, ...) READ_SHAPE(lower, __VA_ARGS__)
#include "trial/state.def"

#include "trial/fields_end.inc"

void proto_row_write(pack_writer *writer, const trial_state *from)
{
    struct sink out = { .writer = writer };

    turn_to(&out, trial_state_shape(from->kind)->size); /* about what it takes */
    switch (from->kind) {
#define KIND(lower, UPPER, doc)                                                                    \
    case TRIAL_KIND_##UPPER:                                                                       \
        write_##lower(&out, &from->as.lower);                                                      \
        break;
#include "trial/kinds.def"
    case TRIAL_KIND_CASE:
    case TRIAL_KIND_OTHER:
    case TRIAL_KIND_ANY: /* trial_state_shape() has no shape for it */
        write_other(&out, &from->as.other);
        break;
    }
    writer->size = (size_t)(out.at - (uint8_t *)writer->data);
}

trial_code
proto_row_read(trial_bytes bytes, trial_arena *arena, trial_state *into, trial_error *err)
{
    struct source in = { bytes.data, bytes.data + bytes.size, arena, false };

    TRIAL_ASSERT(bytes.data != NULL);
    switch (into->kind) {
#define KIND(lower, UPPER, doc)                                                                    \
    case TRIAL_KIND_##UPPER:                                                                       \
        read_##lower(&in, &into->as.lower);                                                        \
        break;
#include "trial/kinds.def"
    case TRIAL_KIND_CASE:
    case TRIAL_KIND_OTHER:
    case TRIAL_KIND_ANY:
        read_other(&in, &into->as.other);
        break;
    }
    if (in.has_failed || in.at != in.end) {
        return trial_fail(
            err, TRIAL_STORAGE, "a row is no %s", trial_state_shape(into->kind)->name);
    }
    return TRIAL_OK;
}
