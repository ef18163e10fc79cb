/* Finds the pipeline file that the user means, and the project that it is of. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/command/project.h"

enum file_is project_judge(const char *text, size_t size) {
    struct json_document *doc = NULL;
    if (json_parse(&doc, text, size, NULL, NULL))
        return FILE_BROKEN;
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(json_root(doc), "retort");
    bool is = cJSON_IsNumber(format) && cJSON_GetObjectItemCaseSensitive(json_root(doc), "stages");
    json_free(doc);
    return is ? FILE_PIPELINE : FILE_OTHER;
}

static enum file_is judge_file(const char *path) {
    struct buffer text = {0};
    int rc = file_read(&text, path, JSON_MAX_BYTES, NULL);
    enum file_is is = rc < 0 ? FILE_BROKEN : project_judge(buffer_text(&text), text.size);
    buffer_close(&text);
    return is;
}

struct candidates {
    size_t count[FILE_BROKEN + 1];
    char *first[FILE_BROKEN + 1];
    struct buffer names; /* names of the pipelines */
};

static int list_candidates(struct candidates *c, struct error *err) {
    struct folder here;
    const char *name;
    int code = folder_open(&here, ".", err);
    while (code >= 0 && (code = folder_next(&here, &name, err)) > 0) {
        size_t length = strlen(name);
        if (length < 6 || strcmp(name + length - 5, ".json") != 0)
            continue;
        enum file_is is = judge_file(name);
        if (c->count[is]++ == 0)
            c->first[is] = mem_strdup(name);
        if (is == FILE_PIPELINE)
            buffer_printf(&c->names, "%s%s", c->count[is] > 1 ? ", " : "", name);
    }
    folder_close(&here);
    return code;
}

/* Without a pipeline file it takes the only file that is no JSON: most likely the pipeline with a typing error, which
   reading it reports. */
int project_find_file(char **out, struct error *err) {
    struct candidates c = {0};
    int code = list_candidates(&c, err);
    enum file_is is = c.count[FILE_PIPELINE] == 0 && c.count[FILE_BROKEN] == 1 ? FILE_BROKEN : FILE_PIPELINE;
    if (code == 0 && c.count[is] == 0)
        code = error_set(err, ERR_USAGE, "this folder holds no pipeline file; name one: retort COMMAND PIPELINE");
    else if (code == 0 && c.count[is] > 1)
        code = error_set(err, ERR_USAGE, "this folder holds several pipeline files; name one of %s",
                         buffer_text(&c.names));
    else if (code == 0)
        *out = mem_strdup(c.first[is]);
    for (size_t i = 0; i <= FILE_BROKEN; i++)
        free(c.first[i]);
    buffer_close(&c.names);
    return code;
}

char *project_root(const char *path) {
    struct stat st;
    char *real = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? realpath(path, NULL) : NULL;
    char *folder = real ? path_directory(real) : mem_strdup("."), *root = path_repository(folder);
    free(real);
    free(folder);
    return root;
}
