/* What a kill left of a file that was being published: ".<name>.tmp-<pid>" beside it. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/run/results.h"

/* The base of ".<base>.tmp-<pid>", and of ".<manifest>.tmp-XXXXXX"; NULL for all else. The caller frees. */
static char *base_of_temporary(const char *entry) {
    static const char mark[] = ".tmp-";
    const char *end = NULL;
    for (const char *at = entry; (at = strstr(at, mark)); at++)
        end = at; /* the last one: a name may hold it too */
    if (entry[0] != '.' || !end || end == entry)
        return NULL;
    char *base = mem_strndup(entry + 1, (size_t)(end - entry) - 1);
    const char *tail = end + strlen(mark);
    bool ours = strcmp(base, RESULTS_MANIFEST) == 0 ? strlen(tail) == 6 : *tail && !tail[strspn(tail, "0123456789")];
    if (ours)
        return base;
    free(base);
    return NULL;
}

static bool is_named(const cJSON *const named[], size_t count, const char *folder, const char *base) {
    char *name = *folder ? path_join(folder, base) : mem_strdup(base);
    bool found = strcmp(name, RESULTS_MANIFEST) == 0;
    for (size_t i = 0; i < count && !found; i++)
        found = cJSON_HasObjectItem(named[i], name);
    free(name);
    return found;
}

/* `folder` is below `directory`; "" for itself. */
static void clear_folder(const char *directory, const char *folder, const cJSON *const named[], size_t count) {
    char *path = path_join(directory, folder);
    DIR *entries = opendir(path);
    for (struct dirent *e; entries && (e = readdir(entries));) {
        char *base = base_of_temporary(e->d_name);
        char *entry = path_join(path, e->d_name);
        if (base && is_named(named, count, folder, base))
            file_remove_tree(entry, NULL);
        free(entry);
        free(base);
    }
    if (entries)
        closedir(entries);
    free(path);
}

void results_clear(const char *directory, const cJSON *const named[], size_t count) {
    cJSON *folders = cJSON_CreateObject(); /* each once */
    const cJSON *item;
    cJSON_AddTrueToObject(folders, "");
    for (size_t i = 0; i < count; i++) {
        cJSON_ArrayForEach(item, named[i]) {
            char *folder = path_directory(item->string);
            if (strcmp(folder, ".") != 0 && !cJSON_HasObjectItem(folders, folder))
                cJSON_AddTrueToObject(folders, folder);
            free(folder);
        }
    }
    cJSON_ArrayForEach(item, folders)
        clear_folder(directory, item->string, named, count);
    cJSON_Delete(folders);
}

struct sweep {
    double older_s; /* than this time since 1970 */
    bool dry_run;
    uint64_t *count, *bytes;
};

/* The process that was at it, and is no more. */
static bool is_of_the_dead(const char *name, const char *base) {
    size_t length = strlen(base);
    if (name[0] != '.' || strncmp(name + 1, base, length) != 0 || strncmp(name + 1 + length, ".tmp-", 5) != 0)
        return false;
    const char *digits = name + 1 + length + 5;
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > 9 || digits[count])
        return false;
    return kill((pid_t)strtol(digits, NULL, 10), 0) < 0 && errno == ESRCH;
}

static int sweep_entry(struct sweep *s, const char *path, struct error *err) {
    struct stat st;
    if (lstat(path, &st) < 0 || (double)st.st_mtim.tv_sec > s->older_s)
        return 0;
    ++*s->count;
    *s->bytes += S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    return s->dry_run ? 0 : file_remove_tree(path, err);
}

/* Beside one published file. */
static int sweep_beside(struct sweep *s, const char *path, struct error *err) {
    char *folder = path_directory(path);
    DIR *entries = opendir(folder);
    int rc = entries || errno == ENOENT ? 0 : error_errno(err, errno, "%s: cannot be opened", folder);
    for (struct dirent *e; rc == 0 && entries && (e = readdir(entries));) {
        if (!is_of_the_dead(e->d_name, path_base(path)))
            continue;
        char *entry = path_join(folder, e->d_name);
        rc = sweep_entry(s, entry, err);
        free(entry);
    }
    if (entries)
        closedir(entries);
    free(folder);
    return rc;
}

/* Only beside names that the manifest has: everything else is the user's. */
static int sweep_pipeline(struct sweep *s, const char *folder, struct error *err) {
    static const char *const members[] = {"files", "coming"};
    struct json_document *document = NULL;
    char *manifest = path_join(folder, RESULTS_MANIFEST);
    int rc = 0;
    if (json_read(&document, manifest, NULL, NULL) == 0) {
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
            const cJSON *named;
            cJSON_ArrayForEach(named, cJSON_GetObjectItemCaseSensitive(json_root(document), members[i])) {
                char *path = path_join(folder, named->string);
                if (rc == 0)
                    rc = sweep_beside(s, path, err);
                free(path);
            }
        }
    }
    json_free(document);
    free(manifest);
    return rc;
}

int results_sweep(const char *directory, double grace_s, bool dry_run, uint64_t *count, uint64_t *bytes,
                  struct error *err) {
    struct sweep s = {.older_s = clock_wall_s() - grace_s, .dry_run = dry_run, .count = count, .bytes = bytes};
    DIR *entries = opendir(directory);
    int rc = entries || errno == ENOENT ? 0 : error_errno(err, errno, "%s: cannot be opened", directory);
    for (struct dirent *e; rc == 0 && entries && (e = readdir(entries));) {
        if (e->d_name[0] == '.')
            continue;
        char *folder = path_join(directory, e->d_name);
        rc = sweep_pipeline(&s, folder, err);
        free(folder);
    }
    if (entries)
        closedir(entries);
    return rc;
}
