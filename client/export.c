/* export.c - trialctl export: the log in a format that others read. */
#include "ctl.h"
#include "json.h"
#include "reading.h"

static bool write_line(void *context, const trial_value *event)
{
    (void)context;
    json_write(stdout, event);
    (void)putchar('\n'); /* main.c looks whether everything was written */
    return ferror(stdout) == 0;
}

int ctl_export(ctl_command *ctl)
{
    reading_question question = { 0 };
    trial_error err = TRIAL_ERROR_NONE;

    if (ctl->argument_count > 0 ||
        (ctl_has(ctl, CTL_FORMAT) && strcmp(ctl->values[CTL_FORMAT], "ndjson") != 0)) {
        return ctl_usage(ctl, "export writes ndjson to standard output");
    }
    question.filters = reading_filters(ctl, true);
    if (reading_walk(ctl, &question, write_line, NULL, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    return CTL_EXIT_DONE;
}
