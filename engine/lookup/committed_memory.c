#include "engine/lookup/committed_memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/record_format.h"

static char *folder_path(const struct store *store) {
    return path_join(store_directory(store), "git/contents");
}

static bool is_private(const char *folder) {
    struct stat st;
    return stat(folder, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* Whether this user alone writes to the folder: nobody else can say what a commit holds. */
static bool is_own(const struct store *store) {
    char *folder = folder_path(store), *above = path_directory(folder);
    bool own = is_private(store_directory(store)) && is_private(above) && is_private(folder);
    free(folder);
    free(above);
    return own;
}

static char *file_path(const struct store *store, const struct origin *o, const char *path) {
    char *text = mem_printf("%s#%s:%s", o->url, o->commit, path), *folder = folder_path(store), hex[DIGEST_HEX_SIZE];
    struct digest name;
    sha256_bytes(&name, text, strlen(text));
    digest_hex(hex, &name);
    char *out = path_join(folder, hex);
    free(text);
    free(folder);
    return out;
}

bool committed_recall(struct content *out, struct store *store, const struct origin *o, const char *path) {
    struct json_document *document = NULL;
    struct object found;
    char *from = file_path(store, o, path);
    bool known = is_own(store) && json_read(&document, from, NULL, NULL) == 0 &&
                 record_out_read(&found, json_root(document), NULL) == 0 &&
                 store_object_require(store, &found, NULL) == 0;
    if (known)
        *out = (struct content){found.digest, found.size, found.directory, found.executable};
    json_free(document);
    free(from);
    return known;
}

void committed_remember(struct store *store, const struct origin *o, const char *path, const struct content *content) {
    const struct object object = {content->digest, content->size, content->directory, content->executable};
    cJSON *json = record_out_json(&object, action_out_type(content->directory ? OUT_DIRECTORY : OUT_FILE));
    char *text = json_canonical_text(json), *folder = folder_path(store), *to = file_path(store, o, path);
    if (file_make_directory(folder, NULL) == 0)
        file_replace(to, text, strlen(text), 0666, NULL);
    cJSON_Delete(json);
    free(text);
    free(to);
    free(folder);
}
