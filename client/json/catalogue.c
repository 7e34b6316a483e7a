/* catalogue.c - see catalogue.h. */
#include "catalogue.h"

static const struct kind_name {
    const char *name;
    const char *doc;
} kind_names[] = {
    [TRIAL_FIELD_TEXT] = { "text", "text" },
    [TRIAL_FIELD_INTEGER] = { "integer", "integer" },
    [TRIAL_FIELD_NUMBER] = { "number", "number" },
    [TRIAL_FIELD_TRUTH] = { "boolean", "true or false" },
    [TRIAL_FIELD_DATE] = { "date", "YYYY-MM-DD" },
    [TRIAL_FIELD_INSTANT] = { "instant", "RFC 3339" },
    [TRIAL_FIELD_CODE] = { "code", "four digits" },
    [TRIAL_FIELD_CHOICE] = { "choice", "one of" },
    [TRIAL_FIELD_TEXTS] = { "texts", "list of texts" },
    [TRIAL_FIELD_CODES] = { "codes", "list of codes" },
    [TRIAL_FIELD_OBJECT] = { "object", "object" },
    [TRIAL_FIELD_OBJECTS] = { "objects", "list of objects" },
    [TRIAL_FIELD_ANY] = { "any", "any value" },
    [TRIAL_FIELD_FREE] = { "map", "object of any fields" },
};

static const struct emitter_row {
    char letter;
    const char *beginning;
    bool is_whole;
    const char *who;
} emitter_rows[] = {
#define EMITTER(letter, beginning, is_whole, who) { #letter[0], beginning, is_whole, who },
#include "trial/emitters.def"
};
#define EMITTER_ROWS (sizeof emitter_rows / sizeof emitter_rows[0])

const char *catalogue_kind_doc(trial_field_kind kind)
{
    return kind_names[kind].doc;
}

static bool has_fields(const trial_field *field)
{
    return field->kind == TRIAL_FIELD_OBJECT || field->kind == TRIAL_FIELD_OBJECTS;
}

trial_value *catalogue_emitters(trial_arena *arena, trial_emitters emitters)
{
    trial_value *list = trial_value_list(arena);

    for (size_t i = 0; i < EMITTER_ROWS && emitters != TRIAL_EMITTER_ANYONE; i++) {
        if ((emitters & trial_emitter_bit_of(emitter_rows[i].letter)) != 0) {
            trial_value_push(
                arena,
                list,
                trial_value_text(arena,
                                 trial_arena_print(arena,
                                                   "%s%s",
                                                   emitter_rows[i].beginning,
                                                   emitter_rows[i].is_whole ? "" : "*")));
        }
    }
    return list;
}

static trial_value *field_value(trial_arena *arena, const trial_field *field)
{
    trial_value *value = trial_value_map(arena);

    trial_value_set(arena, value, "name", trial_value_word(arena, field->name));
    trial_value_set(arena, value, "type", trial_value_word(arena, kind_names[field->kind].name));
    trial_value_set(arena, value, "required", trial_value_truth(arena, field->is_required));
    if (field->kind == TRIAL_FIELD_CHOICE) {
        trial_value *words = trial_value_list(arena);

        for (uint32_t i = 0; i < field->choices->count; i++) {
            trial_value_push(arena, words, trial_value_word(arena, field->choices->words[i]));
        }
        trial_value_set(arena, value, "choices", words);
    }
    trial_value_set(arena, value, "doc", trial_value_word(arena, field->doc));
    return value;
}

/* The fields of a shape; objects inside it are one level deep and hold theirs. */
static trial_value *fields_value(trial_arena *arena, const trial_shape *shape)
{
    trial_value *list = trial_value_list(arena);

    for (uint32_t i = 0; i < shape->count; i++) {
        const trial_field *field = &shape->fields[i];
        trial_value *value = field_value(arena, field);

        if (has_fields(field)) {
            const trial_shape *inner = field->shape();
            trial_value *fields = trial_value_list(arena);

            for (uint32_t k = 0; k < inner->count; k++) {
                trial_value_push(arena, fields, field_value(arena, &inner->fields[k]));
            }
            trial_value_set(arena, value, "fields", fields);
        }
        trial_value_push(arena, list, value);
    }
    return list;
}

trial_text catalogue_subject(trial_kind kind)
{
    return kind == TRIAL_KIND_ANY ? TRIAL_TEXT("any") : trial_text_of(trial_kind_word(kind));
}

trial_value *catalogue_row(trial_arena *arena, const trial_event_row *row)
{
    trial_value *value = trial_value_map(arena);

    trial_value_set(arena, value, "type", trial_value_word(arena, row->name));
    trial_value_set(arena, value, "doc", trial_value_word(arena, row->doc));
    trial_value_set(arena, value, "subject", trial_value_text(arena, catalogue_subject(row->kind)));
    trial_value_set(arena, value, "by", catalogue_emitters(arena, row->emitters));
    trial_value_set(arena, value, "rule", trial_value_word(arena, row->rule));
    trial_value_set(arena, value, "feeds", trial_value_word(arena, row->feeds));
    trial_value_set(arena, value, "fields", fields_value(arena, row->shape()));
    return value;
}

trial_value *catalogue_rows(trial_arena *arena)
{
    trial_value *rows = trial_value_list(arena);

    for (trial_event_type type = 0; type < TRIAL_EVENT_COUNT; type++) {
        trial_value_push(arena, rows, catalogue_row(arena, trial_event_row_of(type)));
    }
    return rows;
}
