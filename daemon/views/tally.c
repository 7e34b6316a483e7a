/* tally.c - counts and small readings of a trial that more than one view gives. */
#include "views_internal.h"

void views_tally_add(views_tally *tally, const struct trial_trial *trial)
{
    for (uint32_t i = 0; i < trial->milestones.count; i++) {
        const struct trial_milestone *reached = &trial->milestones.items[i];

        tally->steps[reached->step]++;
        tally->by_provenance[reached->step][reached->provenance]++;
    }
    if (trial->state == TRIAL_CHOICE_trial_state_ABANDONED) {
        tally->abandoned_by[trial->abandonedAt]++;
    }
}

void views_put_split(trial_arena *arena,
                     trial_value *provenance,
                     const char *name,
                     const int64_t counts[TRIAL_CHOICE_provenance_END])
{
    trial_value *split = views_put_map(arena, provenance, name);

    views_put_count(arena, split, "documented", counts[TRIAL_CHOICE_provenance_DOCUMENTED]);
    views_put_count(arena, split, "reconstructed", counts[TRIAL_CHOICE_provenance_RECONSTRUCTED]);
    views_put_count(arena, split, "reported", counts[TRIAL_CHOICE_provenance_NONE]);
}

/* One municipality in one programme. */
struct party {
    bool is_counted;
    bool is_current;
};

struct parties {
    trial_text programme; /* absent: all */
    bool is_apart;
    trial_arena *arena;
    views_table *programmes;
    views_table codes; /* programme/code to struct party */
};

static views_parties *parties_of(struct parties *all, trial_text programme)
{
    return views_table_at(all->programmes, all->is_apart ? programme : TRIAL_TEXT(""));
}

static void
count_municipality(struct parties *all, trial_text programme, trial_text code, bool is_current)
{
    trial_text parts[] = { all->is_apart ? programme : TRIAL_TEXT(""), code };
    struct party *party = views_table_at(&all->codes, views_key(all->arena, parts, 2));
    views_parties *parties = parties_of(all, programme);

    if (!party->is_counted) {
        party->is_counted = true;
        parties->ever++;
    }
    if (is_current && !party->is_current) {
        party->is_current = true;
        parties->current++;
    }
}

static bool is_left_out(const struct parties *all, trial_text programme)
{
    return trial_text_is_set(all->programme) && !trial_text_equal(programme, all->programme);
}

static bool count_network(void *context, const trial_state *state)
{
    struct parties *all = context;
    const struct trial_network *network = &state->as.network;
    bool is_active = network->state == TRIAL_CHOICE_network_state_APPOINTED;
    views_parties *parties;

    if (state->kind != TRIAL_KIND_NETWORK || is_left_out(all, network->programme)) {
        return true;
    }
    parties = parties_of(all, network->programme);
    parties->applied += network->appliedAt != TRIAL_INSTANT_NONE;
    parties->appointed += network->appointedAt != TRIAL_INSTANT_NONE;
    parties->active += is_active;
    for (uint32_t i = 0; i < network->members.count; i++) {
        const struct trial_member_fact *member = &network->members.items[i];

        count_municipality(all,
                           network->programme,
                           member->municipality,
                           is_active && member->to == TRIAL_DATE_NONE);
    }
    return true;
}

static bool count_appointments(void *context, const trial_state *state)
{
    struct parties *all = context;
    const struct trial_municipality *municipality = &state->as.municipality;

    if (state->kind != TRIAL_KIND_MUNICIPALITY) {
        return true;
    }
    for (uint32_t i = 0; i < municipality->appointments.count; i++) {
        const struct trial_appointment_fact *appointment = &municipality->appointments.items[i];

        if (!is_left_out(all, appointment->programme)) {
            count_municipality(
                all, appointment->programme, state->id, appointment->to == TRIAL_DATE_NONE);
        }
    }
    return true;
}

trial_code views_count_parties(const views_source *source,
                               trial_text programme,
                               bool is_apart,
                               trial_arena *arena,
                               views_table *ret_table,
                               trial_error *err)
{
    views_table programmes = views_table_of(arena, sizeof(views_parties));
    struct parties all = { programme, is_apart, arena, &programmes, { 0 } };
    trial_code code;

    all.codes = views_table_of(arena, sizeof(struct party));
    code = source->each(source->context, TRIAL_KIND_NETWORK, programme, count_network, &all, err);
    if (code == TRIAL_OK) {
        code = source->each(
            source->context, TRIAL_KIND_MUNICIPALITY, programme, count_appointments, &all, err);
    }
    if (code == TRIAL_OK) {
        *ret_table = programmes;
    }
    return code;
}

