/* test_store_pages.c - whatever bit is flipped in what LMDB believes, it is found before LMDB sees
 * it: the two first pages, the head of every page in use, the pointers behind it, the list of free
 * pages.
 */
#include "pages.h"
#include "pages_format.h"
#include "store_fixture.h"

#include <sys/mman.h>

#define COMMITS 60
#define STEP 7 /* of the bits of a page's head and pointers, every so manieth is flipped */

/* LMDB's file, in memory. */
typedef struct image {
    int fd;
    uint8_t *bytes;
    size_t size;
} image;

/* Tables of several levels, rows with pages of their own, and pages that are free. */
static void make_store(fixture *f)
{
    for (int i = 0; i < COMMITS; i++) {
        char key[64];

        for (int row = 0; row < 60; row++) {
            (void)snprintf(key, sizeof key, "row/%05d/with a key that is long", row * 997 % 4001);
            put(f, key, i % 2 == 0 ? "short" : "and the other time a value that is longer");
        }
        for (int row = 0; row < 40; row++) {
            (void)snprintf(key, sizeof key, "more/%02d/%02d/with a key that is long", i, row);
            put(f, key, "some value");
        }
        append(f, i % 5 == 0 ? 9000 : 700);
        append(f, 300);
        commit(f);
    }
}

static image open_image(const char *store_path)
{
    char path[SCRATCH_PATH_BYTES];
    struct stat facts;
    image it;
    int in;

    scratch_join(path, store_path, "lmdb/data.mdb");
    in = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(fstat(in, &facts), 0);
    it.size = (size_t)facts.st_size;
    it.fd = memfd_create("pages", MFD_CLOEXEC);
    assert_int_equal(ftruncate(it.fd, facts.st_size), 0);
    it.bytes = mmap(NULL, it.size, PROT_READ | PROT_WRITE, MAP_SHARED, it.fd, 0);
    assert_ptr_not_equal(it.bytes, MAP_FAILED);
    assert_int_equal(read(in, it.bytes, it.size), facts.st_size);
    (void)close(in);
    return it;
}

static void close_image(image *it)
{
    (void)munmap(it->bytes, it->size);
    (void)close(it->fd);
}

static trial_code look(const image *it, pages_depth depth, trial_error *err)
{
    return pages_check(it->fd, "data.mdb", 0, depth, INT64_MAX, err);
}

static void assert_found(const image *it, size_t offset, uint8_t bit, pages_depth depth)
{
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code;

    it->bytes[offset] ^= bit;
    code = look(it, depth, &err);
    it->bytes[offset] ^= bit;
    if (code != TRIAL_INVALID || strstr(err.text, "data.mdb") == NULL) {
        fail_msg("bit %u of byte %zu (page %zu, byte %zu) gave code %d, '%s'",
                 bit,
                 offset,
                 offset / PAGE_BYTES,
                 offset % PAGE_BYTES,
                 (int)code,
                 err.text);
    }
}

/* Does anything lead to the page, and may it be looked at for that? */
static bool is_in_use(const image *it, size_t page, pages_depth depth)
{
    uint8_t kept[PAGE_BYTES];
    bool is_in_use;

    memcpy(kept, it->bytes + page * PAGE_BYTES, PAGE_BYTES);
    memset(it->bytes + page * PAGE_BYTES, 0, PAGE_BYTES);
    is_in_use = look(it, depth, NULL) != TRIAL_OK;
    memcpy(it->bytes + page * PAGE_BYTES, kept, PAGE_BYTES);
    return is_in_use;
}

/* Flip bits of a page's head and of the pointers behind it; how many that were. */
static size_t flip_page(const image *it, size_t page, pages_depth depth, size_t *turn)
{
    size_t count = 0;
    size_t end = PAGE_HEAD_BYTES;
    page_head head;

    memcpy(&head, it->bytes + page * PAGE_BYTES, sizeof head);
    if (head.flags != PAGE_OVERFLOW) {
        end = head.flags == PAGE_BRANCH ? PAGE_BYTES : head.lower;
    }
    for (size_t bit = 0; bit < end * 8; bit++) {
        size_t byte = bit / 8;
        bool is_head = byte < PAGE_HEAD_BYTES && (byte < 8 || byte >= 10); /* `pad` is not used */
        bool is_node = byte >= PAGE_HEAD_BYTES && byte < head.lower;

        if ((is_head || is_node) && (*turn)++ % STEP == 0) {
            assert_found(it, page * PAGE_BYTES + byte, (uint8_t)(1u << bit % 8), depth);
            count++;
        }
    }
    return count;
}

static void test_a_whole_file_is_good(void **state)
{
    fixture *f = *state;
    image it;

    assert_int_equal(store_check_pages(f->s, &f->err), TRIAL_OK); /* an empty one */
    make_store(f);
    assert_int_equal(store_check_pages(f->s, &f->err), TRIAL_OK);
    it = open_image(f->path);
    assert_int_equal(look(&it, PAGES_PATHS, &f->err), TRIAL_OK);
    assert_int_equal(look(&it, PAGES_ALL, &f->err), TRIAL_OK);
    close_image(&it);
}

