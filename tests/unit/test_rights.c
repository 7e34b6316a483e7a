/* test_rights.c - certificates as bytes, and what they make of those who ask: by key, user and
 * group. */
#include "pack.h"
#include "rights.h"
#include "scratch.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_A "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define KEY_B "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"

static char directory[SCRATCH_PATH_BYTES];
static uint32_t problems;
static char problem[TRIAL_ERROR_TEXT_BYTES];

static void note(void *context, const trial_error *err)
{
    (void)context;
    problems++;
    memcpy(problem, err->text, sizeof problem);
}

static const char *path_of(const char *file)
{
    static char path[SCRATCH_PATH_BYTES + 64];

    (void)snprintf(path, sizeof path, "%s/%s", directory, file);
    return path;
}

static void write_file(const char *file, const char *text)
{
    FILE *out = fopen(path_of(file), "we");

    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void write_key(const char *file, const char *key, const char *roles, const char *sources)
{
    char text[512];

    (void)snprintf(text,
                   sizeof text,
                   "metadata\n    roles = \"%s\"\n    sources = \"%s\"\n    who = 'a person'\n"
                   "curve\n    public-key = \"%s\"\n",
                   roles,
                   sources,
                   key);
    write_file(file, text);
}

static int make(void **state)
{
    (void)state;
    scratch_make(directory);
    assert_int_equal(chmod(directory, 0755), 0);
    problems = 0;
    return 0;
}

static int drop(void **state)
{
    (void)state;
    scratch_remove(directory);
    return 0;
}

static void settle_all(rights *r)
{
    rights_entry *entry;
    uint32_t at = 0;

    while ((entry = rights_next_change(r, &at)) != NULL) {
        rights_settle(r, &entry, 1);
    }
}

/* What the directory says, the log being of one mind with it. */
static rights *read_all(void)
{
    rights *r = rights_new();

    (void)rights_read(r, directory, note, NULL);
    settle_all(r);
    return r;
}

static rights_peer key_peer(const char *key)
{
    return (rights_peer){ .key = trial_text_of(key) };
}

static rights_peer local_peer(uint32_t uid, uint32_t gid)
{
    return (rights_peer){ .is_local = true, .uid = uid, .gid = gid };
}

static void test_a_certificate_is_read_as_pyzmq_writes_it(void **state)
{
    static const char text[] = "#   ****  Generated on 2026-11-26 by pyzmq  ****\n"
                               "#   ZeroMQ CURVE Public Certificate\n\n"
                               "metadata\n    roles = \"read, publish\"\n"
                               "curve\n    public-key = \"" KEY_A "\"\n";
    proto_certificate certificate;
    trial_error err = TRIAL_ERROR_NONE;
    uint32_t roles;

    (void)state;
    assert_int_equal(proto_certificate_read(TRIAL_TEXT(text), &certificate, &err), TRIAL_OK);
    assert_string_equal(certificate.public_key, KEY_A);
    assert_string_equal(certificate.secret_key, "");
    assert_int_equal(proto_roles_read(certificate.roles, &roles, &err), TRIAL_OK);
    assert_int_equal(roles, 1u << TRIAL_ROLE_READ | 1u << TRIAL_ROLE_PUBLISH);
}

static void test_what_is_no_certificate_is_refused_by_its_line(void **state)
{
    static const struct {
        const char *text;
        const char *sentence;
    } rows[] = {
        { "curve\n    public-key\n", "line 2: 'name = \"value\"'" },
        { "curve\n    public-key = " KEY_A "\n", "line 2: the value of 'public-key'" },
        { "curve\n    public-key = \"\n", "line 2: the value of" },
        { "curve\n    public-key = \"abc\"\n", "line 2: 'public-key' is no key" },
        /* 85^5 is over 2^32: the last characters of this one stand for no four bytes. */
        { "curve\n    public-key = \"#####M>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf\"\n", "is no key" },
        { "metadata\n    sources = \"/dk/\xff\"\n", "a byte of it is no text" },
        { "curve\n    public-key = '" KEY_A "'\n    public-key = '" KEY_A "'\n",
          "line 3: 'public-key' stands there twice" },
        { "curve\n    public-key = \"" KEY_A "0\"\n", "characters; at most 40" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        proto_certificate certificate;
        trial_error err = TRIAL_ERROR_NONE;

        assert_int_equal(proto_certificate_read(trial_text_of(rows[i].text), &certificate, &err),
                         TRIAL_INVALID);
        if (strstr(err.text, rows[i].sentence) == NULL) {
            fail_msg("'%s' instead of '%s'", err.text, rows[i].sentence);
        }
    }
}

static void test_a_fingerprint_is_what_sha256sum_prints(void **state)
{
    char text[PROTO_HASH_TEXT_BYTES];

    (void)state;
    proto_fingerprint("abc", text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_keys_are_used_from_the_first_certificate_on(void **state)
{
    rights *r = rights_new();
    rights_peer nobody = local_peer(1, 1);

    (void)state;
    assert_int_equal(rights_read(r, path_of("none"), note, NULL), 0);
    assert_false(rights_are_used(r));
    assert_int_equal(rights_read(r, directory, note, NULL), 0);
    assert_false(rights_are_used(r)); /* there is none in it yet */
    write_file("a.key", "no certificate");
    assert_int_equal(rights_read(r, directory, note, NULL), 1);
    assert_true(rights_are_used(r));
    assert_int_equal(rights_find(r, &nobody), 0);
    /* Once in use they stay so: a directory that is emptied or goes away opens no door. */
    assert_int_equal(unlink(path_of("a.key")), 0);
    assert_int_equal(rights_read(r, directory, note, NULL), 0);
    assert_true(rights_are_used(r));
    assert_int_equal(rights_read(r, path_of("none"), note, NULL), 1);
    assert_true(rights_are_used(r));
    rights_done(r);
}

static void test_an_empty_directory_opens_no_door_that_was_shut(void **state)
{
    const rights_grant revoked = { 0 };
    rights *r = rights_new();

    (void)state;
    rights_note_logged(r, TRIAL_TEXT("a"), &revoked); /* the log knows of rights */
    assert_int_equal(rights_read(r, directory, note, NULL), 0);
    assert_true(rights_are_used(r));
    rights_done(r);
}

static void test_a_right_counts_where_directory_and_log_agree(void **state)
{
    rights *r = rights_new();
    rights_peer peer = key_peer(KEY_A);
    rights_entry *entry;
    uint32_t at = 0;

    (void)state;
    write_key("a.key", KEY_A, "read", "");
    assert_int_equal(rights_read(r, directory, note, NULL), 0);
    assert_int_equal(rights_find(r, &peer), 0);
    assert_false(rights_admits(r, &peer, TRIAL_ROLE_NONE));
    entry = rights_next_change(r, &at);
    assert_non_null(entry);
    assert_string_equal(entry->name, "a");
    assert_null(rights_next_change(r, &at));
    rights_settle(r, &entry, 1);
    assert_int_not_equal(rights_find(r, &peer), 0);
    assert_true(rights_admits(r, &peer, TRIAL_ROLE_READ));
    assert_false(rights_admits(r, &peer, TRIAL_ROLE_AUDIT));
    assert_int_equal(unlink(path_of("a.key")), 0);
    assert_int_equal(rights_read(r, directory, note, NULL), 0);
    assert_int_equal(rights_find(r, &peer), 0);
    at = 0;
    entry = rights_next_change(r, &at);
    assert_int_equal(entry->listed.kind, RIGHTS_NONE);
    assert_string_equal(entry->reason, "its certificate is gone");
    rights_done(r);
}

static void test_an_owner_is_one_key_under_one_name(void **state)
{
    rights_peer a = key_peer(KEY_A);
    rights_peer b = key_peer(KEY_B);
    rights_entry *entry;
    rights_owner before;
    uint32_t at = 0;
    rights *r;

    (void)state;
    write_key("a.key", KEY_A, "read", "");
    r = read_all();
    before = rights_find(r, &a);
    assert_true(rights_has(r, before, TRIAL_ROLE_READ));
    /* More roles: the same owner. */
    write_key("a.key", KEY_A, "read audit", "");
    (void)rights_read(r, directory, note, NULL);
    assert_true(rights_has(r, before, TRIAL_ROLE_READ)); /* it was and is theirs */
    assert_true(rights_admits(r, &a, TRIAL_ROLE_READ));
    assert_false(rights_has(r, before, TRIAL_ROLE_AUDIT)); /* until it is logged */
    entry = rights_next_change(r, &at);
    rights_settle(r, &entry, 1);
    assert_true(rights_has(r, before, TRIAL_ROLE_AUDIT));
    /* Another key under that name: another owner, for ever. */
    write_key("a.key", KEY_B, "read", "");
    (void)rights_read(r, directory, note, NULL);
    at = 0;
    entry = rights_next_change(r, &at);
    rights_settle(r, &entry, 1);
    assert_false(rights_has(r, before, TRIAL_ROLE_READ));
    assert_int_equal(rights_find(r, &a), 0);
    assert_true(rights_has(r, rights_find(r, &b), TRIAL_ROLE_READ));
    rights_done(r);
}

static void test_who_listens_is_cut_off_only_where_a_reader_is_lost(void **state)
{
    rights *r;

    (void)state;
    write_key("a.key", KEY_A, "read", "");
    r = read_all();
    assert_true(rights_lost_reader(r)); /* keys came into use */
    write_key("b.key", KEY_B, "audit", "");
    (void)rights_read(r, directory, note, NULL);
    assert_false(rights_lost_reader(r));
    write_key("a.key", KEY_A, "read audit", "");
    (void)rights_read(r, directory, note, NULL);
    assert_false(rights_lost_reader(r));
    write_key("a.key", KEY_A, "audit", "");
    (void)rights_read(r, directory, note, NULL);
    assert_true(rights_lost_reader(r));
    assert_int_equal(unlink(path_of("b.key")), 0); /* which read nothing */
    (void)rights_read(r, directory, note, NULL);
    assert_false(rights_lost_reader(r));
    rights_done(r);
}

static void test_of_a_change_what_is_taken_goes_first(void **state)
{
    static const struct {
        const char *source;
        bool was, meanwhile, is;
    } rows[] = { { "/a", true, false, false },
                 { "/b", true, true, true },
                 { "/c", false, false, true } };
    trial_error err = TRIAL_ERROR_NONE;
    rights_peer a = key_peer(KEY_A);
    rights_owner owner;
    rights_entry *entry;
    uint32_t at = 0;
    rights *r;

    (void)state;
    write_key("a.key", KEY_A, "read publish", "/a /b");
    r = read_all();
    owner = rights_find(r, &a);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rights_check_source(r, owner, trial_text_of(rows[i].source), &err) ==
                             TRIAL_OK,
                         rows[i].was);
    }
    write_key("a.key", KEY_A, "publish audit", "/b /c");
    (void)rights_read(r, directory, note, NULL);
    assert_false(rights_has(r, owner, TRIAL_ROLE_READ));
    assert_true(rights_has(r, owner, TRIAL_ROLE_PUBLISH));
    assert_false(rights_has(r, owner, TRIAL_ROLE_AUDIT));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rights_check_source(r, owner, trial_text_of(rows[i].source), &err) ==
                             TRIAL_OK,
                         rows[i].meanwhile);
    }
    entry = rights_next_change(r, &at);
    rights_settle(r, &entry, 1);
    assert_true(rights_has(r, owner, TRIAL_ROLE_AUDIT));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rights_check_source(r, owner, trial_text_of(rows[i].source), &err) ==
                             TRIAL_OK,
                         rows[i].is);
    }
    /* Where both have no role in common there is nobody, and they are let in nowhere. */
    write_key("a.key", KEY_A, "read", "");
    (void)rights_read(r, directory, note, NULL);
    assert_false(rights_admits(r, &a, TRIAL_ROLE_NONE));
    assert_int_equal(rights_find(r, &a), 0);
    rights_done(r);
}

