/*
 * Runs one kind by hand, without a store: writes a spec into a temporary directory, where retort-stage runs it. The
 * outs land in --out.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/base/sha256.h"
#include "engine/command/project.h"

struct faults {
    struct buffer text;
    const struct kind *kind;
};

static void on_fault(void *context, const cJSON *at, bool on_key, const char *message) {
    struct faults *f = context;
    buffer_printf(&f->text, "retort: exec: --with%s%s%s: %s\n", at->string ? " " : "", at->string ? at->string : "",
                  on_key ? " (name)" : "", message);
}

static int read_with(cJSON **out, const struct arguments *a, const struct kind *kind, struct error *err) {
    const char *text = argument_value(a, "with", "{}");
    struct json_document *doc = NULL;
    int code = *text == '@' ? json_read(&doc, text + 1, NULL, err) : json_parse(&doc, text, strlen(text), NULL, err);
    if (code)
        return error_prefix(err, "exec: --with");
    cJSON *with = json_detach(doc);
    struct faults faults = {.kind = kind};
    if (!cJSON_IsObject(with))
        code = error_set(err, ERR_INVALID, "exec: --with takes an object, as in --with '{\"size\": 11}'");
    else if (kind_check_with(kind, with, NULL, on_fault, &faults) > 0) {
        printable_print(stderr, buffer_text(&faults.text));
        code = error_set(err, ERR_INVALID, "exec: --with does not fit %s@%d; retort kinds %s@%d describes it",
                         kind->name, kind->version, kind->name, kind->version);
    }
    buffer_close(&faults.text);
    if (code == 0)
        *out = kind_with_complete(kind, with);
    cJSON_Delete(with);
    return code;
}

static int read_item(cJSON **out, const char *name, const char *file, struct error *err) {
    struct digest digest = {0};
    char *path = realpath(file, NULL);
    int code = path ? sha256_file(&digest, NULL, path, err) : error_errno(err, errno, "exec: --in %s: %s", name, file);
    if (code == 0) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "path", path);
        cJSON_AddStringToObject(item, "name", path_base(path));
        json_add_digest(item, "sha256", &digest);
        cJSON_AddBoolToObject(item, "executable", false);
        cJSON_AddObjectToObject(item, "labels");
        *out = item;
    }
    free(path);
    return code;
}

static int add_named(cJSON *in, const struct kind *kind, const char *name, const char *file, struct error *err) {
    const struct kind_input *input = kind_input(kind, name);
    cJSON *item = NULL;
    if (!input)
        return error_set(err, ERR_USAGE, "exec: %s@%d has no input \"%s\"", kind->name, kind->version, name);
    cJSON *there = cJSON_GetObjectItemCaseSensitive(in, name);
    if (there && !input->list)
        return error_set(err, ERR_USAGE, "exec: --in %s is given twice; %s@%d takes one file there", name, kind->name,
                         kind->version);
    int code = read_item(&item, name, file, err);
    if (code)
        return code;
    if (!there && input->list)
        there = cJSON_AddArrayToObject(in, name);
    if (there)
        cJSON_AddItemToArray(there, item);
    else
        cJSON_AddItemToObject(in, name, item);
    return 0;
}

/* Adds NAME=FILE to the inputs; a repeated name makes a list. */
static int add_input(cJSON *in, const struct kind *kind, const char *argument, struct error *err) {
    const char *equals = strchr(argument, '=');
    if (!equals)
        return error_set(err, ERR_USAGE, "exec: --in takes NAME=FILE, not \"%s\"", argument);
    char *name = mem_strndup(argument, (size_t)(equals - argument));
    int code = add_named(in, kind, name, equals + 1, err);
    free(name);
    return code;
}

static int make_spec(cJSON **out, const struct arguments *a, const struct kind *kind, struct error *err) {
    static const char *const names[] = {"in", NULL};
    cJSON *with = NULL;
    int code = read_with(&with, a, kind, err);
    if (code)
        return code;
    cJSON *spec = cJSON_CreateObject();
    char *uses = kind_uses(kind);
    cJSON_AddNumberToObject(spec, "retort_spec", 1);
    cJSON_AddStringToObject(spec, "kind", uses);
    free(uses);
    cJSON_AddItemToObject(spec, "with", with);
    cJSON *in = cJSON_AddObjectToObject(spec, "in");
    const char *argument;
    for (size_t i = 0; code == 0 && (argument = argument_each(a, names, i, NULL)); i++)
        code = add_input(in, kind, argument, err);
    for (size_t i = 0; code == 0 && i < kind->input_count; i++)
        if (kind->inputs[i].required && !cJSON_HasObjectItem(in, kind->inputs[i].name))
            code = error_set(err, ERR_USAGE, "exec: %s@%d needs --in %s=FILE (%s)", kind->name, kind->version,
                             kind->inputs[i].name, kind->inputs[i].doc);
    cJSON *outs = cJSON_AddObjectToObject(spec, "outs");
    for (size_t i = 0; i < kind->out_count; i++) {
        cJSON *o = cJSON_AddObjectToObject(outs, kind->outs[i].name);
        cJSON_AddStringToObject(o, "path", kind->outs[i].path);
        cJSON_AddStringToObject(o, "type", kind->outs[i].type);
    }
    long cpus = 1;
    if (code == 0)
        code = argument_count(a, "cpus", 1, 1, &cpus, err);
    cJSON_AddNumberToObject(spec, "cpus", (double)cpus);
    if (code)
        cJSON_Delete(spec);
    else
        *out = spec;
    return code;
}

