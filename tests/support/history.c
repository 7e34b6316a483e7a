/* history.c - see history.h. */
#include "history.h"

#include <stdio.h>
#include <stdlib.h>

#define NOTE_BYTES_MAX 1024

void history_done(history *past)
{
    trial_arena_done(&past->arena);
    past->state_count = 0;
    past->event_count = 0;
}

static _Noreturn void give_up(const char *what, const char *where)
{
    (void)fprintf(stderr, "%s: %s\n", what, where);
    abort();
}

/* Defaults: what a field holds where a note says nothing. */
static const struct default_text {
    const char *field;
    const char *text;
} default_texts[] = {
    { "programme", "p1" },      { "exemptionId", "e1" }, { "evaluationId", "v1" },
    { "deadlineId", "d1" },     { "indicator", "i1" },   { "unit", "pct" },
    { "corrects", "no event" },
};

static trial_text default_text(const char *field)
{
    for (size_t i = 0; i < sizeof default_texts / sizeof default_texts[0]; i++) {
        if (strcmp(default_texts[i].field, field) == 0) {
            return trial_text_of(default_texts[i].text);
        }
    }
    return TRIAL_TEXT("x");
}

static trial_texts one_text(history *past, trial_text text)
{
    trial_texts texts = { trial_arena_take(&past->arena, sizeof(trial_text)), 1 };

    texts.items[0] = text;
    return texts;
}

/* Set a field that is no object to its default. */
static void fill_plain(history *past, const trial_field *field, void *at, trial_date day)
{
    switch (field->kind) {
    case TRIAL_FIELD_TEXT:
        *(trial_text *)at = default_text(field->name);
        break;
    case TRIAL_FIELD_INTEGER:
        *(trial_integer *)at = (trial_integer){ 1, true };
        break;
    case TRIAL_FIELD_NUMBER:
        *(trial_number *)at = (trial_number){ TRIAL_NUMBER_INTEGER, { .integer = 1 } };
        break;
    case TRIAL_FIELD_TRUTH:
        *(trial_truth *)at = (trial_truth){ true, true };
        break;
    case TRIAL_FIELD_DATE:
        *(trial_date *)at = day;
        break;
    case TRIAL_FIELD_CODE:
        *(trial_text *)at = TRIAL_TEXT("0101");
        break;
    case TRIAL_FIELD_CHOICE:
        *(trial_choice *)at = 1;
        break;
    case TRIAL_FIELD_TEXTS:
        *(trial_texts *)at = one_text(past, TRIAL_TEXT("x"));
        break;
    case TRIAL_FIELD_CODES:
        *(trial_texts *)at = one_text(past, TRIAL_TEXT("0101"));
        break;
    case TRIAL_FIELD_ANY:
    case TRIAL_FIELD_FREE:
        *(trial_bytes *)at = (trial_bytes){ (const uint8_t *)"x", 1 };
        break;
    case TRIAL_FIELD_INSTANT:
    case TRIAL_FIELD_OBJECT:
    case TRIAL_FIELD_OBJECTS:
        break;
    }
}

/* Fill the required fields of a map that holds no maps. */
static void fill_flat(history *past, const trial_shape *shape, void *at, trial_date day)
{
    trial_shape_clear(shape, at);
    for (uint32_t i = 0; i < shape->count; i++) {
        if (shape->fields[i].is_required) {
            fill_plain(past, &shape->fields[i], (char *)at + shape->fields[i].offset, day);
        }
    }
}

static void *make_object(history *past, const trial_shape *shape, trial_date day)
{
    void *object = trial_arena_take(&past->arena, shape->size);

    fill_flat(past, shape, object, day);
    return object;
}

/* Grow a list of objects to `count`, the new ones at their defaults. */
static void
grow_objects(history *past, const trial_shape *shape, void *at, uint32_t count, trial_date day)
{
    trial_list list;

    memcpy(&list, at, sizeof list);
    if (list.count < count) {
        list.items = trial_arena_grow(&past->arena, list.items, list.count, count, shape->size);
        for (uint32_t i = list.count; i < count; i++) {
            fill_flat(past, shape, (char *)list.items + (size_t)i * shape->size, day);
        }
        list.count = count;
        memcpy(at, &list, sizeof list);
    }
}

