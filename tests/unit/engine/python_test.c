/* A Python as its files describe it: environments made by hand, in the layouts that their tools write. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/environment/python.h"

static char root[64];

static char *in(const char *name) {
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    char *folder = path_directory(in(name));
    assert_int_equal(file_make_directory(folder, NULL), 0);
    assert_int_equal(file_replace(in(name), text, strlen(text), 0755, NULL), 0);
    free(folder);
}

static void make_folder(const char *name) {
    assert_int_equal(file_make_directory(in(name), NULL), 0);
}

static int setup(void **state) {
    (void)state;
    strcpy(root, "/tmp/retort-python-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    return file_remove_tree(root, NULL);
}

#define SITE "venv/lib/python3.11/site-packages/"

static void make_venv(const char *config) {
    write_file("venv/pyvenv.cfg", config);
    write_file("venv/bin/python3", "");
    make_folder(SITE);
}

static const char *version_of(const struct python *p, const char *package) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(p->packages, package);
    return item ? item->valuestring : "missing";
}

static struct python *read_venv(void) {
    struct python *p = python_read(in("venv/bin/python3"));
    assert_non_null(p);
    return p;
}

static void a_venv_is_known_by_its_configuration(void **state) {
    (void)state;
    make_venv("home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n");
    struct python *p = read_venv();
    assert_string_equal(p->prefix, in("venv"));
    assert_string_equal(p->version, "3.11.2");
    python_free(p);
}

/* virtualenv and uv write another name. */
static void the_version_may_be_called_version_info(void **state) {
    (void)state;
    make_venv("version_info = 3.11.2.final.0\n");
    struct python *p = read_venv();
    assert_string_equal(p->version, "3.11.2");
    python_free(p);
}

static void a_script_of_a_venv_belongs_to_it(void **state) {
    (void)state;
    make_venv("version = 3.11.2\n");
    write_file("venv/bin/torchrun", "#!x\n");
    struct python *p = python_read(in("venv/bin/torchrun"));
    assert_non_null(p);
    assert_string_equal(p->prefix, in("venv"));
    python_free(p);
}

static void packages_have_normal_names(void **state) {
    (void)state;
    make_venv("version = 3.11.2\n");
    make_folder(SITE "Typing_Extensions-4.8.0.dist-info");
    make_folder(SITE "torch-2.2.0+cu121.dist-info");
    write_file(SITE "zope.interface-5.4.0-py3.11.egg-info", "");
    struct python *p = read_venv();
    assert_string_equal(version_of(p, "typing-extensions"), "4.8.0");
    assert_string_equal(version_of(p, "torch"), "2.2.0+cu121");
    assert_string_equal(version_of(p, "zope-interface"), "5.4.0");
    assert_int_equal(cJSON_GetArraySize(p->packages), 3);
    python_free(p);
}

/* A venv may see the packages of the Python that it was made from; its own win. */
static void a_venv_with_system_packages_has_both(void **state) {
    (void)state;
    char *config = mem_printf("home = %s\ninclude-system-site-packages = true\nversion = 3.11.2\n", in("base/bin"));
    make_venv(config);
    make_folder(SITE "numpy-2.0.dist-info");
    make_folder("base/lib/python3.11/site-packages/numpy-1.26.dist-info");
    make_folder("base/lib/python3.11/site-packages/scipy-1.11.dist-info");
    make_folder("base/lib/python3.9/site-packages/old-1.dist-info");
    struct python *p = read_venv();
    assert_string_equal(version_of(p, "numpy"), "2.0");
    assert_string_equal(version_of(p, "scipy"), "1.11");
    assert_string_equal(version_of(p, "old"), "missing");
    python_free(p);
    free(config);
}

