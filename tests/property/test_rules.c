/* test_rules.c - random legal histories: all accepted, every single breach refused by its own name,
 * and a fold in pieces is the fold at once. */
#include "walk.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SEEDS 60
#define STEPS 300

/* A breach: how to make one out of a legal event. False: this event offers no way. */
typedef bool breach(history *past, trial_event *event);

static const struct trial_trial *trial_of(const history *past, const trial_event *event)
{
    const trial_state *state = history_find(past, TRIAL_KIND_TRIAL, event->subject_id);

    return event->kind == TRIAL_KIND_TRIAL && state != NULL ? &state->as.trial : NULL;
}

static void move_to(history *past, trial_event *event, trial_instant time)
{
    (void)past;
    event->time = time;
}

static void rename_subject(trial_event *event, const char *subject)
{
    event->subject = trial_text_of(subject);
    event->kind = trial_subject_split(event->subject, &event->subject_id);
}

static bool wrong_source(history *past, trial_event *event)
{
    (void)past;
    event->source = TRIAL_TEXT("/dk/presse/p");
    return trial_event_row_of(event->type)->emitters != TRIAL_EMITTER_ANYONE;
}

static bool unshaped_source(history *past, trial_event *event)
{
    (void)past;
    event->source = TRIAL_TEXT("/dk/kommune/0101/office");
    return trial_event_row_of(event->type)->emitters != TRIAL_EMITTER_ANYONE;
}

static bool wrong_kind(history *past, trial_event *event)
{
    (void)past;
    rename_subject(event, "webinar/w1");
    return trial_event_row_of(event->type)->kind != TRIAL_KIND_ANY;
}

static bool begins_a_life(const trial_event *event)
{
    return event->type == TRIAL_EVENT_PROGRAMME_AGREED ||
           event->type == TRIAL_EVENT_PROGRAMME_OPENED ||
           event->type == TRIAL_EVENT_MUNICIPALITY_REGISTERED ||
           event->type == TRIAL_EVENT_NETWORK_APPLIED ||
           event->type == TRIAL_EVENT_APPLICATION_SUBMITTED ||
           event->type == TRIAL_EVENT_LAW_PROPOSED || event->type == TRIAL_EVENT_LAW_ENACTED ||
           event->type == TRIAL_EVENT_RIGHT_GRANTED;
}

static bool unknown_subject(history *past, trial_event *event)
{
    const char *word = trial_kind_word(event->kind);

    if (begins_a_life(event) || event->kind >= TRIAL_KIND_CASE) {
        return false;
    }
    rename_subject(event, trial_arena_print(&past->arena, "%s/nobody", word).at);
    return true;
}

static bool too_early(history *past, trial_event *event)
{
    const struct trial_trial *trial = trial_of(past, event);
    bool is_step = event->type >= TRIAL_EVENT_APPLICATION_SUBMITTED &&
                   event->type <= TRIAL_EVENT_TRIAL_COMPLETED &&
                   event->type != TRIAL_EVENT_TRIAL_CHARTER_PUBLISHED &&
                   event->type != TRIAL_EVENT_TRIAL_EXTENDED;

    is_step |= event->type == TRIAL_EVENT_ASSESSMENT_MADE;
    if (!is_step || trial == NULL || trial->since == TRIAL_INSTANT_NONE) {
        return false;
    }
    move_to(past, event, trial->since - 1);
    return true;
}

static bool unknown_programme(history *past, trial_event *event)
{
    const trial_shape *shape = trial_event_row_of(event->type)->shape();
    const trial_field *field = trial_shape_find(shape, TRIAL_TEXT("programme"));
    trial_text unknown = TRIAL_TEXT("p9");

    (void)past;
    if (field != NULL) {
        memcpy((char *)&event->as + field->offset, &unknown, sizeof unknown);
    }
    return field != NULL;
}

static trial_texts with_stranger(history *past, trial_texts codes)
{
    codes.items = trial_arena_grow(
        &past->arena, codes.items, codes.count, codes.count + 1, sizeof(trial_text));
    codes.items[codes.count++] = TRIAL_TEXT("0199");
    return codes;
}

