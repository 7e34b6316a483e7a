/* page.c - pages of events: by position, by subject along its chain, by programme along its list.
 */
#include "answers.h"
#include "reach.h"

/* A walk is given a new snapshot after so many records, so that none is held long (freed pages of
 * LMDB wait for the oldest snapshot). */
#define RECORDS_PER_SNAPSHOT 10000u

#define CHAIN_STEPS_MAX ((size_t)65536) /* of one subject, remembered by a thread: 1.5 MiB */

answers_filter answers_filter_copy(const answers_filter *filter, trial_arena *arena)
{
    answers_filter copy = *filter;

    copy.subject = trial_arena_text(arena, filter->subject);
    copy.programme = trial_arena_text(arena, filter->programme);
    copy.types.items = trial_arena_take(arena, filter->types.count * sizeof *copy.types.items);
    for (uint32_t i = 0; i < filter->types.count; i++) {
        copy.types.items[i] = trial_arena_text(arena, filter->types.items[i]);
    }
    return copy;
}

trial_code answers_filter_check(const answers_filter *filter, trial_error *err)
{
    trial_code code = TRIAL_OK;

    if (trial_text_is_set(filter->subject) &&
        (filter->subject.size == 0 || filter->subject.size > TRIAL_SUBJECT_BYTES_MAX ||
         memchr(filter->subject.at, '/', filter->subject.size) == NULL)) {
        code = trial_fail_rule_as(err,
                                  TRIAL_RULE_BAD_RANGE,
                                  TRIAL_INVALID,
                                  "'subject' is whole (trial/x) or a kind with its slash (trial/)");
        (void)trial_fail_field(err, "subject");
    } else if (filter->types.count > TRIAL_TYPES_FILTER_MAX) {
        code = trial_fail_rule_as(err,
                                  TRIAL_RULE_BAD_RANGE,
                                  TRIAL_INVALID,
                                  "'types' names %u types, %d are taken at most",
                                  filter->types.count,
                                  TRIAL_TYPES_FILTER_MAX);
        (void)trial_fail_field(err, "types");
    } else if (trial_text_is_set(filter->programme) &&
               (filter->programme.size == 0 || filter->programme.size > TRIAL_SUBJECT_BYTES_MAX)) {
        code = trial_fail_rule_as(
            err, TRIAL_RULE_BAD_RANGE, TRIAL_INVALID, "'programme' is the short id of a programme");
        (void)trial_fail_field(err, "programme");
    }
    return code;
}

static bool ends_with(trial_text text, char byte)
{
    return text.size > 0 && text.at[text.size - 1] == byte;
}

static bool takes_type(const answers_filter *filter, trial_text type)
{
    for (uint32_t i = 0; i < filter->types.count; i++) {
        trial_text wanted = filter->types.items[i];

        if (ends_with(wanted, '.') ? trial_text_starts(type, wanted)
                                   : trial_text_equal(type, wanted)) {
            return true;
        }
    }
    return filter->types.count == 0;
}

bool answers_filter_takes(const answers_filter *filter, const proto_record *record)
{
    if (trial_text_is_set(filter->subject) &&
        !(ends_with(filter->subject, '/') ? trial_text_starts(record->subject, filter->subject)
                                          : trial_text_equal(record->subject, filter->subject))) {
        return false;
    }
    return takes_type(filter, record->type) && moment_takes(&filter->choice, record);
}

/* A page on its way. */
struct paging {
    store *store;
    const store_tail *tail;
    store_read *read;
    uint64_t committed; /* of the first snapshot: the page goes no further */
    const answers_filter *filter;
    const answers_range *range;
    chain *known;
    answers_page *page;
    uint32_t walked;
    bool is_full; /* the page has all it may have; page->next is set */
    bool wants_renewal;
    uint64_t reached; /* last position looked at */
    trial_code code;
    trial_error *err;
};

