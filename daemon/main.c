/* main.c - open what the daemon needs, in order; run the loop; close it again. Only here errors are
 * printed. */
#include "host.h"
#include "loop.h"
#include "streams.h"
#include "tasks.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#define START_US 90000000u         /* what systemd allows for a start, unless told */
#define SLOW_DISK_BYTES_PER_US 10u /* 10 MB/s: a new store's journal is written in full */

extern char **environ;

/* Exit statuses beside those of config_exit_status(). */
enum {
    EXIT_STORE_FAILED = 74,  /* the disk failed */
    EXIT_STORE_IN_USE = 75,  /* another daemon holds the store */
    EXIT_STORE_REFUSED = 78, /* configuration or store refused */
};

/* A machine that ran out of something else says nothing about the disk. */
static bool is_short_of(int system_errno)
{
    return system_errno == ENOMEM || system_errno == EMFILE || system_errno == ENFILE ||
           system_errno == EAGAIN;
}

int tasks_exit_status(const trial_error *err)
{
    if (is_short_of(err->system_errno)) {
        return EXIT_FAILURE;
    }
    switch (err->code) {
    case TRIAL_BUSY:
        return EXIT_STORE_IN_USE;
    case TRIAL_INVALID:
        return EXIT_STORE_REFUSED;
    case TRIAL_STORAGE:
    case TRIAL_NO_SPACE:
        return EXIT_STORE_FAILED;
    case TRIAL_OK:
        return EXIT_SUCCESS;
    case TRIAL_MALFORMED:
    case TRIAL_UNKNOWN_TYPE:
    case TRIAL_REFUSED:
    case TRIAL_CONFLICT:
    case TRIAL_DUPLICATE_CONFLICT:
    case TRIAL_NOT_FOUND:
    case TRIAL_TOO_LARGE:
    case TRIAL_UNAUTHORISED:
    case TRIAL_UNSUPPORTED:
    case TRIAL_CODE_COUNT:
        break;
    }
    return EXIT_FAILURE;
}

/* Of what was refused; a machine that ran out of something refuses nothing. */
static int refused_status(const trial_error *err)
{
    return is_short_of(err->system_errno) ? EXIT_FAILURE : EXIT_STORE_REFUSED;
}

static int leave(int status, const trial_error *err)
{
    const host_about about = host_about_error(err);

    host_log_about(HOST_ERROR, &about, "%s", err->text);
    if (status != config_exit_status(TRIAL_MALFORMED)) {
        host_log(HOST_NOTICE, "trial-trouble(7) says what to do");
    }
    return status;
}

/* What was asked for and printed must have arrived: a full disk behind stdout is no success. */
static int close_output(int status)
{
    trial_error err = TRIAL_ERROR_NONE;

    if (proto_streams_arrived() || status != EXIT_SUCCESS) {
        return status;
    }
    (void)trial_fail_errno(&err, errno, "writing to standard output");
    return leave(EXIT_STORE_FAILED, &err);
}

/* LMDB follows damaged pages out of its file. That is the disk's failure and not ours. */
static void explain_faults(const struct config *config)
{
    char sentence[HOST_LOG_LINE_BYTES];

    (void)snprintf(sentence,
                   sizeof sentence,
                   "a page of '%.600s/lmdb/data.mdb' is damaged or cannot be read, and led LMDB "
                   "astray: nothing more was acknowledged; see what trialctl verify says of the "
                   "store, and restore it from a backup",
                   config->store);
    host_faults_explain(store_is_fault, EXIT_STORE_FAILED, sentence);
}

/* A start that takes long is no hung one: it is given more time, from now on, and says how far it
 * is. */
static void tell_opening(uint64_t position)
{
    host_notify_extend(START_US);
    host_notify_status("starting: position %llu is taken in", (unsigned long long)position);
}

