#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/command/project.h"

static void say(void *context, const char *line) {
    (void)context;
    fprintf(stderr, "%s\n", line);
}

static void print_report(const struct fsck_report *r, bool json) {
    if (json)
        printf("{\"objects\":%" PRIu64 ",\"object_bytes\":%" PRIu64 ",\"damaged\":%" PRIu64 ",\"missing\":%" PRIu64
               ",\"records\":%" PRIu64 ",\"bad_lines\":%" PRIu64 ",\"orphaned\":%" PRIu64 ",\"rebuilt\":%" PRIu64 "}\n",
               r->objects, r->object_bytes, r->damaged, r->missing, r->records, r->bad_lines, r->orphaned, r->rebuilt);
    else
        printf("%" PRIu64 " objects (%" PRIu64 " bytes): %" PRIu64 " damaged, %" PRIu64 " missing\n%" PRIu64
               " records: %" PRIu64 " damaged lines, %" PRIu64 " whose outs are gone\n%" PRIu64 " index rows written\n",
               r->objects, r->object_bytes, r->damaged, r->missing, r->records, r->bad_lines, r->orphaned, r->rebuilt);
}

static int run(const struct arguments *a, struct error *err) {
    char *root = project_root(".");
    char *path = project_store_path(a, root);
    struct fsck_report report = {0};
    int code = store_fsck(path, &report, say, NULL, err);
    if (code == 0)
        print_report(&report, argument_given(a, "json"));
    if (code == 0 && report.damaged + report.bad_lines + report.orphaned > 0)
        code =
            error_set(err, ERR_FAILED, "%s: damage was set aside; what it held is run again when it is needed", path);
    free(path);
    free(root);
    return code;
}

static const struct option options[] = {OPTION_STORE, OPTION_JSON};

const struct command command_fsck = {
    .name = "fsck",
    .operands = "",
    .summary = "check every object, record and index row of the store",
    .doc =
        "Hashes every object, checks every record, sets damage aside and rebuilds the index. Nothing that is whole is "
        "touched; what a damaged object held is run again when it is needed.\n"
        "Exit status 1 says that damage was found and set aside.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
