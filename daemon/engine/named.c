/* named.c - see named.h. A row is one MessagePack value: of a subscription under "subscription NUL
 * name", of a parked event under "parked NUL name NUL position". */
#include "named.h"

#include "pack.h"

#include <stdlib.h>

#define SUBSCRIPTION_KEY "subscription"
#define PARKED_KEY "parked"
#define KEY_BYTES (sizeof SUBSCRIPTION_KEY + TRIAL_NAME_BYTES_MAX + 1 + sizeof(uint64_t))

typedef struct key {
    uint8_t bytes[KEY_BYTES];
    size_t size;
} key;

static void add(key *k, const char *text, size_t size)
{
    memcpy(k->bytes + k->size, text, size);
    k->size += size;
}

static trial_bytes span(const key *k)
{
    return (trial_bytes){ k->bytes, k->size };
}

static key subscription_key(const named *n)
{
    key k = { .size = 0 };

    add(&k, SUBSCRIPTION_KEY, sizeof SUBSCRIPTION_KEY);
    add(&k, n->name, strlen(n->name));
    return k;
}

static key parked_key(const named *n, uint64_t position)
{
    key k = { .size = 0 };

    add(&k, PARKED_KEY, sizeof PARKED_KEY);
    add(&k, n->name, strlen(n->name) + 1);
    for (int shift = 56; shift >= 0; shift -= 8) {
        k.bytes[k.size++] = (uint8_t)(position >> shift);
    }
    return k;
}

/* What is put outside of an append is undone by none. */
static void put(named_list *list, const key *k, trial_bytes value)
{
    store_put(list->store, STORE_META, span(k), value);
    store_mark(list->store);
    list->batch = store_batch(list->store);
}

static void put_subscription(named_list *list, named *n)
{
    pack_writer writer = { 0 };
    key k = subscription_key(n);

    pack_put_list(&writer, 5);
    pack_put_unsigned(&writer, n->position);
    pack_put_integer(&writer, n->made);
    pack_put_text(&writer,
                  trial_text_is_set(n->filter.subject) ? n->filter.subject : TRIAL_TEXT(""));
    pack_put_text(&writer,
                  trial_text_is_set(n->filter.programme) ? n->filter.programme : TRIAL_TEXT(""));
    pack_put_list(&writer, n->filter.types.count);
    for (uint32_t i = 0; i < n->filter.types.count; i++) {
        pack_put_text(&writer, n->filter.types.items[i]);
    }
    put(list, &k, pack_written(&writer));
    pack_writer_done(&writer);
    n->put_position = n->position;
}

static void put_parked(named_list *list, const named *n, const named_parked *parked)
{
    pack_writer writer = { 0 };
    key k = parked_key(n, parked->position);

    pack_put_list(&writer, 3);
    pack_put_integer(&writer, parked->since);
    pack_put_truth(&writer, parked->is_replayed);
    pack_put_word(&writer, parked->reason);
    put(list, &k, pack_written(&writer));
    pack_writer_done(&writer);
}

static trial_text text_or_absent(trial_arena *arena, trial_text text)
{
    return text.size == 0 ? (trial_text){ 0 } : trial_arena_text(arena, text);
}

static void take_name(named *n, trial_text name)
{
    memcpy(n->name, name.at, name.size);
    n->name[name.size] = '\0';
}

static named *new_named(named_list *list, trial_text name)
{
    named *n = trial_memory(sizeof *n);

    take_name(n, name);
    n->filter.choice = (moment_choice){ TRIAL_INSTANT_NONE, TRIAL_INSTANT_NONE, 0 };
    n->in_flight = trial_memory(list->settings.window * sizeof *n->in_flight);
    n->next = list->first;
    list->first = n;
    list->count++;
    return n;
}

