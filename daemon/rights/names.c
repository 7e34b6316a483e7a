/* names.c - which numbers the users and groups of certificates have. The system's tables may lie
 * behind a network and stand still for a minute: nobody waits for them but a start, and later a
 * thread of this file's own. What it found before counts meanwhile. */
#include "rights_internal.h"

#include "trial/arena.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LINE_BYTES 16384 /* one line of those tables */

struct name {
    bool is_user; /* else a group */
    bool is_known;
    bool is_there;
    bool is_used; /* by a certificate that was read last */
    uint32_t id;
    char text[PROTO_USER_BYTES];
};

struct names {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct name items[2 * RIGHTS_MAX]; /* of certificates that are there, and of those before */
    uint32_t count;
    uint32_t readings; /* of the directory, each of which asks for all names again */
    bool is_stopping;
    /* of the loop's thread */
    bool is_aside; /* there is a thread */
    int event;
    pthread_t thread;
};

names *names_new(void)
{
    names *n = trial_memory(sizeof *n);

    n->event = -1;
    (void)pthread_mutex_init(&n->lock, NULL); /* with default attributes these cannot fail */
    (void)pthread_cond_init(&n->changed, NULL);
    return n;
}

void names_done(names *n)
{
    if (n->is_aside) {
        (void)pthread_mutex_lock(&n->lock); /* a plain mutex of our own: cannot fail */
        n->is_stopping = true;
        (void)pthread_cond_signal(&n->changed);
        (void)pthread_mutex_unlock(&n->lock);
        (void)pthread_join(n->thread, NULL);
    }
    if (n->event >= 0) {
        (void)close(n->event); /* nothing was written that could be lost */
    }
    (void)pthread_cond_destroy(&n->changed);
    (void)pthread_mutex_destroy(&n->lock);
    free(n);
}

/* Ask the system. Where that fails what was known before is left as it is. */
static void ask(struct name *name)
{
    char room[LINE_BYTES];
    struct passwd user;
    struct group group;
    struct passwd *found_user = NULL;
    struct group *found_group = NULL;
    int failed = name->is_user ? getpwnam_r(name->text, &user, room, sizeof room, &found_user)
                               : getgrnam_r(name->text, &group, room, sizeof room, &found_group);

    if (found_user != NULL || found_group != NULL) {
        name->id = name->is_user ? found_user->pw_uid : found_group->gr_gid;
        name->is_there = true;
    } else if (!name->is_known || failed == 0 || failed == ENOENT || failed == ESRCH) {
        name->is_there = false;
    }
    name->is_known = true;
}

static struct name *find(names *n, bool is_user, const char *text)
{
    for (uint32_t i = 0; i < n->count; i++) {
        struct name *name = &n->items[i];

        if (name->is_user == is_user && strcmp(name->text, text) == 0) {
            return name;
        }
    }
    return NULL;
}

/* Put what was found in the place of what was known; true where it differs. */
static bool take(names *n, const struct name *found, uint32_t count)
{
    bool is_other = false;

    for (uint32_t i = 0; i < count; i++) {
        struct name *name = find(n, found[i].is_user, found[i].text);

        if (name != NULL) { /* else no certificate has it any more */
            is_other |= name->is_known != found[i].is_known ||
                        name->is_there != found[i].is_there || name->id != found[i].id;
            name->is_known = found[i].is_known;
            name->is_there = found[i].is_there;
            name->id = found[i].id;
        }
    }
    return is_other;
}

static void *run(void *context)
{
    names *n = context;
    struct name *asked = trial_memory(sizeof n->items);
    uint32_t readings = 0;
    uint64_t one = 1;

    (void)pthread_mutex_lock(&n->lock);
    while (!n->is_stopping) {
        uint32_t count = n->count;

        if (readings == n->readings) {
            (void)pthread_cond_wait(&n->changed, &n->lock);
            continue;
        }
        readings = n->readings;
        memcpy(asked, n->items, count * sizeof *asked);
        (void)pthread_mutex_unlock(&n->lock);
        for (uint32_t i = 0; i < count; i++) {
            ask(&asked[i]);
        }
        (void)pthread_mutex_lock(&n->lock);
        if (take(n, asked, count)) {
            (void)!write(n->event, &one, sizeof one); /* full means that it is told already */
        }
    }
    (void)pthread_mutex_unlock(&n->lock);
    free(asked);
    return NULL;
}

trial_code names_ask_aside(names *n, int *ret_fd, trial_error *err)
{
    int failed;

    n->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (n->event < 0) {
        return trial_fail_errno(err, errno, "making an eventfd for the names of users");
    }
    failed = pthread_create(&n->thread, NULL, run, n);
    if (failed != 0) {
        return trial_fail_errno(err, failed, "starting the thread that asks who users are");
    }
    n->is_aside = true;
    *ret_fd = n->event;
    return TRIAL_OK;
}

void names_drain(names *n)
{
    uint64_t count;

    (void)!read(n->event, &count, sizeof count); /* empty is drained too */
}

void names_begin(names *n)
{
    (void)pthread_mutex_lock(&n->lock);
    for (uint32_t i = 0; i < n->count; i++) {
        n->items[i].is_used = false;
    }
    (void)pthread_mutex_unlock(&n->lock);
}

void names_end(names *n)
{
    uint32_t kept = 0;

    (void)pthread_mutex_lock(&n->lock);
    for (uint32_t i = 0; i < n->count; i++) {
        if (n->items[i].is_used) {
            n->items[kept++] = n->items[i];
        }
    }
    n->count = kept;
    n->readings += kept > 0 ? 1 : 0;
    (void)pthread_cond_signal(&n->changed);
    (void)pthread_mutex_unlock(&n->lock);
}

trial_code names_find(names *n, bool is_user, const char *text, uint32_t *ret_id, trial_error *err)
{
    const char *what = is_user ? "user" : "group";
    struct name found;
    struct name *name;

    (void)pthread_mutex_lock(&n->lock);
    name = find(n, is_user, text);
    if (name == NULL) {
        TRIAL_ASSERT(n->count < 2 * RIGHTS_MAX);
        name = &n->items[n->count++];
        *name = (struct name){ .is_user = is_user };
        memcpy(name->text, text, strlen(text)); /* as long as its place in a certificate */
    }
    name->is_used = true;
    if (!n->is_aside) {
        ask(name);
    }
    found = *name;
    (void)pthread_mutex_unlock(&n->lock);
    if (!found.is_known) {
        return trial_fail(
            err, TRIAL_BUSY, "the system has not said yet who %s '%s' is", what, text);
    }
    if (!found.is_there) {
        return trial_fail(err, TRIAL_INVALID, "there is no %s '%s' here", what, text);
    }
    *ret_id = found.id;
    return TRIAL_OK;
}
