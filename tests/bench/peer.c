#include "tests/bench/peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

struct peer {
    pid_t pid;
    FILE *to, *from;
    char answer[256];
    char *folder; /* the folder of its input files */
};

static void fail(const char *why) {
    fprintf(stderr, "bench: PyTorch: %s\n", why);
    exit(3);
}

static void read_answer(struct peer *p) {
    if (fgets(p->answer, sizeof p->answer, p->from) == NULL)
        fail("its process has ended");
    p->answer[strcspn(p->answer, "\n")] = '\0';
}

static void ask(struct peer *p, const char *line) {
    fprintf(p->to, "%s\n", line);
    fflush(p->to);
    read_answer(p);
}

static void run_child(const int to[2], const int from[2]) {
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    close(to[1]);
    close(from[0]);
    execl("/usr/bin/python3", "python3", "-B", "tests/peers/steps.py", (char *)NULL);
    _exit(127);
}

struct peer *peer_open(void) {
    int to[2], from[2];
    if (system("/usr/bin/python3 -c 'import torch' 2>/dev/null") != 0)
        return NULL;
    struct peer *p = mem_alloc(sizeof *p);
    const char *base = getenv("TMPDIR");
    p->folder = mem_printf("%s/retort-bench-XXXXXX", base && *base ? base : "/tmp");
    if (pipe(to) < 0 || pipe(from) < 0 || mkdtemp(p->folder) == NULL || (p->pid = fork()) < 0)
        fail("cannot be started");
    if (p->pid == 0)
        run_child(to, from);
    close(to[0]);
    close(from[1]);
    signal(SIGPIPE, SIG_IGN);
    p->to = fdopen(to[1], "w");
    p->from = fdopen(from[0], "r");
    read_answer(p);
    return p;
}

void peer_close(struct peer *p) {
    if (p == NULL)
        return;
    fclose(p->to); /* its signal to end */
    fclose(p->from);
    waitpid(p->pid, NULL, 0);
    file_remove_tree(p->folder, NULL);
    free(p->folder);
    free(p);
}

const char *peer_version(const struct peer *p) {
    return p->answer;
}

static char *hand_over(const struct peer *p, const char *name, const void *bytes, size_t size) {
    struct error err = {0};
    char *path = path_join(p->folder, name);
    if (file_replace(path, bytes, size, 0644, &err))
        fail(err.message);
    return path;
}

void peer_load(struct peer *p, const struct bench_work *w) {
    struct buffer model = {0};
    network_model_encode(&model, &w->of->model, deeprx_parameters(w->net), deeprx_statistics(w->net));
    char *paths[] = {hand_over(p, "model.safetensors", model.data, model.size),
                     hand_over(p, "x.f32", w->x, w->inputs * sizeof *w->x),
                     hand_over(p, "label.f32", w->label, w->outputs * sizeof *w->label)};
    char *line = mem_printf("load %s %s %s", paths[0], paths[1], paths[2]);
    ask(p, line);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        free(paths[i]);
    free(line);
    buffer_close(&model);
}

static double timed(struct peer *p, const char *what, int times, double *loss) {
    char line[32], *end;
    snprintf(line, sizeof line, "%s %d", what, times);
    ask(p, line);
    const double seconds = strtod(p->answer, &end);
    if (end == p->answer)
        fail(p->answer);
    *loss = strtod(end, NULL);
    return seconds;
}

double peer_train(struct peer *p, int times, double *loss) {
    return timed(p, "train", times, loss);
}

double peer_infer(struct peer *p, int times) {
    double none;
    return timed(p, "infer", times, &none);
}
