/* write.c - values to bytes through msgpack-c's packer; the one file that includes it. */
#include "token.h"

#include <msgpack.h>
#include <stdlib.h>

#define WRITER_BYTES_MIN ((size_t)256)

void pack_writer_done(pack_writer *writer)
{
    if (!writer->is_fixed) {
        free(writer->data);
    }
    *writer = (pack_writer){ 0 };
}

void pack_writer_reset(pack_writer *writer)
{
    writer->size = 0;
}

trial_bytes pack_written(const pack_writer *writer)
{
    return (trial_bytes){ (const uint8_t *)writer->data, writer->size };
}

pack_writer pack_writer_on(trial_arena *arena, size_t room)
{
    return (pack_writer){ .data = trial_arena_room(arena, room), .room = room, .is_fixed = true };
}

static void grow(pack_writer *writer, size_t more)
{
    size_t room = writer->room < WRITER_BYTES_MIN ? WRITER_BYTES_MIN : writer->room * 2;

    TRIAL_ASSERT(!writer->is_fixed);
    TRIAL_ASSERT(more < SIZE_MAX / 4 && writer->size < SIZE_MAX / 4);
    while (room < writer->size + more) {
        room *= 2;
    }
    writer->data = trial_memory_again(writer->data, room);
    writer->room = room;
}

char *pack_writer_room(pack_writer *writer, size_t size)
{
    if (size > writer->room - writer->size) {
        grow(writer, size);
    }
    return writer->data + writer->size;
}

/* msgpack-c's way out; it never fails, for memory never does. */
static int append(void *data, const char *bytes, size_t size)
{
    pack_writer *writer = data;

    if (size > writer->room - writer->size) {
        grow(writer, size);
    }
    if (size > 0) {
        memcpy(writer->data + writer->size, bytes, size);
        writer->size += size;
    }
    return 0;
}

static msgpack_packer packer_of(pack_writer *writer)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, writer, append);
    return packer;
}

void pack_put_nil(pack_writer *writer)
{
    msgpack_packer packer = packer_of(writer);

    (void)msgpack_pack_nil(&packer); /* append() always succeeds, here and below */
}

void pack_put_truth(pack_writer *writer, bool truth)
{
    msgpack_packer packer = packer_of(writer);

    if (truth) {
        (void)msgpack_pack_true(&packer);
    } else {
        (void)msgpack_pack_false(&packer);
    }
}

void pack_put_integer(pack_writer *writer, int64_t integer)
{
    msgpack_packer packer = packer_of(writer);

    if (integer >= 0) {
        (void)msgpack_pack_uint64(&packer, (uint64_t)integer);
    } else {
        (void)msgpack_pack_int64(&packer, integer);
    }
}

void pack_put_unsigned(pack_writer *writer, uint64_t number)
{
    msgpack_packer packer = packer_of(writer);

    (void)msgpack_pack_uint64(&packer, number);
}

void pack_put_float(pack_writer *writer, double number)
{
    msgpack_packer packer = packer_of(writer);

    (void)msgpack_pack_double(&packer, number);
}

void pack_put_number(pack_writer *writer, trial_number number)
{
    switch (number.form) {
    case TRIAL_NUMBER_INTEGER:
        pack_put_integer(writer, number.as.integer);
        break;
    case TRIAL_NUMBER_UNSIGNED:
        pack_put_unsigned(writer, number.as.unsigned_integer);
        break;
    case TRIAL_NUMBER_FLOAT:
        pack_put_float(writer, number.as.number);
        break;
    case TRIAL_NUMBER_ABSENT:
        pack_put_nil(writer);
        break;
    }
}

void pack_put_text(pack_writer *writer, trial_text text)
{
    msgpack_packer packer = packer_of(writer);

    if (text.at == NULL) {
        (void)msgpack_pack_nil(&packer);
        return;
    }
    (void)msgpack_pack_str(&packer, text.size);
    (void)msgpack_pack_str_body(&packer, text.at, text.size);
}

void pack_put_word(pack_writer *writer, const char *literal)
{
    pack_put_text(writer, trial_text_of(literal));
}

void pack_put_bin(pack_writer *writer, trial_bytes bytes)
{
    msgpack_packer packer = packer_of(writer);

    (void)msgpack_pack_bin(&packer, bytes.size);
    (void)msgpack_pack_bin_body(&packer, bytes.data, bytes.size);
}

void pack_put_list(pack_writer *writer, uint32_t count)
{
    msgpack_packer packer = packer_of(writer);

    (void)msgpack_pack_array(&packer, count);
}

void pack_put_map(pack_writer *writer, uint32_t count)
{
    msgpack_packer packer = packer_of(writer);

    (void)msgpack_pack_map(&packer, count);
}

void pack_put_raw(pack_writer *writer, trial_bytes bytes)
{
    (void)append(writer, (const char *)bytes.data, bytes.size);
}

/* Text that may have been cut in the middle of a character, or that a peer spelt badly. */
void pack_put_message(pack_writer *writer, const char *message)
{
    char clean[TRIAL_ERROR_TEXT_BYTES];
    uint32_t size = 0;

    for (; message[size] != '\0' && size < sizeof clean; size++) {
        clean[size] = message[size];
    }
    for (uint32_t done = 0; done < size; done++) {
        done += pack_text_valid((trial_text){ clean + done, size - done });
        if (done < size) {
            clean[done] = '?';
        }
    }
    pack_put_text(writer, (trial_text){ clean, size });
}
