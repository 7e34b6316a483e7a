/* ctl.h - what the verbs of trialctl share: the command line, the daemon, and how one speaks to a
 * person. Data goes to stdout, talk to stderr. */
#ifndef CLIENT_CTL_H
#define CLIENT_CTL_H

#include "trial/client.h"

#include <stdio.h>

#define CTL_EXIT_DONE 0
#define CTL_EXIT_OTHER 1
#define CTL_EXIT_NOT_FOUND 5
#define CTL_EXIT_LOCAL 6
#define CTL_EXIT_NOT_VERIFIED 8
#define CTL_EXIT_USAGE 64
#define CTL_EXIT_INTERRUPTED 130

#define CTL_TIMEOUT_MS_DEFAULT 5000u
#define CTL_TIMEOUT_MS_LONG (3600u * 1000u) /* verify and rebuild read the whole log */
#define CTL_TYPES_MAX 64                    /* as many as a read takes */
#define CTL_ARGUMENTS_MAX 4096

typedef enum ctl_option {
#define COMMON(UPPER, name, argument, doc) CTL_##UPPER,
#define OPTION(UPPER, name, argument, doc) CTL_##UPPER,
#include "options.def"
    CTL_OPTION_COUNT
} ctl_option;

/** The command line, read, and what was opened for it. */
typedef struct ctl_command {
    const char *verb;
    const char *values[CTL_OPTION_COUNT]; /* NULL where not given; "" for a flag */
    const char *types[CTL_TYPES_MAX];     /* every --type */
    uint32_t type_count;
    const char *arguments[CTL_ARGUMENTS_MAX]; /* behind the verb */
    uint32_t argument_count;
    uint32_t timeout_ms;
    trial_client *client; /* opened by the first call */
    trial_arena arena;    /* until the end of the process, but see ctl_fresh() */
} ctl_command;

typedef int ctl_verb(ctl_command *ctl); /* returns the exit status */

#define CTL_BIT(option) (UINT64_C(1) << (option))

/** A row of verbs.def. */
typedef struct ctl_verb_row {
    const char *name;
    const char *arguments;
    uint32_t least;
    uint32_t most;
    uint64_t options; /* CTL_BIT() of the flags of its own */
    bool uses_time;
    const char *doc;
    ctl_verb *run;
} ctl_verb_row;

typedef struct ctl_option_row {
    const char *name;
    const char *argument; /* NULL: a flag */
    const char *doc;
    bool is_common;
} ctl_option_row;

extern const ctl_verb_row ctl_verbs[];
extern const uint32_t ctl_verb_count;
extern const ctl_option_row ctl_options[CTL_OPTION_COUNT];

static inline bool ctl_has(const ctl_command *ctl, ctl_option option)
{
    return ctl->values[option] != NULL;
}

static inline bool ctl_is_json(const ctl_command *ctl)
{
    return ctl_has(ctl, CTL_JSON);
}

/* talk.c: to the daemon, and to the person */

/** Call the daemon, connecting first where needed; the result lives in ctl->arena. */
TRIAL_MUST_USE trial_code ctl_call(ctl_command *ctl,
                                   const char *method,
                                   const trial_value *params,
                                   trial_value **ret_result,
                                   trial_error *err);
/** The same for a request whose answer takes long: it shows meanwhile how far that is. (admin.c) */
TRIAL_MUST_USE trial_code ctl_call_long(ctl_command *ctl,
                                        const char *method,
                                        const trial_value *params,
                                        trial_value **ret_result,
                                        trial_error *err);
/** How a client is opened, by the flags. */
trial_client_settings ctl_settings(const ctl_command *ctl);
TRIAL_MUST_USE trial_code ctl_connect(ctl_command *ctl, trial_error *err);

/** Print `trialctl: CODE: sentence (...)` and what to do next; returns the exit status. */
int ctl_fail(const ctl_command *ctl, const trial_error *err);

/** Print what is wrong with the command line; returns 64. */
int ctl_usage(const ctl_command *ctl, const char *format, ...) TRIAL_PRINTF(2, 3);

/** Print one sentence to stderr. */
void ctl_say(const char *format, ...) TRIAL_PRINTF(1, 2);

/** Read a length of time: 500ms, 5s, 2m, 1h, 30d; a bare number counts seconds. False: none. */
bool ctl_span_read(const char *text, uint64_t *ret_ms);

/** Read a decimal number in a range. False: it is none. */
bool ctl_number_read(const char *text, uint64_t least, uint64_t most, uint64_t *ret_number);

/** Add as_of and known_at to parameters, as the flags say. */
void ctl_add_times(ctl_command *ctl, trial_value *params);

/** Add types, subject and programme of the flags. */
void ctl_add_filters(ctl_command *ctl, trial_value *params);

/** Nothing was found: if --known-at is earlier than the log's first event, say since when the log
 * knows anything. */
void ctl_say_since_when(ctl_command *ctl);

/** A subject where its kind is known: `ff2` with "programme" is `programme/ff2`. */
trial_text ctl_subject(ctl_command *ctl, const char *word, const char *subject);

/* A line on stderr that shows how far one is; nothing where stderr is no terminal. */
typedef struct ctl_progress {
    bool is_shown;
    int64_t begun_ms;
    int64_t drawn_ms;
} ctl_progress;

void ctl_progress_begin(const ctl_command *ctl, ctl_progress *progress);

/** `done` of `total` (0: not known) decide the bar and the time left; `count` things the rate. */
void ctl_progress_show(
    ctl_progress *progress, const char *what, uint64_t done, uint64_t total, uint64_t count);
void ctl_progress_clear(ctl_progress *progress); /* before other talk, and at the end */
int64_t ctl_now_ms(void);

/* verbs */
#define VERB(lower, ...) ctl_verb ctl_##lower;
#include "verbs.def"

#endif
