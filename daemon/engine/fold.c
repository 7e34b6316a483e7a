/* fold.c - see fold.h. */
#include "fold.h"

#include "history.h"
#include "row.h"

trial_text fold_state_id(const trial_event *event)
{
    return event->kind == TRIAL_KIND_OTHER ? event->subject : event->subject_id;
}

/* Decode a state, cleared where there is none. */
static trial_code decode(trial_bytes bytes,
                         trial_kind kind,
                         trial_text id,
                         trial_arena *arena,
                         trial_state *ret_state,
                         trial_error *err)
{
    trial_code code;

    id = trial_arena_text(arena, id);
    if (bytes.data == NULL) {
        trial_state_clear(ret_state, kind, id);
        return TRIAL_OK;
    }
    ret_state->kind = kind;
    ret_state->id = id;
    bytes = trial_arena_bytes(arena, bytes); /* reading them clears what they do not set */
    code = proto_row_read(bytes, arena, ret_state, err);
    if (code != TRIAL_OK) {
        (void)trial_fail_while(err, "reading the state of '%.*s'", TRIAL_TEXT_ARGS(id));
    }
    return code;
}

trial_code fold_load(const fold_rows *rows,
                     trial_kind kind,
                     trial_text id,
                     trial_arena *arena,
                     trial_state *ret_state,
                     trial_error *err)
{
    trial_bytes bytes = { 0 };
    trial_code code = rows->get(rows->context, kind, id, &bytes, err);

    return code == TRIAL_OK ? decode(bytes, kind, id, arena, ret_state, err) : code;
}

/* What a rule sees of the world: states by kind and id, NULL where nothing is known. */
static const trial_state *look_up(void *context, trial_kind kind, trial_text id)
{
    fold_step *step = context;
    const fold_rows *rows = step->rows;
    trial_bytes bytes = { 0 };
    trial_state *state;

    if (step->failed != TRIAL_OK) {
        return NULL;
    }
    step->failed = rows->get(rows->context, kind, id, &bytes, &step->why);
    if (step->failed == TRIAL_OK && rows->elsewhere != NULL &&
        (bytes.data == NULL || kind == TRIAL_KIND_MUNICIPALITY)) {
        step->failed = rows->elsewhere(rows->context, kind, id, step->arena, &bytes, &step->why);
    }
    if (step->failed != TRIAL_OK || bytes.data == NULL) {
        return NULL;
    }
    state = trial_arena_take(step->arena, sizeof *state);
    step->failed = decode(bytes, kind, id, step->arena, state, &step->why);
    return step->failed == TRIAL_OK ? state : NULL;
}

static bool has_exemption(void *context, trial_text exemption_id)
{
    fold_step *step = context;
    bool has = false;

    if (step->failed == TRIAL_OK) {
        step->failed =
            step->rows->has_exemption(step->rows->context, exemption_id, &has, &step->why);
    }
    return has;
}

trial_code fold_begin(fold_step *step,
                      const fold_rows *rows,
                      const trial_event *event,
                      uint64_t previous,
                      trial_arena *arena,
                      trial_error *err)
{
    trial_code code;

    *step = (fold_step){ .rows = rows, .arena = arena, .event = event, .previous = previous };
    code = fold_load(rows, event->kind, fold_state_id(event), arena, &step->state, err);
    if (code == TRIAL_OK) {
        step->links = links_marked(&step->state);
    }
    if (code == TRIAL_OK && event->type == TRIAL_EVENT_CORRECTION_ISSUED) {
        code = history_find_corrected(rows,
                                      previous,
                                      &event->as.correction_issued,
                                      event->source,
                                      arena,
                                      &step->correction,
                                      err);
    }
    return code;
}

trial_code fold_decide(fold_step *step, trial_error *err)
{
    bool is_correction = step->event->type == TRIAL_EVENT_CORRECTION_ISSUED;
    rules_world world = { .context = step,
                          .state = look_up,
                          .has_exemption = has_exemption,
                          .correction = is_correction ? &step->correction : NULL };
    trial_code code = rules_decide(&step->state, step->previous == 0, step->event, &world, err);

    if (step->failed != TRIAL_OK) { /* a verdict on what could not be read is none */
        if (err != NULL) {
            *err = step->why;
        }
        return step->failed;
    }
    return code;
}

trial_code fold_apply(fold_step *step, trial_error *err)
{
    if (step->event->type != TRIAL_EVENT_CORRECTION_ISSUED) {
        rules_apply(&step->state, step->event, step->arena);
        return TRIAL_OK;
    }
    return history_fold_again(step, err);
}

trial_code fold_save(const fold_step *step, trial_error *err)
{
    const fold_rows *rows = step->rows;
    const trial_state *state = &step->state;
    trial_code code;

    pack_writer_reset(rows->buffer);
    proto_row_write(rows->buffer, state);
    code = rows->put(rows->context, state, pack_written(rows->buffer), err);
    if (code == TRIAL_OK && rows->link != NULL && links_have_changed(&step->links, state)) {
        rows->link(rows->context, state);
    }
    return code;
}

bool fold_leaves_no_trace(const proto_record *record)
{
    return trial_text_is(record->type, trial_event_row_of(TRIAL_EVENT_ACTIVITY_COMPLETED)->name);
}

trial_code fold_decoded(const fold_rows *rows,
                        const trial_event *event,
                        uint64_t previous,
                        bool is_judged,
                        trial_arena *arena,
                        trial_error *err)
{
    fold_step *step = trial_arena_take(arena, sizeof *step);
    trial_error refusal = TRIAL_ERROR_NONE;
    trial_code code = fold_begin(step, rows, event, previous, arena, err);

    if (code == TRIAL_OK && is_judged && fold_decide(step, &refusal) != TRIAL_OK) {
        if (step->failed != TRIAL_OK) {
            *err = refusal;
            return step->failed;
        }
        rules_note_breach(&step->state, event, refusal.rule, refusal.text, arena);
    }
    if (code == TRIAL_OK) {
        code = fold_apply(step, err);
    }
    return code == TRIAL_OK ? fold_save(step, err) : code;
}

trial_code fold_event(const fold_rows *rows,
                      const proto_record *record,
                      bool is_judged,
                      trial_arena *arena,
                      trial_error *err)
{
    trial_event *event;
    trial_code code;

    if (fold_leaves_no_trace(record)) {
        return TRIAL_OK;
    }
    event = trial_arena_take(arena, sizeof *event);
    code = proto_record_event(record, arena, event, err);
    return code == TRIAL_OK ? fold_decoded(rows, event, record->previous, is_judged, arena, err)
                            : code;
}

trial_code fold_bytes(
    const fold_rows *rows, trial_bytes bytes, bool is_judged, trial_arena *arena, trial_error *err)
{
    proto_record record;
    trial_code code = proto_record_read(bytes, &record, err);

    if (code == TRIAL_OK && (rows->is_in == NULL || rows->is_in(rows->context, &record))) {
        code = fold_event(rows, &record, is_judged, arena, err);
        trial_arena_reset(arena);
    }
    return code;
}
