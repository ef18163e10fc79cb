/*
 * The cost of measuring: ./meter_bench [seconds]. It measures a fake server of two packages with memory and cores under
 * $TMPDIR, with a stage of eight processes. The meter samples at its default rate, then at ten a second. Then it
 * measures this machine's own counters. Prints the share of one core that each takes.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/process.h"
#include "engine/meter/meter.h"

enum { PROCESSES = 8, OPENINGS = 200, STAGES = 2000 };

static void put(const char *root, const char *name, const char *text) {
    char *path = path_join(root, name), *directory = path_directory(path);
    FILE *file = NULL;
    if (file_make_directory(directory, NULL) == 0 && (file = fopen(path, "w"))) {
        fputs(text, file);
        fclose(file);
    }
    free(directory);
    free(path);
}

static void put_zone(const char *root, const char *zone, const char *name) {
    static const char *const files[] = {"name", "energy_uj", "max_energy_range_uj"};
    const char *const texts[] = {name, "123456789\n", "262143328850\n"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = mem_printf("sys/class/powercap/%s/%s", zone, files[i]);
        put(root, path, texts[i]);
        free(path);
    }
}

static void put_server(const char *root) {
    put(root, "proc/cpuinfo", "processor\t: 0\nmodel name\t: Bench\n");
    put_zone(root, "intel-rapl:0", "package-0\n");
    put_zone(root, "intel-rapl:0:0", "core\n");
    put_zone(root, "intel-rapl:0:1", "dram\n");
    put_zone(root, "intel-rapl:1", "package-1\n");
    put_zone(root, "intel-rapl:1:0", "core\n");
    put_zone(root, "intel-rapl:1:1", "dram\n");
    char *proc = path_join(root, "proc/stat"); /* the machine's own: as long as it is here */
    if (symlink("/proc/stat", proc) < 0)
        fprintf(stderr, "meter_bench: %s cannot be made\n", proc);
    free(proc);
}

static double cpu_s(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* A stage of PROCESSES sleeping processes, each the child of the one before, in a process group of their own. */
static pid_t start_tree(void) {
    pid_t first = fork();
    if (first)
        return first;
    setpgid(0, 0);
    for (int i = 1; i < PROCESSES; i++)
        if (fork())
            break;
    for (;;)
        pause();
}

/* The fake root shows the processes of the tree where /proc has them. */
static void show_tree(const char *root, pid_t stage) {
    for (size_t count = 1; count > 0;) {
        pid_t *children;
        char *path = mem_printf("%s/proc/%d", root, (int)stage), *target = mem_printf("/proc/%d", (int)stage);
        if (symlink(target, path) < 0)
            perror(path);
        count = process_children(&children, stage);
        if (count)
            stage = children[0];
        free(children);
        free(target);
        free(path);
    }
}

static struct meter *open_meter(const char *root, double hz) {
    struct error err = {0};
    struct meter *m = NULL;
    if (meter_open_with(&m, &(struct meter_options){.root = root, .sample_hz = hz}, &err) < 0) {
        fprintf(stderr, "meter_bench: %s\n", err.message);
        exit(3);
    }
    return m;
}

/* CPU time of this process while it does nothing but sample. */
static void bench_sampling(const char *what, const char *root, pid_t stage, double hz, double seconds) {
    const struct meter_usage usage = {.cpu_s = 0, .wall_s = seconds, .memory_bytes = 0};
    struct energy_record record;
    struct meter *m = open_meter(root, hz);
    double began = cpu_s();
    struct meter_task *task = meter_begin(m, stage);
    sleep((unsigned)seconds);
    meter_end(task, &usage, &record);
    double used = cpu_s() - began;
    printf("%-44s %8.4f %% of a core  %4zu samples  %8.1f us each\n", what, 100 * used / seconds, record.samples_got,
           record.samples_got ? 1e6 * used / (double)record.samples_got : 0);
    meter_close(m);
}

static void bench_once(const char *what, const char *root) {
    double began = cpu_s();
    for (int i = 0; i < OPENINGS; i++)
        meter_close(open_meter(root, 0));
    printf("%-44s %8.1f us\n", what, 1e6 * (cpu_s() - began) / OPENINGS);
}

static void bench_stage(const char *what, const char *root) {
    const struct meter_usage usage = {.cpu_s = 1, .wall_s = 1, .memory_bytes = 1};
    struct energy_record record;
    struct meter *m = open_meter(root, 0);
    double began = cpu_s();
    for (int i = 0; i < STAGES; i++)
        meter_end(meter_begin(m, getpid()), &usage, &record);
    printf("%-44s %8.1f us\n", what, 1e6 * (cpu_s() - began) / STAGES);
    meter_close(m);
}

int main(int argc, char **argv) {
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 10;
    const char *base = getenv("TMPDIR");
    char *root = mem_printf("%s/retort-bench-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(root)) {
        perror("meter_bench");
        return 3;
    }
    put_server(root);
    pid_t stage = start_tree();
    sleep(1);
    show_tree(root, stage);
    bench_once("opening, two packages", root);
    bench_once("opening, this machine", "/");
    bench_stage("begin and end of a stage, two packages", root);
    bench_stage("begin and end of a stage, this machine", "/");
    bench_sampling("two packages, default rate", root, stage, 0, seconds);
    bench_sampling("two packages, 10 Hz", root, stage, 10, seconds);
    bench_sampling("this machine, default rate", "/", stage, 0, seconds);
    kill(-stage, SIGKILL);
    waitpid(stage, NULL, 0);
    file_remove_tree(root, NULL);
    free(root);
    return 0;
}
