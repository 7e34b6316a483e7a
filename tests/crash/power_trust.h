/* power_trust.h - a journal that trusts what it reads more than it should, to show that the oracle
 * sees it. It stands in the place of store_sum(), and nothing of it is in the daemon. */
#ifndef TESTS_POWER_TRUST_H
#define TESTS_POWER_TRUST_H

typedef enum power_trust {
    POWER_TRUST_NOTHING, /* as the daemon */
    POWER_TRUST_TORN,    /* the sums of a turn are not looked at */
    POWER_TRUST_OLD,     /* nor is it whether a turn belongs to the file's present use */
} power_trust;

/** For all that is read from now on. */
void power_trust_set(power_trust trust);

#endif
