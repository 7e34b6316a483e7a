/* world.h - a small log in memory: events written as JSON, folded by the rules, asked by the views.
 */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include "views.h"

#include <jansson.h>

struct world {
    trial_arena arena;
    json_t **events; /* in the order of the log; position is the index plus 1 */
    uint32_t count;
    uint32_t room;
    trial_event *read; /* the same, read at the first question */
    uint32_t visits;   /* states handed to the views since world_ask() began */
};

/** Read a file of JSON Lines. */
void world_read(struct world *world, const char *path);
void world_done(struct world *world);

/** A question in words; NULL and 0 where nothing is asked. */
typedef struct world_question {
    const char *view;
    const char *key;
    const char *where; /* JSON */
    const char *as_of; /* a day; also `today`. NULL: the whole log, and `today` */
    const char *today;
    const char *after;
    uint32_t limit;
} world_question;

/** Ask; the answer lives as long as the world. */
trial_code world_ask(struct world *world,
                     const world_question *question,
                     views_answer *ret_answer,
                     trial_error *err);

/** Where the answer breaks off too early: the source fails at its nth call, counted from 1. */
trial_code world_ask_failing(struct world *world,
                             const world_question *question,
                             uint32_t nth,
                             trial_error *err);

/** A value as JSON, keys sorted, without blanks; lives as long as the world. */
const char *world_json(struct world *world, const trial_value *value);

#endif
