/* The environment of a stage, as the engine computes it. */
#include "engine/attempt/attempt.h"
#include "engine/attempt/environment.h"
#include "tests/unit/engine/plan_fixture.h"

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The sorted variables of the pipeline's stage "s", which gets three cpus; one a line. The caller frees. */
static char *environment_in(struct world w, const char *pipeline, const char *checkpoint) {
    struct buffer text = {0};
    char root[] = "/store/work/7", stage[] = "/store/work/7/dir", spec[] = "/store/work/7/spec.json";
    world_open(&w, pipeline);
    world_advance(&w);
    struct attempt_directory directory = {.root = root, .stage = stage, .spec = spec};
    struct instance *instance = world_instance(&w, "s");
    instance_hold_action(instance);
    struct attempt a = {
        .instance = instance, .cpus = 3, .checkpoint = (char *)(uintptr_t)checkpoint, .directory = &directory};
    char **variables = environment_create(&a);
    size_t count = 0;
    while (variables[count])
        count++;
    qsort(variables, count, sizeof *variables, by_text);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&text, "%s\n", variables[i]);
    environment_free(variables);
    world_close(&w);
    return buffer_detach(&text);
}

static char *environment_of(const char *pipeline, const char *checkpoint) {
    return environment_in((struct world){0}, pipeline, checkpoint);
}

#define PIPELINE(stage) "{'retort':1,'name':'t','stages':{'s':{" stage "}}}"
static void a_command_gets_what_the_protocol_names(void **state) {
    (void)state;
    setenv("RETORT_TEST_OTHER", "must not be seen", 1);
    char *found = environment_of(PIPELINE("'cmd':['true']"), NULL);
    unsetenv("RETORT_TEST_OTHER");
    assert_string_equal(found, "BLIS_NUM_THREADS=3\nHOME=/store/work/7/dir/.home\nLC_ALL=C.UTF-8\nMKL_NUM_THREADS=3\n"
                               "NUMEXPR_NUM_THREADS=3\nOMP_NUM_THREADS=3\nOPENBLAS_NUM_THREADS=3\n"
                               "PATH=/usr/local/bin:/usr/bin:/bin\nPYTHONDONTWRITEBYTECODE=1\nRETORT_EVENTS_FD=3\n"
                               "RETORT_SPEC=/store/work/7/spec.json\nTMPDIR=/store/work/7/dir/.tmp\nTZ=UTC\n");
    free(found);
}

static void declared_and_passed_variables_stand_once(void **state) {
    (void)state;
    setenv("TEST_PASSED", "secret", 1);
    char *found = environment_of(PIPELINE("'cmd':['true'],'checkpoint':true,'pass_env':['TEST_PASSED','TEST_UNSET'],"
                                          "'env':{'GREETING':'hello world','OMP_NUM_THREADS':7,'HOME':'/elsewhere',"
                                          "'KEPT':'${checkpoint}/x','PATHS':'a=b'}"),
                                 "/store/checkpoints/1");
    unsetenv("TEST_PASSED");
    assert_string_equal(
        found, "BLIS_NUM_THREADS=3\nGREETING=hello world\nHOME=/elsewhere\nKEPT=/store/checkpoints/1/x\n"
               "LC_ALL=C.UTF-8\nMKL_NUM_THREADS=3\nNUMEXPR_NUM_THREADS=3\nOMP_NUM_THREADS=7\n"
               "OPENBLAS_NUM_THREADS=3\nPATH=/usr/local/bin:/usr/bin:/bin\nPATHS=a=b\nPYTHONDONTWRITEBYTECODE=1\n"
               "RETORT_CHECKPOINT=/store/checkpoints/1\nRETORT_EVENTS_FD=3\n"
               "RETORT_SPEC=/store/work/7/spec.json\nTEST_PASSED=secret\n"
               "TMPDIR=/store/work/7/dir/.tmp\nTZ=UTC\n");
    free(found);
}

/* Variables that the user lets through replace the engine's; only the protocol's names are always the engine's. */
static void a_variable_that_is_let_through_replaces_the_engine_s(void **state) {
    (void)state;
    char *zone = getenv("TZ") ? mem_strdup(getenv("TZ")) : NULL;
    setenv("TZ", "Europe/Berlin", 1);
    char *found = environment_of(PIPELINE("'cmd':['true'],'pass_env':['TZ']"), NULL);
    zone ? setenv("TZ", zone, 1) : unsetenv("TZ");
    assert_non_null(strstr(found, "\nTZ=Europe/Berlin\n"));
    assert_null(strstr(found, "TZ=UTC"));
    free(zone);
    free(found);
}

