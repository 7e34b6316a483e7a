/* power_work.c - see power_work.h.
 *
 * The record must be the same for the same seed. So chance comes from the seed, also what the store
 * asks the kernel for; and a commit, which runs on a thread of its own, is let through by a gate
 * some turns after it was begun and waited for. Where its calls stood among the writer's is drawn
 * later, by whoever reads the record. */
#include "power_work.h"

#include "desk.h"
#include "engine.h"
#include "generation.h"
#include "power_disk.h"
#include "power_named.h"
#include "rebuild.h"
#include "speaker.h"
#include "walk.h"

#include <poll.h>
#include <pthread.h>
#include <sys/random.h>

#define JOURNAL_BYTES ((uint64_t)96 * 1024) /* the lives go through each file several times */
#define JOURNAL_BYTES_RESTORING ((uint64_t)9 << 20) /* a restore asks for room for 8 MiB */
#define JOURNAL_BYTES_FOLD ((uint64_t)1 << 20)      /* a whole history at once */
#define TURNS_OF_A_LIFE 13
#define REQUESTS_MAX 2 /* of a turn */
#define EVENTS_MAX 4   /* of a request */
#define TEXT_BYTES_MAX 6000
#define LAG_MAX 4 /* turns that a commit may take */

struct working {
    const power_events *sent;
    store *store;
    engine *engine;
    uint64_t chance;
    int64_t now_ns;
    int told_fd;
    off_t told_at;
    uint32_t next; /* event */
    uint32_t request;
    named_list named;
    bool waits_for_answer; /* somebody does, for what was done to a subscription */
    uint32_t lag;          /* turns until the commit that runs is let through; 0: none runs */
    bool dies_unsynced;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t writer;
    bool is_shut;
    bool dies_at_sync;
    uint64_t chance; /* of the kernel; 0: the real one */
} world = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

int __real_mdb_txn_commit(void *txn);
int __wrap_mdb_txn_commit(void *txn);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
ssize_t __real_getrandom(void *bytes, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags);
trial_code
__real_journal_create(const char *directory, const char *name, uint64_t bytes, trial_error *err);
trial_code
__wrap_journal_create(const char *directory, const char *name, uint64_t bytes, trial_error *err);

int __wrap_mdb_txn_commit(void *txn)
{
    (void)pthread_mutex_lock(&world.lock);
    while (world.is_shut && !pthread_equal(pthread_self(), world.writer)) {
        (void)pthread_cond_wait(&world.changed, &world.lock);
    }
    (void)pthread_mutex_unlock(&world.lock);
    return __real_mdb_txn_commit(txn);
}

static void shut_gate(bool is_shut)
{
    (void)pthread_mutex_lock(&world.lock);
    world.is_shut = is_shut;
    (void)pthread_cond_broadcast(&world.changed);
    (void)pthread_mutex_unlock(&world.lock);
}

/* The store's own: LMDB has its fdatasync() from elsewhere. */
int __wrap_fdatasync(int fd)
{
    if (world.dies_at_sync) {
        _exit(EXIT_SUCCESS);
    }
    return __real_fdatasync(fd);
}

ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags)
{
    if (world.chance == 0) {
        return __real_getrandom(bytes, size, flags);
    }
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)bytes)[i] = (uint8_t)power_roll(&world.chance, 256);
    }
    return (ssize_t)size;
}

/* A journal says its own size; the least that a setting may name is larger than a test needs. */
trial_code
__wrap_journal_create(const char *directory, const char *name, uint64_t bytes, trial_error *err)
{
    if (strstr(directory, "/store/") != NULL) {
        bytes = JOURNAL_BYTES;
    } else if (strstr(directory, "/store.restoring/") != NULL) {
        bytes = JOURNAL_BYTES_RESTORING;
    } else if (strstr(directory, "/fold/") != NULL) { /* the oracle's own */
        bytes = JOURNAL_BYTES_FOLD;
    }
    return __real_journal_create(directory, name, bytes, err);
}

static void fill_by_chance(void *bytes, size_t size)
{
    (void)__wrap_getrandom(bytes, size, 0);
}

