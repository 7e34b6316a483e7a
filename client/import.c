/* import.c - see import.h. */
#include "import.h"

/* Where one batch stands. `at` is the first line not settled yet. */
struct settling {
    const import_batch *batch;
    uint32_t at;
    uint32_t events;  /* lines of the batch that are events: all, or all but the last */
    uint32_t sent;    /* events of the request under way */
    bool has_refusal; /* the line `refused` fails with `refusal` if all before it are taken */
    uint32_t refused;
    trial_error refusal;
};

static uint32_t events_of(const import_batch *batch)
{
    bool ends_badly = batch->count > 0 && batch->lines[batch->count - 1].event == NULL;

    return ends_badly ? batch->count - 1 : batch->count;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void import_begin(import_work *work, const import_batch *batch)
{
    uint32_t count = smaller(events_of(batch), work->chunk);

    work->begun = TRIAL_OK;
    if (count > 0) {
        work->begun = work->peer.send(work->peer.context, batch->lines, count, &work->begun_err);
    }
}

/* Does this failure end the import, whatever the lines are? */
static bool ends_import(const trial_error *err)
{
    switch (err->code) {
    case TRIAL_BUSY:
    case TRIAL_STORAGE:
    case TRIAL_NO_SPACE:
    case TRIAL_UNSUPPORTED:
        return true;
    case TRIAL_OK:
    case TRIAL_MALFORMED:
    case TRIAL_INVALID:
    case TRIAL_UNKNOWN_TYPE:
    case TRIAL_REFUSED:
    case TRIAL_CONFLICT:
    case TRIAL_DUPLICATE_CONFLICT:
    case TRIAL_NOT_FOUND:
    case TRIAL_TOO_LARGE:
    case TRIAL_UNAUTHORISED:
    case TRIAL_CODE_COUNT:
        break;
    }
    return false;
}

static void refuse(import_work *work, const import_line *line, const trial_error *err)
{
    work->counts.read++;
    work->counts.rejected++;
    if (work->first_refusal == TRIAL_OK) {
        work->first_refusal = err->code;
    }
    if (!work->peer.refuse(work->peer.context, line, err)) {
        work->is_stopped = true;
    }
}

/* The request under way was taken. */
static void take(import_work *work, struct settling *settling, const trial_value *result)
{
    const trial_value *duplicates = trial_value_get(result, "duplicates");
    const trial_value *warnings = trial_value_get(result, "warnings");

    for (uint32_t i = 0; i < settling->sent; i++) {
        bool is_duplicate = duplicates != NULL && duplicates->kind == TRIAL_VALUE_LIST &&
                            i < duplicates->as.list.count &&
                            duplicates->as.list.items[i]->kind == TRIAL_VALUE_TRUTH &&
                            duplicates->as.list.items[i]->as.truth;

        work->counts.duplicates += is_duplicate ? 1 : 0;
        work->counts.appended += is_duplicate ? 0 : 1;
    }
    if (warnings != NULL && warnings->kind == TRIAL_VALUE_LIST) {
        work->counts.warnings += warnings->as.list.count;
    }
    work->counts.read += settling->sent;
    settling->at += settling->sent;
    if (settling->has_refusal && settling->refused == settling->at) {
        /* All before it are taken now, as they were when it was judged. */
        settling->has_refusal = false;
        refuse(work, &settling->batch->lines[settling->at], &settling->refusal);
        settling->at++;
    }
    work->chunk = smaller(work->chunk * 2, work->chunk_max);
}

/* The request under way was refused whole: narrow it down, or settle its first line. */
static void narrow(import_work *work, struct settling *settling, const trial_error *why)
{
    bool is_named = why->index >= 0 && why->index < (int64_t)settling->sent;

    settling->has_refusal = false;
    work->chunk = settling->sent > 1 ? settling->sent / 2 : 1;
    if (settling->sent == 1 || (is_named && why->index == 0)) {
        refuse(work, &settling->batch->lines[settling->at], why);
        settling->at++;
    } else if (is_named) {
        settling->has_refusal = true;
        settling->refused = settling->at + (uint32_t)why->index;
        settling->refusal = *why;
    }
}

/* Send what comes next: up to the line that is to be taken out, or as much as goes at once. */
static trial_code send_next(import_work *work, struct settling *settling, trial_error *err)
{
    uint32_t left = (settling->has_refusal ? settling->refused : settling->events) - settling->at;

    settling->sent = settling->has_refusal ? left : smaller(left, work->chunk);
    return work->peer.send(
        work->peer.context, settling->batch->lines + settling->at, settling->sent, err);
}

trial_code import_settle(import_work *work, const import_batch *batch, trial_error *err)
{
    struct settling settling = { .batch = batch, .events = events_of(batch) };
    trial_code code = work->begun;
    trial_error why = work->begun_err;

    settling.sent = smaller(settling.events, work->chunk); /* import_begin() sent it */
    while (settling.at < settling.events && !work->is_stopped) {
        trial_value *result = NULL;

        if (code == TRIAL_OK) {
            code = work->peer.receive(work->peer.context, &result, &why);
        }
        if (code == TRIAL_OK) {
            take(work, &settling, result);
        } else if (ends_import(&why)) {
            *err = why;
            return code;
        } else {
            narrow(work, &settling, &why);
        }
        code = TRIAL_OK;
        if (settling.at < settling.events && !work->is_stopped) {
            code = send_next(work, &settling, &why);
        }
    }
    if (settling.events < batch->count && !work->is_stopped) {
        const import_line *last = &batch->lines[batch->count - 1];

        refuse(work, last, &last->err);
    }
    return TRIAL_OK;
}
