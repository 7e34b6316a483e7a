/* row.c - see row.h. */
#include "row.h"

#include "token.h"
#include "trial/state.h"

#include <endian.h>

#define ROW_DEPTH_MAX 8u     /* structs in structs: a state, its lists, their maps, and room */
#define NUMBER_BYTES_MAX 10u /* of a LEB128 of 64 bits */

/* A struct, or one after the other of a list of them. */
struct level {
    const trial_shape *shape;
    char *at;
    uint64_t set;     /* a bit a field */
    size_t bitmap_at; /* where these bits go */
    uint32_t next;
    uint32_t items_left; /* of the list, behind this one */
};

static uint32_t bitmap_bytes(const trial_shape *shape)
{
    return (shape->count + 7) / 8;
}

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

/* What puts a value comes back with true, so that a field is put where it is found to be set. */
static inline uint8_t *room(struct sink *out, size_t size)
{
    if (size > (size_t)(out->end - out->at)) {
        out->writer->size = (size_t)(out->at - (uint8_t *)out->writer->data);
        turn_to(out, size);
    }
    return out->at;
}

static inline bool put_bytes(struct sink *out, const void *bytes, size_t size)
{
    if (size > 0) {
        memcpy(room(out, size), bytes, size);
        out->at += size;
    }
    return true;
}

static inline bool put_number(struct sink *out, uint64_t number)
{
    uint8_t *at = room(out, NUMBER_BYTES_MAX);

    while (number >= 0x80) {
        *at++ = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    *at++ = (uint8_t)number;
    out->at = at;
    return true;
}

static inline bool put_span(struct sink *out, const void *bytes, size_t size)
{
    return put_number(out, size) && put_bytes(out, bytes, size);
}

static bool put_texts(struct sink *out, const char *at)
{
    trial_texts texts;

    memcpy(&texts, at, sizeof texts);
    if (texts.count == 0) { /* an empty list is an absent one, whatever its row asks for */
        return false;
    }
    (void)put_number(out, texts.count); /* true, as all that put */
    for (uint32_t i = 0; i < texts.count; i++) {
        (void)put_span(out, texts.items[i].at, texts.items[i].size);
    }
    return true;
}

static inline bool put_64(struct sink *out, uint64_t number)
{
    number = htole64(number);
    return put_bytes(out, &number, sizeof number);
}

static inline bool put_date(struct sink *out, trial_date date)
{
    uint32_t day = htole32((uint32_t)date);

    return put_bytes(out, &day, sizeof day);
}

static uint64_t folded(int64_t number)
{
    return ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);
}

