/* events.c - trialctl events: the catalogue, from the rows the daemon is built from. */
#include "catalogue.h"
#include "ctl.h"
#include "json.h"
#include "manual.h"
#include "render.h"
#include "trial/event.h"

/* `a | b | c`, what a choice may be. */
static trial_text choices_text(trial_arena *arena, const trial_choices *choices)
{
    trial_text text = TRIAL_TEXT("");

    for (uint32_t i = 0; i < choices->count; i++) {
        text = trial_arena_print(
            arena, "%.*s%s%s", TRIAL_TEXT_ARGS(text), i == 0 ? "" : " | ", choices->words[i]);
    }
    return text;
}

static trial_text field_type(trial_arena *arena, const trial_field *field)
{
    return field->kind == TRIAL_FIELD_CHOICE ? choices_text(arena, field->choices)
                                             : trial_text_of(catalogue_kind_doc(field->kind));
}

static bool has_fields(const trial_field *field)
{
    return field->kind == TRIAL_FIELD_OBJECT || field->kind == TRIAL_FIELD_OBJECTS;
}

static void print_field(trial_arena *arena, const trial_field *field, const char *indent)
{
    (void)printf("%s%-*s %-8s  %.*s: %s\n",
                 indent,
                 (int)(22 - strlen(indent)),
                 field->name,
                 field->is_required ? "required" : "",
                 TRIAL_TEXT_ARGS(field_type(arena, field)),
                 field->doc);
}

static void print_fields(trial_arena *arena, const trial_shape *shape)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        const trial_field *field = &shape->fields[i];
        const trial_shape *inner = has_fields(field) ? field->shape() : NULL;

        print_field(arena, field, "  ");
        for (uint32_t k = 0; inner != NULL && k < inner->count; k++) {
            print_field(arena, &inner->fields[k], "    ");
        }
    }
}

static void print_row(trial_arena *arena, const trial_event_row *row)
{
    trial_text by = render_cell(arena, catalogue_emitters(arena, row->emitters));
    trial_text kind = catalogue_subject(row->kind);

    (void)printf("%s\n%s\n\n", row->name, row->doc);
    (void)printf("subject  %.*s%s\n",
                 TRIAL_TEXT_ARGS(kind),
                 row->kind == TRIAL_KIND_ANY ? " subject" : "/ID");
    (void)printf("said by  %.*s\n", TRIAL_TEXT_ARGS(by.size == 0 ? TRIAL_TEXT("anyone") : by));
    (void)printf("rule     %s\n", row->rule[0] == '\0' ? "none but the fields'" : row->rule);
    (void)printf("feeds    %s\n\ndata\n", row->feeds[0] == '\0' ? "the history" : row->feeds);
    print_fields(arena, row->shape());
    print_fields(arena, trial_shape_of_common());
}

static void print_scdoc_field(trial_arena *arena, const trial_field *field, const char *indent)
{
    (void)printf("%s- *", indent);
    manual_plain(trial_text_of(field->name));
    (void)printf("*%s, _", field->is_required ? "" : " (may be left out)");
    manual_plain(field_type(arena, field));
    (void)printf("_: ");
    manual_plain(trial_text_of(field->doc));
    (void)putchar('\n');
}

static void print_scdoc_fields(trial_arena *arena, const trial_shape *shape)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        const trial_field *field = &shape->fields[i];
        const trial_shape *inner = has_fields(field) ? field->shape() : NULL;

        print_scdoc_field(arena, field, "");
        for (uint32_t k = 0; inner != NULL && k < inner->count; k++) {
            print_scdoc_field(arena, &inner->fields[k], "\t");
        }
    }
}

static void print_scdoc_row(trial_arena *arena, const trial_event_row *row)
{
    trial_text by = render_cell(arena, catalogue_emitters(arena, row->emitters));

    (void)printf("## ");
    manual_plain(trial_text_of(row->name));
    (void)printf("\n\n");
    manual_plain(trial_text_of(row->doc));
    (void)printf("++\nSubject: ");
    manual_plain(catalogue_subject(row->kind));
    (void)printf("++\nSaid by: ");
    manual_plain(by.size == 0 ? TRIAL_TEXT("anyone") : by);
    (void)printf("++\nRule: ");
    manual_plain(trial_text_of(row->rule[0] == '\0' ? "none but the fields'" : row->rule));
    (void)printf("\n\n");
    print_scdoc_fields(arena, row->shape());
    (void)putchar('\n');
}

static int print_scdoc(ctl_command *ctl)
{
    for (trial_event_type type = 0; type < TRIAL_EVENT_COUNT; type++) {
        print_scdoc_row(&ctl->arena, trial_event_row_of(type));
    }
    (void)printf("## Fields of any event\n\n");
    print_scdoc_fields(&ctl->arena, trial_shape_of_common());
    return CTL_EXIT_DONE;
}

static int print_one(ctl_command *ctl, const char *name)
{
    trial_event_type type = trial_event_named(trial_text_of(name));
    trial_error err = TRIAL_ERROR_NONE;

    if (type == TRIAL_EVENT_COUNT) {
        (void)trial_fail(&err, TRIAL_UNKNOWN_TYPE, "there is no event type '%s'", name);
        return ctl_fail(ctl, &err);
    }
    if (ctl_is_json(ctl)) {
        json_print(stdout, catalogue_row(&ctl->arena, trial_event_row_of(type)));
    } else {
        print_row(&ctl->arena, trial_event_row_of(type));
    }
    return CTL_EXIT_DONE;
}

int ctl_events(ctl_command *ctl)
{
    trial_value *rows;

    if (ctl_has(ctl, CTL_SCDOC)) {
        return print_scdoc(ctl);
    }
    if (ctl->argument_count == 1) {
        return print_one(ctl, ctl->arguments[0]);
    }
    rows = catalogue_rows(&ctl->arena);
    if (ctl_is_json(ctl)) {
        json_print(stdout, rows);
    } else {
        render_table(stdout, &ctl->arena, rows, "type subject doc");
    }
    return CTL_EXIT_DONE;
}