static bool stranger_takes_part(history *past, trial_event *event)
{
    if (event->type == TRIAL_EVENT_APPLICATION_SUBMITTED) {
        event->as.application_submitted.participants =
            with_stranger(past, event->as.application_submitted.participants);
    } else if (event->type == TRIAL_EVENT_TRIAL_APPROVED) {
        event->as.trial_approved.participants =
            with_stranger(past, event->as.trial_approved.participants);
    } else if (event->type == TRIAL_EVENT_TRIAL_STARTED) {
        event->as.trial_started.participants =
            with_stranger(past, event->as.trial_started.participants);
    } else {
        return false;
    }
    return true;
}

static bool stranger_publishes(history *past, trial_event *event)
{
    (void)past;
    event->source = TRIAL_TEXT("/dk/kommune/0199");
    event->as.trial_charter_published.municipality = TRIAL_TEXT("0199");
    return event->type == TRIAL_EVENT_TRIAL_CHARTER_PUBLISHED;
}

static bool charter_of_another(history *past, trial_event *event)
{
    (void)past;
    event->source = TRIAL_TEXT("/dk/kommune/0199");
    return event->type == TRIAL_EVENT_TRIAL_CHARTER_PUBLISHED;
}

static bool no_charter(history *past, trial_event *event)
{
    const struct trial_trial *trial = trial_of(past, event);

    if (event->type != TRIAL_EVENT_TRIAL_STARTED ||
        trial->charters.count == trial->approvedParticipants.count) {
        return false;
    }
    event->as.trial_started.participants = trial->approvedParticipants;
    return true;
}

static bool stale_day(history *past, trial_event *event)
{
    (void)past;
    if (event->type == TRIAL_EVENT_PROGRAMME_EXTENDED) {
        event->as.programme_extended.from--;
    } else if (event->type == TRIAL_EVENT_EXEMPTION_EXTENDED) {
        event->as.exemption_extended.from--;
    } else if (event->type == TRIAL_EVENT_DEADLINE_MOVED) {
        event->as.deadline_moved.from--;
    } else if (event->type == TRIAL_EVENT_EXEMPTION_EXPIRED) {
        event->as.exemption_expired.validTo--;
    } else {
        return false;
    }
    return true;
}

static bool no_prolongation(history *past, trial_event *event)
{
    (void)past;
    if (event->type == TRIAL_EVENT_PROGRAMME_EXTENDED) {
        event->as.programme_extended.to = event->as.programme_extended.from;
    } else if (event->type == TRIAL_EVENT_EXEMPTION_EXTENDED) {
        event->as.exemption_extended.to = event->as.exemption_extended.from;
    } else if (event->type == TRIAL_EVENT_TRIAL_EXTENDED) {
        event->as.trial_extended.to = event->as.trial_extended.from;
    } else {
        return false;
    }
    return true;
}

static bool backward_period(history *past, trial_event *event)
{
    (void)past;
    if (event->type == TRIAL_EVENT_TRIAL_APPROVED) {
        struct trial_exemption_grant *copy = trial_arena_grow(
            &past->arena, event->as.trial_approved.exemptions.items, 1, 1, sizeof *copy);

        copy->validTo = copy->validFrom - 1;
        event->as.trial_approved.exemptions.items = copy;
        event->as.trial_approved.exemptions.count = 1;
    } else if (event->type == TRIAL_EVENT_PROGRAMME_OPENED) {
        event->as.programme_opened.periodTo = event->as.programme_opened.periodFrom - 1;
    } else if (event->type == TRIAL_EVENT_ROUND_OPENED) {
        event->as.round_opened.deadline = event->as.round_opened.opensOn - 1;
    } else {
        return false;
    }
    return true;
}

static bool ends_before_start(history *past, trial_event *event)
{
    const struct trial_trial *trial = trial_of(past, event);

    if (event->type != TRIAL_EVENT_TRIAL_COMPLETED) {
        return false;
    }
    event->as.trial_completed.completedOn = trial->startedOn - 1;
    return true;
}

static bool other_unit(history *past, trial_event *event)
{
    const struct trial_trial *trial = trial_of(past, event);

    if (trial == NULL || trial->indicators.count == 0) {
        return false;
    }
    if (event->type == TRIAL_EVENT_BASELINE_RECORDED) {
        event->as.baseline_recorded.unit = TRIAL_TEXT("kr");
    } else if (event->type == TRIAL_EVENT_TARGET_SET) {
        event->as.target_set.unit = TRIAL_TEXT("kr");
    } else if (event->type == TRIAL_EVENT_MEASUREMENT_RECORDED) {
        event->as.measurement_recorded.unit = TRIAL_TEXT("kr");
    } else {
        return false;
    }
    return true;
}

