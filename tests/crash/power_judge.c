/* power_judge.c - see power_judge.h. */
#include "power_judge.h"

#include "power_restore.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_BYTES 512
#define IMAGE_S_MAX 60 /* a judge that takes so long over one image has lost its way */
#define DEATHS_MAX 10000

/* What the judge and the process that watches it share. */
struct shared {
    power_verdict verdict;
    uint32_t next; /* the image that is being judged, or comes next */
    uint32_t call;
};

/* One judge's walk over the record. */
struct walking {
    const power_trial *trial;
    struct shared *shared;
    uint32_t first;  /* image that is not judged yet */
    uint32_t number; /* of the next image */
    uint32_t each;   /* images of a moment that is unsure */
    power_disk *disk;
    power_known known;
    oracle *oracle;
    char image[PATH_BYTES];
};

static void note(struct shared *shared, const char *text)
{
    power_verdict *verdict = &shared->verdict;

    if (verdict->violations < POWER_SAID_MAX) {
        verdict->said[verdict->violations].image = shared->next;
        verdict->said[verdict->violations].call = shared->call;
        (void)snprintf(verdict->said[verdict->violations].text, ORACLE_TEXT_BYTES, "%s", text);
    }
    verdict->violations++;
}

/* A restore that was done is there; one that was cut short can be done again. */
static bool is_restored(const struct walking *w, const char *path, char *text)
{
    if (w->known.was_made && access(path, F_OK) != 0) {
        (void)snprintf(text, ORACLE_TEXT_BYTES, "the restore was done, and is gone");
        return false;
    }
    return power_restore_again(w->image, w->trial->backup_path, text);
}

static bool look_at_named(const void *context, store *s, char *text)
{
    return power_named_is_held(context, s, text, ORACLE_TEXT_BYTES);
}

static void judge_image(struct walking *w, power_keep keep, uint32_t call)
{
    const power_trial *trial = w->trial;
    uint64_t chance = (trial->record->seed << 32) + w->number;
    char path[PATH_BYTES + 16];
    char text[ORACLE_TEXT_BYTES];
    oracle_case asked = { .events = w->known.events,
                          .count = w->known.sent,
                          .was_made = w->known.was_made,
                          .look = look_at_named,
                          .context = &w->known.named };
    uint64_t head;

    w->shared->next = w->number;
    w->shared->call = call;
    power_disk_cut(w->disk, keep, &chance, trial->keep == NULL ? w->image : trial->keep);
    if (trial->keep != NULL) {
        return;
    }
    (void)alarm(IMAGE_S_MAX);
    (void)snprintf(path, sizeof path, "%s/store", w->image);
    asked.settings = power_settings(path);
    if ((trial->backup_path != NULL && !is_restored(w, path, text)) ||
        !oracle_judge(w->oracle, &asked, &head, text)) {
        note(w->shared, text);
        power_disk_forget(w->disk); /* it may have left other names */
    }
    if (!w->known.was_made || trial->backup_path != NULL) {
        power_disk_forget(w->disk); /* it made a store */
    }
    w->shared->verdict.images++;
    w->shared->next = w->number + 1;
}

/* All images of the moment before a call. Where nothing is unsure there is only one. */
static void judge_moment(struct walking *w, uint32_t call)
{
    uint32_t count = power_disk_is_unsure(w->disk) ? w->each : 1;

    for (uint32_t i = 0; i < count; i++, w->number++) {
        static const power_keep first[] = { POWER_KEEP_NOTHING, POWER_KEEP_ALL };
        power_keep keep = i < 2 && w->each > 2 ? first[i] : POWER_KEEP_ANY;
        bool is_meant = w->trial->only < 0 || w->trial->only == (int64_t)w->number;

        if (w->number >= w->first && is_meant) {
            judge_image(w, keep, call);
        }
    }
}