/* Checks a file named spec.json in the folder: a failed earlier call may have left it, or the user owns it. */
static int check_spec(const char *path, struct error *err) {
    struct json_document *doc = NULL;
    struct stat st;
    int code = file_stat(&st, path, err);
    if (code <= 0)
        return code;
    code = json_read(&doc, path, NULL, NULL) < 0 || json_double(json_root(doc), "retort_spec", 0) == 0
               ? error_set(err, ERR_USAGE, "exec: %s exists and is no spec; name an empty --out", path)
               : 0;
    json_free(doc);
    return code;
}

/* Refuses to overwrite the outs of an earlier call. */
static int prepare_out(const char *out, const char *spec, const struct kind *kind, struct error *err) {
    int rc = check_spec(spec, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < kind->out_count; i++) {
        char *path = path_join(out, kind->outs[i].path);
        struct stat st;
        int code = file_stat(&st, path, err);
        if (code > 0)
            code = error_set(err, ERR_USAGE, "exec: %s exists; name an empty --out", path);
        free(path);
        if (code)
            return code;
    }
    return file_make_directory(out, err);
}

static int run_stage(const char *spec_path, const char *directory, struct error *err) {
    char *program = NULL;
    int code = project_stage_program(&program, err);
    if (code)
        return code;
    char *const argv[] = {program, (char[]){"kind"}, (char[]){"spec.json"}, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, directory);
    setenv("RETORT_SPEC", spec_path, 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    pid_t pid;
    int failed = posix_spawn(&pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    code = failed ? error_errno(err, failed, "start %s", program) : 0;
    free(program);
    if (code)
        return code;
    int status;
    signal(SIGINT, SIG_IGN); /* the stage decides: it is in our process group */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFSIGNALED(status))
        return error_set(err, ERR_FAILED, "exec: the stage was killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status))
        return error_set(err, ERR_FAILED, "exec: the stage failed with exit status %d", WEXITSTATUS(status));
    return 0;
}

static int run(const struct arguments *a, struct error *err) {
    const struct kind *kind = NULL;
    cJSON *spec = NULL;
    const char *out = argument_value(a, "out", NULL);
    struct buffer text = {0};
    char *spec_path = NULL;
    if (!out)
        return error_set(err, ERR_USAGE,
                         "exec: --out is missing; usage: retort exec KIND --with JSON --in NAME=FILE --out DIR");
    int code = kind_named(&kind, operand(a, 0), err);
    if (code == 0)
        code = make_spec(&spec, a, kind, err);
    spec_path = path_join(out, "spec.json");
    if (code == 0)
        code = prepare_out(out, spec_path, kind, err);
    if (code == 0) {
        json_pretty(&text, spec);
        buffer_puts(&text, "\n");
        code = file_replace(spec_path, buffer_text(&text), text.size, 0666, err);
    }
    if (code == 0)
        code = run_stage("spec.json", out, err);
    if (code == 0)
        printable_printf(stdout, "outs: %s/\n", out);
    buffer_close(&text);
    free(spec_path);
    cJSON_Delete(spec);
    return code;
}

static const struct option options[] = {
    {"with", 0, "JSON", "The parameters as an object; @FILE reads them from a file"},
    {"in", 0, "NAME=FILE", "An input; may be repeated; a repeated name makes a list"},
    {"out", 0, "DIR", "The folder for the outs, and the spec that made them"},
    {"cpus", 0, "N", "Threads (default 1); the bytes of the outs do not depend on it"},
};

const struct command command_exec = {
    .name = "exec",
    .operands = "KIND",
    .summary = "run one built-in stage kind by hand, with no store",
    .doc = "Runs one kind on given inputs and leaves its outs, and the spec that made them, in a folder. Nothing is "
           "looked up and nothing is recorded.\n"
           "Example: retort exec deeprx/profile --with '{\"architecture\":\"deeprx\"}' --out /tmp/profile",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
