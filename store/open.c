#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"
#include "store/internal.h"
#include "store/lock.h"

static const char *const folders[] = {"objects", "objects/tmp", "actions",     "runs",   "pins",   "attempts", "work",
                                      "logs",    "claims",      "checkpoints", "leases", "failed", NULL};

/* A half-made store, whose engine died, holds some of our names and no others. */
static bool is_ours(const char *name) {
    static const char *const others[] = {".gitignore", "format", "lease", "state.db", "state.db-journal", NULL};
    for (size_t i = 0; folders[i]; i++)
        if (strcmp(name, folders[i]) == 0)
            return true;
    for (size_t i = 0; others[i]; i++)
        if (strcmp(name, others[i]) == 0)
            return true;
    return path_is_temporary_of(name, "format") || path_is_temporary_of(name, ".gitignore");
}

static int foreign(const char *directory, const char *name, struct error *err) {
    return error_set(err, ERR_INVALID,
                     "%s: is not a store (it has no file \"format\") and holds other things (%s): name a new or empty "
                     "directory",
                     directory, name);
}

/* Another engine may have completed the store meanwhile: check the format first. */
static int refuse_foreign(const char *directory, struct error *err) {
    struct folder entries;
    const char *name;
    int rc = folder_open(&entries, directory, err);
    while (rc >= 0 && (rc = folder_next(&entries, &name, err)) > 0)
        if (!is_ours(name) && (rc = format_check(directory, err)) == ERR_NOT_FOUND)
            rc = foreign(directory, name, err);
    folder_close(&entries);
    return rc;
}

static int create(const char *directory, struct error *err) {
    char *ignore = path_join(directory, ".gitignore");
    int rc = file_make_directory(directory, err);
    if (rc == 0)
        rc = refuse_foreign(directory, err);
    for (size_t i = 0; rc == 0 && folders[i]; i++) {
        char *folder = path_join(directory, folders[i]);
        rc = file_make_directory(folder, err);
        free(folder);
    }
    char *objects = path_join(directory, "objects");
    if (rc == 0)
        rc = file_sync(objects, err); /* syncs objects/tmp; our other names are synced with the format file */
    free(objects);
    if (rc == 0)
        rc = file_replace(ignore, "*\n", 2, 0666, err);
    /* The format file comes last: a store that has it is complete. */
    if (rc == 0)
        rc = format_create(directory, err);
    char *parent = path_directory(directory);
    if (rc == 0)
        rc = file_sync(parent, err);
    free(parent);
    free(ignore);
    return rc;
}

/* Tools that copy folders may drop empty ones. A store that cannot be written is read without them. */
static int restore_folders(const char *directory, struct error *err) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && folders[i]; i++) {
        char *folder = path_join(directory, folders[i]);
        char *holder = path_directory(folder);
        if (mkdir(folder, 0777) == 0)
            rc = file_sync(holder, err);
        free(holder);
        free(folder);
    }
    return rc;
}

static int open_folder(int *fd, const struct store *s, const char *name, struct error *err) {
    char *path = path_join(s->directory, name);
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = *fd < 0 ? error_errno(err, errno, "%s: cannot be opened", path) : 0;
    free(path);
    return rc;
}

static int prepare_directory(const char *directory, bool make, struct error *err) {
    struct error first = {0};
    int rc = format_check(directory, &first);
    if (rc == ERR_NOT_FOUND && make)
        return create(directory, err);
    if (rc == ERR_NOT_FOUND)
        return error_set(err, ERR_NOT_FOUND, "%s: there is no store", directory);
    return rc < 0 ? error_set(err, rc, "%s", first.message) : restore_folders(directory, err);
}

static struct store *store_alloc(const char *directory) {
    struct store *s = mem_alloc(sizeof *s);
    s->directory = mem_strdup(directory);
    s->hash = sha256_create();
    s->way.project_fd = s->objects_fd = s->actions_fd = s->lease.fd = s->lease.lock_fd = s->writer.fd = s->claim_fd =
        -1;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

/* Stages run in other directories, so their paths must not depend on ours. */
static int make_absolute(struct store *s, struct error *err) {
    char *absolute = realpath(s->directory, NULL);
    if (!absolute)
        return error_errno(err, errno, "%s: cannot be resolved", s->directory);
    free(s->directory);
    s->directory = absolute;
    s->rules.store = absolute;
    return 0;
}

static int check_locks(const struct store *s, struct error *err) {
    char *path = path_join(s->directory, "format");
    int rc = lock_check(path, err);
    free(path);
    return rc;
}

int store_open(struct store **out, const char *directory, bool create_it, struct error *err) {
    struct store *s = store_alloc(directory);
    int rc = prepare_directory(directory, create_it, err);
    if (rc == 0)
        rc = make_absolute(s, err);
    if (rc == 0)
        rc = check_locks(s, err);
    if (rc == 0)
        rc = owner_self(&s->owner, err);
    if (rc == 0)
        rc = open_folder(&s->objects_fd, s, "objects", err);
    if (rc == 0)
        rc = open_folder(&s->actions_fd, s, "actions", err);
    if (rc == 0) {
        owner_format(s->owner_text, &s->owner);
        if (gethostname(s->host_name, sizeof s->host_name - 1) < 0)
            snprintf(s->host_name, sizeof s->host_name, "unknown");
        rc = index_open(s, err);
    }
    if (rc < 0) {
        store_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

static void close_fd(int fd) {
    if (fd >= 0)
        close(fd);
}

static void free_texts(char **texts, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

void store_close(struct store *s) {
    if (!s)
        return;
    store_read_end(s, NULL);
    claim_release_all(s);
    lease_close(s);
    file_memory_close(s);
    index_close(&s->index);
    for (size_t i = 0; i < SEGMENT_CACHE; i++) {
        if (s->segments[i].name)
            close_fd(s->segments[i].fd);
        free(s->segments[i].name);
    }
    segment_leave(s);
    close_fd(s->way.project_fd);
    close_fd(s->objects_fd);
    close_fd(s->actions_fd);
    coming_close(&s->queue);
    unindexed_close(&s->unindexed);
    free_texts(s->notices, s->notice_count);
    digest_set_close(&s->checked);
    known_memory_close(&s->known);
    sha256_free(s->hash);
    free(s->run_id);
    cJSON_Delete(s->run_head);
    pthread_mutex_destroy(&s->lock);
    free(s->directory);
    free(s);
}
