/* fuzz_history.c - bytes as a history: whatever they say, the rules give a verdict with a name and
 * a sentence, and the fold survives the event whether it was accepted or not. */
#include "history.h"
#include "notes.h"

#define EVENTS_MAX 64 /* long enough for a whole life of a trial */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static history past;

/* What is promised of every verdict. */
static void check_verdict(trial_code code, const trial_error *err)
{
    if (code == TRIAL_OK) {
        TRIAL_ASSERT(err->rule == TRIAL_RULE_NONE);
        return;
    }
    TRIAL_ASSERT(err->code == code);
    TRIAL_ASSERT(code == TRIAL_INVALID || code == TRIAL_REFUSED);
    TRIAL_ASSERT(err->rule != TRIAL_RULE_NONE && trial_rule_code(err->rule) != TRIAL_OK);
    TRIAL_ASSERT(err->text[0] != '\0');
}

static void look_at_all(void)
{
    for (uint32_t i = 0; i < past.state_count; i++) {
        rules_findings found = rules_find(&past.states[i], 17010, &past.arena);
        trial_state copy = history_clone(&past.states[i], &past.arena);

        for (uint32_t k = 0; k < found.count; k++) {
            TRIAL_ASSERT(found.items[k].message.size > 0);
        }
        TRIAL_ASSERT(history_is_same(&past.states[i], &copy, &past.arena));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* What is given before the bytes speak: chance alone would seldom come so far. */
    static const char *const given[] = {
        "", WORLD, ENDORSED, APPROVED CHARTERS, RUNNING, EVALUATED
    };
    static const uint8_t none[1] = { 0 };
    history_dice dice = { .bytes = size == 0 ? none : data, .size = size };

    history_given(&past, given[history_roll(&dice, sizeof given / sizeof given[0])]);
    for (uint32_t i = 0; i < EVENTS_MAX && dice.size > 0; i++) {
        trial_event event = history_any(&past, &dice);
        trial_error err = TRIAL_ERROR_NONE;
        trial_code code = history_judge(&past, &event, &err);

        check_verdict(code, &err);
        if (code == TRIAL_OK || history_roll(&dice, 8) == 7) {
            history_fold(&past, &event);
        }
    }
    look_at_all();
    history_done(&past);
    return 0;
}