/* Take a record onto the page if it is wanted; false where the page is full without it. */
static bool take(struct paging *paging, trial_bytes bytes)
{
    proto_record record;

    paging->code = proto_record_read(bytes, &record, paging->err);
    if (paging->code != TRIAL_OK) {
        return false;
    }
    if (answers_filter_takes(paging->filter, &record)) {
        bool is_first = paging->page->count == 0;

        if (paging->page->count == paging->range->limit ||
            (!is_first && paging->page->events.size + record.event.size > paging->range->bytes)) {
            paging->is_full = true;
            paging->page->next = record.position;
            return false;
        }
        pack_put_raw(&paging->page->events, record.event);
        paging->page->count++;
    }
    paging->reached = record.position;
    return true;
}

static bool visit(void *context, trial_bytes key, trial_bytes value)
{
    struct paging *paging = context;
    uint64_t position = 0;

    for (size_t i = 0; i < key.size; i++) {
        position = position << 8 | key.data[i];
    }
    if (position > paging->committed) { /* came after the first snapshot: not on this page */
        return false;
    }
    if (!take(paging, value)) {
        return false;
    }
    paging->wants_renewal = ++paging->walked % RECORDS_PER_SNAPSHOT == 0;
    return !paging->wants_renewal;
}

/* Walk the log itself, renewing the snapshot now and then. */
static trial_code page_by_position(struct paging *paging, uint64_t from, bool is_backwards)
{
    trial_code code = TRIAL_OK;

    paging->wants_renewal = true;
    while (code == TRIAL_OK && paging->wants_renewal) {
        paging->wants_renewal = false;
        code = store_read_log(paging->read, from, is_backwards, visit, paging, paging->err);
        if (code == TRIAL_OK) {
            code = paging->code;
        }
        if (code == TRIAL_OK && paging->wants_renewal) {
            uint64_t ignored;

            from = is_backwards ? paging->reached - 1 : paging->reached + 1;
            if (from == 0) {
                break;
            }
            store_read_end(paging->read);
            paging->read = NULL;
            code = store_read_begin_with(
                paging->store, paging->tail, &paging->read, &ignored, paging->err);
        }
    }
    return code;
}

/* One subject's events upwards: its chain gives them newest first, so it is remembered; a snapshot
 * may hold less of it than an earlier one. */
static trial_code page_up_subject(struct paging *paging, uint64_t from, uint64_t last)
{
    chain *known = paging->known;
    trial_code code = TRIAL_OK;
    size_t done = 0;

    chain_begin(known, paging->filter->subject, from);
    for (;;) {
        for (; done < known->count && known->steps[done].position <= last; done++) {
            const chain_step *step = &known->steps[done];
            trial_bytes bytes = step->record;

            if (bytes.data == NULL) {
                code = store_read_record(paging->read, step->position, &bytes, paging->err);
            }
            if (code != TRIAL_OK || !take(paging, bytes)) {
                return code == TRIAL_OK ? paging->code : code;
            }
        }
        if (known->until >= last) {
            return TRIAL_OK;
        }
        code = chain_extend(known, paging->read, last, CHAIN_STEPS_MAX, paging->err);
        if (code != TRIAL_OK) {
            return code;
        }
    }
}

/* Where to begin downwards: where the page before said, if that is an event of the subject. */
static uint64_t begin_down(struct paging *paging, uint64_t from, uint64_t last)
{
    trial_error ignored = TRIAL_ERROR_NONE; /* then the walk begins at the end and meets it */
    trial_bytes bytes = { 0 };
    proto_record record;

    if (from < last && store_read_record(paging->read, from, &bytes, &ignored) == TRIAL_OK &&
        proto_record_read(bytes, &record, &ignored) == TRIAL_OK &&
        trial_text_equal(record.subject, paging->filter->subject)) {
        return from;
    }
    return last;
}

static trial_code page_down_subject(struct paging *paging, uint64_t from, uint64_t last)
{
    for (uint64_t position = begin_down(paging, from, last); position != 0;) {
        trial_bytes bytes = { 0 };
        proto_record record;
        trial_code code = store_read_record(paging->read, position, &bytes, paging->err);

        if (code == TRIAL_OK) {
            code = proto_record_read(bytes, &record, paging->err);
        }
        if (code != TRIAL_OK) {
            return code;
        }
        if (position <= from && !take(paging, bytes)) {
            return paging->code;
        }
        position = record.previous;
    }
    return TRIAL_OK;
}

