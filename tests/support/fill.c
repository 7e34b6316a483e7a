/* fill.c - see fill.h. */
#include "fill.h"

#include "trial/state.h"

#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 64u

uint64_t fill_next(filler *fill)
{
    fill->state ^= fill->state >> 12;
    fill->state ^= fill->state << 25;
    fill->state ^= fill->state >> 27;
    return fill->state * 0x2545f4914f6cdd1du;
}

uint32_t fill_below(filler *fill, uint32_t bound)
{
    return (uint32_t)(fill_next(fill) >> 33) % bound;
}

uint64_t fill_seed(uint64_t otherwise)
{
    const char *given = getenv("TRIAL_SEED");
    uint64_t seed = given == NULL ? otherwise : strtoull(given, NULL, 10);

    (void)printf("TRIAL_SEED=%llu\n", (unsigned long long)seed);
    return seed == 0 ? 1 : seed;
}

static bool one_in(filler *fill, uint32_t count)
{
    return fill_below(fill, count) == 0;
}

static trial_text any_text(filler *fill)
{
    static const char *const parts[] = { "a", "ø", "–", "😀", "x y", "0159", "~", "kommune" };
    uint32_t count = 1 + (one_in(fill, 8) ? fill_below(fill, 80) : fill_below(fill, 5));
    trial_text text = TRIAL_TEXT("");

    for (uint32_t i = 0; i < count; i++) {
        const char *part = parts[fill_below(fill, 8)];

        text = trial_arena_print(fill->arena, "%.*s%s", TRIAL_TEXT_ARGS(text), part);
    }
    return text;
}

static trial_text text_for(filler *fill, const char *name)
{
    return fill->is_random ? any_text(fill)
                           : trial_arena_print(fill->arena, "en %s på dansk", name);
}

static int64_t any_integer(filler *fill)
{
    int64_t integer = (int64_t)(fill_next(fill) >> fill_below(fill, 64));

    return one_in(fill, 3) ? -integer : integer;
}

static trial_number any_number(filler *fill)
{
    trial_number number = { .form = TRIAL_NUMBER_FLOAT, .as.number = 2.5 };

    if (!fill->is_random || one_in(fill, 3)) {
        number.as.number = fill->is_random ? (double)any_integer(fill) / 8 : 2.5;
    } else if (one_in(fill, 4)) {
        number = (trial_number){ .form = TRIAL_NUMBER_UNSIGNED,
                                 .as.unsigned_integer = UINT64_MAX - fill_below(fill, 99) };
    } else {
        number = (trial_number){ .form = TRIAL_NUMBER_INTEGER, .as.integer = any_integer(fill) };
    }
    return number;
}

/* Codes are told apart by their first two digits. */
static trial_texts texts_for(filler *fill, const trial_field *field)
{
    bool is_codes = field->kind == TRIAL_FIELD_CODES;
    trial_texts texts = { .count = fill->is_random ? fill_below(fill, 4) : 2 };

    if (texts.count == 0 && (is_codes || field->is_required)) {
        texts.count = 1;
    }
    texts.items = trial_arena_take(fill->arena, texts.count * sizeof *texts.items);
    for (uint32_t i = 0; i < texts.count; i++) {
        texts.items[i] =
            is_codes
                ? trial_arena_print(
                      fill->arena, "%02u%02u", i + 1, fill->is_random ? fill_below(fill, 100) : 59)
                : text_for(fill, field->name);
    }
    return texts;
}

static trial_bytes bytes_for(filler *fill, bool is_map)
{
    trial_value *value = is_map ? trial_value_map(fill->arena) : NULL;
    pack_writer writer = { 0 };
    trial_bytes bytes;

    if (is_map) {
        trial_value_set(fill->arena,
                        value,
                        "key",
                        fill->is_random ? fill_value(fill, 3) : trial_value_word(fill->arena, "v"));
    } else {
        value = fill->is_random ? fill_value(fill, 3) : trial_value_integer(fill->arena, 7);
    }
    pack_put_value(&writer, value, fill->arena);
    bytes = trial_arena_bytes(fill->arena, pack_written(&writer));
    pack_writer_done(&writer);
    return bytes;
}

static trial_date any_date(filler *fill)
{
    return fill->is_random ? (trial_date)fill_below(fill, 72000) - 25000 : 17590;
}

