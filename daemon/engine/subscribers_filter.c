/* subscribers_filter.c - what a request to subscribe asks for, looked at before anything is opened.
 */
#include "subscribers.h"

static trial_code check(const struct trial_request_subscribe *request, trial_error *err)
{
    if (request->from.is_set && request->from.value < 0) {
        (void)trial_fail_rule_as(
            err, TRIAL_RULE_BAD_RANGE, TRIAL_INVALID, "'from' is a position, or 0 for new events");
        return trial_fail_field(err, "from");
    }
    if (request->credit.is_set &&
        (request->credit.value < 0 || request->credit.value > (int64_t)TRIAL_CREDIT_MAX)) {
        (void)trial_fail_rule_as(err,
                                 TRIAL_RULE_BAD_RANGE,
                                 TRIAL_INVALID,
                                 "'credit' is a number of events from 0 to %u",
                                 TRIAL_CREDIT_MAX);
        return trial_fail_field(err, "credit");
    }
    return TRIAL_OK;
}

trial_code subscribers_filter(const struct trial_request_subscribe *request,
                              answers_filter *ret_filter,
                              trial_error *err)
{
    trial_code code = check(request, err);

    *ret_filter = (answers_filter){ .subject = request->subject,
                                    .types = request->types,
                                    .programme = request->programme,
                                    .choice = { TRIAL_INSTANT_NONE, TRIAL_INSTANT_NONE, 0 } };
    return code == TRIAL_OK ? answers_filter_check(ret_filter, err) : code;
}
