/* log.c - is it the log that was followed before? Positions only mean something in one, and a log
 * never grows shorter. */
#include "lib.h"

trial_code lib_check_log(const char *endpoint,
                         char known[LIB_LOG_BYTES],
                         uint64_t known_head,
                         trial_text log,
                         uint64_t head,
                         trial_error *err)
{
    if (log.size == 0 || log.size >= LIB_LOG_BYTES) {
        return trial_fail(err, TRIAL_MALFORMED, "%s did not say which log it has", endpoint);
    }
    if (known[0] != '\0' && !trial_text_is(log, known)) {
        return trial_fail(err,
                          TRIAL_CONFLICT,
                          "the daemon at %s has another log now, %.*s and not %s: positions mean "
                          "something else; begin anew",
                          endpoint,
                          TRIAL_TEXT_ARGS(log),
                          known);
    }
    if (head < known_head) {
        return trial_fail(err,
                          TRIAL_CONFLICT,
                          "the log at %s ends at position %llu now and had %llu before: it was "
                          "restored from an older copy; begin anew",
                          endpoint,
                          (unsigned long long)head,
                          (unsigned long long)known_head);
    }
    memcpy(known, log.at, log.size);
    known[log.size] = '\0';
    return TRIAL_OK;
}
