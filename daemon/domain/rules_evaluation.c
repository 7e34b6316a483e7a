/* rules_evaluation.c - who evaluates a trial, what was found, what was learnt and decided. */
#include "rules_internal.h"

static struct trial_evaluation_fact *make_evaluation(struct trial_trial *trial,
                                                     trial_text id,
                                                     const trial_event *event,
                                                     trial_arena *arena)
{
    struct trial_evaluation_fact *evaluation;

    for (uint32_t i = 0; i < trial->evaluations.count; i++) {
        if (trial_text_equal(trial->evaluations.items[i].evaluationId, id)) {
            return &trial->evaluations.items[i];
        }
    }
    evaluation = RULES_ADD(arena, &trial->evaluations, evaluation_fact);
    evaluation->evaluationId = id;
    evaluation->position = rules_position(event);
    return evaluation;
}

DECIDED_BY_THE_MACHINE(evaluation_planned)

void apply_evaluation_planned(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_evaluation_planned *planned = &event->as.evaluation_planned;
    struct trial_evaluation_fact *evaluation =
        make_evaluation(&state->as.trial, planned->evaluationId, event, arena);

    if (evaluation->plannedAt == TRIAL_INSTANT_NONE) {
        evaluation->plannedAt = event->time;
        evaluation->position = rules_position(event);
    }
    evaluation->mode = planned->mode;
    evaluation->evaluator = planned->evaluator;
    evaluation->dueBy = planned->dueBy;
}

/* Who evaluates may have changed since the plan: institutes merge and are renamed. */
DECIDED_BY_THE_MACHINE(evaluation_published)

void apply_evaluation_published(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_evaluation_published *published = &event->as.evaluation_published;
    struct trial_evaluation_fact *evaluation =
        make_evaluation(&state->as.trial, published->evaluationId, event, arena);

    evaluation->mode = published->mode;
    evaluation->evaluator = published->evaluator;
    evaluation->conclusion = published->conclusion;
    evaluation->recommendsSpread = published->recommendsSpread;
    rules_keep_text(&evaluation->url, published->url);
    if (published->kind != TRIAL_CHOICE_publication_FINAL) {
        evaluation->interimAt = event->time;
    } else if (evaluation->finalAt == TRIAL_INSTANT_NONE) {
        evaluation->finalAt = event->time;
        evaluation->finalPosition = rules_position(event);
    }
}

trial_code decide_knowledge_shared(const rules_asked *asked, trial_error *err)
{
    return rules_all_known(
        asked, TRIAL_KIND_TRIAL, asked->event->as.knowledge_shared.trials, "trials", err);
}

void apply_knowledge_shared(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_knowledge_shared *shared = &event->as.knowledge_shared;
    struct trial_attached *attached = rules_attach(state, arena);
    struct trial_knowledge_fact *fact = RULES_ADD(arena, &attached->knowledge, knowledge_fact);

    fact->kind = shared->kind;
    fact->title = shared->title;
    fact->heldOn = shared->heldOn;
    fact->trials = shared->trials;
    fact->position = rules_position(event);
}

DECIDED_BY_THE_MACHINE(assessment_made)

void apply_assessment_made(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    state->as.trial.assessment = event->as.assessment_made.outcome;
}
