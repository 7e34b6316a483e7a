/* describe.c - the rows as text for the documents: the manual's blocks are made here, not by hand.
 * Settings come as scdoc, the rest as Markdown tables. */
#include "probes.h"
#include "settings.h"
#include "trial/event.h"
#include "trial/metrics.h"
#include "trial/request.h"

#include <inttypes.h>

/* Results of printing are not looked at here: whoever gave `out` looks at its error flag. */

static void describe_settings(FILE *out)
{
    for (config_setting s = 0; s < CONFIG_SETTING_COUNT; s++) {
        const rows_row *row = settings_row_of(s);
        char name[ROWS_NAME_BYTES];

        (void)fprintf(out, "*");
        rows_print_plain(row->name, out);
        (void)fprintf(out, "* = %s\n\t", rows_placeholder(row));
        rows_print_plain(row->doc, out);
        (void)fprintf(out, ".");
        if (rows_is_number(row)) {
            (void)fputc(' ', out);
            rows_print_range(row, out);
        }
        (void)fprintf(out, " Default: ");
        rows_print_plain(row->fallback, out);
        rows_flag(row, name);
        (void)fprintf(out, ". Flag *--%s*, variable *", name);
        rows_variable(row, SETTINGS_PREFIX, name);
        rows_print_plain(name, out);
        (void)fprintf(out, "*.\n\n");
    }
}

/* A file that changes nothing: every setting with its default, behind a comment sign. */
static void describe_example(FILE *out)
{
    (void)fprintf(out,
                  "# triald.conf - see triald.conf(5). A flag beats a variable, a variable "
                  "this file.\n");
    for (config_setting s = 0; s < CONFIG_SETTING_COUNT; s++) {
        const rows_row *row = settings_row_of(s);

        if (s != CONFIG_config) { /* a file cannot name another file */
            (void)fprintf(out, "\n# %s\n#%s = %s\n", row->doc, row->name, row->fallback);
        }
    }
}

static void describe_emitters(trial_emitters emitters, FILE *out)
{
    static const char letters[] = {
#define EMITTER(letter, beginning, is_whole, who) [TRIAL_EMITTER_BIT_##letter] = #letter[0],
#include "trial/emitters.def"
    };

    if (emitters == TRIAL_EMITTER_ANYONE) {
        (void)fprintf(out, "any");
        return;
    }
    for (unsigned bit = 0; bit < TRIAL_EMITTER_BIT_COUNT; bit++) {
        if ((emitters & (1u << bit)) != 0) {
            (void)fputc(letters[bit], out);
        }
    }
}

static const char *kind_name(const trial_field *field)
{
    switch (field->kind) {
    case TRIAL_FIELD_TEXT:
        return "text";
    case TRIAL_FIELD_INTEGER:
        return "integer";
    case TRIAL_FIELD_NUMBER:
        return "number";
    case TRIAL_FIELD_TRUTH:
        return "truth";
    case TRIAL_FIELD_DATE:
        return "date";
    case TRIAL_FIELD_INSTANT:
        return "instant";
    case TRIAL_FIELD_CODE:
        return "code";
    case TRIAL_FIELD_CHOICE:
        return "choice";
    case TRIAL_FIELD_TEXTS:
        return "texts";
    case TRIAL_FIELD_CODES:
        return "codes";
    case TRIAL_FIELD_OBJECT:
        return "map";
    case TRIAL_FIELD_OBJECTS:
        return "list of maps";
    case TRIAL_FIELD_ANY:
        return "any value";
    case TRIAL_FIELD_FREE:
        return "map of any fields";
    }
    trial_panic(__FILE__, __LINE__, "a field of no kind");
}

static void describe_fields(const trial_shape *shape, FILE *out)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        const trial_field *field = &shape->fields[i];

        (void)fprintf(out,
                      "%s`%s` %s%s",
                      i == 0 ? "" : ", ",
                      field->name,
                      kind_name(field),
                      field->is_required ? "" : "?");
    }
}

