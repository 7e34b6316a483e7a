/* load.h - the one load generator: the same loop drives every peer, each through its own library.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_CLIENTS_MAX 64u
#define LOAD_WINDOW_MAX 4096u
#define LOAD_SUBJECTS_MAX 10000000u
#define LOAD_EACH_MAX 1000000u
#define LOAD_ID_BYTES 37u
#define LOAD_SUBJECT_BYTES 32u
#define LOAD_TIME_BYTES 25u

/** What the command line asks for. */
typedef struct load_settings {
    const char *endpoint; /* of the server, as its library takes it */
    const char *form;     /* what the driver does an event, or NULL for the plain one */
    const char *prefix;   /* of the subjects' names */
    const char *state; /* file of the subjects' revisions, kept from run to run; NULL: all are 0 */
    uint32_t clients;
    uint32_t window;   /* events without acknowledgement that a client may have */
    uint32_t subjects; /* busy ones, shared out among the clients */
    uint32_t bytes;    /* payload of an event */
    double seconds;
    uint32_t each;  /* so many events a subject, whatever time it takes; 0: for `seconds` */
    bool is_random; /* identifiers are chance alone; else they begin with the time */
    void *common;   /* of the driver's: what all its connections share, or NULL */
} load_settings;

/** One event to be appended. */
typedef struct load_event {
    const char *subject;        /* name, terminated */
    char id[LOAD_ID_BYTES];     /* a UUID, version 7 or 4, terminated */
    char time[LOAD_TIME_BYTES]; /* RFC 3339 in UTC, milliseconds, terminated */
    uint64_t revision;          /* events the subject has already */
} load_event;

/** One peer. A connection belongs to one thread; acknowledgements come in the order of sending. */
typedef struct load_driver {
    void *(*open)(const load_settings *settings, uint32_t client); /* connected when it returns */
    void (*send)(void *connection, const load_event *event);
    void (*flush)(void *connection); /* after each burst of sends; NULL: nothing to do */
    void (*await)(void *connection); /* the acknowledgement of the oldest event */
    void (*close)(void *connection);
    bool is_batch; /* a full window is one transaction: none is begun before the last is answered */
} load_driver;

/** Read the command line; what is wrong with it ends the program with status 64. */
load_settings load_options(int count, char **words);

/** Run the driver and print one line of JSON: rate, p50, p99, max (microseconds), events, seconds.
 */
void load_run(const load_driver *driver, const load_settings *settings);

/** Say what is wrong and end the program with status 1. */
_Noreturn void load_fail(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

/** Letters, terminated; release with free(). */
char *load_text(size_t size);

/** The form asked for, as its index in `forms` (NULL ends them; the first one is the default). */
uint32_t load_form(const load_settings *settings, const char *const *forms);

uint64_t load_now_ns(void); /* monotonic */

/** Latencies in nanoseconds. */
typedef struct load_latencies {
    uint64_t *values;
    size_t count;
    size_t room;
    bool is_sorted;
} load_latencies;

void load_note(load_latencies *latencies, uint64_t ns);
void load_join(load_latencies *all, const load_latencies *part);

/** Microseconds below which that share of them lies; nearest rank, 0 where there are none. */
double load_percentile(load_latencies *latencies, double share);

/** Print the line of JSON, release. */
void load_report(load_latencies *latencies, uint64_t events, double seconds);

#endif
