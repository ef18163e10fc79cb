/*
 * Shared by the keeper's tests: a keeper as a process of its own, and the engine's side of its socket and its events.
 *
 *   setup --> request --> submit --> await_result --> submit ... --> finish --> teardown
 */
#ifndef RETORT_TESTS_UNIT_KEEPER_FIXTURE_H
#define RETORT_TESTS_UNIT_KEEPER_FIXTURE_H

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
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/protocol/attempt.h"

enum { FREE_FD = 32, LIMIT_S = 60, PATH_ROOM = 96, OWN_PLACE = 5 /* of `paths`: the test's */ };

#define STAGE_PATH "/usr/local/bin:/usr/bin:/bin"

struct trial {
    char directory[64]; /* of the attempts: logs, and dir/, in which a stage works */
    char paths[6][PATH_ROOM];
    struct attempt_request request; /* of the next attempt; tests change it */
    char *words[8];                 /* its argv */
    pid_t keeper;                   /* 0: reaped */
    int control, events;            /* the engine's ends; closing `control` is the engine's death */
    struct buffer inbox;
    struct attempt_result result; /* of the last attempt */
};

/* ---- files of the trial ---- */

/* The caller frees. */
static inline char *place(const struct trial *t, const char *name) {
    return mem_printf("%s/%s", t->directory, name);
}

static inline const char *keep_place(struct trial *t, int number, const char *name) {
    snprintf(t->paths[number], PATH_ROOM, "%s/%s", t->directory, name);
    return t->paths[number];
}

/* The content of a file; the caller frees. */
static inline char *content(const struct trial *t, const char *name) {
    struct buffer text = {0};
    char *path = place(t, name);
    file_read(&text, path, 1 << 20, NULL);
    free(path);
    return buffer_detach(&text);
}

static inline void assert_content(const struct trial *t, const char *name, const char *expected) {
    char *found = content(t, name);
    assert_string_equal(found, expected);
    free(found);
}

static inline bool is_there(const struct trial *t, const char *name) {
    char *path = place(t, name);
    bool there = file_exists(path);
    free(path);
    return there;
}

static inline void make_file(const struct trial *t, const char *name, const char *bytes, mode_t mode) {
    char *path = place(t, name);
    assert_int_equal(file_replace(path, bytes, strlen(bytes), mode, NULL), 0);
    free(path);
}

static inline void pause_ms(long ms) {
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&wait, NULL);
}

/* Waits until a stage has made a file. */
static inline void await_file(const struct trial *t, const char *name) {
    for (int i = 0; i < LIMIT_S * 100 && !is_there(t, name); i++)
        pause_ms(10);
    assert_true(is_there(t, name));
}

static inline pid_t read_pid(const struct trial *t, const char *name) {
    char *text = content(t, name);
    pid_t pid = (pid_t)atoi(text);
    free(text);
    assert_true(pid > 1);
    return pid;
}

/* ---- processes ---- */

/* The state letter of /proc/<pid>/stat; 'X': there is none. */
static inline char process_state(pid_t pid) {
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 'X';
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    const char *after = strrchr(text, ')');
    return after ? after[2] : 'X';
}

static inline bool is_alive(pid_t pid) {
    char state = process_state(pid);
    return state != 'Z' && state != 'X';
}

/* The protocol gives a survivor one second; a busy machine gets more, the sleepers of these tests would live for a
   thousand. */
static inline void assert_dies(pid_t pid) {
    for (int i = 0; i < 1000 && is_alive(pid); i++)
        pause_ms(10);
    assert_false(is_alive(pid));
}

static inline void await_state(pid_t pid, char state) {
    for (int i = 0; i < LIMIT_S * 100 && process_state(pid) != state; i++)
        pause_ms(10);
    assert_int_equal(process_state(pid), state);
}

/* A program of ours stands three folders above the unit programs of a room. The caller frees. */
static inline char *keeper_program(void) {
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(length > 0);
    self[length] = '\0';
    char *directory = path_directory(self);
    char *beside = path_join(directory, "../../../retort-keeper"), *program = path_normal(beside);
    free(directory);
    free(beside);
    return program;
}

/* ---- the keeper ---- */

static inline void become_keeper(int control, int events) {
    char *program = keeper_program();
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    setsid();
    sigprocmask(SIG_SETMASK, &held, NULL);
    dup2(control, FREE_FD);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    close(null);
    dup2(events, ATTEMPT_EVENTS_FD);
    dup2(FREE_FD, ATTEMPT_CONTROL_FD);
    close(FREE_FD);
    execl(program, "retort-keeper", "serve", (char *)NULL);
    _exit(99);
}

