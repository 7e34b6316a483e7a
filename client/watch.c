/* watch.c - `trialctl watch` on a terminal: events as they come, and the views that follow them. */
#include "watch.h"

#include "reading.h"
#include "screen.h"
#include "trial/subscriber.h"
#include "views.h"

#include <time.h>

#define REFRESH_MS 500   /* the views are asked again so often at most, while events come */
#define LOOK_MS 1000     /* and the clock is looked at so often: days end */
#define TIMEOUT_MS 2000u /* of a call: keys wait as long where the daemon stands still */
#define FIRST_EVENTS 100 /* of the past, shown at once */
#define BURST 256        /* events taken before keys and screen have their turn */

struct watching {
    ctl_command *ctl;
    watch_model model;
    trial_subscriber *subscriber;
    trial_arena other; /* ctl->arena and this one take turns: each refresh is made in a fresh one */
    int64_t asked_ms;  /* when the views were asked */
    screen_wakes wakes;
    uint32_t page;  /* events that there is room for */
    bool is_behind; /* events came since the views were asked */
    bool is_over;
    int status;
};

/* The newest events of the past, the oldest of them first. */
static trial_code read_past(struct watching *w, trial_error *err)
{
    trial_arena *arena = &w->ctl->arena;
    trial_value *params = reading_filters(w->ctl, false);
    trial_value *result = NULL;
    const trial_value *events;
    trial_code code;

    trial_value_set(arena, params, "backwards", trial_value_truth(arena, true));
    trial_value_set(arena, params, "from", trial_value_unsigned(arena, w->model.head));
    trial_value_set(arena, params, "limit", trial_value_unsigned(arena, FIRST_EVENTS));
    code = ctl_call(w->ctl, "read", params, &result, err);
    events = trial_value_get(result, "events");
    for (uint32_t i = code != TRIAL_OK || events == NULL ? 0 : events->as.list.count; i > 0; i--) {
        const trial_value *event = events->as.list.items[i - 1];
        const trial_replayed kept = {
            .position = (uint64_t)trial_value_get_integer(event, "position"),
            .time = trial_value_get_text(event, "time"),
            .type = trial_value_get_text(event, "type"),
            .subject = trial_value_get_text(event, "subject"),
            .source = trial_value_get_text(event, "source"),
        };

        watch_model_keep(&w->model, &kept);
    }
    return code;
}

