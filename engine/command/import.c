#include <stdio.h>
#include <stdlib.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/bundle/import.h"
#include "engine/command/project.h"
#include "engine/command/transfer_watch.h"

/* The folder that holds the store of `retort run` for the imported pipeline, or for the working directory. The caller
   frees. */
static char *store_root(const struct import *i, const char *to) {
    if (!to)
        return path_repository(".");
    char *pipeline = path_join(to, i->bundle.pipeline + sizeof BUNDLE_PIPELINE - 1), *folder = path_directory(pipeline);
    char *root = path_repository(folder);
    free(folder);
    free(pipeline);
    return root;
}

static void summarize(const struct import *i, const struct import_report *r, const char *to) {
    fprintf(stderr, "imported %zu records; %zu were known already\n", r->added, r->known);
    if (r->lacking)
        fprintf(stderr, "%zu records came without their outs and do not count: those stages run again\n", r->lacking);
    if (to)
        printable_printf(stderr, "the pipeline is %s/%s\n", to, i->bundle.pipeline + sizeof BUNDLE_PIPELINE - 1);
}

static int import(struct import *i, const struct arguments *a, const char *path, const struct bundle_watch *watch,
                  struct error *err) {
    const char *to = argument_value(a, "to", NULL);
    struct store *store = NULL;
    struct import_report report;
    int code = to ? import_pipeline(i, to, path, watch, err) : 0;
    if (code < 0)
        return code;
    char *root = store_root(i, to);
    code = project_create_store(&store, a, root, err);
    if (code == 0)
        code = import_store(&report, i, store, path, watch, err);
    if (code == 0)
        summarize(i, &report, to);
    store_close(store);
    free(root);
    return code;
}

static int run(const struct arguments *a, struct error *err) {
    struct import i = {0};
    const char *path = operand(a, 0);
    if (operand_count(a) != 1)
        return error_set(err, ERR_USAGE, "import takes one bundle: retort import FILE");
    const struct bundle_watch watch = transfer_watch("read");
    int code = import_check(&i, path, &watch, err);
    if (code == 0)
        code = import(&i, a, path, &watch, err);
    import_close(&i);
    return code;
}

static const struct option options[] = {
    {"to", 0, "DIR",
     "Write the pipeline's files into this new folder, and the results into the store that it then uses"},
    OPTION_STORE,
};

const struct command command_import = {
    .name = "import",
    .operands = "FILE",
    .summary = "take the results of a bundle into the store",
    .doc =
        "Reads a bundle that `retort export` wrote. It checks every digest first, and that the key of each record is "
        "the "
        "digest of its own components. Then it takes the outs and the records into the store. `retort run` of the same "
        "pipeline and inputs executes nothing afterwards.\n"
        "A record is what the other side claims. Results of this store count before imported ones, and `retort verify` "
        "computes a stage again and compares.\n"
        "With --to the commands of the imported pipeline are files of your own: `retort run` executes them. Read them "
        "before that.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
