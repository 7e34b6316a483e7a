/* rules_world.c - looking at the rest of the world, and the parts of a sentence about it. */
#include "rules_internal.h"

#include <stdio.h>
#include <stdlib.h>

trial_code rules_known(const rules_asked *asked,
                       trial_kind kind,
                       trial_text id,
                       const char *field,
                       const trial_state **ret_state,
                       trial_error *err)
{
    const trial_state *state = asked->world->state(asked->world->context, kind, id);

    if (!rules_is_known(state)) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_UNKNOWN_SUBJECT,
                              "the log does not know %s/%.*s, which %s names",
                              trial_kind_word(kind),
                              TRIAL_TEXT_ARGS(id),
                              field);
        return trial_fail_field(err, "data.%s", field);
    }
    *ret_state = state;
    return TRIAL_OK;
}

trial_code rules_all_known(
    const rules_asked *asked, trial_kind kind, trial_texts ids, const char *field, trial_error *err)
{
    for (uint32_t i = 0; i < ids.count; i++) {
        const trial_state *state;
        trial_code code = rules_known(asked, kind, ids.items[i], field, &state, err);

        if (code != TRIAL_OK) {
            return code;
        }
    }
    return TRIAL_OK;
}

trial_code
rules_current_day(trial_date named, trial_date current, const char *field, trial_error *err)
{
    if (named == current) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_STALE_VALUE,
                          "%s says %s, but the day that stands now is %s",
                          field,
                          rules_day(named).text,
                          rules_day(current).text);
    return trial_fail_field(err, "data.%s", field);
}

void rules_words_add(rules_words *words, trial_text word)
{
    static const char more[] = ", ...";
    const uint32_t room = (uint32_t)(sizeof words->text - sizeof more);
    uint32_t needed = word.size + (words->count == 0 ? 0 : 2);

    words->count++;
    if (words->size > room) {
        return; /* cut already */
    }
    if (words->size + needed > room) {
        memcpy(words->text + words->size, more, sizeof more);
        words->size = room + 1;
        return;
    }
    if (words->count > 1) {
        memcpy(words->text + words->size, ", ", 2);
        words->size += 2;
    }
    memcpy(words->text + words->size, word.at, word.size);
    words->size += word.size;
    words->text[words->size] = '\0';
}

rules_words rules_words_outside(trial_texts codes, trial_texts allowed)
{
    rules_words words = { 0 };

    for (uint32_t i = 0; i < codes.count; i++) {
        if (!trial_texts_has(allowed, codes.items[i])) {
            rules_words_add(&words, codes.items[i]);
        }
    }
    return words;
}

rules_day_text rules_day(trial_date date)
{
    rules_day_text day = { "no day" };

    if (date != TRIAL_DATE_NONE) {
        trial_date_write(date, day.text);
    }
    return day;
}

#define PLAIN_TEXT_MAX 100 /* of a text, so that a message stays a sentence */
#define PLAIN_BYTES (PLAIN_TEXT_MAX + sizeof "''...")

/* As few digits as read the same again. */
static void write_float(double number, char *ret_text)
{
    int digits = 15;

    do {
        (void)snprintf(ret_text, PLAIN_BYTES, "%.*g", digits++, number);
    } while (digits <= 17 && strtod(ret_text, NULL) != number);
}