static void a_kind_has_one_blas_thread_and_no_other_limit(void **state) {
    (void)state;
    char *found =
        environment_of(PIPELINE("'uses':'plot/table@2','with':{'columns':['a']},'in':{'metrics':['f.csv']}"), NULL);
    assert_string_equal(found, "HOME=/store/work/7/dir/.home\nLC_ALL=C.UTF-8\nOPENBLAS_NUM_THREADS=1\n"
                               "PATH=/usr/local/bin:/usr/bin:/bin\nPYTHONDONTWRITEBYTECODE=1\nRETORT_EVENTS_FD=3\n"
                               "RETORT_SPEC=/store/work/7/spec.json\nTMPDIR=/store/work/7/dir/.tmp\nTZ=UTC\n");
    free(found);
}

/* PYTHONPATH is none of an environment's variables. */
static void the_caller_s_toolchain_takes_the_active_environment(void **state) {
    (void)state;
    char *path = mem_strdup(getenv("PATH"));
    setenv("PATH", "/v/bin:/usr/bin", 1);
    setenv("VIRTUAL_ENV", "/v", 1);
    setenv("PYTHONPATH", "/mine", 1);
    char *found = environment_of(PIPELINE("'cmd':['true'],'toolchain':'caller'"), NULL);
    setenv("PATH", path, 1);
    unsetenv("VIRTUAL_ENV");
    unsetenv("PYTHONPATH");
    assert_non_null(strstr(found, "\nPATH=/v/bin:/usr/bin\n"));
    assert_non_null(strstr(found, "\nVIRTUAL_ENV=/v\n"));
    assert_null(strstr(found, "PYTHONPATH"));
    free(path);
    free(found);
}

/* The folders of a venv and of a conda environment in the test's own folder. */
static void a_prefix_comes_first_on_the_fixed_path(void **state) {
    (void)state;
    char root[] = "/tmp/retort-environment-XXXXXX";
    assert_non_null(mkdtemp(root));
    char *venv = mem_printf("%s/pyvenv.cfg", root), *conda = mem_printf("%s/conda-meta", root);
    char *pipeline = mem_printf(PIPELINE("'cmd':['true'],'toolchain':{'prefix':'%s'}"), root);
    char *plain = environment_of(pipeline, NULL);
    assert_int_equal(file_replace(venv, "", 0, 0644, NULL), 0);
    assert_int_equal(file_make_directory(conda, NULL), 0);
    char *both = environment_of(pipeline, NULL);
    char *path = mem_printf("\nPATH=%s/bin:/usr/local/bin:/usr/bin:/bin\n", root);
    char *variables = mem_printf("\nVIRTUAL_ENV=%s\n", root);
    char *first = mem_printf("CONDA_PREFIX=%s\n", root);
    assert_non_null(strstr(plain, path));
    assert_null(strstr(plain, "VIRTUAL_ENV"));
    assert_null(strstr(plain, "CONDA_PREFIX"));
    assert_non_null(strstr(both, path));
    assert_non_null(strstr(both, variables));
    assert_non_null(strstr(both, first));
    assert_int_equal(file_remove_tree(root, NULL), 0);
    char *all[] = {venv, conda, pipeline, plain, both, path, variables, first};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* The originals come last on the module search path; what the user asked for comes between. */
static void copies_of_editable_installs_come_first_on_the_module_path(void **state) {
    (void)state;
    static const struct module_place places[] = {{"pkg", "/p/folder/pkg"}, {NULL, "/p/folder/src"}};
    const struct world w = {.modules = places, .module_count = 2};
    char *found = environment_in(w, PIPELINE("'cmd':['true'],'toolchain':'caller','env':{'PYTHONPATH':'/mine'}"), NULL);
    assert_non_null(strstr(found, "\nPYTHONPATH=/store/work/7/dir/in/python.modules/0:"
                                  "/store/work/7/dir/in/python.path/0/src:/mine\n"));
    free(found);
}

/* The stage's own words are nearest. */
static void env_replaces_a_variable_of_the_toolchain(void **state) {
    (void)state;
    char *found = environment_of(PIPELINE("'cmd':['true'],'toolchain':{'prefix':'/e'},'env':{'PATH':'/mine'}"), NULL);
    assert_non_null(strstr(found, "\nPATH=/mine\n"));
    assert_null(strstr(found, "/e/bin"));
    free(found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_gets_what_the_protocol_names),
        cmocka_unit_test(declared_and_passed_variables_stand_once),
        cmocka_unit_test(a_variable_that_is_let_through_replaces_the_engine_s),
        cmocka_unit_test(the_caller_s_toolchain_takes_the_active_environment),
        cmocka_unit_test(a_prefix_comes_first_on_the_fixed_path),
        cmocka_unit_test(copies_of_editable_installs_come_first_on_the_module_path),
        cmocka_unit_test(env_replaces_a_variable_of_the_toolchain),
        cmocka_unit_test(a_kind_has_one_blas_thread_and_no_other_limit),
    };
    return cmocka_run_group_tests_name("environment", tests, NULL, NULL);
}
