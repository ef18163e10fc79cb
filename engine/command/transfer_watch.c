#include "engine/command/transfer_watch.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "engine/base/clock.h"

#define PROGRESS_NS UINT64_C(2000000000)

static atomic_bool stop;
static uint64_t due_ns;
static const char *done_word;

static void on_signal(int number) {
    (void)number;
    atomic_store(&stop, true);
}

static void tell_progress(void *context, uint64_t done, uint64_t of) {
    (void)context;
    uint64_t now = clock_monotonic_ns();
    if (now < due_ns)
        return;
    due_ns = now + PROGRESS_NS;
    fprintf(stderr, "%" PRIu64 " of %" PRIu64 " MB %s\n", done / 1000000, of / 1000000, done_word);
}

struct bundle_watch transfer_watch(const char *verb) {
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    due_ns = clock_monotonic_ns() + PROGRESS_NS;
    done_word = verb;
    return (struct bundle_watch){&stop, tell_progress, NULL};
}
