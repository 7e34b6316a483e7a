/* fuzz_config.c - any bytes as a configuration file: taken or refused with a sentence, and what is
 * taken is told back as something that is taken again. */
#include "config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config fresh;
    static bool has_fresh;
    static struct config config;
    trial_error err = TRIAL_ERROR_NONE;
    char *argv[] = { (char *)(uintptr_t) "triald", (char *)(uintptr_t) "--config=/dev/null", NULL };
    char *environment[] = { NULL };
    char *text = NULL;
    size_t text_size = 0;
    trial_code code = TRIAL_OK;
    int status;
    FILE *file;

    if (!has_fresh) {
        code = config_read(2, argv, environment, &fresh, &err);
        TRIAL_ASSERT(code == TRIAL_OK);
        has_fresh = true;
    }
    if (size == 0) {
        return 0;
    }
    config = fresh;
    file = fmemopen((void *)(uintptr_t)data, size, "r");
    TRIAL_ASSERT(file != NULL);
    code = config_read_file(file, "input", &config, &err);
    (void)fclose(file); /* it was only read */
    if (code != TRIAL_OK) {
        TRIAL_ASSERT(err.text[0] != '\0');
        return 0;
    }
    file = open_memstream(&text, &text_size);
    TRIAL_ASSERT(file != NULL);
    config_print(&config, file);
    status = fclose(file);
    TRIAL_ASSERT(status == 0);
    TRIAL_ASSERT(text_size > 0);
    free(text);
    return 0;
}
