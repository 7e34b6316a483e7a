/* watch.c - `trialctl watch` on a terminal: events as they come, and the views that follow them. */
#include "watch.h"

#include "reading.h"
#include "trial/limits.h"
#include "views.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define REFRESH_MS 500   /* the views are asked again so often at most, while events come */
#define LOOK_MS 1000     /* and the clock is looked at so often: days end */
#define TIMEOUT_MS 2000u /* of a call: keys wait as long where the daemon stands still */
#define FIRST_EVENTS 100 /* of the past, shown at once */
#define BURST 256        /* messages taken before keys and screen have their turn */
#define SILENCE_MS (4 * TRIAL_HEARTBEAT_MS) /* so long without a word: the daemon is gone */
#define CREDIT_BACK (TRIAL_CREDIT_DEFAULT / 2)

struct watching {
    ctl_command *ctl;
    watch_model model;
    trial_arena other; /* ctl->arena and this one take turns: each refresh is made in a fresh one */
    trial_arena message; /* what one message brings */
    uint64_t next;       /* the first position that did not come yet; 0: never connected */
    int64_t subscription;
    int64_t heard_ms; /* when the daemon was last heard */
    int64_t asked_ms; /* when the views were asked */
    uint32_t used;    /* credit that was not given back yet */
    uint32_t page;    /* events that there is room for */
    bool is_behind;   /* events came since the views were asked */
    bool is_over;
};

static void say(struct watching *w, const char *sentence)
{
    (void)snprintf(w->model.trouble, sizeof w->model.trouble, "%s", sentence);
}

static void set_number(trial_arena *arena, trial_value *map, const char *name, uint64_t number)
{
    trial_value_set(arena, map, name, trial_value_unsigned(arena, number));
}

static void keep_all(struct watching *w, const trial_value *events)
{
    for (uint32_t i = 0; events != NULL && i < events->as.list.count; i++) {
        watch_model_keep(&w->model, events->as.list.items[i]);
    }
}

/* The newest events of the past, the oldest of them first. */
static trial_code read_past(struct watching *w, trial_error *err)
{
    trial_arena *arena = &w->ctl->arena;
    trial_value *params = reading_filters(w->ctl, false);
    trial_value *result = NULL;
    trial_value *events;
    trial_code code;

    trial_value_set(arena, params, "backwards", trial_value_truth(arena, true));
    set_number(arena, params, "from", w->model.head);
    set_number(arena, params, "limit", FIRST_EVENTS);
    code = ctl_call(w->ctl, "read", params, &result, err);
    events = trial_value_get(result, "events");
    for (uint32_t i = 0; code == TRIAL_OK && events != NULL && i < events->as.list.count / 2; i++) {
        uint32_t j = events->as.list.count - 1 - i;
        trial_value *one = events->as.list.items[i];

        events->as.list.items[i] = events->as.list.items[j];
        events->as.list.items[j] = one;
    }
    if (code == TRIAL_OK) {
        keep_all(w, events);
    }
    return code;
}

