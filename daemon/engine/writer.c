/* writer.c - the writer's own rows: states, heads, ids and lists, as they stand in front of the
 * disk. */
#include "engine_internal.h"
#include "links.h"

static trial_bytes text_span(trial_text text)
{
    return (trial_bytes){ (const uint8_t *)text.at, text.size };
}

static trial_code
get_state(void *context, trial_kind kind, trial_text id, trial_bytes *ret_state, trial_error *err)
{
    engine *e = context;
    row_key k;

    key_state(kind, id, &k);
    return store_get(e->store, STORE_STATE, key_span(&k), ret_state, err);
}

static void put_link(void *context, const row_key *link)
{
    engine *e = context;
    trial_bytes there = { 0 };
    trial_error ignored = TRIAL_ERROR_NONE;

    /* A link that is there already is left alone: nothing of it is to be written. */
    if (store_get(e->store, STORE_LINK, key_span(link), &there, &ignored) != TRIAL_OK ||
        there.data == NULL) {
        store_put(e->store, STORE_LINK, key_span(link), (trial_bytes){ (const uint8_t *)"", 0 });
    }
}

static trial_code
put_state(void *context, const trial_state *state, trial_bytes bytes, trial_error *err)
{
    engine *e = context;
    row_key k;

    (void)err;
    key_state(state->kind, state->id, &k);
    store_put(e->store, STORE_STATE, key_span(&k), bytes);
    return TRIAL_OK;
}

static void put_links(void *context, const trial_state *state)
{
    links_of(state, put_link, context);
}

static trial_code
get_record(void *context, uint64_t position, trial_bytes *ret_record, trial_error *err)
{
    engine *e = context;

    return store_get_record(e->store, position, ret_record, err);
}

static trial_code
has_exemption(void *context, trial_text exemption_id, bool *ret_has, trial_error *err)
{
    engine *e = context;
    trial_bytes there = { 0 };
    trial_code code;
    row_key k;

    key_link(KEY_OF_EXEMPTION, exemption_id, TRIAL_KIND_TRIAL, (trial_text){ 0 }, &k);
    code = store_get(e->store, STORE_LINK, key_span(&k), &there, err);
    *ret_has = there.data != NULL;
    return code;
}

fold_rows writer_rows(engine *e)
{
    return (fold_rows){ .context = e,
                        .get = get_state,
                        .put = put_state,
                        .link = put_links,
                        .buffer = &e->state,
                        .record = get_record,
                        .is_in = NULL,
                        .has_exemption = has_exemption };
}

trial_code writer_head(engine *e, trial_text subject, head_row *ret_head, trial_error *err)
{
    trial_bytes bytes = { 0 };
    trial_code code = store_get(e->store, STORE_SUBJECT, text_span(subject), &bytes, err);

    *ret_head = (head_row){ 0 };
    if (code != TRIAL_OK || bytes.data == NULL) {
        return code;
    }
    code = head_row_read(bytes, ret_head, err);
    if (code == TRIAL_OK) { /* the row's bytes go with the next put */
        ret_head->programme = trial_arena_text(&e->turn, ret_head->programme);
    }
    return code;
}

bool writer_may_be_programme(trial_text programme)
{
    return programme.size > 0 && programme.size <= TRIAL_SUBJECT_BYTES_MAX &&
           memchr(programme.at, '\0', programme.size) == NULL;
}

static void list_under(engine *e, trial_text programme, uint64_t position)
{
    row_key k;

    key_programme(programme, position, &k);
    store_put(e->store, STORE_PROGRAMME, key_span(&k), (trial_bytes){ (const uint8_t *)"", 0 });
}

void writer_programmes(const proto_record *record, trial_text of_subject, trial_text *ret_two)
{
    trial_text id;
    trial_text own = record->programme;

    ret_two[0] = (trial_text){ 0 };
    ret_two[1] = (trial_text){ 0 };
    if (trial_subject_split(record->subject, &id) == TRIAL_KIND_PROGRAMME) {
        ret_two[0] = id;
    } else if (writer_may_be_programme(of_subject)) {
        ret_two[0] = of_subject;
    }
    if (writer_may_be_programme(own) && !trial_text_equal(own, ret_two[0])) {
        ret_two[ret_two[0].size == 0 ? 0 : 1] = own;
    }
}

void writer_note(engine *e,
                 const proto_record *record,
                 trial_bytes bytes,
                 const head_row *before,
                 trial_text *ret_programmes)
{
    uint8_t row[HEAD_ROW_BYTES_MAX];
    head_row head = *before;
    trial_text id = { 0 };

    if (head.revision == 0) {
        head.first = record->position;
        head.programme =
            writer_may_be_programme(record->programme) ? record->programme : (trial_text){ 0 };
    }
    head.revision = record->revision;
    head.last = record->position;
    writer_programmes(record, head.programme, ret_programmes);
    store_put(e->store,
              STORE_SUBJECT,
              text_span(record->subject),
              (trial_bytes){ row, head_row_write(&head, row) });
    for (int i = 0; i < 2; i++) {
        if (ret_programmes[i].size > 0) {
            list_under(e, ret_programmes[i], record->position);
        }
    }
    if (ret_programmes[0].size == 0 &&
        trial_subject_split(record->subject, &id) != TRIAL_KIND_CASE) {
        list_under(e, (trial_text){ 0 }, record->position);
    }
    store_append(e->store, bytes);
    e->log.last_ingest = record->ingest;
}
