/* limit_disk.c - what the disk alone can do: 4 KiB behind each other into a file that was written
 * in full before, each flushed. `limit_disk FILE SECONDS`. */
#include "load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES 4096
#define FILE_BYTES (32 << 20)
#define PIECE_BYTES (1 << 20)

static int make_file(const char *path)
{
    static const char zeros[PIECE_BYTES];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0) {
        load_fail("%s: cannot be written", path);
    }
    for (off_t at = 0; at < FILE_BYTES; at += PIECE_BYTES) {
        if (pwrite(fd, zeros, PIECE_BYTES, at) != PIECE_BYTES) {
            load_fail("%s: no space", path);
        }
    }
    if (fsync(fd) != 0) {
        load_fail("%s: cannot be flushed", path);
    }
    return fd;
}

int main(int count, char **words)
{
    char block[BLOCK_BYTES];
    load_latencies latencies = { 0 };
    uint64_t begin_ns;
    uint64_t now_ns;
    uint64_t done = 0;
    double seconds;
    int fd;

    if (count != 3) {
        (void)fputs("limit_disk FILE SECONDS\n", stderr);
        return 64;
    }
    seconds = strtod(words[2], NULL);
    fd = make_file(words[1]);
    begin_ns = now_ns = load_now_ns();
    while ((double)(now_ns - begin_ns) < seconds * 1e9) {
        uint64_t from_ns = now_ns;
        off_t at = (off_t)(done % (FILE_BYTES / BLOCK_BYTES)) * BLOCK_BYTES;

        (void)memset(block, (int)(done % 251) + 1, sizeof block);
        if (pwrite(fd, block, sizeof block, at) != BLOCK_BYTES || fdatasync(fd) != 0) {
            load_fail("%s: the disk failed", words[1]);
        }
        done++;
        now_ns = load_now_ns();
        load_note(&latencies, now_ns - from_ns);
    }
    load_report(&latencies, done, (double)(now_ns - begin_ns) / 1e9);
    (void)close(fd);
    return 0;
}
