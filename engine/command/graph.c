#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/command/project.h"
#include "engine/report/graph.h"

#define DOT_PROGRAM "/usr/bin/dot" /* a fixed path: never one that a pipeline or the environment names */

/* Feeds the text to `dot`, which writes its picture to our standard output. */
static int draw(const struct buffer *text, struct error *err) {
    int ends[2];
    char *const argv[] = {(char[]){"dot"}, (char[]){"-Tsvg"}, NULL};
    char *const environment[] = {(char[]){"LC_ALL=C.UTF-8"}, NULL};
    if (access(DOT_PROGRAM, X_OK) != 0)
        return error_set(err, ERR_NOT_FOUND,
                         DOT_PROGRAM " is missing; install the package graphviz, or use --format dot");
    if (pipe(ends) != 0)
        return error_errno(err, errno, "pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    pid_t pid;
    int failed = posix_spawn(&pid, DOT_PROGRAM, &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    int code = failed ? error_errno(err, failed, "start " DOT_PROGRAM) : 0;
    signal(SIGPIPE, SIG_IGN);
    if (code == 0)
        code = file_write_all(ends[1], text->data, text->size, DOT_PROGRAM, err);
    close(ends[1]);
    int status = 0;
    if (!failed)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    if (code == 0 && status != 0)
        code = error_set(err, ERR_IO, DOT_PROGRAM " failed");
    return code;
}

static int unfold(struct project *p, struct buffer *text, enum graph_format format, struct error *err) {
    p->refuses_faults = true;
    int code = project_plan(p, err);
    if (code == 0)
        graph_unfolded(text, p->pipeline, p->plan, format);
    size_t omitted = code == 0 ? plan_omitted(p->plan) : 0;
    if (omitted > 0)
        fprintf(stderr, "%zu instance%s left out by \"when\"\n", omitted, omitted == 1 ? "" : "s");
    return code;
}

static int run(const struct arguments *a, struct error *err) {
    const char *format = argument_value(a, "format", "dot");
    bool svg = strcmp(format, "svg") == 0, mermaid = strcmp(format, "mermaid") == 0;
    if (!svg && !mermaid && strcmp(format, "dot") != 0)
        return error_set(err, ERR_USAGE, "graph: --format is dot, mermaid or svg, not \"%s\"", format);
    bool all = argument_given(a, "unfold");
    struct project p;
    struct buffer text = {0};
    enum graph_format as = mermaid ? GRAPH_MERMAID : GRAPH_DOT;
    int code = project_open(&p, a, all ? PROJECT_STORE_OR_EMPTY : PROJECT_NO_STORE, err);
    if (code == 0 && all)
        code = unfold(&p, &text, as, err);
    else if (code == 0)
        graph_folded(&text, p.pipeline, as);
    if (code == 0 && svg)
        code = draw(&text, err);
    else if (code == 0)
        fputs(buffer_text(&text), stdout);
    buffer_close(&text);
    project_close(&p);
    return code;
}

static const struct option options[] = {
    {"format", 0, "FORMAT", "dot (default), mermaid, or svg (drawn by " DOT_PROGRAM ")"},
    {"unfold", 0, NULL, "A node for every instance instead of one for every stage"},
    OPTIONS_PARAMS,
    OPTION_STORE,
};

const struct command command_graph = {
    .name = "graph",
    .operands = "[PIPELINE]",
    .summary = "draw the DAG as dot, mermaid or svg",
    .doc = "Prints the dependencies of stages. A stage with a matrix is one node that names its axes; --unfold draws "
           "every instance known so far.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
