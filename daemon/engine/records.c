/* records.c - records as the log holds them, for a backup: what `read` gives is the event alone,
 * and no leaf can be made again without its salt. */
#include "answers.h"

#define ITEM_BYTES 5u /* of a bin's head, at most */

/* A page on its way. */
struct gathering {
    pack_writer records;
    uint32_t count;
    uint32_t limit;
    uint32_t bytes;
};

static bool gather(void *context, trial_bytes key, trial_bytes value)
{
    struct gathering *page = context;

    (void)key;
    if (page->count > 0 && page->records.size + value.size + ITEM_BYTES > page->bytes) {
        return false;
    }
    pack_put_bin(&page->records, value);
    return ++page->count < page->limit;
}

static trial_code check_range(const struct trial_request_records *request, trial_error *err)
{
    bool is_from_bad = request->from.is_set && request->from.value < 1;
    bool is_limit_bad = request->limit.is_set &&
                        (request->limit.value < 1 || request->limit.value > TRIAL_READ_EVENTS_MAX);
    trial_code code;

    if (!is_from_bad && !is_limit_bad) {
        return TRIAL_OK;
    }
    code = trial_fail_rule_as(err,
                              TRIAL_RULE_BAD_RANGE,
                              TRIAL_INVALID,
                              is_from_bad ? "'from' is a position from 1"
                                          : "'limit' is a number from 1 to 1024");
    (void)trial_fail_field(err, is_from_bad ? "from" : "limit");
    return code;
}

trial_code answers_records(store *s,
                           const store_tail *tail,
                           const answers_settings *settings,
                           uint32_t msgid,
                           const struct trial_request_records *request,
                           pack_writer *answer,
                           trial_error *err)
{
    uint64_t from = request->from.is_set ? (uint64_t)request->from.value : 1;
    struct gathering page = { .limit = request->limit.is_set ? (uint32_t)request->limit.value
                                                             : TRIAL_READ_EVENTS_MAX,
                              .bytes = settings->request_bytes - ANSWERS_FRAME_BYTES };
    store_read *read = NULL;
    uint64_t head = 0;
    trial_code code = check_range(request, err);

    if (code == TRIAL_OK) {
        code = store_read_begin_with(s, tail, &read, &head, err);
    }
    if (code == TRIAL_OK) {
        code = store_read_log(read, from, false, gather, &page, err);
    }
    store_read_end(read);
    if (code != TRIAL_OK) {
        proto_put_error(answer, msgid, err);
    } else {
        uint64_t next = from + page.count;

        proto_put_result(answer, msgid);
        pack_put_map(answer, 3);
        pack_put_word(answer, "head");
        pack_put_unsigned(answer, head);
        pack_put_word(answer, "next");
        pack_put_unsigned(answer, next <= head ? next : 0);
        pack_put_word(answer, "records");
        pack_put_list(answer, page.count);
        pack_put_raw(answer, pack_written(&page.records));
    }
    pack_writer_done(&page.records);
    return code;
}
