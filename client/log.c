/* log.c - trialctl log and watch: events, one a line. */
#include "json.h"
#include "reading.h"
#include "render.h"
#include "watch.h"

#include <unistd.h>

#define FEED_WAIT_MS 1000

struct printing {
    bool is_json;
    uint64_t count;
};

static bool print_event(void *context, const trial_value *event)
{
    struct printing *printing = context;

    printing->count++;
    if (printing->is_json) {
        json_print(stdout, event);
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

/* Is `text` the filter, or does it begin with it where the filter ends in `mark`? */
static bool fits(trial_text text, const char *filter, char mark)
{
    trial_text wanted = trial_text_of(filter);
    bool is_prefix = wanted.size > 0 && wanted.at[wanted.size - 1] == mark;

    return is_prefix ? trial_text_starts(text, wanted) : trial_text_equal(text, wanted);
}

/* The feed has every event; the flags choose here. */
static bool is_chosen(const ctl_command *ctl, const trial_value *event)
{
    bool has_type = ctl->type_count == 0;

    for (uint32_t i = 0; i < ctl->type_count && !has_type; i++) {
        has_type = fits(trial_value_get_text(event, "type"), ctl->types[i], '.');
    }
    return has_type &&
           (!ctl_has(ctl, CTL_SUBJECT) ||
            fits(trial_value_get_text(event, "subject"), ctl->values[CTL_SUBJECT], '/'));
}

static int watch_feed(ctl_command *ctl)
{
    struct printing printing = { .is_json = ctl_is_json(ctl) };
    trial_client_settings settings = ctl_settings(ctl);
    trial_arena arena = { 0 };
    trial_feed *feed = NULL;
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code = trial_feed_open(&settings, 0, &feed, &err);
    bool goes_on = true;

    while (code == TRIAL_OK && goes_on) {
        trial_value *event = NULL;

        trial_arena_reset(&arena);
        code = trial_feed_next(feed, FEED_WAIT_MS, &arena, &event, &err);
        if (code == TRIAL_OK && is_chosen(ctl, event)) {
            goes_on = print_event(&printing, event);
            (void)fflush(stdout); /* whoever watches wants it now; main.c looks for errors */
        }
        if (code == TRIAL_BUSY) {
            code = TRIAL_OK; /* the daemon may come back; what was missed is read then */
        }
    }
    trial_feed_close(feed);
    trial_arena_done(&arena);
    return code == TRIAL_OK ? CTL_EXIT_DONE : ctl_fail(ctl, &err);
}

int ctl_watch(ctl_command *ctl)
{
    reading_question question = { 0 };

    if (!ctl_has(ctl, CTL_FEED)) {
        return isatty(STDOUT_FILENO) == 1 && !ctl_is_json(ctl) ? watch_run(ctl)
                                                               : follow(ctl, &question);
    }
    if (ctl_has(ctl, CTL_PROGRAMME)) {
        return ctl_usage(ctl, "the feed knows no --programme; leave out --feed");
    }
    return watch_feed(ctl);
}
