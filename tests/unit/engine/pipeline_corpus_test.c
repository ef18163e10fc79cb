/* Every faulty pipeline of tests/golden/bad-pipelines gives exactly the messages written down beside it. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/pipeline/pipeline.h"

enum { LEAST_FILES = 45 };

static int is_pipeline(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".json") == 0;
}

static bool matches(const char *name) {
    struct buffer expected = {0};
    struct buffer printed = {0};
    struct diagnostics diagnostics = {0};
    struct error err = {0};
    struct pipeline *p = NULL;
    char *path = mem_printf("%.*s.expect", (int)(strlen(name) - strlen(".json")), name);
    int rc = file_read(&expected, path, 1 << 20, &err);
    if (rc < 0)
        print_error("%s: %s\n", name, err.message);
    bool good = rc == 0;
    rc = pipeline_read(&p, &(struct pipeline_source){.path = name}, &diagnostics, &err);
    good &= rc == ERR_INVALID && !p && diagnostics.errors > 0;
    diagnostics_print(&printed, &diagnostics);
    if (good && strcmp(buffer_text(&expected), buffer_text(&printed)) != 0) {
        print_error("%s\n--- expected\n%s--- printed\n%s", name, buffer_text(&expected), buffer_text(&printed));
        good = false;
    }
    pipeline_free(p);
    diagnostics_close(&diagnostics);
    buffer_close(&printed);
    buffer_close(&expected);
    free(path);
    return good;
}

static void corpus_gives_its_messages(void **state) {
    (void)state;
    struct dirent **entries = NULL;
    assert_int_equal(chdir("tests/golden/bad-pipelines"), 0); /* tests run from the repository's root */
    int count = scandir(".", &entries, is_pipeline, alphasort);
    int bad = 0;
    for (int i = 0; i < count; i++) {
        bad += !matches(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    assert_true(count >= LEAST_FILES);
    assert_int_equal(bad, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus_gives_its_messages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