/* Write a value, of a list or map no more than how large it is. */
static void write_plain(const trial_value *value, char *ret_text)
{
    trial_text text;

    switch (value->kind) {
    case TRIAL_VALUE_NIL:
        (void)snprintf(ret_text, PLAIN_BYTES, "nil");
        break;
    case TRIAL_VALUE_TRUTH:
        (void)snprintf(ret_text, PLAIN_BYTES, "%s", value->as.truth ? "true" : "false");
        break;
    case TRIAL_VALUE_INTEGER:
        (void)snprintf(ret_text, PLAIN_BYTES, "%lld", (long long)value->as.integer);
        break;
    case TRIAL_VALUE_UNSIGNED:
        (void)snprintf(ret_text, PLAIN_BYTES, "%llu", (unsigned long long)value->as.count);
        break;
    case TRIAL_VALUE_FLOAT:
        write_float(value->as.number, ret_text);
        break;
    case TRIAL_VALUE_TEXT:
        text = value->as.text;
        (void)snprintf(ret_text,
                       PLAIN_BYTES,
                       "'%.*s%s'",
                       text.size > PLAIN_TEXT_MAX ? PLAIN_TEXT_MAX : (int)text.size,
                       text.size == 0 ? "" : text.at,
                       text.size > PLAIN_TEXT_MAX ? "..." : "");
        break;
    case TRIAL_VALUE_LIST:
        (void)snprintf(ret_text, PLAIN_BYTES, "a list of %u", value->as.list.count);
        break;
    case TRIAL_VALUE_MAP:
        (void)snprintf(ret_text, PLAIN_BYTES, "a map of %u", value->as.map.count);
        break;
    }
}

rules_words rules_value(const trial_value *value)
{
    bool is_full = value->kind == TRIAL_VALUE_LIST && value->as.list.count > 0;
    uint32_t count = is_full ? value->as.list.count : 1;
    rules_words words = { 0 };
    char text[PLAIN_BYTES];

    for (uint32_t i = 0; i < count; i++) {
        write_plain(is_full ? value->as.list.items[i] : value, text);
        rules_words_add(&words, trial_text_of(text));
    }
    return words;
}

bool rules_is_member(const struct trial_network *network, trial_text code)
{
    for (uint32_t i = 0; i < network->members.count; i++) {
        const struct trial_member_fact *member = &network->members.items[i];

        if (member->to == TRIAL_DATE_NONE && trial_text_equal(member->municipality, code)) {
            return true;
        }
    }
    return false;
}

bool rules_is_appointed(const struct trial_municipality *municipality, trial_text programme)
{
    for (uint32_t i = 0; i < municipality->appointments.count; i++) {
        const struct trial_appointment_fact *fact = &municipality->appointments.items[i];

        if (fact->to == TRIAL_DATE_NONE && trial_text_equal(fact->programme, programme)) {
            return true;
        }
    }
    return false;
}

struct trial_round_fact *rules_round(const struct trial_programme *programme, trial_integer round)
{
    for (uint32_t i = 0; i < programme->rounds.count; i++) {
        if (programme->rounds.items[i].round.value == round.value) {
            return &programme->rounds.items[i];
        }
    }
    return NULL;
}

struct trial_exemption_fact *rules_exemption(const struct trial_trial *trial, trial_text id)
{
    for (uint32_t i = 0; i < trial->exemptions.count; i++) {
        if (trial_text_equal(trial->exemptions.items[i].exemptionId, id)) {
            return &trial->exemptions.items[i];
        }
    }
    return NULL;
}

const struct trial_milestone *rules_milestone(const struct trial_trial *trial, trial_choice step)
{
    for (uint32_t i = 0; i < trial->milestones.count; i++) {
        if (trial->milestones.items[i].step == step) {
            return &trial->milestones.items[i];
        }
    }
    return NULL;
}

struct trial_attached *rules_attach(trial_state *state, trial_arena *arena)
{
    struct trial_attached **attached = NULL;

    switch (state->kind) {
#define KIND(lower, UPPER, doc)                                                                    \
    case TRIAL_KIND_##UPPER:                                                                       \
        attached = &state->as.lower.attached;                                                      \
        break;
#include "trial/kinds.def"
    case TRIAL_KIND_CASE:
    case TRIAL_KIND_OTHER:
    case TRIAL_KIND_ANY:
        attached = &state->as.other.attached;
        break;
    }
    if (*attached == NULL) {
        *attached = trial_arena_take(arena, sizeof **attached);
        trial_shape_clear(trial_shape_of_attached(), *attached);
    }
    return *attached;
}