static void describe_events(FILE *out)
{
    (void)fprintf(out, "| type | by | fields | else refused |\n|---|---|---|---|\n");
    for (trial_event_type type = 0; type < TRIAL_EVENT_COUNT; type++) {
        const trial_event_row *row = trial_event_row_of(type);

        (void)fprintf(out, "| `%s` | ", row->name);
        describe_emitters(row->emitters, out);
        (void)fprintf(out, " | ");
        describe_fields(row->shape(), out);
        (void)fprintf(out, " | %s |\n", row->rule);
    }
}

static void describe_requests(FILE *out)
{
    (void)fprintf(
        out, "| method | role | parameters | result | what it does |\n|---|---|---|---|---|\n");
    for (trial_method method = 0; method < TRIAL_METHOD_COUNT; method++) {
        const trial_method_row *row = trial_method_row_of(method);

        (void)fprintf(out,
                      "| `%s` | %s | ",
                      row->name,
                      row->role == TRIAL_ROLE_NONE ? "any" : trial_role_name(row->role));
        describe_fields(row->shape(), out);
        (void)fprintf(out, " | %s | %s |\n", row->result, row->doc);
    }
}

static void describe_roles(FILE *out)
{
    (void)fprintf(out, "| role | who has it may |\n|---|---|\n");
#define ROLE(UPPER, name, doc) (void)fprintf(out, "| `%s` | %s |\n", name, doc);
#include "trial/roles.def"
}

static void describe_errors(FILE *out)
{
    (void)fprintf(out,
                  "| code | status of trialctl | may be retried | meaning |\n|---|---|---|---|\n");
#define ERROR(UPPER, wire, exit_status, may_retry, meaning)                                        \
    (void)fprintf(                                                                                 \
        out, "| `%s` | %d | %s | %s |\n", wire, exit_status, (may_retry) ? "yes" : "no", meaning);
#include "trial/errors.def"
}

