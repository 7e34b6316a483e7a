/* view_finding.c - what an auditor looks for. Key: subject, rule, position; a number behind it
 * where one event broke one rule more than once. */
#include "views_internal.h"

struct findings {
    views_fold *fold;
    views_table keys; /* of one subject: how often each came to an int64_t */
};

static void add_row(struct findings *all,
                    trial_text subject,
                    trial_text programme,
                    const rules_finding *finding)
{
    trial_arena *arena = all->fold->arena;
    trial_text rule = trial_text_of(trial_rule_name(finding->rule));
    trial_text parts[4] = { subject, rule, views_key_number(arena, finding->position), { 0 } };
    trial_text key = views_key(arena, parts, 3);
    int64_t *times = views_table_at(&all->keys, key);
    trial_value *row;

    if ((*times)++ > 0) {
        parts[3] = views_key_number(arena, *times);
        key = views_key(arena, parts, 4);
    }
    if (!views_is_wanted(all->fold, key) || !views_may_fit_text(all->fold, "rule", rule)) {
        return;
    }
    row = trial_value_map(arena);
    views_put_text(arena, row, "rule", rule);
    trial_value_set(arena, row, "subject", trial_value_text(arena, subject));
    views_put_text(arena, row, "programme", programme);
    views_put_instant(arena, row, "time", finding->time);
    views_put_count(arena, row, "position", finding->position);
    views_put_text(arena, row, "message", finding->message);
    views_keep(all->fold, key, row);
}

static bool add_rows(void *context, const trial_state *state)
{
    struct findings *all = context;
    trial_arena *arena = all->fold->arena;
    rules_findings found = rules_find(state, all->fold->question->today, arena);
    trial_text subject;

    if (found.count == 0) {
        return true;
    }
    subject = views_subject_of(arena, state);
    all->keys = views_table_of(arena, sizeof(int64_t));
    for (uint32_t i = 0; i < found.count; i++) {
        add_row(all, subject, views_programme_of(state), &found.items[i]);
    }
    return true;
}

trial_code views_make_finding(views_fold *fold, trial_error *err)
{
    struct findings all = { .fold = fold };

    return views_walk_all(fold, add_rows, &all, err);
}
