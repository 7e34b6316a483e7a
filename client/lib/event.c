/* event.c - an event, and the notification it came in, where they lie in the bytes that brought
 * them, for replay and subscriber; and the values that a caller gives. */
#include "lib.h"
#include "pack.h"

/* Where an attribute of that name goes; NULL where it is not one of them. */
static trial_text *text_of(trial_replayed *event, trial_text name)
{
    if (trial_text_is(name, "id")) {
        return &event->id;
    }
    if (trial_text_is(name, "ingesttime")) {
        return &event->ingesttime;
    }
    if (trial_text_is(name, "source")) {
        return &event->source;
    }
    if (trial_text_is(name, "subject")) {
        return &event->subject;
    }
    if (trial_text_is(name, "time")) {
        return &event->time;
    }
    return trial_text_is(name, "type") ? &event->type : NULL;
}

void lib_take_event(pack_reader *reader, trial_replayed *ret_event)
{
    const uint8_t *begin = reader->at;
    uint32_t count = pack_map(reader);

    *ret_event = (trial_replayed){ 0 };
    for (uint32_t i = 0; i < count && !reader->has_failed; i++) {
        trial_text name = pack_text(reader);
        trial_text *text;

        if (trial_text_is(name, "data")) {
            ret_event->data = pack_skip(reader);
        } else if (trial_text_is(name, "position")) {
            ret_event->position = pack_unsigned(reader);
        } else if (trial_text_is(name, "revision")) {
            ret_event->revision = pack_unsigned(reader);
        } else if ((text = text_of(ret_event, name)) != NULL) {
            *text = pack_text(reader);
        } else {
            (void)pack_skip(reader);
        }
    }
    ret_event->event = (trial_bytes){ begin, (size_t)(reader->at - begin) };
}

trial_code lib_take_notice(trial_bytes raw, lib_notice *ret_notice)
{
    pack_reader reader = pack_reader_of(raw);
    uint32_t count = pack_map(&reader);

    *ret_notice = (lib_notice){ 0 };
    for (uint32_t i = 0; i < count && !reader.has_failed; i++) {
        trial_text name = pack_text(&reader);

        if (trial_text_is(name, "events")) {
            ret_notice->events = pack_reader_of(pack_skip(&reader));
        } else if (trial_text_is(name, "head")) {
            ret_notice->head = pack_unsigned(&reader);
        } else if (trial_text_is(name, "subscription")) {
            ret_notice->subscription = pack_unsigned(&reader);
        } else if (trial_text_is(name, "code")) {
            ret_notice->code = trial_code_named(pack_text(&reader));
        } else if (trial_text_is(name, "replayed")) {
            ret_notice->is_replayed = pack_truth(&reader);
        } else {
            (void)pack_skip(&reader);
        }
    }
    return reader.has_failed ? TRIAL_MALFORMED : TRIAL_OK;
}

trial_code trial_replayed_value(const trial_replayed *event,
                                trial_arena *arena,
                                trial_value **ret_value,
                                trial_error *err)
{
    return lib_read_value(event->event, arena, ret_value, err);
}

trial_code
lib_put_tree(pack_writer *writer, const trial_value *value, trial_arena *scratch, trial_error *err)
{
    return pack_try_value(writer, value, scratch)
               ? TRIAL_OK
               : trial_fail_rule(err,
                                 TRIAL_RULE_TOO_LARGE,
                                 "lists and maps are nested deeper than %u levels",
                                 PACK_DEPTH_MAX);
}