/* Room for one more in its place, in the order of positions. */
static named_parked *add_parked(named *n, uint64_t position)
{
    uint32_t at = n->parked_count;

    if (n->parked_count == n->parked_room) {
        n->parked_room = n->parked_room == 0 ? 8 : n->parked_room * 2;
        n->parked = trial_memory_again(n->parked, n->parked_room * sizeof *n->parked);
    }
    while (at > 0 && n->parked[at - 1].position > position) {
        n->parked[at] = n->parked[at - 1];
        at--;
    }
    n->parked[at] = (named_parked){ .position = position };
    n->parked_count++;
    return &n->parked[at];
}

struct loading {
    named_list *list;
    bool is_bad;
};

static bool load_subscription(void *context, trial_bytes k, trial_bytes value)
{
    struct loading *loading = context;
    pack_reader reader = pack_reader_of(value);
    trial_text name = { (const char *)k.data + sizeof SUBSCRIPTION_KEY,
                        (uint32_t)(k.size - sizeof SUBSCRIPTION_KEY) };
    uint64_t head = store_head(loading->list->store);
    trial_error err = TRIAL_ERROR_NONE;
    named *n;

    if (named_check(name, &err) != TRIAL_OK || pack_list(&reader) != 5) {
        loading->is_bad = true;
        return false;
    }
    n = new_named(loading->list, name);
    n->position = pack_unsigned(&reader);
    n->put_position = n->position;
    n->made = pack_integer(&reader);
    n->filter.subject = text_or_absent(&n->arena, pack_text(&reader));
    n->filter.programme = text_or_absent(&n->arena, pack_text(&reader));
    n->filter.types.count = pack_list(&reader);
    loading->is_bad = reader.has_failed || n->filter.types.count > TRIAL_TYPES_FILTER_MAX ||
                      n->position > head; /* it is committed with the events behind it */
    if (loading->is_bad) {
        n->filter.types.count = 0;
        return false;
    }
    n->filter.types.items =
        trial_arena_take(&n->arena, n->filter.types.count * sizeof *n->filter.types.items);
    for (uint32_t i = 0; i < n->filter.types.count; i++) {
        n->filter.types.items[i] = trial_arena_text(&n->arena, pack_text(&reader));
    }
    loading->is_bad = reader.has_failed;
    return !loading->is_bad;
}

static bool load_parked(void *context, trial_bytes k, trial_bytes value)
{
    struct loading *loading = context;
    pack_reader reader = pack_reader_of(value);
    const uint8_t *name = k.data + sizeof PARKED_KEY;
    size_t rest = k.size - sizeof PARKED_KEY;
    const uint8_t *nul = memchr(name, '\0', rest);
    named *n = nul == NULL ? NULL
                           : named_find(loading->list,
                                        (trial_text){ (const char *)name, (uint32_t)(nul - name) });
    named_parked *parked;
    uint64_t position = 0;
    trial_text reason;

    if (n == NULL || (size_t)(nul - name) + 1 + sizeof position != rest ||
        pack_list(&reader) != 3) {
        loading->is_bad = true;
        return false;
    }
    for (const uint8_t *at = nul + 1; at < k.data + k.size; at++) {
        position = position << 8 | *at;
    }
    parked = add_parked(n, position);
    parked->since = pack_integer(&reader);
    parked->is_replayed = pack_truth(&reader);
    reason = pack_text(&reader);
    loading->is_bad = reader.has_failed || reason.size > TRIAL_PARK_REASON_BYTES_MAX ||
                      position > store_head(loading->list->store);
    if (!loading->is_bad && reason.size > 0) {
        memcpy(parked->reason, reason.at, reason.size);
    }
    return !loading->is_bad;
}

/* Does the key begin so? Its rest. */
static bool is_behind(trial_bytes k, const char *table, size_t size, trial_text *ret_rest)
{
    if (k.size < size || memcmp(k.data, table, size) != 0) {
        return false;
    }
    *ret_rest = (trial_text){ (const char *)k.data + size, (uint32_t)(k.size - size) };
    return true;
}

