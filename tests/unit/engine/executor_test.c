/* Keepers started, given attempts, used again, cancelled, reaped; what a killed one leaves is found. Most keepers here are
   real ones. Where they misbehave, this program plays them: see main. */
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

static void pause_ms(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Waits for whole frames. Returns false when the engine is gone. */
static bool await_frame(struct buffer *inbox, enum frame_type *type) {
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

static void say(const char *text) {
    ssize_t wrote = write(ATTEMPT_EVENTS_FD, text, strlen(text));
    (void)wrote;
}

static void send_bytes(const void *bytes, size_t size) {
    ssize_t wrote = send(ATTEMPT_CONTROL_FD, bytes, size, MSG_NOSIGNAL);
    (void)wrote;
}

static void send_json(enum frame_type type, cJSON *json) {
    struct buffer frame = {0};
    frame_write(&frame, type, json);
    send_bytes(frame.data, frame.size);
    buffer_close(&frame);
    cJSON_Delete(json);
}

static void send_result(bool last) {
    struct attempt_result r;
    attempt_result_init(&r);
    r.exit = 0;
    r.last = last;
    send_json(FRAME_RESULT, attempt_result_json(&r));
}

static void tell(char **argv) {
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
static void give_up(void) {
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

static int misbehave(const char *how, char **argv) {
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
    else if (strcmp(how, "notices") == 0) {
        say("up\n");
        engine = engine && await_frame(&inbox, &type);
        int fd = engine ? -1 : open(getenv("RETORT_TEST_NOTICED"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        close(fd);
    }
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

static void on_started(void *context, pid_t keeper) {
    struct seen *a = context;
    assert_int_equal(a->keeper, 0);
    a->keeper = keeper;
}

static void on_events(void *context, const char *bytes, size_t size) {
    struct seen *a = context;
    assert_int_equal(a->ended, 0);
    buffer_append(&a->events, bytes, size);
}

static void on_ending(void *context) {
    struct seen *a = context;
    char path[64];
    assert_int_equal(a->ended, 0);
    a->ending++;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)a->keeper);
    a->keeper_was_there = file_exists(path);
}

static void on_ended(void *context, struct attempt_result *result, int status) {
    struct seen *a = context;
    a->ended++;
    a->execution = NULL;
    a->has_result = result != NULL;
    a->status = status;
    if (result)
        a->result = *result;
}

static void on_refused(void *context, const struct error *err) {
    struct seen *a = context;
    a->refused++;
    a->refusal = *err;
}

static int setup(void **state) {
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

static int teardown(void **state) {
    struct trial *t = *state;
    executor_close(t->executor);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    executor_free(t->executor);
    assert_int_equal(uv_loop_close(&t->loop), 0);
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

static void open_real(struct trial *t) {
    assert_int_equal(executor_open(&t->executor, &t->loop, t->real, "@nobody", NULL), 0);
}

/* Keepers that this program plays. */
static void open_played(struct trial *t, const char *how) {
    setenv("RETORT_TEST_KEEPER", how, 1);
    assert_int_equal(executor_open(&t->executor, &t->loop, t->self, "@nobody", NULL), 0);
}

/* Submits `count` attempts of the same words as one batch. Returns the first. */
static struct seen *submit_words(struct trial *t, char **words, size_t count) {
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
                        .path = "/usr/bin:/bin",
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

static struct seen *submit_many(struct trial *t, const char *script, size_t count) {
    static char sh[] = "sh", c[] = "-c";
    char *words[] = {sh, c, (char *)(uintptr_t)script, NULL};
    return submit_words(t, words, count);
}

static struct seen *submit(struct trial *t, const char *script) {
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

static struct seen *run(struct trial *t, const char *script) {
    struct seen *a = submit(t, script);
    RUN_UNTIL(t, a->ended);
    return a;
}

static bool says(const struct seen *a, const char *text) {
    return strstr(buffer_text(&a->events), text) != NULL;
}

static bool is_gone(pid_t pid) {
    return kill(pid, 0) < 0 && errno == ESRCH;
}

/* ---- the start ---- */

static void a_keeper_gets_its_arguments_and_descriptors(void **state) {
    struct trial *t = *state;
    int leak = open("/dev/null", O_RDONLY); /* not close-on-exec */
    setenv("RETORT_KEEPER", "@another", 1); /* this engine is a stage of another one */
    setenv("RETORT_TEST_SEEN", "seen", 1);
    open_played(t, "tells");
    struct seen *a = run(t, "");
    unsetenv("RETORT_KEEPER");
    close(leak);
    assert_string_equal(buffer_text(&a->events), "retort-keeper serve -\n0 1 2 3 4 \n@nobody / /dev/null 1 1 seen\n");
    assert_false(a->has_result);
    assert_true(WIFEXITED(a->status));
    assert_int_equal(WEXITSTATUS(a->status), 7);
}

static void a_program_that_is_not_there_is_refused(void **state) {
    struct trial *t = *state;
    assert_int_equal(executor_open(&t->executor, &t->loop, "/no/such/program", "@nobody", NULL), 0);
    struct seen *a = submit_many(t, "", 2);
    for (int i = 0; i < 2; i++) {
        assert_null(a[i].execution);
        assert_int_equal(a[i].refused, 1);
        assert_string_equal(a[i].refusal.message, "/no/such/program cannot be started: No such file or directory");
    }
    uv_run(&t->loop, UV_RUN_NOWAIT);
    assert_int_equal(a->ended, 0);
}

static void a_keeper_that_dies_at_once_ends_its_attempt(void **state) {
    struct trial *t = *state;
    open_played(t, "dies at once");
    struct seen *a = run(t, "");
    assert_false(a->has_result);
    assert_int_equal(WEXITSTATUS(a->status), 4);
}

static void a_request_that_the_socket_does_not_take_at_once_arrives(void **state) {
    enum { WORDS = 60, LENGTH = 100 * 1000 };
    static char word[LENGTH + 1], name[] = "true", *words[WORDS + 2];
    struct trial *t = *state;
    memset(word, 'x', LENGTH);
    words[0] = name;
    for (int i = 1; i <= WORDS; i++)
        words[i] = word;
    open_real(t);
    struct seen *a = submit_words(t, words, 1);
    RUN_UNTIL(t, a->ended);
    assert_true(a->has_result);
    assert_string_equal(a->result.error, "/usr/bin/true: cannot be executed: Argument list too long");
    assert_int_equal(run(t, "exit 5")->result.exit, 5);
}

/* ---- events, results, reuse ---- */

static void events_are_complete_however_many(void **state) {
    struct trial *t = *state;
    open_real(t);
    struct seen *a = run(t, "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i + 1)); done >&3");
    assert_int_equal(a->events.size, 20000 * 11);
}

static void several_run_side_by_side(void **state) {
    enum { COUNT = 20 };
    struct trial *t = *state;
    open_real(t);
    struct seen *a = submit_many(t, "echo $PPID >&3; sleep 0.05; echo y >&3", COUNT);
    for (int i = 0; i < COUNT; i++) {
        char *expected = mem_printf("%d\ny\n", (int)a[i].keeper);
        RUN_UNTIL(t, a[i].ended);
        assert_string_equal(buffer_text(&a[i].events), expected);
        for (int k = 0; k < i; k++)
            assert_int_not_equal(a[k].keeper, a[i].keeper);
        free(expected);
    }
}

static void one_keeper_runs_one_after_another(void **state) {
    struct trial *t = *state;
    open_real(t);
    pid_t first = run(t, "echo 0 >&3; exit 0")->keeper;
    for (int i = 1; i < 6; i++) {
        char *script = mem_printf("echo %d >&3; exit %d", i, i), *expected = mem_printf("%d\n", i);
        struct seen *a = run(t, script);
        assert_int_equal(a->keeper, first);
        assert_int_equal(a->result.exit, i);
        assert_string_equal(buffer_text(&a->events), expected);
        free(script);
        free(expected);
    }
}

static void no_more_keepers_are_made_than_attempts_run_at_once(void **state) {
    struct trial *t = *state;
    open_real(t);
    struct seen *pair = submit_many(t, "exit 0", 2);
    RUN_UNTIL(t, pair[0].ended && pair[1].ended);
    for (int i = 0; i < 4; i++) {
        struct seen *again = submit_many(t, "exit 0", 2);
        RUN_UNTIL(t, again[0].ended && again[1].ended);
        for (int k = 0; k < 2; k++)
            assert_true(again[k].keeper == pair[0].keeper || again[k].keeper == pair[1].keeper);
        assert_int_not_equal(again[0].keeper, again[1].keeper);
    }
}

static void the_end_is_told_while_the_keeper_can_be_read(void **state) {
    static const char *const scripts[] = {"exit 0", "kill -9 $PPID; sleep 1013"};
    struct trial *t = *state;
    open_real(t);
    for (int i = 0; i < 2; i++) {
        struct seen *a = run(t, scripts[i]);
        assert_int_equal(a->ending, 1);
        assert_true(a->keeper_was_there);
        assert_int_equal(a->ended, 1);
        assert_int_equal(a->has_result, i == 0);
    }
}

static void a_keeper_that_says_last_is_not_used_again(void **state) {
    struct trial *t = *state;
    open_played(t, "says last");
    struct seen *a = run(t, "");
    assert_true(a->has_result);
    assert_true(is_gone(a->keeper));
    assert_int_not_equal(run(t, "")->keeper, a->keeper);
}

static void an_idle_keeper_that_dies_is_replaced(void **state) {
    struct trial *t = *state;
    open_real(t);
    struct seen *a = run(t, "exit 0");
    kill(a->keeper, SIGKILL);
    RUN_UNTIL(t, is_gone(a->keeper));
    struct seen *b = run(t, "exit 6");
    assert_int_not_equal(b->keeper, a->keeper);
    assert_int_equal(b->result.exit, 6);
}

static void a_keeper_that_makes_no_sense_is_killed(void **state) {
    static const char *const ways[] = {"writes no frame", "sends a number", "sends an attempt"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        void *trial = NULL;
        (void)state;
        assert_int_equal(setup(&trial), 0);
        open_played(trial, ways[i]);
        struct seen *a = run(trial, "");
        assert_false(a->has_result);
        assert_true(WIFSIGNALED(a->status));
        assert_int_equal(WTERMSIG(a->status), SIGKILL);
        assert_true(is_gone(a->keeper));
        teardown(&trial);
    }
}

static void a_result_that_nobody_asked_for_ends_the_keeper_alone(void **state) {
    struct trial *t = *state;
    open_played(t, "sends two results");
    struct seen *a = run(t, "");
    assert_true(a->has_result);
    RUN_UNTIL(t, is_gone(a->keeper));
    assert_int_equal(a->ended, 1);
}

/* ---- cancelling ---- */

static void cancel(struct trial *t, struct seen *a, size_t count, enum cancel how) {
    struct execution *executions[MOST];
    for (size_t i = 0; i < count; i++)
        executions[i] = a[i].execution;
    executor_cancel(t->executor, executions, count, how);
}

static void terminate_asks_and_kill_kills(void **state) {
    struct trial *t = *state;
    open_real(t);
    struct seen *a = submit(t, "trap 'echo term >&3' TERM; echo up >&3; while :; do sleep 0.01; done");
    RUN_UNTIL(t, says(a, "up"));
    cancel(t, a, 1, CANCEL_TERMINATE);
    RUN_UNTIL(t, says(a, "term"));
    cancel(t, a, 1, CANCEL_KILL);
    RUN_UNTIL(t, a->ended);
    assert_string_equal(buffer_text(&a->events), "up\nterm\n");
    assert_true(a->has_result);
    assert_int_equal(a->result.signal, SIGKILL);
}

static void many_are_cancelled_at_once(void **state) {
    enum { COUNT = 5 };
    struct trial *t = *state;
    open_real(t);
    struct seen *a = submit_many(t, "trap 'exit 75' TERM; echo up >&3; while :; do sleep 0.01; done", COUNT + 1);
    for (int i = 0; i <= COUNT; i++)
        RUN_UNTIL(t, says(&a[i], "up"));
    cancel(t, a, COUNT, CANCEL_TERMINATE);
    for (int i = 0; i < COUNT; i++) {
        RUN_UNTIL(t, a[i].ended);
        assert_int_equal(a[i].result.exit, ATTEMPT_LEFT_STATUS);
    }
    assert_int_equal(a[COUNT].ended, 0);
    cancel(t, &a[COUNT], 1, CANCEL_KILL);
    RUN_UNTIL(t, a[COUNT].ended);
}

static void a_request_to_end_it_wakes_a_stopped_keeper(void **state) {
    struct trial *t = *state;
    open_real(t);
    struct seen *a = submit(t, "kill -STOP $PPID; echo up >&3; while :; do sleep 0.01; done");
    RUN_UNTIL(t, says(a, "up"));
    cancel(t, a, 1, CANCEL_TERMINATE);
    RUN_UNTIL(t, a->ended);
    assert_int_equal(a->result.signal, SIGTERM);
    assert_true(is_gone(a->keeper));
    assert_int_equal(run(t, "exit 8")->result.exit, 8);
}

static void a_keeper_that_does_not_kill_its_stage_is_killed(void **state) {
    struct trial *t = *state;
    open_played(t, "is deaf");
    struct seen *a = submit(t, "");
    RUN_UNTIL(t, says(a, "up"));
    assert_true(executor_poll(t->executor) == UINT64_MAX);
    cancel(t, a, 1, CANCEL_TERMINATE);
    assert_true(executor_poll(t->executor) == UINT64_MAX);
    cancel(t, a, 1, CANCEL_KILL);
    uint64_t due = executor_poll(t->executor), now = clock_awake_ns() / 1000000;
    assert_true(due > now && due <= now + 7000);
    ahead_s = 3;
    cancel(t, a, 1, CANCEL_KILL); /* once more gives no more time */
    assert_true(executor_poll(t->executor) == due);
    for (int i = 0; i < 50; i++) {
        uv_run(&t->loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(a->ended, 0);
    ahead_s = 8;
    executor_poll(t->executor);
    RUN_UNTIL(t, a->ended);
    assert_false(a->has_result);
    assert_int_equal(WTERMSIG(a->status), SIGKILL);
    assert_true(executor_poll(t->executor) == UINT64_MAX);
}

/* Also one that stops it again and again. */
static void a_stage_that_holds_its_keeper_dies_with_it(void **state) {
    struct trial *t = *state;
    open_real(t);
    struct seen *a = submit(t, "setsid sleep 1014 & echo up $! >&3; while :; do kill -STOP $PPID; done");
    RUN_UNTIL(t, says(a, "\n"));
    pid_t daemon = (pid_t)atoi(buffer_text(&a->events) + 3);
    cancel(t, a, 1, CANCEL_KILL);
    ahead_s = 8;
    executor_poll(t->executor);
    RUN_UNTIL(t, a->ended);
    assert_true(is_gone(daemon));
    assert_true(is_gone(a->keeper));
}

/* ---- what is left ---- */

static void what_a_killed_keeper_leaves_is_killed_and_others_are_not(void **state) {
    struct trial *t = *state;
    pid_t stranger = fork(); /* a child from before: not the executor's */
    if (stranger == 0) {
        pause();
        _exit(0);
    }
    open_real(t);
    struct seen *other = submit(t, "echo up >&3; while :; do sleep 0.01; done");
    RUN_UNTIL(t, says(other, "up"));
    struct seen *a = run(t, "setsid sleep 1011 & echo $! >&3; kill -9 $PPID; sleep 1");
    assert_false(a->has_result);
    assert_int_equal(WTERMSIG(a->status), SIGKILL);
    assert_true(is_gone((pid_t)atoi(buffer_text(&a->events))));
    assert_int_equal(kill(stranger, 0), 0);
    assert_int_equal(other->ended, 0); /* nor another keeper with its stage */
    cancel(t, other, 1, CANCEL_TERMINATE);
    RUN_UNTIL(t, other->ended);
    assert_int_equal(other->result.signal, SIGTERM);
    kill(stranger, SIGKILL);
    assert_int_equal(waitpid(stranger, NULL, 0), stranger);
}

static void what_a_keeper_leaves_that_gives_up_is_killed(void **state) {
    struct trial *t = *state;
    open_played(t, "gives up");
    struct seen *a = run(t, "");
    assert_true(WIFEXITED(a->status));
    assert_int_equal(WEXITSTATUS(a->status), 3);
    assert_true(is_gone((pid_t)atoi(buffer_text(&a->events))));
}

static void keepers_and_guard_end_with_the_executor(void **state) {
    struct trial *t = *state;
    pid_t *children;
    open_real(t);
    struct seen *a = submit_many(t, "exit 0", 3);
    RUN_UNTIL(t, a[0].ended && a[1].ended && a[2].ended);
    assert_int_equal(process_children(&children, getpid()), 4);
    free(children);
    executor_close(t->executor);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    executor_free(t->executor);
    t->executor = NULL;
    assert_int_equal(process_children(&children, getpid()), 0);
    free(children);
}

static void a_keeper_notices_the_engine_s_death(void **state) {
    struct trial *t = *state;
    char *noticed = path_join(t->directory, "noticed");
    setenv("RETORT_TEST_NOTICED", noticed, 1);
    pid_t engine = fork(); /* an engine of its own, which is killed */
    if (engine == 0) {
        uv_loop_fork(&t->loop);
        open_played(t, "notices");
        struct seen *a = submit_many(t, "", 2);
        RUN_UNTIL(t, says(&a[0], "up") && says(&a[1], "up"));
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(engine, NULL, 0), engine);
    for (int i = 0; i < 2000 && !file_exists(noticed); i++)
        usleep(10000);
    assert_true(file_exists(noticed));
    free(noticed);
}

int main(int argc, char **argv) {
    const char *how = getenv("RETORT_TEST_KEEPER");
    if (argc > 1 && strcmp(argv[1], "serve") == 0 && how)
        return misbehave(how, argv);
    if (argc > 1) /* the guard */
        return 0;
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_keeper_gets_its_arguments_and_descriptors),
        TEST(a_program_that_is_not_there_is_refused),
        TEST(a_keeper_that_dies_at_once_ends_its_attempt),
        TEST(a_request_that_the_socket_does_not_take_at_once_arrives),
        TEST(events_are_complete_however_many),
        TEST(several_run_side_by_side),
        TEST(one_keeper_runs_one_after_another),
        TEST(no_more_keepers_are_made_than_attempts_run_at_once),
        TEST(the_end_is_told_while_the_keeper_can_be_read),
        TEST(a_keeper_that_says_last_is_not_used_again),
        TEST(an_idle_keeper_that_dies_is_replaced),
        cmocka_unit_test(a_keeper_that_makes_no_sense_is_killed),
        TEST(a_result_that_nobody_asked_for_ends_the_keeper_alone),
        TEST(terminate_asks_and_kill_kills),
        TEST(many_are_cancelled_at_once),
        TEST(a_request_to_end_it_wakes_a_stopped_keeper),
        TEST(a_keeper_that_does_not_kill_its_stage_is_killed),
        TEST(a_stage_that_holds_its_keeper_dies_with_it),
        TEST(what_a_killed_keeper_leaves_is_killed_and_others_are_not),
        TEST(what_a_keeper_leaves_that_gives_up_is_killed),
        TEST(keepers_and_guard_end_with_the_executor),
        TEST(a_keeper_notices_the_engine_s_death),
    };
    return cmocka_run_group_tests_name("executor", tests, NULL, NULL);
}