store_settings power_settings(const char *path)
{
    return (store_settings){ .path = path,
                             .map_bytes = (uint64_t)1 << 28,
                             .journal_bytes = TRIAL_TURN_BYTES_MAX,
                             .commit_events = 1000 };
}

/* A step of a case, long now and then: a turn of several blocks. */
static void put_step(pack_writer *writer, uint32_t index, uint64_t *chance)
{
    char text[TEXT_BYTES_MAX + 1];
    size_t size = 16 + power_roll(chance, power_roll(chance, 3) == 0 ? TEXT_BYTES_MAX - 16 : 400);

    for (size_t i = 0; i < size; i++) {
        text[i] = (char)('a' + power_roll(chance, 26));
    }
    text[size] = '\0';
    pack_put_map(writer, 6);
    pack_put_word(writer, "id");
    (void)snprintf(text, 16, "step-%05u", index);
    pack_put_word(writer, text);
    text[strlen(text)] = 'x';
    pack_put_word(writer, "source");
    pack_put_word(writer, "/dk/system/sag");
    pack_put_word(writer, "type");
    pack_put_word(writer, "activity.completed");
    pack_put_word(writer, "subject");
    pack_put_word(writer, index % 3 == 0 ? "case/a" : "case/b");
    pack_put_word(writer, "time");
    pack_put_word(writer, "2017-03-01T10:00:00Z");
    pack_put_word(writer, "data");
    pack_put_map(writer, 2);
    pack_put_word(writer, "activity");
    pack_put_word(writer, "Høring");
    pack_put_word(writer, "note");
    pack_put_text(writer, (trial_text){ text, (uint32_t)size });
}

static void put_walked(pack_writer *writer, walk *walker, history *past, uint32_t *next)
{
    const trial_event *event;

    do { /* a correction's values stand for themselves in a plain history: the log has others */
        while (*next == past->event_count) {
            trial_event step = walk_step(walker);

            history_fold(past, &step);
        }
        event = &past->events[(*next)++];
    } while (event->type == TRIAL_EVENT_CORRECTION_ISSUED);
    desk_put_event(writer, event);
}

void power_events_make(power_events *e, uint64_t seed)
{
    history_dice dice = { .seed = seed };
    history *past = trial_memory(sizeof *past);
    walk *walker = trial_memory(sizeof *walker);
    uint64_t chance = seed;
    uint32_t next = 0;

    walk_begin(walker, past, &dice);
    for (uint32_t i = 0; i < POWER_EVENTS; i++) {
        pack_writer writer = { 0 };

        if (power_roll(&chance, 4) == 0) {
            put_step(&writer, i, &chance);
        } else {
            put_walked(&writer, walker, past, &next);
        }
        e->events[i] = trial_arena_bytes(&e->arena, pack_written(&writer));
        pack_writer_done(&writer);
    }
    history_done(past);
    free(past);
    free(walker);
}

static void give_up(const char *what, const trial_error *err)
{
    (void)fprintf(stderr, "the work went wrong: %s %s\n", what, err->text);
    _exit(EXIT_FAILURE);
}

static void say(struct working *w, const power_mark *mark, trial_bytes more)
{
    pack_writer writer = { 0 };
    trial_bytes all;

    pack_put_raw(&writer, (trial_bytes){ (const uint8_t *)mark, sizeof *mark });
    pack_put_raw(&writer, more);
    all = pack_written(&writer);
    if (pwrite(w->told_fd, all.data, all.size, w->told_at) != (ssize_t)all.size) {
        _exit(EXIT_FAILURE);
    }
    w->told_at += (off_t)all.size;
    pack_writer_done(&writer);
}

static void say_word(struct working *w, power_word word)
{
    say(w, &(power_mark){ .word = word }, (trial_bytes){ 0 });
}

static void finish_commit(struct working *w)
{
    struct pollfd finished = { .fd = store_commit_fd(w->store), .events = POLLIN };
    trial_error err = TRIAL_ERROR_NONE;

    shut_gate(false);
    if (poll(&finished, 1, 20000) != 1 || store_commit_end(w->store, &err) != TRIAL_OK) {
        give_up("committing", &err);
    }
    say_word(w, POWER_NOTED);
    w->lag = 0;
    if (w->waits_for_answer && w->named.batch <= store_batch_committed(w->store)) {
        say_word(w, POWER_ANSWERED);
        w->waits_for_answer = false;
    }
}