/* Open the store and fold what its journal holds. */
static int open_store(loop *l, trial_error *err)
{
    const struct config *config = l->config;
    const store_settings settings = { .path = config->store,
                                      .map_bytes = config->map_bytes,
                                      .journal_bytes = config->journal_bytes,
                                      .commit_events = config->commit_events,
                                      .reserve_bytes = config->reserve_bytes };
    const engine_settings limits = { .request_events = config->request_events,
                                     .request_bytes = (uint32_t)config->request_bytes,
                                     .event_bytes = (uint32_t)config->event_bytes,
                                     .event_depth = config->event_depth,
                                     .tell_opening = tell_opening };
    uint64_t recovered = 0;
    bool is_new = false;
    trial_code code;

    host_notify_extend(START_US + 2 * config->journal_bytes / SLOW_DISK_BYTES_PER_US);
    code = store_open(&settings, &l->store, &is_new, err);
    if (code != TRIAL_OK) {
        return leave(tasks_exit_status(err), err);
    }
    if (is_new) {
        host_log(
            HOST_NOTICE, "made a new store in '%s', log %s", config->store, store_name(l->store));
    }
    code = engine_open(l->store, &limits, host_random, &l->engine, &recovered, err);
    if (code != TRIAL_OK) {
        (void)trial_fail_while(err, "opening the log in '%s'", config->store);
        return leave(err->system_errno == 0 ? EXIT_STORE_REFUSED : tasks_exit_status(err), err);
    }
    if (recovered > 0) {
        const host_about about = { .position = store_head(l->store) };

        host_log_about(HOST_NOTICE,
                       &about,
                       "took in %llu events from the journal",
                       (unsigned long long)recovered);
    }
    if (authority_start(l, err) != TRIAL_OK) {
        (void)trial_fail_while(err, "finding out who has which rights");
        return leave(tasks_exit_status(err), err);
    }
    return EXIT_SUCCESS;
}

/* Write down where the daemon is found: the first endpoint of this machine, else the first of all.
 */
static void announce(const loop *l)
{
    const config_endpoints *listen = &l->config->listen;
    const char *item;
    char endpoint[STORE_ENDPOINT_BYTES];
    trial_error err = TRIAL_ERROR_NONE;
    uint32_t chosen = 0;

    for (uint32_t i = listen->count; i > 0; i--) {
        chosen = strncmp(listen->items[i - 1], "ipc:", 4) == 0 ? i - 1 : chosen;
    }
    item = listen->items[chosen];
    if (strncmp(item, "tcp://*:", 8) == 0) {
        (void)snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%s", item + 8);
    } else {
        (void)snprintf(endpoint, sizeof endpoint, "%s", item);
    }
    if (store_announce(l->store, endpoint, &err) != TRIAL_OK) {
        host_log(HOST_WARNING, "%s", err.text);
    }
}

/* The daemon's own key, where it has one: "" where the default path holds none. */
static trial_code
read_secret(const struct config *config, char ret_secret[TRIAL_KEY_TEXT_BYTES], trial_error *err)
{
    proto_certificate certificate;
    trial_code code;

    ret_secret[0] = '\0';
    if (config->origins[CONFIG_secret_key] == CONFIG_DEFAULT &&
        access(config->secret_key, F_OK) != 0) {
        return TRIAL_OK;
    }
    code = proto_certificate_load(config->secret_key, &certificate, err);
    if (code == TRIAL_OK && certificate.secret_key[0] == '\0') {
        code = trial_fail(err,
                          TRIAL_INVALID,
                          "'%.300s' holds no secret key; trialctl keygen makes one",
                          config->secret_key);
    }
    memcpy(ret_secret, certificate.secret_key, sizeof certificate.secret_key);
    explicit_bzero(&certificate, sizeof certificate);
    return code;
}

static void print_problem(void *context, const trial_error *err)
{
    (void)context;
    host_log(HOST_ERROR, "keys: %s", err->text);
}

/* What --check-config looks at beside the settings: what they name. A certificate that is refused
 * keeps nobody else out, and is no reason not to start. */
static int check_keys(const struct config *config, trial_error *err)
{
    char secret[TRIAL_KEY_TEXT_BYTES];
    rights *seen = rights_new();
    trial_code code = read_secret(config, secret, err);

    (void)rights_read(seen, config->keys, print_problem, NULL); /* each was told of */
    explicit_bzero(secret, sizeof secret);
    rights_done(seen);
    return code == TRIAL_OK ? EXIT_SUCCESS : leave(refused_status(err), err);
}

/* Where the daemon listens, and with which key. */
struct doors {
    const char *listen[CONFIG_ENDPOINTS_MAX];
    int passed[CONFIG_ENDPOINTS_MAX + 1];
    char secret[TRIAL_KEY_TEXT_BYTES]; /* "": there is none */
    net_settings settings;             /* of net_open(); points at the others */
};