static void fill_event(history *past, trial_event *event)
{
    const trial_shape *shape = trial_event_row_of(event->type)->shape();
    trial_date day = trial_date_of(event->time);

    trial_shape_clear(trial_shape_of_common(), &event->common);
    fill_flat(past, shape, &event->as, day);
    for (uint32_t i = 0; i < shape->count; i++) {
        const trial_field *field = &shape->fields[i];
        char *at = (char *)&event->as + field->offset;

        if (field->is_required && field->kind == TRIAL_FIELD_OBJECT) {
            void *object = make_object(past, field->shape(), day);

            memcpy(at, &object, sizeof object);
        } else if (field->is_required && field->kind == TRIAL_FIELD_OBJECTS) {
            grow_objects(past, field->shape(), at, 1, day);
        }
    }
}

trial_event history_blank(history *past,
                          trial_event_type type,
                          const char *subject,
                          const char *source,
                          trial_instant time)
{
    trial_event event = { .type = type, .time = time, .ingest = TRIAL_INSTANT_NONE };
    char written[TRIAL_INSTANT_TEXT_BYTES];

    trial_instant_write(time, written);
    event.time_text = trial_arena_text(&past->arena, trial_text_of(written));
    event.subject = trial_arena_text(&past->arena, trial_text_of(subject));
    event.source = trial_arena_text(&past->arena, trial_text_of(source));
    event.kind = trial_subject_split(event.subject, &event.subject_id);
    event.id = trial_arena_print(&past->arena, "%u", past->event_count + 1);
    fill_event(past, &event);
    return event;
}

/* Reading a note. */

static trial_texts read_texts(history *past, trial_text value)
{
    trial_texts texts = { trial_arena_take(&past->arena, (value.size + 1) * sizeof(trial_text)),
                          0 };
    uint32_t from = 0;

    for (uint32_t i = 0; i <= value.size; i++) {
        if (i == value.size || value.at[i] == ',') {
            texts.items[texts.count++] = (trial_text){ value.at + from, i - from };
            from = i + 1;
        }
    }
    return texts;
}

static void read_value(history *past, const trial_field *field, void *at, trial_text value)
{
    trial_error err;

    switch (field->kind) {
    case TRIAL_FIELD_TEXT:
    case TRIAL_FIELD_CODE:
        *(trial_text *)at = value;
        break;
    case TRIAL_FIELD_INTEGER:
        *(trial_integer *)at = (trial_integer){ strtoll(value.at, NULL, 10), true };
        break;
    case TRIAL_FIELD_NUMBER:
        *(trial_number *)at =
            (trial_number){ TRIAL_NUMBER_FLOAT, { .number = strtod(value.at, NULL) } };
        break;
    case TRIAL_FIELD_TRUTH:
        *(trial_truth *)at = (trial_truth){ trial_text_is(value, "true"), true };
        break;
    case TRIAL_FIELD_DATE:
        if (trial_date_read(value, at, &err) != TRIAL_OK) {
            give_up("no day", value.at);
        }
        break;
    case TRIAL_FIELD_CHOICE:
        *(trial_choice *)at = trial_choice_named(field->choices, value);
        if (*(trial_choice *)at == 0) {
            give_up("no such choice", value.at);
        }
        break;
    case TRIAL_FIELD_TEXTS:
    case TRIAL_FIELD_CODES:
        *(trial_texts *)at = read_texts(past, value);
        break;
    case TRIAL_FIELD_ANY:
    case TRIAL_FIELD_FREE:
        *(trial_bytes *)at = (trial_bytes){ (const uint8_t *)value.at, value.size };
        break;
    case TRIAL_FIELD_INSTANT:
    case TRIAL_FIELD_OBJECT:
    case TRIAL_FIELD_OBJECTS:
        give_up("no value for a field of that kind", field->name);
    }
}

static void clear_value(const trial_field *field, void *at)
{
    const trial_shape one = { field->name, 0, 1, field };

    if (field->kind == TRIAL_FIELD_DATE) {
        *(trial_date *)at = TRIAL_DATE_NONE;
    } else if (field->kind == TRIAL_FIELD_TEXT || field->kind == TRIAL_FIELD_CODE) {
        *(trial_text *)at = (trial_text){ 0 };
    } else {
        give_up("a field of that kind cannot be left out", one.name);
    }
}

