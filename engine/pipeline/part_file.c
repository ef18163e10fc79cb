/* Files that a part names beside its own: of this machine, or of the commit that holds the part. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"
#include "engine/pipeline/reader.h"

void reader_note_file(struct reader *r, const char *file) {
    for (size_t i = 0; i < r->file_count; i++)
        if (strcmp(r->files[i], file) == 0)
            return;
    mem_grow(r->files, &r->file_capacity, r->file_count + 1);
    r->files[r->file_count++] = file;
}

static const struct commits *commits_of(const struct part *part) {
    return part->reader->commits;
}

static int find_place(const char **out, const struct part *part, const char *path, struct error *err) {
    *out = origin_beside(part->reader->arena, part->pipeline->origin, path);
    return *out ? 0 : error_set(err, ERR_INVALID, "%s " ORIGIN_LEAVES, path);
}

int part_file_read(struct buffer *out, const struct part *part, const char *path, size_t limit, struct error *err) {
    const struct origin *origin = part->pipeline->origin;
    const char *place;
    if (!origin) {
        char *full = path_join(part->pipeline->directory, path);
        int rc = file_read(out, full, limit, err);
        if (rc == 0)
            reader_note_file(part->reader, arena_strdup(part->reader->arena, full));
        free(full);
        return rc;
    }
    int rc = find_place(&place, part, path, err);
    return rc == 0 ? commits_of(part)->read(commits_of(part)->context, origin, place, limit, out, err) : rc;
}

int part_file_find(enum origin_type *out, const struct part *part, const char *path, struct error *err) {
    const struct origin *origin = part->pipeline->origin;
    const char *place;
    *out = ORIGIN_NONE;
    if (!origin) {
        char *full = path_join(part->pipeline->directory, path);
        struct stat st;
        if (stat(full, &st) == 0)
            *out = S_ISDIR(st.st_mode) ? ORIGIN_FOLDER : S_ISREG(st.st_mode) ? ORIGIN_FILE : ORIGIN_NONE;
        free(full);
        return 0;
    }
    int rc = find_place(&place, part, path, err);
    return rc == 0 ? commits_of(part)->find(commits_of(part)->context, origin, place, out, err) : rc;
}

static int list_folder(const char *path, origin_visit *visit, void *visitor, struct error *err) {
    struct folder folder;
    const char *name;
    int rc = folder_open(&folder, path, err);
    while (rc >= 0 && (rc = folder_next(&folder, &name, err)) > 0)
        if ((rc = visit(visitor, name, err)) != 0)
            break;
    folder_close(&folder);
    return rc;
}

int part_file_list(const struct part *part, const char *path, origin_visit *visit, void *visitor, struct error *err) {
    const struct origin *origin = part->pipeline->origin;
    const char *place;
    if (!origin) {
        char *full = path_join(part->pipeline->directory, path);
        int rc = list_folder(full, visit, visitor, err);
        free(full);
        return rc;
    }
    int rc = find_place(&place, part, path, err);
    return rc == 0 ? commits_of(part)->list(commits_of(part)->context, origin, place, visit, visitor, err) : rc;
}
