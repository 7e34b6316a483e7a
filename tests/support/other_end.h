/* other_end.h - a subscriber of libtrial on a connection and a clock of the test's own: no socket
 * is opened, no time passes but what the subscriber waits for. */
#ifndef OTHER_END_H
#define OTHER_END_H

#include "test.h"

#include "lib.h"
#include "trial/subscriber.h"

#define SAID_MAX 64
#define COMING_MAX 64
#define LONG_MS 600000u

/* What the subscriber has said: a request or a notification. */
struct other_said {
    char method[16];
    int64_t number; /* from, position or add; of another one 0 */
    bool takes_over;
    int64_t at_ms;
};

/* What is on its way to it. */
struct other_coming {
    bool is_answer;
    uint32_t msgid;
    trial_code code;
    char method[16];
    pack_writer bytes;
};

struct trial_client {
    int number;
};

extern struct other {
    int64_t now_ms;
    int opened;
    bool is_open;
    int64_t opened_ms[SAID_MAX];
    struct other_said said[SAID_MAX];
    size_t said_count;
    struct other_coming coming[COMING_MAX];
    size_t coming_count;
    size_t taken;
    const char *log;
    uint64_t head;
    uint64_t position;   /* of a named one, as the daemon keeps it */
    trial_code refusals; /* what the next ones are told */
    int refused;         /* so many requests of that method */
    const char *refused_method;
    bool has_heartbeats;
    bool is_stopped;
    int fd; /* of the connection */
    struct trial_client client;
} other;

/** Open a subscriber, with nothing said yet and a new clock; and end it. */
trial_subscriber *other_subscribe(const trial_subscriber_settings *how);
void other_end(trial_subscriber *s);

/** What comes to it next: nothing of sense, a notification without more, events. */
struct other_coming *other_bring(const char *method);
void other_bring_word(const char *method);
void other_bring_end(const char *code); /* NULL: of a daemon that says none */
void other_bring_events(uint64_t from, uint64_t to, bool is_replayed);

void other_assert_next(trial_subscriber *s, uint64_t position);
void other_assert_fails(trial_subscriber *s, uint32_t timeout_ms, trial_code code, const char *say);

/** Connect, and take what there is: nothing. */
void other_connect(trial_subscriber *s);

/** What it said last of that kind (NULL: nothing), and how often. */
const struct other_said *other_last(const char *method);
size_t other_count(const char *method);

#endif
