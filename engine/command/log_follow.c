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
#include "stages/protocol/attempt.h"
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

static bool is_claimed(const struct follow *f) {
    return claim_is_held(f->p->store, &f->instance->key);
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

static void print_piece(struct follow *f, int stream, const char *piece, size_t size) {
    if (f->shown != stream)
        printf("-- %s\n", streams[stream]);
    f->shown = stream;
    log_print_piece(&f->rest[stream], piece, size);
}

/* The keeper gives the disk of the middle of a log back that is too long. False: there is nothing more. */
static bool skip_hole(struct follow *f, int stream, int fd) {
    char gap[ATTEMPT_LOG_GAP_SIZE];
    off_t data = lseek(fd, f->at[stream], SEEK_DATA);
    if (data > f->at[stream]) {
        print_piece(f, stream, gap, attempt_log_gap(gap, (uintmax_t)(data - f->at[stream])));
        f->at[stream] = data;
    }
    return data >= 0;
}

/* Prints what has come. Data is never put into a hole, so bytes that are data after they were read were the stage's. */
static void print_new(struct follow *f, int stream, int fd) {
    char piece[PIECE];
    while (fd >= 0 && skip_hole(f, stream, fd)) {
        ssize_t got = pread(fd, piece, sizeof piece, f->at[stream]);
        off_t hole = lseek(fd, f->at[stream], SEEK_HOLE);
        if (got <= 0 || hole < 0)
            break;
        got = hole - f->at[stream] < got ? hole - f->at[stream] : got;
        if (got > 0)
            print_piece(f, stream, piece, (size_t)got);
        f->at[stream] += got;
    }
    fflush(stdout);
}

/* Prints the rest. The log has its last name now, and may be shorter than the open one. Without it the log was empty:
   the next attempt may write to the open one. */
static void print_rest(struct follow *f, int stream) {
    char *path = store_log_path(f->p->store, f->attempt, streams[stream]);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    print_new(f, stream, fd >= 0 && f->fds[stream] >= 0 ? f->fds[stream] : fd);
    log_end_pieces(&f->rest[stream]);
    f->at[stream] = 0;
    if (fd >= 0)
        close(fd);
    free(path);
}

static void close_logs(struct follow *f) {
    for (int i = 0; i < 2; i++) {
        if (f->fds[i] >= 0)
            close(f->fds[i]);
        f->fds[i] = -1;
    }
}

static void end_attempt(struct follow *f) {
    for (int i = 0; i < 2; i++)
        print_rest(f, i);
    close_logs(f);
    f->shown = -1;
    free(f->before);
    f->before = f->attempt;
    f->attempt = NULL;
}

/* A log that is opened while its attempt ends may be the next attempt's already. */
static void open_logs(struct follow *f, const cJSON *record) {
    for (int i = 0; i < 2; i++)
        f->fds[i] = open_growing(f, record, i);
    if (!attempt_runs(f))
        close_logs(f);
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
    open_logs(f, record);
}

static int find_attempt(struct follow *f, struct error *err) {
    if (!is_claimed(f))
        return 0;
    return store_attempt_search(f->p->store, is_wanted, on_attempt, f, err);
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
