/* The GPUs of a machine: found in made-up folders of the kernel, and handed out. */
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
#include "engine/environment/gpus.h"

static char root[64];

static void write_file(const char *name, const char *text) {
    char *path = path_join(root, name), *folder = path_directory(path);
    assert_int_equal(file_make_directory(folder, NULL), 0);
    assert_int_equal(file_replace(path, text, strlen(text), 0644, NULL), 0);
    free(path);
    free(folder);
}

static int setup(void **state) {
    (void)state;
    unsetenv("CUDA_VISIBLE_DEVICES");
    unsetenv("HIP_VISIBLE_DEVICES");
    unsetenv("ZE_AFFINITY_MASK");
    strcpy(root, "/tmp/retort-gpus-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    unsetenv("CUDA_VISIBLE_DEVICES");
    return file_remove_tree(root, NULL);
}

/* All free ones as a list. */
static void expect_all(struct gpus *g, const char *expected) {
    struct error err = {0};
    char *taken = NULL;
    assert_int_equal(gpus_take(&taken, g, gpus_count(g), &err), 0);
    assert_string_equal(taken, expected);
    free(taken);
    gpus_free(g);
}

static void a_machine_without_devices_has_none(void **state) {
    (void)state;
    expect_all(gpus_find(root), "");
}

static void devices_of_nvidia_are_counted_but_its_control_files_are_not(void **state) {
    (void)state;
    write_file("dev/nvidia0", "");
    write_file("dev/nvidia1", "");
    write_file("dev/nvidiactl", "");
    write_file("dev/nvidia-uvm", "");
    write_file("proc/driver/nvidia/gpus/a", "");
    write_file("proc/driver/nvidia/gpus/b", "");
    write_file("proc/driver/nvidia/gpus/c", "");
    expect_all(gpus_find(root), "0,1");
}

static void nodes_of_rocm_that_are_processors_are_not_counted(void **state) {
    (void)state;
    write_file("sys/class/kfd/kfd/topology/nodes/0/gpu_id", "0\n");
    write_file("sys/class/kfd/kfd/topology/nodes/1/gpu_id", "51974\n");
    expect_all(gpus_find(root), "0");
}

static void cards_of_intel_count_but_a_processor_s_own_graphics_does_not(void **state) {
    (void)state;
    write_file("sys/class/drm/card0/device/vendor", "0x8086\n");
    write_file("sys/class/drm/card0/device/class", "0x030000\n");
    write_file("sys/class/drm/card1/device/vendor", "0x8086\n");
    write_file("sys/class/drm/card1/device/class", "0x038000\n");
    write_file("sys/class/drm/card1-DP-1/device/vendor", "0x8086\n");
    expect_all(gpus_find(root), "0");
}

/* As a Slurm job has them. */
static void those_of_the_caller_are_taken_instead(void **state) {
    (void)state;
    write_file("dev/nvidia0", "");
    setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5a1b", 1);
    expect_all(gpus_find(root), "3,GPU-5a1b");
    setenv("CUDA_VISIBLE_DEVICES", "", 1);
    expect_all(gpus_find(root), "");
}

static void stages_get_disjoint_ones(void **state) {
    struct error err = {0};
    struct gpus *g = NULL;
    char *first = NULL, *second = NULL, *third = NULL;
    (void)state;
    assert_int_equal(gpus_parse(&g, "0,2,5", &err), 0);
    assert_int_equal(gpus_take(&first, g, 1, &err), 0);
    assert_int_equal(gpus_take(&second, g, 2, &err), 0);
    assert_string_equal(first, "0");
    assert_string_equal(second, "2,5");
    assert_int_equal(gpus_take(&third, g, 1, &err), ERR_INVALID);
    assert_string_equal(err.message, "needs 1 GPUs, 0 are free");
    gpus_return(g, second);
    assert_int_equal(gpus_take(&third, g, 1, &err), 0);
    assert_string_equal(third, "2");
    free(first);
    free(second);
    free(third);
    gpus_free(g);
}

/* Too few are free: none of them stays taken. */
static void a_refused_stage_takes_none(void **state) {
    struct error err = {0};
    struct gpus *g = NULL;
    char *taken = NULL;
    (void)state;
    assert_int_equal(gpus_parse(&g, "0,1", &err), 0);
    assert_int_equal(gpus_take(&taken, g, 3, &err), ERR_INVALID);
    assert_null(taken);
    expect_all(g, "0,1");
}

static void a_faulty_list_is_refused(void **state) {
    static const char *const lists[] = {"", "0,", ",0", "0,0", "0,,1"};
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct error err = {0};
        struct gpus *g = NULL;
        assert_int_equal(gpus_parse(&g, lists[i], &err), ERR_USAGE);
        assert_null(g);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_machine_without_devices_has_none),
        TEST(devices_of_nvidia_are_counted_but_its_control_files_are_not),
        TEST(nodes_of_rocm_that_are_processors_are_not_counted),
        TEST(cards_of_intel_count_but_a_processor_s_own_graphics_does_not),
        TEST(those_of_the_caller_are_taken_instead),
        TEST(stages_get_disjoint_ones),
        TEST(a_refused_stage_takes_none),
        TEST(a_faulty_list_is_refused),
    };
    return cmocka_run_group_tests_name("gpus", tests, NULL, NULL);
}
