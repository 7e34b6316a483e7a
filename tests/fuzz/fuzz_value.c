/* fuzz_value.c - any bytes as a value that the other side sent and as a row of a table: refused, or
 * written again as it was read. The first byte chooses the shape of the row. */
#include "row.h"
#include "trial/limits.h"
#include "trial/state.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(trial_bytes a, trial_bytes b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* As libtrial reads an answer. */
static void read_value(trial_bytes bytes, trial_arena *arena)
{
    const pack_limits scan = { .bytes = 1 << 20, .depth = 20, .elements = 1 << 16 };
    pack_writer writer = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    trial_value *value = NULL;
    pack_reader reader;

    if (pack_scan(bytes, &scan, &err) != TRIAL_OK) {
        TRIAL_ASSERT(err.text[0] != '\0');
        return;
    }
    reader = pack_reader_of(bytes);
    if (pack_value(&reader, arena, &value, &err) == TRIAL_OK && pack_is_canonical(bytes)) {
        pack_put_value(&writer, value, arena);
        TRIAL_ASSERT(same(pack_written(&writer), bytes));
    }
    pack_writer_done(&writer);
}

/* A row that was read is written and read again, and is the same. */
static void read_row(trial_bytes bytes, trial_kind kind, trial_arena *arena)
{
    trial_state row = { .kind = kind };
    pack_writer first = { 0 };
    pack_writer second = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code;

    if (proto_row_read(bytes, arena, &row, &err) != TRIAL_OK) {
        TRIAL_ASSERT(err.code == TRIAL_STORAGE && err.text[0] != '\0');
        return;
    }
    proto_row_write(&first, &row);
    code = proto_row_read(pack_written(&first), arena, &row, &err);
    TRIAL_ASSERT(code == TRIAL_OK);
    proto_row_write(&second, &row);
    TRIAL_ASSERT(same(pack_written(&first), pack_written(&second)));
    pack_writer_done(&first);
    pack_writer_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trial_arena arena = { 0 };

    if (size > 0) {
        trial_bytes bytes = { data + 1, size - 1 };

        read_value(bytes, &arena);
        read_row(bytes, data[0] % (TRIAL_KIND_OTHER + 1), &arena);
    }
    trial_arena_done(&arena);
    return 0;
}