/* Begin a commit where one is due, and let one through whose time has come. */
static void see_to_commit(struct working *w)
{
    if (w->lag > 0) {
        w->lag--;
    } else if (store_commit_is_due(w->store) ||
               (w->waits_for_answer && power_roll(&w->chance, 4) == 0)) {
        shut_gate(true);
        say_word(w, POWER_BEGUN);
        store_commit_begin(w->store);
        w->lag = (uint32_t)power_roll(&w->chance, LAG_MAX);
    } else {
        return;
    }
    if (w->lag == 0) {
        finish_commit(w);
    }
}

static void step_named(struct working *w)
{
    trial_error err = TRIAL_ERROR_NONE;
    pack_writer writer = { 0 };

    if (power_named_step(&w->named, &w->chance, &err) != TRIAL_OK) {
        give_up("subscribing", &err);
    }
    power_named_write(&w->named, &writer);
    say(w, &(power_mark){ .word = POWER_STEPPED }, pack_written(&writer));
    pack_writer_done(&writer);
    w->waits_for_answer = true;
}

static void send_request(struct working *w)
{
    trial_error err = TRIAL_ERROR_NONE;
    struct trial_request_append request = { 0 };
    pack_writer list = { 0 };
    pack_writer answer = { 0 };
    uint32_t count = 1 + (uint32_t)power_roll(&w->chance, EVENTS_MAX);
    power_mark mark = { .word = POWER_SENT, .first = w->next };

    mark.count = count < POWER_EVENTS - w->next ? count : POWER_EVENTS - w->next;
    mark.request = w->next + 1; /* tells one from another also over lives */
    if (mark.count == 0) {
        return;
    }
    say(w, &mark, (trial_bytes){ 0 });
    pack_put_list(&list, mark.count);
    for (uint32_t i = 0; i < mark.count; i++) {
        pack_put_raw(&list, w->sent->events[w->next + i]);
    }
    request.events = pack_written(&list);
    if (engine_append(w->engine, 1, &request, &anybody, &answer, &err) != TRIAL_OK ||
        store_head(w->store) != w->next + mark.count) {
        give_up("appending", &err);
    }
    w->next += mark.count;
    pack_writer_done(&list);
    pack_writer_done(&answer);
}

static void acknowledge(struct working *w, uint32_t first)
{
    power_mark mark = { .word = POWER_ACKNOWLEDGED, .first = first, .count = w->next - first };
    trial_error err = TRIAL_ERROR_NONE;
    pack_writer writer = { 0 };

    for (uint32_t i = first; i < w->next; i++) {
        trial_bytes record = { 0 };
        uint32_t size;

        if (store_get_record(w->store, i + 1, &record, &err) != TRIAL_OK) {
            give_up("reading", &err);
        }
        size = (uint32_t)record.size;
        pack_put_raw(&writer, (trial_bytes){ (const uint8_t *)&size, sizeof size });
        pack_put_raw(&writer, record);
    }
    say(w, &mark, pack_written(&writer));
    pack_writer_done(&writer);
}

static void take_turn(struct working *w)
{
    trial_error err = TRIAL_ERROR_NONE;
    uint64_t requests = 1 + power_roll(&w->chance, REQUESTS_MAX);
    uint32_t first = w->next;

    if (store_has_room(w->store, 40000, &err) != TRIAL_OK) {
        give_up("making room", &err);
    }
    w->now_ns += TRIAL_NS_PER_S;
    engine_turn_begin(w->engine, w->now_ns);
    for (uint64_t i = 0; i < requests; i++) {
        send_request(w);
    }
    world.dies_at_sync = w->dies_unsynced;
    if (engine_turn_flush(w->engine, &err) != TRIAL_OK) {
        give_up("flushing", &err);
    }
    world.dies_at_sync = false;
    if (w->next > first) {
        acknowledge(w, first);
    }
    engine_turn_done(w->engine);
    step_named(w);
    see_to_commit(w);
}

