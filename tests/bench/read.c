/* read.c - see read.h.
 *
 *   replay ENDPOINT                           the log from its beginning to its end
 *   history ENDPOINT PREFIX SUBJECTS EVENTS SECONDS  one subject after the other, by chance
 *   push ENDPOINT SUBSCRIBERS RATE SECONDS    one publisher, one event at a time; RATE 0: flat out
 *   query ENDPOINT SECONDS                    one question every five milliseconds */
#include "read.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SUBSCRIBERS_MAX 256u
#define LOST_NS UINT64_C(10000000000) /* an event that comes later than this is lost */
#define POLL_MS 100
#define QUERY_EVERY_NS 5000000u

static int replay(const read_driver *driver, char **words)
{
    void *connection = driver->open(words[0]);
    load_latencies none = { 0 };
    uint64_t begin_ns = load_now_ns();
    uint64_t events = driver->replay(connection);

    load_report(&none, events, (double)(load_now_ns() - begin_ns) / 1e9);
    driver->close(connection);
    return 0;
}

static int history(const read_driver *driver, char **words)
{
    void *connection = driver->open(words[0]);
    uint32_t subjects = (uint32_t)strtoul(words[2], NULL, 10);
    uint32_t wanted = (uint32_t)strtoul(words[3], NULL, 10);
    double seconds = strtod(words[4], NULL);
    load_latencies all = { 0 };
    uint64_t begin_ns = load_now_ns();
    uint64_t now_ns = begin_ns;
    uint64_t dice = begin_ns | 1;

    while ((double)(now_ns - begin_ns) < seconds * 1e9) {
        char subject[64];
        uint64_t asked_ns;

        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (void)snprintf(subject, sizeof subject, "%s%06u", words[1], (uint32_t)(dice % subjects));
        asked_ns = load_now_ns();
        if (driver->history(connection, subject) != wanted) {
            load_fail("%s has not %u events", subject, wanted);
        }
        now_ns = load_now_ns();
        load_note(&all, now_ns - asked_ns);
    }
    load_report(&all, all.count, (double)(now_ns - begin_ns) / 1e9);
    driver->close(connection);
    return 0;
}

static void sleep_until(uint64_t when_ns)
{
    const struct timespec when = { .tv_sec = (time_t)(when_ns / 1000000000u),
                                   .tv_nsec = (long)(when_ns % 1000000000u) };

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR) {
        continue;
    }
}

struct publisher {
    const read_driver *driver;
    const char *endpoint;
    uint64_t every_ns; /* 0: flat out */
    double seconds;
    pthread_t thread;
    load_latencies acknowledged;
    uint64_t took_ns;
    _Atomic bool has_ended;
};

static void *publish(void *given)
{
    struct publisher *p = given;
    void *connection = p->driver->open(p->endpoint);
    uint64_t begin_ns = load_now_ns();
    uint64_t now_ns = begin_ns;

    for (uint64_t i = 0; (double)(now_ns - begin_ns) < p->seconds * 1e9; i++) {
        uint64_t stamp;

        if (p->every_ns != 0) {
            sleep_until(begin_ns + i * p->every_ns);
        }
        stamp = load_now_ns();
        p->driver->publish(connection, stamp);
        now_ns = load_now_ns();
        load_note(&p->acknowledged, now_ns - stamp);
    }
    p->took_ns = now_ns - begin_ns;
    p->driver->close(connection);
    p->has_ended = true;
    return NULL;
}

static uint32_t take_from(const read_driver *driver, void *connection, load_latencies *pushed)
{
    static uint64_t stamps[READ_STAMPS_MAX];
    uint32_t count = driver->take(connection, stamps);
    uint64_t now_ns = load_now_ns();

    for (uint32_t i = 0; i < count; i++) {
        load_note(pushed, now_ns - stamps[i]);
    }
    return count;
}

/* Take what comes until every subscriber has had every event. A descriptor may be ZeroMQ's, which
 * speaks up at a change only: so everybody is looked at once before the first wait. */
