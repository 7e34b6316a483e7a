/* table.c - items by name: a small hash table in an arena, walked in the order the names came. */
#include "views_internal.h"

#define HEADS_AT_FIRST 16u

/* FNV-1a; the names come from the log and not from whoever asks, so no seed is needed. */
static uint32_t hash_of(trial_text key)
{
    uint32_t hash = 2166136261u;

    for (uint32_t i = 0; i < key.size; i++) {
        hash = (hash ^ (uint8_t)key.at[i]) * 16777619u;
    }
    return hash;
}

/* The head where the key is, or where it would go. heads_count is a power of two and never full. */
static uint32_t *head_of(const views_table *table, trial_text key)
{
    uint32_t at = hash_of(key) & (table->heads_count - 1);

    while (table->heads[at] != 0 &&
           !trial_text_equal(table->slots[table->heads[at] - 1].key, key)) {
        at = (at + 1) & (table->heads_count - 1);
    }
    return &table->heads[at];
}

static void grow(views_table *table)
{
    table->room *= 2;
    table->slots = trial_arena_grow(
        table->arena, table->slots, table->count, table->room, sizeof *table->slots);
    table->heads_count *= 2;
    table->heads = trial_arena_take(table->arena, table->heads_count * sizeof *table->heads);
    for (uint32_t i = 0; i < table->count; i++) {
        *head_of(table, table->slots[i].key) = i + 1;
    }
}

views_table views_table_of(trial_arena *arena, size_t item_size)
{
    views_table table = { .arena = arena, .item_size = item_size };

    table.room = HEADS_AT_FIRST / 2;
    table.heads_count = HEADS_AT_FIRST;
    table.slots = trial_arena_take(arena, table.room * sizeof *table.slots);
    table.heads = trial_arena_take(arena, table.heads_count * sizeof *table.heads);
    return table;
}

void *views_table_find(const views_table *table, trial_text key)
{
    uint32_t head = *head_of(table, key);

    return head == 0 ? NULL : table->slots[head - 1].item;
}

void *views_table_at(views_table *table, trial_text key)
{
    void *item = views_table_find(table, key);

    if (item != NULL) {
        return item;
    }
    if (table->count == table->room) {
        grow(table);
    }
    item = trial_arena_take(table->arena, table->item_size);
    *head_of(table, key) = table->count + 1;
    table->slots[table->count++] = (views_slot){ trial_arena_text(table->arena, key), item };
    return item;
}