static trial_code page_by_subject(struct paging *paging, uint64_t from, bool is_backwards)
{
    trial_bytes bytes = { 0 };
    head_row head;
    row_key k;
    trial_code code;

    key_subject(paging->filter->subject, &k);
    code = store_read_get(paging->read, STORE_SUBJECT, key_span(&k), &bytes, paging->err);
    if (code != TRIAL_OK || bytes.data == NULL) {
        return code;
    }
    code = head_row_read(bytes, &head, paging->err);
    if (code != TRIAL_OK) {
        return code;
    }
    if (paging->range->history_max != 0 && head.revision > paging->range->history_max) {
        paging->page->is_too_long = true;
        return TRIAL_OK;
    }
    return is_backwards ? page_down_subject(paging, from, head.last)
                        : page_up_subject(paging, from, head.last);
}

/* Take the record that a row of a programme's list names. */
static bool take_listed(void *context, trial_bytes key, trial_bytes value)
{
    struct paging *paging = context;
    trial_bytes bytes = { 0 };

    (void)value;
    paging->code =
        store_read_record(paging->read, key_programme_position(key), &bytes, paging->err);
    return paging->code == TRIAL_OK && take(paging, bytes);
}

static trial_code page_up_programme(struct paging *paging, uint64_t from)
{
    trial_code code;
    row_key prefix;
    row_key first;

    key_programme_prefix(paging->filter->programme, &prefix);
    key_programme(paging->filter->programme, from, &first);
    code = store_read_each(paging->read,
                           STORE_PROGRAMME,
                           key_span(&prefix),
                           key_span(&first),
                           take_listed,
                           paging,
                           paging->err);
    return code == TRIAL_OK ? paging->code : code;
}

static trial_code page_down_programme(struct paging *paging, uint64_t from)
{
    reach listed;
    trial_code code =
        reach_list(paging->read, paging->filter->programme, from, &listed, paging->err);

    for (size_t left = listed.count; code == TRIAL_OK && left > 0; left--) {
        trial_bytes bytes = { 0 };

        code = store_read_record(paging->read, listed.items[left - 1], &bytes, paging->err);
        if (code == TRIAL_OK && !take(paging, bytes)) {
            code = paging->code;
            break;
        }
    }
    reach_done(&listed);
    return code;
}

bool answers_is_whole_subject(trial_text subject)
{
    return trial_text_is_set(subject) && !ends_with(subject, '/');
}

trial_code answers_page_read(store *s,
                             const store_tail *tail,
                             chain *known,
                             const answers_filter *filter,
                             const answers_range *range,
                             answers_page *ret_page,
                             trial_error *err)
{
    struct paging paging = { .store = s,
                             .tail = tail,
                             .filter = filter,
                             .range = range,
                             .known = known,
                             .page = ret_page,
                             .err = err };
    bool is_backwards = range->is_backwards;
    uint64_t from = range->from;
    trial_code code = store_read_begin_with(s, tail, &paging.read, &paging.committed, err);

    *ret_page = (answers_page){ .head = paging.committed };
    if (code != TRIAL_OK) {
        return code;
    }
    if (is_backwards && (from == 0 || from > paging.committed)) {
        from = paging.committed;
    }
    if (from == 0 || from > paging.committed) {
        store_read_end(paging.read);
        return TRIAL_OK;
    }
    if (trial_text_is_set(filter->programme)) {
        code = is_backwards ? page_down_programme(&paging, from) : page_up_programme(&paging, from);
    } else if (answers_is_whole_subject(filter->subject)) {
        code = page_by_subject(&paging, from, is_backwards);
    } else {
        code = page_by_position(&paging, from, is_backwards);
    }
    store_read_end(paging.read);
    if (code != TRIAL_OK) {
        pack_writer_done(&ret_page->events);
    }
    return code;
}