bool named_row_is_sound(trial_bytes k, trial_bytes value)
{
    pack_reader reader = pack_reader_of(value);
    trial_error err = TRIAL_ERROR_NONE;
    uint32_t count = pack_list(&reader);
    bool is_whole;
    trial_text rest;

    for (uint32_t i = 0; i < count && !reader.has_failed; i++) {
        (void)pack_skip(&reader);
    }
    is_whole = !reader.has_failed && reader.at == reader.end;
    if (is_behind(k, PARKED_KEY, sizeof PARKED_KEY, &rest)) {
        return is_whole && count == 3 && rest.size > sizeof(uint64_t) + 1;
    }
    return !is_behind(k, SUBSCRIPTION_KEY, sizeof SUBSCRIPTION_KEY, &rest) ||
           (is_whole && count == 5 && named_check(rest, &err) == TRIAL_OK);
}

trial_code named_open(named_list *list, store *s, const named_settings *settings, trial_error *err)
{
    static const trial_bytes subscriptions = { (const uint8_t *)SUBSCRIPTION_KEY,
                                               sizeof SUBSCRIPTION_KEY };
    static const trial_bytes parked = { (const uint8_t *)PARKED_KEY, sizeof PARKED_KEY };
    struct loading loading = { .list = list };
    store_read *read = NULL;
    uint64_t committed;
    trial_code code = store_read_begin(s, &read, &committed, err);

    *list = (named_list){ .store = s, .settings = *settings };
    if (code == TRIAL_OK) {
        code = store_read_each(
            read, STORE_META, subscriptions, (trial_bytes){ 0 }, load_subscription, &loading, err);
    }
    if (code == TRIAL_OK && !loading.is_bad) {
        code = store_read_each(
            read, STORE_META, parked, (trial_bytes){ 0 }, load_parked, &loading, err);
    }
    store_read_end(read);
    if (code == TRIAL_OK && loading.is_bad) {
        code = trial_fail(err,
                          TRIAL_STORAGE,
                          "a row of a named subscription is not as it was written; restore the "
                          "store from a backup");
    }
    return code;
}

static void free_named(named *n)
{
    trial_arena_done(&n->arena);
    free(n->parked);
    free(n->in_flight);
    free(n);
}

void named_done(named_list *list)
{
    while (list->first != NULL) {
        named *n = list->first;

        list->first = n->next;
        free_named(n);
    }
}

trial_code named_check(trial_text name, trial_error *err)
{
    bool is_fine = name.size > 0 && name.size <= TRIAL_NAME_BYTES_MAX;

    for (uint32_t i = 0; is_fine && i < name.size; i++) {
        char c = name.at[i];

        is_fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  (i > 0 && (c == '.' || c == '_' || c == '-'));
    }
    if (!is_fine) {
        (void)trial_fail_rule_as(err,
                                 TRIAL_RULE_BAD_RANGE,
                                 TRIAL_INVALID,
                                 "the name of a subscription is 1 to %d of a-z 0-9 . _ -, and "
                                 "begins with a letter or digit",
                                 TRIAL_NAME_BYTES_MAX);
        return trial_fail_field(err, "name");
    }
    return TRIAL_OK;
}

named *named_find(const named_list *list, trial_text name)
{
    named *n = list->first;

    while (n != NULL && !trial_text_is(name, n->name)) {
        n = n->next;
    }
    return n;
}

trial_code named_get(const named_list *list, trial_text name, named **ret_named, trial_error *err)
{
    trial_code code = named_check(name, err);

    *ret_named = code == TRIAL_OK ? named_find(list, name) : NULL;
    if (code == TRIAL_OK && *ret_named == NULL) {
        return trial_fail(
            err, TRIAL_NOT_FOUND, "there is no subscription '%.*s'", TRIAL_TEXT_ARGS(name));
    }
    return code;
}