static void test_a_user_stands_before_a_group(void **state)
{
    rights_peer user = local_peer(1000, 2000);
    rights_peer member = local_peer(1001, 2000);
    rights_peer other = local_peer(1001, 2001);
    rights *r;

    (void)state;
    write_file("u.key", "metadata\n    user = \"1000\"\n    roles = \"read\"\n");
    write_file("g.key", "metadata\n    group = \"2000\"\n    roles = \"audit\"\n");
    r = read_all();
    assert_true(rights_has(r, rights_find(r, &user), TRIAL_ROLE_READ));
    assert_false(rights_has(r, rights_find(r, &user), TRIAL_ROLE_AUDIT));
    assert_true(rights_has(r, rights_find(r, &member), TRIAL_ROLE_AUDIT));
    assert_int_equal(rights_find(r, &other), 0);
    rights_done(r);
}

static void test_certificates_over_the_bound_take_nothing_from_the_others(void **state)
{
    rights *r;

    (void)state;
    for (uint32_t i = 1; i <= RIGHTS_MAX + 1; i++) {
        char file[32];
        char text[96];

        (void)snprintf(file, sizeof file, "u%05u.key", i);
        (void)snprintf(text, sizeof text, "metadata\n    user = \"%u\"\n    roles = \"read\"\n", i);
        write_file(file, text);
    }
    r = read_all();
    assert_int_equal(problems, 1);
    assert_non_null(strstr(problem, "holds 1025 certificates; the first 1024 by name"));
    for (uint32_t i = 1; i <= RIGHTS_MAX + 1; i++) {
        rights_peer peer = local_peer(i, 0);

        assert_int_equal(rights_has(r, rights_find(r, &peer), TRIAL_ROLE_READ), i <= RIGHTS_MAX);
    }
    rights_done(r);
}

