/* world.c - see world.h. It folds the events from the first one whenever it is asked about a
 * moment. */
#include "world.h"

#include "record.h"
#include "row.h"
#include "rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 16
#define STATES_MAX 512

/* The states of one moment. */
struct moment {
    struct world *world;
    trial_arena arena;
    trial_state *states;
    uint32_t count;
    uint32_t *calls_left; /* 0: the next call fails; NULL: none does */
};

/* JSON to a tree of values: each level that is open, and how far it has come. */
struct level {
    json_t *json;
    trial_value *value;
    size_t index;
    void *iterator;
};

static trial_value *leaf_of(trial_arena *arena, json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return trial_value_map(arena);
    case JSON_ARRAY:
        return trial_value_list(arena);
    case JSON_STRING:
        return trial_value_copy(arena, trial_text_of(json_string_value(json)));
    case JSON_INTEGER:
        return trial_value_integer(arena, json_integer_value(json));
    case JSON_REAL:
        return trial_value_float(arena, json_real_value(json));
    case JSON_TRUE:
    case JSON_FALSE:
        return trial_value_truth(arena, json_is_true(json));
    case JSON_NULL:
        break;
    }
    return trial_value_nil(arena);
}

/* The next part of a level, its name in `ret_name` where it is an object's; NULL at the end. */
static json_t *next_part(struct level *level, const char **ret_name)
{
    json_t *part = NULL;

    *ret_name = NULL;
    if (json_is_array(level->json)) {
        return json_array_get(level->json, level->index++);
    }
    if (json_is_object(level->json)) {
        level->iterator = level->index++ == 0 ? json_object_iter(level->json)
                                              : json_object_iter_next(level->json, level->iterator);
        if (level->iterator != NULL) {
            *ret_name = json_object_iter_key(level->iterator);
            part = json_object_iter_value(level->iterator);
        }
    }
    return part;
}

static trial_value *value_of(trial_arena *arena, json_t *json)
{
    struct level levels[DEPTH_MAX] = { { json, leaf_of(arena, json), 0, NULL } };
    trial_value *top = levels[0].value;
    int depth = 1;

    while (depth > 0) {
        const char *name;
        json_t *part = next_part(&levels[depth - 1], &name);
        trial_value *value;

        if (part == NULL) {
            depth--;
            continue;
        }
        value = leaf_of(arena, part);
        if (name != NULL) {
            trial_value_set_text(arena,
                                 levels[depth - 1].value,
                                 trial_arena_text(arena, trial_text_of(name)),
                                 value);
        } else {
            trial_value_push(arena, levels[depth - 1].value, value);
        }
        assert_true(depth < DEPTH_MAX);
        levels[depth++] = (struct level){ part, value, 0, NULL };
    }
    return top;
}

static json_t *json_leaf_of(const trial_value *value)
{
    switch (value->kind) {
    case TRIAL_VALUE_TRUTH:
        return json_boolean(value->as.truth);
    case TRIAL_VALUE_INTEGER:
        return json_integer(value->as.integer);
    case TRIAL_VALUE_UNSIGNED:
        return json_integer((json_int_t)value->as.count);
    case TRIAL_VALUE_FLOAT:
        return json_real(value->as.number);
    case TRIAL_VALUE_TEXT:
        return json_stringn(value->as.text.at, value->as.text.size);
    case TRIAL_VALUE_LIST:
        return json_array();
    case TRIAL_VALUE_MAP:
        return json_object();
    case TRIAL_VALUE_NIL:
        break;
    }
    return json_null();
}

struct json_level {
    const trial_value *value;
    json_t *json;
    uint32_t index;
};

/* Put the next part of the level into its JSON; false at the end. */
static bool put_part(struct world *world, struct json_level *level, struct json_level *ret_part)
{
    const trial_value *value = level->value;
    uint32_t index = level->index++;

    if (value->kind == TRIAL_VALUE_LIST && index < value->as.list.count) {
        ret_part->value = value->as.list.items[index];
        ret_part->json = json_leaf_of(ret_part->value);
        assert_int_equal(json_array_append_new(level->json, ret_part->json), 0);
        return true;
    }
    if (value->kind == TRIAL_VALUE_MAP && index < value->as.map.count) {
        const trial_entry *entry = &value->as.map.entries[index];

        ret_part->value = entry->value;
        ret_part->json = json_leaf_of(entry->value);
        assert_int_equal(json_object_set_new(level->json,
                                             trial_arena_text(&world->arena, entry->name).at,
                                             ret_part->json),
                         0);
        return true;
    }
    return false;
}

