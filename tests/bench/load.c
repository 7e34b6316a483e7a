/* load.c - see load.h. Clients are threads; each owns its subjects, so that it knows the revision
 * that the next event expects. */
#include "load.h"

#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Steps from subject to subject: a prime above all counts, so that each comes once a round and
 * neighbours in time are no neighbours in a table. */
#define STEP 2654435761u

struct world {
    const load_driver *driver;
    const load_settings *settings;
    char (*names)[LOAD_SUBJECT_BYTES];
    uint64_t *revisions;
    pthread_barrier_t go;
};

struct client {
    struct world *world;
    pthread_t thread;
    void *connection;
    uint32_t number;
    uint64_t dice;
    uint64_t sent;
    uint64_t acknowledged;
    uint64_t begin_ns;
    uint64_t end_ns;
    uint64_t handed_over[LOAD_WINDOW_MAX];
    uint64_t wall_ms; /* of the last event */
    uint64_t wall_s;  /* that `event.time` is written for */
    load_event event;
    load_latencies latencies;
};

_Noreturn void load_fail(const char *format, ...)
{
    va_list words;

    va_start(words, format);
    (void)fputs("bench: ", stderr);
    (void)vfprintf(stderr, format, words);
    (void)fputc('\n', stderr);
    va_end(words);
    exit(1);
}

uint64_t load_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *memory(size_t count, size_t size)
{
    void *taken = calloc(count == 0 ? 1 : count, size);

    if (taken == NULL) {
        load_fail("out of memory");
    }
    return taken;
}

char *load_text(size_t size)
{
    char *text = memory(size + 1, 1);

    for (size_t i = 0; i < size; i++) {
        text[i] = (char)('a' + (i * 7 + i / 26) % 26);
    }
    return text;
}

uint32_t load_form(const load_settings *settings, const char *const *forms)
{
    if (settings->form == NULL) {
        return 0;
    }
    for (uint32_t i = 0; forms[i] != NULL; i++) {
        if (strcmp(forms[i], settings->form) == 0) {
            return i;
        }
    }
    load_fail("there is no form '%s'", settings->form);
}

void load_note(load_latencies *latencies, uint64_t ns)
{
    if (latencies->count == latencies->room) {
        latencies->room = latencies->room == 0 ? 65536 : 2 * latencies->room;
        latencies->values = realloc(latencies->values, latencies->room * sizeof *latencies->values);
        if (latencies->values == NULL) {
            load_fail("out of memory");
        }
    }
    latencies->values[latencies->count++] = ns;
    latencies->is_sorted = false;
}

