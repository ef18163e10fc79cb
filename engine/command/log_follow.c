/*
 * An attempt is found by its keeper's account, half a second after its start:
 *
 *   search -- running account --> read the growing logs until the attempt is over --> the rest, by the logs' last names
 *     ^                                                                                  |
 *     +------ until the key is known, or its run has ended or was killed ----------------+
 */
#include "engine/command/log_follow.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "store/attempts.h"
#include "store/record_format.h"
#include "store/run_file.h"

enum { TICK_MS = 200, FIRST_TICKS = 10, PIECE = 1 << 14 };
static const char *const streams[2] = {"stdout", "stderr"};

struct follow {
    const struct project *p;
    const struct instance *instance;
    char *attempt, *run; /* the last that was found; NULL: none */
    char *before;        /* the attempt before, which has ended */
    int fds[2];
    off_t at[2];
    struct buffer rest[2];
    int shown;   /* the stream that was printed last; -1: none */
    bool killed; /* with its engine */
};

static bool is_wanted(void *context, const struct digest *key) {
    const struct follow *f = context;
    return digest_equal(key, &f->instance->key);
}

static void wait_tick(void) {
    nanosleep(&(struct timespec){.tv_nsec = TICK_MS * 1000000L}, NULL);
}

static int open_growing(const struct follow *f, const cJSON *record, int stream) {
    const char *name = record_growing(record, stream);
    char *path = name ? mem_printf("%s/logs/%s", store_directory(f->p->store), path_base(name)) : NULL;
    int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    free(path);
    return fd;
}

/* Takes up the newest attempt that runs. */
static void on_attempt(void *context, const struct digest *key, const cJSON *record) {
    struct follow *f = context;
    const struct record_view r = record_read(record);
    (void)key;
    if (f->attempt || strcmp(r.state, "running") != 0 || (f->before && strcmp(f->before, r.attempt) == 0))
        return;
    f->attempt = mem_strdup(r.attempt);
    free(f->run);
    f->run = mem_strdup(r.run);
    for (int i = 0; i < 2; i++)
        f->fds[i] = open_growing(f, record, i);
}

static bool is_claimed(const struct follow *f) {
    return claim_is_held(f->p->store, &f->instance->key);
}

static int find_attempt(struct follow *f, struct error *err) {
    if (!is_claimed(f))
        return 0;
    return store_attempt_search(f->p->store, is_wanted, on_attempt, f, err);
}

static bool attempt_runs(struct follow *f) {
    cJSON *record = NULL;
    bool runs = store_attempt_read(f->p->store, f->attempt, &record, NULL) == 0 &&
                strcmp(record_read(record).state, "running") == 0;
    bool cut = record && strcmp(record_read(record).state, "cut") == 0;
    f->killed = cut || (runs && !is_claimed(f));
    cJSON_Delete(record);
    return runs && !f->killed;
}

/* Prints what has come. A log that was shortened at its end gives no more. */
static void print_new(struct follow *f, int stream, int fd) {
    char piece[PIECE];
    for (ssize_t got; fd >= 0 && (got = pread(fd, piece, sizeof piece, f->at[stream])) > 0; f->at[stream] += got) {
        if (f->shown != stream)
            printf("-- %s\n", streams[stream]);
        f->shown = stream;
        log_print_piece(&f->rest[stream], piece, (size_t)got);
    }
    fflush(stdout);
}

/* The log has its last name now: a file of the first one may be another attempt's. */
static void end_attempt(struct follow *f) {
    for (int i = 0; i < 2; i++) {
        char *path = store_log_path(f->p->store, f->attempt, streams[i]);
        int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        print_new(f, i, fd);
        if (fd >= 0)
            close(fd);
        if (f->fds[i] >= 0)
            close(f->fds[i]);
        f->fds[i] = -1;
        f->at[i] = 0;
        log_end_pieces(&f->rest[i]);
        free(path);
    }
    f->shown = -1;
    free(f->before);
    f->before = f->attempt;
    f->attempt = NULL;
}

static void follow_attempt(struct follow *f) {
    printable_printf(stdout, "== %s (attempt %s)\n", instance_name(f->instance), f->attempt);
    do {
        for (int i = 0; i < 2; i++)
            print_new(f, i, f->fds[i]);
        wait_tick();
    } while (attempt_runs(f));
    end_attempt(f);
}

/* Whether the stage will have no further attempt. */
static bool is_over(const struct follow *f) {
    cJSON *found = NULL;
    bool known = store_record_find(f->p->store, &f->instance->key, f->p->platform, &found, NULL) == 0, ended = true;
    cJSON_Delete(found);
    found = NULL;
    if (!known && store_run_read(f->p->store, f->run, &found, NULL) == 0)
        ended = run_file_read(found).ended;
    cJSON_Delete(found);
    return known || ended;
}

static int follow(struct follow *f, struct error *err) {
    int code = 0;
    for (int tick = 0; code == 0; tick++) {
        code = find_attempt(f, err);
        if (code == 0 && f->attempt)
            follow_attempt(f);
        else if (code == 0 && (f->run ? f->killed || is_over(f) : tick >= FIRST_TICKS && !is_claimed(f)))
            break;
        else
            wait_tick();
    }
    return code;
}

int log_follow(const struct project *p, const struct instance *i, struct error *err) {
    struct follow f = {.p = p, .instance = i, .fds = {-1, -1}, .shown = -1};
    int code = i->keyed ? follow(&f, err) : 0;
    if (code == 0 && !f.before)
        code = error_set(err, ERR_NOT_FOUND,
                         "%s does not run: nothing to follow; without --follow its last output is shown",
                         instance_name(i));
    free(f.attempt);
    free(f.before);
    free(f.run);
    return code;
}
