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

links_mark links_marked(const trial_state *state)
{
    links_mark mark = { .programme = trial_state_programme(state) };

    if (state->kind == TRIAL_KIND_TRIAL) {
        const struct trial_trial *trial = &state->as.trial;

        mark.codes[0] = trial->participants;
        mark.codes[1] = trial->approvedParticipants;
        mark.named = (trial_list){ trial->exemptions.items, trial->exemptions.count };
    } else if (state->kind == TRIAL_KIND_NETWORK) {
        const struct trial_network *network = &state->as.network;

        mark.codes[0] = network->applicants;
        mark.named = (trial_list){ network->members.items, network->members.count };
    }
    return mark;
}

static bool is_same_list(const void *a, uint32_t a_count, const void *b, uint32_t b_count)
{
    return a == b && a_count == b_count;
}

bool links_have_changed(const links_mark *before, const trial_state *state)
{
    links_mark now = links_marked(state);

    for (int i = 0; i < 2; i++) {
        const trial_texts *a = &before->codes[i];
        const trial_texts *b = &now.codes[i];

        if (!is_same_list(a->items, a->count, b->items, b->count)) {
            return true;
        }
    }
    return !is_same_list(before->programme.at,
                         before->programme.size,
                         now.programme.at,
                         now.programme.size) ||
           !is_same_list(
               before->named.items, before->named.count, now.named.items, now.named.count);
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
