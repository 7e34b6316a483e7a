/* watch.h - what `trialctl watch` shows on a terminal: the newest events and what they add up to,
 * and the screen it is drawn on. */
#ifndef CLIENT_WATCH_H
#define CLIENT_WATCH_H

#include "ctl.h"
#include "trial/time.h"

#define WATCH_EVENTS_MAX 500u /* kept for scrolling back; `log` has them all */
#define WATCH_TEXT_BYTES 320u /* of a text that is kept: subject and source are no longer */
#define WATCH_DUE_DAYS 30

/** One event, in words that outlive the message that brought it. */
typedef struct watch_event {
    int64_t position;
    char time[WATCH_TEXT_BYTES];
    char type[WATCH_TEXT_BYTES];
    char subject[WATCH_TEXT_BYTES];
    char source[WATCH_TEXT_BYTES];
} watch_event;

/** All that a screen shows. Zero-initialise, then watch_model_done(). */
typedef struct watch_model {
    watch_event *events; /* a ring: the one numbered n, from 0, lies at n % WATCH_EVENTS_MAX */
    uint64_t event_count;
    uint64_t back;               /* so many of the newest are scrolled out of sight */
    uint64_t head;               /* of the log, the last we heard of */
    const trial_value *funnels;  /* rows of the views, borrowed; NULL before the first ones */
    const trial_value *networks; /* of every programme */
    const trial_value *due;      /* overdue, or due within WATCH_DUE_DAYS; the earliest first */
    char programme[WATCH_TEXT_BYTES]; /* whose funnel, networks and dates are shown; "" for none */
    char day[TRIAL_DATE_TEXT_BYTES];  /* today, the one that dates are judged by */
    bool is_away;                     /* the daemon is gone and waited for */
} watch_model;

void watch_model_done(watch_model *model);

/** Keep one more event; the oldest goes. What is being looked at stays in sight. */
void watch_model_keep(watch_model *model, const trial_replayed *event);

/** The n-th event from the newest, 0 the newest; NULL where it is not kept. */
const watch_event *watch_model_event(const watch_model *model, uint64_t n);

/** The row of the funnel that is shown; NULL where there is none. */
const trial_value *watch_model_funnel(const watch_model *model);

/** Show the programme behind the one that is shown; where none is, the last by its name. */
void watch_model_next(watch_model *model);

/** Scroll by so many events, back where `by` is positive; no further than `page` from the oldest.
 */
void watch_model_scroll(watch_model *model, int64_t by, uint32_t page);

typedef enum watch_key {
    WATCH_KEY_NONE,
    WATCH_KEY_OTHER, /* one without a meaning, or the window changed */
    WATCH_KEY_QUIT,
    WATCH_KEY_PROGRAMME,
    WATCH_KEY_UP,
    WATCH_KEY_DOWN,
    WATCH_KEY_PAGE_UP,
    WATCH_KEY_PAGE_DOWN,
    WATCH_KEY_NEWEST,
} watch_key;

/** The next key that was pressed, without waiting. */
watch_key watch_screen_key(void);

/** Draw the model in place; only what changed goes to the terminal. Returns how many events it
 * had room for. */
uint32_t watch_screen_draw(const watch_model *model);

/** `watch` on a terminal, until a key or a signal ends it. Returns the exit status. */
int watch_run(ctl_command *ctl);

#endif
