/* An executor, its attempts and its keepers. Most keepers are real ones. The test program plays misbehaving keepers:
   main calls play first. */
#ifndef RETORT_TESTS_UNIT_ENGINE_EXECUTOR_FIXTURE_H
#define RETORT_TESTS_UNIT_ENGINE_EXECUTOR_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/attempt/executor.h"
#include "engine/base/buffer.h"
#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/process.h"
#include "tests/unit/engine/stage_program.h"

/* ---- a clock that can be set forward ---- */

static time_t ahead_s;

int clock_gettime(clockid_t clock, struct timespec *now) {
    int rc = (int)syscall(SYS_clock_gettime, clock, now);
    now->tv_sec += clock == CLOCK_MONOTONIC ? ahead_s : 0;
    return rc;
}

/* ---- keepers that misbehave ---- */

static inline void pause_ms(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Waits for whole frames. Returns false when the engine is gone. */
static inline bool await_frame(struct buffer *inbox, enum frame_type *type) {
    char bytes[4096];
    cJSON *body = NULL;
    while (frame_read(inbox, type, &body, NULL) == 0) {
        ssize_t got = read(ATTEMPT_CONTROL_FD, bytes, sizeof bytes);
        if (got <= 0)
            return false;
        buffer_append(inbox, bytes, (size_t)got);
    }
    cJSON_Delete(body);
    return true;
}

static inline void say(const char *text) {
    ssize_t wrote = write(ATTEMPT_EVENTS_FD, text, strlen(text));
    (void)wrote;
}

static inline void send_bytes(const void *bytes, size_t size) {
    ssize_t wrote = send(ATTEMPT_CONTROL_FD, bytes, size, MSG_NOSIGNAL);
    (void)wrote;
}

static inline void send_json(enum frame_type type, cJSON *json) {
    struct buffer frame = {0};
    frame_write(&frame, type, json);
    send_bytes(frame.data, frame.size);
    buffer_close(&frame);
    cJSON_Delete(json);
}

static inline void send_result(bool last) {
    struct attempt_result r;
    attempt_result_init(&r);
    r.exit = 0;
    r.last = last;
    send_json(FRAME_RESULT, attempt_result_json(&r));
}

static inline void tell(char **argv) {
    struct buffer text = {0};
    sigset_t held;
    sigprocmask(SIG_BLOCK, NULL, &held);
    char *folder = getcwd(NULL, 0), target[32] = "";
    ssize_t length = readlink("/proc/self/fd/0", target, sizeof target - 1);
    buffer_printf(&text, "%s %s %s\n", argv[0], argv[1], argv[2] ? argv[2] : "-");
    for (int fd = 0; fd < 256; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            buffer_printf(&text, "%d ", fd);
    buffer_printf(&text, "\n%s %s %s %d %d %s\n", getenv("RETORT_KEEPER"), folder, length > 0 ? target : "",
                  getsid(0) == getpid(), sigismember(&held, SIGTERM), getenv("RETORT_TEST_SEEN"));
    say(buffer_text(&text));
    buffer_close(&text);
    free(folder);
}

/* Starts a process in a session of its own, says its number and exits with 3. */
static inline void give_up(void) {
    char text[32];
    pid_t child = fork();
    if (child == 0) {
        setsid();
        close(ATTEMPT_CONTROL_FD);
        execlp("sleep", "sleep", "1012", (char *)NULL);
        _exit(99);
    }
    snprintf(text, sizeof text, "%d\n", (int)child);
    say(text);
    _exit(3);
}

/* Makes the file that a test waits for. */
static inline void note(void) {
    close(open(getenv("RETORT_TEST_NOTICED"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

static inline int misbehave(const char *how, char **argv) {
    struct buffer inbox = {0};
    enum frame_type type;
    if (strcmp(how, "dies at once") == 0)
        return 4;
    bool engine = await_frame(&inbox, &type);
    if (strcmp(how, "tells") == 0)
        tell(argv);
    else if (strcmp(how, "gives up") == 0)
        give_up();
    else if (strcmp(how, "is deaf") == 0)
        say("up\n"), pause_ms(1000000);
    else if (strcmp(how, "writes no frame") == 0)
        send_bytes("this is no frame, whatever is read into it", 42), pause_ms(1000000);
    else if (strcmp(how, "sends a number") == 0)
        send_json(FRAME_RESULT, cJSON_CreateNumber(1)), pause_ms(1000000);
    else if (strcmp(how, "sends an attempt") == 0)
        send_json(FRAME_ATTEMPT, cJSON_CreateObject()), pause_ms(1000000);
    else if (strcmp(how, "sends two results") == 0)
        send_result(false), pause_ms(100), send_result(false), pause_ms(1000000);
    else if (strcmp(how, "says last") == 0)
        send_result(true), pause_ms(1000000);
    else if (strcmp(how, "says late") == 0) {
        say("up\n");
        while (!file_exists(getenv("RETORT_TEST_GO")))
            pause_ms(1);
        send_result(false), say("late\n"), note(), pause_ms(1000000);
    } else if (strcmp(how, "notices") == 0) {
        say("up\n");
        engine = engine && await_frame(&inbox, &type);
        if (!engine)
            note();
    }
    buffer_close(&inbox);
    return 7;
}

/* ---- attempts ---- */

enum { MOST = 32 };

struct seen {
    struct execution *execution;
    pid_t keeper;
    struct buffer events;
    int ended, ending, refused;
    bool has_result, keeper_was_there;
    struct attempt_result result;
    int status;
    struct error refusal;
};

struct trial {
    char directory[64];
    char *real, *self;
    uv_loop_t loop;
    struct executor *executor;
    struct seen attempts[MOST];
    size_t count;
};

static inline void on_started(void *context, pid_t keeper) {
    struct seen *a = context;
    assert_int_equal(a->keeper, 0);
    a->keeper = keeper;
}

static inline void on_events(void *context, const char *bytes, size_t size) {
    struct seen *a = context;
    assert_int_equal(a->ended, 0);
    buffer_append(&a->events, bytes, size);
}

static inline void on_ending(void *context) {
    struct seen *a = context;
    char path[64];
    assert_int_equal(a->ended, 0);
    a->ending++;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)a->keeper);
    a->keeper_was_there = file_exists(path);
}

static inline void on_ended(void *context, struct attempt_result *result, int status) {
    struct seen *a = context;
    a->ended++;
    a->execution = NULL;
    a->has_result = result != NULL;
    a->status = status;
    if (result)
        a->result = *result;
}

static inline void on_refused(void *context, const struct error *err) {
    struct seen *a = context;
    a->refused++;
    a->refusal = *err;
}

static inline int setup(void **state) {
    struct trial *t = mem_alloc(sizeof *t);
    char self[4096] = "";
    strcpy(t->directory, "/tmp/retort-executor-XXXXXX");
    if (!mkdtemp(t->directory) || readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return -1;
    t->self = mem_strdup(self);
    t->real = keeper_program();
    uv_loop_init(&t->loop);
    *state = t;
    return 0;
}

static inline int teardown(void **state) {
    struct trial *t = *state;
    executor_close(t->executor);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    executor_free(t->executor);
    assert_int_equal(uv_loop_close(&t->loop), 0);
    while (waitpid(-1, NULL, WNOHANG) > 0) /* orphans: the leak check of a sanitizer leaves one for each keeper */
        ;
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    file_remove_tree(t->directory, NULL);
    for (size_t i = 0; i < t->count; i++) {
        buffer_close(&t->attempts[i].events);
        attempt_result_close(&t->attempts[i].result);
    }
    free(t->self);
    free(t->real);
    free(t);
    ahead_s = 0;
    return 0;
}

/* Of this process alone: when an executor dies, its guard kills every process with its mark. */
static inline const char *mark(void) {
    static char text[32];
    snprintf(text, sizeof text, "@test-%d", (int)getpid());
    return text;
}

static inline void open_real(struct trial *t) {
    assert_int_equal(executor_open(&t->executor, &t->loop, t->real, mark(), NULL), 0);
}

/* Keepers that this program plays. */
static inline void open_played(struct trial *t, const char *how) {
    setenv("RETORT_TEST_KEEPER", how, 1);
    assert_int_equal(executor_open(&t->executor, &t->loop, t->self, mark(), NULL), 0);
}

/* Submits `count` attempts of the same words as one batch. Returns the first. */
static inline struct seen *submit_words(struct trial *t, char **words, size_t count) {
    static char path[] = "PATH=/usr/bin:/bin", *environment[] = {path, NULL};
    struct execution_request requests[MOST];
    struct execution *executions[MOST];
    struct seen *first = &t->attempts[t->count];
    char *log = path_join(t->directory, "log"), *kept = path_join(t->directory, "kept");
    assert_true(t->count + count <= MOST);
    for (size_t i = 0; i < count; i++)
        requests[i] = (struct execution_request){
            .attempt = {.argv = words,
                        .environment = environment,
                        .directory = t->directory,
                        .logs = {{log, kept}, {log, kept}}},
            .observer = {&t->attempts[t->count + i], on_started, on_events, on_ending, on_ended, on_refused}};
    executor_submit(t->executor, executions, requests, count);
    for (size_t i = 0; i < count; i++)
        first[i].execution = executions[i];
    t->count += count;
    free(log);
    free(kept);
    return first;
}

static inline struct seen *submit_many(struct trial *t, const char *script, size_t count) {
    static char sh[] = "sh", c[] = "-c";
    char *words[] = {sh, c, (char *)(uintptr_t)script, NULL};
    return submit_words(t, words, count);
}

static inline struct seen *submit(struct trial *t, const char *script) {
    return submit_many(t, script, 1);
}

/* Runs the loop until something is so; a minute at most. */
#define RUN_UNTIL(t, condition)                                                                                        \
    for (int tries = 0; !(condition); tries++) {                                                                       \
        if (tries > 60 * 1000)                                                                                         \
            fail_msg("%s did not come", #condition);                                                                   \
        uv_run(&(t)->loop, UV_RUN_NOWAIT);                                                                             \
        usleep(1000);                                                                                                  \
    }

static inline struct seen *run(struct trial *t, const char *script) {
    struct seen *a = submit(t, script);
    RUN_UNTIL(t, a->ended);
    return a;
}

static inline bool says(const struct seen *a, const char *text) {
    return strstr(buffer_text(&a->events), text) != NULL;
}

static inline bool is_gone(pid_t pid) {
    return kill(pid, 0) < 0 && errno == ESRCH;
}

/* Whether the executor has started this program: as a keeper that misbehaves, or as the guard. */
static inline bool play(int argc, char **argv, int *status) {
    const char *how = getenv("RETORT_TEST_KEEPER");
    bool keeper = argc > 1 && strcmp(argv[1], "serve") == 0 && how;
    *status = keeper ? misbehave(how, argv) : 0;
    return argc > 1;
}

#endif
