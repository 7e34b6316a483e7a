/* links.c - see links.h. */
#include "links.h"

static void
visit_codes(const trial_state *state, trial_texts codes, links_visit *visit, void *context)
{
    row_key link;

    for (uint32_t i = 0; i < codes.count; i++) {
        key_link(KEY_OF_MUNICIPALITY, codes.items[i], state->kind, state->id, &link);
        visit(context, &link);
    }
}

static void visit_trial(const trial_state *state, links_visit *visit, void *context)
{
    const struct trial_trial *trial = &state->as.trial;
    row_key link;

    visit_codes(state, trial->participants, visit, context);
    visit_codes(state, trial->approvedParticipants, visit, context);
    for (uint32_t i = 0; i < trial->exemptions.count; i++) {
        key_link(KEY_OF_EXEMPTION,
                 trial->exemptions.items[i].exemptionId,
                 TRIAL_KIND_TRIAL,
                 (trial_text){ 0 },
                 &link);
        visit(context, &link);
    }
}

static void visit_network(const trial_state *state, links_visit *visit, void *context)
{
    const struct trial_network *network = &state->as.network;
    row_key link;

    visit_codes(state, network->applicants, visit, context);
    for (uint32_t i = 0; i < network->members.count; i++) {
        key_link(KEY_OF_MUNICIPALITY,
                 network->members.items[i].municipality,
                 state->kind,
                 state->id,
                 &link);
        visit(context, &link);
    }
}

void links_of(const trial_state *state, links_visit *visit, void *context)
{
    trial_text programme = trial_state_programme(state);
    row_key link;

    if (programme.size > 0) {
        key_link(KEY_OF_PROGRAMME, programme, state->kind, state->id, &link);
        visit(context, &link);
    }
    if (state->kind == TRIAL_KIND_TRIAL) {
        visit_trial(state, visit, context);
    } else if (state->kind == TRIAL_KIND_NETWORK) {
        visit_network(state, visit, context);
    }
}

bool links_has_municipality(const trial_state *state, trial_text code)
{
    if (state->kind == TRIAL_KIND_TRIAL) {
        return trial_texts_has(state->as.trial.participants, code) ||
               trial_texts_has(state->as.trial.approvedParticipants, code);
    }
    if (state->kind != TRIAL_KIND_NETWORK) {
        return false;
    }
    for (uint32_t i = 0; i < state->as.network.members.count; i++) {
        if (trial_text_equal(state->as.network.members.items[i].municipality, code)) {
            return true;
        }
    }
    return trial_texts_has(state->as.network.applicants, code);
}
