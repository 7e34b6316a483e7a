/* log.c - trialctl log and watch: events, one a line. */
#include "json.h"
#include "reading.h"
#include "render.h"

struct printing {
    bool is_json;
    uint64_t count;
};

static bool print_event(void *context, const trial_value *event)
{
    struct printing *printing = context;

    printing->count++;
    if (printing->is_json) {
        json_write(stdout, event);
        (void)putchar('\n'); /* main.c looks whether everything was written */
    } else {
        render_event_line(stdout, event);
    }
    return ferror(stdout) == 0;
}

/* Read --from and --limit. Returns 0 or 64. */
static int read_bounds(ctl_command *ctl, reading_question *question)
{
    if (ctl_has(ctl, CTL_FROM) &&
        !ctl_number_read(ctl->values[CTL_FROM], 1, INT64_MAX, &question->from)) {
        return ctl_usage(ctl, "--from takes a position, 1 or more");
    }
    if (ctl_has(ctl, CTL_LIMIT) &&
        !ctl_number_read(ctl->values[CTL_LIMIT], 1, INT64_MAX, &question->limit)) {
        return ctl_usage(ctl, "--limit takes a number, 1 or more");
    }
    return CTL_EXIT_DONE;
}

static int follow(ctl_command *ctl, reading_question *question)
{
    struct printing printing = { .is_json = ctl_is_json(ctl) };
    trial_error err = TRIAL_ERROR_NONE;

    if (ctl_has(ctl, CTL_AS_OF) || ctl_has(ctl, CTL_KNOWN_AT)) {
        return ctl_usage(ctl, "what is still to come has no --as-of and no --known-at");
    }
    question->filters = reading_filters(ctl, false);
    if (reading_follow(ctl, question, print_event, &printing, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    return CTL_EXIT_DONE;
}

int ctl_log(ctl_command *ctl)
{
    struct printing printing = { .is_json = ctl_is_json(ctl) };
    reading_question question = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    int status = read_bounds(ctl, &question);

    if (status != CTL_EXIT_DONE) {
        return status;
    }
    if (ctl_has(ctl, CTL_FOLLOW)) {
        question.from = question.from == 0 ? 1 : question.from;
        return follow(ctl, &question);
    }
    question.filters = reading_filters(ctl, true);
    if (reading_walk(ctl, &question, print_event, &printing, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    if (printing.count == 0) {
        ctl_say_since_when(ctl);
    }
    return CTL_EXIT_DONE;
}

int ctl_watch(ctl_command *ctl)
{
    reading_question question = { 0 };

    return follow(ctl, &question);
}
