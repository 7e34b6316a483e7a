/* export_ocel.c - OCEL 2.0 as JSON: events and all the objects they are about. What objects and
 * types there are is known at the end, so they stand behind the events. */
#include "export.h"
#include "json.h"

#include <search.h>
#include <stdlib.h>

/* Fields of data that name objects, and of which kind. */
static const struct reference {
    const char *field;
    const char *kind;
} references[] = {
    { "programme", "programme" },
    { "network", "network" },
    { "trials", "trial" },
    { "copyOf", "trial" },
    { "participants", "municipality" },
    { "members", "municipality" },
    { "municipality", "municipality" },
};

/* A list of texts, each there once. */
struct names {
    trial_text *items;
    uint32_t count;
    uint32_t room;
};

struct event_type {
    trial_text name;
    struct names attributes;
};

struct ocel {
    uint64_t count;
    void *objects; /* a tree of tsearch: which there are */
    struct names object_ids;
    struct names object_types;
    struct event_type *types;
    uint32_t type_count;
    uint32_t type_room;
};

static void push_name(trial_arena *arena, struct names *names, trial_text name)
{
    if (names->count == names->room) {
        names->room = names->room == 0 ? 16 : names->room * 2;
        names->items =
            trial_arena_grow(arena, names->items, names->count, names->room, sizeof *names->items);
    }
    names->items[names->count++] = trial_arena_text(arena, name);
}

static bool has_name(const struct names *names, trial_text name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (trial_text_equal(names->items[i], name)) {
            return true;
        }
    }
    return false;
}

static void add_name(trial_arena *arena, struct names *names, trial_text name)
{
    if (!has_name(names, name)) {
        push_name(arena, names, name);
    }
}

static struct event_type *type_of(export_run *run, trial_text name)
{
    struct ocel *ocel = run->state;

    for (uint32_t i = 0; i < ocel->type_count; i++) {
        if (trial_text_equal(ocel->types[i].name, name)) {
            return &ocel->types[i];
        }
    }
    if (ocel->type_count == ocel->type_room) {
        ocel->type_room = ocel->type_room == 0 ? 64 : ocel->type_room * 2;
        ocel->types = trial_arena_grow(
            run->arena, ocel->types, ocel->type_count, ocel->type_room, sizeof *ocel->types);
    }
    ocel->types[ocel->type_count] =
        (struct event_type){ .name = trial_arena_text(run->arena, name) };
    return &ocel->types[ocel->type_count++];
}

static int compare_ids(const void *left, const void *right)
{
    return trial_text_compare(*(const trial_text *)left, *(const trial_text *)right);
}

/* The type of an object is the word before its slash. */
static trial_text object_type(trial_text id)
{
    const char *slash = id.size == 0 ? NULL : memchr(id.at, '/', id.size);

    return slash == NULL ? id : (trial_text){ id.at, (uint32_t)(slash - id.at) };
}

static void add_object(export_run *run, trial_text id)
{
    struct ocel *ocel = run->state;
    trial_text *node;

    if (tfind(&id, &ocel->objects, compare_ids) != NULL) {
        return;
    }
    node = trial_arena_take(run->arena, sizeof *node);
    *node = trial_arena_text(run->arena, id);
    if (tsearch(node, &ocel->objects, compare_ids) == NULL) {
        trial_exhausted();
    }
    push_name(run->arena, &ocel->object_ids, *node);
    add_name(run->arena, &ocel->object_types, object_type(*node));
}

static trial_code begin_ocel(export_run *run, trial_error *err)
{
    (void)err;
    run->state = trial_memory(sizeof(struct ocel));
    (void)fputs("{\"events\":[", run->out); /* the verb looks whether everything was written */
    return TRIAL_OK;
}

/* One attribute; values are strings, as the schema that is checked against has them. */
static void put_attribute(export_run *run,
                          trial_arena *scratch,
                          struct event_type *type,
                          trial_text name,
                          const trial_value *value,
                          bool *is_first)
{
    bool is_text = value->kind == TRIAL_VALUE_TEXT;

    if (value->kind == TRIAL_VALUE_NIL) {
        return;
    }
    (void)fputs(*is_first ? "{\"name\":" : ",{\"name\":", run->out);
    *is_first = false;
    json_write_text(run->out, name);
    (void)fputs(",\"value\":", run->out);
    json_write_text(run->out, is_text ? value->as.text : json_text(scratch, value));
    (void)putc('}', run->out);
    add_name(run->arena, &type->attributes, name);
}

static void put_attributes(export_run *run, trial_arena *scratch, const trial_value *event)
{
    struct event_type *type = type_of(run, trial_value_get_text(event, "type"));
    const trial_value *data = trial_value_get(event, "data");
    bool is_first = true;

    (void)fputs(",\"attributes\":[", run->out);
    for (uint32_t i = 0; data != NULL && data->kind == TRIAL_VALUE_MAP && i < data->as.map.count;
         i++) {
        const trial_entry *entry = &data->as.map.entries[i];

        put_attribute(run,
                      scratch,
                      type,
                      trial_arena_print(scratch, "data.%.*s", TRIAL_TEXT_ARGS(entry->name)),
                      entry->value,
                      &is_first);
    }
    for (uint32_t i = 0; i < event->as.map.count; i++) {
        const trial_entry *entry = &event->as.map.entries[i];

        if (!trial_text_is(entry->name, "data") && !trial_text_is(entry->name, "type") &&
            !trial_text_is(entry->name, "time") && !trial_text_is(entry->name, "specversion")) {
            put_attribute(run, scratch, type, entry->name, entry->value, &is_first);
        }
    }
    (void)putc(']', run->out);
}

