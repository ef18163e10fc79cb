/* What an attempt left behind: the second half of attempt.h. */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/attempt/attempt.h"
#include "engine/attempt/stamp.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

enum { TAIL_LINES = 10, TAIL_BYTES = 8192, LITTLE_SPACE = 1 << 20 };

void outcome_close(struct outcome *o) {
    free(o->reason);
    free(o->detail);
    free(o->outs);
    cJSON_Delete(o->result);
    cJSON_Delete(o->metrics);
    *o = (struct outcome){0};
}

/* ---- how it ended ---- */

/* No result is an outcome: the keeper was killed, or could not write it. */
static int read_result(const struct attempt *a, struct outcome *out, struct error *err) {
    struct json_document *document = NULL;
    struct error fault = {0};
    out->exit = -1;
    int rc = json_read(&document, a->result, NULL, &fault);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : error_set(err, ERR_IO, "%s", fault.message);
    out->result = json_detach(document);
    out->exit = (int)json_double(out->result, "exit", -1);
    out->signal = (int)json_double(out->result, "signal", 0);
    out->wall_s = json_double(out->result, "wall_s", 0);
    return 0;
}

/* A stage that ran out of space, or whose keeper did, may be unable to say so: its logs are on the same file system. What
   another stage has freed meanwhile may be there: little space is told with the failure. */
static int check_space(const struct attempt *a, struct outcome *out, struct buffer *why, struct error *err) {
    struct statvfs fs;
    if (statvfs(a->root, &fs) < 0)
        return 0;
    if (fs.f_bavail == 0 || (fs.f_favail == 0 && fs.f_files > 0))
        return error_set(err, ERR_IO, "%s: no space left on its file system (%s)", a->root, buffer_text(why));
    uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;
    out->short_of_space = left < LITTLE_SPACE;
    if (out->short_of_space)
        buffer_printf(why, "; %" PRIu64 " KiB are left on its file system", left / 1024);
    return 0;
}

/* Says why it did not end with exit 0; nothing when it did. */
static void describe_end(struct buffer *text, const struct outcome *out, int keeper_status) {
    const char *error = json_text(out->result, "error", NULL);
    if (!out->result && WIFSIGNALED(keeper_status))
        buffer_printf(text, "its keeper was killed by signal %d (%s)", WTERMSIG(keeper_status),
                      strsignal(WTERMSIG(keeper_status)));
    else if (!out->result)
        buffer_printf(text, "its keeper left no result (exit status %d)", WEXITSTATUS(keeper_status));
    else if (error)
        buffer_puts(text, error);
    else if (out->signal)
        buffer_printf(text, "killed by signal %d (%s)", out->signal, strsignal(out->signal));
    else if (out->exit != 0)
        buffer_printf(text, "exit status %d", out->exit);
}

/* ---- logs ---- */

/* An empty log is not kept. */
static void read_log(struct log *log, const char *path) {
    struct stat st;
    if (stat(path, &st) == 0 && st.st_size == 0) {
        unlink(path);
        sha256_bytes(&log->digest, "", 0);
        log->known = true;
    } else {
        log->known = sha256_file(&log->digest, &log->size, path, NULL) == 0;
    }
}

/* The last lines of a log, each indented, control characters taken out. */
static void append_tail(struct buffer *text, const char *path) {
    char bytes[TAIL_BYTES + 1];
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    fseek(file, size > TAIL_BYTES ? size - TAIL_BYTES : 0, SEEK_SET);
    size_t length = fread(bytes, 1, TAIL_BYTES, file);
    fclose(file);
    while (length > 0 && bytes[length - 1] == '\n')
        length--;
    size_t start = length;
    for (int lines = 0; start > 0; start--)
        if (bytes[start - 1] == '\n' && ++lines == TAIL_LINES)
            break;
    if (length > start)
        buffer_puts(text, "\n  ");
    for (size_t i = start; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\n')
            buffer_puts(text, "\n  ");
        else if (c == '\t' || c >= ' ')
            buffer_putc(text, (char)c);
    }
}

