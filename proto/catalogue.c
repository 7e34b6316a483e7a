/* catalogue.c - the rows of the .def files as tables. Nothing is said here that a row does not say.
 */
#include "trial/metrics.h"
#include "trial/request.h"
#include "trial/state.h"

/* choices.def */
#define WORD(lower, UPPER, text) text,
#define CHOICES(lower, words)                                                                      \
    static const char *const words_of_##lower[] = { words };                                       \
    const trial_choices trial_choices_##lower = {                                                  \
        #lower, words_of_##lower, sizeof words_of_##lower / sizeof words_of_##lower[0]             \
    };
#include "trial/choices.def"

/* Shapes: a function each, so that `here` can name the struct its fields lie in. */
#define DEFINE_SHAPE(lower, ...)                                                                   \
    const trial_shape *trial_shape_of_##lower(void)                                                \
    {                                                                                              \
        typedef struct trial_##lower here;                                                         \
        static const trial_field rows[] = { __VA_ARGS__ };                                         \
        static const trial_shape shape = {                                                         \
            #lower, sizeof(here), sizeof rows / sizeof rows[0], rows                               \
        };                                                                                         \
        return &shape;                                                                             \
    }
#include "trial/fields_rows.inc"
#define SHAPE(lower, ...) DEFINE_SHAPE(lower, __VA_ARGS__)
#define EVENT(lower, UPPER, wire, emitters, kind, rule, feeds, doc, ...)                           \
    DEFINE_SHAPE(lower, __VA_ARGS__)
#include "trial/events.def"
#define SHAPE(lower, ...) DEFINE_SHAPE(lower, __VA_ARGS__)
#define STATE(lower, UPPER, ...) DEFINE_SHAPE(lower, __VA_ARGS__)
#include "trial/state.def"

#include "trial/fields_end.inc"

/* events.def */
enum {
#define EMITTER(letter, beginning, is_whole, who) letter = 1 << TRIAL_EMITTER_BIT_##letter,
#include "trial/emitters.def"
    ANYONE = -1,
};

