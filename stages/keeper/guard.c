#include "stages/keeper/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/process.h"

enum {
    KEEPERS_MS = 400,  /* a keeper that lives has killed its stage by then, and writes its account */
    ACCOUNTS_MS = 500, /* and has written it by then */
    PAUSE_MS = 20,
    EMPTY_ROUNDS = 2, /* a process that is just being forked is seen by the next */
    ROUNDS = 250      /* a process that does not die of SIGKILL hangs in the kernel */
};

static void pause_ms(long ms) {
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static int await_end(int lifeline_fd, struct error *err) {
    char byte;
    ssize_t got;
    do
        got = read(lifeline_fd, &byte, 1);
    while (got > 0 || (got < 0 && errno == EINTR));
    return got < 0 ? error_errno(err, errno, "the lifeline (descriptor %d) cannot be read", lifeline_fd) : 0;
}

static size_t kill_marked(const char *variable, const char *mark) {
    pid_t *marked;
    size_t count = process_with_variable(&marked, variable, mark);
    for (size_t i = 0; i < count; i++)
        kill(marked[i], SIGKILL);
    free(marked);
    return count;
}

int guard_run(int lifeline_fd, const char *mark, struct error *err) {
    prctl(PR_SET_NAME, "stage-guard");
    int rc = await_end(lifeline_fd, err);
    if (rc < 0)
        return rc;
    pause_ms(KEEPERS_MS);
    int empty = 0;
    for (int round = 0; round < ROUNDS && empty < EMPTY_ROUNDS; round++) {
        empty = kill_marked("RETORT_SPEC", mark) == 0 ? empty + 1 : 0;
        pause_ms(PAUSE_MS);
    }
    pause_ms(ACCOUNTS_MS);
    kill_marked("RETORT_KEEPER", mark);
    return 0;
}