static void a_conda_environment_lists_its_builds(void **state) {
    (void)state;
    write_file("conda/bin/python", "");
    write_file("conda/conda-meta/python-3.10.4-h12debd9_0.json", "{}");
    write_file("conda/conda-meta/blas-devel-3.9.0-16_mkl.json", "{}");
    write_file("conda/conda-meta/history", "");
    make_folder("conda/lib/python3.10/site-packages/einops-0.7.0.dist-info");
    struct python *p = python_read(in("conda/bin/python"));
    assert_non_null(p);
    assert_string_equal(p->prefix, in("conda"));
    assert_string_equal(p->version, "3.10.4");
    assert_string_equal(version_of(p, "blas-devel"), "3.9.0 16_mkl");
    assert_string_equal(version_of(p, "einops"), "0.7.0");
    python_free(p);
}

/* As pyenv and a built Python lie: no file says what it is. */
static void an_installation_is_that_of_the_real_file(void **state) {
    (void)state;
    write_file("opt/bin/python3.12", "");
    make_folder("opt/lib/python3.12/site-packages/rich-13.7.dist-info");
    make_folder("links");
    assert_int_equal(symlink("../opt/bin/python3.12", in("links/python3")), 0);
    struct python *p = python_read(in("links/python3"));
    assert_non_null(p);
    assert_string_equal(p->prefix, in("opt"));
    assert_string_equal(p->version, "3.12");
    assert_string_equal(version_of(p, "rich"), "13.7");
    python_free(p);
}

static void another_program_is_no_python(void **state) {
    (void)state;
    write_file("opt/bin/cp", "");
    assert_null(python_read(in("opt/bin/cp")));
    assert_null(python_read(in("opt/bin/missing")));
}

static void a_pth_file_names_a_folder_of_modules(void **state) {
    (void)state;
    make_venv("version = 3.11.2\n");
    make_folder("project/src");
    char *line = mem_printf("# comment\n%s\n%s\nimport sys; sys.exit()\n", in("project/src"), in("missing"));
    write_file(SITE "__editable__.mine-0.1.pth", line);
    write_file(SITE "inside.pth", "eggs\n");
    make_folder(SITE "eggs");
    struct python *p = read_venv();
    assert_int_equal(p->path_count, 1);
    assert_string_equal(p->paths[0].path, in("project/src"));
    assert_null(p->paths[0].module);
    python_free(p);
    free(line);
}

/* setuptools maps single packages by a module that the .pth file imports. */
static void a_finder_names_a_package(void **state) {
    (void)state;
    make_venv("version = 3.11.2\n");
    make_folder("project/mine");
    char *finder =
        mem_printf("import sys\nMAPPING: dict[str, str] = {'mine': '%s', \"gone\": '/no/where'}\nNAMESPACES = {}\n",
                   in("project/mine"));
    write_file(SITE "__editable___mine_0_1_finder.py", finder);
    write_file(SITE "__editable__.mine-0.1.pth",
               "import __editable___mine_0_1_finder; __editable___mine_0_1_finder.install()");
    struct python *p = read_venv();
    assert_int_equal(p->path_count, 1);
    assert_string_equal(p->paths[0].module, "mine");
    assert_string_equal(p->paths[0].path, in("project/mine"));
    python_free(p);
    free(finder);
}

static void an_installation_of_a_package_is_noticed(void **state) {
    (void)state;
    make_venv("version = 3.11.2\n");
    const struct timespec past[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, in(SITE), past, 0), 0);
    struct python *p = read_venv();
    assert_true(python_is_current(p));
    make_folder(SITE "new-1.dist-info");
    assert_false(python_is_current(p));
    python_free(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_venv_is_known_by_its_configuration),     TEST(the_version_may_be_called_version_info),
        TEST(a_script_of_a_venv_belongs_to_it),         TEST(packages_have_normal_names),
        TEST(a_venv_with_system_packages_has_both),     TEST(a_conda_environment_lists_its_builds),
        TEST(an_installation_is_that_of_the_real_file), TEST(another_program_is_no_python),
        TEST(a_pth_file_names_a_folder_of_modules),     TEST(a_finder_names_a_package),
        TEST(an_installation_of_a_package_is_noticed),
    };
    return cmocka_run_group_tests_name("python", tests, NULL, NULL);
}