/* On tcp keys tell who is who: the daemon's own and those of its peers go together. */
static trial_code check_doors(const struct config *config,
                              const struct doors *doors,
                              bool keys_are_used,
                              trial_error *err)
{
    bool has_secret = doors->settings.secret != NULL;

    for (uint32_t i = 0; i <= config->listen.count; i++) {
        const char *endpoint = i < config->listen.count ? config->listen.items[i] : config->feed;

        if (strncmp(endpoint, "tcp:", 4) != 0 || has_secret == keys_are_used) {
            continue;
        }
        return has_secret ? trial_fail(err,
                                       TRIAL_INVALID,
                                       "'%s' would let nobody in: the daemon has a key, and there "
                                       "is no directory of certificates '%.200s' (keys)",
                                       endpoint,
                                       config->keys)
                          : trial_fail(err,
                                       TRIAL_INVALID,
                                       "'%s' is tcp, where keys tell who is who, and the daemon "
                                       "has none of its own: give it one (secret_key, made by "
                                       "trialctl keygen)",
                                       endpoint);
    }
    return TRIAL_OK;
}

static int leave_doors(trial_code code, const trial_error *err)
{
    return leave(code == TRIAL_INVALID ? EXIT_STORE_REFUSED : EXIT_FAILURE, err);
}

static void pass_over(void *context, const trial_error *err)
{
    (void)context; /* it is told of when the directory is read for good */
    (void)err;
}

/* Are there certificates? */
static bool uses_keys(const struct config *config)
{
    rights *seen = rights_new();
    bool are_used;

    (void)rights_read(seen, config->keys, pass_over, NULL);
    are_used = rights_are_used(seen);
    rights_done(seen);
    return are_used;
}

/* What may be refused of the doors is refused before a store is made behind them. */
static int look_at_doors(const loop *l, struct doors *ret_doors, trial_error *err)
{
    const struct config *config = l->config;
    trial_code code = listening_take(config, ret_doors->passed, err);

    for (uint32_t i = 0; i < config->listen.count; i++) {
        ret_doors->listen[i] = config->listen.items[i];
    }
    ret_doors->settings = (net_settings){ .listen = ret_doors->listen,
                                          .listen_count = config->listen.count,
                                          .feed = config->feed,
                                          .message_bytes = config->request_bytes,
                                          .peer_queue = config->peer_queue,
                                          .peer_bytes = config->request_bytes * LOOP_PEER_ANSWERS,
                                          .feed_queue = config->feed_queue,
                                          .admits = authority_admits,
                                          .context = l->rights,
                                          .descriptors = host_descriptors(),
                                          .passed = ret_doors->passed };
    if (code == TRIAL_OK && read_secret(config, ret_doors->secret, err) != TRIAL_OK) {
        return leave(refused_status(err), err);
    }
    if (code == TRIAL_OK && ret_doors->secret[0] != '\0') {
        ret_doors->settings.secret = ret_doors->secret;
    }
    if (code == TRIAL_OK) {
        code = net_check(&ret_doors->settings, err);
    }
    if (code == TRIAL_OK && !store_is_there(config->store)) {
        code = check_doors(config, ret_doors, uses_keys(config), err); /* no log says otherwise */
    }
    return code == TRIAL_OK ? EXIT_SUCCESS : leave_doors(code, err);
}

static int open_sockets(loop *l, const struct doors *doors, trial_error *err)
{
    trial_code code = check_doors(l->config, doors, rights_are_used(l->rights), err);

    if (code == TRIAL_OK) {
        code = net_open(&doors->settings, &l->net, err);
    }
    if (code != TRIAL_OK) {
        return leave_doors(code, err);
    }
    announce(l);
    return EXIT_SUCCESS;
}

static subscribers_sent
send_to_subscriber(void *context, trial_bytes peer, bool is_delimited, trial_bytes frame)
{
    loop *l = context;

    switch (net_send(l->net, peer, is_delimited, frame, false)) {
    case NET_SENT:
    case NET_QUEUED:
        l->metrics.notified_messages++;
        l->metrics.notified_bytes += frame.size;
        return SUBSCRIBERS_SENT;
    case NET_FULL:
        return SUBSCRIBERS_FULL;
    case NET_GONE:
        break;
    }
    return SUBSCRIBERS_GONE;
}

