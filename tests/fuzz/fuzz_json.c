/* fuzz_json.c - any bytes as JSON: refused with a sentence, or a value whose text is read again as
 * the same value. */
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trial_arena arena = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    trial_value *value = NULL;
    trial_text text = { (const char *)data, (uint32_t)size };

    if (json_read(text, &arena, &value, &err) != TRIAL_OK) {
        TRIAL_ASSERT(err.code != TRIAL_OK && err.text[0] != '\0');
    } else {
        trial_text first = json_text(&arena, value);
        trial_code code = json_read(first, &arena, &value, &err);

        TRIAL_ASSERT(code == TRIAL_OK);
        TRIAL_ASSERT(trial_text_equal(first, json_text(&arena, value)));
    }
    trial_arena_done(&arena);
    return 0;
}
