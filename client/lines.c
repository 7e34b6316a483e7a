/* lines.c - see lines.h. */
#include "lines.h"

#include "json.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_stdin(const char *file)
{
    return strcmp(file, "-") == 0;
}

trial_code
lines_open(lines_reader *reader, const char *const *files, uint32_t count, trial_error *err)
{
    bool is_known = true;

    *reader = (lines_reader){ .files = files, .file_count = count };
    for (uint32_t i = 0; i < count; i++) {
        struct stat status;
        int failed = is_stdin(files[i]) ? fstat(STDIN_FILENO, &status) : stat(files[i], &status);

        if (failed != 0) {
            return trial_fail_errno(err, errno, "opening '%s'", files[i]);
        }
        is_known = is_known && S_ISREG(status.st_mode);
        reader->total_bytes += (uint64_t)status.st_size;
    }
    if (!is_known) {
        reader->total_bytes = 0;
    }
    return TRIAL_OK;
}

static void close_stream(lines_reader *reader)
{
    if (reader->stream != NULL && reader->stream != stdin) {
        (void)fclose(reader->stream); /* it was only read from */
    }
    reader->stream = NULL;
}

void lines_close(lines_reader *reader)
{
    close_stream(reader);
    free(reader->line);
    reader->line = NULL;
}

static trial_code open_next(lines_reader *reader, trial_error *err)
{
    reader->file = reader->files[reader->file_next++];
    reader->number = 0;
    reader->stream = is_stdin(reader->file) ? stdin : fopen(reader->file, "re");
    if (reader->stream == NULL) {
        return trial_fail_errno(err, errno, "opening '%s'", reader->file);
    }
    return TRIAL_OK;
}

static void keep_byte(lines_reader *reader, int byte)
{
    if (reader->line_bytes == IMPORT_LINE_BYTES_MAX) {
        reader->is_too_long = true;
        return;
    }
    if (reader->line_bytes == reader->line_room) {
        reader->line_room = reader->line_room == 0 ? 4096 : reader->line_room * 2;
        reader->line = trial_memory_again(reader->line, reader->line_room);
    }
    reader->line[reader->line_bytes++] = (char)byte;
}

/* Some editors begin a file of UTF-8 so. It says nothing, and RFC 8259 lets a reader pass it over.
 */
static void drop_mark(lines_reader *reader)
{
    static const char mark[] = { '\xef', '\xbb', '\xbf' };

    if (reader->line_bytes >= sizeof mark && memcmp(reader->line, mark, sizeof mark) == 0) {
        reader->line_bytes -= sizeof mark;
        memmove(reader->line, reader->line + sizeof mark, reader->line_bytes);
    }
}

/* Read one line of the stream. False at its end. */
static bool read_line(lines_reader *reader)
{
    int byte = getc_unlocked(reader->stream);

    reader->line_bytes = 0;
    reader->is_too_long = false;
    if (byte == EOF) {
        return false;
    }
    reader->number++;
    while (byte != EOF && byte != '\n') {
        reader->read_bytes++;
        keep_byte(reader, byte);
        byte = getc_unlocked(reader->stream);
    }
    reader->read_bytes += byte == '\n' ? 1 : 0;
    if (reader->number == 1) {
        drop_mark(reader);
    }
    return true;
}

/* The next line of any file that is not empty; *ret_is_there false behind the last. */
static trial_code next_line(lines_reader *reader, bool *ret_is_there, trial_error *err)
{
    for (;;) {
        trial_code code = TRIAL_OK;

        *ret_is_there = false;
        if (reader->stream == NULL && reader->file_next == reader->file_count) {
            return TRIAL_OK;
        }
        if (reader->stream == NULL) {
            code = open_next(reader, err);
        }
        if (code != TRIAL_OK) {
            return code;
        }
        if (!read_line(reader)) {
            if (ferror(reader->stream) != 0) {
                return trial_fail_errno(err, errno, "reading '%s'", reader->file);
            }
            close_stream(reader);
        } else {
            size_t blank = 0;

            while (blank < reader->line_bytes && memchr(" \t\r", reader->line[blank], 3) != NULL) {
                blank++;
            }
            *ret_is_there = blank < reader->line_bytes;
        }
        if (*ret_is_there) {
            return TRIAL_OK;
        }
    }
}

/* Make an event of the line, or say why it is none. */
static void read_event(const lines_reader *reader, trial_arena *arena, import_line *line)
{
    trial_text text = { reader->line, (uint32_t)reader->line_bytes };
    trial_code code;

    *line = (import_line){
        .file = reader->file,
        .number = reader->number,
        .end_bytes = reader->read_bytes,
        .err = TRIAL_ERROR_NONE,
    };
    if (reader->is_too_long) {
        (void)trial_fail_rule(&line->err,
                              TRIAL_RULE_TOO_LARGE,
                              "the line has more than %u bytes",
                              IMPORT_LINE_BYTES_MAX);
        return;
    }
    code = json_read(text, arena, &line->event, &line->err);
    if (code == TRIAL_OK && line->event->kind != TRIAL_VALUE_MAP) {
        code = trial_fail_rule(&line->err, TRIAL_RULE_WRONG_TYPE, "an event is a JSON object");
    }
    if (code != TRIAL_OK) {
        line->event = NULL;
    }
}

trial_code lines_read(lines_reader *reader, uint32_t most, import_batch *batch, trial_error *err)
{
    size_t bytes = 0;

    TRIAL_ASSERT(most >= 1 && most <= IMPORT_BATCH_EVENTS_MAX);
    trial_arena_reset(&batch->arena);
    batch->count = 0;
    while (batch->count < most && bytes < IMPORT_BATCH_BYTES) {
        import_line *line = &batch->lines[batch->count];
        bool is_there = false;
        trial_code code = next_line(reader, &is_there, err);

        if (code != TRIAL_OK || !is_there) {
            return code;
        }
        read_event(reader, &batch->arena, line);
        batch->count++;
        bytes += reader->line_bytes;
        if (line->event == NULL) {
            return TRIAL_OK;
        }
    }
    return TRIAL_OK;
}
