#include "engine/command/last_attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytemap.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "store/run_file.h"

struct search {
    struct last_attempt *items;
    size_t count;
    size_t missing; /* that have no attempt */
};

/* How the names of all that are missing begin in JSON. The caller frees. */
static char *common_name(const struct search *s) {
    char *common = NULL;
    for (size_t k = 0; k < s->count; k++) {
        if (s->items[k].attempt)
            continue;
        struct buffer name = {0};
        size_t length = 0;
        json_string(&name, instance_name(s->items[k].instance));
        while (common && common[length] && common[length] == name.data[length])
            length++;
        if (common)
            common[length] = '\0';
        else
            common = mem_strdup(name.data);
        buffer_close(&name);
    }
    return common;
}

static size_t index_missing(struct bytemap *out, const struct search *s) {
    size_t count = 0;
    for (size_t k = 0; k < s->count; k++) {
        const char *name = instance_name(s->items[k].instance);
        if (!s->items[k].attempt && !bytemap_get(out, name, strlen(name)))
            bytemap_put(out, name, strlen(name), &s->items[k]);
        count += s->items[k].attempt == NULL;
    }
    return count;
}

static bool has_key(const struct instance *i, const char *hex) {
    struct digest key;
    return i->keyed && digest_parse(&key, hex) && digest_equal(&key, &i->key);
}

/* From the document of a run, if it is of this pipeline. */
static void note_attempts(struct search *s, const struct bytemap *missing, const struct project *p, const cJSON *tree) {
    const struct run_file run = run_file_read(tree);
    const cJSON *item;
    if (strcmp(run.pipeline, p->pipeline->name) != 0)
        return;
    cJSON_ArrayForEach(item, run.stages) {
        const struct run_file_stage stage = run_file_stage_read(item);
        struct last_attempt *log = stage.attempt ? bytemap_get(missing, stage.stage, strlen(stage.stage)) : NULL;
        if (!log || log->attempt)
            continue;
        log->attempt = mem_strdup(stage.attempt);
        log->is_other = !has_key(log->instance, stage.key);
        s->missing--;
    }
}

static int search_run(struct search *s, const struct bytemap *missing, const struct project *p, const char *id,
                      const char *name, struct error *err) {
    struct error why = {0};
    cJSON *run = NULL;
    int code = store_run_may_tell_attempt(p->store, id, name) ? store_run_read(p->store, id, &run, &why) : 0;
    if (code == ERR_CORRUPT) /* it may have been the last one */
        printable_printf(stderr, "%s\n", why.message);
    else if (code < 0 && code != ERR_NOT_FOUND)
        return error_set(err, code, "%s", why.message);
    if (run)
        note_attempts(s, missing, p, run);
    cJSON_Delete(run);
    return 0;
}

int last_attempts_find(struct last_attempt *items, size_t count, const struct project *p, struct error *err) {
    struct search s = {.items = items, .count = count};
    struct bytemap missing = {0};
    struct texts ids = {0};
    char *name = common_name(&s);
    s.missing = index_missing(&missing, &s);
    int code = s.missing ? store_run_list(p->store, &ids, err) : 0;
    for (size_t k = 0; code == 0 && k < ids.count && s.missing > 0; k++)
        code = search_run(&s, &missing, p, ids.list[k], name, err);
    texts_close(&ids);
    free(name);
    bytemap_close(&missing);
    return code;
}
