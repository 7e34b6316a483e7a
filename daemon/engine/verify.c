/* verify.c - the whole log looked at again, for an auditor. */
#include "check.h"

static trial_code check_earlier(const struct trial_request_verify *request, trial_error *err)
{
    trial_code code = TRIAL_OK;

    if (request->size.is_set != trial_text_is_set(request->root)) {
        code = trial_fail_rule(
            err, TRIAL_RULE_MISSING_FIELD, "an earlier log is named by its size and its root");
        (void)trial_fail_field(err, request->size.is_set ? "root" : "size");
    } else if (request->size.is_set && request->size.value < 0) {
        code = trial_fail_rule_as(
            err, TRIAL_RULE_BAD_RANGE, TRIAL_INVALID, "'size' is the size of an earlier log");
        (void)trial_fail_field(err, "size");
    } else if (request->size.is_set && !trial_text_is_hex(request->root, TRIAL_HASH_BYTES * 2)) {
        code = trial_fail_rule_as(
            err, TRIAL_RULE_BAD_RANGE, TRIAL_INVALID, "'root' is 64 hexadecimal digits");
        (void)trial_fail_field(err, "root");
    }
    return code;
}

static void put_verdict(const check_found *found,
                        uint32_t msgid,
                        const struct trial_request_verify *request,
                        pack_writer *answer)
{
    uint8_t root[TRIAL_HASH_BYTES];
    char hex[PROTO_HASH_TEXT_BYTES];
    bool is_same = true;

    if (request->size.is_set) {
        is_same = (uint64_t)request->size.value <= found->tree.size &&
                  proto_hash_is(found->earlier_root, request->root);
    }
    proto_tree_root(&found->tree, root);
    proto_hash_write(root, hex);
    proto_put_result(answer, msgid);
    pack_put_map(answer, found->bad == 0 ? 4 : 5);
    pack_put_word(answer, "bad");
    pack_put_unsigned(answer, found->bad);
    if (found->bad != 0) {
        pack_put_word(answer, "reason");
        pack_put_message(answer, found->reason);
    }
    pack_put_word(answer, "root");
    pack_put_word(answer, hex);
    pack_put_word(answer, "same");
    pack_put_truth(answer, is_same);
    pack_put_word(answer, "size");
    pack_put_unsigned(answer, found->tree.size);
}

trial_code answers_verify(store *s,
                          uint32_t msgid,
                          const struct trial_request_verify *request,
                          answers_progress *progress,
                          pack_writer *answer,
                          trial_error *err)
{
    check_found found = { 0 };
    trial_code code = check_earlier(request, err);

    if (code == TRIAL_OK) {
        found.earlier_size = request->size.is_set ? (uint64_t)request->size.value : 0;
        code = check_store(s, progress, &found, err);
    }
    if (code != TRIAL_OK) {
        proto_put_error(answer, msgid, err);
        return code;
    }
    put_verdict(&found, msgid, request, answer);
    if (found.bad != 0) {
        code = trial_fail(err, TRIAL_STORAGE, "%s", found.reason);
        err->position = (int64_t)found.bad;
    }
    return code;
}