static void test_a_name_that_is_asked_for_aside_counts_when_it_is_known(void **state)
{
    struct pollfd told = { .events = POLLIN };
    rights_peer root = local_peer(0, 77);
    rights_peer other = local_peer(1234, 77);
    trial_error err = TRIAL_ERROR_NONE;
    rights *r;

    (void)state;
    write_file("other.key", "metadata\n    user = \"1234\"\n    roles = \"read\"\n");
    r = read_all();
    assert_int_equal(rights_ask_aside(r, &told.fd, &err), TRIAL_OK);
    write_file("root.key", "metadata\n    user = \"root\"\n    roles = \"read\"\n");
    assert_int_equal(rights_read(r, directory, note, NULL), 0); /* nobody has refused it */
    settle_all(r);
    assert_int_equal(rights_find(r, &root), 0);
    assert_true(rights_has(r, rights_find(r, &other), TRIAL_ROLE_READ));
    assert_int_equal(poll(&told, 1, -1), 1);
    rights_note_names(r);
    assert_int_equal(rights_read(r, directory, note, NULL), 0);
    settle_all(r);
    assert_true(rights_has(r, rights_find(r, &root), TRIAL_ROLE_READ));
    write_file("none.key", "metadata\n    user = \"nobody here\"\n    roles = \"read\"\n");
    assert_int_equal(rights_read(r, directory, note, NULL), 0);
    assert_int_equal(poll(&told, 1, -1), 1);
    rights_note_names(r);
    assert_int_equal(rights_read(r, directory, note, NULL), 1);
    assert_non_null(strstr(problem, "there is no user 'nobody here' here"));
    rights_done(r);
}