static void describe_failure(struct attempt *a, struct outcome *out, const char *why) {
    struct buffer text = {0};
    buffer_puts(&text, why);
    if (out->stderr_log.size > 0)
        buffer_printf(&text, " (log: %s)", a->stderr_log);
    else if (out->stdout_log.size > 0)
        buffer_printf(&text, " (log: %s)", a->stdout_log);
    out->reason = mem_strdup(buffer_text(&text));
    append_tail(&text, a->stderr_log);
    out->detail = buffer_detach(&text);
}

/* ---- inputs ---- */

/* A hard link lets a stage that ignores the mode write to the object itself, which others read: then the object is set
   aside. A kind writes to none: it was somebody else. */
static int check_shared(struct attempt *a, struct error *err) {
    for (size_t i = 0; i < a->shared_count; i++) {
        const struct shared_input *s = &a->shared[i];
        struct digest now;
        stamp_take(&now, s->path);
        if (digest_equal(&now, &s->stamp))
            continue;
        struct error damage = {0};
        int rc = store_object_verify(a->store, &s->object, &damage);
        if (rc == ERR_IO)
            return error_set(err, rc, "%s", damage.message);
        a->object_lost |= rc < 0;
        if (rc < 0)
            return error_set(err, ERR_FAILED,
                             a->instance->action->kind ? "its input \"%s\" was changed while it ran: %s"
                                                       : "it changed its input \"%s\", which is read-only: %s",
                             s->input, damage.message);
    }
    return 0;
}

/* ---- outs ---- */

static int add_numbers(cJSON *all, const cJSON *object, struct error *err) {
    if (!cJSON_IsObject(object))
        return error_set(err, ERR_FAILED, "must be a JSON object of numbers");
    for (const cJSON *item = object->child; item; item = item->next) {
        if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble))
            return error_set(err, ERR_FAILED, "its metric \"%s\" must be a finite number", item->string);
        if (cJSON_GetObjectItemCaseSensitive(all, item->string))
            return error_set(err, ERR_FAILED, "its metric \"%s\" stands in another metrics out too", item->string);
        cJSON_AddNumberToObject(all, item->string, item->valuedouble);
    }
    return 0;
}

static int add_metrics(cJSON *all, const struct out_decl *out, const char *path, struct error *err) {
    struct json_document *document = NULL;
    struct buffer text = {0};
    int rc = file_read(&text, path, JSON_MAX_BYTES, err);
    if (rc == 0)
        rc = json_parse(&document, buffer_text(&text), text.size, NULL, err);
    if (rc == 0)
        rc = add_numbers(all, json_root(document), err);
    if (rc < 0)
        error_prefix(err, "out \"%s\": %s", out->name, out->path);
    json_free(document);
    buffer_close(&text);
    return rc < 0 ? ERR_FAILED : 0;
}

/* Behind a link the file is somebody else's, and the store would take it from there. */
static int check_way(const struct attempt *a, const struct out_decl *out, struct error *err) {
    int rc = 0;
    for (const char *slash = strchr(out->path, '/'); rc == 0 && slash; slash = strchr(slash + 1, '/')) {
        struct stat st;
        char *part = mem_strndup(out->path, (size_t)(slash - out->path));
        char *path = path_join(a->directory, part);
        if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
            rc = error_set(
                err, ERR_FAILED,
                "its out \"%s\" (%s) lies behind a symbolic link, %s: write it into the stage's own directory",
                out->name, out->path, part);
        free(path);
        free(part);
    }
    return rc;
}

