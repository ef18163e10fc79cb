#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/file.h"
#include "engine/base/printable.h"
#include "engine/command/project.h"

static void say(void *context, const char *line) {
    (void)context;
    printable_printf(stderr, "%s\n", line);
}

static void print_json(const struct fsck_report *r) {
    printf("{\"objects\":%" PRIu64 ",\"object_bytes\":%" PRIu64 ",\"damaged\":%" PRIu64 ",\"missing\":%" PRIu64
           ",\"records\":%" PRIu64 ",\"bad_lines\":%" PRIu64 ",\"orphaned\":%" PRIu64 ",\"lost_segments\":%" PRIu64
           ",\"runs\":%" PRIu64 ",\"attempts\":%" PRIu64 ",\"damaged_files\":%" PRIu64 ",\"rebuilt\":%" PRIu64 "}\n",
           r->objects, r->object_bytes, r->damaged, r->missing, r->records, r->bad_lines, r->orphaned, r->lost_segments,
           r->runs, r->attempts, r->damaged_files, r->rebuilt);
}

static void print_text(const struct fsck_report *r) {
    printf("%" PRIu64 " objects (%" PRIu64 " bytes): %" PRIu64 " damaged, %" PRIu64 " missing\n", r->objects,
           r->object_bytes, r->damaged, r->missing);
    printf("%" PRIu64 " records: %" PRIu64 " damaged lines, %" PRIu64 " without their outs; %" PRIu64
           " segments gone or cut\n",
           r->records, r->bad_lines, r->orphaned, r->lost_segments);
    printf("%" PRIu64 " runs, %" PRIu64 " attempts: %" PRIu64 " damaged\n", r->runs, r->attempts, r->damaged_files);
    printf("%" PRIu64 " index rows written\n", r->rebuilt);
}

static bool is_damage(const struct fsck_report *r) {
    return r->damaged + r->bad_lines + r->orphaned + r->lost_segments + r->damaged_files > 0;
}

static int run(const struct arguments *a, struct error *err) {
    char *root = path_repository(".");
    char *path = project_store_path(a, root);
    struct fsck_report report = {0};
    int code = store_fsck(path, &report, say, NULL, err);
    if (code == 0 && argument_given(a, "json"))
        print_json(&report);
    else if (code == 0)
        print_text(&report);
    if (code == 0 && is_damage(&report))
        code = error_set(err, ERR_FAILED, "%s: fsck found damage; a run makes damaged results again when it needs them",
                         path);
    free(path);
    free(root);
    return code;
}

static const struct option options[] = {OPTION_STORE, OPTION_JSON};

const struct command command_fsck = {
    .name = "fsck",
    .operands = "",
    .summary = "check every object, record, index row and run of the store",
    .doc = "Hashes every object, checks every record, reads the files of runs and attempts, sets damage aside and "
           "rebuilds the index. Whole files are not touched. A stage with a damaged object or record runs again when "
           "it is needed. fsck adds .damaged to the name of a damaged run or attempt, so that somebody can mend it.\n"
           "Exit status 1 means that there was damage. A segment of records that is gone, or has lost its end, is "
           "reported once: only the index knows it, and then forgets it.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