static bool taken_exemption(history *past, trial_event *event)
{
    struct trial_exemption_grant *grant = event->as.trial_approved.exemptions.items;

    if (event->type != TRIAL_EVENT_TRIAL_APPROVED || trial_text_is(grant->exemptionId, "e1")) {
        return false;
    }
    grant = trial_arena_grow(&past->arena, grant, 1, 1, sizeof *grant);
    grant->exemptionId = TRIAL_TEXT("e1"); /* the first that any history grants */
    event->as.trial_approved.exemptions.items = grant;
    event->as.trial_approved.exemptions.count = 1;
    return true;
}

static bool unknown_exemption(history *past, trial_event *event)
{
    (void)past;
    if (event->type == TRIAL_EVENT_EXEMPTION_EXTENDED) {
        event->as.exemption_extended.exemptionId = TRIAL_TEXT("e0");
    } else if (event->type == TRIAL_EVENT_EXEMPTION_REVOKED) {
        event->as.exemption_revoked.exemptionId = TRIAL_TEXT("e0");
    } else {
        return false;
    }
    return true;
}

static bool failed_check(history *past, trial_event *event)
{
    struct trial_screening_checks *checks;

    if (event->type != TRIAL_EVENT_APPLICATION_SCREENED ||
        event->as.application_screened.result != TRIAL_CHOICE_screening_PASS) {
        return false;
    }
    checks =
        trial_arena_grow(&past->arena, event->as.application_screened.checks, 1, 1, sizeof *checks);
    checks->legalSecurity = TRIAL_CHOICE_check_UNCLEAR;
    event->as.application_screened.checks = checks;
    return true;
}

static bool other_stage(history *past, trial_event *event)
{
    (void)past;
    event->as.trial_abandoned.stage =
        (trial_choice)(1 + event->as.trial_abandoned.stage % trial_choices_stage.count);
    return event->type == TRIAL_EVENT_TRIAL_ABANDONED;
}

static bool start_without_exemption(history *past, trial_event *event)
{
    (void)past;
    event->as.trial_started.startedOn += 1000;
    return event->type == TRIAL_EVENT_TRIAL_STARTED;
}

static bool after_the_period(history *past, trial_event *event)
{
    const trial_state *programme = history_find(past, TRIAL_KIND_PROGRAMME, TRIAL_TEXT("p1"));

    move_to(past, event, trial_date_end(programme->as.programme.periodTo) + 1);
    return event->type == TRIAL_EVENT_APPLICATION_SUBMITTED ||
           event->type == TRIAL_EVENT_TRIAL_APPROVED;
}

static bool external_by_network(history *past, trial_event *event)
{
    (void)past;
    event->as.evaluation_published.mode = TRIAL_CHOICE_mode_EXTERNAL;
    event->source = TRIAL_TEXT("/dk/netvaerk/n");
    return event->type == TRIAL_EVENT_EVALUATION_PUBLISHED;
}

static bool early_expiry(history *past, trial_event *event)
{
    const struct trial_trial *trial = trial_of(past, event);

    if (event->type != TRIAL_EVENT_EXEMPTION_EXPIRED ||
        trial->state == TRIAL_CHOICE_trial_state_APPROVED) {
        return false; /* of an approved one the time may be before its approval, too */
    }
    move_to(past, event, trial_date_begin(event->as.exemption_expired.validTo) - 1);
    return true;
}

static bool unknown_trials(history *past, trial_event *event)
{
    (void)past;
    if (event->type != TRIAL_EVENT_KNOWLEDGE_SHARED) {
        return false;
    }
    event->as.knowledge_shared.trials = with_stranger(past, event->as.knowledge_shared.trials);
    return true;
}

static bool stale_correction(history *past, trial_event *event)
{
    (void)past;
    event->as.correction_issued.oldValue = (trial_bytes){ (const uint8_t *)"stale", 5 };
    return event->type == TRIAL_EVENT_CORRECTION_ISSUED;
}

