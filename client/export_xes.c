/* export_xes.c - XES (IEEE 1849), for process mining: one trace a subject, so events are put aside
 * in a file until all of a subject's are known. */
#include "export.h"
#include "json.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>

#define COPY_BYTES 8192

/* A subject and the last of its events put aside. */
struct trace {
    trial_text subject;
    uint32_t number; /* in the order of their first events, from 0 */
};

/* Where the text of one event lies in the file. */
struct piece {
    uint32_t trace;
    uint32_t size;
    uint64_t offset;
};

struct xes {
    FILE *aside;
    uint64_t aside_bytes;
    void *traces; /* a tree of tsearch, by subject */
    trial_text *subjects;
    uint32_t trace_count;
    uint32_t trace_room;
    struct piece *pieces;
    uint64_t piece_count;
    uint64_t piece_room;
};

/* The bytes of a character that UTF-8 has and XML 1.0 has not, not even escaped: a control
 * character, U+FFFE, U+FFFF. 0: it is another. */
static uint32_t size_of_none(trial_text text)
{
    unsigned char c = (unsigned char)text.at[0];

    if (c < 0x20) {
        return 1;
    }
    return trial_text_starts(text, TRIAL_TEXT("\xef\xbf\xbe")) ||
                   trial_text_starts(text, TRIAL_TEXT("\xef\xbf\xbf"))
               ? 3
               : 0;
}

static void put_xml(FILE *out, trial_text text)
{
    for (uint32_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.at[i];
        uint32_t none;

        switch (c) {
        case '&':
            (void)fputs("&amp;", out); /* errors of the stream show when it is closed */
            break;
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '>':
            (void)fputs("&gt;", out);
            break;
        case '"':
            (void)fputs("&quot;", out);
            break;
        case '\t':
        case '\n':
        case '\r':
            (void)fprintf(out, "&#%d;", c);
            break;
        default:
            none = size_of_none((trial_text){ text.at + i, text.size - i });
            if (none > 0) {
                (void)fputs("\xef\xbf\xbd", out);
                i += none - 1;
            } else {
                (void)putc(c, out);
            }
        }
    }
}

static void put_attribute(FILE *out, const char *tag, trial_text key, trial_text value)
{
    (void)fprintf(out, "      <%s key=\"", tag);
    put_xml(out, key);
    (void)fputs("\" value=\"", out);
    put_xml(out, value);
    (void)fputs("\"/>\n", out);
}

/* An attribute of the type that XES has for the value; lists and maps are JSON text. */
static void put_value(FILE *out, trial_arena *scratch, trial_text key, const trial_value *value)
{
    switch (value->kind) {
    case TRIAL_VALUE_NIL:
        break;
    case TRIAL_VALUE_TRUTH:
        put_attribute(out, "boolean", key, json_text(scratch, value));
        break;
    case TRIAL_VALUE_INTEGER:
        put_attribute(out, "int", key, json_text(scratch, value));
        break;
    case TRIAL_VALUE_FLOAT:
        put_attribute(out, "float", key, json_text(scratch, value));
        break;
    case TRIAL_VALUE_TEXT:
        put_attribute(out, "string", key, value->as.text);
        break;
    case TRIAL_VALUE_UNSIGNED:
    case TRIAL_VALUE_LIST:
    case TRIAL_VALUE_MAP:
        put_attribute(out, "string", key, json_text(scratch, value));
        break;
    }
}

/* The instant with a point and a zone, as xs:dateTime wants it. */
static trial_text xml_time(trial_arena *scratch, trial_text time)
{
    trial_instant instant = 0;
    char text[TRIAL_INSTANT_TEXT_BYTES];

    if (trial_instant_read(time, &instant, NULL) != TRIAL_OK) {
        return time;
    }
    trial_instant_write_us(instant, text);
    return trial_arena_text(scratch, trial_text_of(text));
}

