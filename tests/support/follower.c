/* follower.c - every event from the beginning and for ever, one a line. */
#include "trial/subscriber.h"

#include <stdio.h>

int main(void)
{
    const trial_subscriber_settings wanted = { .from = 1 };
    const trial_replayed *event = NULL;
    trial_subscriber *subscriber = NULL;
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code = trial_subscriber_open(NULL, &wanted, &subscriber, &err);

    while (code == TRIAL_OK) {
        code = trial_subscriber_next(subscriber, 1000, &event, &err);
        if (code == TRIAL_OK) {
            printf("%llu %.*s\n", (unsigned long long)event->position, TRIAL_TEXT_ARGS(event->id));
            code = fflush(stdout) == 0 ? TRIAL_OK : trial_fail(&err, TRIAL_STORAGE, "stdout");
        } else if (code == TRIAL_BUSY) {
            code = TRIAL_OK; /* nothing came, or the daemon is away: it is waited for */
        }
    }
    fprintf(stderr, "follower: %s\n", err.text);
    trial_subscriber_close(subscriber);
    return 1;
}
