/*
 * measure FIGURES COMMAND...: runs a command and writes one line to the file FIGURES once the command and all its
 * descendants ended:
 *
 *   STATUS WALL_NS CPU_US PEAK_KIB READ_BYTES WRITTEN_BYTES
 *
 * WALL_NS ends with the command; the other figures include descendants that outlive it, as this program is their
 * subreaper. PEAK_KIB is the largest resident set of any one process. This program is small, because a process starts
 * with the peak of the one that spawned it. The bytes are those of read, write and copy calls; the page cache serves
 * most of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

struct total {
    int status;
    uint64_t wall_ns, cpu_us, read, written;
    long peak_kib;
};

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t microseconds(struct timeval t) {
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_usec;
}

/* Adds the bytes of a child that ended and is not reaped yet; they include those of the children that it reaped. */
static void add_bytes(struct total *t, pid_t pid) {
    char path[64], line[128];
    uint64_t bytes;
    snprintf(path, sizeof path, "/proc/%d/io", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "rchar: %" SCNu64, &bytes) == 1)
            t->read += bytes;
        else if (sscanf(line, "wchar: %" SCNu64, &bytes) == 1)
            t->written += bytes;
    }
    if (f)
        fclose(f);
}

/* Reaps every descendant; false when there is none left. */
static int reap(struct total *t, pid_t command, uint64_t began_ns) {
    siginfo_t info = {0};
    struct rusage use;
    int status;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT))
        return errno == EINTR;
    if (info.si_pid == command)
        t->wall_ns = now_ns() - began_ns;
    add_bytes(t, info.si_pid);
    wait4(info.si_pid, &status, 0, &use);
    t->cpu_us += microseconds(use.ru_utime) + microseconds(use.ru_stime);
    t->peak_kib = use.ru_maxrss > t->peak_kib ? use.ru_maxrss : t->peak_kib;
    if (info.si_pid == command)
        t->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 1;
}

int main(int argc, char **argv) {
    struct total t = {0};
    FILE *out = argc > 2 ? fopen(argv[1], "we") : NULL;
    pid_t pid;
    if (!out) {
        fputs("usage: measure FIGURES COMMAND...\n", stderr);
        return 2;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    uint64_t began_ns = now_ns();
    int rc = posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ);
    if (rc) {
        fprintf(stderr, "%s: %s\n", argv[2], strerror(rc));
        return 3;
    }
    while (reap(&t, pid, began_ns))
        ;
    fprintf(out, "%d %" PRIu64 " %" PRIu64 " %ld %" PRIu64 " %" PRIu64 "\n", t.status, t.wall_ns, t.cpu_us, t.peak_kib,
            t.read, t.written);
    return fclose(out) ? 3 : 0;
}