static bool unfit_correction(history *past, trial_event *event)
{
    (void)past;
    event->as.correction_issued.newValue = (trial_bytes){ (const uint8_t *)"unfit", 5 };
    return event->type == TRIAL_EVENT_CORRECTION_ISSUED;
}

static const struct breach_row {
    breach *make;
    trial_rule rule;
} breaches[] = {
    { wrong_source, TRIAL_RULE_NOT_AUTHORISED },
    { unshaped_source, TRIAL_RULE_NOT_AUTHORISED },
    { charter_of_another, TRIAL_RULE_NOT_AUTHORISED },
    { external_by_network, TRIAL_RULE_NOT_AUTHORISED },
    { wrong_kind, TRIAL_RULE_INCONSISTENT },
    { failed_check, TRIAL_RULE_INCONSISTENT },
    { other_stage, TRIAL_RULE_INCONSISTENT },
    { other_unit, TRIAL_RULE_INCONSISTENT },
    { unknown_subject, TRIAL_RULE_UNKNOWN_SUBJECT },
    { unknown_programme, TRIAL_RULE_UNKNOWN_SUBJECT },
    { unknown_exemption, TRIAL_RULE_UNKNOWN_SUBJECT },
    { unknown_trials, TRIAL_RULE_UNKNOWN_SUBJECT },
    { too_early, TRIAL_RULE_TIME_BEFORE_STATE },
    { stranger_takes_part, TRIAL_RULE_NOT_MEMBER },
    { stranger_publishes, TRIAL_RULE_NOT_MEMBER },
    { no_charter, TRIAL_RULE_CHARTER_MISSING },
    { stale_day, TRIAL_RULE_STALE_VALUE },
    { stale_correction, TRIAL_RULE_STALE_VALUE },
    { unfit_correction, TRIAL_RULE_WRONG_TYPE },
    { no_prolongation, TRIAL_RULE_BAD_RANGE },
    { backward_period, TRIAL_RULE_BAD_RANGE },
    { ends_before_start, TRIAL_RULE_BAD_RANGE },
    { taken_exemption, TRIAL_RULE_DUPLICATE_ID },
    { start_without_exemption, TRIAL_RULE_OUTSIDE_PERIOD },
    { after_the_period, TRIAL_RULE_OUTSIDE_PERIOD },
    { early_expiry, TRIAL_RULE_OUTSIDE_PERIOD },
};
#define BREACH_COUNT (sizeof breaches / sizeof breaches[0])

/* Types that are no legal step once more, right after they happened. */
static bool happens_once(const trial_event *event)
{
    switch (trial_event_row_of(event->type)->kind) {
    case TRIAL_KIND_TRIAL:
        return event->type >= TRIAL_EVENT_APPLICATION_SCREENED &&
               event->type <= TRIAL_EVENT_TRIAL_COMPLETED &&
               event->type != TRIAL_EVENT_TRIAL_CHARTER_PUBLISHED &&
               event->type != TRIAL_EVENT_TRIAL_EXTENDED;
    case TRIAL_KIND_NETWORK:
        return event->type != TRIAL_EVENT_NETWORK_COORDINATOR_NAMED &&
               event->type != TRIAL_EVENT_NETWORK_MEMBER_LEFT;
    case TRIAL_KIND_LAW:
        return true;
    case TRIAL_KIND_KEY:
        return event->type == TRIAL_EVENT_RIGHT_REVOKED;
    case TRIAL_KIND_PROGRAMME:
        return event->type != TRIAL_EVENT_PROGRAMME_EXTENDED &&
               event->type != TRIAL_EVENT_PROGRAMME_RESULTS_PUBLISHED;
    case TRIAL_KIND_MUNICIPALITY:
    case TRIAL_KIND_CASE:
    case TRIAL_KIND_OTHER:
    case TRIAL_KIND_ANY:
        break;
    }
    return false;
}

static history past;
static history again;
static walk walker;

static void begin(history_dice *dice, uint64_t seed)
{
    *dice = (history_dice){ .seed = seed };
    walk_begin(&walker, &past, dice);
}

static int forget(void **state)
{
    (void)state;
    history_done(&past);
    history_done(&again);
    return 0;
}