/* Subscribe to what did not come yet. The first time that is what comes behind today's head. */
static trial_code subscribe(struct watching *w, trial_error *err)
{
    trial_arena *arena = &w->ctl->arena;
    trial_value *result = NULL;
    trial_value *params = reading_filters(w->ctl, false);
    trial_code code = ctl_call(w->ctl, "status", NULL, &result, err);

    if (code == TRIAL_OK) {
        w->model.head = (uint64_t)trial_value_get_integer(result, "head");
    }
    if (code == TRIAL_OK && w->next == 0) {
        w->next = w->model.head + 1;
        code = w->model.head == 0 ? TRIAL_OK : read_past(w, err);
    }
    if (code == TRIAL_OK) {
        set_number(arena, params, "from", w->next);
        set_number(arena, params, "credit", TRIAL_CREDIT_DEFAULT);
        code = ctl_call(w->ctl, "subscribe", params, &result, err);
    }
    if (code == TRIAL_OK) {
        w->subscription = trial_value_get_integer(result, "subscription");
        w->used = 0;
        w->is_behind = true;
        say(w, "");
    }
    w->heard_ms = ctl_now_ms();
    return code;
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

static trial_code take_message(struct watching *w, const trial_message *message, trial_error *err)
{
    const trial_value *events = trial_value_get(message->value, "events");
    uint64_t head = (uint64_t)trial_value_get_integer(message->value, "head");
    trial_value *params;

    if (!message->is_notification ||
        trial_value_get_integer(message->value, "subscription") != w->subscription) {
        return TRIAL_OK;
    }
    w->model.head = head > w->model.head ? head : w->model.head;
    if (events == NULL || events->kind != TRIAL_VALUE_LIST || events->as.list.count == 0) {
        return TRIAL_OK;
    }
    keep_all(w, events);
    w->is_behind = true;
    w->used += events->as.list.count;
    w->next = (uint64_t)trial_value_get_integer(events->as.list.items[events->as.list.count - 1],
                                                "position") +
              1;
    if (w->used < CREDIT_BACK) {
        return TRIAL_OK;
    }
    params = trial_value_map(&w->message);
    set_number(&w->message, params, "subscription", (uint64_t)w->subscription);
    set_number(&w->message, params, "add", w->used);
    w->used = 0;
    return trial_client_notify(w->ctl->client, "credit", params, err);
}

/* Take what came, as far as a burst goes. BUSY is no failure: nothing more has come. */
static trial_code take_messages(struct watching *w, trial_error *err)
{
    for (int i = 0; i < BURST; i++) {
        trial_message message;
        trial_code code;

        trial_arena_reset(&w->message);
        code = trial_client_receive(w->ctl->client, 0, true, &w->message, &message, err);
        if (code != TRIAL_OK) {
            return code == TRIAL_BUSY ? TRIAL_OK : code;
        }
        w->heard_ms = ctl_now_ms();
        code = take_message(w, &message, err);
        if (code != TRIAL_OK && code != TRIAL_BUSY) { /* the silence will show it */
            return code;
        }
    }
    return TRIAL_OK;
}

/* What the daemon has to say; one that went away is asked again. Fails where it refuses. */
static trial_code listen(struct watching *w, trial_error *err)
{
    int64_t now_ms = ctl_now_ms();
    trial_code code = take_messages(w, err);

    if (code == TRIAL_OK && now_ms - w->heard_ms > SILENCE_MS) {
        say(w, "the daemon is gone; waiting for it");
        (void)watch_screen_draw(&w->model); /* the call takes its time */
        code = subscribe(w, err);
    }
    if (code == TRIAL_OK && w->model.trouble[0] == '\0' && w->is_behind &&
        now_ms - w->asked_ms >= REFRESH_MS) {
        code = refresh(w, err);
    }
    return code == TRIAL_BUSY ? TRIAL_OK : code; /* asked again after the next silence */
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

/* The signals that end us, as a descriptor: the terminal is given back before we go. */
static int open_signals(sigset_t *ret_before)
{
    sigset_t set;

    (void)sigemptyset(&set); /* these fail only for what is no signal */
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, ret_before);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Show, wait, and take what came, until a key or a signal ends it. Returns the exit status. */
static int show(struct watching *w, int signals)
{
    struct pollfd fds[] = { { .fd = trial_client_fd(w->ctl->client), .events = POLLIN },
                            { .fd = signals, .events = POLLIN },
                            { .fd = isatty(STDIN_FILENO) == 1 ? STDIN_FILENO : -1,
                              .events = POLLIN } };
    struct signalfd_siginfo what;
    trial_error err = TRIAL_ERROR_NONE;

    while (!w->is_over) {
        look_at_clock(w);
        if (listen(w, &err) != TRIAL_OK) {
            watch_screen_close();
            return ctl_fail(w->ctl, &err);
        }
        for (watch_key key = watch_screen_key(); key != WATCH_KEY_NONE; key = watch_screen_key()) {
            obey(w, key);
        }
        w->page = watch_screen_draw(&w->model);
        if (!w->is_over && poll(fds, 3, w->is_behind ? REFRESH_MS : LOOK_MS) < 0 &&
            errno != EINTR) {
            break; /* no memory for it: there is nothing to go on with */
        }
        if (read(signals, &what, sizeof what) == (ssize_t)sizeof what) {
            return what.ssi_signo == SIGINT ? CTL_EXIT_INTERRUPTED : 128 + (int)what.ssi_signo;
        }
        w->is_over = w->is_over || (fds[2].revents & (POLLHUP | POLLERR)) != 0;
    }
    return CTL_EXIT_DONE;
}

int watch_run(ctl_command *ctl)
{
    struct watching w = { .ctl = ctl };
    sigset_t before;
    int signals = open_signals(&before);
    trial_error err = TRIAL_ERROR_NONE;
    int status;

    ctl->timeout_ms = ctl->timeout_ms == 0 ? TIMEOUT_MS : ctl->timeout_ms;
    if (ctl_has(ctl, CTL_PROGRAMME)) {
        (void)snprintf(
            w.model.programme, sizeof w.model.programme, "%s", ctl->values[CTL_PROGRAMME]);
    }
    if (signals < 0) {
        ctl_say("signals: %s", strerrordesc_np(errno));
        return CTL_EXIT_OTHER;
    }
    if (subscribe(&w, &err) != TRIAL_OK || watch_screen_open(&err) != TRIAL_OK) {
        status = ctl_fail(ctl, &err);
    } else {
        status = show(&w, signals);
        watch_screen_close();
    }
    (void)close(signals); /* nothing was written to it */
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    watch_model_done(&w.model);
    trial_arena_done(&w.other);
    trial_arena_done(&w.message);
    return status;
}
