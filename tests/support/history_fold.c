/* history_fold.c - the world of a history as the rules see it, and its fold. */
#include "history.h"

#include <stdio.h>
#include <stdlib.h>

/* The id a state is kept under: the whole subject where the kind has no life of its own. */
static trial_text key_of(const trial_event *event)
{
    bool is_other = event->kind == TRIAL_KIND_OTHER;

    return is_other ? event->subject : event->subject_id;
}

static trial_state *find(const history *past, trial_kind kind, trial_text id)
{
    for (uint32_t i = 0; i < past->state_count; i++) {
        const trial_state *state = &past->states[i];

        if (state->kind == kind && trial_text_equal(state->id, id)) {
            return (trial_state *)(uintptr_t)state;
        }
    }
    return NULL;
}

const trial_state *history_find(const history *past, trial_kind kind, trial_text id)
{
    return find(past, kind, id);
}

static const trial_state *world_state(void *context, trial_kind kind, trial_text id)
{
    return find(context, kind, id);
}

static bool world_has_exemption(void *context, trial_text id)
{
    const history *past = context;

    for (uint32_t i = 0; i < past->event_count; i++) {
        const struct trial_trial_approved *approved = &past->events[i].as.trial_approved;

        if (past->events[i].type != TRIAL_EVENT_TRIAL_APPROVED) {
            continue;
        }
        for (uint32_t k = 0; k < approved->exemptions.count; k++) {
            if (trial_text_equal(approved->exemptions.items[k].exemptionId, id)) {
                return true;
            }
        }
    }
    return false;
}