const char *world_json(struct world *world, const trial_value *value)
{
    struct json_level levels[DEPTH_MAX];
    json_t *top = json_leaf_of(value);
    int depth = 1;
    char *text;
    const char *kept;

    levels[0] = (struct json_level){ value, top, 0 };
    while (depth > 0) {
        struct json_level part = { 0 };

        if (!put_part(world, &levels[depth - 1], &part)) {
            depth--;
            continue;
        }
        assert_true(depth < DEPTH_MAX);
        levels[depth++] = part;
    }
    text =
        json_dumps(top, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    assert_non_null(text);
    kept = trial_arena_text(&world->arena, trial_text_of(text)).at;
    free(text);
    json_decref(top);
    return kept;
}

static json_t *parse(const char *text)
{
    json_error_t why;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);

    if (json == NULL) {
        fail_msg("%s: %s", why.text, text);
    }
    return json;
}

static void keep_event(struct world *world, json_t *event)
{
    if (world->count == world->room) {
        world->room = world->room == 0 ? 256 : world->room * 2;
        world->events = trial_memory_again(world->events, world->room * sizeof(json_t *));
    }
    world->events[world->count++] = event;
}

void world_read(struct world *world, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;

    assert_non_null(file);
    while (getline(&line, &room, file) > 0) {
        keep_event(world, parse(line));
    }
    free(line);
    (void)fclose(file);
}

void world_done(struct world *world)
{
    for (uint32_t i = 0; i < world->count; i++) {
        json_decref(world->events[i]);
    }
    free(world->events);
    trial_arena_done(&world->arena);
    *world = (struct world){ 0 };
}

static trial_event event_of(trial_arena *arena, json_t *json)
{
    static const proto_limits limits = { TRIAL_EVENT_BYTES_DEFAULT, TRIAL_EVENT_DEPTH_DEFAULT };
    trial_error err = TRIAL_ERROR_NONE;
    proto_arrival arrival;
    pack_writer writer = { 0 };
    trial_bytes bytes;

    pack_put_value(&writer, value_of(arena, json), arena);
    bytes = trial_arena_bytes(arena, pack_written(&writer));
    pack_writer_done(&writer);
    if (proto_arrival_read(bytes, &limits, arena, &arrival, &err) != TRIAL_OK) {
        fail_msg("%s: %s", json_string_value(json_object_get(json, "id")), err.text);
    }
    return arrival.event;
}

static trial_state *state_of(struct moment *moment, trial_kind kind, trial_text id)
{
    for (uint32_t i = 0; i < moment->count; i++) {
        if (moment->states[i].kind == kind && trial_text_equal(moment->states[i].id, id)) {
            return &moment->states[i];
        }
    }
    return NULL;
}

static trial_state *state_at(struct moment *moment, const trial_event *event)
{
    trial_text id = event->kind == TRIAL_KIND_OTHER ? event->subject : event->subject_id;
    trial_state *state = state_of(moment, event->kind, id);

    if (state == NULL) {
        assert_true(moment->count < STATES_MAX);
        state = &moment->states[moment->count++];
        trial_state_clear(state, event->kind, id);
    }
    return state;
}

/* Read every event once; the folds of all questions share them. */
static void read_events(struct world *world)
{
    if (world->read != NULL) {
        return;
    }
    world->read = trial_arena_take(&world->arena, (world->count + 1) * sizeof *world->read);
    for (uint32_t i = 0; i < world->count; i++) {
        world->read[i] = event_of(&world->arena, world->events[i]);
        world->read[i].position = i + 1;
    }
}

/* An event that was corrected: a copy with the new values, and how many they are. */
struct corrected {
    json_t *json;
    uint32_t times;
};