static void test_heads_and_pointers_of_every_page(void **state)
{
    static const pages_depth depths[] = { PAGES_PATHS, PAGES_ALL };
    fixture *f = *state;
    size_t used[2] = { 0 };
    size_t turn = 0;
    size_t flips = 0;
    image it;

    make_store(f);
    it = open_image(f->path);
    for (size_t d = 0; d < 2; d++) {
        for (size_t page = 2; page < it.size / PAGE_BYTES; page++) {
            if (is_in_use(&it, page, depths[d])) {
                used[d]++;
                flips += flip_page(&it, page, depths[d], &turn);
            }
        }
    }
    assert_int_equal(look(&it, PAGES_ALL, &f->err), TRIAL_OK);
    print_message("%zu and %zu pages in use, %zu flips\n", used[0], used[1], flips);
    assert_true(used[0] >= 4 && used[1] > 30 && used[1] > used[0] && flips > 1000);
    close_image(&it);
}

/* What a child is, and where: every bit of a branch page's pointers to pages. */
static void test_pointers_to_pages(void **state)
{
    fixture *f = *state;
    size_t flips = 0;
    image it;

    make_store(f);
    it = open_image(f->path);
    for (size_t page = 2; page < it.size / PAGE_BYTES; page++) {
        page_head head;

        memcpy(&head, it.bytes + page * PAGE_BYTES, sizeof head);
        if (head.flags != PAGE_BRANCH || !is_in_use(&it, page, PAGES_PATHS)) {
            continue;
        }
        for (size_t i = 0; i < (head.lower - PAGE_HEAD_BYTES) / 2u; i++) {
            uint16_t at;

            memcpy(&at, it.bytes + page * PAGE_BYTES + PAGE_HEAD_BYTES + i * 2, sizeof at);
            for (size_t bit = 0; bit < 48; bit++) {
                assert_found(
                    &it, page * PAGE_BYTES + at + bit / 8, (uint8_t)(1u << bit % 8), PAGES_ALL);
                flips++;
            }
        }
    }
    assert_true(flips > 500);
    close_image(&it);
}

/* Of the newer of the first two pages everything counts but a map's address and size and a pad; of
 * the older one who it is. */
static void test_the_first_pages(void **state)
{
    fixture *f = *state;
    page_meta metas[2];
    image it;

    make_store(f);
    it = open_image(f->path);
    for (size_t i = 0; i < 2; i++) {
        memcpy(&metas[i], it.bytes + i * PAGE_BYTES + PAGE_HEAD_BYTES, sizeof metas[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        bool is_newer = metas[i].txn_id > metas[1 - i].txn_id;

        for (size_t byte = 0; byte < PAGE_HEAD_BYTES + sizeof(page_meta); byte++) {
            size_t at = byte < PAGE_HEAD_BYTES ? SIZE_MAX : byte - PAGE_HEAD_BYTES;
            bool counts = byte < 8 || (byte >= 10 && byte < 12) || at < 8 ||
                          (at != SIZE_MAX && at >= offsetof(page_meta, txn_id)) ||
                          (at >= 24 && at < 30) ||
                          (is_newer && at >= 30 && at < offsetof(page_meta, main)) ||
                          (is_newer && at >= offsetof(page_meta, main) + 4 &&
                           at < offsetof(page_meta, last_page));

            for (size_t bit = 0; bit < 8 && counts; bit++) {
                if (at == offsetof(page_meta, txn_id) && bit == 1) {
                    continue; /* two transactions less: the other page counts, as after a crash */
                }
                assert_found(&it, i * PAGE_BYTES + byte, (uint8_t)(1u << bit), PAGES_ALL);
            }
        }
    }
    close_image(&it);
}

static void test_a_file_that_was_cut(void **state)
{
    fixture *f = *state;
    image it;

    make_store(f);
    it = open_image(f->path);
    assert_int_equal(ftruncate(it.fd, (off_t)(it.size / 2)), 0);
    assert_int_equal(look(&it, PAGES_PATHS, &f->err), TRIAL_INVALID);
    assert_non_null(strstr(f->err.text, "was cut"));
    assert_int_equal(ftruncate(it.fd, 4100), 0);
    assert_int_equal(look(&it, PAGES_PATHS, &f->err), TRIAL_STORAGE);
    close_image(&it);
}

/* The time is up before anything was looked at; and a snapshot that is not there any more. */
static void test_the_time_and_the_snapshot(void **state)
{
    fixture *f = *state;
    image it;

    make_store(f);
    it = open_image(f->path);
    memset(it.bytes + 2 * PAGE_BYTES, 0, it.size - 2 * PAGE_BYTES);
    assert_int_equal(look(&it, PAGES_ALL, NULL), TRIAL_INVALID);
    assert_int_equal(pages_check(it.fd, "data.mdb", 3, PAGES_ALL, INT64_MAX, NULL), TRIAL_BUSY);
    close_image(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_whole_file_is_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heads_and_pointers_of_every_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pointers_to_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_first_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_that_was_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_time_and_the_snapshot, setup, teardown),
    };

    return cmocka_run_group_tests_name("store_pages", tests, NULL, NULL);
}
