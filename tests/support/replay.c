/* replay.c - runs a fuzz target over the files of its corpus, so that what was found once is tried
 * in every profile, with or without a fuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PATH_BYTES 4096
#define INPUT_BYTES_MAX (64L * 1024 * 1024) /* no corpus file is near it */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The whole file, released with free(); NULL where it cannot be read. */
static uint8_t *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rbe");
    struct stat seen;
    uint8_t *bytes = NULL;
    size_t size = 0;

    if (file == NULL) {
        return NULL;
    }
    if (fstat(fileno(file), &seen) == 0 && seen.st_size <= INPUT_BYTES_MAX) {
        size = (size_t)seen.st_size;
        bytes = malloc(size + 1); /* an empty input is one too */
    }
    if (bytes != NULL && fread(bytes, 1, size, file) != size) {
        free(bytes);
        bytes = NULL;
    }
    (void)fclose(file); /* it was only read */
    *ret_size = size;
    return bytes;
}

int main(int argc, char **argv)
{
    DIR *corpus = argc == 2 ? opendir(argv[1]) : NULL;
    unsigned count = 0;

    if (corpus == NULL) {
        (void)fprintf(stderr, "usage: replay CORPUS, a directory that exists\n");
        return 64;
    }
    for (struct dirent *entry = readdir(corpus); entry != NULL; entry = readdir(corpus)) {
        char path[PATH_BYTES];
        uint8_t *bytes;
        size_t size = 0;

        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        bytes = read_file(path, &size);
        if (bytes == NULL) {
            (void)fprintf(stderr, "cannot read '%s'\n", path);
            (void)closedir(corpus);
            return 1;
        }
        (void)LLVMFuzzerTestOneInput(bytes, size);
        free(bytes);
        count++;
    }
    (void)closedir(corpus);
    (void)printf("%u inputs\n", count);
    return count == 0; /* an empty corpus replays nothing, and should not look like success */
}
