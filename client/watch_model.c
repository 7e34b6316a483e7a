/* watch_model.c - see watch.h: what the screen shows, apart from how. */
#include "watch.h"

#include <stdlib.h>

void watch_model_done(watch_model *model)
{
    free(model->events);
    *model = (watch_model){ 0 };
}

/* As much of the text as there is room for, in whole characters. */
static void keep_text(char *kept, trial_text text)
{
    uint32_t size = text.size < WATCH_TEXT_BYTES ? text.size : WATCH_TEXT_BYTES - 1;

    while (size < text.size && size > 0 && ((unsigned char)text.at[size] & 0xc0) == 0x80) {
        size--;
    }
    if (size > 0) {
        memcpy(kept, text.at, size);
    }
    kept[size] = '\0';
}

void watch_model_keep(watch_model *model, const trial_replayed *event)
{
    watch_event *kept;

    if (model->events == NULL) {
        model->events = trial_memory(WATCH_EVENTS_MAX * sizeof *model->events);
    }
    kept = &model->events[model->event_count++ % WATCH_EVENTS_MAX];
    kept->position = (int64_t)event->position;
    keep_text(kept->time, event->time);
    keep_text(kept->type, event->type);
    keep_text(kept->subject, event->subject);
    keep_text(kept->source, event->source);
    if (model->back > 0 && model->back + 1 < WATCH_EVENTS_MAX) {
        model->back++;
    }
}

static uint64_t kept_events(const watch_model *model)
{
    return model->event_count < WATCH_EVENTS_MAX ? model->event_count : WATCH_EVENTS_MAX;
}

const watch_event *watch_model_event(const watch_model *model, uint64_t n)
{
    return n >= kept_events(model)
               ? NULL
               : &model->events[(model->event_count - 1 - n) % WATCH_EVENTS_MAX];
}

void watch_model_scroll(watch_model *model, int64_t by, uint32_t page)
{
    uint64_t kept = kept_events(model);
    uint64_t most = kept > page ? kept - page : 0;

    if (by < 0) {
        model->back -= (uint64_t)-by < model->back ? (uint64_t)-by : model->back;
    } else {
        model->back += (uint64_t)by;
    }
    model->back = model->back < most ? model->back : most;
}

static uint32_t index_of_programme(const watch_model *model)
{
    uint32_t at = 0;

    while (at < model->funnels->as.list.count &&
           !trial_text_is(trial_value_get_text(model->funnels->as.list.items[at], "programme"),
                          model->programme)) {
        at++;
    }
    return at;
}

const trial_value *watch_model_funnel(const watch_model *model)
{
    uint32_t at = model->funnels == NULL ? 0 : index_of_programme(model);

    return model->funnels == NULL || at == model->funnels->as.list.count
               ? NULL
               : model->funnels->as.list.items[at];
}

void watch_model_next(watch_model *model)
{
    uint32_t count = model->funnels == NULL ? 0 : model->funnels->as.list.count;
    uint32_t at;

    if (count == 0) {
        return;
    }
    at = model->programme[0] == '\0' ? count - 1 : index_of_programme(model) + 1;
    keep_text(
        model->programme,
        trial_value_get_text(model->funnels->as.list.items[at < count ? at : 0], "programme"));
}