static const trial_event_row event_rows[TRIAL_EVENT_COUNT] = {
#define SHAPE(lower, fields)
#define EVENT(lower, UPPER, wire, emitters, kind, rule, feeds, doc, fields)                        \
    [TRIAL_EVENT_##UPPER] = { wire, (trial_emitters)(emitters), TRIAL_KIND_##kind, rule, feeds,    \
                              doc,  trial_shape_of_##lower },
#include "trial/events.def"
};

static const struct emitter_row {
    char letter;
    const char *beginning;
    bool is_whole;
} emitter_rows[TRIAL_EMITTER_BIT_COUNT] = {
#define EMITTER(letter, beginning, is_whole, who)                                                  \
    [TRIAL_EMITTER_BIT_##letter] = { #letter[0], beginning, is_whole },
#include "trial/emitters.def"
};

static const char *const kind_words[TRIAL_KIND_COUNT] = {
#define KIND(lower, UPPER, doc) [TRIAL_KIND_##UPPER] = #lower,
#include "trial/kinds.def"
    [TRIAL_KIND_CASE] = "case",
    [TRIAL_KIND_OTHER] = "",
};

const trial_event_row *trial_event_row_of(trial_event_type type)
{
    TRIAL_ASSERT(type < TRIAL_EVENT_COUNT);
    return &event_rows[type];
}

/* Every event that arrives looks for its row, so lengths are compared before letters. */
static const uint8_t event_name_sizes[TRIAL_EVENT_COUNT] = {
#define SHAPE(lower, fields)
#define EVENT(lower, UPPER, wire, emitters, kind, rule, feeds, doc, fields)                        \
    [TRIAL_EVENT_##UPPER] = sizeof(wire) - 1,
#include "trial/events.def"
};

trial_event_type trial_event_named(trial_text name)
{
    trial_event_type type = 0;

    while (type < TRIAL_EVENT_COUNT && (name.size != event_name_sizes[type] ||
                                        memcmp(name.at, event_rows[type].name, name.size) != 0)) {
        type++;
    }
    return type;
}

/* Does the source have this row's shape? What follows the beginning is one name without a slash. */
static bool has_shape(trial_text source, const struct emitter_row *row)
{
    trial_text beginning = trial_text_of(row->beginning);

    if (row->is_whole) {
        return trial_text_equal(source, beginning);
    }
    return trial_text_starts(source, beginning) && source.size > beginning.size &&
           memchr(source.at + beginning.size, '/', source.size - beginning.size) == NULL;
}

trial_emitters trial_emitter_of(trial_text source)
{
    for (unsigned bit = 0; bit < TRIAL_EMITTER_BIT_COUNT; bit++) {
        if (has_shape(source, &emitter_rows[bit])) {
            return 1u << bit;
        }
    }
    return 0;
}

trial_emitters trial_emitter_bit_of(char letter)
{
    for (unsigned bit = 0; bit < TRIAL_EMITTER_BIT_COUNT; bit++) {
        if (emitter_rows[bit].letter == letter) {
            return 1u << bit;
        }
    }
    return 0;
}

trial_text trial_emitter_name(trial_text source)
{
    for (unsigned bit = 0; bit < TRIAL_EMITTER_BIT_COUNT; bit++) {
        const struct emitter_row *row = &emitter_rows[bit];
        uint32_t skip = (uint32_t)strlen(row->beginning);

        if (!row->is_whole && has_shape(source, row)) {
            return (trial_text){ source.at + skip, source.size - skip };
        }
    }
    return (trial_text){ 0 };
}

const char *trial_kind_word(trial_kind kind)
{
    return kind < TRIAL_KIND_COUNT ? kind_words[kind] : "";
}

trial_kind trial_subject_split(trial_text subject, trial_text *ret_id)
{
    const char *slash = subject.size == 0 ? NULL : memchr(subject.at, '/', subject.size);
    trial_text word;

    *ret_id = (trial_text){ 0 };
    if (slash == NULL) {
        return TRIAL_KIND_OTHER;
    }
    word = (trial_text){ subject.at, (uint32_t)(slash - subject.at) };
    *ret_id = (trial_text){ slash + 1, subject.size - word.size - 1 };
    for (trial_kind kind = 0; kind < TRIAL_KIND_OTHER; kind++) {
        if (trial_text_is(word, kind_words[kind])) {
            return kind;
        }
    }
    return TRIAL_KIND_OTHER;
}

const trial_field *trial_shape_find(const trial_shape *shape, trial_text name)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        if (trial_text_is(name, shape->fields[i].name)) {
            return &shape->fields[i];
        }
    }
    return NULL;
}

const char *trial_choice_word(const trial_choices *choices, trial_choice choice)
{
    TRIAL_ASSERT(choice <= choices->count);
    return choice == 0 ? "" : choices->words[choice - 1];
}

trial_choice trial_choice_named(const trial_choices *choices, trial_text word)
{
    for (uint32_t i = 0; i < choices->count; i++) {
        if (trial_text_is(word, choices->words[i])) {
            return (trial_choice)(i + 1);
        }
    }
    return 0;
}

void trial_shape_clear(const trial_shape *shape, void *ret_struct)
{
    memset(ret_struct, 0, shape->size);
    for (uint32_t i = 0; i < shape->count; i++) {
        void *at = (char *)ret_struct + shape->fields[i].offset;

        if (shape->fields[i].kind == TRIAL_FIELD_DATE) {
            *(trial_date *)at = TRIAL_DATE_NONE;
        } else if (shape->fields[i].kind == TRIAL_FIELD_INSTANT) {
            *(trial_instant *)at = TRIAL_INSTANT_NONE;
        }
    }
}

const trial_shape *trial_state_shape(trial_kind kind)
{
    switch (kind) {
#define KIND(lower, UPPER, doc)                                                                    \
    case TRIAL_KIND_##UPPER:                                                                       \
        return trial_shape_of_##lower();
#include "trial/kinds.def"
    case TRIAL_KIND_CASE:
    case TRIAL_KIND_OTHER:
        return trial_shape_of_other();
    case TRIAL_KIND_ANY:
        break;
    }
    trial_panic(__FILE__, __LINE__, "a kind of subject without a state");
}

void trial_state_clear(trial_state *state, trial_kind kind, trial_text id)
{
    state->kind = kind;
    state->id = id;
    memset(&state->as, 0, sizeof state->as);
    trial_shape_clear(trial_state_shape(kind), &state->as);
}

struct trial_attached *trial_state_attached(const trial_state *state)
{
    switch (state->kind) {
#define KIND(lower, UPPER, doc)                                                                    \
    case TRIAL_KIND_##UPPER:                                                                       \
        return state->as.lower.attached;
#include "trial/kinds.def"
    case TRIAL_KIND_CASE:
    case TRIAL_KIND_OTHER:
        return state->as.other.attached;
    case TRIAL_KIND_ANY:
        break;
    }
    trial_panic(__FILE__, __LINE__, "a kind of subject without a state");
}

/* The field `programme` of a struct, where its row has one. */
static trial_text programme_in(const trial_shape *shape, const void *from)
{
    const trial_field *field = trial_shape_find(shape, TRIAL_TEXT("programme"));
    trial_text programme = { 0 };

    if (field != NULL && field->kind == TRIAL_FIELD_TEXT) {
        memcpy(&programme, (const char *)from + field->offset, sizeof programme);
    }
    return programme;
}

trial_text trial_event_programme(const trial_event *event)
{
    return programme_in(event_rows[event->type].shape(), &event->as);
}

trial_text trial_state_programme(const trial_state *state)
{
    return programme_in(trial_state_shape(state->kind), &state->as);
}

/* requests.def */
#include "trial/fields_rows.inc"
#define REQUEST(lower, UPPER, name, role, doc, result, ...)                                        \
    static const trial_shape *shape_of_request_##lower(void)                                       \
    {                                                                                              \
        typedef struct trial_request_##lower here;                                                 \
        static const trial_field rows[] = { __VA_ARGS__{ .offset = offsetof(here, is_read) } };    \
        static const trial_shape shape = {                                                         \
            #lower, sizeof(here), sizeof rows / sizeof rows[0] - 1, rows                           \
        };                                                                                         \
        return &shape;                                                                             \
    }
#include "trial/requests.def"

#include "trial/fields_end.inc"

static const trial_method_row method_rows[TRIAL_METHOD_COUNT] = {
#define REQUEST(lower, UPPER, name, role, doc, result, ...)                                        \
    [TRIAL_METHOD_##UPPER] = { name, TRIAL_ROLE_##role, doc, result, shape_of_request_##lower },
#include "trial/requests.def"
};

const trial_method_row *trial_method_row_of(trial_method method)
{
    TRIAL_ASSERT(method < TRIAL_METHOD_COUNT);
    return &method_rows[method];
}

trial_method trial_method_named(trial_text name)
{
    trial_method method = 0;

    while (method < TRIAL_METHOD_COUNT && !trial_text_is(name, method_rows[method].name)) {
        method++;
    }
    return method;
}

/* metrics.def */
static const trial_metric_row metric_rows[TRIAL_METRIC_COUNT] = {
#define METRIC(kind, lower, unit, labels, doc)                                                     \
    [TRIAL_METRIC_##lower] = { TRIAL_METRIC_##kind, #lower, unit, labels, doc },
#include "trial/metrics.def"
};

const trial_metric_row *trial_metric_row_of(trial_metric metric)
{
    TRIAL_ASSERT(metric < TRIAL_METRIC_COUNT);
    return &metric_rows[metric];
}

const char *trial_metric_section(trial_metric_kind kind)
{
    static const char *const sections[] = { [TRIAL_METRIC_COUNTER] = "counters",
                                            [TRIAL_METRIC_GAUGE] = "gauges",
                                            [TRIAL_METRIC_HISTOGRAM] = "histograms" };

    return sections[kind];
}

/* stages.def */
static const trial_stage_row stage_rows[TRIAL_STAGE_COUNT] = {
#define STAGE(lower, doc) [TRIAL_STAGE_##lower] = { #lower, doc },
#include "trial/stages.def"
};

const trial_stage_row *trial_stage_row_of(trial_stage stage)
{
    TRIAL_ASSERT(stage < TRIAL_STAGE_COUNT);
    return &stage_rows[stage];
}

double trial_histogram_quantile_us(const trial_histogram *histogram, double share)
{
    uint64_t count = 0;
    double wanted;
    double before = 0;

    for (uint32_t i = 0; i < TRIAL_HISTOGRAM_BUCKETS; i++) {
        count += histogram->buckets[i];
    }
    wanted = share * (double)count;
    for (uint32_t i = 0; count > 0 && i < TRIAL_HISTOGRAM_BOUNDS; i++) {
        double here = (double)histogram->buckets[i];

        if (here > 0 && before + here >= wanted) {
            double least = i == 0 ? 0 : (double)trial_histogram_bound_us(i - 1);

            return least + (double)(trial_histogram_bound_us(i) - (uint64_t)least) *
                               (wanted - before) / here;
        }
        before += here;
    }
    return count == 0 ? 0 : (double)trial_histogram_bound_us(TRIAL_HISTOGRAM_BOUNDS - 1);
}
