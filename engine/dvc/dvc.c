#include "engine/dvc/dvc.h"

#include <stdlib.h>

#include "engine/base/file.h"
#include "engine/dvc/internal.h"

int dvc_import(struct dvc_import *out, const char *path, struct error *err) {
    *out = (struct dvc_import){0};
    struct dvc d = {.arena = arena_create(),
                    .result = out,
                    .vars = cJSON_CreateObject(),
                    .own = cJSON_CreateObject(),
                    .params = cJSON_CreateObject()};
    char *root = path_directory(path);
    d.root = arena_strdup(d.arena, root);
    free(root);
    int rc = dvc_read(&d, path, err);
    if (rc == 0) {
        dvc_scan(&d);
        out->pipeline = dvc_write(&d);
    }
    for (size_t i = 0; i < d.stage_count; i++)
        cJSON_Delete(d.stages[i].axes);
    cJSON_Delete(d.vars);
    cJSON_Delete(d.own);
    cJSON_Delete(d.params);
    arena_free(d.arena);
    return rc;
}

void dvc_close(struct dvc_import *i) {
    cJSON_Delete(i->pipeline);
    texts_close(&i->added);
    texts_close(&i->left);
}
