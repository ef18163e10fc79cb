#include "engine/attempt/confine.h"

#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/attempt/attempt.h"
#include "engine/attempt/environment.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/lookup/interpreter.h"

enum { LINE_SIZE = 256 };

void confine_choose(struct attempt *a) {
    struct attempts *all = a->all;
    a->sandboxed = !a->instance->action->kind && stage_is_sandboxed(a->instance->decl, all->options.no_sandbox);
    if (a->sandboxed && !all->sandbox.probed) {
        sandbox_probe(&all->sandbox.means, &all->sandbox.error);
        all->sandbox.probed = true;
    }
    if (a->sandboxed)
        a->sandbox.means = all->sandbox.means;
}

int confine_check(const struct attempt *a, struct error *err) {
    const struct error *why = &a->all->sandbox.error;
    return a->sandboxed && why->code < 0 ? error_set(err, ERR_FAILED, "%s", why->message) : 0;
}

/* ---- read roots ---- */

static bool is_listed(const char *const *list, const char *path) {
    for (; list && *list; list++)
        if (path_below(path, *list))
            return true;
    return false;
}

static const char *const *constant(char *const *list) {
    return (const char *const *)list;
}

static void add_root(struct attempt *a, const char *path) {
    char *normal = path_normal(path);
    bool known = is_listed(sandbox_system, normal) || is_listed(constant(a->sandbox.read), normal);
    if (*normal == '/' && normal[1] && !known && file_exists(normal)) {
        mem_grow(a->sandbox.read, &a->read_capacity, a->read_count + 2);
        a->sandbox.read[a->read_count++] = mem_strdup(normal);
        a->sandbox.read[a->read_count] = NULL;
    }
    free(normal);
}

/* The path, and the one that its links lead to. */
static void add_path(struct attempt *a, const char *path) {
    char *real = realpath(path, NULL);
    add_root(a, path);
    if (real)
        add_root(a, real);
    free(real);
}

static bool is_environment(const char *prefix) {
    char *venv = path_join(prefix, "pyvenv.cfg"), *conda = path_join(prefix, "conda-meta");
    bool is = file_exists(venv) || file_exists(conda);
    free(venv);
    free(conda);
    return is;
}

static bool holds_home(const char *folder) {
    const char *home = getenv("HOME");
    char *real = realpath(home && *home ? home : "/", NULL), *place = realpath(folder, NULL);
    bool holds = path_below(real ? real : "/", place ? place : folder) != NULL;
    free(real);
    free(place);
    return holds;
}

/* A folder with the user's home holds secrets, and ~/.local or ~/.cargo may. */
static bool is_prefix(const char *folder) {
    return is_environment(folder) || (!holds_home(folder) && path_base(folder)[0] != '.');
}

/* A folder that nobody has named as one to read. */
static void add_found(struct attempt *a, const char *folder) {
    if (!holds_home(folder))
        add_path(a, folder);
}

/* A folder of programs, with what belongs to it: of PREFIX/bin all of PREFIX. */
static void add_programs(struct attempt *a, const char *named) {
    char *folder = path_normal(named), *prefix = path_directory(folder);
    bool whole =
        (strcmp(path_base(folder), "bin") == 0 || strcmp(path_base(folder), "shims") == 0) && is_prefix(prefix);
    add_found(a, whole ? prefix : folder);
    free(prefix);
    free(folder);
}

/* A program of another folder stands for itself: what lies beside it may be anything. */
static void add_file(struct attempt *a, const char *program) {
    char *folder = path_directory(program);
    if (strcmp(path_base(folder), "bin") == 0)
        add_programs(a, folder);
    else
        add_path(a, program);
    free(folder);
}

static void add_program(struct attempt *a, const char *program) {
    char *real = realpath(program, NULL);
    add_file(a, program);
    if (real)
        add_file(a, real);
    free(real);
}

