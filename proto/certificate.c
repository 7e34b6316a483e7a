/* certificate.c - see certificate.h. */
#include "certificate.h"

#include "pack.h"

#include "trial/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The characters of Z85 (ZeroMQ RFC 32), in the order of what they stand for. */
static const char z85[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          ".-:+=^!/*?&<>()[]{}@%$#";

/* Where a name of the file goes. */
static const struct entry {
    const char *section;
    const char *name;
    size_t offset;
    size_t room;
} entries[] = {
#define ENTRY(section, name, member)                                                               \
    {                                                                                              \
        section, name, offsetof(proto_certificate, member),                                        \
            sizeof(((proto_certificate *)NULL)->member)                                            \
    }
    ENTRY("curve", "public-key", public_key), ENTRY("curve", "secret-key", secret_key),
    ENTRY("metadata", "user", user),          ENTRY("metadata", "group", group),
    ENTRY("metadata", "roles", roles),        ENTRY("metadata", "sources", sources),
#undef ENTRY
};
#define ENTRY_COUNT (sizeof entries / sizeof entries[0])

/* 40 characters, each five of them a number of 32 bits. */
bool proto_is_name(trial_text name)
{
    if (name.size == 0 || name.size >= PROTO_NAME_BYTES || name.at[0] == '.' || name.at[0] == '_' ||
        name.at[0] == '-') {
        return false;
    }
    for (uint32_t i = 0; i < name.size; i++) {
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", name.at[i]) == NULL) {
            return false;
        }
    }
    return true;
}

bool proto_is_key(const char *text)
{
    uint64_t number = 0;
    size_t size = strlen(text);

    for (size_t i = 0; i < size; i++) {
        const char *at = strchr(z85, text[i]);

        number = i % 5 == 0 ? 0 : number * 85;
        if (at == NULL || number + (uint64_t)(at - z85) > UINT32_MAX) {
            return false;
        }
        number += (uint64_t)(at - z85);
    }
    return size == TRIAL_KEY_TEXT_BYTES - 1;
}

/* Take one `name = "value"` of a section into its member. */
static trial_code take_entry(
    trial_text section, trial_text name, trial_text value, void *certificate, trial_error *err)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        char *member = (char *)certificate + entries[i].offset;

        if (!trial_text_is(section, entries[i].section) || !trial_text_is(name, entries[i].name)) {
            continue;
        }
        if (member[0] != '\0') {
            return trial_fail(err, TRIAL_INVALID, "'%s' stands there twice", entries[i].name);
        }
        if (value.size >= entries[i].room) {
            return trial_fail(err,
                              TRIAL_INVALID,
                              "'%s' has %u characters; at most %zu are taken",
                              entries[i].name,
                              value.size,
                              entries[i].room - 1);
        }
        memcpy(member, value.at, value.size); /* the rest of the member is zero */
        if (entries[i].room == TRIAL_KEY_TEXT_BYTES && !proto_is_key(member)) {
            return trial_fail(err,
                              TRIAL_INVALID,
                              "'%s' is no key: 40 characters of Z85 are expected",
                              entries[i].name);
        }
        return TRIAL_OK;
    }
    return TRIAL_OK; /* of another program, or of people */
}

/* A line inside a section: name = "value". */
static trial_code
take_line(trial_text section, trial_text line, proto_certificate *certificate, trial_error *err)
{
    const char *equals = memchr(line.at, '=', line.size);
    trial_text name;
    trial_text value;

    if (equals == NULL) {
        return trial_fail(err, TRIAL_INVALID, "'name = \"value\"' is expected");
    }
    name = trial_text_trim((trial_text){ line.at, (uint32_t)(equals - line.at) });
    value =
        trial_text_trim((trial_text){ equals + 1, (uint32_t)(line.at + line.size - equals - 1) });
    if (value.size < 2 || (value.at[0] != '"' && value.at[0] != '\'') ||
        value.at[value.size - 1] != value.at[0]) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "the value of '%.*s' stands between quotes",
                          (int)(name.size < 40 ? name.size : 40),
                          name.at);
    }
    return take_entry(
        section, name, (trial_text){ value.at + 1, value.size - 2 }, certificate, err);
}