/* A struct that is still to be filled. */
struct task {
    const trial_shape *shape;
    char *into;
};

#define PUT(type, ...)                                                                             \
    do {                                                                                           \
        type put = __VA_ARGS__;                                                                    \
        memcpy(into, &put, sizeof put);                                                            \
    } while (0)

static void fill_scalar(filler *fill, const trial_field *field, void *into)
{
    switch (field->kind) {
    case TRIAL_FIELD_TEXT:
        PUT(trial_text, text_for(fill, field->name));
        break;
    case TRIAL_FIELD_INTEGER:
        PUT(trial_integer, { fill->is_random ? any_integer(fill) : 42, true });
        break;
    case TRIAL_FIELD_NUMBER:
        PUT(trial_number, any_number(fill));
        break;
    case TRIAL_FIELD_TRUTH:
        PUT(trial_truth, { fill->is_random ? one_in(fill, 2) : true, true });
        break;
    case TRIAL_FIELD_DATE:
        PUT(trial_date, any_date(fill));
        break;
    case TRIAL_FIELD_INSTANT:
        PUT(trial_instant, fill->is_random ? any_integer(fill) : 1519815600123456789);
        break;
    case TRIAL_FIELD_CODE:
        PUT(trial_text,
            fill->is_random ? trial_arena_print(fill->arena, "%04u", fill_below(fill, 10000))
                            : TRIAL_TEXT("0159"));
        break;
    case TRIAL_FIELD_CHOICE:
        PUT(trial_choice,
            (trial_choice)(fill->is_random ? 1 + fill_below(fill, field->choices->count) : 1));
        break;
    case TRIAL_FIELD_TEXTS:
    case TRIAL_FIELD_CODES:
        PUT(trial_texts, texts_for(fill, field));
        break;
    case TRIAL_FIELD_ANY:
    case TRIAL_FIELD_FREE:
        PUT(trial_bytes, bytes_for(fill, field->kind == TRIAL_FIELD_FREE));
        break;
    case TRIAL_FIELD_OBJECT:
    case TRIAL_FIELD_OBJECTS:
        break;
    }
}

/* Make the inner structs of a field and leave them to be filled. */
static uint32_t
fill_inner(filler *fill, const trial_field *field, void *into, struct task *tasks, uint32_t count)
{
    const trial_shape *shape = field->shape();
    bool is_list = field->kind == TRIAL_FIELD_OBJECTS;
    trial_list list = { .count = !is_list ? 1 : (fill->is_random ? fill_below(fill, 4) : 2) };

    list.items =
        list.count == 0 ? NULL : trial_arena_take(fill->arena, (size_t)list.count * shape->size);
    for (uint32_t i = 0; i < list.count; i++) {
        TRIAL_ASSERT(count < DEPTH_MAX);
        tasks[count++] = (struct task){ shape, (char *)list.items + (size_t)i * shape->size };
    }
    if (is_list) {
        PUT(trial_list, list);
    } else {
        PUT(void *, list.items);
    }
    return count;
}

void fill_struct(filler *fill, const trial_shape *shape, void *ret_struct)
{
    struct task tasks[DEPTH_MAX] = { { shape, ret_struct } };
    uint32_t count = 1;

    while (count > 0) {
        struct task task = tasks[--count];

        trial_shape_clear(task.shape, task.into);
        for (uint32_t i = 0; i < task.shape->count; i++) {
            const trial_field *field = &task.shape->fields[i];
            void *into = task.into + field->offset;

            if (fill->is_random && !field->is_required && one_in(fill, 2)) {
                continue;
            }
            if (field->kind == TRIAL_FIELD_OBJECT || field->kind == TRIAL_FIELD_OBJECTS) {
                count = fill_inner(fill, field, into, tasks, count);
            } else {
                fill_scalar(fill, field, into);
            }
        }
    }
}

static trial_value *any_scalar(filler *fill)
{
    switch (fill_below(fill, 6)) {
    case 0:
        return trial_value_nil(fill->arena);
    case 1:
        return trial_value_truth(fill->arena, one_in(fill, 2));
    case 2:
        return trial_value_integer(fill->arena, any_integer(fill));
    case 3:
        return trial_value_number(fill->arena, any_number(fill));
    default:
        return trial_value_text(fill->arena, any_text(fill));
    }
}

