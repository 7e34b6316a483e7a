/* worker.c - works off what it is given by name, and sets aside what it cannot work off. */
#include "trial/subscriber.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    const trial_subscriber_settings wanted = { .from = 1, .name = argc > 1 ? argv[1] : "worker" };
    const trial_replayed *event = NULL;
    trial_subscriber *subscriber = NULL;
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code = trial_subscriber_open(NULL, &wanted, &subscriber, &err);

    while (code == TRIAL_OK || code == TRIAL_BUSY) {
        code = trial_subscriber_next(subscriber, 1000, &event, &err);
        if (code == TRIAL_OK && trial_text_starts(event->id, TRIAL_TEXT("poison")) &&
            !trial_subscriber_look(subscriber).is_replayed) {
            code = trial_subscriber_park(subscriber, "it is poison", &err);
        } else if (code == TRIAL_OK) {
            printf("%llu\n", (unsigned long long)event->position);
            (void)fflush(stdout); /* a worker that nobody listens to works on */
            trial_subscriber_ack(subscriber);
        }
    }
    fprintf(stderr, "worker: %s\n", err.text);
    trial_subscriber_close(subscriber);
    return 1;
}