static bool bytes_are(trial_bytes bytes, const char *text)
{
    return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

static const trial_value stands = { .kind = TRIAL_VALUE_NIL }; /* whatever the event says */

static rules_correction find_corrected(const history *past, const trial_event *event)
{
    const struct trial_correction_issued *issued = &event->as.correction_issued;
    rules_correction found = { 0 };

    for (uint32_t i = 0; i < past->event_count; i++) {
        const trial_event *old = &past->events[i];

        if (!trial_text_equal(old->subject, event->subject) ||
            !trial_text_equal(old->id, issued->corrects)) {
            continue;
        }
        found.is_found = true;
        found.source = old->source;
        found.type = old->type;
        found.field = trial_shape_find(trial_event_row_of(old->type)->shape(), issued->field);
        found.current = found.field == NULL ? NULL : &stands;
        found.is_current = !bytes_are(issued->oldValue, "stale");
        found.fits = !bytes_are(issued->newValue, "unfit");
    }
    return found;
}

trial_code history_judge(history *past, const trial_event *event, trial_error *err)
{
    const trial_state *known = find(past, event->kind, key_of(event));
    rules_correction correction = { 0 };
    rules_world world = { past, world_state, world_has_exemption, NULL };
    trial_state unknown;
    trial_code code = rules_shape(event, err);

    if (code != TRIAL_OK) {
        return code;
    }
    if (event->type == TRIAL_EVENT_CORRECTION_ISSUED) {
        correction = find_corrected(past, event);
        world.correction = &correction;
    }
    trial_state_clear(&unknown, event->kind, key_of(event));
    return rules_decide(known == NULL ? &unknown : known, known == NULL, event, &world, err);
}

void history_fold(history *past, const trial_event *event)
{
    trial_state *state = find(past, event->kind, key_of(event));
    trial_event *kept = &past->events[past->event_count];

    TRIAL_ASSERT(past->event_count < HISTORY_EVENTS_MAX);
    if (state == NULL) {
        TRIAL_ASSERT(past->state_count < HISTORY_SUBJECTS_MAX);
        state = &past->states[past->state_count++];
        trial_state_clear(state, event->kind, key_of(event));
    }
    *kept = *event;
    kept->position = ++past->event_count;
    rules_apply(state, kept, &past->arena);
}

void history_given(history *past, const char *notes)
{
    char line[1024];

    while (*notes != '\0') {
        size_t size = strcspn(notes, "\n");
        trial_error err = TRIAL_ERROR_NONE;
        trial_event event;

        TRIAL_ASSERT(size < sizeof line);
        memcpy(line, notes, size);
        line[size] = '\0';
        event = history_event(past, line);
        if (history_judge(past, &event, &err) != TRIAL_OK) {
            (void)fprintf(stderr, "given, but refused: %s\n%s\n", line, err.text);
            abort();
        }
        history_fold(past, &event);
        notes += size + (notes[size] == '\n');
    }
}

/* Walks over shapes hold what is still to be done in a list, so that nothing calls itself. */
typedef struct place {
    const trial_shape *shape;
    void *at;
} place;

#define PLACES_MAX 4096

static trial_texts clone_texts(trial_texts texts, trial_arena *arena)
{
    trial_texts copy = { NULL, texts.count };

    if (texts.count > 0) {
        copy.items = trial_arena_take(arena, texts.count * sizeof(trial_text));
    }
    for (uint32_t i = 0; i < texts.count; i++) {
        copy.items[i] = trial_arena_text(arena, texts.items[i]);
    }
    return copy;
}

/* The structs below a field, as a list: one of an object that is there. */
static trial_list below(const trial_field *field, const void *at)
{
    trial_list list = { 0 };

    if (field->kind == TRIAL_FIELD_OBJECT) {
        memcpy(&list.items, at, sizeof list.items);
        list.count = list.items == NULL ? 0 : 1;
    } else if (field->kind == TRIAL_FIELD_OBJECTS) {
        memcpy(&list, at, sizeof list);
    }
    return list;
}

static void clone_field(const trial_field *field, void *at, trial_arena *arena)
{
    trial_list list = below(field, at);

    if (field->kind == TRIAL_FIELD_TEXT || field->kind == TRIAL_FIELD_CODE) {
        *(trial_text *)at = trial_arena_text(arena, *(trial_text *)at);
    } else if (field->kind == TRIAL_FIELD_TEXTS || field->kind == TRIAL_FIELD_CODES) {
        *(trial_texts *)at = clone_texts(*(trial_texts *)at, arena);
    } else if (list.count > 0) {
        list.items =
            trial_arena_grow(arena, list.items, list.count, list.count, field->shape()->size);
        memcpy(at, &list, field->kind == TRIAL_FIELD_OBJECT ? sizeof list.items : sizeof list);
    }
}

/* Note the structs below a field as places still to be done. */
static uint32_t push(place *places, uint32_t count, const trial_field *field, const void *at)
{
    trial_list list = below(field, at);

    for (uint32_t i = 0; i < list.count; i++) {
        const trial_shape *shape = field->shape();

        TRIAL_ASSERT(count < PLACES_MAX);
        places[count++] = (place){ shape, (char *)list.items + (size_t)i * shape->size };
    }
    return count;
}

trial_state history_clone(const trial_state *state, trial_arena *arena)
{
    place *places = trial_arena_take(arena, PLACES_MAX * sizeof *places);
    trial_state copy = *state;
    uint32_t count = 1;

    copy.id = trial_arena_text(arena, state->id);
    places[0] = (place){ trial_state_shape(state->kind), &copy.as };
    for (uint32_t done = 0; done < count; done++) {
        for (uint32_t i = 0; i < places[done].shape->count; i++) {
            const trial_field *field = &places[done].shape->fields[i];
            void *at = (char *)places[done].at + field->offset;

            clone_field(field, at, arena);
            count = push(places, count, field, at);
        }
    }
    return copy;
}

static bool texts_are_same(trial_texts a, trial_texts b)
{
    bool is_same = a.count == b.count;

    for (uint32_t i = 0; is_same && i < a.count; i++) {
        is_same = trial_text_equal(a.items[i], b.items[i]);
    }
    return is_same;
}

static bool numbers_are_same(const trial_number *a, const trial_number *b)
{
    return a->form == b->form && trial_number_value(*a) == trial_number_value(*b);
}

static bool field_is_same(const trial_field *field, const void *a, const void *b)
{
    switch (field->kind) {
    case TRIAL_FIELD_TEXT:
    case TRIAL_FIELD_CODE:
        return trial_text_equal(*(const trial_text *)a, *(const trial_text *)b) &&
               trial_text_is_set(*(const trial_text *)a) ==
                   trial_text_is_set(*(const trial_text *)b);
    case TRIAL_FIELD_INTEGER:
        return ((const trial_integer *)a)->value == ((const trial_integer *)b)->value &&
               ((const trial_integer *)a)->is_set == ((const trial_integer *)b)->is_set;
    case TRIAL_FIELD_NUMBER:
        return numbers_are_same(a, b);
    case TRIAL_FIELD_TRUTH:
        return ((const trial_truth *)a)->value == ((const trial_truth *)b)->value &&
               ((const trial_truth *)a)->is_set == ((const trial_truth *)b)->is_set;
    case TRIAL_FIELD_DATE:
        return *(const trial_date *)a == *(const trial_date *)b;
    case TRIAL_FIELD_INSTANT:
        return *(const trial_instant *)a == *(const trial_instant *)b;
    case TRIAL_FIELD_CHOICE:
        return *(const trial_choice *)a == *(const trial_choice *)b;
    case TRIAL_FIELD_TEXTS:
    case TRIAL_FIELD_CODES:
        return texts_are_same(*(const trial_texts *)a, *(const trial_texts *)b);
    case TRIAL_FIELD_OBJECT:
    case TRIAL_FIELD_OBJECTS:
        return below(field, a).count == below(field, b).count;
    case TRIAL_FIELD_ANY:
    case TRIAL_FIELD_FREE:
        break;
    }
    return true; /* no state holds free values */
}

bool history_is_same(const trial_state *a, const trial_state *b, trial_arena *arena)
{
    place *left = trial_arena_take(arena, PLACES_MAX * sizeof *left);
    place *right = trial_arena_take(arena, PLACES_MAX * sizeof *right);
    uint32_t count = 1;

    if (a->kind != b->kind || !trial_text_equal(a->id, b->id)) {
        return false;
    }
    left[0] = (place){ trial_state_shape(a->kind), (void *)(uintptr_t)&a->as };
    right[0] = (place){ trial_state_shape(b->kind), (void *)(uintptr_t)&b->as };
    for (uint32_t done = 0; done < count; done++) {
        uint32_t before = count;

        for (uint32_t i = 0; i < left[done].shape->count; i++) {
            const trial_field *field = &left[done].shape->fields[i];
            const void *at = (char *)left[done].at + field->offset;
            const void *other = (char *)right[done].at + field->offset;

            if (!field_is_same(field, at, other)) {
                return false;
            }
            (void)push(right, count, field, other);
            count = push(left, count, field, at);
        }
        TRIAL_ASSERT(count >= before);
    }
    return true;
}
