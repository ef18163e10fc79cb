#include "engine/trust/grants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

enum { FORMAT = 1, LEAST_DIGITS = 8 };

/* ---- the folder ---- */

struct folders {
    char *base, *retort, *trust;
};

static void close_folders(struct folders *f) {
    free(f->base);
    free(f->retort);
    free(f->trust);
}

static int name_folders(struct folders *out, struct error *err) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && *state == '/')
        out->base = mem_strdup(state);
    else if (home && *home == '/')
        out->base = path_join(home, ".local/state");
    if (!out->base) {
        error_set(err, ERR_IO, "HOME is not set, so it is not known what you allowed: set HOME to your folder");
        return ERR_IO;
    }
    out->retort = path_join(out->base, "retort");
    out->trust = path_join(out->retort, "trust");
    return 0;
}

static int refuse_writable(const char *path, struct error *err) {
    return error_set(err, ERR_IO, "others can write to %s, and so allow in your name what you did not: chmod go-w %s",
                     path, path);
}

/* 1: the folder is there, and the user's alone; 0: it is not there. */
static int check_own(const char *path, struct error *err) {
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "%s: cannot be examined", path);
    if (!S_ISDIR(st.st_mode))
        return error_set(err, ERR_IO, "%s: is %s; it has to be a folder that keeps what you allowed", path,
                         file_type_name(st.st_mode));
    if (st.st_uid != geteuid())
        return error_set(err, ERR_IO, "%s: belongs to another user, and keeps what that user allowed, not you", path);
    return st.st_mode & (S_IWGRP | S_IWOTH) ? refuse_writable(path, err) : 1;
}

