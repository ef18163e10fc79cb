/* The platform of retort-stage: what equal bytes depend on. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/scratch.h"
#include "engine/run/facts.h"

enum { PLATFORM_LIMIT = 256, BOOT_LIMIT = 64 };

static int read_all(int fd, struct buffer *out) {
    char bytes[PLATFORM_LIMIT];
    ssize_t got;
    while ((got = read(fd, bytes, sizeof bytes)) != 0) {
        if (got < 0 && errno != EINTR)
            return -1;
        if (got > 0)
            buffer_append(out, bytes, (size_t)got);
    }
    return 0;
}

static int read_answer(const char *program, struct buffer *out, int *status, struct error *err) {
    int fds[2];
    pid_t pid;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_errno(err, errno, "%s cannot be started", program);
    /* As little as a stage inherits, so that it chooses as a stage does. */
    char *argv[] = {mem_strdup(program), mem_strdup("platform"), NULL}, *environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
    int failed = posix_spawn(&pid, program, &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    if (!failed) {
        failed = read_all(fds[0], out) < 0 ? errno : 0;
        while (waitpid(pid, status, 0) < 0 && errno == EINTR)
            continue;
    }
    close(fds[0]);
    free(argv[0]);
    free(argv[1]);
    return failed ? error_errno(err, failed, "%s cannot be started", program) : 0;
}

/* The one line that the program prints. The caller frees. */
static int ask_program(const char *program, char **out, struct error *err) {
    struct buffer answer = {0};
    int status = 0;
    int rc = read_answer(program, &answer, &status, err);
    size_t length = strcspn(buffer_text(&answer), "\n");
    if (rc == 0 && (status != 0 || length == 0 || length > PLATFORM_LIMIT || answer.size != length + 1))
        rc = error_set(err, ERR_IO, "%s platform: does not tell its platform in one line", program);
    if (rc == 0)
        *out = mem_strndup(buffer_text(&answer), length);
    buffer_close(&answer);
    return rc;
}

/* What the answer depends on: the program, and the machine until it starts anew. */
static cJSON *describe(const char *program, struct error *err) {
    struct stat st;
    struct buffer boot = {0};
    if (stat(program, &st) < 0) {
        error_errno(err, errno, "%s", program);
        return NULL;
    }
    file_read(&boot, "/proc/sys/kernel/random/boot_id", BOOT_LIMIT, NULL);
    cJSON *id = cJSON_CreateObject();
    cJSON_AddStringToObject(id, "program", program);
    cJSON_AddNumberToObject(id, "inode", (double)st.st_ino);
    cJSON_AddNumberToObject(id, "size", (double)st.st_size);
    cJSON_AddNumberToObject(id, "mtime_s", (double)st.st_mtim.tv_sec);
    cJSON_AddNumberToObject(id, "mtime_ns", (double)st.st_mtim.tv_nsec);
    cJSON_AddStringToObject(id, "boot", buffer_text(&boot));
    buffer_close(&boot);
    return id;
}

static char *remembered(const char *path, const cJSON *id) {
    struct json_document *document = NULL;
    char *platform = NULL;
    if (json_read(&document, path, NULL, NULL) == 0) {
        const cJSON *of = cJSON_GetObjectItemCaseSensitive(json_root(document), "of");
        const char *text = json_text(json_root(document), "platform", NULL);
        if (of && text && json_equal(of, id))
            platform = mem_strdup(text);
    }
    json_free(document);
    return platform;
}

/* Only spares asking again: a store that cannot be written to is no reason to stop here. */
static void remember(const char *path, const cJSON *id, const char *platform) {
    struct buffer text = {0};
    cJSON *file = cJSON_CreateObject();
    cJSON_AddItemToObject(file, "of", cJSON_Duplicate(id, true));
    cJSON_AddStringToObject(file, "platform", platform);
    json_pretty(&text, file);
    scratch_write(path, text.data, text.size, NULL);
    buffer_close(&text);
    cJSON_Delete(file);
}

static int find_platform(struct facts *f, struct error *err) {
    cJSON *id = describe(f->stage_program, err);
    if (!id)
        return ERR_IO;
    char *path = path_join(store_directory(f->store), "platform.json");
    int rc = 0;
    f->platform = remembered(path, id);
    if (!f->platform) {
        rc = ask_program(f->stage_program, &f->platform, err);
        if (rc == 0)
            remember(path, id, f->platform);
    }
    free(path);
    cJSON_Delete(id);
    return rc;
}

int facts_platform(struct facts *f, char **out, struct error *err) {
    int rc = f->platform ? 0 : find_platform(f, err);
    if (rc == 0)
        *out = mem_strdup(f->platform);
    return rc;
}
