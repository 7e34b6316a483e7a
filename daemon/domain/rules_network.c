/* rules_network.c - municipalities, and the networks they form. */
#include "rules_internal.h"

/* It may repeat: a municipality may be renamed. */
DECIDED_BY_THE_MACHINE(municipality_registered)

void apply_municipality_registered(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_municipality_registered *registered = &event->as.municipality_registered;
    struct trial_municipality *municipality = &state->as.municipality;

    if (!trial_text_is_set(municipality->name) ||
        !trial_text_equal(municipality->name, registered->name)) {
        struct trial_named_fact *named = RULES_ADD(arena, &municipality->names, named_fact);

        named->name = registered->name;
        named->time = event->time;
    }
    municipality->name = registered->name;
    municipality->region = registered->region;
}

trial_code decide_municipality_appointed(const rules_asked *asked, trial_error *err)
{
    trial_text programme = asked->event->as.municipality_appointed.programme;
    const trial_state *known;
    trial_code code = rules_known(asked, TRIAL_KIND_PROGRAMME, programme, "programme", &known, err);

    if (code != TRIAL_OK || !rules_is_appointed(&asked->state->as.municipality, programme)) {
        return code;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_ILLEGAL_TRANSITION,
                          "%.*s is appointed in programme '%.*s' already",
                          TRIAL_TEXT_ARGS(asked->event->subject),
                          TRIAL_TEXT_ARGS(programme));
    return trial_fail_field(err, "data.programme");
}

void apply_municipality_appointed(trial_state *state, const trial_event *event, trial_arena *arena)
{
    struct trial_municipality *municipality = &state->as.municipality;
    trial_text programme = event->as.municipality_appointed.programme;
    struct trial_appointment_fact *fact;

    if (rules_is_appointed(municipality, programme)) {
        return;
    }
    fact = RULES_ADD(arena, &municipality->appointments, appointment_fact);
    fact->programme = programme;
    fact->from = trial_date_of(event->time);
}

trial_code decide_municipality_withdrawn(const rules_asked *asked, trial_error *err)
{
    trial_text programme = asked->event->as.municipality_withdrawn.programme;
    const trial_state *known;
    trial_code code = rules_known(asked, TRIAL_KIND_PROGRAMME, programme, "programme", &known, err);

    if (code != TRIAL_OK || rules_is_appointed(&asked->state->as.municipality, programme)) {
        return code;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_NOT_MEMBER,
                          "%.*s is not appointed in programme '%.*s', so it cannot leave it",
                          TRIAL_TEXT_ARGS(asked->event->subject),
                          TRIAL_TEXT_ARGS(programme));
    return trial_fail_field(err, "data.programme");
}

void apply_municipality_withdrawn(trial_state *state, const trial_event *event, trial_arena *arena)
{
    struct trial_municipality *municipality = &state->as.municipality;
    trial_text programme = event->as.municipality_withdrawn.programme;

    (void)arena;
    for (uint32_t i = 0; i < municipality->appointments.count; i++) {
        struct trial_appointment_fact *fact = &municipality->appointments.items[i];

        if (fact->to == TRIAL_DATE_NONE && trial_text_equal(fact->programme, programme)) {
            fact->to = trial_date_of(event->time);
        }
    }
}

trial_code decide_network_applied(const rules_asked *asked, trial_error *err)
{
    const struct trial_network_applied *applied = &asked->event->as.network_applied;
    const trial_state *programme;
    trial_code code =
        rules_known(asked, TRIAL_KIND_PROGRAMME, applied->programme, "programme", &programme, err);

    if (code != TRIAL_OK) {
        return code;
    }
    return rules_all_known(asked, TRIAL_KIND_MUNICIPALITY, applied->members, "members", err);
}

void apply_network_applied(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_network_applied *applied = &event->as.network_applied;
    struct trial_network *network = &state->as.network;

    (void)arena;
    network->programme = applied->programme;
    network->name = applied->name;
    network->theme = applied->theme;
    network->applicants = applied->members;
    network->appliedAt = event->time;
}

