/* shape_write.c - the structs that rows describe, and trees of values, to canonical maps. */
#include "token.h"

#include <stdlib.h>

#define SHAPE_DEPTH_MAX 8u
#define SHAPE_FIELDS_MAX 64u

/* A struct that is being written field by field, or a list of them. */
struct level {
    const trial_shape *shape;
    const char *from;
    uint32_t next;
    uint32_t count; /* fields that are set, or items */
    bool is_list;
    const trial_field *fields[SHAPE_FIELDS_MAX]; /* those that are set, by name */
};

static bool is_set(const trial_field *field, const char *at)
{
    trial_text text;
    trial_integer integer;
    trial_number number;
    trial_truth truth;
    trial_date date;
    trial_instant instant;
    trial_list list;
    trial_bytes bytes;
    const void *object;

    switch (field->kind) {
    case TRIAL_FIELD_TEXT:
    case TRIAL_FIELD_CODE:
        memcpy(&text, at, sizeof text);
        return text.at != NULL;
    case TRIAL_FIELD_INTEGER:
        memcpy(&integer, at, sizeof integer);
        return integer.is_set;
    case TRIAL_FIELD_NUMBER:
        memcpy(&number, at, sizeof number);
        return number.form != TRIAL_NUMBER_ABSENT;
    case TRIAL_FIELD_TRUTH:
        memcpy(&truth, at, sizeof truth);
        return truth.is_set;
    case TRIAL_FIELD_DATE:
        memcpy(&date, at, sizeof date);
        return date != TRIAL_DATE_NONE;
    case TRIAL_FIELD_INSTANT:
        memcpy(&instant, at, sizeof instant);
        return instant != TRIAL_INSTANT_NONE;
    case TRIAL_FIELD_CHOICE:
        return *(const trial_choice *)at != 0;
    case TRIAL_FIELD_TEXTS:
    case TRIAL_FIELD_CODES:
    case TRIAL_FIELD_OBJECTS:
        memcpy(&list, at, sizeof list);
        return list.count > 0 || (field->is_required && field->kind != TRIAL_FIELD_CODES);
    case TRIAL_FIELD_OBJECT:
        memcpy(&object, at, sizeof object);
        return object != NULL;
    case TRIAL_FIELD_ANY:
    case TRIAL_FIELD_FREE:
        memcpy(&bytes, at, sizeof bytes);
        return bytes.data != NULL;
    }
    trial_panic(__FILE__, __LINE__, "a field of no kind");
}

/* Begin a struct: find the fields that are set, in the order of their names. */
static void begin_struct(pack_writer *writer, struct level *level)
{
    level->count = 0;
    level->next = 0;
    level->is_list = false;
    for (uint32_t i = 0; i < level->shape->count; i++) {
        const trial_field *field = &level->shape->fields[i];
        uint32_t to = level->count;

        if (!is_set(field, level->from + field->offset)) {
            continue;
        }
        while (to > 0 && strcmp(level->fields[to - 1]->name, field->name) > 0) {
            level->fields[to] = level->fields[to - 1];
            to--;
        }
        level->fields[to] = field;
        level->count++;
    }
    pack_put_map(writer, level->count);
}

static void put_texts(pack_writer *writer, const char *at)
{
    trial_texts texts;

    memcpy(&texts, at, sizeof texts);
    pack_put_list(writer, texts.count);
    for (uint32_t i = 0; i < texts.count; i++) {
        pack_put_text(writer, texts.items[i]);
    }
}

static void put_date(pack_writer *writer, const char *at)
{
    char text[TRIAL_DATE_TEXT_BYTES];
    trial_date date;

    memcpy(&date, at, sizeof date);
    trial_date_write(date, text);
    pack_put_word(writer, text);
}

/* Write a field that is no struct. */
static void put_scalar(pack_writer *writer, const trial_field *field, const char *at)
{
    trial_text text;
    trial_integer integer;
    trial_number number;
    trial_truth truth;
    trial_instant instant;
    trial_bytes bytes;

    switch (field->kind) {
    case TRIAL_FIELD_TEXT:
    case TRIAL_FIELD_CODE:
        memcpy(&text, at, sizeof text);
        pack_put_text(writer, text);
        return;
    case TRIAL_FIELD_INTEGER:
        memcpy(&integer, at, sizeof integer);
        pack_put_integer(writer, integer.value);
        return;
    case TRIAL_FIELD_NUMBER:
        memcpy(&number, at, sizeof number);
        pack_put_number(writer, number);
        return;
    case TRIAL_FIELD_TRUTH:
        memcpy(&truth, at, sizeof truth);
        pack_put_truth(writer, truth.value);
        return;
    case TRIAL_FIELD_DATE:
        put_date(writer, at);
        return;
    case TRIAL_FIELD_INSTANT:
        memcpy(&instant, at, sizeof instant);
        pack_put_integer(writer, instant);
        return;
    case TRIAL_FIELD_CHOICE:
        pack_put_word(writer, trial_choice_word(field->choices, *(const trial_choice *)at));
        return;
    case TRIAL_FIELD_TEXTS:
    case TRIAL_FIELD_CODES:
        put_texts(writer, at);
        return;
    case TRIAL_FIELD_ANY:
    case TRIAL_FIELD_FREE:
        memcpy(&bytes, at, sizeof bytes);
        pack_put_raw(writer, bytes);
        return;
    case TRIAL_FIELD_OBJECT:
    case TRIAL_FIELD_OBJECTS:
        break;
    }
    trial_panic(__FILE__, __LINE__, "a field of no kind");
}

/* Write the next field of the struct on top, or enter it; returns the new depth. */
static uint32_t put_field(pack_writer *writer, struct level *levels, uint32_t depth)
{
    struct level *level = &levels[depth - 1];
    const trial_field *field = level->fields[level->next++];
    const char *at = level->from + field->offset;
    struct level *inner = level + 1;
    trial_list list;

    pack_put_word(writer, field->name);
    if (field->kind != TRIAL_FIELD_OBJECT && field->kind != TRIAL_FIELD_OBJECTS) {
        put_scalar(writer, field, at);
        return depth;
    }
    TRIAL_ASSERT(depth < SHAPE_DEPTH_MAX);
    inner->shape = field->shape();
    if (field->kind == TRIAL_FIELD_OBJECT) {
        memcpy(&inner->from, at, sizeof inner->from);
        begin_struct(writer, inner);
        return depth + 1;
    }
    memcpy(&list, at, sizeof list);
    inner->from = list.items;
    inner->count = list.count;
    inner->next = 0;
    inner->is_list = true;
    pack_put_list(writer, list.count);
    return depth + 1;
}

void pack_put_shape(pack_writer *writer, const trial_shape *shape, const void *from)
{
    struct level levels[SHAPE_DEPTH_MAX];
    uint32_t depth = 1;

    TRIAL_ASSERT(shape->count <= SHAPE_FIELDS_MAX);
    levels[0].shape = shape;
    levels[0].from = from;
    begin_struct(writer, &levels[0]);
    while (depth > 0) {
        struct level *level = &levels[depth - 1];

        if (level->next == level->count) {
            depth--;
        } else if (!level->is_list) {
            depth = put_field(writer, levels, depth);
        } else {
            TRIAL_ASSERT(depth < SHAPE_DEPTH_MAX);
            levels[depth].shape = level->shape;
            levels[depth].from = level->from + (size_t)level->next++ * level->shape->size;
            begin_struct(writer, &levels[depth++]);
        }
    }
}