static int check_out(cJSON *metrics, const struct out_decl *out, const char *path, struct error *err) {
    struct stat st;
    int failed = lstat(path, &st) < 0 ? errno : 0;
    if (failed == EACCES)
        return error_set(err, ERR_FAILED, "its out \"%s\" (%s) cannot be reached; leave its folders readable",
                         out->name, out->path);
    if (failed && failed != ENOENT && failed != ENOTDIR)
        return error_errno(err, failed, "its out \"%s\" (%s) cannot be examined", out->name, path);
    if (failed)
        return error_set(err, ERR_FAILED, "it did not write its out \"%s\" (%s)", out->name, out->path);
    bool directory = out->type == OUT_DIRECTORY;
    if (directory ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
        return error_set(err, ERR_FAILED, "its out \"%s\" (%s) is no %s", out->name, out->path,
                         directory ? "directory" : "regular file");
    return out->type == OUT_METRICS ? add_metrics(metrics, out, path, err) : 0;
}

/* ERR_FAILED: an out is not as declared. */
static int check_outs(struct attempt *a, cJSON *metrics, struct error *err) {
    const struct action *action = a->instance->action;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < action->out_count; i++) {
        char *path = path_join(a->directory, action->outs[i].path);
        rc = check_way(a, &action->outs[i], err);
        if (rc == 0)
            rc = check_out(metrics, &action->outs[i], path, err);
        free(path);
    }
    return rc;
}

/* A link's target is not asked: it is nobody's to read here. */
static int is_unreadable(const char *path, const struct stat *st, int type, struct FTW *level) {
    (void)st;
    (void)level;
    return type != FTW_SL && access(path, type == FTW_F ? R_OK : R_OK | X_OK) < 0 && errno == EACCES;
}

/* What the stage left unreadable is its own fault, not the store's. */
static int put_out(struct object *object, struct attempt *a, const struct out_decl *out, struct error *err) {
    char *path = path_join(a->directory, out->path);
    int rc = a->only_look ? store_object_look(path, object, err) : store_object_put(a->store, path, object, err);
    if (rc < 0)
        error_prefix(err, "out \"%s\"", out->name);
    if (rc == ERR_IO && nftw(path, is_unreadable, 16, FTW_PHYS) > 0)
        rc = error_set(err, ERR_FAILED, "its out \"%s\" (%s) cannot be read; leave it readable for its owner",
                       out->name, out->path);
    free(path);
    return rc;
}

static int put_outs(struct attempt *a, struct object *outs, struct error *err) {
    const struct action *action = a->instance->action;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < action->out_count; i++)
        rc = put_out(&outs[i], a, &action->outs[i], err);
    return rc;
}

/* 0: the outs are in the store. ERR_IO: the store could not take them. Else: the stage's own fault. */
static int take_outs(struct attempt *a, struct outcome *out, struct error *err) {
    int rc = check_shared(a, err);
    out->metrics = cJSON_CreateObject();
    out->outs = mem_array(a->instance->action->out_count + 1, sizeof *out->outs);
    if (rc == 0)
        rc = check_outs(a, out->metrics, err);
    if (rc == 0)
        rc = put_outs(a, out->outs, err);
    return rc;
}

int attempt_collect(struct attempt *a, int keeper_status, struct outcome *out, struct error *err) {
    struct buffer why = {0};
    struct digest stamp;
    struct error fault = {0};
    int rc = 0;
    *out = (struct outcome){0};
    rc = read_result(a, out, &fault);
    read_log(&out->stdout_log, a->stdout_log);
    read_log(&out->stderr_log, a->stderr_log);
    if (rc == 0)
        describe_end(&why, out, keeper_status);
    if (rc == 0 && why.size == 0) {
        rc = take_outs(a, out, &fault);
    } else if (rc == 0) {
        check_shared(a, NULL); /* damage is set aside even when the stage failed */
        rc = check_space(a, out, &why, &fault);
    }
    if (rc < 0) {
        buffer_clear(&why);
        buffer_puts(&why, fault.message);
    }
    out->finished = rc == 0 && why.size == 0;
    if (!out->finished)
        describe_failure(a, out, buffer_text(&why));
    if (a->checkpoint && stamp_take(&stamp, a->checkpoint) > 0)
        out->checkpoint_stuck = digest_equal(&stamp, &a->checkpoint_stamp);
    buffer_close(&why);
    if (!a->only_look)
        file_remove_tree(a->root, NULL);
    return rc == ERR_IO ? error_set(err, ERR_IO, "%s", fault.message) : 0;
}