/* Show what the log ends with, and follow it from there on. */
static trial_code begin(struct watching *w, trial_error *err)
{
    trial_client_settings settings = ctl_settings(w->ctl);
    trial_subscriber_settings wanted = { .stop_fd = w->wakes.fd };
    trial_value *result = NULL;
    trial_code code = ctl_call(w->ctl, "status", NULL, &result, err);

    if (code != TRIAL_OK) {
        return code;
    }
    w->model.head = (uint64_t)trial_value_get_integer(result, "head");
    if (w->model.head > 0) {
        code = read_past(w, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    wanted.from = w->model.head + 1;
    wanted.filters = reading_filters(w->ctl, false);
    w->is_behind = true;
    return trial_subscriber_open(&settings, &wanted, &w->subscriber, err);
}

/* Ask the views again, in a fresh arena: the rows that are shown stay until there are others. */
static trial_code refresh(struct watching *w, trial_error *err)
{
    trial_arena kept = w->ctl->arena;
    trial_value *funnels = NULL;
    trial_value *networks = NULL;
    trial_value *due = NULL;
    uint32_t count = 0;
    trial_code code;

    trial_arena_reset(&w->other);
    w->ctl->arena = w->other;
    code = views_rows(w->ctl, "funnel", NULL, NULL, 0, NULL, &funnels, err);
    if (code == TRIAL_OK) {
        code = views_rows(w->ctl, "network", NULL, NULL, 0, NULL, &networks, err);
    }
    if (code == TRIAL_OK) {
        code = views_due(w->ctl, WATCH_DUE_DAYS, &count, &due, err);
    }
    w->asked_ms = ctl_now_ms();
    if (code != TRIAL_OK) {
        w->other = w->ctl->arena;
        w->ctl->arena = kept;
        return code;
    }
    w->other = kept;
    w->model.funnels = funnels;
    w->model.networks = networks;
    w->model.due = due;
    w->is_behind = false;
    if (w->model.programme[0] == '\0') {
        watch_model_next(&w->model);
    }
    return TRIAL_OK;
}

/* Wait for events at most so long and take them, as far as a burst goes. BUSY is no failure:
 * nothing more has come. */
static trial_code take_events(struct watching *w, uint32_t wait_ms, trial_error *err)
{
    for (int i = 0; i < BURST; i++) {
        const trial_replayed *event = NULL;
        trial_code code = trial_subscriber_next(w->subscriber, i == 0 ? wait_ms : 0, &event, err);

        if (code != TRIAL_OK || event == NULL) {
            return code == TRIAL_BUSY ? TRIAL_OK : code;
        }
        watch_model_keep(&w->model, event);
        w->is_behind = true;
    }
    return TRIAL_OK;
}

/* What the daemon has to say; the subscriber waits for one that went away. */
static trial_code listen(struct watching *w, uint32_t wait_ms, trial_error *err)
{
    trial_code code = take_events(w, wait_ms, err);
    trial_subscriber_state is = trial_subscriber_look(w->subscriber);

    w->model.head = is.head > w->model.head ? is.head : w->model.head;
    w->model.is_away = !is.is_connected;
    if (code == TRIAL_OK && is.is_connected && w->is_behind &&
        ctl_now_ms() - w->asked_ms >= REFRESH_MS) {
        code = refresh(w, err);
    }
    return code == TRIAL_BUSY ? TRIAL_OK : code; /* the next round asks again */
}

/* A day that ended makes dates late, though nothing happened. */
static void look_at_clock(struct watching *w)
{
    char day[TRIAL_DATE_TEXT_BYTES];

    trial_date_write(trial_date_of((trial_instant)time(NULL) * TRIAL_NS_PER_S), day);
    if (strcmp(day, w->model.day) != 0) {
        memcpy(w->model.day, day, sizeof day);
        w->is_behind = true;
    }
}

static void obey(struct watching *w, watch_key key)
{
    int64_t page = w->page == 0 ? 1 : w->page;

    switch (key) {
    case WATCH_KEY_QUIT:
        w->is_over = true;
        break;
    case WATCH_KEY_PROGRAMME:
        watch_model_next(&w->model);
        break;
    case WATCH_KEY_UP:
        watch_model_scroll(&w->model, -1, w->page);
        break;
    case WATCH_KEY_DOWN:
        watch_model_scroll(&w->model, 1, w->page);
        break;
    case WATCH_KEY_PAGE_UP:
        watch_model_scroll(&w->model, -page, w->page);
        break;
    case WATCH_KEY_PAGE_DOWN:
        watch_model_scroll(&w->model, page, w->page);
        break;
    case WATCH_KEY_NEWEST:
        w->model.back = 0;
        break;
    case WATCH_KEY_NONE:
    case WATCH_KEY_OTHER:
        break;
    }
}

static void take_keys(struct watching *w)
{
    for (watch_key key = watch_screen_key(); key != WATCH_KEY_NONE; key = watch_screen_key()) {
        obey(w, key);
    }
    w->is_over = w->is_over || screen_wakes_is_gone(&w->wakes);
}

/* Show, wait, and take what came, until a key or a signal ends it. */
static trial_code show(struct watching *w, trial_error *err)
{
    trial_code code = TRIAL_OK;
    int status;

    for (uint32_t wait_ms = 0; code == TRIAL_OK && !w->is_over;
         wait_ms = w->is_behind ? REFRESH_MS : LOOK_MS) {
        look_at_clock(w);
        code = listen(w, wait_ms, err);
        status = screen_wakes_take(&w->wakes, true);
        if (status >= 0) {
            w->is_over = true;
            w->status = status;
        }
        take_keys(w);
        w->page = watch_screen_draw(&w->model);
    }
    return code;
}

static void end(struct watching *w)
{
    trial_subscriber_close(w->subscriber);
    screen_wakes_close(&w->wakes);
    watch_model_done(&w->model);
    trial_arena_done(&w->other);
}

int watch_run(ctl_command *ctl)
{
    struct watching w = { .ctl = ctl,
                          .wakes = { .signals = -1, .fd = -1 },
                          .status = CTL_EXIT_DONE };
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code;

    ctl->timeout_ms = ctl->timeout_ms == 0 ? TIMEOUT_MS : ctl->timeout_ms;
    if (ctl_has(ctl, CTL_PROGRAMME)) {
        (void)snprintf(
            w.model.programme, sizeof w.model.programme, "%s", ctl->values[CTL_PROGRAMME]);
    }
    code = screen_wakes_open(&w.wakes, true, &err);
    if (code == TRIAL_OK) {
        code = begin(&w, &err);
    }
    if (code == TRIAL_OK) {
        code = screen_open(ctl->verb, &err);
        if (code == TRIAL_OK) {
            code = show(&w, &err);
            screen_close();
        }
    }
    if (code != TRIAL_OK) {
        w.status = ctl_fail(ctl, &err);
    }
    end(&w);
    return w.status;
}
