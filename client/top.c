/* top.c - trialctl top: the daemon's metrics, live: a screen that redraws itself, a line an
 * interval where it is piped, a document with --json. */
#include "top.h"

#include "ctl.h"
#include "json.h"
#include "screen.h"

#include <sys/epoll.h>
#include <unistd.h>

#define INTERVAL_MS_DEFAULT 1000
#define INTERVAL_MS_MIN 100 /* oftener, what is measured is the measuring */
#define INTERVAL_MS_MAX (24u * 3600u * 1000u)
#define TIMEOUT_MS 2000u /* of a call: keys wait as long where the daemon stands still */
#define HEAD_EVERY 20    /* lines */
#define ARENAS 3u        /* the two answers that are shown, and the one that is asked for */

struct showing {
    ctl_command *ctl;
    top_model model;
    trial_arena arenas[ARENAS];
    uint32_t taken; /* answers so far */
    uint64_t shown; /* intervals so far */
    uint64_t limit; /* 0: none */
    uint64_t interval_ms;
    int64_t next_ms; /* when the daemon is asked next */
    screen_wakes wakes;
    bool is_drawn;
    bool is_over;
    int status;
};

/* Ask the daemon; one that does not answer is waited for, once there was any. */
static trial_code ask(struct showing *s, trial_error *err)
{
    trial_arena *arena = &s->arenas[s->taken % ARENAS];
    trial_value *answer = NULL;
    bool was_away = s->model.is_away;
    trial_code code = ctl_connect(s->ctl, err);

    if (code == TRIAL_OK) {
        trial_arena_reset(arena);
        code = trial_client_call(s->ctl->client, "metrics", NULL, arena, &answer, err);
    }
    s->model.is_away = code != TRIAL_OK;
    if (code == TRIAL_BUSY && s->taken > 0) {
        if (!was_away && !s->is_drawn) {
            ctl_say("the daemon is gone; waiting for it");
        }
        return TRIAL_OK;
    }
    if (code == TRIAL_OK) {
        top_model_take(&s->model, answer);
        s->taken++;
    }
    return code;
}

static void print(struct showing *s)
{
    char text[TOP_TEXT_BYTES];

    if (ctl_is_json(s->ctl)) {
        trial_arena arena = { 0 };

        json_print(stdout, top_model_document(&s->model, &arena));
        trial_arena_done(&arena);
    } else {
        if (s->shown % HEAD_EVERY == 0) {
            top_model_head(text);
            (void)printf("%s\n", text);
        }
        top_model_row(&s->model, text);
        (void)printf("%s\n", text);
    }
    s->is_over = s->is_over || fflush(stdout) != 0; /* whoever watches wants it now */
}

/* Show what there is. On a screen the times since the start come first; a line and a document are
 * of an interval, and there is none before the second answer. */
static void show(struct showing *s)
{
    bool is_interval = s->model.before != NULL && !s->model.is_away;

    if (s->is_drawn) {
        top_screen_draw(&s->model, s->interval_ms);
    } else if (is_interval) {
        print(s);
    }
    s->shown += is_interval ? 1 : 0;
    s->is_over = s->is_over || (s->limit > 0 && s->shown >= s->limit);
}

/* Wait for the next interval, a key or a signal. */
static void wait_for_next(struct showing *s)
{
    struct epoll_event wake;

    for (int64_t left_ms = s->next_ms - ctl_now_ms(); left_ms > 0 && !s->is_over;
         left_ms = s->next_ms - ctl_now_ms()) {
        int status;

        (void)epoll_wait(s->wakes.fd, &wake, 1, (int)left_ms); /* woken or not, all is looked at */
        status = screen_wakes_take(&s->wakes, s->is_drawn);
        if (status >= 0) {
            s->status = status;
            s->is_over = true;
        }
        if (s->is_drawn) {
            s->is_over = s->is_over || top_screen_is_over() || screen_wakes_is_gone(&s->wakes);
            top_screen_draw(&s->model, s->interval_ms);
        }
    }
}

static trial_code run(struct showing *s, trial_error *err)
{
    trial_code code = ask(s, err);

    if (code == TRIAL_OK && s->is_drawn) {
        code = screen_open(s->ctl->verb, err);
        s->is_drawn = code == TRIAL_OK;
    }
    while (code == TRIAL_OK && !s->is_over) {
        s->next_ms = ctl_now_ms() + (int64_t)s->interval_ms;
        show(s);
        wait_for_next(s);
        if (!s->is_over) {
            code = ask(s, err);
        }
    }
    if (s->is_drawn) {
        screen_close();
    }
    return code;
}

/* Read --interval and --limit. Returns 0 or 64. */
static int read_flags(struct showing *s)
{
    const char *interval = s->ctl->values[CTL_INTERVAL];
    const char *limit = s->ctl->values[CTL_LIMIT];

    s->interval_ms = INTERVAL_MS_DEFAULT;
    if (interval != NULL &&
        (!ctl_span_read(interval, &s->interval_ms) || s->interval_ms < INTERVAL_MS_MIN ||
         s->interval_ms > INTERVAL_MS_MAX)) {
        return ctl_usage(s->ctl, "--interval '%s' is no time from 100ms to 1d", interval);
    }
    if (limit != NULL && !ctl_number_read(limit, 1, INT64_MAX, &s->limit)) {
        return ctl_usage(s->ctl, "--limit takes a number, 1 or more");
    }
    return CTL_EXIT_DONE;
}

int ctl_top(ctl_command *ctl)
{
    struct showing s = { .ctl = ctl, .wakes = { .signals = -1, .fd = -1 } };
    trial_error err = TRIAL_ERROR_NONE;
    int status = read_flags(&s);
    trial_code code;

    if (status != CTL_EXIT_DONE) {
        return status;
    }
    ctl->timeout_ms = ctl->timeout_ms == 0 ? TIMEOUT_MS : ctl->timeout_ms;
    s.is_drawn = isatty(STDOUT_FILENO) == 1 && !ctl_is_json(ctl);
    code = screen_wakes_open(&s.wakes, s.is_drawn, &err);
    if (code == TRIAL_OK) {
        code = run(&s, &err);
    }
    if (code != TRIAL_OK) {
        s.status = ctl_fail(ctl, &err);
    }
    screen_wakes_close(&s.wakes);
    for (uint32_t i = 0; i < ARENAS; i++) {
        trial_arena_done(&s.arenas[i]);
    }
    return s.status;
}