static void test_a_prefix_ends_at_a_slash(void **state)
{
    static const struct {
        const char *source;
        bool may;
    } rows[] = {
        { "/dk/kommune/0751", true },         { "/dk/kommune/0751/office", true },
        { "/dk/kommune/07510", false },       { "/dk/kommune", false },
        { "/dk/netvaerk/bolig", true },       { "/dk/netvaerk", false },
        { "https://example.org", true },      { "https://example.org/a", true },
        { "https://example.organic", false }, { "", false },
    };
    rights_peer peer = key_peer(KEY_A);
    rights *r;

    (void)state;
    write_key("a.key", KEY_A, "publish", "/dk/kommune/0751, /dk/netvaerk/  https://example.org");
    r = read_all();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trial_error err = TRIAL_ERROR_NONE;
        trial_code code =
            rights_check_source(r, rights_find(r, &peer), trial_text_of(rows[i].source), &err);

        if ((code == TRIAL_OK) != rows[i].may) {
            fail_msg("'%s'", rows[i].source);
        }
    }
    rights_done(r);
}

static void test_one_bad_certificate_leaves_the_others(void **state)
{
    rights_peer a = key_peer(KEY_A);
    rights *r;

    (void)state;
    write_key("a.key", KEY_A, "read", "");
    write_key("b.key", KEY_A, "read", "");
    write_file("notes.txt", "no certificate");
    r = read_all();
    assert_int_equal(problems, 1);
    assert_non_null(strstr(problem, "b.key': it is for whom 'a' is for already"));
    assert_true(rights_has(r, rights_find(r, &a), TRIAL_ROLE_READ));
    assert_int_equal(chmod(path_of("a.key"), 0666), 0);
    assert_int_equal(rights_read(r, directory, note, NULL), 1);
    assert_int_equal(rights_find(r, &a), 0); /* b, which is good now, is not logged yet */
    rights_done(r);
}