static void put_relation(export_run *run, trial_text object, const char *qualifier, bool is_first)
{
    (void)fputs(is_first ? "{\"objectId\":" : ",{\"objectId\":", run->out);
    json_write_text(run->out, object);
    (void)fputs(",\"qualifier\":", run->out);
    json_write_text(run->out, trial_text_of(qualifier));
    (void)putc('}', run->out);
    add_object(run, object);
}

/* A short id or a whole subject as the object it names. `seen` has those of the field so far: a
 * relation is there once, and who puts them into tables refuses a second. */
static void put_reference(export_run *run,
                          trial_arena *scratch,
                          const struct reference *reference,
                          const trial_value *value,
                          struct names *seen)
{
    trial_text object;

    if (value->kind != TRIAL_VALUE_TEXT || value->as.text.size == 0) {
        return;
    }
    object = value->as.text;
    if (memchr(object.at, '/', object.size) == NULL) {
        object = trial_arena_print(scratch, "%s/%.*s", reference->kind, TRIAL_TEXT_ARGS(object));
    }
    if (!has_name(seen, object)) {
        push_name(scratch, seen, object);
        put_relation(run, object, reference->field, false);
    }
}

static void put_relations(export_run *run, trial_arena *scratch, const trial_value *event)
{
    const trial_value *data = trial_value_get(event, "data");

    (void)fputs(",\"relationships\":[", run->out);
    put_relation(run, trial_value_get_text(event, "subject"), "subject", true);
    for (size_t i = 0; i < sizeof references / sizeof references[0]; i++) {
        const trial_value *value = trial_value_get(data, references[i].field);
        struct names seen = { 0 };

        if (value != NULL && value->kind == TRIAL_VALUE_LIST) {
            for (uint32_t k = 0; k < value->as.list.count; k++) {
                put_reference(run, scratch, &references[i], value->as.list.items[k], &seen);
            }
        } else if (value != NULL) {
            put_reference(run, scratch, &references[i], value, &seen);
        }
    }
    (void)putc(']', run->out);
}

static void put_event(export_run *run, const trial_value *event)
{
    struct ocel *ocel = run->state;
    trial_arena scratch = { 0 };

    /* The id of an event alone may come from two sources; its position is one for ever. */
    (void)fprintf(run->out,
                  "%s\n{\"id\":\"e%lld\",\"type\":",
                  ocel->count == 0 ? "" : ",",
                  (long long)trial_value_get_integer(event, "position"));
    json_write_text(run->out, trial_value_get_text(event, "type"));
    (void)fputs(",\"time\":", run->out);
    json_write_text(run->out, trial_value_get_text(event, "time"));
    put_attributes(run, &scratch, event);
    put_relations(run, &scratch, event);
    (void)putc('}', run->out);
    ocel->count++;
    trial_arena_done(&scratch);
}

static void put_objects(export_run *run)
{
    const struct ocel *ocel = run->state;

    for (uint32_t i = 0; i < ocel->object_ids.count; i++) {
        trial_text id = ocel->object_ids.items[i];

        (void)fputs(i == 0 ? "\n{\"id\":" : ",\n{\"id\":", run->out);
        json_write_text(run->out, id);
        (void)fputs(",\"type\":", run->out);
        json_write_text(run->out, object_type(id));
        (void)fputs(",\"attributes\":[],\"relationships\":[]}", run->out);
    }
}

static void put_type(FILE *out, trial_text name, const struct names *attributes, bool is_first)
{
    (void)fputs(is_first ? "\n{\"name\":" : ",\n{\"name\":", out);
    json_write_text(out, name);
    (void)fputs(",\"attributes\":[", out);
    for (uint32_t i = 0; i < attributes->count; i++) {
        (void)fputs(i == 0 ? "{\"name\":" : ",{\"name\":", out);
        json_write_text(out, attributes->items[i]);
        (void)fputs(",\"type\":\"string\"}", out);
    }
    (void)fputs("]}", out);
}

static void leave_node(void *node)
{
    (void)node; /* it lives in the arena */
}

static trial_code end_ocel(export_run *run, trial_error *err)
{
    static const struct names none = { 0 };
    struct ocel *ocel = run->state;

    (void)err;
    (void)fputs("\n],\"objects\":[", run->out);
    put_objects(run);
    (void)fputs("\n],\"eventTypes\":[", run->out);
    for (uint32_t i = 0; i < ocel->type_count; i++) {
        put_type(run->out, ocel->types[i].name, &ocel->types[i].attributes, i == 0);
    }
    (void)fputs("\n],\"objectTypes\":[", run->out);
    for (uint32_t i = 0; i < ocel->object_types.count; i++) {
        put_type(run->out, ocel->object_types.items[i], &none, i == 0);
    }
    (void)fputs("\n]}\n", run->out);
    tdestroy(ocel->objects, leave_node);
    free(ocel);
    return TRIAL_OK;
}

const export_format export_ocel = { "ocel", begin_ocel, put_event, end_ocel };
