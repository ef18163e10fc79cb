/* What the keeper's tests share: one attempt in a folder of its own, the engine's ends of its pipes. */
#ifndef RETORT_TESTS_UNIT_STAGES_ATTEMPT_FIXTURE_H
#define RETORT_TESTS_UNIT_STAGES_ATTEMPT_FIXTURE_H

#include <fcntl.h>
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/attempt.h"

enum { EVENTS_FD = 30, LIFELINE_FD = 31 };

struct trial {
    char directory[64]; /* of the attempt: attempt.json, result.json, logs; the stage works in dir/ below */
    cJSON *attempt;
    pid_t keeper;
    int lifeline; /* the engine's end: closing it is the engine's death */
    int events;   /* the engine's end */
    cJSON *result;
};

static inline char *place(const struct trial *t, const char *name) {
    return mem_printf("%s/%s", t->directory, name);
}

static inline void add_place(struct trial *t, const char *member, const char *name) {
    char *path = place(t, name);
    cJSON_AddStringToObject(t->attempt, member, path);
    free(path);
}

/* An attempt that runs `script` with sh. */
static inline int setup(void **state) {
    struct trial *t = mem_alloc(sizeof *t);
    strcpy(t->directory, "/tmp/retort-attempt-XXXXXX");
    if (!mkdtemp(t->directory))
        return -1;
    char *directory = place(t, "dir/.tmp");
    file_make_directory(directory, NULL);
    free(directory);
    t->attempt = cJSON_CreateObject();
    cJSON_AddNumberToObject(t->attempt, "retort_attempt", 1);
    add_place(t, "directory", "dir");
    cJSON_AddStringToObject(t->attempt, "path", "/usr/local/bin:/usr/bin:/bin");
    add_place(t, "spec", "spec.json");
    add_place(t, "stdout", "stdout");
    add_place(t, "stderr", "stderr");
    add_place(t, "result", "result.json");
    cJSON_AddNumberToObject(t->attempt, "cpus", 3);
    cJSON_AddNumberToObject(t->attempt, "events_fd", EVENTS_FD);
    cJSON_AddNumberToObject(t->attempt, "lifeline_fd", LIFELINE_FD);
    *state = t;
    return 0;
}

static inline int teardown(void **state) {
    struct trial *t = *state;
    file_remove_tree(t->directory, NULL);
    cJSON_Delete(t->attempt);
    cJSON_Delete(t->result);
    free(t);
    return 0;
}

static inline void use_script(struct trial *t, const char *script) {
    const char *words[] = {"sh", "-c", script};
    cJSON_AddItemToObject(t->attempt, "argv", cJSON_CreateStringArray(words, 3));
}

/* Starts the keeper as the engine does: the two pipes under their numbers, in a session of its own. */
static inline void start(struct trial *t) {
    int lifeline[2], events[2];
    char *file = place(t, "attempt.json");
    char *text = cJSON_Print(t->attempt);
    assert_int_equal(file_replace(file, text, strlen(text), 0644, NULL), 0);
    free(text);
    assert_int_equal(pipe2(lifeline, O_CLOEXEC), 0);
    assert_int_equal(pipe2(events, O_CLOEXEC), 0);
    t->keeper = fork();
    if (t->keeper == 0) {
        setsid();
        dup2(lifeline[0], LIFELINE_FD);
        dup2(events[1], EVENTS_FD);
        close(lifeline[1]);
        struct error err = {0};
        int rc = attempt_run(file, &err);
        if (rc < 0 && rc != ERR_INTERRUPTED)
            fprintf(stderr, "attempt_run: %s\n", err.message);
        _exit(rc < 0 ? 3 : 0);
    }
    close(lifeline[0]);
    close(events[1]);
    t->lifeline = lifeline[1];
    t->events = events[0];
    free(file);
}

/* Waits for the keeper and reads its result. Returns its exit status. */
static inline int finish(struct trial *t) {
    int status;
    assert_int_equal(waitpid(t->keeper, &status, 0), t->keeper);
    close(t->lifeline);
    close(t->events);
    char *path = place(t, "result.json");
    struct json_document *document = NULL;
    if (json_read(&document, path, NULL, NULL) == 0)
        t->result = json_detach(document);
    free(path);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void run(struct trial *t, const char *script) {
    use_script(t, script);
    start(t);
    assert_int_equal(finish(t), 0);
    assert_non_null(t->result);
}

/* The content of a file of the attempt; the caller frees. */
static inline char *content(const struct trial *t, const char *name) {
    struct buffer text = {0};
    char *path = place(t, name);
    file_read(&text, path, 1 << 20, NULL);
    free(path);
    return buffer_detach(&text);
}

static inline void pause_ms(long ms) {
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&wait, NULL);
}

/* Waits until a file of the attempt is there: at most ten seconds. */
static inline void await_file(const struct trial *t, const char *name) {
    char *path = place(t, name);
    for (int i = 0; i < 1000 && !file_exists(path); i++)
        pause_ms(10);
    assert_true(file_exists(path));
    free(path);
}

static inline pid_t read_pid(const struct trial *t, const char *name) {
    char *text = content(t, name);
    pid_t pid = (pid_t)atoi(text);
    free(text);
    assert_true(pid > 1);
    return pid;
}

static inline bool is_alive(pid_t pid) {
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    const char *after = strrchr(text, ')');
    return after && after[2] != 'Z' && after[2] != 'X';
}

/* The protocol gives a survivor one second; a busy machine gets three, the sleepers here would live for a thousand. */
static inline void assert_dies(pid_t pid) {
    for (int i = 0; i < 300 && is_alive(pid); i++)
        pause_ms(10);
    assert_false(is_alive(pid));
}

static inline double number(const struct trial *t, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(t->result, name);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static inline bool is_null(const struct trial *t, const char *name) {
    return cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(t->result, name));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