void load_join(load_latencies *all, const load_latencies *part)
{
    for (size_t i = 0; i < part->count; i++) {
        load_note(all, part->values[i]);
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

double load_percentile(load_latencies *latencies, double share)
{
    size_t rank = (size_t)((double)latencies->count * share);

    if (latencies->count == 0) {
        return 0;
    }
    if (!latencies->is_sorted) {
        qsort(latencies->values, latencies->count, sizeof *latencies->values, compare);
        latencies->is_sorted = true;
    }
    return (double)latencies->values[rank < latencies->count ? rank : latencies->count - 1] / 1e3;
}

/* Processor time of the whole program so far. */
static double busy_seconds(void)
{
    struct rusage used;

    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

void load_report(load_latencies *latencies, uint64_t events, double seconds)
{
    double busy_us = busy_seconds() * 1e6;

    (void)printf("{\"rate\": %.1f, \"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f, \"events\": %llu, "
                 "\"seconds\": %.3f, \"client_us\": %.2f}\n",
                 seconds > 0 ? (double)events / seconds : 0,
                 load_percentile(latencies, 0.5),
                 load_percentile(latencies, 0.99),
                 load_percentile(latencies, 1),
                 (unsigned long long)events,
                 seconds,
                 events > 0 ? busy_us / (double)events : 0);
    free(latencies->values);
    *latencies = (load_latencies){ 0 };
}

static uint64_t roll(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

/* A UUIDv7: the milliseconds, then chance. Or a UUIDv4, which is chance alone. */
static void write_id(struct client *client, char *ret_id)
{
    static const char digits[] = "0123456789abcdef";
    bool is_random = client->world->settings->is_random;
    uint64_t begin = is_random ? roll(&client->dice) >> 16 : client->wall_ms;
    uint64_t high = begin << 16 | (is_random ? 0x4000u : 0x7000u) | (roll(&client->dice) >> 52);
    uint64_t low = UINT64_C(0x8000000000000000) | roll(&client->dice) >> 2;
    char *at = ret_id;

    for (unsigned i = 0; i < 32; i++) {
        uint64_t half = i < 16 ? high : low;

        if (i == 8 || i == 12 || i == 16 || i == 20) {
            *at++ = '-';
        }
        *at++ = digits[half >> (60 - 4 * (i % 16)) & 15];
    }
    *at = '\0';
}

/* The time of an event never goes back, whatever the clock does. */
static void write_time(struct client *client)
{
    char *text = client->event.time;
    struct timespec now;
    uint64_t ms;
    uint64_t rest;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    ms = (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
    if (ms > client->wall_ms) {
        client->wall_ms = ms;
    }
    if (client->wall_s != client->wall_ms / 1000) {
        time_t seconds = (time_t)(client->wall_ms / 1000);
        struct tm parts;

        client->wall_s = client->wall_ms / 1000;
        (void)gmtime_r(&seconds, &parts);
        (void)strftime(text, LOAD_TIME_BYTES, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
    }
    rest = client->wall_ms % 1000;
    text[20] = (char)('0' + rest / 100);
    text[21] = (char)('0' + rest / 10 % 10);
    text[22] = (char)('0' + rest % 10);
}

/* How many subjects a client owns: those whose number leaves its own when divided by the clients.
 */
static uint64_t owned(const struct client *client)
{
    const load_settings *settings = client->world->settings;

    return (settings->subjects - client->number + settings->clients - 1) / settings->clients;
}

static void send_next(struct client *client)
{
    const load_settings *settings = client->world->settings;
    uint64_t own = owned(client);
    uint64_t turn = client->sent % own * STEP % own;
    uint64_t subject = turn * settings->clients + client->number;

    write_time(client);
    write_id(client, client->event.id);
    client->event.subject = client->world->names[subject];
    client->event.revision = client->world->revisions[subject]++;
    client->handed_over[client->sent++ % settings->window] = load_now_ns();
    client->world->driver->send(client->connection, &client->event);
}

static bool is_over(const struct client *client, uint64_t now_ns)
{
    const load_settings *settings = client->world->settings;

    if (settings->each > 0) {
        return client->sent == owned(client) * settings->each;
    }
    return (double)(now_ns - client->begin_ns) > settings->seconds * 1e9;
}

static void send_burst(struct client *client)
{
    const load_driver *driver = client->world->driver;
    uint64_t before = client->sent;

    if (driver->is_batch && client->sent != client->acknowledged) {
        return;
    }
    while (client->sent - client->acknowledged < client->world->settings->window &&
           !is_over(client, load_now_ns())) {
        send_next(client);
    }
    if (client->sent > before && driver->flush != NULL) {
        driver->flush(client->connection);
    }
}

static void *run_client(void *given)
{
    struct client *client = given;
    const load_driver *driver = client->world->driver;

    client->connection = driver->open(client->world->settings, client->number);
    (void)pthread_barrier_wait(&client->world->go);
    client->begin_ns = load_now_ns();
    client->end_ns = client->begin_ns;
    for (;;) {
        uint32_t window = client->world->settings->window;

        send_burst(client);
        if (client->sent == client->acknowledged) {
            break;
        }
        driver->await(client->connection);
        client->end_ns = load_now_ns();
        load_note(&client->latencies,
                  client->end_ns - client->handed_over[client->acknowledged++ % window]);
    }
    driver->close(client->connection);
    return NULL;
}

static void *map_state(const char *path, size_t size)
{
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    void *mapped;

    if (path != NULL && (fd < 0 || ftruncate(fd, (off_t)size) != 0)) {
        load_fail("%s: cannot be written", path);
    }
    mapped = mmap(NULL,
                  size,
                  PROT_READ | PROT_WRITE,
                  path == NULL ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED,
                  fd,
                  0);
    if (mapped == MAP_FAILED) {
        load_fail("no memory for %zu bytes of revisions", size);
    }
    if (fd >= 0) {
        (void)close(fd); /* the mapping stays */
    }
    return mapped;
}

static struct world make_world(const load_driver *driver, const load_settings *settings)
{
    struct world world = { .driver = driver, .settings = settings };

    world.names = memory(settings->subjects, sizeof *world.names);
    for (uint32_t i = 0; i < settings->subjects; i++) {
        (void)snprintf(world.names[i], sizeof *world.names, "%s%06u", settings->prefix, i);
    }
    world.revisions = map_state(settings->state, settings->subjects * sizeof *world.revisions);
    (void)pthread_barrier_init(&world.go, NULL, settings->clients);
    return world;
}

static uint64_t make_dice(void)
{
    uint64_t seed = 0;

    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        load_fail("no random bytes for identifiers");
    }
    return seed | 1;
}

void load_run(const load_driver *driver, const load_settings *settings)
{
    struct world world = make_world(driver, settings);
    struct client *clients = memory(settings->clients, sizeof *clients);
    load_latencies all = { 0 };
    uint64_t begin_ns = UINT64_MAX;
    uint64_t end_ns = 0;

    for (uint32_t i = 0; i < settings->clients; i++) {
        clients[i].world = &world;
        clients[i].number = i;
        clients[i].dice = make_dice();
        if (pthread_create(&clients[i].thread, NULL, run_client, &clients[i]) != 0) {
            load_fail("no thread for client %u", i);
        }
    }
    for (uint32_t i = 0; i < settings->clients; i++) {
        (void)pthread_join(clients[i].thread, NULL);
        load_join(&all, &clients[i].latencies);
        free(clients[i].latencies.values);
        begin_ns = clients[i].begin_ns < begin_ns ? clients[i].begin_ns : begin_ns;
        end_ns = clients[i].end_ns > end_ns ? clients[i].end_ns : end_ns;
    }
    load_report(&all, all.count, (double)(end_ns - begin_ns) / 1e9);
    (void)pthread_barrier_destroy(&world.go);
    (void)munmap(world.revisions, settings->subjects * sizeof *world.revisions);
    free(world.names);
    free(clients);
}

static uint32_t number_in(const char *name, const char *text, uint32_t least, uint32_t most)
{
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || number < least || number > most) {
        (void)fprintf(stderr, "bench: --%s takes %u to %u, not '%s'\n", name, least, most, text);
        exit(64);
    }
    return (uint32_t)number;
}

static void take_option(load_settings *settings, int option)
{
    switch (option) {
    case 'e':
        settings->endpoint = optarg;
        break;
    case 'f':
        settings->form = optarg;
        break;
    case 'p':
        settings->prefix = optarg;
        break;
    case 't':
        settings->state = optarg;
        break;
    case 'c':
        settings->clients = number_in("clients", optarg, 1, LOAD_CLIENTS_MAX);
        break;
    case 'w':
        settings->window = number_in("window", optarg, 1, LOAD_WINDOW_MAX);
        break;
    case 'n':
        settings->subjects = number_in("subjects", optarg, 1, LOAD_SUBJECTS_MAX);
        break;
    case 'b':
        settings->bytes = number_in("bytes", optarg, 32, 60000);
        break;
    case 's':
        settings->seconds = strtod(optarg, NULL);
        break;
    case 'o':
        settings->each = 1;
        break;
    case 'a':
        settings->each = number_in("each", optarg, 1, LOAD_EACH_MAX);
        break;
    case 'r':
        settings->is_random = true;
        break;
    default:
        exit(64);
    }
}

load_settings load_options(int count, char **words)
{
    static const struct option options[] = {
        { "endpoint", required_argument, NULL, 'e' },
        { "form", required_argument, NULL, 'f' },
        { "prefix", required_argument, NULL, 'p' },
        { "state", required_argument, NULL, 't' },
        { "clients", required_argument, NULL, 'c' },
        { "window", required_argument, NULL, 'w' },
        { "subjects", required_argument, NULL, 'n' },
        { "bytes", required_argument, NULL, 'b' },
        { "seconds", required_argument, NULL, 's' },
        { "once", no_argument, NULL, 'o' },
        { "each", required_argument, NULL, 'a' },
        { "random-ids", no_argument, NULL, 'r' },
        { NULL, 0, NULL, 0 },
    };
    load_settings settings = { .prefix = "trial/w1-",
                               .clients = 1,
                               .window = 1,
                               .subjects = 1000,
                               .bytes = 200,
                               .seconds = 1 };
    int option;

    while ((option = getopt_long(count, words, "", options, NULL)) != -1) {
        take_option(&settings, option);
    }
    if (settings.endpoint == NULL || settings.subjects < settings.clients) {
        (void)fputs("bench: --endpoint is missing, or a client has no subject\n", stderr);
        exit(64);
    }
    return settings;
}
