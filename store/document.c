/*
 * The files of runs/ and attempts/. Each is a JSON object, one of whose members is the file's own name. No other member
 * is needed for reading: a missing one is unknown.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/internal.h"

static const char ending[] = ".json";

bool document_is(const char *name) {
    size_t length = strlen(name), end = sizeof ending - 1;
    return name[0] != '.' && length > end && strcmp(name + length - end, ending) == 0;
}

static bool is_named(const cJSON *tree, const char *member, const char *path) {
    char *encoded = layout_encode(json_text(tree, member, "")), *name = mem_printf("%s%s", encoded, ending);
    bool named = strcmp(path_base(path), name) == 0;
    free(name);
    free(encoded);
    return named;
}

/* Reads a document. The message of ERR_CORRUPT says no way to mend it. */
static int read_document(cJSON **out, const char *path, const char *member, struct error *err) {
    struct json_document *document = NULL;
    struct error why = {0};
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return error_set(err, ERR_CORRUPT, "%s: is no file", path);
    int rc = json_read(&document, path, NULL, &why);
    if (rc < 0)
        return error_set(err, rc == ERR_INVALID ? ERR_CORRUPT : rc, "%s", why.message);
    *out = json_detach(document);
    if (is_named(*out, member, path))
        return 0;
    cJSON_Delete(*out);
    *out = NULL;
    return error_set(err, ERR_CORRUPT, "%s: \"%s\" should be the name of the file", path, member);
}

int document_read(cJSON **out, const char *path, const char *member, struct error *err) {
    struct error why = {0};
    int rc = read_document(out, path, member, &why);
    return rc < 0 ? error_set(err, rc, "%s%s", why.message,
                              rc == ERR_CORRUPT ? "; it is damaged: `retort fsck` sets it aside" : "")
                  : 0;
}

int document_examine(const char *path, const char *member, struct error *err) {
    cJSON *tree = NULL;
    struct error why = {0};
    int rc = read_document(&tree, path, member, &why);
    cJSON_Delete(tree);
    if (rc != ERR_CORRUPT)
        return rc < 0 ? error_set(err, rc, "%s", why.message) : 0;
    char *aside = mem_printf("%s" DOCUMENT_ASIDE, path);
    rc = rename(path, aside) < 0
             ? error_errno(err, errno, "%s: cannot be set aside", path)
             : error_set(err, ERR_CORRUPT, "%s: damaged; it was moved to %s", why.message, path_base(aside));
    free(aside);
    return rc;
}
