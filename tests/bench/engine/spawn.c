/*
 * spawn JOBS <COPIES: the least that an engine can do. Each line of COPIES is "IN OUT". Starts `cp IN OUT` for each by
 * posix_spawn, in order, at most JOBS at once. A copy of an unfinished OUT waits until that OUT is finished.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

enum { JOBS_MAX = 64, NAME = 64 };

struct job {
    pid_t pid; /* 0: this place is free */
    char in[NAME], out[NAME];
};

static struct job jobs[JOBS_MAX];

static void reap(void) {
    int status;
    pid_t pid = wait(&status);
    if (pid < 0 || status) {
        fputs("spawn: a copy failed\n", stderr);
        exit(1);
    }
    for (int i = 0; i < JOBS_MAX; i++)
        if (jobs[i].pid == pid)
            jobs[i].pid = 0;
}

/* A place for the next job, once there is one and nothing running writes `in`. */
static struct job *wait_for_place(int limit, const char *in) {
    for (;; reap()) {
        struct job *place = NULL;
        int busy = 0;
        for (int i = 0; i < limit; i++) {
            if (!jobs[i].pid)
                place = &jobs[i];
            else if (!strcmp(jobs[i].out, in))
                busy = 1;
        }
        if (place && !busy)
            return place;
    }
}

int main(int argc, char **argv) {
    int limit = argc == 2 ? atoi(argv[1]) : 0;
    char in[NAME], out[NAME];
    if (limit < 1 || limit > JOBS_MAX) {
        fprintf(stderr, "usage: spawn JOBS <COPIES, JOBS at most %d\n", JOBS_MAX);
        return 2;
    }
    while (scanf("%63s %63s", in, out) == 2) {
        struct job *j = wait_for_place(limit, in);
        strcpy(j->in, in);
        strcpy(j->out, out);
        char program[] = "cp", *words[] = {program, j->in, j->out, NULL};
        if (posix_spawnp(&j->pid, program, NULL, NULL, words, environ)) {
            fputs("spawn: cp cannot be started\n", stderr);
            return 1;
        }
    }
    for (int i = 0; i < limit; i++)
        while (jobs[i].pid)
            reap();
    return 0;
}