/* As the engine does: in a session of its own, with a socket and a pipe under their numbers. */
static inline void start_keeper(struct trial *t) {
    int sockets[2], pipes[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    t->keeper = fork();
    if (t->keeper == 0)
        become_keeper(sockets[1], pipes[1]);
    close(sockets[1]);
    close(pipes[1]);
    t->control = sockets[0];
    t->events = pipes[0];
    fcntl(t->events, F_SETFL, O_NONBLOCK);
}

/* A request whose stage works in dir/. */
static inline int prepare(void **state) {
    static char *const environment[] = {"PATH=" STAGE_PATH, "RETORT_EVENTS_FD=3", NULL};
    struct trial *t = mem_alloc(sizeof *t);
    strcpy(t->directory, "/tmp/retort-keeper-XXXXXX");
    if (!mkdtemp(t->directory))
        return -1;
    t->control = t->events = -1;
    t->request = (struct attempt_request){.argv = t->words,
                                          .environment = (char **)(uintptr_t)environment,
                                          .directory = keep_place(t, 0, "dir"),
                                          .logs = {{keep_place(t, 1, "stdout.log"), keep_place(t, 2, "stdout")},
                                                   {keep_place(t, 3, "stderr.log"), keep_place(t, 4, "stderr")}}};
    *state = t;
    return mkdir(t->request.directory, 0755);
}

static inline int setup(void **state) {
    int rc = prepare(state);
    if (rc == 0)
        start_keeper(*state);
    return rc;
}

/* Closes the engine's end of the socket: so does the kernel when an engine is killed. */
static inline void die_as_engine(struct trial *t) {
    close(t->control);
    t->control = -1;
}

/* Waits for the keeper's end. Returns its exit status; -1: a signal killed it. */
static inline int await_end(struct trial *t) {
    int status;
    assert_int_equal(waitpid(t->keeper, &status, 0), t->keeper);
    t->keeper = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline int finish(struct trial *t) {
    die_as_engine(t);
    return await_end(t);
}

static inline int teardown(void **state) {
    struct trial *t = *state;
    if (t->keeper > 0) {
        kill(t->keeper, SIGKILL);
        waitpid(t->keeper, NULL, 0);
    }
    if (t->control >= 0)
        close(t->control);
    if (t->events >= 0)
        close(t->events);
    file_remove_tree(t->directory, NULL);
    attempt_result_close(&t->result);
    buffer_close(&t->inbox);
    free(t);
    return 0;
}

/* ---- attempts ---- */

/* "sh -c script": what the next attempt runs. */
static inline void use_script(struct trial *t, const char *script) {
    static char sh[] = "sh", c[] = "-c";
    t->words[0] = sh;
    t->words[1] = c;
    t->words[2] = (char *)(uintptr_t)script;
    t->words[3] = NULL;
}

static inline void use_program(struct trial *t, const char *name) {
    t->words[0] = (char *)(uintptr_t)name;
    t->words[1] = NULL;
}

static inline void send_bytes(const struct trial *t, const void *bytes, size_t size) {
    assert_int_equal(send(t->control, bytes, size, MSG_NOSIGNAL), size);
}

static inline void send_frame(const struct trial *t, enum frame_type type) {
    struct buffer frame = {0};
    frame_write(&frame, type, NULL);
    send_bytes(t, frame.data, frame.size);
    buffer_close(&frame);
}

static inline void write_request(struct buffer *out, const struct trial *t) {
    cJSON *json = attempt_request_json(&t->request);
    frame_write(out, FRAME_ATTEMPT, json);
    cJSON_Delete(json);
}

static inline void submit(struct trial *t) {
    struct buffer frame = {0};
    write_request(&frame, t);
    send_bytes(t, frame.data, frame.size);
    buffer_close(&frame);
}

/* Reads from the socket. Returns how much came; 0: the keeper is dead. */
static inline ssize_t read_more(struct trial *t) {
    char bytes[4096];
    struct pollfd wait = {.fd = t->control, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, LIMIT_S * 1000), 1);
    ssize_t got = read(t->control, bytes, sizeof bytes);
    if (got > 0)
        buffer_append(&t->inbox, bytes, (size_t)got);
    return got;
}

/* Waits for the result of the attempt under way. */
static inline void await_result(struct trial *t) {
    enum frame_type type;
    cJSON *body;
    int rc;
    while ((rc = frame_read(&t->inbox, &type, &body, NULL)) == 0)
        if (read_more(t) <= 0)
            fail_msg("the keeper is gone");
    assert_int_equal(rc, 1);
    assert_int_equal(type, FRAME_RESULT);
    attempt_result_close(&t->result);
    assert_int_equal(attempt_result_read(&t->result, body, NULL), 0);
    cJSON_Delete(body);
}

/* Nothing but the end of the socket comes. */
static inline void assert_no_result(struct trial *t) {
    if (t->control >= 0)
        assert_true(read_more(t) <= 0);
    assert_int_equal(t->inbox.size, 0);
}

static inline void run(struct trial *t, const char *script) {
    use_script(t, script);
    submit(t);
    await_result(t);
}

static inline void assert_error(const struct trial *t, const char *expected) {
    assert_int_equal(t->result.exit, -1);
    assert_int_equal(t->result.signal, 0);
    assert_non_null(t->result.error);
    assert_string_equal(t->result.error, expected);
    assert_false(t->result.last);
}

/* The keeper is as good as before. */
static inline void assert_still_serves(struct trial *t) {
    run(t, "exit 0");
    assert_int_equal(t->result.exit, 0);
    assert_null(t->result.error);
    assert_int_equal(finish(t), 130);
}

/* The present content of the events pipe; the caller frees. */
static inline char *read_events(const struct trial *t) {
    struct buffer text = {0};
    char bytes[4096];
    for (ssize_t got; (got = read(t->events, bytes, sizeof bytes)) > 0;)
        buffer_append(&text, bytes, (size_t)got);
    return buffer_detach(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
