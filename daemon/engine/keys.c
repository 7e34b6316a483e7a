/* keys.c - see keys.h. Numbers in keys are big-endian, so that byte order is their order. */
#include "keys.h"

static void add(row_key *k, const void *bytes, size_t size)
{
    TRIAL_ASSERT(k->size + size <= KEY_BYTES_MAX);
    if (size > 0) {
        memcpy(k->bytes + k->size, bytes, size);
    }
    k->size += size;
}

static void add_text(row_key *k, trial_text text)
{
    add(k, text.at, text.size);
}

static void add_byte(row_key *k, char byte)
{
    add(k, &byte, 1);
}

static void put_u64(uint8_t *bytes, uint64_t value)
{
    for (int i = 7; i >= 0; i--) {
        bytes[i] = (uint8_t)(value & 0xff);
        value >>= 8;
    }
}

static uint64_t get_u64(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

void key_event_id(trial_text source, trial_text id, row_key *ret_key)
{
    ret_key->size = 0;
    add_text(ret_key, source);
    add_byte(ret_key, '\0');
    add_text(ret_key, id);
}

void key_subject(trial_text subject, row_key *ret_key)
{
    ret_key->size = 0;
    add_text(ret_key, subject);
}

void key_state(trial_kind kind, trial_text id, row_key *ret_key)
{
    ret_key->size = 0;
    add_byte(ret_key, (char)('a' + (int)kind));
    add_text(ret_key, id);
}

trial_text key_state_id(trial_bytes key)
{
    TRIAL_ASSERT(key.size >= 1);
    return (trial_text){ (const char *)key.data + 1, (uint32_t)(key.size - 1) };
}

void key_programme_prefix(trial_text programme, row_key *ret_key)
{
    ret_key->size = 0;
    add_text(ret_key, programme);
    add_byte(ret_key, '\0');
}

void key_programme(trial_text programme, uint64_t position, row_key *ret_key)
{
    uint8_t bytes[8];

    key_programme_prefix(programme, ret_key);
    put_u64(bytes, position);
    add(ret_key, bytes, sizeof bytes);
}

uint64_t key_programme_position(trial_bytes key)
{
    TRIAL_ASSERT(key.size >= 9);
    return get_u64(key.data + key.size - 8);
}

void key_link_prefix(key_relation relation, trial_text named, trial_kind kind, row_key *ret_key)
{
    ret_key->size = 0;
    add_byte(ret_key, (char)relation);
    if (named.size <= TRIAL_SUBJECT_BYTES_MAX) {
        add_text(ret_key, named);
    } else { /* an exemption's id has no bound of its own; a key has */
        uint8_t hash[TRIAL_HASH_BYTES];

        proto_hash((trial_bytes){ (const uint8_t *)named.at, named.size }, hash);
        add(ret_key, hash, sizeof hash);
    }
    add_byte(ret_key, '\0');
    add_byte(ret_key, (char)('a' + (int)kind));
}

void key_link(
    key_relation relation, trial_text named, trial_kind kind, trial_text id, row_key *ret_key)
{
    key_link_prefix(relation, named, kind, ret_key);
    add_text(ret_key, id);
}

trial_text key_link_id(trial_bytes key, size_t prefix_size)
{
    TRIAL_ASSERT(key.size >= prefix_size);
    return (trial_text){ (const char *)key.data + prefix_size, (uint32_t)(key.size - prefix_size) };
}

size_t head_row_write(const head_row *head, uint8_t *bytes)
{
    TRIAL_ASSERT(head->programme.size <= TRIAL_SUBJECT_BYTES_MAX);
    put_u64(bytes, head->revision);
    put_u64(bytes + 8, head->first);
    put_u64(bytes + 16, head->last);
    if (head->programme.size > 0) {
        memcpy(bytes + 24, head->programme.at, head->programme.size);
    }
    return 24 + head->programme.size;
}

trial_code head_row_read(trial_bytes bytes, head_row *ret_head, trial_error *err)
{
    if (bytes.size < 24 || bytes.size > HEAD_ROW_BYTES_MAX) {
        return trial_fail(err, TRIAL_STORAGE, "a subject's row is %zu bytes long", bytes.size);
    }
    *ret_head = (head_row){ .revision = get_u64(bytes.data),
                            .first = get_u64(bytes.data + 8),
                            .last = get_u64(bytes.data + 16) };
    if (bytes.size > 24) {
        ret_head->programme =
            (trial_text){ (const char *)bytes.data + 24, (uint32_t)(bytes.size - 24) };
    }
    return TRIAL_OK;
}

size_t log_row_write(const log_row *row, uint8_t *bytes)
{
    size_t size = 16;

    put_u64(bytes, row->tree.size);
    put_u64(bytes + 8, (uint64_t)row->last_ingest);
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((row->tree.size >> bit & 1) != 0) {
            memcpy(bytes + size, row->tree.peaks[bit], TRIAL_HASH_BYTES);
            size += TRIAL_HASH_BYTES;
        }
    }
    return size;
}

trial_code log_row_read(trial_bytes bytes, log_row *ret_row, trial_error *err)
{
    size_t at = 16;

    if (bytes.size < 16) {
        return trial_fail(err, TRIAL_STORAGE, "the row of the log's tree is cut short");
    }
    *ret_row = (log_row){ .last_ingest = (trial_instant)get_u64(bytes.data + 8) };
    ret_row->tree.size = get_u64(bytes.data);
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((ret_row->tree.size >> bit & 1) != 0) {
            if (at + TRIAL_HASH_BYTES > bytes.size) {
                return trial_fail(err, TRIAL_STORAGE, "the row of the log's tree is cut short");
            }
            memcpy(ret_row->tree.peaks[bit], bytes.data + at, TRIAL_HASH_BYTES);
            at += TRIAL_HASH_BYTES;
        }
    }
    return TRIAL_OK;
}