trial_code
proto_certificate_read(trial_text text, proto_certificate *ret_certificate, trial_error *err)
{
    trial_text section = { 0 };
    uint32_t at = 0;
    unsigned number = 0;

    *ret_certificate = (proto_certificate){ 0 };
    if (pack_text_valid(text) < text.size) { /* an event will say it, to any reader */
        return trial_fail(err, TRIAL_INVALID, "a byte of it is no text");
    }
    while (at < text.size) {
        const char *begin = text.at + at;
        const char *end = memchr(begin, '\n', text.size - at);
        trial_text line = { begin, end == NULL ? text.size - at : (uint32_t)(end - begin) };
        bool is_inside = line.size > 0 && trial_is_blank(begin[0]);
        trial_code code = TRIAL_OK;

        at += line.size + 1;
        number++;
        line = trial_text_trim(line);
        if (line.size == 0 || line.at[0] == '#') {
            continue;
        }
        if (!is_inside) {
            section = line; /* `name = "value"` at the edge is ZPL too; nobody writes it */
        } else {
            code = take_line(section, line, ret_certificate, err);
        }
        if (code != TRIAL_OK) {
            (void)trial_fail_while(err, "line %u", number);
            return code;
        }
    }
    return TRIAL_OK;
}

/* Read what an open file holds, up to `room` bytes. */
static trial_code
read_all(int fd, const char *path, char *text, size_t room, size_t *ret_size, trial_error *err)
{
    ssize_t got = 1;

    *ret_size = 0;
    while (got != 0 && *ret_size < room) {
        got = read(fd, text + *ret_size, room - *ret_size);
        if (got < 0 && errno != EINTR) {
            return trial_fail_errno(err, errno, "reading '%.300s'", path);
        }
        *ret_size += got > 0 ? (size_t)got : 0;
    }
    return TRIAL_OK;
}

trial_code proto_certificate_load_open(int fd,
                                       const char *path,
                                       proto_certificate *ret_certificate,
                                       trial_error *err)
{
    char text[PROTO_CERTIFICATE_BYTES_MAX + 1];
    struct stat seen = { 0 };
    size_t size = 0;
    trial_code code = read_all(fd, path, text, sizeof text, &size, err);

    *ret_certificate = (proto_certificate){ 0 };
    if (code == TRIAL_OK && fstat(fd, &seen) != 0) {
        code = trial_fail_errno(err, errno, "reading '%.300s'", path);
    }
    if (code == TRIAL_OK && size == sizeof text) {
        code = trial_fail(err,
                          TRIAL_INVALID,
                          "'%.300s' is larger than %u bytes: no certificate",
                          path,
                          PROTO_CERTIFICATE_BYTES_MAX);
    }
    if (code == TRIAL_OK) {
        code = proto_certificate_read((trial_text){ text, (uint32_t)size }, ret_certificate, err);
        if (code != TRIAL_OK) {
            (void)trial_fail_while(err, "'%.150s'", path);
        }
    }
    if (code == TRIAL_OK && ret_certificate->secret_key[0] != '\0' &&
        (seen.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
        code = trial_fail(err,
                          TRIAL_INVALID,
                          "'%.300s' holds a secret key, and others may get at it; chmod 600 it",
                          path);
    }
    explicit_bzero(text, sizeof text); /* it may have been a secret */
    return code;
}

trial_code
proto_certificate_load(const char *path, proto_certificate *ret_certificate, trial_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    trial_code code;

    *ret_certificate = (proto_certificate){ 0 };
    if (fd < 0) {
        return trial_fail_errno(err, errno, "opening '%.300s'", path);
    }
    code = proto_certificate_load_open(fd, path, ret_certificate, err);
    (void)close(fd); /* it was only read */
    return code;
}

void proto_fingerprint(const char *public_key, char ret_text[PROTO_HASH_TEXT_BYTES])
{
    uint8_t hash[TRIAL_HASH_BYTES];

    proto_hash((trial_bytes){ (const uint8_t *)public_key, strlen(public_key) }, hash);
    proto_hash_write(hash, ret_text);
}

trial_text proto_word_next(const char **words)
{
    static const char between[] = " ,\t";
    const char *begin = *words + strspn(*words, between);
    size_t size = strcspn(begin, between);

    *words = begin + size;
    return size == 0 ? (trial_text){ 0 } : (trial_text){ begin, (uint32_t)size };
}

trial_code proto_roles_read(const char *words, uint32_t *ret_roles, trial_error *err)
{
    trial_text word;

    *ret_roles = 0;
    for (word = proto_word_next(&words); trial_text_is_set(word); word = proto_word_next(&words)) {
        trial_role role = trial_role_named(word);

        if (role == TRIAL_ROLE_COUNT) {
            return trial_fail(err,
                              TRIAL_INVALID,
                              "'%.*s' is no role; there are"
#define ROLE(UPPER, name, doc) " " name
#include "trial/roles.def"
                              ,
                              (int)(word.size < 40 ? word.size : 40),
                              word.at);
        }
        *ret_roles |= 1u << role;
    }
    return TRIAL_OK;
}
