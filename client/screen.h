/* screen.h - a verb that takes the terminal over: open and give back, and the keys and signals it
 * waits for. What is drawn stands in screen_draw.h. */
#ifndef CLIENT_SCREEN_H
#define CLIENT_SCREEN_H

#include "trial/base.h"

#include <signal.h>

/**
 * Take the terminal over, and give it back as it was. `verb` is who asks, for the sentence.
 * Fails with UNSUPPORTED: it cannot be drawn on.
 */
TRIAL_MUST_USE trial_code screen_open(const char *verb, trial_error *err);
void screen_close(void);

/** Keys, and the signals that end us or tell of another size of the window, as one descriptor: the
 * terminal is given back before we go. */
typedef struct screen_wakes {
    int signals; /* a signalfd */
    int fd;      /* an epoll of keys and signals */
    sigset_t before;
} screen_wakes;

/** `has_keys`: stdin is watched too, where it is a terminal. Close it, opened or not. */
TRIAL_MUST_USE trial_code screen_wakes_open(screen_wakes *wakes, bool has_keys, trial_error *err);
void screen_wakes_close(screen_wakes *wakes);

/** Take the signals that came; the exit status for one that ends us, else -1. `is_drawn`: the
 * window is fitted where its size changed. */
int screen_wakes_take(screen_wakes *wakes, bool is_drawn);

/** Is the terminal gone? */
bool screen_wakes_is_gone(const screen_wakes *wakes);

#endif