static int64_t unfolded(uint64_t number)
{
    return (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
}

/* Write a value that is no struct, if it is set; false where it is not. */
static inline bool put_value(struct sink *out, const trial_field *field, const char *at)
{
    trial_text text;
    trial_bytes bytes;
    trial_integer integer;
    trial_number number;
    trial_truth truth;
    trial_instant instant;
    trial_date date;

    switch (field->kind) {
    case TRIAL_FIELD_TEXT:
    case TRIAL_FIELD_CODE:
        memcpy(&text, at, sizeof text);
        return text.at != NULL && put_span(out, text.at, text.size);
    case TRIAL_FIELD_ANY:
    case TRIAL_FIELD_FREE:
        memcpy(&bytes, at, sizeof bytes);
        return bytes.data != NULL && put_span(out, bytes.data, bytes.size);
    case TRIAL_FIELD_INTEGER:
        memcpy(&integer, at, sizeof integer);
        return integer.is_set && put_number(out, folded(integer.value));
    case TRIAL_FIELD_NUMBER:
        memcpy(&number, at, sizeof number);
        return number.form != TRIAL_NUMBER_ABSENT &&
               put_bytes(out, &(uint8_t){ (uint8_t)number.form }, 1) &&
               put_64(out, number.as.unsigned_integer);
    case TRIAL_FIELD_TRUTH:
        memcpy(&truth, at, sizeof truth);
        return truth.is_set && put_bytes(out, &(uint8_t){ truth.value ? 1 : 0 }, 1);
    case TRIAL_FIELD_CHOICE:
        return *(const trial_choice *)at != 0 && put_bytes(out, at, 1);
    case TRIAL_FIELD_DATE:
        memcpy(&date, at, sizeof date);
        return date != TRIAL_DATE_NONE && put_date(out, date);
    case TRIAL_FIELD_INSTANT:
        memcpy(&instant, at, sizeof instant);
        return instant != TRIAL_INSTANT_NONE && put_64(out, (uint64_t)instant);
    case TRIAL_FIELD_TEXTS:
    case TRIAL_FIELD_CODES:
        return put_texts(out, at);
    case TRIAL_FIELD_OBJECT:
    case TRIAL_FIELD_OBJECTS:
        break;
    }
    trial_panic(__FILE__, __LINE__, "a field of no kind");
}

/* Begin a struct: leave room for the bits, which are known when it is written. */
static void begin(struct sink *out, struct level *level)
{
    uint32_t size = bitmap_bytes(level->shape);

    level->set = 0;
    level->next = 0;
    (void)room(out, size);
    level->bitmap_at = (size_t)(out->at - (uint8_t *)out->writer->data);
    out->at += size;
}

static void end(const struct sink *out, const struct level *level)
{
    uint64_t little = htole64(level->set);

    memcpy(out->writer->data + level->bitmap_at, &little, bitmap_bytes(level->shape));
}

/* Enter the struct or list of a field, if there is one; false where there is none. */
static bool enter(struct sink *out, struct level *level, const trial_field *field)
{
    const char *at = level->at + field->offset;
    struct level *inner = level + 1;
    trial_list list = { .count = 1 };

    if (field->kind == TRIAL_FIELD_OBJECT) {
        memcpy(&list.items, at, sizeof list.items);
    } else {
        memcpy(&list, at, sizeof list);
    }
    if (list.items == NULL || list.count == 0) {
        return false;
    }
    if (field->kind == TRIAL_FIELD_OBJECTS) {
        (void)put_number(out, list.count); /* true, as all that put */
    }
    *inner =
        (struct level){ .shape = field->shape(), .at = list.items, .items_left = list.count - 1 };
    begin(out, inner);
    return true;
}

static bool is_struct(const trial_field *field)
{
    return field->kind == TRIAL_FIELD_OBJECT || field->kind == TRIAL_FIELD_OBJECTS;
}

/* Write the fields of the level on top until one is a struct that is there; true where one was
 * entered. */
static bool put_fields(struct sink *out, struct level *level, bool may_enter)
{
    const trial_shape *shape = level->shape;

    while (level->next < shape->count) {
        const trial_field *field = &shape->fields[level->next];
        uint64_t bit = (uint64_t)1 << level->next++;

        if (!is_struct(field)) {
            level->set |= put_value(out, field, level->at + field->offset) ? bit : 0;
            continue;
        }
        TRIAL_ASSERT(may_enter);
        if (enter(out, level, field)) {
            level->set |= bit;
            return true;
        }
    }
    return false;
}

void proto_row_write(pack_writer *writer, const trial_shape *shape, const void *from)
{
    struct level levels[ROW_DEPTH_MAX];
    struct sink out = { .writer = writer };
    uint32_t depth = 1;

    TRIAL_ASSERT(shape->count <= 64);
    turn_to(&out, shape->size); /* about what it takes */
    levels[0] = (struct level){ .shape = shape, .at = (char *)(uintptr_t)from };
    begin(&out, &levels[0]);
    while (depth > 0) {
        struct level *level = &levels[depth - 1];

        if (put_fields(&out, level, depth < ROW_DEPTH_MAX)) {
            depth++;
            continue;
        }
        end(&out, level);
        if (level->items_left == 0) {
            depth--;
        } else {
            level->items_left--;
            level->at += level->shape->size;
            begin(&out, level);
        }
    }
    writer->size = (size_t)(out.at - (uint8_t *)writer->data);
}

/* What is left to be read; once cut short it stays so. */
struct source {
    const uint8_t *at;
    const uint8_t *end;
    trial_arena *arena;
    bool has_failed;
};

static const uint8_t *take(struct source *in, size_t size)
{
    const uint8_t *taken = in->at;

    if (size > (size_t)(in->end - in->at)) {
        in->has_failed = true;
        return NULL;
    }
    in->at += size;
    return taken;
}

static uint64_t take_number(struct source *in)
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
static uint32_t take_count(struct source *in)
{
    uint64_t count = take_number(in);

    if (count > (uint64_t)(in->end - in->at)) {
        in->has_failed = true;
        return 0;
    }
    return (uint32_t)count;
}

static uint64_t take_64(struct source *in)
{
    const uint8_t *at = take(in, sizeof(uint64_t));
    uint64_t number = 0;

    if (at != NULL) {
        memcpy(&number, at, sizeof number);
    }
    return le64toh(number);
}

static trial_text take_text(struct source *in)
{
    uint32_t size = take_count(in);

    return (trial_text){ (const char *)take(in, size), size };
}

static void take_texts(struct source *in, char *into)
{
    trial_texts texts = { .count = take_count(in) };

    if (texts.count > 0) {
        texts.items = trial_arena_take(in->arena, texts.count * sizeof *texts.items);
    }
    for (uint32_t i = 0; i < texts.count && !in->has_failed; i++) {
        texts.items[i] = take_text(in);
    }
    memcpy(into, &texts, sizeof texts);
}

static void take_byte(struct source *in, char *into)
{
    const uint8_t *at = take(in, 1);

    if (at != NULL) {
        memcpy(into, at, 1);
    }
}

static void take_form(struct source *in, char *into)
{
    const uint8_t *form = take(in, 1);
    trial_number number = { 0 };

    number.as.unsigned_integer = take_64(in);
    if (form == NULL || *form == TRIAL_NUMBER_ABSENT || *form > TRIAL_NUMBER_FLOAT) {
        in->has_failed = true;
        return;
    }
    number.form = (trial_number_form)*form;
    memcpy(into, &number, sizeof number);
}

static void take_date(struct source *in, char *into)
{
    const uint8_t *at = take(in, sizeof(uint32_t));
    uint32_t day = 0;
    trial_date date;

    if (at != NULL) {
        memcpy(&day, at, sizeof day);
    }
    date = (trial_date)le32toh(day);
    memcpy(into, &date, sizeof date);
}

static void take_choice(struct source *in, const trial_field *field, char *into)
{
    take_byte(in, into);
    if (*(const trial_choice *)into > field->choices->count) {
        in->has_failed = true;
    }
}

/* Read a value that is no struct. */
static void take_value(struct source *in, const trial_field *field, char *into)
{
    trial_text text;
    trial_bytes bytes;
    trial_integer integer = { .is_set = true };
    trial_truth truth = { .is_set = true };
    trial_instant instant;
    char byte = 0;

    switch (field->kind) {
    case TRIAL_FIELD_TEXT:
    case TRIAL_FIELD_CODE:
        text = take_text(in);
        memcpy(into, &text, sizeof text);
        return;
    case TRIAL_FIELD_ANY:
    case TRIAL_FIELD_FREE:
        text = take_text(in);
        bytes = (trial_bytes){ (const uint8_t *)text.at, text.size };
        memcpy(into, &bytes, sizeof bytes);
        return;
    case TRIAL_FIELD_INTEGER:
        integer.value = unfolded(take_number(in));
        memcpy(into, &integer, sizeof integer);
        return;
    case TRIAL_FIELD_NUMBER:
        take_form(in, into);
        return;
    case TRIAL_FIELD_TRUTH:
        take_byte(in, &byte);
        truth.value = byte != 0;
        memcpy(into, &truth, sizeof truth);
        return;
    case TRIAL_FIELD_CHOICE:
        take_choice(in, field, into);
        return;
    case TRIAL_FIELD_DATE:
        take_date(in, into);
        return;
    case TRIAL_FIELD_INSTANT:
        instant = (trial_instant)take_64(in);
        memcpy(into, &instant, sizeof instant);
        return;
    case TRIAL_FIELD_TEXTS:
    case TRIAL_FIELD_CODES:
        take_texts(in, into);
        return;
    case TRIAL_FIELD_OBJECT:
    case TRIAL_FIELD_OBJECTS:
        break;
    }
    trial_panic(__FILE__, __LINE__, "a field of no kind");
}

/* Begin a struct: clear it, and read which of its fields are set. */
static void begin_read(struct source *in, struct level *level)
{
    uint32_t size = bitmap_bytes(level->shape);
    const uint8_t *bitmap = take(in, size);
    uint64_t little = 0;

    trial_shape_clear(level->shape, level->at);
    if (bitmap != NULL) {
        memcpy(&little, bitmap, size);
    }
    level->set = le64toh(little);
    level->next = 0;
    if (level->shape->count < 64 && level->set >> level->shape->count != 0) {
        in->has_failed = true;
        level->set = 0;
    }
}

static void enter_read(struct source *in, struct level *level, const trial_field *field)
{
    char *into = level->at + field->offset;
    struct level *inner = level + 1;
    trial_list list = { .count = 1 };

    *inner = (struct level){ .shape = field->shape() };
    if (field->kind == TRIAL_FIELD_OBJECTS) {
        list.count = take_count(in);
    }
    if (list.count == 0) { /* an empty list is never written */
        in->has_failed = true;
        return;
    }
    list.items = trial_arena_take(in->arena, (size_t)list.count * inner->shape->size);
    inner->at = list.items;
    inner->items_left = list.count - 1;
    if (field->kind == TRIAL_FIELD_OBJECTS) {
        memcpy(into, &list, sizeof list);
    } else {
        memcpy(into, &list.items, sizeof list.items);
    }
    begin_read(in, inner);
}

/* The next field of a level that is set, or NULL. */
static const trial_field *next_set(struct level *level)
{
    uint64_t left = level->next > 63 ? 0 : level->set >> level->next;

    if (left == 0) {
        return NULL;
    }
    level->next += (uint32_t)__builtin_ctzll(left);
    return &level->shape->fields[level->next++];
}

static void read_struct(struct source *in, const trial_shape *shape, void *into)
{
    struct level levels[ROW_DEPTH_MAX];
    uint32_t depth = 1;

    levels[0] = (struct level){ .shape = shape, .at = into };
    begin_read(in, &levels[0]);
    while (depth > 0 && !in->has_failed) {
        struct level *level = &levels[depth - 1];
        const trial_field *field = next_set(level);

        if (field == NULL && level->items_left == 0) {
            depth--;
        } else if (field == NULL) {
            level->items_left--;
            level->at += level->shape->size;
            begin_read(in, level);
        } else if (is_struct(field)) {
            TRIAL_ASSERT(depth < ROW_DEPTH_MAX);
            enter_read(in, level, field);
            depth++;
        } else {
            take_value(in, field, level->at + field->offset);
        }
    }
}

trial_code proto_row_read(trial_bytes bytes,
                          const trial_shape *shape,
                          trial_arena *arena,
                          void *ret_struct,
                          trial_error *err)
{
    struct source in = { bytes.data, bytes.data + bytes.size, arena, false };

    TRIAL_ASSERT(bytes.data != NULL);
    read_struct(&in, shape, ret_struct);
    if (in.has_failed || in.at != in.end) {
        return trial_fail(err, TRIAL_STORAGE, "a row is no %s", shape->name);
    }
    return TRIAL_OK;
}
