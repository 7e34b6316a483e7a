/* json.c - see json.h. jansson reads; writing is ours, because jansson has no integer above 2^63-1
 * and would copy every event once more. */
#include "json.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

/* A container on its way from jansson to a value. */
struct level {
    const json_t *from;
    void *iterator; /* objects */
    size_t index;   /* lists */
    trial_value *to;
};

/* A string as a value. One that begins with NUL is an integer that mark_large() put in quotes. */
static trial_value *string_of(const json_t *json, trial_arena *arena)
{
    const char *text = json_string_value(json);
    uint32_t size = (uint32_t)json_string_length(json);

    if (size > 0 && text[0] == '\0') {
        return trial_value_unsigned(arena, strtoull(text + 1, NULL, 10));
    }
    return trial_value_copy(arena, (trial_text){ text, size });
}

static trial_value *scalar_of(const json_t *json, trial_arena *arena)
{
    switch (json_typeof(json)) {
    case JSON_STRING:
        return string_of(json, arena);
    case JSON_INTEGER:
        return trial_value_integer(arena, json_integer_value(json));
    case JSON_REAL:
        return trial_value_float(arena, json_real_value(json));
    case JSON_TRUE:
        return trial_value_truth(arena, true);
    case JSON_FALSE:
        return trial_value_truth(arena, false);
    case JSON_OBJECT:
        return trial_value_map(arena);
    case JSON_ARRAY:
        return trial_value_list(arena);
    case JSON_NULL:
        break;
    }
    return trial_value_nil(arena);
}

/* The next item of a container as a value put into its place; NULL at its end. */
static const json_t *next_item(struct level *level, trial_arena *arena, trial_value **ret_value)
{
    const json_t *item;

    if (json_is_array(level->from)) {
        item = json_array_get(level->from, level->index++);
        if (item != NULL) {
            *ret_value = scalar_of(item, arena);
            trial_value_push(arena, level->to, *ret_value);
        }
        return item;
    }
    if (level->iterator == NULL) {
        return NULL;
    }
    item = json_object_iter_value(level->iterator);
    *ret_value = scalar_of(item, arena);
    /* jansson has refused a key that stands twice */
    trial_value_append(
        arena,
        level->to,
        trial_arena_text(arena, trial_text_of(json_object_iter_key(level->iterator))),
        *ret_value);
    level->iterator = json_object_iter_next((json_t *)(uintptr_t)level->from, level->iterator);
    return item;
}

static struct level level_of(const json_t *json, trial_value *value)
{
    return (struct level){
        .from = json,
        .iterator = json_is_object(json) ? json_object_iter((json_t *)(uintptr_t)json) : NULL,
        .to = value,
    };
}

static trial_code
value_of(const json_t *root, trial_arena *arena, trial_value **ret_value, trial_error *err)
{
    struct level levels[JSON_DEPTH_MAX];
    uint32_t depth = 0;
    trial_value *value = scalar_of(root, arena);

    *ret_value = value;
    if (json_is_object(root) || json_is_array(root)) {
        levels[depth++] = level_of(root, value);
    }
    while (depth > 0) {
        const json_t *item = next_item(&levels[depth - 1], arena, &value);

        if (item == NULL) {
            depth--;
        } else if (json_is_object(item) || json_is_array(item)) {
            if (depth == JSON_DEPTH_MAX) {
                return trial_fail_rule(
                    err, TRIAL_RULE_TOO_LARGE, "nested deeper than %d levels", JSON_DEPTH_MAX);
            }
            levels[depth++] = level_of(item, value);
        }
    }
    return TRIAL_OK;
}

static trial_code fail_reading(const json_error_t *error, trial_error *err)
{
    enum json_error_code code = json_error_code(error);

    if (code == json_error_invalid_utf8 || code == json_error_null_character ||
        code == json_error_null_byte_in_key || strstr(error->text, "Unicode") != NULL ||
        strstr(error->text, "\\u0000") != NULL) {
        return trial_fail_rule(
            err, TRIAL_RULE_BAD_UTF8, "%s, at byte %d", error->text, error->position);
    }
    if (code == json_error_numeric_overflow) {
        return trial_fail_rule(
            err, TRIAL_RULE_BAD_RANGE, "%s, at byte %d", error->text, error->position);
    }
    if (code == json_error_stack_overflow) {
        return trial_fail_rule(
            err, TRIAL_RULE_TOO_LARGE, "nested deeper than %d levels", JSON_DEPTH_MAX);
    }
    return trial_fail_rule(
        err, TRIAL_RULE_NOT_JSON, "not JSON: %s, at byte %d", error->text, error->position);
}

