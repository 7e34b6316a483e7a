/* test_fold.c - folding in pieces is folding at once, in whatever pieces; rows rebuilt are rows
 * grown live. */
#include "desk.h"

#include <time.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)
#define ROUNDS 6

static unsigned seed;

static size_t pick(size_t least, size_t most)
{
    seed = seed * 1103515245u + 12345u;
    return least + (seed >> 8) % (most - least + 1);
}

/* The programme in requests of random sizes, with crashes and reopenings between them. */
static void import_in_pieces(desk *d)
{
    size_t lines = desk_programme_lines();

    for (size_t done = 0; done < lines;) {
        size_t count = pick(1, 400);

        count = count < lines - done ? count : lines - done;
        desk_import(d, done, count, pick(1, 1000));
        done += count;
        switch (pick(0, 3)) {
        case 0:
            desk_crash(d);
            break;
        case 1:
            desk_reopen(d);
            break;
        default:
            break;
        }
    }
}

static void test_pieces_make_the_same_states_as_the_whole(void **state)
{
    desk *d = *state;
    pack_writer whole = { 0 };
    pack_writer pieces = { 0 };

    desk_import(d, 0, desk_programme_lines(), 1000);
    desk_gather_folded(d, &whole);
    for (int round = 0; round < ROUNDS; round++) {
        void *other = NULL;

        assert_int_equal(desk_setup(&other), 0);
        import_in_pieces(other);
        desk_gather_folded(other, &pieces);
        assert_bytes(pack_written(&pieces), pack_written(&whole));
        desk_assert_states_are_folded(other);
        assert_int_equal(desk_teardown(&other), 0);
    }
    pack_writer_done(&whole);
    pack_writer_done(&pieces);
}

/* What was known at a position is what a log of that length says. */
static void test_what_was_known_is_what_a_shorter_log_says(void **state)
{
    static const char *const views[] = { "funnel",    "trial",   "finding",
                                         "exemption", "outcome", "network" };
    desk *d = *state;

    desk_import(d, 0, desk_programme_lines(), 1000);
    for (int round = 0; round < ROUNDS; round++) {
        size_t size = pick(50, desk_programme_lines());
        void *shorter = NULL;

        assert_int_equal(desk_setup(&shorter), 0);
        desk_import(shorter, 0, size, 500);
        ((desk *)shorter)->now_ns = d->now_ns; /* both are asked on the same day */
        for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
            char then[120];
            char now[120];
            json_t *left;
            json_t *right;

            (void)snprintf(then, sizeof then, "{'view':'%s','known_at':%zu}", views[i], size);
            (void)snprintf(now, sizeof now, "{'view':'%s'}", views[i]);
            left = json_object_get(desk_query(d, then), "rows");
            right = json_object_get(desk_query(shorter, now), "rows");
            if (left == NULL || !json_equal(left, right)) {
                fail_msg("view %s at position %zu (TRIAL_SEED=%u)", views[i], size, seed);
            }
        }
        assert_int_equal(desk_teardown(&shorter), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pieces_make_the_same_states_as_the_whole),
        TEST(test_what_was_known_is_what_a_shorter_log_says),
    };
    const char *given = getenv("TRIAL_SEED");

    seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("TRIAL_SEED=%u\n", seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