static void correct(struct world *world, uint32_t by, struct corrected *corrected)
{
    json_t *data = json_object_get(world->events[by], "data");

    for (uint32_t i = 0; i < by; i++) {
        json_t *id = json_object_get(world->events[i], "id");

        if (!json_equal(id, json_object_get(data, "corrects"))) {
            continue;
        }
        if (corrected[i].json == NULL) {
            corrected[i].json = json_deep_copy(world->events[i]);
        }
        json_object_set(json_object_get(corrected[i].json, "data"),
                        json_string_value(json_object_get(data, "field")),
                        json_object_get(data, "newValue"));
        corrected[i].times++;
    }
}

/* Put the corrections that had been issued by then into copies of the events they name. */
static struct corrected *correct_all(struct world *world, trial_instant until, trial_arena *arena)
{
    struct corrected *corrected = trial_arena_take(arena, (world->count + 1) * sizeof *corrected);

    for (uint32_t i = 0; i < world->count; i++) {
        if (world->read[i].type == TRIAL_EVENT_CORRECTION_ISSUED && world->read[i].time <= until) {
            correct(world, i, corrected);
        }
    }
    return corrected;
}

static int compare_states(const void *a, const void *b)
{
    const trial_state *left = a;
    const trial_state *right = b;

    return left->kind != right->kind ? (left->kind < right->kind ? -1 : 1)
                                     : trial_text_compare(left->id, right->id);
}

/* Keep the state as the store would: as bytes, of which nothing else is part. */
static void keep_state(struct moment *moment, trial_state *state)
{
    trial_error err = TRIAL_ERROR_NONE;
    pack_writer writer = { 0 };
    trial_bytes bytes;

    proto_row_write(&writer, state);
    bytes = trial_arena_bytes(&moment->arena, pack_written(&writer));
    pack_writer_done(&writer);
    trial_state_clear(state, state->kind, trial_arena_text(&moment->arena, state->id));
    if (proto_row_read(bytes, &moment->arena, state, &err) != TRIAL_OK) {
        fail_msg("%s", err.text);
    }
}

static struct moment *fold(struct world *world, trial_instant until, uint32_t *calls_left)
{
    struct moment *moment = trial_memory(sizeof *moment);
    trial_arena scratch = { 0 };
    struct corrected *corrected;

    moment->world = world;
    moment->calls_left = calls_left;
    moment->states = trial_arena_take(&moment->arena, STATES_MAX * sizeof *moment->states);
    read_events(world);
    corrected = correct_all(world, until, &scratch);
    for (uint32_t i = 0; i < world->count; i++) {
        trial_event event = world->read[i];
        trial_state *state;

        if (event.time > until) {
            continue;
        }
        if (corrected[i].json != NULL) {
            event = event_of(&scratch, corrected[i].json);
            event.position = i + 1;
        }
        state = state_at(moment, &event);
        rules_apply(state, &event, &scratch);
        for (uint32_t time = 0; time < corrected[i].times; time++) {
            rules_count_correction(state, &event, &scratch);
        }
    }
    for (uint32_t i = 0; i < world->count; i++) {
        json_decref(corrected[i].json);
    }
    for (uint32_t i = 0; i < moment->count; i++) {
        keep_state(moment, &moment->states[i]);
    }
    trial_arena_done(&scratch);
    qsort(moment->states, moment->count, sizeof *moment->states, compare_states);
    return moment;
}

static void close_moment(void *context)
{
    struct moment *moment = context;

    trial_arena_done(&moment->arena);
    free(moment);
}

static trial_code count_call(struct moment *moment, trial_error *err)
{
    if (moment->calls_left == NULL) {
        return TRIAL_OK;
    }
    if (*moment->calls_left == 0) {
        return trial_fail(err, TRIAL_STORAGE, "the source fails as it was told to");
    }
    (*moment->calls_left)--;
    return TRIAL_OK;
}

static trial_code on_each(void *context,
                          trial_kind kind,
                          trial_text programme,
                          views_visit *visit,
                          void *visitor,
                          trial_error *err)
{
    struct moment *moment = context;
    trial_code code = count_call(moment, err);

    for (uint32_t i = 0; code == TRIAL_OK && i < moment->count; i++) {
        const trial_state *state = &moment->states[i];
        trial_text own = trial_state_programme(state);

        if (state->kind != kind || (trial_text_is_set(programme) && trial_text_is_set(own) &&
                                    !trial_text_equal(own, programme))) {
            continue;
        }
        moment->world->visits++;
        if (!visit(visitor, state)) {
            break;
        }
    }
    return code;
}