static void test_what_is_no_plain_file_is_refused_and_not_waited_for(void **state)
{
    rights_peer a = key_peer(KEY_A);
    rights *r;

    (void)state;
    write_key("a.txt", KEY_A, "read", "");
    assert_int_equal(symlink("a.txt", path_of("link.key")), 0);
    assert_int_equal(mkfifo(path_of("pipe.key"), 0600), 0);
    assert_int_equal(mkdir(path_of("room.key"), 0700), 0);
    r = read_all();
    assert_int_equal(problems, 3);
    assert_non_null(strstr(problem, "room.key' is no plain file"));
    assert_int_equal(rights_find(r, &a), 0);
    write_key("a.key", KEY_A, "read", "");
    rights_done(r);
    r = read_all();
    assert_int_not_equal(rights_find(r, &a), 0);
    rights_done(r);
}

static void test_why_a_right_is_gone_is_text_whatever_the_file_holds(void **state)
{
    static const char *const roles[] = { "\xff\xfe",
                                         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xc3\xa5" };

    (void)state;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        rights_entry *entry;
        uint32_t at = 0;
        rights *r;

        write_key("a.key", KEY_A, "read", "");
        r = read_all();
        write_key("a.key", KEY_A, roles[i], "");
        assert_int_equal(rights_read(r, directory, note, NULL), 1);
        entry = rights_next_change(r, &at);
        assert_non_null(strstr(entry->reason, "its certificate is refused: "));
        assert_int_equal(pack_text_valid(trial_text_of(entry->reason)), strlen(entry->reason));
        rights_done(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_certificate_is_read_as_pyzmq_writes_it),
        cmocka_unit_test(test_what_is_no_certificate_is_refused_by_its_line),
        cmocka_unit_test(test_a_fingerprint_is_what_sha256sum_prints),
        cmocka_unit_test_setup_teardown(
            test_keys_are_used_from_the_first_certificate_on, make, drop),
        cmocka_unit_test_setup_teardown(
            test_an_empty_directory_opens_no_door_that_was_shut, make, drop),
        cmocka_unit_test_setup_teardown(
            test_a_right_counts_where_directory_and_log_agree, make, drop),
        cmocka_unit_test_setup_teardown(
            test_what_is_no_plain_file_is_refused_and_not_waited_for, make, drop),
        cmocka_unit_test_setup_teardown(
            test_why_a_right_is_gone_is_text_whatever_the_file_holds, make, drop),
        cmocka_unit_test_setup_teardown(test_an_owner_is_one_key_under_one_name, make, drop),
        cmocka_unit_test_setup_teardown(
            test_who_listens_is_cut_off_only_where_a_reader_is_lost, make, drop),
        cmocka_unit_test_setup_teardown(test_of_a_change_what_is_taken_goes_first, make, drop),
        cmocka_unit_test_setup_teardown(test_a_user_stands_before_a_group, make, drop),
        cmocka_unit_test_setup_teardown(
            test_a_name_that_is_asked_for_aside_counts_when_it_is_known, make, drop),
        cmocka_unit_test_setup_teardown(
            test_certificates_over_the_bound_take_nothing_from_the_others, make, drop),
        cmocka_unit_test_setup_teardown(test_a_prefix_ends_at_a_slash, make, drop),
        cmocka_unit_test_setup_teardown(test_one_bad_certificate_leaves_the_others, make, drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