/* A rebuild writes to LMDB itself, and would wait for a commit that waits at the gate. */
static void settle(struct working *w)
{
    if (w->lag > 0) {
        finish_commit(w);
    }
}

static void turn_and_settle(struct working *w)
{
    take_turn(w);
    settle(w);
}

/* The folds made anew beside those in use, while turns go on; then swapped, and the old ones
 * cleared. */
static void rebuild_views(struct working *w)
{
    answers_progress progress = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    rebuild *r = rebuild_new(w->store, &progress);
    bool has_more = true;
    trial_code code;

    settle(w);
    code = rebuild_fold(r, &err);
    turn_and_settle(w);
    while (code == TRIAL_OK && has_more) {
        code = rebuild_hand_over(r, &has_more, &err);
        if (code == TRIAL_OK && has_more) {
            code = rebuild_fold(r, &err);
        }
    }
    if (code == TRIAL_OK) {
        code = rebuild_swap(r, w->engine, &err);
    }
    turn_and_settle(w);
    if (code == TRIAL_OK) {
        code = store_commit_all(w->store, &err);
    }
    rebuild_done(r);
    turn_and_settle(w);
    if (code == TRIAL_OK) {
        code = store_clear_spare(w->store, &progress.is_stopped, &err);
    }
    if (code != TRIAL_OK) {
        give_up("rebuilding", &err);
    }
}

static void begin_life(struct working *w, const char *root, uint64_t seed, int life)
{
    static const engine_settings limits = { .request_events = TRIAL_REQUEST_EVENTS_DEFAULT,
                                            .request_bytes = TRIAL_REQUEST_BYTES_DEFAULT,
                                            .event_bytes = TRIAL_EVENT_BYTES_DEFAULT,
                                            .event_depth = TRIAL_EVENT_DEPTH_DEFAULT };
    char path[SCRATCH_PATH_BYTES];
    store_settings settings;
    trial_error err = TRIAL_ERROR_NONE;
    uint64_t recovered;
    bool is_new;

    world.writer = pthread_self();
    world.chance = seed * POWER_LIVES + (uint64_t)life + 1;
    w->chance = world.chance * 31;
    w->now_ns = (1700000000 + 100000 * (int64_t)life) * TRIAL_NS_PER_S;
    (void)snprintf(path, sizeof path, "%s/told", root);
    w->told_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    w->told_at = lseek(w->told_fd, 0, SEEK_END);
    (void)snprintf(path, sizeof path, "%s/store", root);
    settings = power_settings(path);
    settings.name = "6d1f3a52-0c1b-4a5e-9a57-5a0f3f1c7e11";
    settings.commit_events = 12 + (uint32_t)power_roll(&w->chance, 20);
    if (store_open(&settings, &w->store, &is_new, &err) != TRIAL_OK ||
        engine_open(w->store, &limits, fill_by_chance, &w->engine, &recovered, &err) != TRIAL_OK ||
        !power_named_open(&w->named, w->store, &err)) {
        give_up("opening", &err);
    }
    say_word(w, POWER_MADE);
    w->next = (uint32_t)store_head(w->store);
}

int power_work(const char *root, uint64_t seed, int life)
{
    power_events *sent = trial_memory(sizeof *sent);
    struct working w = { .sent = sent };

    (void)alarm(120); /* it waits for nothing that takes so long */
    power_events_make(sent, seed);
    begin_life(&w, root, seed, life);
    for (int turn = 0; turn < TURNS_OF_A_LIFE; turn++) {
        w.dies_unsynced = life == 0 && turn == TURNS_OF_A_LIFE - 1 && seed % 2 == 0;
        if (life == 1 && turn == TURNS_OF_A_LIFE / 2) {
            rebuild_views(&w);
        }
        take_turn(&w);
    }
    if (life == 0) {
        _exit(EXIT_SUCCESS); /* killed, as far as the store knows; its commit with it */
    }
    shut_gate(false);
    named_done(&w.named);
    engine_close(w.engine);
    store_close(w.store);
    (void)close(w.told_fd);
    return EXIT_SUCCESS;
}