static trial_code on_find(
    void *context, trial_kind kind, trial_text id, const trial_state **ret_state, trial_error *err)
{
    struct moment *moment = context;
    trial_code code = count_call(moment, err);

    if (code == TRIAL_OK) {
        *ret_state = state_of(moment, kind, id);
        moment->world->visits += *ret_state != NULL;
    }
    return code;
}

static bool names(const trial_state *state, trial_text code)
{
    if (state->kind == TRIAL_KIND_TRIAL) {
        return trial_texts_has(state->as.trial.participants, code) ||
               trial_texts_has(state->as.trial.approvedParticipants, code);
    }
    for (uint32_t i = 0; i < state->as.network.members.count; i++) {
        if (trial_text_equal(state->as.network.members.items[i].municipality, code)) {
            return true;
        }
    }
    return false;
}

static trial_code on_of_municipality(void *context,
                                     trial_kind kind,
                                     trial_text code,
                                     views_visit *visit,
                                     void *visitor,
                                     trial_error *err)
{
    struct moment *moment = context;
    trial_code result = count_call(moment, err);

    for (uint32_t i = 0; result == TRIAL_OK && i < moment->count; i++) {
        if (moment->states[i].kind == kind && names(&moment->states[i], code)) {
            moment->world->visits++;
            if (!visit(visitor, &moment->states[i])) {
                break;
            }
        }
    }
    return result;
}

static trial_code on_at(void *context, trial_date day, views_source *ret_source, trial_error *err);

static views_source source_of(struct moment *moment)
{
    return (views_source){ .context = moment,
                           .each = on_each,
                           .find = on_find,
                           .of_municipality = on_of_municipality,
                           .at = on_at,
                           .close = close_moment };
}

static trial_code on_at(void *context, trial_date day, views_source *ret_source, trial_error *err)
{
    struct moment *moment = context;
    trial_code code = count_call(moment, err);

    if (code == TRIAL_OK) {
        *ret_source = source_of(fold(moment->world, trial_date_end(day), moment->calls_left));
    }
    return code;
}

static trial_date day_of(const char *text)
{
    trial_error err = TRIAL_ERROR_NONE;
    trial_date day = TRIAL_DATE_NONE;

    assert_int_equal(trial_date_read(trial_text_of(text), &day, &err), TRIAL_OK);
    return day;
}

static trial_code ask(struct world *world,
                      const world_question *question,
                      uint32_t *calls_left,
                      views_answer *ret_answer,
                      trial_error *err)
{
    const char *today = question->as_of != NULL ? question->as_of : question->today;
    views_question asked = { .view = views_named(trial_text_of(question->view)),
                             .key = trial_text_of(question->key),
                             .after = trial_text_of(question->after),
                             .limit = question->limit,
                             .today = day_of(today != NULL ? today : "2030-01-01") };
    trial_instant until =
        question->as_of != NULL ? trial_date_end(day_of(question->as_of)) : INT64_MAX;
    struct moment *moment;
    views_source source;
    trial_code code;

    assert_true(asked.view < VIEWS_COUNT);
    if (question->where != NULL) {
        json_t *where = parse(question->where);

        asked.where = value_of(&world->arena, where);
        json_decref(where);
    }
    code = views_check(&asked, err);
    if (code != TRIAL_OK) {
        return code;
    }
    moment = fold(world, until, calls_left);
    source = source_of(moment);
    world->visits = 0;
    code = views_answer_question(&asked, &source, &world->arena, ret_answer, err);
    close_moment(moment); /* what a row borrowed from a state is gone now */
    return code;
}

trial_code world_ask(struct world *world,
                     const world_question *question,
                     views_answer *ret_answer,
                     trial_error *err)
{
    return ask(world, question, NULL, ret_answer, err);
}

trial_code world_ask_failing(struct world *world,
                             const world_question *question,
                             uint32_t nth,
                             trial_error *err)
{
    uint32_t calls_left = nth - 1;
    views_answer answer;

    return ask(world, question, &calls_left, &answer, err);
}
