/* consumer.c - a program of somebody else: how many events has the log? */
#include "trial/client.h"

#include <stdio.h>

int main(void)
{
    const trial_replayed *event = NULL;
    trial_replay *replay = NULL;
    trial_error err = TRIAL_ERROR_NONE;
    unsigned long count = 0;
    trial_code code = trial_replay_open(NULL, 0, NULL, &replay, &err);

    while (code == TRIAL_OK) {
        code = trial_replay_next(replay, &event, &err);
        if (code == TRIAL_OK && event == NULL) {
            break;
        }
        count++;
    }
    trial_replay_close(replay);
    if (code != TRIAL_OK) {
        fprintf(stderr, "consumer: %s\n", err.text);
        return 1;
    }
    printf("%lu\n", count);
    return 0;
}
