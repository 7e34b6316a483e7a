/* test_power.c - the power is cut at every moment of a store's life, and the disk keeps of what was
 * not synced what it likes: nothing acknowledged is missing, of named subscriptions neither, and
 * the store opens. Then the same with a disk or a journal that is not to be trusted: the same
 * oracle sees each of them.
 *
 * A history is lived three times over: by a process that is killed, also between a turn's write and
 * its sync, by one that rebuilds the views, and by one that begins after a clean end.
 *
 * TRIAL_IMAGES=200000 judges so many images, TRIAL_SEED=N begins with that history,
 * TRIAL_IMAGE=N judges that image alone, of the history TRIAL_SEED. TRIAL_KEEP=DIR builds the
 * images of the first violations in there, one directory each. */
#include "scratch.h"

#include "power_judge.h"
#include "power_restore.h"

#include <sys/mman.h>

#define IMAGES 20000
#define IMAGES_OF_A_HISTORY 2500
#define IMAGES_MAKING 5000
#define IMAGES_RESTORING 300
#define IMAGES_WEAK 1500

static char program[SCRATCH_PATH_BYTES];
static char scratch[SCRATCH_PATH_BYTES];

static uint64_t given(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/* Build the image of a violation again, for whoever wants to look at it. */
static void keep_image(const power_trial *trial, uint32_t image)
{
    const char *directory = getenv("TRIAL_KEEP");
    power_trial again = *trial;
    power_verdict verdict;
    char path[SCRATCH_PATH_BYTES];

    if (directory == NULL) {
        return;
    }
    (void)snprintf(
        path, sizeof path, "%s/%llu-%u", directory, (unsigned long long)trial->record->seed, image);
    (void)mkdir(directory, 0700);
    (void)mkdir(path, 0700); /* what is there already is used */
    again.only = image;
    again.keep = path;
    power_judge(&again, &verdict);
    print_message("kept as %s/store\n", path);
}

static void tell(const power_trial *trial, const power_verdict *verdict)
{
    uint32_t count = verdict->violations < POWER_SAID_MAX ? verdict->violations : POWER_SAID_MAX;

    for (uint32_t i = 0; i < count; i++) {
        print_message("TRIAL_SEED=%llu TRIAL_IMAGE=%u, cut before call %u: %s\n",
                      (unsigned long long)trial->record->seed,
                      verdict->said[i].image,
                      verdict->said[i].call,
                      verdict->said[i].text);
        if (!trial->is_wanted) {
            keep_image(trial, verdict->said[i].image);
        }
    }
}

/* As many as of all others, in proportion. */
static uint32_t images_of(uint32_t otherwise)
{
    return (uint32_t)(given("TRIAL_IMAGES", IMAGES) * otherwise / IMAGES);
}

static void record_work(power_record *record, uint64_t seed)
{
    assert_true(power_record_make(record, program, TRIAL_RECORDER, "--work", scratch, seed));
    power_record_shuffle(record);
}

static power_trial whole_life(const power_record *record, uint32_t images)
{
    return (power_trial){ .record = record,
                          .from = record->made,
                          .until = record->count,
                          .images = images,
                          .only = (int64_t)given("TRIAL_IMAGE", UINT64_MAX),
                          .scratch = scratch };
}

static void test_nothing_acknowledged_is_lost_when_the_power_is_cut(void **state)
{
    uint64_t wanted =
        given("TRIAL_IMAGE", UINT64_MAX) != UINT64_MAX ? 1 : given("TRIAL_IMAGES", IMAGES);
    uint64_t images = 0;
    uint64_t violations = 0;
    uint64_t first = given("TRIAL_SEED", 1);
    uint64_t seed = first;

    (void)state;
    for (; images < wanted; seed++) {
        power_record record;
        power_trial trial;
        power_verdict verdict;

        record_work(&record, seed);
        trial = whole_life(&record, IMAGES_OF_A_HISTORY);
        power_judge(&trial, &verdict);
        tell(&trial, &verdict);
        images += verdict.images;
        violations += verdict.violations;
        power_record_done(&record);
        assert_true(verdict.images > 0);
    }
    print_message("%llu images of %llu histories from TRIAL_SEED=%llu: %llu violations\n",
                  (unsigned long long)images,
                  (unsigned long long)(seed - first),
                  (unsigned long long)first,
                  (unsigned long long)violations);
    assert_int_equal(violations, 0);
}

static void test_a_store_in_the_making_opens_when_the_power_was_cut(void **state)
{
    power_record record;
    power_trial trial;
    power_verdict verdict;

    (void)state;
    record_work(&record, given("TRIAL_SEED", 1));
    trial = whole_life(&record, images_of(IMAGES_MAKING));
    trial.from = 0;
    trial.until = record.made + 1;
    power_judge(&trial, &verdict);
    tell(&trial, &verdict);
    power_record_done(&record);
    print_message(
        "%u images of stores in the making: %u violations\n", verdict.images, verdict.violations);
    assert_int_equal(verdict.violations, 0);
}

static void test_a_restore_is_done_or_can_be_done_again_when_the_power_was_cut(void **state)
{
    power_record record;
    power_trial trial;
    power_verdict verdict;
    char path[SCRATCH_PATH_BYTES];
    uint64_t seed = given("TRIAL_SEED", 1);

    (void)state;
    assert_true(power_record_make(&record, program, TRIAL_RECORDER, "--restore", scratch, seed));
    scratch_join(path, scratch, "work.backup");
    trial = whole_life(&record, images_of(IMAGES_RESTORING));
    trial.from = 0;
    trial.backup_path = path;
    power_judge(&trial, &verdict);
    tell(&trial, &verdict);
    power_record_done(&record);
    print_message("%u images of restores: %u violations\n", verdict.images, verdict.violations);
    assert_int_equal(verdict.violations, 0);
}

typedef void make_early(power_record *record);

/* Something is not as it must be; it must be seen, and often. */
static void assert_is_seen(const char *what, power_lies lies, power_trust trust, make_early *early)
{
    power_record record;
    power_trial trial;
    power_verdict verdict;

    record_work(&record, given("TRIAL_SEED", 1));
    if (early != NULL) {
        early(&record);
    }
    trial = whole_life(&record, IMAGES_WEAK);
    trial.lies = lies;
    trial.trust = trust;
    trial.only = -1;
    trial.is_wanted = true;
    power_judge(&trial, &verdict);
    tell(&trial, &verdict);
    power_record_done(&record);
    print_message("%s: %u of %u images are violations, %u end the judge\n",
                  what,
                  verdict.violations,
                  verdict.images,
                  verdict.deaths);
    assert_true(verdict.violations > 0);
}

static void test_a_journal_that_is_not_flushed_is_seen(void **state)
{
    (void)state;
    assert_is_seen("no flush", (power_lies){ .no_data_sync = true }, POWER_TRUST_NOTHING, NULL);
}

static void test_acknowledging_before_the_flush_is_seen(void **state)
{
    (void)state;
    assert_is_seen("acknowledged early",
                   (power_lies){ 0 },
                   POWER_TRUST_NOTHING,
                   power_record_acknowledge_early);
}

static void test_answering_for_a_subscription_before_its_commit_is_seen(void **state)
{
    (void)state;
    assert_is_seen(
        "answered early", (power_lies){ 0 }, POWER_TRUST_NOTHING, power_record_answer_early);
}

static void test_a_turn_trusted_without_its_sums_is_seen(void **state)
{
    (void)state;
    assert_is_seen("no checksum", (power_lies){ 0 }, POWER_TRUST_TORN, NULL);
}

static void test_a_turn_of_an_earlier_use_that_is_trusted_is_seen(void **state)
{
    (void)state;
    assert_is_seen("no generation", (power_lies){ 0 }, POWER_TRUST_OLD, NULL);
}

static void test_lmdb_without_sync_is_seen(void **state)
{
    (void)state;
    assert_is_seen(
        "LMDB unsynced", (power_lies){ .no_lmdb_sync = true }, POWER_TRUST_NOTHING, NULL);
}

static void test_lmdb_without_sync_of_its_meta_page_is_seen(void **state)
{
    (void)state;
    assert_is_seen("LMDB's meta page unsynced",
                   (power_lies){ .no_lmdb_write_sync = true },
                   POWER_TRUST_NOTHING,
                   NULL);
}

/* Memory that is a disk, where there is some: an image is a megabyte, and there are thousands. */
static void choose_scratch(void)
{
    const char *parent = getenv("TMPDIR");

    if (parent == NULL) {
        parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    }
    (void)snprintf(scratch, sizeof scratch, "%s/triald-power-XXXXXX", parent);
    if (mkdtemp(scratch) == NULL) {
        (void)fprintf(stderr, "no scratch directory in %s\n", parent);
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_acknowledged_is_lost_when_the_power_is_cut),
        cmocka_unit_test(test_a_store_in_the_making_opens_when_the_power_was_cut),
        cmocka_unit_test(test_a_restore_is_done_or_can_be_done_again_when_the_power_was_cut),
        cmocka_unit_test(test_a_journal_that_is_not_flushed_is_seen),
        cmocka_unit_test(test_acknowledging_before_the_flush_is_seen),
        cmocka_unit_test(test_answering_for_a_subscription_before_its_commit_is_seen),
        cmocka_unit_test(test_a_turn_trusted_without_its_sums_is_seen),
        cmocka_unit_test(test_a_turn_of_an_earlier_use_that_is_trusted_is_seen),
        cmocka_unit_test(test_lmdb_without_sync_is_seen),
        cmocka_unit_test(test_lmdb_without_sync_of_its_meta_page_is_seen),
    };
    ssize_t size;
    int failed;

    if (argc == 5 && strcmp(argv[1], "--restore") == 0) {
        return power_restore_work(argv[2], strtoull(argv[3], NULL, 10));
    }
    if (argc == 5 && strcmp(argv[1], "--work") == 0) {
        return power_work(argv[2], strtoull(argv[3], NULL, 10), (int)strtol(argv[4], NULL, 10));
    }
    size = readlink("/proc/self/exe", program, sizeof program - 1);
    program[size < 0 ? 0 : size] = '\0';
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]); /* tests whose names match */
    }
    choose_scratch();
    failed = cmocka_run_group_tests_name("power", tests, NULL, NULL);
    scratch_remove(scratch);
    return failed;
}
