/* answers.c - read and query: parameters to a page of events or the rows of a view. */
#include "answers.h"

/* A history of at most so many events and bytes is read where it is asked for: some tens of
 * microseconds, less than handing it to another thread and back. */
#define AT_ONCE_EVENTS_MAX 32u
#define AT_ONCE_BYTES_MAX 65536u

static trial_code bad_number(trial_error *err, const char *field, const char *range)
{
    trial_code code = trial_fail_rule_as(
        err, TRIAL_RULE_BAD_RANGE, TRIAL_INVALID, "'%s' is a number %s", field, range);

    (void)trial_fail_field(err, "%s", field);
    return code;
}

static trial_code choose_read(const struct trial_request_read *request,
                              answers_filter *ret_filter,
                              answers_range *ret_range,
                              trial_error *err)
{
    trial_code code;

    *ret_filter = (answers_filter){ .subject = request->subject,
                                    .types = request->types,
                                    .programme = request->programme };
    if (request->from.is_set && request->from.value < 0) {
        return bad_number(err, "from", "from 0");
    }
    if (request->limit.is_set &&
        (request->limit.value < 1 || request->limit.value > TRIAL_READ_EVENTS_MAX)) {
        return bad_number(err, "limit", "from 1 to 1024");
    }
    code = answers_filter_check(ret_filter, err);
    if (code == TRIAL_OK) {
        code = moment_choose(request->as_of, request->known_at, &ret_filter->choice, err);
    }
    *ret_range = (answers_range){
        .from = (uint64_t)request->from.value,
        .is_backwards = request->backwards.value,
        .limit = request->limit.is_set ? (uint32_t)request->limit.value : TRIAL_READ_EVENTS_MAX,
    };
    if (ret_range->from == 0 && !ret_range->is_backwards) {
        ret_range->from = 1;
    }
    return code;
}

static void put_page(pack_writer *answer, uint32_t msgid, answers_page *page)
{
    proto_put_result(answer, msgid);
    pack_put_map(answer, 3);
    pack_put_word(answer, "events");
    pack_put_list(answer, page->count);
    pack_put_raw(answer, pack_written(&page->events));
    pack_put_word(answer, "head");
    pack_put_unsigned(answer, page->head);
    pack_put_word(answer, "next");
    pack_put_unsigned(answer, page->next);
    pack_writer_done(&page->events);
}

trial_code answers_read(store *s,
                        const store_tail *tail,
                        chain *known,
                        const answers_settings *settings,
                        uint32_t msgid,
                        const struct trial_request_read *request,
                        pack_writer *answer,
                        trial_error *err)
{
    answers_page page = { 0 };
    answers_filter filter;
    answers_range range;
    trial_code code = choose_read(request, &filter, &range, err);

    if (code == TRIAL_OK) {
        range.bytes = settings->request_bytes - ANSWERS_FRAME_BYTES;
        code = answers_page_read(s, tail, known, &filter, &range, &page, err);
    }
    if (code != TRIAL_OK) {
        proto_put_error(answer, msgid, err);
    } else {
        put_page(answer, msgid, &page);
    }
    return code;
}

bool answers_read_at_once(store *s,
                          chain *known,
                          uint32_t msgid,
                          const struct trial_request_read *request,
                          pack_writer *answer)
{
    trial_error ignored = TRIAL_ERROR_NONE; /* a reader finds it again and says it */
    answers_page page = { 0 };
    answers_filter filter;
    answers_range range = { 0 };

    if (!answers_is_whole_subject(request->subject) || trial_text_is_set(request->programme) ||
        choose_read(request, &filter, &range, &ignored) != TRIAL_OK) {
        return false;
    }
    range.history_max = AT_ONCE_EVENTS_MAX;
    range.bytes = AT_ONCE_BYTES_MAX;
    if (answers_page_read(s, NULL, known, &filter, &range, &page, &ignored) != TRIAL_OK) {
        return false;
    }
    if (page.is_too_long || page.events.size > AT_ONCE_BYTES_MAX ||
        (page.next != 0 && page.count < range.limit)) {
        pack_writer_done(&page.events);
        return false;
    }
    put_page(answer, msgid, &page);
    return true;
}

static trial_code
read_where(trial_bytes where, trial_arena *arena, const trial_value **ret_where, trial_error *err)
{
    pack_reader reader = pack_reader_of(where);
    trial_value *value = NULL;
    trial_code code;

    *ret_where = NULL;
    if (where.data == NULL) {
        return TRIAL_OK;
    }
    code = pack_value(&reader, arena, &value, err);
    if (code == TRIAL_OK && value->kind == TRIAL_VALUE_MAP &&
        value->as.map.count > TRIAL_WHERE_MAX) {
        code = trial_fail_rule_as(err,
                                  TRIAL_RULE_BAD_RANGE,
                                  TRIAL_INVALID,
                                  "'where' holds %u conditions, %d are taken at most",
                                  value->as.map.count,
                                  TRIAL_WHERE_MAX);
        (void)trial_fail_field(err, "where");
    }
    *ret_where = value;
    return code;
}

