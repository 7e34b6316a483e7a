/* ask.c - see ask.h. */
#include "ask.h"

#include "host.h"

#include <stdlib.h>

/* How long a question may hold the loop where there is no connection: the least there is, for the
 * next one is asked again by whoever wants it. */
#define SEND_WAIT_MS 1

struct question {
    uint32_t msgid;
    uint64_t until_ms;
    asker_done *done;
    void *context;
};

struct board_asker {
    trial_client *client;
    trial_arena arena; /* of one answer */
    uint32_t room;
    uint32_t count;
    struct question questions[];
};

trial_code asker_open(const trial_client_settings *daemon,
                      uint32_t room,
                      board_asker **ret_asker,
                      trial_error *err)
{
    trial_client_settings settings = *daemon;
    board_asker *asker = trial_memory(sizeof *asker + room * sizeof asker->questions[0]);
    trial_code code;

    settings.timeout_ms = SEND_WAIT_MS;
    asker->room = room;
    code = trial_client_open(&settings, &asker->client, err);
    if (code != TRIAL_OK) {
        asker_close(asker);
        return code;
    }
    *ret_asker = asker;
    return TRIAL_OK;
}

void asker_close(board_asker *asker)
{
    if (asker == NULL) {
        return;
    }
    trial_client_close(asker->client);
    trial_arena_done(&asker->arena);
    free(asker);
}

const trial_client *asker_client(const board_asker *asker)
{
    return asker->client;
}

int asker_fd(const board_asker *asker)
{
    return trial_client_fd(asker->client);
}

uint32_t asker_count(const board_asker *asker)
{
    return asker->count;
}

trial_code asker_ask(board_asker *asker,
                     const char *method,
                     const trial_value *params,
                     uint32_t wait_ms,
                     asker_done *done,
                     void *context,
                     trial_error *err)
{
    uint32_t msgid = 0;
    trial_code code;

    if (asker->count == asker->room) {
        return trial_fail(err,
                          TRIAL_BUSY,
                          "%u questions to the daemon are under way; ask again in a moment",
                          asker->count);
    }
    code = trial_client_send(asker->client, method, params, &msgid, err);
    if (code == TRIAL_OK) {
        asker->questions[asker->count++] = (struct question){
            .msgid = msgid,
            .until_ms = host_monotonic_ms() + wait_ms,
            .done = done,
            .context = context,
        };
    }
    return code;
}

void asker_forget(board_asker *asker, const void *context)
{
    for (uint32_t i = 0; i < asker->count; i++) {
        if (asker->questions[i].context == context) {
            asker->questions[i].done = NULL;
        }
    }
}

static struct question take_out(board_asker *asker, uint32_t index)
{
    struct question question = asker->questions[index];

    asker->questions[index] = asker->questions[--asker->count];
    return question;
}

static void hand_over(board_asker *asker, const trial_message *message)
{
    for (uint32_t i = 0; i < asker->count; i++) {
        if (asker->questions[i].msgid == message->msgid) {
            struct question question = take_out(asker, i);

            if (question.done != NULL) {
                question.done(question.context,
                              message->error.code == TRIAL_OK ? message->value : NULL,
                              &message->error);
            }
            return;
        }
    }
}

/* The daemon may have gone, or be at something long. */
static bool give_up(board_asker *asker)
{
    uint64_t now_ms = host_monotonic_ms();
    bool is_done = false;

    for (uint32_t i = asker->count; i > 0; i--) {
        if (i <= asker->count && asker->questions[i - 1].until_ms <= now_ms) {
            struct question question = take_out(asker, i - 1);
            trial_error error = TRIAL_ERROR_NONE;

            (void)trial_fail(&error, TRIAL_BUSY, "the daemon did not answer in time");
            is_done = true;
            if (question.done != NULL) {
                question.done(question.context, NULL, &error);
            }
        }
    }
    return is_done;
}

bool asker_turn(board_asker *asker)
{
    trial_message message;
    bool is_done = false;
    trial_code code = TRIAL_OK;

    /* One at a time, so that a long answer does not keep the streams waiting behind another. */
    trial_arena_reset(&asker->arena);
    code = trial_client_receive(asker->client, 0, true, &asker->arena, &message, NULL);
    if (code == TRIAL_OK && !message.is_notification) {
        hand_over(asker, &message);
    }
    is_done = code != TRIAL_BUSY;
    return give_up(asker) || is_done;
}