static int open_rest(loop *l, trial_error *err)
{
    const struct config *config = l->config;
    const answers_settings settings = { .request_bytes = (uint32_t)config->request_bytes };
    const named_settings keeping = { .subscriptions = config->named_subscriptions,
                                     .parked = config->parked_events,
                                     .window = config->ack_window,
                                     .consumer_ms = config->consumer_ms };

    l->replies = trial_memory(config->turn_requests * sizeof *l->replies);
    l->questions = trial_memory(config->turn_requests * sizeof *l->questions);
    l->subscribers =
        subscribers_new((uint32_t)config->request_bytes, &l->named, send_to_subscriber, l);
    if (named_open(&l->named, l->store, &keeping, err) != TRIAL_OK) {
        return leave(refused_status(err), err);
    }
    if (readers_start(l->store, &settings, config->readers, &l->readers, err) != TRIAL_OK) {
        return leave(EXIT_FAILURE, err);
    }
    if (rebuilding_start(l, err) != TRIAL_OK) {
        return leave(is_short_of(err->system_errno) ? EXIT_FAILURE : EXIT_STORE_FAILED, err);
    }
    return EXIT_SUCCESS;
}

/* What is acknowledged is on disk: leaving at once loses nothing. */
static void leave_at_once(int signal)
{
    (void)signal;
    _exit(EXIT_SUCCESS);
}

/* From here on the process ends within shutdown_ms, whatever still holds it. */
static void bound_the_end(const struct config *config)
{
    struct itimerval timer = { .it_value = { .tv_sec = config->shutdown_ms / 1000,
                                             .tv_usec = config->shutdown_ms % 1000 * 1000 } };

    (void)signal(SIGALRM, leave_at_once); /* valid signal, valid timer: these cannot fail */
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

static void close_all(loop *l)
{
    readers_stop(l->readers);
    gate_drop(l);
    while (l->waiting != NULL) {
        readers_job *job = l->waiting;

        l->waiting = job->next;
        readers_job_done(job);
    }
    rebuilding_drop(l);
    chain_done(&l->known);
    subscribers_done(l->subscribers);
    if (l->engine != NULL) {
        named_put_positions(&l->named); /* store_close() commits them */
    }
    consumers_drop(l);
    net_close(l->net);
    engine_close(l->engine);
    store_close(l->store);
    rights_done(l->rights); /* the thread that asks it ended with the sockets */
    if (l->keys_fd >= 0) {
        (void)close(l->keys_fd); /* it was only watched */
    }
    pack_writer_done(&l->out);
    trial_arena_done(&l->arena);
    free(l->replies);
    free(l->questions);
}

static int serve(loop *l)
{
    trial_code code;

    host_notify_ready();
    host_notify_status("position %llu", (unsigned long long)store_flushed(l->store));
    code = loop_run(l);
    host_notify_stopping();
    if (code == TRIAL_OK) {
        bound_the_end(l->config);
        return EXIT_SUCCESS;
    }
    /* A store that failed is not asked to close: the next start looks at it. */
    _exit(leave(tasks_exit_status(&l->failure), &l->failure));
}

int main(int argc, char **argv)
{
    static struct config config; /* tens of kilobytes: not for the stack */
    static loop l;
    struct doors doors = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code;
    int status;

    proto_streams_hold();
    code = config_read(argc, argv, environ, &config, &err);
    if (code != TRIAL_OK) {
        return leave(is_short_of(err.system_errno) ? EXIT_FAILURE : config_exit_status(code), &err);
    }
    if (config.is_answered) {
        return close_output(config.is_checked ? check_keys(&config, &err) : EXIT_SUCCESS);
    }
    if (config.task != CONFIG_SERVE) {
        return close_output(config.task == CONFIG_VERIFY ? tasks_verify(&config)
                                                         : tasks_restore(&config));
    }
    l.config = &config;
    l.rights = rights_new();
    l.keys_fd = -1;
    l.names_fd = -1;
    l.limits = (proto_frame_limits){ .request_bytes = (uint32_t)config.request_bytes,
                                     .request_events = config.request_events,
                                     .event_depth = config.event_depth };
    l.failure = TRIAL_ERROR_NONE;
    l.signals = host_signals_open(&err);
    if (l.signals < 0) {
        return leave(EXIT_FAILURE, &err);
    }
    explain_faults(&config);
    status = look_at_doors(&l, &doors, &err);
    if (status == EXIT_SUCCESS) {
        status = open_store(&l, &err);
    }
    if (status == EXIT_SUCCESS) {
        status = open_sockets(&l, &doors, &err);
    }
    explicit_bzero(doors.secret, sizeof doors.secret); /* the sockets have their own */
    if (status == EXIT_SUCCESS) {
        status = open_rest(&l, &err);
    }
    if (status == EXIT_SUCCESS) {
        status = serve(&l);
    }
    close_all(&l);
    return status;
}
