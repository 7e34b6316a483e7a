/* read.h - reading, the same way for every server: replay, histories, push, questions under load.
 */
#ifndef BENCH_READ_H
#define BENCH_READ_H

#include "load.h"

#define READ_STAMPS_MAX 4096u

/** One server. A connection belongs to one thread; what fails ends the program. */
typedef struct read_driver {
    void *(*open)(const char *endpoint);
    void (*close)(void *connection);
    uint64_t (*replay)(void *connection);                       /* the whole log; how many events */
    uint32_t (*history)(void *connection, const char *subject); /* how many events it has */
    void (*publish)(void *connection, uint64_t stamp);          /* comes back when acknowledged */
    void (*subscribe)(void *connection);                        /* to what comes from now on */
    int (*fd)(void *connection);
    bool is_edge; /* the descriptor tells of changes only: take until there is nothing */
    /** Stamps of the events that are there, without waiting. */
    uint32_t (*take)(void *connection, uint64_t *ret_stamps);
    void (*query)(void *connection, uint32_t number); /* NULL: it has no questions */
} read_driver;

/** Do what the command line asks for and print one line of JSON. */
int read_main(const read_driver *driver, int count, char **words);

#endif
