/* bash.c - trialctl completion bash: a script made of the same rows as the program. What it offers
 * is taken: words that a place does not take are not among it. */
#include "bash.h"
#include "ctl.h"
#include "export.h"
#include "subscriptions.h"
#include "trial/event.h"

#define DAEMON_LETTER 'D' /* of emitters.def */

static const struct view_fields {
    const char *view;
    const char *fields; /* a blank behind each */
} views[] = {
#define COLUMN(name, doc) #name " "
#define VIEW(lower, UPPER, name, row, answers, kinds, columns) { name, columns },
#include "trial/views.def"
    { "subscription", SUBSCRIPTION_COLUMNS " " },
    { "parked", "name " PARKED_COLUMNS " " },
};
#define VIEW_COUNT (sizeof views / sizeof views[0])

static void print_verbs(void)
{
    (void)printf("    local verbs='"); /* main.c looks whether everything was written */
    for (uint32_t i = 0; i < ctl_verb_count; i++) {
        (void)printf("%s ", ctl_verbs[i].name);
    }
    (void)printf("'\n");
}

/* Types that anyone may publish, those of the daemon, and the beginnings that choose several. */
static void print_types(void)
{
    trial_emitters daemon = trial_emitter_bit_of(DAEMON_LETTER);
    trial_text family = TRIAL_TEXT("");

    (void)printf("    local types='");
    for (trial_event_type type = 0; type < TRIAL_EVENT_COUNT; type++) {
        if (trial_event_row_of(type)->emitters != daemon) {
            (void)printf("%s ", trial_event_row_of(type)->name);
        }
    }
    (void)printf("'\n    local daemon_types='");
    for (trial_event_type type = 0; type < TRIAL_EVENT_COUNT; type++) {
        if (trial_event_row_of(type)->emitters == daemon) {
            (void)printf("%s ", trial_event_row_of(type)->name);
        }
    }
    (void)printf("'\n    local families='");
    for (trial_event_type type = 0; type < TRIAL_EVENT_COUNT; type++) {
        const char *name = trial_event_row_of(type)->name;
        trial_text its = { name, (uint32_t)strcspn(name, ".") + 1 };

        if (!trial_text_equal(its,
                              family)) { /* those of a family stand together, or are told twice */
            (void)printf("%.*s ", TRIAL_TEXT_ARGS(its));
            family = its;
        }
    }
    (void)printf("'\n");
}

static void print_views(void)
{
    (void)printf("    local views='");
#define COLUMN(name, doc)
#define VIEW(lower, UPPER, name, row, answers, kinds, columns) (void)printf("%s ", name);
#include "trial/views.def"
    (void)printf("'\n");
}

/* Kinds whose subjects have a row, and all of them. */
static void print_kinds(void)
{
    (void)printf("    local kinds='");
    for (trial_kind kind = 0; kind < TRIAL_KIND_CASE; kind++) {
        (void)printf("%s/ ", trial_kind_word(kind));
    }
    (void)printf("'\n");
}

static void print_options(uint64_t options, bool is_common)
{
    for (uint32_t i = 0; i < CTL_OPTION_COUNT; i++) {
        bool is_meant = is_common ? ctl_options[i].is_common : (options & CTL_BIT(i)) != 0;

        if (is_meant && i != CTL_SCDOC) {
            (void)printf(" --%s", ctl_options[i].name);
        }
    }
}

/* What each verb adds to the common flags. */
static void print_options_of_verbs(void)
{
    (void)printf("    local flags='--help --usage --version");
    print_options(0, true);
    (void)printf("'\n    case $verb in\n");
    for (uint32_t i = 0; i < ctl_verb_count; i++) {
        if (ctl_verbs[i].options != 0) {
            (void)printf("    %s) flags+='", ctl_verbs[i].name);
            print_options(ctl_verbs[i].options, false);
            (void)printf("' ;;\n");
        }
    }
    (void)printf("    esac\n");
}

