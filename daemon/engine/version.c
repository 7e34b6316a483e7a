/* version.c - see version.h. The shapes are hashed, so that nobody has to remember that a field
 * added to a state makes the rows of older stores unreadable. */
#include "version.h"

#include "record.h"
#include "trial/state.h"

#include <endian.h>

#define SHAPES_MAX 64u /* states and the structs in them */

/* Add a shape to those that are seen, once. */
static void see(const trial_shape **seen, uint32_t *count, const trial_shape *shape)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (seen[i] == shape) {
            return;
        }
    }
    TRIAL_ASSERT(*count < SHAPES_MAX);
    seen[(*count)++] = shape;
}

static void put_field(pack_writer *text, const trial_field *field)
{
    pack_put_word(text, field->name);
    pack_put_unsigned(text, (uint64_t)field->kind);
    pack_put_word(text, field->shape == NULL ? "" : field->shape()->name);
    for (uint32_t i = 0; field->choices != NULL && i < field->choices->count; i++) {
        pack_put_word(text, field->choices->words[i]);
    }
}

/* What the shapes of all states come to. */
static uint64_t shapes_sum(void)
{
    const trial_shape *seen[SHAPES_MAX];
    uint8_t hash[TRIAL_HASH_BYTES];
    pack_writer text = { 0 };
    uint32_t count = 0;
    uint64_t sum;

    for (trial_kind kind = 0; kind < TRIAL_KIND_COUNT; kind++) {
        see(seen, &count, trial_state_shape(kind));
    }
    for (uint32_t i = 0; i < count; i++) { /* the list grows as it is walked */
        pack_put_word(&text, seen[i]->name);
        for (uint32_t k = 0; k < seen[i]->count; k++) {
            const trial_field *field = &seen[i]->fields[k];

            put_field(&text, field);
            if (field->shape != NULL) {
                see(seen, &count, field->shape());
            }
        }
    }
    proto_hash(pack_written(&text), hash);
    pack_writer_done(&text);
    memcpy(&sum, hash, sizeof sum);
    return sum;
}

void fold_row_write(uint8_t *bytes)
{
    uint64_t version = htole64(FOLD_VERSION);
    uint64_t sum = shapes_sum();

    memcpy(bytes, &version, sizeof version);
    memcpy(bytes + sizeof version, &sum, sizeof sum);
}

fold_row_age fold_row_look(trial_bytes bytes)
{
    uint8_t mine[FOLD_ROW_BYTES];
    size_t half = sizeof mine / 2;

    fold_row_write(mine);
    if (bytes.size != sizeof mine || memcmp(bytes.data + half, mine + half, half) != 0) {
        return FOLD_ROW_FOREIGN;
    }
    return memcmp(bytes.data, mine, half) == 0 ? FOLD_ROW_CURRENT : FOLD_ROW_OLD;
}