/* The folder above may be shared with one's group, as some systems make it. */
static int check_base(const char *path, struct error *err) {
    struct stat st;
    int rc = file_stat(&st, path, err);
    if (rc > 0 && (st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
        return refuse_writable(path, err);
    return rc;
}

/* 1: all of them are there; 0: some are not. */
static int check_folders(const struct folders *f, struct error *err) {
    int rc = check_base(f->base, err);
    if (rc > 0)
        rc = check_own(f->retort, err);
    return rc > 0 ? check_own(f->trust, err) : rc;
}

static int find_folders(struct folders *out, struct error *err) {
    int rc = name_folders(out, err);
    return rc < 0 ? rc : check_folders(out, err);
}

static int make_private(const char *path, struct error *err) {
    return mkdir(path, S_IRWXU) < 0 && errno != EEXIST ? error_errno(err, errno, "%s: cannot be made", path) : 0;
}

static int make_folders(struct folders *out, struct error *err) {
    int rc = name_folders(out, err);
    if (rc == 0)
        rc = file_make_directory(out->base, err);
    if (rc == 0)
        rc = make_private(out->retort, err);
    if (rc == 0)
        rc = make_private(out->trust, err);
    if (rc == 0)
        rc = check_folders(out, err);
    return rc > 0 ? 0 : rc;
}

/* ---- grants ---- */

/* Whether a file counts as a grant: a regular file that the user alone can have written. */
static bool is_grant(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
           !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static char *grant_path(const struct folders *f, const struct digest *closure) {
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, closure);
    return path_join(f->trust, hex);
}

int grant_find(bool *out, const struct digest *closure, struct error *err) {
    struct folders f = {0};
    int rc = find_folders(&f, err);
    *out = false;
    if (rc > 0) {
        char *path = grant_path(&f, closure);
        *out = is_grant(path);
        free(path);
    }
    close_folders(&f);
    return rc < 0 ? rc : 0;
}

int grant_add(const struct digest *closure, const cJSON *about, struct error *err) {
    struct folders f = {0};
    struct buffer text = {0};
    char when[CLOCK_TEXT_SIZE], *path = NULL;
    cJSON *grant = cJSON_CreateObject();
    const cJSON *member;
    clock_format(when, clock_wall_s());
    cJSON_AddNumberToObject(grant, "retort_trust", FORMAT);
    cJSON_AddStringToObject(grant, "allowed", when);
    cJSON_ArrayForEach(member, about)
        json_add_copy(grant, member->string, member);
    json_pretty(&text, grant);
    buffer_putc(&text, '\n');
    int rc = make_folders(&f, err);
    if (rc == 0) {
        path = grant_path(&f, closure);
        rc = file_replace(path, text.data, text.size, S_IRUSR | S_IWUSR, err);
    }
    free(path);
    cJSON_Delete(grant);
    buffer_close(&text);
    close_folders(&f);
    return rc;
}

/* Calls for each grant; ends with what is not 0. */
typedef int grant_visit(void *context, const char *name, const char *path, struct error *err);

static int each(const struct folders *f, grant_visit *visit, void *context, struct error *err) {
    struct folder folder;
    struct digest digest;
    const char *name;
    int rc = folder_open(&folder, f->trust, err);
    while (rc >= 0 && (rc = folder_next(&folder, &name, err)) > 0) {
        char *path = path_join(f->trust, name);
        rc = digest_parse(&digest, name) && is_grant(path) ? visit(context, name, path, err) : 0;
        free(path);
        if (rc < 0)
            break;
    }
    folder_close(&folder);
    return rc;
}

/* A file that somebody damaged is a grant all the same: its name says what it allows. */
static int add_to_list(void *list, const char *name, const char *path, struct error *err) {
    struct json_document *document = NULL;
    cJSON *grant = cJSON_CreateObject();
    const cJSON *member;
    (void)err;
    cJSON_AddStringToObject(grant, "closure", name);
    if (json_read(&document, path, NULL, NULL) == 0)
        cJSON_ArrayForEach(member, json_root(document))
            if (member->string && strcmp(member->string, "closure") != 0)
                json_add_copy(grant, member->string, member);
    json_free(document);
    cJSON_AddItemToArray(list, grant);
    return 0;
}

static int compare_newest(const void *a, const void *b) {
    const cJSON *const *x = a, *const *y = b;
    return strcmp(json_text(*y, "allowed", ""), json_text(*x, "allowed", ""));
}

static cJSON *newest_first(cJSON *list) {
    size_t count = (size_t)cJSON_GetArraySize(list);
    cJSON **items = mem_array(count + 1, sizeof *items), *sorted = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++)
        items[i] = cJSON_DetachItemFromArray(list, 0);
    qsort(items, count, sizeof *items, compare_newest);
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(sorted, items[i]);
    free(items);
    cJSON_Delete(list);
    return sorted;
}

int grant_list(cJSON **out, struct error *err) {
    struct folders f = {0};
    cJSON *list = cJSON_CreateArray();
    int rc = find_folders(&f, err);
    if (rc > 0)
        rc = each(&f, add_to_list, list, err);
    *out = newest_first(list);
    close_folders(&f);
    return rc < 0 ? rc : 0;
}

struct search {
    const char *digits;
    char *path; /* of the first one; NULL: none yet */
    size_t count;
};

static int match(void *context, const char *name, const char *path, struct error *err) {
    struct search *s = context;
    (void)err;
    if (strncmp(name, s->digits, strlen(s->digits)) == 0 && s->count++ == 0)
        s->path = mem_strdup(path);
    return 0;
}

int grant_remove(const char *digits, struct error *err) {
    struct folders f = {0};
    struct search s = {.digits = digits};
    if (strlen(digits) < LEAST_DIGITS)
        return error_set(err, ERR_USAGE,
                         "\"%s\" is too short: write at least %d digits of those that retort trust "
                         "--list shows",
                         digits, LEAST_DIGITS);
    int rc = find_folders(&f, err);
    if (rc > 0)
        rc = each(&f, match, &s, err);
    if (rc >= 0 && s.count == 0)
        rc = error_set(err, ERR_NOT_FOUND, "nothing that you allowed begins with %s; retort trust --list shows it",
                       digits);
    else if (rc >= 0 && s.count > 1)
        rc = error_set(err, ERR_USAGE, "%zu digests begin with %s: write more digits", s.count, digits);
    else if (rc >= 0 && unlink(s.path) < 0)
        rc = error_errno(err, errno, "%s: cannot be removed", s.path);
    free(s.path);
    close_folders(&f);
    return rc < 0 ? rc : 0;
}
