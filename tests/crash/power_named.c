/* power_named.c - see power_named.h. */
#include "power_named.h"

#include "power_disk.h"

#include <stdio.h>

#define WINDOW 64
#define PARKED_MAX 4
#define STEP_MAX 6 /* events that one acknowledgement takes in */

static const char *const names[] = { "first", "second" };
#define NAMES (sizeof names / sizeof names[0])

bool power_named_open(named_list *list, store *s, trial_error *err)
{
    static const named_settings settings = {
        .subscriptions = NAMES, .parked = PARKED_MAX, .window = WINDOW, .consumer_ms = 1000
    };

    return named_open(list, s, &settings, err) == TRIAL_OK;
}

static named *find(const named_list *list, const char *name)
{
    return named_find(list, trial_text_of(name));
}

/* All up to a position some way on is sent and acknowledged, or set aside. */
static trial_code
work_off(named_list *list, named *n, bool is_parked, uint64_t *chance, trial_error *err)
{
    uint64_t left = store_flushed(list->store) - n->position;
    uint64_t until = n->position + 1 + power_roll(chance, left < STEP_MAX ? left : STEP_MAX);

    for (uint64_t position = n->position + 1; position <= until; position++) {
        if (named_find_parked(n, position) == NULL) {
            named_sent(n, position);
        }
    }
    if (is_parked && n->in_flight_count > 0) {
        return named_park(list,
                          n,
                          n->in_flight[n->in_flight_count - 1],
                          until + 1,
                          TRIAL_TEXT("no such case"),
                          1,
                          err);
    }
    return named_ack(list, n, until, until + 1, err);
}

/* What was set aside is sent again, and the first of it is worked off. */
static trial_code replay(named_list *list, named *n, trial_error *err)
{
    (void)named_replay(list, n);
    n->parked[0].is_sent = true;
    return named_ack(list, n, n->parked[0].position, n->position + 1, err);
}

trial_code power_named_step(named_list *list, uint64_t *chance, trial_error *err)
{
    static const answers_filter all = { .choice = { TRIAL_INSTANT_NONE, TRIAL_INSTANT_NONE, 0 } };
    const char *name = names[power_roll(chance, NAMES)];
    named *n = find(list, name);
    uint64_t way = power_roll(chance, 6);
    trial_code code = TRIAL_OK;
    bool is_new;

    if (n == NULL) {
        uint64_t behind = way == 0 ? store_flushed(list->store) : 0;

        return named_make(list, trial_text_of(name), &all, behind, 1, &n, &is_new, err);
    }
    if (way == 0) {
        named_remove(list, n);
        return TRIAL_OK;
    }
    named_hold(n, 1, TRIAL_TEXT("worker"), 1);
    if (way == 1 && n->parked_count > 0 && n->parked[0].position <= n->position) {
        code = replay(list, n, err);
    } else if (n->position < store_flushed(list->store)) {
        code = work_off(list, n, way < 4 && n->parked_count < PARKED_MAX, chance, err);
    }
    named_put_positions(list);
    return code;
}

void power_named_write(const named_list *list, pack_writer *writer)
{
    pack_put_list(writer, list->count);
    for (size_t i = 0; i < NAMES; i++) {
        const named *n = find(list, names[i]);

        if (n == NULL) {
            continue;
        }
        pack_put_word(writer, n->name);
        pack_put_unsigned(writer, n->position);
        for (uint32_t k = 0; k < n->parked_count; k++) {
            pack_put_unsigned(writer, n->parked[k].position);
            pack_put_truth(writer, n->parked[k].is_replayed);
        }
    }
}

bool power_named_is_held(const power_named *known, store *s, char *text, size_t room)
{
    named_list list;
    pack_writer writer = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    trial_bytes found;
    bool is_held = known->count == 0;

    if (!power_named_open(&list, s, &err)) {
        (void)snprintf(text, room, "the subscriptions are not read: %s", err.text);
        named_done(&list);
        return false;
    }
    power_named_write(&list, &writer);
    found = pack_written(&writer);
    for (uint32_t i = 0; i < known->count && !is_held; i++) {
        is_held = found.size == known->states[i].size &&
                  memcmp(found.data, known->states[i].data, found.size) == 0;
    }
    is_held = is_held && (known->count > 0 || list.count == 0);
    if (!is_held) {
        (void)snprintf(text, room, "%u subscriptions are as none were answered", list.count);
    }
    for (const named *n = list.first; n != NULL && is_held; n = n->next) {
        is_held = n->position <= store_head(s);
        if (!is_held) {
            (void)snprintf(text, room, "subscription '%s' is further than the log", n->name);
        }
    }
    pack_writer_done(&writer);
    named_done(&list);
    return is_held;
}
