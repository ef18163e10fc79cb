/* The origin of what this engine's attempts make. It is found once, on a worker, and stands in every record. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/attempt/attempt.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/provenance/provenance.h"

/* Text that is the same in every record. */
static cJSON *as_text(cJSON *tree) {
    char *text = json_canonical_text(tree);
    cJSON *raw = cJSON_CreateRaw(text);
    free(text);
    return raw;
}

/* The patch becomes an object of the store. */
static int keep_diff(struct attempts *all, struct error *err) {
    const struct buffer *diff = &all->git_files.diff;
    struct object kept;
    char *path = store_work_path(all->options.store, "diff");
    const char *name = path_base(path);
    int fd = openat(all->work_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = fd < 0 ? error_errno(err, errno, "%s: cannot be made", path) : 0;
    if (rc == 0)
        rc = file_write_all(fd, diff->data, diff->size, path, err);
    if (fd >= 0)
        close(fd);
    if (rc == 0)
        rc = store_object_put(all->options.store, all->work_fd, name, &kept, err);
    if (rc < 0 && fd >= 0)
        unlinkat(all->work_fd, name, 0);
    free(path);
    return rc;
}

static void find_diff(struct attempts *all) {
    struct error err = {0};
    double size = json_double(all->git, "diff_bytes", 0);
    if (size > PROVENANCE_DIFF_BYTES)
        error_set(&err, ERR_INVALID, "the store keeps no patch of more than %d bytes", PROVENANCE_DIFF_BYTES);
    else if (size > 0)
        keep_diff(all, &err);
    if (err.code)
        json_add_text(all->git, "diff_unavailable", err.message);
    buffer_close(&all->git_files.diff);
}

/* The pipeline's own files that the commit does not hold. */
static void find_untracked(struct attempts *all) {
    const struct pipeline *pipeline = all->options.pipeline;
    cJSON *list = all->git_files.folder ? cJSON_AddArrayToObject(all->git, "untracked") : NULL;
    for (size_t i = 0; list && i < pipeline->file_count; i++) {
        struct digest digest;
        char *path = realpath(pipeline->files[i], NULL);
        if (path && !git_tracks(&all->git_files, path) && sha256_file(&digest, NULL, path, NULL) == 0) {
            cJSON *item = cJSON_CreateObject();
            cJSON_AddStringToObject(item, "path", path);
            json_add_digest(item, "sha256", &digest);
            cJSON_AddItemToArray(list, item);
        }
        free(path);
    }
}

cJSON *attempts_git(const struct pipeline *p, struct git_files *files) {
    if (!p->origin)
        return provenance_git(p->directory, files);
    cJSON *git = cJSON_CreateObject();
    json_add_text(git, "commit", p->origin->commit);
    cJSON_AddNullToObject(git, "branch");
    cJSON_AddNullToObject(git, "describe");
    json_add_text(git, "describe_unavailable", "the commit alone was fetched");
    json_add_text(git, "remote", p->origin->url);
    cJSON_AddFalseToObject(git, "dirty");
    cJSON_AddNullToObject(git, "diff_sha256");
    return git;
}

void attempts_find_provenance(uv_work_t *work) {
    struct attempts *all = work->data;
    all->git = attempts_git(all->options.pipeline, &all->git_files);
    find_diff(all);
    find_untracked(all);
    cJSON *host = provenance_host("/");
    cJSON *versions = provenance_versions(cJSON_GetObjectItemCaseSensitive(all->git, "commit") != NULL);
    all->git_text = as_text(all->git);
    all->host_text = as_text(host);
    all->versions_text = as_text(versions);
    cJSON_Delete(host);
    cJSON_Delete(versions);
}
