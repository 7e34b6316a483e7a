/* journal.c - a log line with its fields, to the journal as a datagram, which never waits. */
#include "host_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define JOURNAL_PATH "/run/systemd/journal/socket"
#define ENTRY_BYTES (HOST_LOG_LINE_BYTES + 1024) /* the line, and what it is about */

struct entry {
    char text[ENTRY_BYTES];
    size_t size;
};

/* A field is a name, its value and the end of a line, which no value may hold. What finds no room
 * is left out. */
static void add(struct entry *entry, const char *name, const char *value, size_t size)
{
    size_t name_size = strlen(name);
    char *at = entry->text + entry->size;

    if (sizeof entry->text - entry->size < name_size + size + 2) {
        return;
    }
    memcpy(at, name, name_size);
    at[name_size] = '=';
    memcpy(at + name_size + 1, value, size);
    host_tame(at + name_size + 1, size);
    at[name_size + 1 + size] = '\n';
    entry->size += name_size + size + 2;
}

static void add_number(struct entry *entry, const char *name, uint64_t number)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    add(entry, name, text, strlen(text));
}

static void
write_entry(struct entry *entry, host_level level, const host_about *about, const char *line)
{
    add(entry, "MESSAGE", line, strlen(line));
    add_number(entry, "PRIORITY", (uint64_t)level);
    add(entry, "SYSLOG_IDENTIFIER", HOST_PROGRAM, sizeof HOST_PROGRAM - 1);
    if (about->message_id != NULL) {
        add(entry, "MESSAGE_ID", about->message_id, strlen(about->message_id));
    }
    if (about->position > 0) {
        add_number(entry, "TRIALD_POSITION", about->position);
    }
    if (trial_text_is_set(about->subject)) {
        add(entry, "TRIALD_SUBJECT", about->subject.at, about->subject.size);
    }
    if (about->rule != NULL) {
        add(entry, "TRIALD_RULE", about->rule, strlen(about->rule));
    }
}

host_sent journal_send(host_level level, const host_about *about, const char *line)
{
    const struct sockaddr_un journal = { .sun_family = AF_UNIX, .sun_path = JOURNAL_PATH };
    struct entry entry = { .size = 0 };
    host_sent sent = HOST_SENT;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return HOST_ABSENT;
    }
    write_entry(&entry, level, about, line);
    if (sendto(fd,
               entry.text,
               entry.size,
               MSG_DONTWAIT | MSG_NOSIGNAL,
               (const struct sockaddr *)&journal,
               sizeof journal) < 0) {
        sent = errno == EAGAIN || errno == ENOBUFS ? HOST_FULL : HOST_ABSENT;
    }
    (void)close(fd); /* a datagram was handed over or dropped before */
    return sent;
}
