#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/command/project.h"
#include "engine/report/table.h"
#include "store/run_file.h"

static const char *status_text(double status) {
    return status == 0     ? "done"
           : status == 1   ? "failed"
           : status == 4   ? "budget"
           : status == 130 ? "interrupted"
                           : "broken off";
}

static void put_origin(struct table *t, const struct record_source *o) {
    char *name = mem_printf("%s#%s:%s", o->url, o->commit, o->path);
    table_text(t, "origin", name);
    free(name);
}

static void add_row(struct table *t, const char *id, const cJSON *tree) {
    const struct run_file run = run_file_read(tree);
    static const char *const states[] = {"known", "finished", "failed", "interrupted", "skipped"};
    table_row(t);
    table_text(t, "run", id);
    table_text(t, "pipeline", run.pipeline);
    table_text(t, "ended", isnan(run.exit) ? "killed, or still running" : status_text(run.exit));
    for (size_t i = 0; i < COUNT(states); i++)
        table_number(t, states[i], run_file_count(&run, states[i]), 6);
    table_number(t, "wall_s", run.wall_s, 4);
    if (*run.origin.url)
        put_origin(t, &run.origin);
}

/* Adds a run. Reports a damaged one and goes on; skips one that gc has just removed. */
static int add_run(struct table *t, struct store *store, const char *id, struct error *err) {
    struct error why = {0};
    cJSON *run = NULL;
    int code = store_run_read(store, id, &run, &why);
    if (code == 0)
        add_row(t, id, run);
    else if (code == ERR_CORRUPT)
        printable_printf(stderr, "%s\n", why.message);
    else if (code != ERR_NOT_FOUND)
        return error_set(err, code, "%s", why.message);
    cJSON_Delete(run);
    return 0;
}

static int list_runs(struct store *store, size_t limit, struct table *t, struct error *err) {
    struct texts ids = {0};
    int code = store_run_list(store, &ids, err);
    for (size_t i = 0; code == 0 && i < ids.count && i < limit; i++)
        code = add_run(t, store, ids.list[i], err);
    texts_close(&ids);
    return code;
}

static int run(const struct arguments *a, struct error *err) {
    struct store *store = NULL;
    struct table *t = table_create();
    struct buffer out = {0};
    long limit = 20;
    int code = argument_count(a, "limit", 1, limit, &limit, err);
    if (code == 0)
        code = project_open_store(&store, a, err);
    if (code == 0)
        code = list_runs(store, (size_t)limit, t, err);
    if (code == 0)
        table_print(&out, t, argument_given(a, "json") ? TABLE_JSON : TABLE_TEXT);
    fputs(buffer_text(&out), stdout);
    buffer_close(&out);
    table_free(t);
    store_close(store);
    return code;
}

static const struct option options[] = {
    {"limit", 'n', "N", "How many, newest first (default 20)"},
    OPTION_JSON,
    OPTION_STORE,
};

const struct command command_runs = {
    .name = "runs",
    .operands = "",
    .summary = "past runs, newest first",
    .doc = "Lists the runs of this store with their time, pipeline and end. A run's name begins with its time (UTC).",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