/* Which parameter of the filter differs; NULL: none. Types are compared as they were given. */
static const char *differs(const answers_filter *a, const answers_filter *b)
{
    if (!trial_text_equal(a->subject, b->subject)) {
        return "subject";
    }
    if (!trial_text_equal(a->programme, b->programme)) {
        return "programme";
    }
    for (uint32_t i = 0; i < a->types.count && a->types.count == b->types.count; i++) {
        if (!trial_text_equal(a->types.items[i], b->types.items[i])) {
            return "types";
        }
    }
    return a->types.count == b->types.count ? NULL : "types";
}

trial_code named_make(named_list *list,
                      trial_text name,
                      const answers_filter *filter,
                      uint64_t position,
                      trial_instant now,
                      named **ret_named,
                      bool *ret_is_new,
                      trial_error *err)
{
    named *n = named_find(list, name);
    const char *what = n == NULL ? NULL : differs(&n->filter, filter);

    *ret_is_new = n == NULL;
    if (what != NULL) {
        (void)trial_fail(err,
                         TRIAL_CONFLICT,
                         "subscription '%s' was made with another '%s'; its filter is fixed: take "
                         "another name, or remove it first",
                         n->name,
                         what);
        return trial_fail_field(err, "%s", what);
    }
    if (n == NULL && list->count >= list->settings.subscriptions) {
        return trial_fail(err,
                          TRIAL_BUSY,
                          "%u named subscriptions are kept, and no more may be "
                          "(named_subscriptions); remove one first",
                          list->count);
    }
    if (n == NULL) {
        n = new_named(list, name);
        n->filter = answers_filter_copy(filter, &n->arena);
        n->position = position;
        n->made = now;
        put_subscription(list, n);
    }
    *ret_named = n;
    return TRIAL_OK;
}

static void drop(named_list *list, const key *k)
{
    store_delete(list->store, STORE_META, span(k));
    store_mark(list->store);
    list->batch = store_batch(list->store);
}

static void remove_parked(named_list *list, named *n, named_parked *parked)
{
    key k = parked_key(n, parked->position);

    drop(list, &k);
    n->parked_count--;
    memmove(parked, parked + 1, (size_t)(n->parked + n->parked_count - parked) * sizeof *parked);
}

void named_remove(named_list *list, named *n)
{
    named **link = &list->first;
    key k = subscription_key(n);

    while (n->parked_count > 0) {
        remove_parked(list, n, &n->parked[n->parked_count - 1]);
    }
    drop(list, &k);
    while (*link != n) {
        link = &(*link)->next;
    }
    *link = n->next;
    list->count--;
    free_named(n);
}

void named_hold(named *n, uint64_t holder, trial_text client, trial_instant now)
{
    uint32_t size = client.size < TRIAL_NAME_BYTES_MAX ? client.size : TRIAL_NAME_BYTES_MAX;

    n->holder = holder;
    n->since = now;
    n->in_flight_count = 0;
    memset(n->client, 0, sizeof n->client);
    if (size > 0) {
        memcpy(n->client, client.at, size);
    }
    for (uint32_t i = 0; i < n->parked_count; i++) {
        n->parked[i].is_sent = false;
    }
}

uint32_t named_room(const named_list *list, const named *n)
{
    return list->settings.window - n->in_flight_count;
}

void named_sent(named *n, uint64_t position)
{
    n->in_flight[n->in_flight_count++] = position;
}

void named_passed(named *n, uint64_t next)
{
    uint64_t done = n->in_flight_count > 0 ? n->in_flight[0] - 1 : next - 1;

    n->position = done > n->position ? done : n->position;
}