/* Take the calls one by one; `see` looks at the moment before each, and after the last. */
static void walk_record(struct walking *w, void (*see)(struct walking *w, uint32_t call))
{
    const power_record *r = w->trial->record;

    w->disk = power_disk_new();
    for (uint32_t i = 0; i < w->trial->until; i++) {
        if (i >= w->trial->from) {
            see(w, i);
        }
        if (i == r->made) {
            power_disk_lies(w->disk, &w->trial->lies);
        }
        if (power_record_is_word(&r->calls[i])) {
            power_record_hear(r, &r->calls[i], &w->known);
        } else {
            power_disk_take(w->disk, &r->calls[i]);
        }
    }
    see(w, w->trial->until);
    power_disk_done(w->disk);
}

static void count_moment(struct walking *w, uint32_t call)
{
    (void)call;
    w->first++;
    w->number += power_disk_is_unsure(w->disk) ? 1 : 0;
}

/* How many images of an unsure moment make so many in all. */
static uint32_t images_of_each(const power_trial *trial)
{
    struct walking *w = trial_memory(sizeof *w);
    uint32_t wanted;

    w->trial = trial;
    walk_record(w, count_moment);
    wanted = trial->images - (w->first - w->number < trial->images ? w->first - w->number : 0);
    wanted = (wanted + w->number - 1) / (w->number == 0 ? 1 : w->number);
    free(w);
    return wanted == 0 ? 1 : wanted;
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts;
    (void)type;
    (void)where;
    return remove(path);
}

/* cmocka would take them for a failed test, and go on with the next one. */
static void die_of_signals(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        (void)signal(signals[i], SIG_DFL);
    }
}

static _Noreturn void run_judge(const power_trial *trial, struct shared *shared, uint32_t each)
{
    struct walking *w = trial_memory(sizeof *w);
    backup *b = trial_memory(sizeof *b);
    char scratch[PATH_BYTES + 16];

    w->trial = trial;
    w->shared = shared;
    w->first = shared->next;
    w->each = each;
    (void)snprintf(w->image, sizeof w->image, "%s/image", trial->scratch);
    (void)snprintf(scratch, sizeof scratch, "%s/oracle", trial->scratch);
    (void)mkdir(w->image, 0700); /* they are there where a judge died before */
    (void)mkdir(scratch, 0700);
    if (trial->is_wanted || trial->backup_path != NULL) {
        (void)!freopen("/dev/null", "w", stderr); /* then it speaks, which does no harm */
    }
    if (trial->backup_path != NULL) {
        bool is_known = power_restore_know(trial->record, trial->backup_path, b, &w->known);

        TRIAL_ASSERT(is_known);
    }
    die_of_signals();
    power_trust_set(trial->trust);
    w->oracle = oracle_new(scratch);
    walk_record(w, judge_moment);
    oracle_done(w->oracle);
    (void)nftw(w->image, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    (void)nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    backup_done(b);
    free(b);
    free(w);
    _exit(EXIT_SUCCESS);
}

/* Returns whether the judge came to its end. */
static bool watch_judge(const power_trial *trial, struct shared *shared, uint32_t each)
{
    char text[64];
    int status = 0;
    pid_t judge;

    (void)fflush(NULL);
    judge = fork();
    if (judge == 0) {
        run_judge(trial, shared, each);
    }
    TRIAL_ASSERT(judge > 0);
    while (waitpid(judge, &status, 0) != judge) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
        return true;
    }
    (void)snprintf(text,
                   sizeof text,
                   "the judge died over it (%s %d)",
                   WIFSIGNALED(status) ? "signal" : "status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    note(shared, text);
    shared->verdict.deaths++;
    shared->verdict.images++;
    shared->next++;
    return false;
}

void power_judge(const power_trial *trial, power_verdict *ret_verdict)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint32_t each = images_of_each(trial);

    TRIAL_ASSERT(shared != MAP_FAILED);
    while (!watch_judge(trial, shared, each) && shared->verdict.deaths < DEATHS_MAX) {
    }
    *ret_verdict = shared->verdict;
    (void)munmap(shared, sizeof *shared);
}
