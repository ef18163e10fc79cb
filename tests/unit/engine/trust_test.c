/* The closure of foreign content: which changes need another yes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/trust/reads.h"
#include "tests/unit/engine/origin_fixture.h"

static const struct origin one = {"https://a.example.org/x.git", COMMIT, "p.json"};
static const struct origin moved = {"https://b.example.org/y.git", "89abcdef0123456789abcdef0123456789abcdef",
                                    "p.json"};
static const struct origin two = {"https://c.example.org/z.git", COMMIT, "p.json"};

struct fact {
    const struct origin *origin;
    const char *what, *path, *value;
};

static struct digest digest_of(const struct fact *facts, size_t count) {
    struct notes n = {0};
    struct digest digest;
    for (size_t i = 0; i < count; i++)
        notes_add(&n, facts[i].origin, facts[i].what, facts[i].path, facts[i].value);
    notes_digest(&digest, &n);
    notes_close(&n);
    return digest;
}
#define DIGEST(facts) digest_of((facts), sizeof(facts) / sizeof *(facts))

static void expect(bool equal, struct digest a, struct digest b) {
    assert_int_equal(digest_equal(&a, &b), equal);
}

static void the_order_of_notes_does_not_count(void **state) {
    (void)state;
    const struct fact a[] = {{&one, "file", "a", "1"}, {&one, "file", "b", "2"}};
    const struct fact b[] = {{&one, "file", "b", "2"}, {&one, "file", "a", "1"}};
    expect(true, DIGEST(a), DIGEST(b));
}

static void a_repeated_note_counts_once(void **state) {
    (void)state;
    const struct fact a[] = {{&one, "file", "a", "1"}};
    const struct fact b[] = {{&one, "file", "a", "1"}, {&one, "file", "a", "1"}};
    expect(true, DIGEST(a), DIGEST(b));
}

static void url_and_commit_do_not_count(void **state) {
    (void)state;
    const struct fact a[] = {{&one, "file", "a", "1"}};
    const struct fact b[] = {{&moved, "file", "a", "1"}};
    expect(true, DIGEST(a), DIGEST(b));
}

static void content_path_and_use_count(void **state) {
    (void)state;
    const struct fact a[] = {{&one, "file", "a", "1"}};
    const struct fact others[][1] = {
        {{&one, "file", "a", "2"}}, {{&one, "file", "b", "1"}}, {{&one, "input", "a", "1"}}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        expect(false, DIGEST(a), DIGEST(others[i]));
}

static void files_that_change_places_between_commits_count(void **state) {
    (void)state;
    const struct fact a[] = {
        {&one, "file", "a", "1"}, {&one, "file", "b", "2"}, {&two, "file", "a", "3"}, {&two, "file", "b", "4"}};
    const struct fact b[] = {
        {&one, "file", "a", "1"}, {&one, "file", "b", "4"}, {&two, "file", "a", "3"}, {&two, "file", "b", "2"}};
    expect(false, DIGEST(a), DIGEST(b));
}

static void names_cannot_be_written_over_into_others(void **state) {
    (void)state;
    const struct fact a[] = {{&one, "file", "a\",\"1", "2"}};
    const struct fact b[] = {{&one, "file", "a", "1\",\"2"}};
    expect(false, DIGEST(a), DIGEST(b));
}

/* ---- answers of commits ---- */

static int meet(void *context, const char *name, struct error *err) {
    (void)context;
    (void)name;
    (void)err;
    return 0;
}

/* Reads a.json, looks for b, and lists d. */
static struct digest digest_of_reads(const struct committed_file *files) {
    struct repository_double d = {.files = files};
    const struct commits inner = double_commits(&d);
    const struct origin o = {REPOSITORY, COMMIT, "p.json"};
    struct reads r;
    struct buffer text = {0};
    struct digest digest;
    enum origin_type type;
    reads_open(&r, &inner);
    buffer_puts(&text, "before");
    assert_int_equal(r.commits.open(r.commits.context, &o, true, NULL), 0);
    assert_true(d.opened == 1 && d.foreign);
    assert_int_equal(r.commits.read(r.commits.context, &o, "a.json", 100, &text, NULL), 0);
    assert_int_equal(r.commits.find(r.commits.context, &o, "b", &type, NULL), 0);
    assert_int_equal(r.commits.list(r.commits.context, &o, "d", meet, NULL, NULL), 0);
    buffer_close(&text);
    notes_digest(&digest, &r.notes);
    reads_close(&r);
    return digest;
}

static void all_answers_of_a_commit_count(void **state) {
    (void)state;
    const struct committed_file base[] = {{"a.json", "{}"}, {"b", "1"}, {"d", NULL}, {"d/x", "1"}, {0}};
    const struct committed_file same[] = {{"a.json", "{}"}, {"b", "2"}, {"d", NULL}, {"d/x", "2"}, {0}};
    const struct committed_file text[] = {{"a.json", "{ }"}, {"b", "1"}, {"d", NULL}, {"d/x", "1"}, {0}};
    const struct committed_file none[] = {{"a.json", "{}"}, {"d", NULL}, {"d/x", "1"}, {0}};
    const struct committed_file folder[] = {{"a.json", "{}"}, {"b", NULL}, {"d", NULL}, {"d/x", "1"}, {0}};
    const struct committed_file names[] = {{"a.json", "{}"}, {"b", "1"}, {"d", NULL}, {"d/y", "1"}, {0}};
    expect(true, digest_of_reads(base), digest_of_reads(same)); /* nobody read the bytes of b and d/x */
    const struct committed_file *const others[] = {text, none, folder, names};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        expect(false, digest_of_reads(base), digest_of_reads(others[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_notes_does_not_count),
        cmocka_unit_test(a_repeated_note_counts_once),
        cmocka_unit_test(url_and_commit_do_not_count),
        cmocka_unit_test(content_path_and_use_count),
        cmocka_unit_test(files_that_change_places_between_commits_count),
        cmocka_unit_test(names_cannot_be_written_over_into_others),
        cmocka_unit_test(all_answers_of_a_commit_count),
    };
    return cmocka_run_group_tests_name("engine/trust", tests, NULL, NULL);
}