static void put_event(FILE *out, trial_arena *scratch, const trial_value *event)
{
    const trial_value *data = trial_value_get(event, "data");
    trial_text activity = trial_value_get_text(data, "activity");
    trial_text type = trial_value_get_text(event, "type");
    bool is_foreign = trial_text_is(type, "activity.completed") && activity.size > 0;

    (void)fputs("    <event>\n", out);
    put_attribute(out, "string", TRIAL_TEXT("concept:name"), is_foreign ? activity : type);
    put_attribute(out,
                  "date",
                  TRIAL_TEXT("time:timestamp"),
                  xml_time(scratch, trial_value_get_text(event, "time")));
    put_attribute(out, "string", TRIAL_TEXT("org:resource"), trial_value_get_text(event, "source"));
    put_attribute(out, "string", TRIAL_TEXT("lifecycle:transition"), TRIAL_TEXT("complete"));
    for (uint32_t i = 0; i < event->as.map.count; i++) {
        const trial_entry *entry = &event->as.map.entries[i];

        if (!trial_text_is(entry->name, "data") && !trial_text_is(entry->name, "subject") &&
            !trial_text_is(entry->name, "source") && !trial_text_is(entry->name, "time")) {
            put_value(out, scratch, entry->name, entry->value);
        }
    }
    for (uint32_t i = 0; data != NULL && data->kind == TRIAL_VALUE_MAP && i < data->as.map.count;
         i++) {
        const trial_entry *entry = &data->as.map.entries[i];

        put_value(out,
                  scratch,
                  trial_arena_print(scratch, "data.%.*s", TRIAL_TEXT_ARGS(entry->name)),
                  entry->value);
    }
    (void)fputs("    </event>\n", out);
}

static int compare_traces(const void *left, const void *right)
{
    const struct trace *a = left;
    const struct trace *b = right;

    return trial_text_compare(a->subject, b->subject);
}

/* The number of the subject's trace; a new subject gets the next. */
static uint32_t trace_of(export_run *run, trial_text subject)
{
    struct xes *xes = run->state;
    struct trace wanted = { .subject = subject };
    struct trace **found = tfind(&wanted, &xes->traces, compare_traces);
    struct trace *trace;

    if (found != NULL) {
        return (*found)->number;
    }
    trace = trial_arena_take(run->arena, sizeof *trace);
    trace->subject = trial_arena_text(run->arena, subject);
    trace->number = xes->trace_count;
    if (tsearch(trace, &xes->traces, compare_traces) == NULL) {
        trial_exhausted();
    }
    if (xes->trace_count == xes->trace_room) {
        xes->trace_room = xes->trace_room == 0 ? 64 : xes->trace_room * 2;
        xes->subjects = trial_memory_again(xes->subjects, xes->trace_room * sizeof *xes->subjects);
    }
    xes->subjects[xes->trace_count++] = trace->subject;
    return trace->number;
}

static trial_code begin_xes(export_run *run, trial_error *err)
{
    struct xes *xes = trial_memory(sizeof *xes);

    xes->aside = tmpfile();
    if (xes->aside == NULL) {
        int failed = errno;

        free(xes);
        return trial_fail_errno(err, failed, "making a file to put events aside in");
    }
    run->state = xes;
    return TRIAL_OK;
}

static void keep_event(export_run *run, const trial_value *event)
{
    struct xes *xes = run->state;
    trial_arena scratch = { 0 };
    char *text = NULL;
    size_t size = 0;
    FILE *memory = trial_memory_stream(&text, &size);

    put_event(memory, &scratch, event);
    TRIAL_ASSERT(fclose(memory) == 0);
    if (xes->piece_count == xes->piece_room) {
        xes->piece_room = xes->piece_room == 0 ? 1024 : xes->piece_room * 2;
        xes->pieces = trial_memory_again(xes->pieces, xes->piece_room * sizeof *xes->pieces);
    }
    xes->pieces[xes->piece_count++] = (struct piece){
        .trace = trace_of(run, trial_value_get_text(event, "subject")),
        .size = (uint32_t)size,
        .offset = xes->aside_bytes,
    };
    (void)fwrite(text, 1, size, xes->aside); /* end_xes() looks for errors */
    xes->aside_bytes += size;
    free(text);
    trial_arena_done(&scratch);
}

