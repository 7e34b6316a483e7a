/* history.c - see history.h. Walks a subject's records back along their chain; corrections are rare
 * and histories short, so nothing of this is kept between two of them. */
#include "history.h"

/* One event of the subject, as recorded and as it stands now. */
struct told {
    trial_event recorded;
    trial_bytes data;     /* as it stands now */
    trial_bytes before;   /* as it stood before the newest correction */
    uint32_t corrections; /* how often it was corrected */
    proto_record record;  /* spans in the arena */
};

struct history {
    struct told *items; /* oldest first */
    uint32_t count;
};

/* The positions of the chain that ends at `last`, newest first, as far as the fold takes them in.
 */
static trial_code walk_back(const fold_rows *rows,
                            uint64_t last,
                            trial_arena *arena,
                            struct history *ret_history,
                            trial_error *err)
{
    uint32_t room = 16;
    struct told *items = trial_arena_take(arena, room * sizeof *items);
    uint32_t count = 0;

    for (uint64_t position = last; position != 0;) {
        trial_bytes bytes = { 0 };
        proto_record record;
        trial_code code = rows->record(rows->context, position, &bytes, err);

        if (code == TRIAL_OK) {
            code = proto_record_read(trial_arena_bytes(arena, bytes), &record, err);
        }
        if (code != TRIAL_OK) {
            return code;
        }
        TRIAL_ASSERT(record.previous < position);
        position = record.previous;
        if (rows->is_in != NULL && !rows->is_in(rows->context, &record)) {
            continue;
        }
        if (count == room) {
            items = trial_arena_grow(arena, items, count, (size_t)room * 2, sizeof *items);
            room *= 2;
        }
        items[count++] =
            (struct told){ .record = record, .data = record.data, .before = record.data };
    }
    for (uint32_t i = 0; i < count / 2; i++) {
        struct told swapped = items[i];

        items[i] = items[count - 1 - i];
        items[count - 1 - i] = swapped;
    }
    *ret_history = (struct history){ items, count };
    return TRIAL_OK;
}

/* The one event of that id among the first `count`, of the corrections or of the others: under
 * `source` first, else the one there is. */
static struct told *find_among(const struct history *history,
                               uint32_t count,
                               bool is_correction,
                               trial_text id,
                               trial_text source,
                               bool *ret_is_any)
{
    struct told *other = NULL;
    bool is_one = true;

    for (uint32_t i = 0; i < count; i++) {
        struct told *told = &history->items[i];

        if ((told->recorded.type == TRIAL_EVENT_CORRECTION_ISSUED) != is_correction ||
            !trial_text_equal(told->recorded.id, id)) {
            continue;
        }
        *ret_is_any = true;
        if (trial_text_equal(told->recorded.source, source)) {
            return told;
        }
        is_one = other == NULL;
        other = told;
    }
    return is_one ? other : NULL;
}

/* The event a correction names among the first `count`. A correction is meant only where nothing
 * else bears the id: a ministry may number its corrections like what they correct. */
static struct told *
find_named(const struct history *history, uint32_t count, trial_text id, trial_text source)
{
    bool is_any = false;
    struct told *told = find_among(history, count, false, id, source, &is_any);

    return is_any ? told : find_among(history, count, true, id, source, &is_any);
}

/* Put one correction's new value in its event's place. */
static void correct(const struct history *history,
                    uint32_t count,
                    const struct trial_correction_issued *correction,
                    trial_text source,
                    trial_arena *arena)
{
    struct told *told = find_named(history, count, correction->corrects, source);

    if (told != NULL) {
        told->before = told->data;
        told->data = proto_data_with(told->data, correction->field, correction->newValue, arena);
        told->corrections++;
    }
}

/* Load the history that ends at `last` and let its own corrections do their work. */
static trial_code load(const fold_rows *rows,
                       uint64_t last,
                       trial_arena *arena,
                       struct history *ret_history,
                       trial_error *err)
{
    trial_code code = walk_back(rows, last, arena, ret_history, err);

    for (uint32_t i = 0; code == TRIAL_OK && i < ret_history->count; i++) {
        struct told *told = &ret_history->items[i];

        code = proto_record_event(&told->record, arena, &told->recorded, err);
        if (code == TRIAL_OK && told->recorded.type == TRIAL_EVENT_CORRECTION_ISSUED) {
            correct(
                ret_history, i, &told->recorded.as.correction_issued, told->recorded.source, arena);
        }
    }
    for (uint32_t i = 0; code == TRIAL_OK && i < ret_history->count; i++) {
        ret_history->items[i].before = ret_history->items[i].data; /* only a newer one counts */
    }
    return code;
}

/* The row of a field of an event type's data: its own or a common one. */
static const trial_field *find_field(trial_event_type type, trial_text name)
{
    const trial_field *field = trial_shape_find(trial_event_row_of(type)->shape(), name);

    return field != NULL ? field : trial_shape_find(trial_shape_of_common(), name);
}