/* Is this run of digits an integer above what jansson reads, and within 64 bits? */
static bool is_large(const char *digits, size_t count, char behind)
{
    static const char most_signed[] = "9223372036854775807";
    static const char most[] = "18446744073709551615";

    if (behind == '.' || behind == 'e' || behind == 'E') {
        return false;
    }
    if (count == sizeof most_signed - 1) {
        return memcmp(digits, most_signed, count) > 0;
    }
    return count == sizeof most - 1 && digits[0] == '1' && memcmp(digits, most, count) <= 0;
}

/* Where the token that begins at `at` ends: a string, a run of digits, or one byte. */
static size_t token_end(trial_text text, size_t at)
{
    size_t end = at + 1;

    if (text.at[at] == '"') {
        while (end < text.size && text.at[end] != '"') {
            end += text.at[end] == '\\' ? 2 : 1;
        }
        return end < text.size ? end + 1 : text.size;
    }
    if (text.at[at] >= '0' && text.at[at] <= '9') {
        while (end < text.size && text.at[end] >= '0' && text.at[end] <= '9') {
            end++;
        }
    }
    return end;
}

/* Is a NUL written there? A backslash that is written as two begins nothing. */
static bool has_nul(trial_text text)
{
    for (size_t at = 0; at < text.size; at++) {
        if (text.at[at] == '\\') {
            at++;
            if (text.size - at >= 5 && memcmp(text.at + at, "u0000", 5) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* The text with each integer above 2^63-1 as a string that begins with NUL, as no string of an
 * event may. NULL where there is none, or where a NUL is there already. The caller frees it. */
static char *mark_large(trial_text text, size_t *ret_size)
{
    char *marked = trial_memory((size_t)text.size * 2 + 1); /* 19 digits get 8 bytes more */
    size_t size = 0;
    bool is_marked = false;

    for (size_t at = 0, end; at < text.size; at = end) {
        bool is_whole = at == 0 || strchr("-+.eE", text.at[at - 1]) == NULL;

        end = token_end(text, at);
        if (is_whole && is_large(text.at + at, end - at, end < text.size ? text.at[end] : ' ')) {
            size +=
                (size_t)sprintf(marked + size, "\"\\u0000%.*s\"", (int)(end - at), text.at + at);
            is_marked = true;
        } else {
            memcpy(marked + size, text.at + at, end - at);
            size += end - at;
        }
    }
    if (!is_marked || has_nul(text)) {
        free(marked);
        return NULL;
    }
    *ret_size = size;
    return marked;
}

static json_t *load(trial_text text, json_error_t *error)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
    json_t *root = json_loadb(text.at, text.size, flags, error);
    size_t size = 0;
    char *marked;

    if (root != NULL || json_error_code(error) != json_error_numeric_overflow) {
        return root;
    }
    marked = mark_large(text, &size);
    if (marked != NULL) {
        root = json_loadb(marked, size, flags | JSON_ALLOW_NUL, error);
        free(marked);
    }
    return root;
}

trial_code json_read(trial_text text, trial_arena *arena, trial_value **ret_value, trial_error *err)
{
    json_error_t error;
    json_t *root;
    trial_code code;

    json_set_alloc_funcs(trial_memory, free); /* jansson without memory takes JSON for none */
    root = load(text, &error);
    if (root == NULL) {
        return fail_reading(&error, err);
    }
    code = value_of(root, arena, ret_value, err);
    json_decref(root);
    return code;
}

void json_float_write(double number, char *text)
{
    int digits = 15;

    if (!isfinite(number)) {
        (void)snprintf(text, JSON_NUMBER_BYTES, "null");
        return;
    }
    do {
        (void)snprintf(text, JSON_NUMBER_BYTES, "%.*g", digits, number);
        digits++;
    } while (digits <= 17 && strtod(text, NULL) != number);
    if (strpbrk(text, ".e") == NULL) {
        memcpy(text + strlen(text), ".0", sizeof ".0"); /* there is room: 17 digits, a sign and an
                                                         * exponent are 24 */
    }
}

void json_write_text(FILE *out, trial_text text)
{
    static const char *const shorts[32] = {
        ['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t",
    };
    uint32_t from = 0;

    (void)putc('"', out); /* errors of the stream show when it is flushed */
    for (uint32_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        (void)fwrite(text.at + from, 1, i - from, out);
        from = i + 1;
        if (c >= 0x20) {
            (void)fprintf(out, "\\%c", c);
        } else if (shorts[c] != NULL) {
            (void)fputs(shorts[c], out);
        } else {
            (void)fprintf(out, "\\u%04x", c);
        }
    }
    if (from < text.size) {
        (void)fwrite(text.at + from, 1, text.size - from, out);
    }
    (void)putc('"', out);
}

static void write_scalar(FILE *out, const trial_value *value)
{
    char number[JSON_NUMBER_BYTES];

    switch (value->kind) {
    case TRIAL_VALUE_NIL:
        (void)fputs("null", out);
        break;
    case TRIAL_VALUE_TRUTH:
        (void)fputs(value->as.truth ? "true" : "false", out);
        break;
    case TRIAL_VALUE_INTEGER:
        (void)fprintf(out, "%lld", (long long)value->as.integer);
        break;
    case TRIAL_VALUE_UNSIGNED:
        (void)fprintf(out, "%llu", (unsigned long long)value->as.count);
        break;
    case TRIAL_VALUE_FLOAT:
        json_float_write(value->as.number, number);
        (void)fputs(number, out);
        break;
    case TRIAL_VALUE_TEXT:
        json_write_text(out, value->as.text);
        break;
    case TRIAL_VALUE_LIST:
    case TRIAL_VALUE_MAP:
        break;
    }
}

static bool is_container(const trial_value *value)
{
    return value->kind == TRIAL_VALUE_LIST || value->kind == TRIAL_VALUE_MAP;
}

/* What stands before item `index`, and the item; NULL at the end. */
static const trial_value *write_next(FILE *out, const trial_value *container, uint32_t index)
{
    bool is_map = container->kind == TRIAL_VALUE_MAP;
    uint32_t count = is_map ? container->as.map.count : container->as.list.count;

    if (index == count) {
        (void)putc(is_map ? '}' : ']', out);
        return NULL;
    }
    if (index > 0) {
        (void)putc(',', out);
    }
    if (!is_map) {
        return container->as.list.items[index];
    }
    json_write_text(out, container->as.map.entries[index].name);
    (void)putc(':', out);
    return container->as.map.entries[index].value;
}

void json_write(FILE *out, const trial_value *value)
{
    struct {
        const trial_value *value;
        uint32_t next;
    } levels[JSON_DEPTH_MAX] = { { NULL, 0 } };
    uint32_t depth = 0;
    const trial_value *item = value;

    do {
        if (item != NULL && is_container(item)) {
            TRIAL_ASSERT(depth < JSON_DEPTH_MAX);
            (void)putc(item->kind == TRIAL_VALUE_MAP ? '{' : '[', out);
            levels[depth].value = item;
            levels[depth].next = 0;
            depth++;
        } else if (item != NULL) {
            write_scalar(out, item);
        } else {
            depth--;
        }
        TRIAL_ASSERT(depth == 0 || levels[depth - 1].value != NULL);
        item =
            depth == 0 ? NULL : write_next(out, levels[depth - 1].value, levels[depth - 1].next++);
    } while (depth > 0);
}

void json_print(FILE *out, const trial_value *value)
{
    json_write(out, value);
    (void)putc('\n', out);
}

trial_text json_text(trial_arena *arena, const trial_value *value)
{
    char *data = NULL;
    size_t size = 0;
    FILE *memory = trial_memory_stream(&data, &size);
    trial_text text;

    json_write(memory, value);
    TRIAL_ASSERT(fclose(memory) == 0);
    text = trial_arena_text(arena, (trial_text){ data, (uint32_t)size });
    free(data);
    return text;
}