trial_value *fill_value(filler *fill, uint32_t depth)
{
    trial_value *top = trial_value_list(fill->arena);
    trial_value *open = top;

    for (uint32_t level = 0; level < depth; level++) {
        trial_value *inner =
            one_in(fill, 2) ? trial_value_list(fill->arena) : trial_value_map(fill->arena);

        for (uint32_t i = fill_below(fill, 6); i > 0; i--) {
            if (inner->kind == TRIAL_VALUE_LIST) {
                trial_value_push(fill->arena, inner, any_scalar(fill));
            } else {
                trial_value_set_text(fill->arena, inner, any_text(fill), any_scalar(fill));
            }
        }
        if (open->kind == TRIAL_VALUE_LIST) {
            trial_value_push(fill->arena, open, inner);
        } else {
            trial_value_set(fill->arena, open, "inner", inner);
        }
        open = inner;
    }
    return top;
}

/* What a struct holds, as entries of `map`. */
static void add_fields(filler *fill, trial_value *map, const trial_shape *shape, const void *from)
{
    pack_writer writer = { 0 };
    trial_value *value = NULL;
    pack_reader reader;
    trial_code code;

    pack_put_shape(&writer, shape, from);
    reader = pack_reader_of(trial_arena_bytes(fill->arena, pack_written(&writer)));
    pack_writer_done(&writer);
    code = pack_value(&reader, fill->arena, &value, NULL);
    TRIAL_ASSERT(code == TRIAL_OK);
    for (uint32_t i = 0; i < value->as.map.count; i++) {
        trial_entry *entry = &value->as.map.entries[i];

        trial_value_set_text(fill->arena, map, entry->name, entry->value);
    }
}

static unsigned any_number_of_id(filler *fill)
{
    return fill->is_random ? fill_below(fill, UINT32_MAX) : 17;
}

trial_value *fill_event(filler *fill, trial_event_type type)
{
    const trial_event_row *row = trial_event_row_of(type);
    trial_arena *arena = fill->arena;
    trial_value *event = trial_value_map(arena);
    trial_value *data = trial_value_map(arena);
    const char *word = row->kind == TRIAL_KIND_ANY ? "trial" : trial_kind_word(row->kind);
    void *fields = trial_arena_take(arena, row->shape()->size);
    struct trial_common common;
    char time[TRIAL_INSTANT_TEXT_BYTES];

    fill_struct(fill, trial_shape_of_common(), &common);
    fill_struct(fill, row->shape(), fields);
    add_fields(fill, data, trial_shape_of_common(), &common);
    add_fields(fill, data, row->shape(), fields);
    trial_instant_write(trial_date_begin(any_date(fill)) + 43200000000001, time);
    trial_value_set(
        arena,
        event,
        "id",
        trial_value_text(arena, trial_arena_print(arena, "ø-%u", any_number_of_id(fill))));
    trial_value_set(arena, event, "source", trial_value_word(arena, "/dk/ministerium/indenrig"));
    trial_value_set(arena, event, "type", trial_value_word(arena, row->name));
    trial_value_set(arena,
                    event,
                    "subject",
                    trial_value_text(arena, trial_arena_print(arena, "%s/ff2-018", word)));
    trial_value_set(arena, event, "time", trial_value_copy(arena, trial_text_of(time)));
    trial_value_set(arena, event, "data", data);
    if (!fill->is_random || one_in(fill, 2)) {
        trial_value_set(arena, event, "correlationid", trial_value_word(arena, "c-1"));
        trial_value_set(arena, event, "zcount", trial_value_integer(arena, -3));
        trial_value_set(arena, event, "flag", trial_value_truth(arena, true));
    }
    if (fill->is_random && one_in(fill, 2)) {
        trial_value_set_text(arena, data, TRIAL_TEXT("unknown"), fill_value(fill, 3));
    }
    return event;
}

static void put_bytes(pack_writer *writer, uint8_t lead, uint64_t number, unsigned width)
{
    uint8_t bytes[9] = { lead };

    for (unsigned i = 0; i < width; i++) {
        bytes[1 + i] = (uint8_t)(number >> 8 * (width - 1 - i));
    }
    pack_put_raw(writer, (trial_bytes){ bytes, 1 + width });
}