static void
listen_to_all(struct publisher *p, void **connections, uint32_t subscribers, load_latencies *pushed)
{
    struct pollfd fds[SUBSCRIBERS_MAX];
    uint64_t had = 0;
    uint64_t heard_ns = load_now_ns();

    for (uint32_t i = 0; i < subscribers; i++) {
        fds[i] = (struct pollfd){ .fd = p->driver->fd(connections[i]),
                                  .events = POLLIN,
                                  .revents = p->driver->is_edge ? POLLIN : 0 };
    }
    while (!p->has_ended || had < (uint64_t)p->acknowledged.count * subscribers) {
        uint64_t before = had;

        for (uint32_t i = 0; i < subscribers; i++) {
            had += fds[i].revents == 0 ? 0 : take_from(p->driver, connections[i], pushed);
        }
        heard_ns = had > before ? load_now_ns() : heard_ns;
        if (p->has_ended && load_now_ns() - heard_ns > LOST_NS) {
            load_fail("%llu events came", (unsigned long long)had);
        }
        (void)poll(
            fds, subscribers, POLL_MS); /* nothing ready is no failure: the end may have come */
    }
}

static int push(const read_driver *driver, char **words)
{
    uint32_t subscribers = (uint32_t)strtoul(words[1], NULL, 10);
    double rate = strtod(words[2], NULL);
    struct publisher p = { .driver = driver,
                           .endpoint = words[0],
                           .every_ns = rate > 0 ? (uint64_t)(1e9 / rate) : 0,
                           .seconds = strtod(words[3], NULL) };
    void *connections[SUBSCRIBERS_MAX];
    load_latencies pushed = { 0 };

    if (subscribers > SUBSCRIBERS_MAX) {
        load_fail("at most %u subscribers", SUBSCRIBERS_MAX);
    }
    for (uint32_t i = 0; i < subscribers; i++) {
        connections[i] = driver->open(words[0]);
        driver->subscribe(connections[i]);
    }
    if (pthread_create(&p.thread, NULL, publish, &p) != 0) {
        load_fail("no thread for the publisher");
    }
    if (subscribers > 0) {
        listen_to_all(&p, connections, subscribers, &pushed);
    }
    (void)pthread_join(p.thread, NULL);
    (void)printf("{\"p50\": %.1f, \"p99\": %.1f, \"rate\": %.1f, \"ack_p50\": %.1f, "
                 "\"ack_p99\": %.1f}\n",
                 load_percentile(&pushed, 0.5),
                 load_percentile(&pushed, 0.99),
                 (double)p.acknowledged.count / ((double)p.took_ns / 1e9),
                 load_percentile(&p.acknowledged, 0.5),
                 load_percentile(&p.acknowledged, 0.99));
    for (uint32_t i = 0; i < subscribers; i++) {
        driver->close(connections[i]);
    }
    free(pushed.values);
    free(p.acknowledged.values);
    return 0;
}

static int query(const read_driver *driver, char **words)
{
    void *connection = driver->open(words[0]);
    double seconds = strtod(words[1], NULL);
    load_latencies all = { 0 };
    uint64_t begin_ns = load_now_ns();
    uint64_t now_ns = begin_ns;

    for (uint32_t i = 0; (double)(now_ns - begin_ns) < seconds * 1e9; i++) {
        uint64_t asked_ns;

        sleep_until(now_ns + QUERY_EVERY_NS);
        asked_ns = load_now_ns();
        driver->query(connection, i);
        now_ns = load_now_ns();
        load_note(&all, now_ns - asked_ns);
    }
    load_report(&all, all.count, (double)(now_ns - begin_ns) / 1e9);
    driver->close(connection);
    return 0;
}

int read_main(const read_driver *driver, int count, char **words)
{
    static const struct {
        const char *name;
        int words;
        int (*run)(const read_driver *driver, char **words);
    } modes[] = {
        { "replay", 1, replay },
        { "history", 5, history },
        { "push", 4, push },
        { "query", 2, query },
    };

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (count == modes[i].words + 2 && strcmp(words[1], modes[i].name) == 0 &&
            (modes[i].run != query || driver->query != NULL)) {
            return modes[i].run(driver, words + 2);
        }
    }
    (void)fputs("bench: replay, history, push or query, each with its words\n", stderr);
    return 64;
}