/* A canonical value as a tree; NULL where there is none. */
static const trial_value *value_of(trial_bytes bytes, trial_arena *arena)
{
    pack_reader reader = pack_reader_of(bytes);
    trial_value *value = NULL;
    trial_error ignored = TRIAL_ERROR_NONE;

    if (bytes.data == NULL || pack_value(&reader, arena, &value, &ignored) != TRIAL_OK) {
        return NULL;
    }
    return value;
}

trial_code history_find_corrected(const fold_rows *rows,
                                  uint64_t last,
                                  const struct trial_correction_issued *correction,
                                  trial_text source,
                                  trial_arena *arena,
                                  rules_correction *ret_correction,
                                  trial_error *err)
{
    struct history history;
    const trial_value *old = value_of(correction->oldValue, arena);
    struct told *told;
    trial_error ignored = TRIAL_ERROR_NONE;
    trial_code code = load(rows, last, arena, &history, err);

    *ret_correction = (rules_correction){ 0 };
    if (code != TRIAL_OK) {
        return code;
    }
    told = find_named(&history, history.count, correction->corrects, source);
    if (told == NULL) {
        return TRIAL_OK;
    }
    *ret_correction = (rules_correction){
        .is_found = true,
        .source = told->recorded.source,
        .type = told->recorded.type,
        .field = find_field(told->recorded.type, correction->field),
        .current = value_of(proto_data_field(told->data, correction->field), arena),
    };
    ret_correction->is_current = ret_correction->current != NULL && old != NULL &&
                                 trial_value_equal(ret_correction->current, old);
    ret_correction->fits =
        ret_correction->field == NULL ||
        pack_fits(correction->newValue, ret_correction->field, arena, &ignored) == TRIAL_OK;
    return TRIAL_OK;
}

/* One telling of the history: the state it leads to, judged as it goes. */
struct telling {
    fold_step step;
    bool is_refused;
    trial_error refusal;
};

static trial_code tell(struct telling *telling,
                       const struct told *told,
                       trial_bytes data,
                       bool is_first,
                       trial_error *err)
{
    trial_event *event = trial_arena_take(telling->step.arena, sizeof *event);
    trial_code code = proto_record_event_with(&told->record, data, telling->step.arena, event, err);

    telling->is_refused = false;
    if (code != TRIAL_OK || event->type == TRIAL_EVENT_CORRECTION_ISSUED) {
        return code;
    }
    telling->step.event = event;
    telling->step.previous = is_first ? 0 : told->record.previous;
    telling->refusal = TRIAL_ERROR_NONE;
    telling->is_refused = rules_shape(event, &telling->refusal) != TRIAL_OK ||
                          fold_decide(&telling->step, &telling->refusal) != TRIAL_OK;
    if (telling->step.failed != TRIAL_OK) {
        *err = telling->step.why;
        return telling->step.failed;
    }
    rules_apply(&telling->step.state, event, telling->step.arena);
    if (told->corrections > 0) {
        for (uint32_t times = 0; times < told->corrections; times++) {
            rules_count_correction(&telling->step.state, event, telling->step.arena);
        }
    }
    return TRIAL_OK;
}

/* Carry over the breaches a state had, for they are not found again by telling. */
static void keep_breaches(const trial_state *old, trial_state *fresh, trial_arena *arena)
{
    const struct trial_attached *attached = trial_state_attached(old);

    for (uint32_t i = 0; attached != NULL && i < attached->breaches.count; i++) {
        const struct trial_breach_fact *breach = &attached->breaches.items[i];
        trial_event event = { .time = breach->time, .position = (uint64_t)breach->position.value };

        rules_note_breach(fresh,
                          &event,
                          trial_rule_named(breach->rule),
                          trial_arena_text(arena, breach->message).at,
                          arena);
    }
}

trial_code history_fold_again(fold_step *step, trial_error *err)
{
    struct telling *now = trial_arena_take(step->arena, sizeof *now);
    struct telling *before = trial_arena_take(step->arena, sizeof *before);
    struct history history;
    trial_state old = step->state;
    trial_code code = load(step->rows, step->previous, step->arena, &history, err);

    if (code != TRIAL_OK) {
        return code;
    }
    correct(&history,
            history.count,
            &step->event->as.correction_issued,
            step->event->source,
            step->arena);
    now->step = *step;
    now->step.failed = TRIAL_OK;
    trial_state_clear(&now->step.state, old.kind, old.id);
    before->step = now->step;
    keep_breaches(&old, &now->step.state, step->arena);
    for (uint32_t i = 0; code == TRIAL_OK && i < history.count; i++) {
        const struct told *told = &history.items[i];

        code = tell(now, told, told->data, i == 0, err);
        if (code == TRIAL_OK) {
            code = tell(before, told, told->before, i == 0, err);
        }
        if (code == TRIAL_OK && now->is_refused && !before->is_refused) {
            rules_note_breach(&now->step.state,
                              now->step.event,
                              now->refusal.rule,
                              now->refusal.text,
                              step->arena);
        }
    }
    step->state = now->step.state;
    return code;
}
