/* power_record.c - see power_record.h. */
#include "power_record.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_BYTES 512
#define TOLD "told"
#define LMDB "store/lmdb/"
#define JOURNAL "store/journal/"

static bool begins(const char *path, const char *beginning)
{
    return strncmp(path, beginning, strlen(beginning)) == 0;
}

bool power_record_is_word(const power_call *call)
{
    return call->kind == RECORDER_WRITE && strcmp(call->path, TOLD) == 0;
}

static power_mark mark_of(const power_call *word)
{
    power_mark mark = { 0 };

    TRIAL_ASSERT(word->size >= sizeof mark);
    memcpy(&mark, word->bytes, sizeof mark);
    return mark;
}

static bool says(const power_call *call, power_word word)
{
    return power_record_is_word(call) && mark_of(call).word == (uint32_t)word;
}

/* One life in a process of its own, with the recorder in it. */
static bool live(const char *program,
                 const char *recorder,
                 const char *work,
                 const char *root,
                 uint64_t seed,
                 int life)
{
    char file[PATH_BYTES + 16];
    char words[2][32];
    int status = 0;
    pid_t child;

    (void)snprintf(file, sizeof file, "%s.record", root);
    (void)snprintf(words[0], sizeof words[0], "%llu", (unsigned long long)seed);
    (void)snprintf(words[1], sizeof words[1], "%d", life);
    (void)fflush(NULL);
    child = fork();
    if (child == 0) {
        (void)setenv("LD_PRELOAD", recorder, 1);
        (void)setenv("RECORDER_UNDER", root, 1);
        (void)setenv("RECORDER_FILE", file, 1);
        (void)execl(program, program, work, root, words[0], words[1], (char *)NULL);
        _exit(127);
    }
    if (child > 0 && waitpid(child, &status, 0) == child && status == 0) {
        return true;
    }
    (void)fprintf(stderr, "life %d with seed %s ended with status %#x\n", life, words[0], status);
    return false;
}