static int compare_pieces(const void *left, const void *right)
{
    const struct piece *a = left;
    const struct piece *b = right;

    if (a->trace != b->trace) {
        return a->trace < b->trace ? -1 : 1;
    }
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static void copy_piece(FILE *out, FILE *from, const struct piece *piece)
{
    char buffer[COPY_BYTES];
    size_t left = piece->size;

    (void)fseeko(from, (off_t)piece->offset, SEEK_SET); /* end_xes() looks for errors */
    while (left > 0 && ferror(from) == 0) {
        size_t size = fread(buffer, 1, left < sizeof buffer ? left : sizeof buffer, from);

        (void)fwrite(buffer, 1, size, out);
        left -= size;
        if (size == 0) {
            return;
        }
    }
}

static void put_head(FILE *out)
{
    (void)fputs(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<log xes.version=\"1849.2016\" xes.features=\"\" xmlns=\"http://www.xes-standard.org/\">\n"
        "  <extension name=\"Concept\" prefix=\"concept\" "
        "uri=\"http://www.xes-standard.org/concept.xesext\"/>\n"
        "  <extension name=\"Time\" prefix=\"time\" "
        "uri=\"http://www.xes-standard.org/time.xesext\"/>\n"
        "  <extension name=\"Organizational\" prefix=\"org\" "
        "uri=\"http://www.xes-standard.org/org.xesext\"/>\n"
        "  <extension name=\"Lifecycle\" prefix=\"lifecycle\" "
        "uri=\"http://www.xes-standard.org/lifecycle.xesext\"/>\n"
        "  <global scope=\"trace\">\n    <string key=\"concept:name\" value=\"\"/>\n  </global>\n"
        "  <global scope=\"event\">\n    <string key=\"concept:name\" value=\"\"/>\n"
        "    <date key=\"time:timestamp\" value=\"1970-01-01T00:00:00.000+00:00\"/>\n"
        "  </global>\n"
        "  <classifier name=\"Activity\" keys=\"concept:name\"/>\n",
        out);
}

static void put_traces(export_run *run)
{
    const struct xes *xes = run->state;

    for (uint64_t i = 0; i < xes->piece_count; i++) {
        const struct piece *piece = &xes->pieces[i];

        if (i == 0 || xes->pieces[i - 1].trace != piece->trace) {
            (void)fputs("  <trace>\n    <string key=\"concept:name\" value=\"", run->out);
            put_xml(run->out, xes->subjects[piece->trace]);
            (void)fputs("\"/>\n", run->out);
        }
        copy_piece(run->out, xes->aside, piece);
        if (i + 1 == xes->piece_count || xes->pieces[i + 1].trace != piece->trace) {
            (void)fputs("  </trace>\n", run->out);
        }
    }
}

static void leave_node(void *node)
{
    (void)node; /* it lives in the arena */
}

static trial_code end_xes(export_run *run, trial_error *err)
{
    struct xes *xes = run->state;
    trial_code code = TRIAL_OK;

    if (xes->piece_count > 0) {
        qsort(xes->pieces, xes->piece_count, sizeof *xes->pieces, compare_pieces);
    }
    put_head(run->out);
    put_traces(run);
    (void)fputs("</log>\n", run->out);
    if (ferror(xes->aside) != 0) {
        code = trial_fail_errno(err, errno, "putting events aside");
    }
    (void)fclose(xes->aside); /* it is gone with that; nobody needs it any more */
    tdestroy(xes->traces, leave_node);
    free(xes->subjects);
    free(xes->pieces);
    free(xes);
    return code;
}

const export_format export_xes = { "xes", begin_xes, keep_event, end_xes };
