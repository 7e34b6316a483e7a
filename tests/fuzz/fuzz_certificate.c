/* fuzz_certificate.c - any bytes as a certificate: read or refused with a sentence, and a key that
 * is taken is one. */
#include "certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    proto_certificate certificate;
    trial_error err = TRIAL_ERROR_NONE;
    uint32_t roles = 0;
    const char *words = certificate.sources;

    if (size > PROTO_CERTIFICATE_BYTES_MAX) {
        return 0;
    }
    if (proto_certificate_read(
            (trial_text){ (const char *)data, (uint32_t)size }, &certificate, &err) != TRIAL_OK) {
        TRIAL_ASSERT(err.code == TRIAL_INVALID && err.text[0] != '\0');
        return 0;
    }
    TRIAL_ASSERT(certificate.public_key[0] == '\0' ||
                 strlen(certificate.public_key) == TRIAL_KEY_TEXT_BYTES - 1);
    if (proto_roles_read(certificate.roles, &roles, &err) == TRIAL_OK) {
        TRIAL_ASSERT((roles & ~((1u << TRIAL_ROLE_COUNT) - 2u)) == 0);
    }
    while (trial_text_is_set(proto_word_next(&words))) {
    }
    return 0;
}