trial_code
named_ack(named_list *list, named *n, uint64_t position, uint64_t looked_at, trial_error *err)
{
    named_parked *parked = named_find_parked(n, position);
    uint32_t done = 0;

    if (position <= n->position) { /* known already, or it was parked and is replayed */
        if (parked != NULL && parked->is_replayed && parked->is_sent) {
            remove_parked(list, n, parked);
        }
        return TRIAL_OK;
    }
    if (position >= looked_at) {
        (void)trial_fail_rule_as(err,
                                 TRIAL_RULE_BAD_RANGE,
                                 TRIAL_INVALID,
                                 "nothing at position %llu was sent yet",
                                 (unsigned long long)position);
        return trial_fail_field(err, "position");
    }
    while (done < n->in_flight_count && n->in_flight[done] <= position) {
        done++;
    }
    n->in_flight_count -= done;
    memmove(n->in_flight, n->in_flight + done, n->in_flight_count * sizeof *n->in_flight);
    named_passed(n, looked_at);
    return TRIAL_OK;
}

static uint32_t find_in_flight(const named *n, uint64_t position)
{
    uint32_t at = 0;

    while (at < n->in_flight_count && n->in_flight[at] != position) {
        at++;
    }
    return at;
}

trial_code named_park(named_list *list,
                      named *n,
                      uint64_t position,
                      uint64_t looked_at,
                      trial_text reason,
                      trial_instant now,
                      trial_error *err)
{
    named_parked *parked = named_find_parked(n, position);
    uint32_t at = find_in_flight(n, position);

    if (reason.size > TRIAL_PARK_REASON_BYTES_MAX) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_TOO_LARGE,
                              "a reason has at most %d bytes",
                              TRIAL_PARK_REASON_BYTES_MAX);
        return trial_fail_field(err, "reason");
    }
    if (at == n->in_flight_count && (parked == NULL || !parked->is_sent)) {
        return trial_fail(err,
                          TRIAL_NOT_FOUND,
                          "the event at position %llu was not sent, or was acknowledged",
                          (unsigned long long)position);
    }
    if (parked == NULL && n->parked_count >= list->settings.parked) {
        return trial_fail(err,
                          TRIAL_BUSY,
                          "%u events of '%s' are parked, and no more may be (parked_events); "
                          "replay them first",
                          n->parked_count,
                          n->name);
    }
    parked = parked == NULL ? add_parked(n, position) : parked;
    parked->since = now;
    parked->is_replayed = false;
    parked->is_sent = false;
    memset(parked->reason, 0, sizeof parked->reason);
    memcpy(parked->reason, reason.at, reason.size);
    put_parked(list, n, parked);
    if (at < n->in_flight_count) {
        n->in_flight_count--;
        memmove(n->in_flight + at,
                n->in_flight + at + 1,
                (n->in_flight_count - at) * sizeof *n->in_flight);
    }
    named_passed(n, looked_at);
    put_subscription(list, n);
    return TRIAL_OK;
}

named_parked *named_find_parked(const named *n, uint64_t position)
{
    for (uint32_t i = 0; i < n->parked_count && n->parked[i].position <= position; i++) {
        if (n->parked[i].position == position) {
            return &n->parked[i];
        }
    }
    return NULL;
}

uint32_t named_replay(named_list *list, named *n)
{
    for (uint32_t i = 0; i < n->parked_count; i++) {
        if (!n->parked[i].is_replayed) {
            n->parked[i].is_replayed = true;
            n->parked[i].is_sent = false;
            put_parked(list, n, &n->parked[i]);
        }
    }
    return n->parked_count;
}

named_parked *named_next_replayed(const named *n)
{
    for (uint32_t i = 0; i < n->parked_count; i++) {
        named_parked *parked = &n->parked[i];

        if (parked->is_replayed && !parked->is_sent && parked->position <= n->position) {
            return parked;
        }
    }
    return NULL;
}

bool named_has_changed(const named_list *list)
{
    for (const named *n = list->first; n != NULL; n = n->next) {
        if (n->position != n->put_position) {
            return true;
        }
    }
    return false;
}

void named_put_positions(named_list *list)
{
    for (named *n = list->first; n != NULL; n = n->next) {
        if (n->position != n->put_position) {
            put_subscription(list, n);
        }
    }
}
