/* dice.c - chance, and events made of nothing else. */
#include "history.h"

uint32_t history_roll(history_dice *dice, uint32_t sides)
{
    uint64_t drawn = 0;

    TRIAL_ASSERT(sides > 0);
    if (dice->bytes != NULL) {
        for (uint32_t range = 1; range < sides && dice->size > 0; range *= 256) {
            drawn = drawn * 256 + *dice->bytes++;
            dice->size--;
        }
        return (uint32_t)(drawn % sides);
    }
    dice->seed += 0x9E3779B97F4A7C15u; /* splitmix64 */
    drawn = dice->seed;
    drawn = (drawn ^ (drawn >> 30)) * 0xBF58476D1CE4E5B9u;
    drawn = (drawn ^ (drawn >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((drawn ^ (drawn >> 31)) % sides);
}

const char *history_name(history *past, const char *beginning, uint32_t number)
{
    return trial_arena_print(&past->arena, "%s%u", beginning, number).at;
}

/* One of two names, so that events meet each other. */
static trial_text any_name(history *past, history_dice *dice, const char *field)
{
    static const char *const firsts[] = { "programme", "p",      "network", "n",        "copyOf",
                                          "t",         "trials", "t",       "networks", "n" };
    const char *beginning = field;

    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i += 2) {
        if (strcmp(field, firsts[i]) == 0) {
            beginning = firsts[i + 1];
        }
    }
    return trial_text_of(history_name(past, beginning, 1 + history_roll(dice, 2)));
}

static trial_text any_code(history *past, history_dice *dice)
{
    return trial_text_of(history_name(past, "010", 1 + history_roll(dice, 2)));
}

static trial_texts any_texts(history *past, history_dice *dice, const trial_field *field)
{
    trial_texts texts = { trial_arena_take(&past->arena, 2 * sizeof(trial_text)), 0 };
    bool is_code = field->kind == TRIAL_FIELD_CODES;

    texts.count = 1 + history_roll(dice, 2);
    for (uint32_t i = 0; i < texts.count; i++) {
        texts.items[i] = is_code ? any_code(past, dice) : any_name(past, dice, field->name);
    }
    return texts;
}

static void
any_plain(history *past, history_dice *dice, const trial_field *field, void *at, trial_date day)
{
    switch (field->kind) {
    case TRIAL_FIELD_TEXT:
        *(trial_text *)at = any_name(past, dice, field->name);
        break;
    case TRIAL_FIELD_INTEGER:
        *(trial_integer *)at = (trial_integer){ history_roll(dice, 3), true };
        break;
    case TRIAL_FIELD_NUMBER:
        *(trial_number *)at =
            (trial_number){ TRIAL_NUMBER_FLOAT, { .number = history_roll(dice, 3) } };
        break;
    case TRIAL_FIELD_TRUTH:
        *(trial_truth *)at = (trial_truth){ history_roll(dice, 2) == 1, true };
        break;
    case TRIAL_FIELD_DATE:
        *(trial_date *)at = day + (trial_date)history_roll(dice, 8) - 2;
        break;
    case TRIAL_FIELD_CODE:
        *(trial_text *)at = any_code(past, dice);
        break;
    case TRIAL_FIELD_CHOICE:
        *(trial_choice *)at = (trial_choice)(1 + history_roll(dice, field->choices->count));
        break;
    case TRIAL_FIELD_TEXTS:
    case TRIAL_FIELD_CODES:
        *(trial_texts *)at = any_texts(past, dice, field);
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

/* Fill what is required, and by chance what is not. */
static void
any_flat(history *past, history_dice *dice, const trial_shape *shape, void *at, trial_date day)
{
    trial_shape_clear(shape, at);
    for (uint32_t i = 0; i < shape->count; i++) {
        const trial_field *field = &shape->fields[i];

        if (field->is_required || history_roll(dice, 2) == 1) {
            any_plain(past, dice, field, (char *)at + field->offset, day);
        }
    }
}

static void any_objects(history *past, history_dice *dice, trial_event *event, trial_date day)
{
    const trial_shape *shape = trial_event_row_of(event->type)->shape();

    for (uint32_t i = 0; i < shape->count; i++) {
        const trial_field *field = &shape->fields[i];
        char *at = (char *)&event->as + field->offset;
        trial_list list = { 0 };

        if (field->kind != TRIAL_FIELD_OBJECT && field->kind != TRIAL_FIELD_OBJECTS) {
            continue;
        }
        list.count = 1 + history_roll(dice, 2);
        list.items = trial_arena_take(&past->arena, (size_t)list.count * field->shape()->size);
        for (uint32_t k = 0; k < list.count; k++) {
            char *item = (char *)list.items + (size_t)k * field->shape()->size;

            any_flat(past, dice, field->shape(), item, day);
        }
        memcpy(at, &list, field->kind == TRIAL_FIELD_OBJECT ? sizeof list.items : sizeof list);
    }
}

static const char *any_subject(history *past, history_dice *dice, trial_kind kind)
{
    if (kind == TRIAL_KIND_ANY) {
        kind = (trial_kind)history_roll(dice, TRIAL_KIND_COUNT);
    }
    switch (kind) {
    case TRIAL_KIND_PROGRAMME:
        return history_name(past, "programme/p", 1 + history_roll(dice, 2));
    case TRIAL_KIND_MUNICIPALITY:
        return history_name(past, "municipality/010", 1 + history_roll(dice, 2));
    case TRIAL_KIND_NETWORK:
        return history_name(past, "network/n", 1 + history_roll(dice, 2));
    case TRIAL_KIND_TRIAL:
        return history_name(past, "trial/t", 1 + history_roll(dice, 2));
    case TRIAL_KIND_LAW:
        return history_name(past, "law/l", 1 + history_roll(dice, 2));
    case TRIAL_KIND_KEY:
        return history_name(past, "key/k", 1 + history_roll(dice, 2));
    case TRIAL_KIND_CASE:
        return "case/c1";
    case TRIAL_KIND_OTHER:
    case TRIAL_KIND_ANY:
        break;
    }
    return "webinar/w1";
}

/* A source that may say it, where the dice do not want another. */
static const char *any_source(history_dice *dice, trial_event_type type)
{
    static const char *const sources[] = {
        "/dk/regering",    "/dk/folketing",    "/dk/ministerium/m",
        "/dk/netvaerk/n",  "/dk/kommune/0101", "/dk/kommune/0102",
        "/dk/evaluator/e", "/dk/presse/p",     "/triald"
    };
    const uint32_t count = sizeof sources / sizeof sources[0];
    trial_emitters allowed = trial_event_row_of(type)->emitters;
    uint32_t first = history_roll(dice, count);

    for (uint32_t i = 0; i < count; i++) {
        const char *source = sources[(first + i) % count];

        if ((trial_emitter_of(trial_text_of(source)) & allowed) != 0) {
            return source;
        }
    }
    return sources[first];
}

static trial_date last_day(const history *past)
{
    return past->event_count == 0 ? 17000 : trial_date_of(past->events[past->event_count - 1].time);
}

trial_event history_any(history *past, history_dice *dice)
{
    trial_event_type type = (trial_event_type)history_roll(dice, TRIAL_EVENT_COUNT);
    trial_kind kind = trial_event_row_of(type)->kind;
    trial_date day = last_day(past) - 2 + (trial_date)history_roll(dice, 16);
    trial_instant time = trial_date_begin(day) + history_roll(dice, 2);
    bool is_odd = history_roll(dice, 16) == 15; /* a subject or source of the wrong kind */
    trial_event event = history_blank(past,
                                      type,
                                      any_subject(past, dice, is_odd ? TRIAL_KIND_ANY : kind),
                                      is_odd ? "/dk/presse/p" : any_source(dice, type),
                                      time);

    any_flat(past, dice, trial_event_row_of(type)->shape(), &event.as, day);
    any_objects(past, dice, &event, day);
    return event;
}