/* Step into an object, or into one of a list. */
static void
step_into(history *past, const trial_field *field, void **at, char **path, trial_date day)
{
    uint32_t index = 0;
    trial_list list;
    void *object;

    if (field->kind == TRIAL_FIELD_OBJECT) {
        memcpy(&object, *at, sizeof object);
        if (object == NULL) {
            object = make_object(past, field->shape(), day);
            memcpy(*at, &object, sizeof object);
        }
        *at = object;
        return;
    }
    if (field->kind != TRIAL_FIELD_OBJECTS) {
        give_up("no object", field->name);
    }
    if (**path >= '0' && **path <= '9') {
        index = (uint32_t)strtoul(*path, path, 10);
        (*path)++; /* the dot */
    }
    grow_objects(past, field->shape(), *at, index + 1, day);
    memcpy(&list, *at, sizeof list);
    *at = (char *)list.items + (size_t)index * field->shape()->size;
}

/* One `path=value` of a note. */
static void read_setting(history *past, trial_event *event, char *setting)
{
    const trial_shape *shape = trial_event_row_of(event->type)->shape();
    char *value = strchr(setting, '=');
    void *at = &event->as;
    const trial_field *field;
    char *dot;

    if (value == NULL) {
        give_up("no field=value", setting);
    }
    *value++ = '\0';
    for (dot = strchr(setting, '.'); dot != NULL; dot = strchr(setting, '.')) {
        *dot = '\0';
        field = trial_shape_find(shape, trial_text_of(setting));
        if (field == NULL) {
            give_up("no such field", setting);
        }
        setting = dot + 1;
        at = (char *)at + field->offset;
        step_into(past, field, &at, &setting, trial_date_of(event->time));
        shape = field->shape();
    }
    field = trial_shape_find(shape, trial_text_of(setting));
    if (field == NULL && at == &event->as) {
        at = &event->common;
        field = trial_shape_find(trial_shape_of_common(), trial_text_of(setting));
    }
    if (field == NULL) {
        give_up("no such field", setting);
    }
    at = (char *)at + field->offset;
    if (*value == '\0') {
        clear_value(field, at);
    } else {
        read_value(past, field, at, trial_arena_text(&past->arena, trial_text_of(value)));
    }
}

static void spaces_for_lows(char *text)
{
    for (; *text != '\0'; text++) {
        *text = *text == '_' ? ' ' : *text;
    }
}

static const char *read_source(history *past, const char *word)
{
    static const char *const beginnings[][2] = {
        { "G", "/dk/regering" },     { "F", "/dk/folketing" },   { "M", "/dk/ministerium/m" },
        { "N", "/dk/netvaerk/n" },   { "E", "/dk/evaluator/e" }, { "P", "/dk/presse/p" },
        { "K", "/dk/kommune/0101" }, { "D", "/triald" },
    };

    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        if (strcmp(word, beginnings[i][0]) == 0) {
            return beginnings[i][1];
        }
    }
    if (word[0] == 'K') {
        return trial_arena_print(&past->arena, "/dk/kommune/%s", word + 1).at;
    }
    return word;
}

static trial_instant read_time(const char *word)
{
    trial_text text = trial_text_of(word);
    trial_instant time = 0;
    trial_date day;
    trial_error err;

    if (trial_date_read(text, &day, &err) == TRIAL_OK) {
        return trial_date_begin(day) + (trial_instant)10 * 3600 * TRIAL_NS_PER_S;
    }
    if (trial_instant_read(text, &time, &err) != TRIAL_OK) {
        give_up("no time", word);
    }
    return time;
}

trial_event history_event(history *past, const char *note)
{
    char words[NOTE_BYTES_MAX];
    char *rest = words;
    const char *head[4];
    trial_event_type type;
    trial_event event;

    if (strlen(note) >= sizeof words) {
        give_up("the note is too long", note);
    }
    memcpy(words, note, strlen(note) + 1);
    for (int i = 0; i < 4; i++) {
        head[i] = strsep(&rest, " ");
        if (head[i] == NULL) {
            give_up("the note is too short", note);
        }
    }
    type = trial_event_named(trial_text_of(head[0]));
    if (type == TRIAL_EVENT_COUNT) {
        give_up("no such type", note);
    }
    event = history_blank(past, type, head[1], read_source(past, head[2]), read_time(head[3]));
    while (rest != NULL) {
        char *setting = strsep(&rest, " ");

        if (*setting != '\0') {
            spaces_for_lows(setting);
            read_setting(past, &event, setting);
        }
    }
    return event;
}
