/* subscribers_end.c - subscriptions that end without their peer having asked for it. */
#include "subscribers_internal.h"

/* Tell the peer why, and let it go. */
static void
end(subscribers *s, struct subscription *sub, trial_code code, const char *reason, uint64_t now_ms)
{
    if (sub->is_gone) {
        return;
    }
    subscribers_begin_frame(s, "ended", 3);
    pack_put_word(&s->frame, "code");
    pack_put_word(&s->frame, trial_code_name(code));
    pack_put_word(&s->frame, "reason");
    pack_put_message(&s->frame, reason);
    subscribers_put_number(s, "subscription", sub->id);
    /* Who takes nothing hears nothing more of it either. */
    (void)subscribers_send_frame(s, sub, now_ms);
    sub->is_gone = true;
}

void subscribers_end(
    subscribers *s, uint64_t id, trial_code code, const char *reason, uint64_t now_ms)
{
    struct subscription *sub = subscribers_find(s, id);

    if (sub != NULL) {
        sub->named = NULL; /* whoever ends it knows what becomes of the name */
        end(s, sub, code, reason, now_ms);
    }
}

void subscribers_end_where(subscribers *s,
                           bool (*has_lost)(void *context, uint64_t owner),
                           void *context,
                           trial_code code,
                           const char *reason,
                           uint64_t now_ms)
{
    for (struct subscription *sub = s->first; sub != NULL; sub = sub->next) {
        if (has_lost(context, sub->owner)) {
            end(s, sub, code, reason, now_ms);
        }
    }
}
