#include "engine/attempt/orphans.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/process.h"

enum { ROUNDS = 50, EMPTY_ROUNDS = 2, PAUSE_NS = 5000000 };

/* Kills the orphans that are there now; returns how many there were. */
static size_t kill_round(bool (*is_ours)(const void *context, pid_t pid), const void *context) {
    pid_t *children;
    size_t count = process_children(&children, getpid()), orphans = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_ours(context, children[i]))
            continue;
        orphans++;
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, WNOHANG);
    }
    free(children);
    return orphans;
}

/* The leader dies of its parent-death signal. Its orphans come to this process at once, and theirs when they die. */
void orphans_kill(bool (*is_ours)(const void *context, pid_t pid), const void *context) {
    int empty = 0;
    for (int round = 0; round < ROUNDS && empty < EMPTY_ROUNDS; round++) {
        empty = kill_round(is_ours, context) == 0 ? empty + 1 : 0;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
}
