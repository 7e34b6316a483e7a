/* keygen.c - trialctl keygen: a key pair in two files, as CZMQ and pyzmq write them. The
 * certificate goes to whoever runs the daemon, the secret to nobody. */
#include "ctl.h"
#include "json.h"
#include "render.h"
#include "trial/key.h"

#include "certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES 9000 /* a list of sources and one of roles, and what stands round them */

/* Write a file that was not there. Fails with STORAGE: it was, or the disk failed; NO_SPACE. */
static trial_code write_new(const char *path, mode_t mode, const char *text, trial_error *err)
{
    size_t size = strlen(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    bool is_written;

    if (fd < 0 && errno == EEXIST) {
        return trial_fail(err,
                          TRIAL_STORAGE,
                          "'%.300s' is there already, and a key is not written over; move it away "
                          "or choose another name",
                          path);
    }
    if (fd < 0) {
        return trial_fail_errno(err, errno, "making '%.300s'", path);
    }
    errno = EIO; /* of a write that is short without a reason */
    is_written = fchmod(fd, mode) == 0 && write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    if (!is_written) {
        int error = errno;

        (void)close(fd);    /* what is in it is of no use */
        (void)unlink(path); /* made a moment ago, by us */
        return trial_fail_errno(err, error, "writing '%.300s'", path);
    }
    return close(fd) == 0 ? TRIAL_OK : trial_fail_errno(err, errno, "writing '%.300s'", path);
}

/* Every value of a flag, one blank between two. */
static trial_text joined(ctl_command *ctl, ctl_option option, const char *otherwise)
{
    return trial_text_of(ctl_has(ctl, option) ? ctl->values[option] : otherwise);
}

static void set_path(ctl_command *ctl, trial_value *map, const char *name, const char *path)
{
    trial_text valid = render_valid(&ctl->arena, trial_text_of(path));

    trial_value_set(&ctl->arena, map, name, trial_value_text(&ctl->arena, valid));
}

static void print_pair(ctl_command *ctl,
                       const char *certificate,
                       const char *secret,
                       const trial_key_pair *pair)
{
    char fingerprint[TRIAL_FINGERPRINT_BYTES];
    trial_value *told;

    trial_key_fingerprint(pair->public_key, fingerprint);
    if (!ctl_is_json(ctl)) {
        (void)printf("certificate  %s\nsecret       %s\nfingerprint  %s\n",
                     certificate,
                     secret,
                     fingerprint);
        ctl_say("the certificate goes into the daemon's directory of keys (/etc/triald/keys), "
                "the secret to nobody; --key names it");
        return;
    }
    told = trial_value_map(&ctl->arena);
    set_path(ctl, told, "certificate", certificate);
    trial_value_set(&ctl->arena, told, "fingerprint", trial_value_word(&ctl->arena, fingerprint));
    trial_value_set(
        &ctl->arena, told, "public_key", trial_value_word(&ctl->arena, pair->public_key));
    set_path(ctl, told, "secret", secret);
    json_print(stdout, told);
}

/* Are the sources such as a certificate may name, and is there one where there must be? */
static trial_code check_sources(trial_text sources, bool are_needed, trial_error *err)
{
    const char *rest = sources.at;
    trial_text word = proto_word_next(&rest);

    if (strpbrk(sources.at, "\"\n") != NULL || sources.size >= PROTO_WORDS_BYTES) {
        return trial_fail(err, TRIAL_INVALID, "the sources are too long, or hold a quote");
    }
    if (are_needed && !trial_text_is_set(word)) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "who may publish names the sources it publishes as: --source "
                          "/dk/kommune/0751, or '*' for any");
    }
    for (; trial_text_is_set(word); word = proto_word_next(&rest)) {
        if (word.size > TRIAL_SOURCE_BYTES_MAX) {
            return trial_fail(err, TRIAL_INVALID, "a source has %u bytes", word.size);
        }
    }
    return TRIAL_OK;
}

/* Would a daemon take the certificate? What it refuses nobody should have to find out there. */
static trial_code check(const char *path, trial_text roles, trial_text sources, trial_error *err)
{
    const char *slash = strrchr(path, '/');
    uint32_t bits;
    trial_code code = proto_roles_read(roles.at, &bits, err);

    if (code != TRIAL_OK) {
        return code;
    }
    if (bits == 0 || roles.size >= PROTO_WORDS_BYTES) {
        return trial_fail(err, TRIAL_INVALID, "a certificate gives a role at least: --role read");
    }
    if (!proto_is_name(trial_text_of(slash == NULL ? path : slash + 1))) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%.200s': a name is 1 to %d of a-z 0-9 . _ -, the first a letter or a "
                          "number",
                          path,
                          PROTO_NAME_BYTES - 1);
    }
    return check_sources(sources, (bits & 1u << TRIAL_ROLE_PUBLISH) != 0, err);
}

int ctl_keygen(ctl_command *ctl)
{
    const char *name = ctl->arguments[0];
    trial_text roles = joined(ctl, CTL_ROLE, "read");
    trial_text sources = joined(ctl, CTL_SOURCE, "");
    const char *certificate = trial_arena_print(&ctl->arena, "%s.key", name).at;
    const char *secret = trial_arena_print(&ctl->arena, "%s.key_secret", name).at;
    char text[FILE_BYTES];
    trial_key_pair pair;
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code = check(name, roles, sources, &err);

    if (code == TRIAL_OK) {
        code = trial_key_make(&pair, &err);
    }
    if (code == TRIAL_OK) {
        (void)snprintf(text,
                       sizeof text,
                       "# The secret of this key: it stays with its owner.\n"
                       "metadata\n"
                       "curve\n"
                       "    public-key = \"%s\"\n"
                       "    secret-key = \"%s\"\n",
                       pair.public_key,
                       pair.secret_key);
        code = write_new(secret, S_IRUSR | S_IWUSR, text, &err);
    }
    if (code == TRIAL_OK) {
        (void)snprintf(text,
                       sizeof text,
                       "# A certificate: whoever has the secret of this key has these rights.\n"
                       "metadata\n"
                       "    roles = \"%.*s\"\n"
                       "    sources = \"%.*s\"\n"
                       "curve\n"
                       "    public-key = \"%s\"\n",
                       TRIAL_TEXT_ARGS(roles),
                       TRIAL_TEXT_ARGS(sources),
                       pair.public_key);
        code = write_new(certificate, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH, text, &err);
        if (code != TRIAL_OK) {
            (void)unlink(secret); /* made a moment ago, by us; of no use alone */
        }
    }
    explicit_bzero(text, sizeof text);
    if (code == TRIAL_OK) {
        print_pair(ctl, certificate, secret, &pair);
    }
    explicit_bzero(&pair, sizeof pair);
    if (code != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    return CTL_EXIT_DONE;
}