static void print_valued_options(void)
{
    const char *bar = "";

    (void)printf("    local valued='@(");
    for (uint32_t i = 0; i < CTL_OPTION_COUNT; i++) {
        if (ctl_options[i].argument != NULL) {
            (void)printf("%s--%s", bar, ctl_options[i].name);
            bar = "|";
        }
    }
    (void)printf(")'\n");
}

static void print_choices(const trial_choices *choices)
{
    for (uint32_t i = 0; i < choices->count; i++) {
        (void)printf(" %s", choices->words[i]);
    }
}

/* The fields of a view as KEY=, and what its fields of few words may hold. */
static void print_fields_of_views(void)
{
    (void)printf("_trialctl_fields()\n{\n    case $1 in\n");
    for (size_t i = 0; i < VIEW_COUNT; i++) {
        (void)printf("    %s) fields='", views[i].view);
        for (const char *at = views[i].fields; *at != '\0'; at += strcspn(at, " ") + 1) {
            (void)printf("%.*s= ", (int)strcspn(at, " "), at);
        }
        (void)printf("%s' ;;\n", strcmp(views[i].view, "exemption") == 0 ? "in-force=" : "");
    }
    (void)printf("    esac\n    case $1.$2 in\n");
    for (uint32_t i = 0; i < bash_word_count; i++) {
        (void)printf("    %s) values='%s", bash_words[i].field, bash_words[i].words);
        if (bash_words[i].choices != NULL) {
            print_choices(bash_words[i].choices);
        }
        (void)printf("' ;;\n");
    }
    (void)printf("    esac\n}\n");
}

static void print_shape_fields(const trial_shape *shape)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        (void)printf("%s= ", shape->fields[i].name);
    }
}

static void print_shape_values(const char *type, const trial_shape *shape)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        const trial_field *field = &shape->fields[i];

        if (field->kind == TRIAL_FIELD_TRUTH) {
            (void)printf("    %s.%s) values='true false' ;;\n", type, field->name);
        } else if (field->kind == TRIAL_FIELD_CHOICE) {
            (void)printf("    %s.%s) values='", type, field->name);
            print_choices(field->choices);
            (void)printf("' ;;\n");
        }
    }
}

/* The same of the data of a type, and the kind of its subjects where that is one. */
static void print_fields_of_types(void)
{
    (void)printf("_trialctl_data()\n{\n    case $1 in\n");
    for (trial_event_type type = 0; type < TRIAL_EVENT_COUNT; type++) {
        const trial_event_row *row = trial_event_row_of(type);

        (void)printf("    %s) fields='", row->name);
        print_shape_fields(row->shape());
        print_shape_fields(trial_shape_of_common());
        (void)printf("'");
        if (row->kind != TRIAL_KIND_ANY) {
            (void)printf("; kinds='%s/'", trial_kind_word(row->kind));
        }
        (void)printf(" ;;\n");
    }
    (void)printf("    esac\n    case $1.$2 in\n");
    for (trial_event_type type = 0; type < TRIAL_EVENT_COUNT; type++) {
        print_shape_values(trial_event_row_of(type)->name, trial_event_row_of(type)->shape());
    }
    print_shape_values("*", trial_shape_of_common());
    (void)printf("    esac\n}\n");
}

int ctl_completion(ctl_command *ctl)
{
    if (strcmp(ctl->arguments[0], "bash") != 0) {
        return ctl_usage(ctl, "there is a completion for bash only");
    }
    (void)printf("# bash completion for trialctl; made by `trialctl completion bash`.\n");
    print_fields_of_views();
    print_fields_of_types();
    (void)printf("%s", bash_reading);
    print_verbs();
    print_types();
    print_views();
    print_kinds();
    print_valued_options();
    (void)printf("    local formats='");
    for (const export_format *const *format = export_formats; *format != NULL; format++) {
        (void)printf("%s ", (*format)->name);
    }
    (void)printf("'\n    local roles='"
#define ROLE(UPPER, name, doc) name " "
#include "trial/roles.def"
                 "'\n");
    (void)printf("%s", bash_walking);
    print_options_of_verbs();
    (void)printf("%s", bash_choosing);
    return CTL_EXIT_DONE;
}