static trial_code choose_query(const struct trial_request_query *request,
                               trial_date today,
                               trial_arena *arena,
                               views_question *ret_question,
                               moment_choice *ret_choice,
                               trial_error *err)
{
    trial_code code;

    *ret_question = (views_question){ .view = views_named(request->view),
                                      .key = request->key,
                                      .after = request->after,
                                      .limit = TRIAL_QUERY_ROWS_MAX,
                                      .today = today };
    if (ret_question->view == VIEWS_COUNT) {
        return trial_fail(
            err, TRIAL_NOT_FOUND, "there is no view '%.*s'", TRIAL_TEXT_ARGS(request->view));
    }
    if (request->limit.is_set) {
        if (request->limit.value < 1) {
            return bad_number(err, "limit", "from 1");
        }
        ret_question->limit = request->limit.value < TRIAL_QUERY_ROWS_MAX
                                  ? (uint32_t)request->limit.value
                                  : TRIAL_QUERY_ROWS_MAX;
    }
    code = moment_choose(request->as_of, request->known_at, ret_choice, err);
    if (code == TRIAL_OK && ret_choice->as_of != TRIAL_INSTANT_NONE) {
        ret_question->today = trial_date_of(ret_choice->as_of);
    }
    if (code == TRIAL_OK) {
        code = read_where(request->where, arena, &ret_question->where, err);
    }
    return code == TRIAL_OK ? views_check(ret_question, err) : code;
}

/* The rows that fit under the limit; ret_count of them. */
static void put_rows(pack_writer *rows,
                     const views_answer *found,
                     uint32_t bytes,
                     trial_arena *arena,
                     uint32_t *ret_count)
{
    uint32_t count = 0;

    while (count < found->count) {
        size_t before = rows->size;

        pack_put_value(rows, found->rows[count].row, arena);
        if (rows->size > bytes && count > 0) {
            rows->size = before;
            break;
        }
        count++;
    }
    *ret_count = count;
}

static void put_answer(pack_writer *answer,
                       uint32_t msgid,
                       const views_question *question,
                       const views_answer *found,
                       uint64_t position,
                       uint32_t bytes,
                       trial_arena *arena)
{
    pack_writer rows = { 0 };
    trial_text next = found->next;
    uint32_t count = 0;

    put_rows(&rows, found, bytes, arena, &count);
    if (count < found->count) {
        next = found->rows[count - 1].key;
    }
    proto_put_result(answer, msgid);
    pack_put_map(answer, 4);
    pack_put_word(answer, "next");
    if (trial_text_is_set(next)) {
        pack_put_text(answer, next);
    } else {
        pack_put_nil(answer);
    }
    pack_put_word(answer, "position");
    pack_put_unsigned(answer, position);
    pack_put_word(answer, "rows");
    pack_put_list(answer, count);
    pack_put_raw(answer, pack_written(&rows));
    pack_put_word(answer, "view");
    pack_put_word(answer, views_name(question->view));
    pack_writer_done(&rows);
}

trial_code answers_query(store *s,
                         const store_tail *tail,
                         const answers_settings *settings,
                         uint32_t msgid,
                         const struct trial_request_query *request,
                         trial_date today,
                         pack_writer *answer,
                         trial_error *err)
{
    trial_arena arena = { 0 };
    store_read *read = NULL;
    moment *m = NULL;
    views_answer found = { 0 };
    views_question question;
    moment_choice choice = { 0 };
    uint64_t committed = 0;
    uint64_t position = 0;
    trial_code code = choose_query(request, today, &arena, &question, &choice, err);

    if (code == TRIAL_OK) {
        code = store_read_begin_with(s, tail, &read, &committed, err);
    }
    if (code == TRIAL_OK) {
        code = moment_last(read, committed, &choice, &position, err);
    }
    if (code == TRIAL_OK) {
        views_source source;

        m = moment_open(read, committed, &choice);
        source = moment_source(m);
        code = views_answer_question(&question, &source, &arena, &found, err);
    }
    if (code != TRIAL_OK) {
        proto_put_error(answer, msgid, err);
    } else {
        put_answer(answer,
                   msgid,
                   &question,
                   &found,
                   position,
                   settings->request_bytes - ANSWERS_FRAME_BYTES,
                   &arena);
    }
    moment_close(m);
    store_read_end(read);
    trial_arena_done(&arena);
    return code;
}