bool views_ended_without(const struct trial_trial *trial)
{
    return trial->state == TRIAL_CHOICE_trial_state_WITHDRAWN ||
           trial->state == TRIAL_CHOICE_trial_state_REJECTED ||
           trial->state == TRIAL_CHOICE_trial_state_ABANDONED ||
           trial->state == TRIAL_CHOICE_trial_state_LAPSED;
}

bool views_is_completed(const struct trial_trial *trial)
{
    return trial->state == TRIAL_CHOICE_trial_state_COMPLETED ||
           trial->state == TRIAL_CHOICE_trial_state_EVALUATED ||
           trial->state == TRIAL_CHOICE_trial_state_ASSESSED;
}

trial_texts views_participants(const struct trial_trial *trial)
{
    if (trial->startedParticipants.count > 0) {
        return trial->startedParticipants;
    }
    return trial->approvedParticipants.count > 0 ? trial->approvedParticipants
                                                 : trial->participants;
}

bool views_days_between(const struct trial_trial *trial,
                        trial_choice from,
                        trial_choice to,
                        int64_t *ret_days)
{
    const struct trial_milestone *begin = rules_milestone(trial, from);
    const struct trial_milestone *end = rules_milestone(trial, to);

    if (begin == NULL || end == NULL) {
        return false;
    }
    *ret_days = (end->time - begin->time) / TRIAL_NS_PER_DAY;
    return true;
}

void views_miss(trial_arena *arena, trial_value *missing, bool is_missing, trial_choice what)
{
    if (is_missing) {
        trial_value_push(arena,
                         missing,
                         trial_value_word(arena, trial_choice_word(&trial_choices_missing, what)));
    }
}

trial_value *views_indicator_missing(trial_arena *arena,
                                     const struct trial_trial *trial,
                                     const struct trial_indicator_fact *indicator)
{
    trial_value *missing = trial_value_list(arena);

    views_miss(arena,
               missing,
               indicator->baseline.form == TRIAL_NUMBER_ABSENT,
               TRIAL_CHOICE_missing_BASELINE);
    views_miss(
        arena, missing, indicator->target.form == TRIAL_NUMBER_ABSENT, TRIAL_CHOICE_missing_TARGET);
    views_miss(arena,
               missing,
               indicator->final.form == TRIAL_NUMBER_ABSENT && views_is_completed(trial),
               TRIAL_CHOICE_missing_FINAL_MEASUREMENT);
    return missing;
}

trial_choice views_indicator_result(const struct trial_trial *trial,
                                    const struct trial_indicator_fact *indicator)
{
    double sign = indicator->direction == TRIAL_CHOICE_direction_DOWN ? -1 : 1;
    double final = sign * trial_number_value(indicator->final);
    double baseline = sign * trial_number_value(indicator->baseline);

    if (!views_is_completed(trial)) {
        return TRIAL_CHOICE_result_OPEN;
    }
    if (indicator->baseline.form == TRIAL_NUMBER_ABSENT) {
        return TRIAL_CHOICE_result_NO_BASELINE;
    }
    if (indicator->target.form == TRIAL_NUMBER_ABSENT) {
        return TRIAL_CHOICE_result_NO_TARGET;
    }
    if (indicator->final.form == TRIAL_NUMBER_ABSENT) {
        return TRIAL_CHOICE_result_NO_FINAL_MEASUREMENT;
    }
    if (final >= sign * trial_number_value(indicator->target)) {
        return TRIAL_CHOICE_result_REACHED;
    }
    if (final > baseline) {
        return TRIAL_CHOICE_result_IMPROVED;
    }
    return final < baseline ? TRIAL_CHOICE_result_WORSE : TRIAL_CHOICE_result_UNCHANGED;
}

trial_choice views_evaluation_state(bool is_published, bool has_live, bool has_interim)
{
    if (is_published) {
        return TRIAL_CHOICE_evaluation_state_PUBLISHED;
    }
    if (!has_live) {
        return TRIAL_CHOICE_evaluation_state_DISCONTINUED;
    }
    return has_interim ? TRIAL_CHOICE_evaluation_state_INTERIM
                       : TRIAL_CHOICE_evaluation_state_PLANNED;
}