static bool read_file(power_record *r, const char *path, size_t *ret_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat facts;
    bool is_read = fd >= 0 && fstat(fd, &facts) == 0;

    if (is_read) {
        r->bytes = trial_memory((size_t)facts.st_size + 1);
        *ret_size = (size_t)facts.st_size;
        is_read = read(fd, r->bytes, *ret_size) == facts.st_size;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return is_read;
}

/* LMDB's lock file holds nothing that outlives a process, and is written through a map. */
static bool is_left_out(const power_call *call)
{
    return begins(call->path, LMDB "lock.mdb") ||
           (strcmp(call->path, TOLD) == 0 && call->kind != RECORDER_WRITE);
}

/* Paths get their NULs where the header was, which has been read by then. */
static void read_calls(power_record *r, size_t size)
{
    uint32_t room = 0;
    uint8_t *at = r->bytes;

    while (at < r->bytes + size) {
        recorder_call head;
        power_call call;
        char *names;

        memcpy(&head, at, sizeof head);
        at += sizeof head;
        names = (char *)at - sizeof head;
        memmove(names, at, head.path_size);
        names[head.path_size] = '\0';
        at += head.path_size;
        memmove(names + head.path_size + 1, at, head.other_size);
        names[head.path_size + 1 + head.other_size] = '\0';
        at += head.other_size;
        call = (power_call){ .kind = head.kind,
                             .path = names,
                             .other = names + head.path_size + 1,
                             .bytes = at,
                             .size = head.size,
                             .offset = head.offset };
        at += head.size;
        if (r->count == room) {
            room = room * 2 + 1024;
            r->calls = trial_memory_again(r->calls, room * sizeof *r->calls);
        }
        if (!is_left_out(&call)) {
            r->calls[r->count++] = call;
        }
    }
    while (r->made < r->count && !says(&r->calls[r->made], POWER_MADE)) {
        r->made++;
    }
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts;
    (void)type;
    (void)where;
    return remove(path);
}

bool power_record_make(power_record *r,
                       const char *program,
                       const char *recorder,
                       const char *work,
                       const char *scratch,
                       uint64_t seed)
{
    char root[PATH_BYTES];
    char file[PATH_BYTES + 16];
    size_t size = 0;
    int lives = strcmp(work, "--restore") == 0 ? 1 : POWER_LIVES;
    bool is_made;

    *r = (power_record){ .seed = seed };
    (void)snprintf(root, sizeof root, "%s/work", scratch);
    (void)snprintf(file, sizeof file, "%s.record", root);
    is_made = mkdir(root, 0700) == 0;
    for (int life = 0; life < lives && is_made; life++) {
        is_made = live(program, recorder, work, root, seed, life);
    }
    if (is_made) {
        is_made = read_file(r, file, &size);
    }
    if (is_made) {
        read_calls(r, size);
        power_events_make(&r->sent, seed);
    } else {
        (void)fprintf(stderr, "nothing is recorded in '%s'\n", root);
    }
    (void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    (void)unlink(file);
    return is_made && r->made < r->count;
}

void power_record_done(power_record *r)
{
    free(r->calls);
    free(r->bytes);
    trial_arena_done(&r->sent.arena);
}

/* Between two words, merge LMDB's calls and the writer's anew, each in its own order. */
static void
merge(power_call *calls, uint32_t count, uint64_t *chance, power_call *lmdb, power_call *others)
{
    uint32_t counts[2] = { 0 };
    uint32_t taken[2] = { 0 };

    for (uint32_t i = 0; i < count; i++) {
        if (begins(calls[i].path, LMDB)) {
            lmdb[counts[0]++] = calls[i];
        } else {
            others[counts[1]++] = calls[i];
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t left = count - i;
        bool is_lmdb = power_roll(chance, left) < counts[0] - taken[0];

        calls[i] = is_lmdb ? lmdb[taken[0]++] : others[taken[1]++];
    }
}

void power_record_shuffle(power_record *r)
{
    power_call *lmdb = trial_memory(r->count * sizeof *lmdb);
    power_call *others = trial_memory(r->count * sizeof *others);
    uint64_t chance = r->seed;
    uint32_t begun = 0; /* the call after the word; 0: none is open */

    for (uint32_t i = 0; i < r->count; i++) {
        if (says(&r->calls[i], POWER_BEGUN)) {
            begun = i + 1;
        } else if (says(&r->calls[i], POWER_NOTED) && begun > 0) {
            merge(r->calls + begun, i - begun, &chance, lmdb, others);
            begun = 0;
        } else if (says(&r->calls[i], POWER_MADE)) {
            begun = 0; /* another life: that commit died with the process */
        }
    }
    free(lmdb);
    free(others);
}

void power_record_acknowledge_early(power_record *r)
{
    for (uint32_t i = r->made; i < r->count; i++) {
        uint32_t to = i;
        power_call word = r->calls[i];

        if (!says(&word, POWER_ACKNOWLEDGED)) {
            continue;
        }
        do {
            to--;
        } while (to > r->made &&
                 !(r->calls[to].kind == RECORDER_WRITE && begins(r->calls[to].path, JOURNAL)));
        memmove(&r->calls[to + 1], &r->calls[to], (i - to) * sizeof word);
        r->calls[to] = word;
    }
}

void power_record_answer_early(power_record *r)
{
    uint32_t to = 0; /* behind the last step */

    for (uint32_t i = r->made; i < r->count; i++) {
        power_call word = r->calls[i];

        if (says(&word, POWER_STEPPED)) {
            to = i + 1;
        } else if (says(&word, POWER_ANSWERED) && to > 0) {
            memmove(&r->calls[to + 1], &r->calls[to], (i - to) * sizeof word);
            r->calls[to] = word;
        }
    }
}

static void hear_acknowledged(const power_call *word, const power_mark *mark, power_known *known)
{
    const uint8_t *at = word->bytes + sizeof *mark;

    for (uint32_t i = mark->first; i < mark->first + mark->count; i++) {
        uint32_t size;

        memcpy(&size, at, sizeof size);
        at += sizeof size;
        known->events[i].position = i + 1;
        known->events[i].record = (trial_bytes){ at, size };
        at += size;
    }
}

static void hear_stepped(const power_call *word, power_named *known)
{
    if (known->count == 0) { /* none of them may be there still */
        known->states[known->count++] = (trial_bytes){ (const uint8_t *)"\x90", 1 };
    }
    TRIAL_ASSERT(known->count < POWER_STATES_MAX);
    known->states[known->count++] =
        (trial_bytes){ word->bytes + sizeof(power_mark), word->size - sizeof(power_mark) };
}

void power_record_hear(const power_record *r, const power_call *word, power_known *known)
{
    power_mark mark = mark_of(word);

    TRIAL_ASSERT(mark.first + mark.count <= POWER_EVENTS);
    if (mark.word == POWER_MADE) {
        known->was_made = true;
    } else if (mark.word == POWER_SENT) {
        for (uint32_t i = mark.first; i < mark.first + mark.count; i++) {
            known->events[i] =
                (oracle_event){ .event = r->sent.events[i], .request = mark.request };
        }
        known->sent = mark.first + mark.count;
    } else if (mark.word == POWER_ACKNOWLEDGED) {
        hear_acknowledged(word, &mark, known);
    } else if (mark.word == POWER_STEPPED) {
        hear_stepped(word, &known->named);
    } else if (mark.word == POWER_ANSWERED) {
        known->named.states[0] = known->named.states[known->named.count - 1];
        known->named.count = 1;
    }
}