trial_code decide_network_appointed(const rules_asked *asked, trial_error *err)
{
    trial_text programme = asked->event->as.network_appointed.programme;
    trial_text applied = asked->state->as.network.programme;
    const trial_state *known;
    trial_code code = rules_known(asked, TRIAL_KIND_PROGRAMME, programme, "programme", &known, err);

    if (code != TRIAL_OK || trial_text_equal(programme, applied)) {
        return code;
    }
    (void)trial_fail_rule_as(err,
                             TRIAL_RULE_INCONSISTENT,
                             TRIAL_REFUSED,
                             "%.*s applied in programme '%.*s', not in '%.*s'",
                             TRIAL_TEXT_ARGS(asked->event->subject),
                             TRIAL_TEXT_ARGS(applied),
                             TRIAL_TEXT_ARGS(programme));
    return trial_fail_field(err, "data.programme");
}

void apply_network_appointed(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_network_appointed *appointed = &event->as.network_appointed;
    struct trial_network *network = &state->as.network;

    (void)arena;
    network->programme = appointed->programme;
    network->name = appointed->name;
    network->theme = appointed->theme;
    network->appointedAt = event->time;
}

DECIDED_BY_THE_MACHINE(network_rejected)

void apply_network_rejected(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    state->as.network.endedAt = event->time;
}

trial_code decide_network_member_joined(const rules_asked *asked, trial_error *err)
{
    trial_text code_of = asked->event->as.network_member_joined.municipality;
    const trial_state *known;
    trial_code code =
        rules_known(asked, TRIAL_KIND_MUNICIPALITY, code_of, "municipality", &known, err);

    if (code != TRIAL_OK || !rules_is_member(&asked->state->as.network, code_of)) {
        return code;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_ILLEGAL_TRANSITION,
                          "municipality %.*s is a member of %.*s already",
                          TRIAL_TEXT_ARGS(code_of),
                          TRIAL_TEXT_ARGS(asked->event->subject));
    return trial_fail_field(err, "data.municipality");
}

void apply_network_member_joined(trial_state *state, const trial_event *event, trial_arena *arena)
{
    struct trial_network *network = &state->as.network;
    trial_text code = event->as.network_member_joined.municipality;
    struct trial_member_fact *member;

    if (rules_is_member(network, code)) {
        return;
    }
    member = RULES_ADD(arena, &network->members, member_fact);
    member->municipality = code;
    member->from = trial_date_of(event->time);
}

trial_code decide_network_member_left(const rules_asked *asked, trial_error *err)
{
    trial_text code = asked->event->as.network_member_left.municipality;

    if (rules_is_member(&asked->state->as.network, code)) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(
        err,
        TRIAL_RULE_NOT_MEMBER,
        "municipality %.*s is no member of %.*s (which is %s), so it cannot leave",
        TRIAL_TEXT_ARGS(code),
        TRIAL_TEXT_ARGS(asked->event->subject),
        rules_state_word(asked->state));
    return trial_fail_field(err, "data.municipality");
}

/* Ends the memberships of one municipality, or of all where the code is absent. */
static void end_memberships(struct trial_network *network, trial_text code, trial_date day)
{
    for (uint32_t i = 0; i < network->members.count; i++) {
        struct trial_member_fact *member = &network->members.items[i];
        bool is_meant = !trial_text_is_set(code) || trial_text_equal(member->municipality, code);

        if (is_meant && member->to == TRIAL_DATE_NONE) {
            member->to = day;
        }
    }
}

void apply_network_member_left(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    end_memberships(
        &state->as.network, event->as.network_member_left.municipality, trial_date_of(event->time));
}

DECIDED_BY_THE_MACHINE(network_coordinator_named)

void apply_network_coordinator_named(trial_state *state,
                                     const trial_event *event,
                                     trial_arena *arena)
{
    const struct trial_network_coordinator_named *named = &event->as.network_coordinator_named;

    (void)arena;
    state->as.network.coordinator = named->municipality;
    state->as.network.contact = named->contact;
}

DECIDED_BY_THE_MACHINE(network_dissolved)

void apply_network_dissolved(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    state->as.network.endedAt = event->time;
    end_memberships(&state->as.network, (trial_text){ 0 }, trial_date_of(event->time));
}
