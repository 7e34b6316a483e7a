/* export.h - the formats of trialctl export: each is told of every event once, in order. */
#ifndef CLIENT_EXPORT_H
#define CLIENT_EXPORT_H

#include "trial/value.h"

#include <stdio.h>

typedef struct export_run {
    FILE *out;
    trial_arena *arena; /* until the end of the run */
    void *state;        /* the format's own */
} export_run;

/** A format. `begin` and `end` may be NULL. */
typedef struct export_format {
    const char *name;
    trial_code (*begin)(export_run *run, trial_error *err);
    /* The event is borrowed for the call. */
    void (*event)(export_run *run, const trial_value *event);
    trial_code (*end)(export_run *run, trial_error *err);
} export_format;

extern const export_format export_xes;
extern const export_format export_ocel;

/** All of them; NULL ends them. */
extern const export_format *const export_formats[];

/** The format of that name, or NULL. */
const export_format *export_format_named(const char *name);

#endif