/* A length in a form wide enough; `lead` is that of the narrowest, of 2^narrowest bytes. */
static void
spell_count(filler *fill, pack_writer *writer, uint32_t count, uint8_t lead, unsigned narrowest)
{
    unsigned width = 1u << narrowest;

    while (width < 4 && (count >> (8 * width) != 0 || one_in(fill, 2))) {
        width *= 2;
        lead++;
    }
    put_bytes(writer, lead, count, width);
}

static void spell_integer(filler *fill, pack_writer *writer, int64_t integer)
{
    uint8_t lead = 0xd0;
    unsigned width = 1;

    if (one_in(fill, 2)) {
        pack_put_integer(writer, integer);
        return;
    }
    while (width < 8 && (integer < -((int64_t)1 << (8 * width - 1)) ||
                         integer >= (int64_t)1 << (8 * width - 1) || one_in(fill, 2))) {
        width *= 2;
        lead++;
    }
    put_bytes(writer, lead, (uint64_t)integer, width);
}

static void spell_float(filler *fill, pack_writer *writer, double number)
{
    float narrow = (float)number;
    uint32_t bits;

    if ((double)narrow < number || (double)narrow > number || one_in(fill, 2)) {
        pack_put_float(writer, number);
        return;
    }
    memcpy(&bits, &narrow, sizeof bits);
    put_bytes(writer, 0xca, bits, 4);
}

static void spell_text(filler *fill, pack_writer *writer, trial_text text)
{
    if (one_in(fill, 2)) {
        pack_put_text(writer, text);
        return;
    }
    spell_count(fill, writer, text.size, 0xd9, 0);
    pack_put_raw(writer, (trial_bytes){ (const uint8_t *)text.at, text.size });
}

static void spell_scalar(filler *fill, pack_writer *writer, const trial_value *value)
{
    switch (value->kind) {
    case TRIAL_VALUE_NIL:
        pack_put_nil(writer);
        break;
    case TRIAL_VALUE_TRUTH:
        pack_put_truth(writer, value->as.truth);
        break;
    case TRIAL_VALUE_INTEGER:
        spell_integer(fill, writer, value->as.integer);
        break;
    case TRIAL_VALUE_UNSIGNED:
        pack_put_unsigned(writer, value->as.count);
        break;
    case TRIAL_VALUE_FLOAT:
        spell_float(fill, writer, value->as.number);
        break;
    case TRIAL_VALUE_TEXT:
        spell_text(fill, writer, value->as.text);
        break;
    case TRIAL_VALUE_LIST:
    case TRIAL_VALUE_MAP:
        break;
    }
}

/* A list or map that is being spelt, from its first entry on or from its last back. */
struct spelling {
    const trial_value *value;
    uint32_t next;
    bool is_backwards;
};

void fill_spell(filler *fill, const trial_value *value, pack_writer *writer)
{
    struct spelling stack[DEPTH_MAX];
    uint32_t depth = 0;
    const trial_value *now = value;

    while (now != NULL) {
        if (now->kind == TRIAL_VALUE_LIST) {
            spell_count(fill, writer, now->as.list.count, 0xdc, 1);
        } else if (now->kind == TRIAL_VALUE_MAP) {
            spell_count(fill, writer, now->as.map.count, 0xde, 1);
        } else {
            spell_scalar(fill, writer, now);
        }
        if (now->kind == TRIAL_VALUE_LIST || now->kind == TRIAL_VALUE_MAP) {
            TRIAL_ASSERT(depth < DEPTH_MAX);
            stack[depth++] = (struct spelling){ now, 0, one_in(fill, 2) };
        }
        now = NULL;
        while (depth > 0 && now == NULL) {
            struct spelling *top = &stack[depth - 1];
            bool is_map = top->value->kind == TRIAL_VALUE_MAP;
            uint32_t count = is_map ? top->value->as.map.count : top->value->as.list.count;
            uint32_t at = top->is_backwards && is_map ? count - 1 - top->next : top->next;

            if (top->next++ == count) {
                depth--;
            } else if (is_map) {
                spell_text(fill, writer, top->value->as.map.entries[at].name);
                now = top->value->as.map.entries[at].value;
            } else {
                now = top->value->as.list.items[at];
            }
        }
    }
}