static void describe_rules(FILE *out)
{
    (void)fprintf(out, "| rule | code | what it says |\n|---|---|---|\n");
#define RULE(UPPER, name, code, sentence)                                                          \
    (void)fprintf(out, "| `%s` | `%s` | %s |\n", name, trial_code_name(TRIAL_##code), sentence);
#define WARNING(UPPER, name, sentence)                                                             \
    (void)fprintf(out, "| `%s` | warning | %s |\n", name, sentence);
#include "trial/rules.def"
}

static void describe_conditions(FILE *out)
{
    (void)fprintf(out, "| condition | what is so | what to do |\n|---|---|---|\n");
#define CONDITION(UPPER, name, grade, what, advice, over, id)                                      \
    (void)fprintf(out, "| `%s` | %s | %s |\n", name, what, advice);
#include "trial/conditions.def"
}

/* The message catalogue of the journal (journalctl --catalog). */
static void describe_catalog(FILE *out)
{
    static const char entry[] =
        "-- %s\nSubject: %s\nDefined-By: triald\nSupport: man:trial-trouble(7)\n"
        "Documentation: man:trial-trouble(7)\n\nWhat to do: %s.\n";

#define CONDITION(UPPER, name, grade, what, advice, over, id)                                      \
    (void)fprintf(out, entry, id, what, advice);                                                   \
    (void)fprintf(out, over[0] == '\0' ? "%s\n" : "When it is over the log says: %s.\n\n", over);
#include "trial/conditions.def"
}

static void describe_metrics(FILE *out)
{
    static const char *const kinds[] = { [TRIAL_METRIC_COUNTER] = "counter",
                                         [TRIAL_METRIC_GAUGE] = "gauge",
                                         [TRIAL_METRIC_HISTOGRAM] = "histogram" };

    (void)fprintf(out, "| name | kind | labels | what it says |\n|---|---|---|---|\n");
    for (trial_metric metric = 0; metric < TRIAL_METRIC_COUNT; metric++) {
        const trial_metric_row *row = trial_metric_row_of(metric);

        (void)fprintf(
            out, "| `%s` | %s | %s | %s |\n", row->name, kinds[row->kind], row->labels, row->doc);
    }
}

static void describe_stages(FILE *out)
{
    (void)fprintf(out, "| stage | what is timed |\n|---|---|\n");
    for (trial_stage stage = 0; stage < TRIAL_STAGE_COUNT; stage++) {
        (void)fprintf(out,
                      "| `%s` | %s |\n",
                      trial_stage_row_of(stage)->name,
                      trial_stage_row_of(stage)->doc);
    }
}

/* For trial-trouble(7): what is seen, and under it what it means and what to do. */
static void print_trouble(const char *seen, const char *says, FILE *out)
{
    (void)fprintf(out, "*");
    rows_print_plain(seen, out);
    (void)fprintf(out, "*\n\t");
    rows_print_plain(says, out);
    (void)fprintf(out, ".\n\n");
}

static void describe_trouble_conditions(FILE *out)
{
#define CONDITION(UPPER, name, grade, what, advice, over, id) print_trouble(what, advice, out);
#include "trial/conditions.def"
}

/* For the protocol: each role, and the methods that ask for it. */
static void describe_method_roles(FILE *out)
{
    (void)fprintf(out, "| role | methods |\n|---|---|\n");
    for (trial_role role = TRIAL_ROLE_NONE; role < TRIAL_ROLE_COUNT; role++) {
        const char *between = "";

        (void)fprintf(out, "| %s | ", role == TRIAL_ROLE_NONE ? "any" : trial_role_name(role));
        for (trial_method method = 0; method < TRIAL_METHOD_COUNT; method++) {
            if (trial_method_row_of(method)->role == role) {
                (void)fprintf(out, "%s`%s`", between, trial_method_row_of(method)->name);
                between = ", ";
            }
        }
        (void)fprintf(out, " |\n");
    }
}

/* For triald(8): rows of a table. */
static void describe_key_roles(FILE *out)
{
#define ROLE(UPPER, name, doc) (void)fprintf(out, "|  _%s_\n:  %s\n", name, doc);
#include "trial/roles.def"
    (void)fprintf(out, "\n");
}

static void describe_trouble_codes(FILE *out)
{
    (void)fprintf(out, "[[ *code*\n:[ *status*\n:[ *again?*\n:[ *meaning*\n");
#define ERROR(UPPER, wire, exit_status, may_retry, meaning)                                        \
    (void)fprintf(out,                                                                             \
                  "|  %s\n:  %d\n:  %s\n:  %s\n",                                                  \
                  wire,                                                                            \
                  exit_status,                                                                     \
                  (may_retry) ? "yes" : "no",                                                      \
                  meaning);
#include "trial/errors.def"
    (void)fprintf(out, "\n");
}

static void describe_trouble_rules(FILE *out)
{
    (void)fprintf(out, "[[ *rule*\n:[ *code*\n:[ *what holds, where it is not broken*\n");
#define RULE(UPPER, name, code, sentence)                                                          \
    (void)fprintf(out, "|  %s\n:  %s\n:  %s\n", name, trial_code_name(TRIAL_##code), sentence);
#define WARNING(UPPER, name, sentence)
#include "trial/rules.def"
    (void)fprintf(out, "\n");
}

static void describe_views(FILE *out)
{
    (void)fprintf(out, "| view | one row for | answers |\n|---|---|---|\n");
#define COLUMN(name, doc)
#define VIEW(lower, UPPER, name, row, answers, kinds, columns)                                     \
    (void)fprintf(out, "| `%s` | %s | %s |\n", name, row, answers);
#include "trial/views.def"
}

#define LIMIT(name, meaning)                                                                       \
    {                                                                                              \
#name, name, meaning                                                                       \
    }
static const struct limit_row {
    const char *name;
    uint64_t value;
    const char *meaning;
} limits[] = {
    LIMIT(TRIAL_ID_BYTES_MAX, "bytes of an event's `id`"),
    LIMIT(TRIAL_SOURCE_BYTES_MAX, "bytes of its `source`"),
    LIMIT(TRIAL_SUBJECT_BYTES_MAX, "bytes of its `subject`"),
    LIMIT(TRIAL_ATTRIBUTE_BYTES_MAX, "bytes of an extension attribute's name"),
    LIMIT(TRIAL_EVENT_ELEMENTS_MAX, "values and keys of one event"),
    LIMIT(TRIAL_READ_EVENTS_MAX, "events of one answer or notification"),
    LIMIT(TRIAL_CREDIT_DEFAULT, "credit of a new subscription, in events"),
    LIMIT(TRIAL_CREDIT_MAX, "credit a subscription can have"),
    LIMIT(TRIAL_SUBSCRIPTIONS_PER_PEER_MAX, "subscriptions of one peer"),
    LIMIT(TRIAL_TYPES_FILTER_MAX, "entries of `types`"),
    LIMIT(TRIAL_WHERE_MAX, "conditions of one query"),
    LIMIT(TRIAL_HEARTBEAT_MS, "milliseconds of silence before a heartbeat"),
};

static void print_argument(uint32_t number, const char *name, const char *doc, FILE *out)
{
    (void)fprintf(out, "%s_arg%u_ ", number == 0 ? "" : ", ", number);
    rows_print_plain(name, out);
    (void)fprintf(out, ": ");
    rows_print_plain(doc, out);
}

static void print_probe(const char *name, const char *when, FILE *out)
{
    (void)fprintf(out, "*");
    rows_print_plain(name, out);
    (void)fprintf(out, "*\n\t");
    rows_print_plain(when, out);
    (void)fprintf(out, " ");
}

static void describe_probes(FILE *out)
{
#define PROBE1(lower, when, name0, doc0)                                                           \
    print_probe(#lower, when, out);                                                                \
    print_argument(0, #name0, doc0, out);                                                          \
    (void)fprintf(out, ".\n\n");
#define PROBE2(lower, when, name0, doc0, name1, doc1)                                              \
    print_probe(#lower, when, out);                                                                \
    print_argument(0, #name0, doc0, out);                                                          \
    print_argument(1, #name1, doc1, out);                                                          \
    (void)fprintf(out, ".\n\n");
#define PROBE3(lower, when, name0, doc0, name1, doc1, name2, doc2)                                 \
    print_probe(#lower, when, out);                                                                \
    print_argument(0, #name0, doc0, out);                                                          \
    print_argument(1, #name1, doc1, out);                                                          \
    print_argument(2, #name2, doc2, out);                                                          \
    (void)fprintf(out, ".\n\n");
#define PROBE4(lower, when, name0, doc0, name1, doc1, name2, doc2, name3, doc3)                    \
    print_probe(#lower, when, out);                                                                \
    print_argument(0, #name0, doc0, out);                                                          \
    print_argument(1, #name1, doc1, out);                                                          \
    print_argument(2, #name2, doc2, out);                                                          \
    print_argument(3, #name3, doc3, out);                                                          \
    (void)fprintf(out, ".\n\n");
#include "probes.def"
}

static void describe_limits(FILE *out)
{
    (void)fprintf(out, "| limit | value | what it bounds |\n|---|---|---|\n");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        (void)fprintf(out,
                      "| `%s` | %" PRIu64 " | %s |\n",
                      limits[i].name,
                      limits[i].value,
                      limits[i].meaning);
    }
}

bool config_describe(const char *what, FILE *out)
{
    static const struct {
        const char *name;
        void (*describe)(FILE *out);
    } subjects[] = {
        { "settings", describe_settings },
        { "example", describe_example },
        { "events", describe_events },
        { "requests", describe_requests },
        { "roles", describe_roles },
        { "errors", describe_errors },
        { "rules", describe_rules },
        { "views", describe_views },
        { "limits", describe_limits },
        { "conditions", describe_conditions },
        { "catalog", describe_catalog },
        { "metrics", describe_metrics },
        { "stages", describe_stages },
        { "probes", describe_probes },
        { "trouble-conditions", describe_trouble_conditions },
        { "method-roles", describe_method_roles },
        { "key-roles", describe_key_roles },
        { "trouble-codes", describe_trouble_codes },
        { "trouble-rules", describe_trouble_rules },
    };

    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        if (strcmp(what, subjects[i].name) == 0) {
            subjects[i].describe(out);
            return true;
        }
    }
    return false;
}
