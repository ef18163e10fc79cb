#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/command/command.h"
#include "engine/dvc/dvc.h"

static void print_notes(const char *title, const struct texts *notes) {
    if (notes->count)
        fprintf(stderr, "%s:\n", title);
    for (size_t i = 0; i < notes->count; i++)
        printable_printf(stderr, "  %s\n", notes->list[i]);
}

/* Its paths are relative to the folder of dvc.yaml, so it lies there. */
static int check_beside(const char *dvc, const char *output, struct error *err) {
    char *from = path_directory(dvc), *to = path_directory(output);
    char *here = realpath(from, NULL), *there = realpath(to, NULL);
    int rc = 0;
    if (!there || !here || strcmp(here, there) != 0)
        rc = error_set(err, ERR_USAGE, "%s: the pipeline must lie beside %s, since its paths begin there", output, dvc);
    free(here);
    free(there);
    free(from);
    free(to);
    return rc;
}

static int write_pipeline(const cJSON *pipeline, const char *path, struct error *err) {
    struct buffer text = {0};
    json_pretty(&text, pipeline);
    buffer_putc(&text, '\n');
    int rc = 0;
    if (!path)
        fputs(buffer_text(&text), stdout);
    else if (file_exists(path))
        rc = error_set(err, ERR_USAGE, "%s exists already; remove it, or write to another file", path);
    else
        rc = file_replace(path, text.data, text.size, 0666, err);
    buffer_close(&text);
    return rc;
}

static int run(const struct arguments *a, struct error *err) {
    const char *file = operand_count(a) ? operand(a, 0) : "dvc.yaml";
    char *path = file_is_directory(file) ? path_join(file, "dvc.yaml") : mem_strdup(file);
    const char *output = argument_value(a, "output", NULL);
    struct dvc_import import = {0};
    int rc = output ? check_beside(path, output, err) : 0;
    if (rc == 0)
        rc = dvc_import(&import, path, err);
    if (rc == 0)
        rc = write_pipeline(import.pipeline, output, err);
    if (rc == 0) {
        print_notes("added (scripts use them, and dvc.yaml does not name them)", &import.added);
        print_notes("left to you", &import.left);
    }
    dvc_close(&import);
    free(path);
    return rc;
}

static const struct option options[] = {
    {"output", 'o', "FILE", "Write the pipeline to a new file beside dvc.yaml (default: standard output)"},
};

const struct command command_import_dvc = {
    .name = "import-dvc",
    .operands = "[dvc.yaml]",
    .summary = "write a dvc.yaml as a pipeline",
    .doc =
        "Reads dvc.yaml and its params files, and prints the same study as a pipeline. Its scripts run unchanged: each "
        "input and out stands at its own path. A dependency that another stage writes becomes a reference to that out, "
        "and foreach and matrix become a matrix.\n\n"
        "A stage of a pipeline sees only what it declares. So the import also reads the scripts, without running them, "
        "and adds modules that they import and files that they name. It lists these, and all that it left to you.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
