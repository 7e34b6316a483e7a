/* subscriber_internal.h - what the files of the subscriber share. */
#ifndef CLIENT_LIB_SUBSCRIBER_INTERNAL_H
#define CLIENT_LIB_SUBSCRIBER_INTERNAL_H

#include "lib.h"
#include "trial/limits.h"
#include "trial/subscriber.h"

/** How far a connection is. */
typedef enum subscriber_step {
    STEP_AWAY,       /* nothing stands; at `until_ms` it is tried again */
    STEP_CONNECTING, /* until `until_ms` */
    STEP_GREETED,    /* hello was sent */
    STEP_ASKED,      /* subscribe was sent */
    STEP_SUBSCRIBED,
} subscriber_step;

struct trial_subscriber {
    trial_client_settings settings;
    char *endpoint;
    char *key;
    char *server_key;
    char *name;
    trial_client *client; /* a new one each time: nothing of the old connection arrives in it */
    subscriber_step step;
    uint32_t msgid; /* of hello or subscribe */
    uint32_t backoff_ms;
    uint64_t jitter;
    int64_t until_ms;
    int64_t heard_ms;
    bool was_heard;
    uint64_t next; /* first position not handed out; 0: not known yet, only new ones are wanted */
    uint64_t head;
    bool is_live;
    uint32_t connections;
    bool is_named;
    bool is_replaying;     /* the notification that is handed out was parked before */
    bool is_kept;          /* what is left of it was copied into `rest` */
    trial_code ended;      /* a named one, and why; TRIAL_OK: it goes on */
    trial_value *takeover; /* the entry of `params` */
    uint64_t acked;        /* said, or known from the daemon */
    uint64_t done;         /* worked off */
    int64_t told_ms;       /* when the daemon was last told anything */
    uint64_t subscription;
    uint32_t credit;
    uint32_t used; /* events handed out, their credit not given back */
    int stop_fd;
    lib_wake wake;
    char log[LIB_LOG_BYTES];
    trial_value *params; /* of subscribe, in `arena` */
    trial_value *from;
    trial_arena arena;   /* as long as the subscriber */
    trial_arena message; /* of what came last */
    trial_replayed event;
    trial_arena rest;
    pack_reader events; /* what is left of the notification that is handed out */
    uint32_t left;
};

/* subscriber.c */

/** What stood is no more. What was received and not handed out comes again. */
void subscriber_lose(trial_subscriber *s);

/** Notify the daemon; what does not arrive is a lost connection. */
void subscriber_tell(trial_subscriber *s, const char *method, const trial_value *params);

/* subscriber_named.c */

/** It is to be a named one. */
void subscriber_take_name(trial_subscriber *s, const trial_subscriber_settings *how);

/** Say what was worked off: before a wait, or when it is half a window. */
void subscriber_say_done(trial_subscriber *s);

/** Fails with CONFLICT: another consumer took over; and with NOT_FOUND: it was removed. */
TRIAL_MUST_USE trial_code subscriber_say_ended(trial_subscriber *s, trial_error *err);

#endif
