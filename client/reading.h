/* reading.h - events of the log, page by page or as they come. */
#ifndef CLIENT_READING_H
#define CLIENT_READING_H

#include "ctl.h"

/** Takes one event, borrowed for the call. Returns false to end the walk. */
typedef bool reading_visit(void *context, const trial_value *event);

typedef struct reading_question {
    trial_value *filters; /* a map of read's parameters, without from and limit; in ctl->arena */
    uint64_t from;        /* 0: the beginning; when following, only new ones */
    uint64_t limit;       /* 0: no limit */
    bool keeps;           /* events live in ctl->arena; else until the visit is over */
} reading_question;

/** The filters and times of the flags. */
trial_value *reading_filters(ctl_command *ctl, bool with_times);

/** Visit the events there are now, in the order of the log. */
TRIAL_MUST_USE trial_code reading_walk(ctl_command *ctl,
                                       const reading_question *question,
                                       reading_visit *visit,
                                       void *context,
                                       trial_error *err);

/**
 * Visit events from `from` on and go on with new ones, without gaps or repeats; a daemon that goes
 * away is asked again when it is back. Ends when the limit is reached or visit says so.
 */
TRIAL_MUST_USE trial_code reading_follow(ctl_command *ctl,
                                         const reading_question *question,
                                         reading_visit *visit,
                                         void *context,
                                         trial_error *err);

#endif