static void assert_verdict(const trial_event *event, trial_rule rule)
{
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code = history_judge(&past, event, &err);

    if (err.rule != rule) {
        print_error("%s %.*s after %u events: %s %s\n",
                    trial_event_row_of(event->type)->name,
                    TRIAL_TEXT_ARGS(event->subject),
                    past.event_count,
                    trial_rule_name(err.rule),
                    err.text);
    }
    assert_string_equal(trial_rule_name(err.rule), trial_rule_name(rule));
    assert_int_equal(code == TRIAL_OK, rule == TRIAL_RULE_NONE);
}

static void test_legal_histories_are_accepted_and_reach_every_type(void **state)
{
    bool is_reached[TRIAL_EVENT_COUNT] = { false };

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        history_dice dice;

        begin(&dice, seed);
        for (uint32_t i = 0; i < STEPS; i++) {
            trial_event event = walk_step(&walker);

            assert_verdict(&event, TRIAL_RULE_NONE);
            history_fold(&past, &event);
        }
        for (uint32_t i = 0; i < past.event_count; i++) {
            is_reached[past.events[i].type] = true;
        }
        history_done(&past);
    }
    for (trial_event_type type = 0; type < TRIAL_EVENT_COUNT; type++) {
        if (!is_reached[type]) {
            print_error("no history has a %s\n", trial_event_row_of(type)->name);
        }
        assert_true(is_reached[type]);
    }
}

static void test_every_breach_is_refused_by_its_rule(void **state)
{
    uint32_t made[BREACH_COUNT] = { 0 };

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        history_dice dice;

        begin(&dice, seed * 7919);
        for (uint32_t i = 0; i < STEPS; i++) {
            trial_event event = walk_step(&walker);

            for (size_t k = 0; k < BREACH_COUNT; k++) {
                trial_event broken = event;

                if (breaches[k].make(&past, &broken)) {
                    assert_verdict(&broken, breaches[k].rule);
                    made[k]++;
                }
            }
            history_fold(&past, &event);
            if (happens_once(&event)) {
                assert_verdict(&event, TRIAL_RULE_ILLEGAL_TRANSITION);
            }
        }
        history_done(&past);
    }
    for (size_t k = 0; k < BREACH_COUNT; k++) {
        if (made[k] == 0) {
            print_error("breach %zu was never made\n", k);
        }
        assert_true(made[k] > 0);
    }
}

/* What a table does between two turns: the state leaves memory and comes back. */
static void put_away(history *of, uint32_t index)
{
    of->states[index] = history_clone(&of->states[index], &of->arena);
}

static void test_folding_in_pieces_is_folding_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        history_dice dice;

        begin(&dice, seed * 104729);
        for (uint32_t i = 0; i < STEPS; i++) {
            trial_event event = walk_step(&walker);

            history_fold(&past, &event);
        }
        for (uint32_t i = 0; i < past.event_count; i++) {
            history_fold(&again, &past.events[i]);
            if (history_roll(&dice, 3) == 0) {
                put_away(&again, history_roll(&dice, again.state_count));
            }
        }
        assert_int_equal(past.state_count, again.state_count);
        for (uint32_t i = 0; i < past.state_count; i++) {
            assert_true(history_is_same(&past.states[i], &again.states[i], &past.arena));
        }
        history_done(&past);
        history_done(&again);
    }
}

static void test_a_fold_survives_any_part_of_a_history(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint32_t findings = 0;
        history_dice dice;

        begin(&dice, seed * 1299709);
        for (uint32_t i = 0; i < STEPS; i++) {
            trial_event event = walk_step(&walker);

            history_fold(&past, &event);
        }
        for (uint32_t i = 0; i < past.event_count; i++) {
            if (history_roll(&dice, 2) == 0) {
                history_fold(&again, &past.events[i]);
            }
        }
        for (uint32_t i = 0; i < again.state_count; i++) {
            findings += rules_find(&again.states[i], 18000, &again.arena).count;
        }
        assert_true(findings < 10 * again.state_count);
        history_done(&past);
        history_done(&again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_legal_histories_are_accepted_and_reach_every_type, forget),
        cmocka_unit_test_teardown(test_every_breach_is_refused_by_its_rule, forget),
        cmocka_unit_test_teardown(test_folding_in_pieces_is_folding_at_once, forget),
        cmocka_unit_test_teardown(test_a_fold_survives_any_part_of_a_history, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