/* The program that runs a script: the first word of its "#!" line. */
static void add_interpreter(struct attempt *a, const char *script) {
    char line[LINE_SIZE];
    int fd = open(script, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (fd >= 0)
        close(fd);
    line[got > 0 ? got : 0] = '\0';
    if (strncmp(line, "#!", 2) != 0)
        return;
    char *word = line + 2 + strspn(line + 2, " \t");
    word[strcspn(word, " \t\r\n")] = '\0';
    if (*word == '/')
        add_program(a, word);
}

static void add_search(struct attempt *a, const char *search, void (*add)(struct attempt *a, const char *folder)) {
    while (*search) {
        size_t length = strcspn(search, ":");
        char *folder = mem_strndup(search, length);
        if (*folder == '/')
            add(a, folder);
        free(folder);
        search += length + (search[length] == ':');
    }
}

/* A venv's program is a link into its base. */
static void add_python(struct attempt *a, const char *program, const char *search) {
    const struct stage_decl *decl = a->instance->decl;
    const struct interpreter *i = interpreter_of_command(a->all->options.facts, program, search, &decl->toolchain);
    if (!i)
        return;
    char *inner = path_join(i->python->prefix, "bin/python3");
    char *project = decl->scope->directory ? path_repository(decl->scope->directory) : NULL;
    if (is_prefix(i->python->prefix))
        add_found(a, i->python->prefix);
    add_program(a, inner);
    for (size_t k = 0; k < i->python->path_count; k++)
        if (!project ||
            (!path_below(project, i->python->paths[k].path) && !path_below(i->python->paths[k].path, project)))
            add_found(a, i->python->paths[k].path);
    free(project);
    free(inner);
}

/* The folder of an environment that the file names. Another team's file gets no folder that holds the user's home. */
static void add_environment(struct attempt *a) {
    const struct stage_decl *decl = a->instance->decl;
    char *programs = decl->toolchain.prefix ? path_join(decl->toolchain.prefix, "bin") : NULL;
    if (programs && decl->scope->origin)
        add_programs(a, programs);
    else if (programs)
        add_path(a, decl->toolchain.prefix);
    free(programs);
}

/* Whether the variable opens its folders. Another team's file could set it to any folder of the user. */
static bool opens(const struct attempt *a, const char *variable) {
    return !a->instance->decl->scope->origin || !stage_env(a->instance->decl, variable);
}

/* A name with a slash is a file of its directory, an input, or a path that another team's file chose. Neither that path
   nor the "#!" line of another team's script opens a folder. */
static void add_command(struct attempt *a) {
    const char *search = environment_value(a->environment, "PATH"), *first = a->argc > 0 ? a->argv[0] : "";
    bool foreign = a->instance->decl->scope->origin, open_path = opens(a, "PATH");
    bool own = (foreign || *first != '/') && strchr(first, '/');
    char *program = own ? path_join(a->directory->stage, first) : facts_find_program(first, search);
    if (program && !own && open_path)
        add_program(a, program);
    if (program && !(own && foreign) && open_path)
        add_interpreter(a, program);
    add_environment(a);
    if (open_path) {
        add_python(a, own ? NULL : program, search);
        add_search(a, search, add_programs);
    }
    if (opens(a, "LD_LIBRARY_PATH"))
        add_search(a, environment_value(a->environment, "LD_LIBRARY_PATH"), add_found);
    free(program);
}

static int add_declared(struct attempt *a, struct error *err) {
    const struct sandbox_decl *decl = &a->instance->decl->sandbox;
    for (size_t i = 0; i < decl->read_count; i++) {
        if (!file_exists(decl->read[i]))
            return error_set(err, ERR_NOT_FOUND, "sandbox.read: %s: no such file or folder", decl->read[i]);
        add_path(a, decl->read[i]);
    }
    return 0;
}

/* Without namespaces an input of the project is a link to it. */
static void add_inputs(struct attempt *a) {
    for (size_t i = 0; !a->isolation.covers && i < a->isolation.bind_count; i++)
        if (!isolation_stands(&a->isolation.binds[i]))
            add_path(a, a->isolation.binds[i].source);
}

/* ---- places to write ---- */

static void add_write(struct attempt *a, size_t *count, size_t *capacity, const char *path) {
    mem_grow(a->sandbox.write, capacity, *count + 2);
    a->sandbox.write[(*count)++] = mem_strdup(path);
    a->sandbox.write[*count] = NULL;
}

static void add_devices(struct attempt *a, size_t *count, size_t *capacity) {
    static const char *const patterns[] = {"/dev/nvidia*", "/dev/dri", "/dev/kfd"};
    glob_t found = {0};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        glob(patterns[i], i > 0 ? GLOB_APPEND : 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++)
        add_write(a, count, capacity, found.gl_pathv[i]);
    globfree(&found);
    add_root(a, "/sys");
}

static void add_places(struct attempt *a) {
    size_t count = 0, capacity = 0;
    const char *home = environment_value(a->environment, "HOME");
    add_write(a, &count, &capacity, a->directory->stage); /* beside it lie copies of inputs of earlier attempts */
    if (a->checkpoint)
        add_write(a, &count, &capacity, a->checkpoint);
    if (a->gpus)
        add_devices(a, &count, &capacity);
    if (*home == '/' && home[1] && !is_listed(constant(a->sandbox.write), home))
        a->sandbox.home = home;
}

int confine_prepare(struct attempt *a, struct error *err) {
    if (!a->sandboxed)
        return 0;
    add_root(a, a->directory->spec);
    int rc = add_declared(a, err);
    if (rc < 0)
        return rc;
    add_command(a);
    add_inputs(a);
    add_places(a);
    a->sandbox.network = a->instance->decl->sandbox.network;
    if (a->isolation.covers) {
        a->sandbox.binds = a->isolation.binds;
        a->sandbox.bind_count = a->isolation.bind_count;
    }
    return 0;
}

bool confine_shows(const struct attempt *a, const char *path) {
    static const char *const others[] = {"/proc", "/dev", NULL};
    bool private = strcmp(path, "/") == 0 || strcmp(path, "/tmp") == 0 || strcmp(path, "/run") == 0;
    return private || is_listed(sandbox_system, path) || is_listed(others, path) ||
           is_listed(constant(a->sandbox.read), path) || is_listed(constant(a->sandbox.write), path);
}

cJSON *confine_record(const struct attempt *a) {
    const struct sandbox *s = &a->sandbox;
    if (!s->read)
        return NULL;
    cJSON *out = cJSON_CreateObject(), *guards = cJSON_AddArrayToObject(out, "guards");
    cJSON *read = cJSON_AddArrayToObject(out, "read");
    if (s->means.namespaces)
        cJSON_AddItemToArray(guards, cJSON_CreateString("namespaces"));
    if (s->means.rights > 0)
        cJSON_AddItemToArray(guards, cJSON_CreateString("landlock"));
    cJSON_AddItemToArray(guards, cJSON_CreateString("seccomp"));
    char *own = path_directory(a->worked_in);
    for (char *const *path = s->read; *path; path++)
        if (!path_below(*path, own)) /* not its spec */
            cJSON_AddItemToArray(read, cJSON_CreateString(*path));
    free(own);
    cJSON_AddBoolToObject(out, "network", s->network);
    return out;
}

static void free_list(char **list) {
    for (char **path = list; path && *path; path++)
        free(*path);
    free(list);
}

void confine_close(struct attempt *a) {
    free_list(a->sandbox.read);
    free_list(a->sandbox.write);
}
