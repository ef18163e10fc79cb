/* retort-keeper: runs one attempt after another, or guards an engine. Only retort starts it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/version.h"
#include "stages/keeper/guard.h"
#include "stages/keeper/keeper.h"

static const char help[] =
    "retort-keeper serve          run attempts and leave nothing of them behind (started by retort)\n"
    "retort-keeper guard FD MARK  kill what a dead engine and its keepers left (started by retort)\n"
    "retort-keeper --version, --help\n";

static int run(int argc, char **argv, struct error *err) {
    if (argc == 2 && strcmp(argv[1], "serve") == 0)
        return keeper_serve(err);
    if (argc == 4 && strcmp(argv[1], "guard") == 0)
        return guard_run((int)strtol(argv[2], NULL, 10), argv[3], err);
    return error_set(err, ERR_USAGE, "--help says what there is");
}

int main(int argc, char **argv) {
    struct error err = {0};
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("retort-keeper " RETORT_VERSION);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return 0;
    }
    int rc = run(argc, argv, &err);
    if (rc < 0 && rc != ERR_INTERRUPTED)
        fprintf(stderr, "retort-keeper: %s\n", err.message);
    return error_exit_status(rc);
}
