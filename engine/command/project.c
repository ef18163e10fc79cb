#include "engine/command/project.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/git/index.h"

int project_stage_program(char **out, struct error *err) {
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    *out = NULL;
    if (length <= 0)
        return error_errno(err, errno, "/proc/self/exe: cannot be read; it says where retort-stage is");
    self[length] = '\0';
    char *directory = path_directory(self);
    *out = path_join(directory, "retort-stage");
    free(directory);
    return 0;
}

int project_limits(struct scheduler_limits *out, const struct arguments *a, struct error *err) {
    enum { GRACE_MS = 10000, BACKOFF_MS = 1000 };
    long jobs;
    int code = argument_count(a, "jobs", 1, sysconf(_SC_NPROCESSORS_ONLN), &jobs, err);
    out->cpus = (double)jobs;
    out->most_cpus = argument_given(a, "jobs") ? 0 : (double)jobs;
    out->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    out->grace_ms = GRACE_MS;
    out->backoff_ms = BACKOFF_MS;
    return code;
}

static bool needs_gpus(const struct pipeline *p) {
    for (size_t i = 0; i < p->stage_count; i++)
        if (p->stages[i]->resources.gpus > 0)
            return true;
    return false;
}

int project_gpus(struct gpus **out, struct scheduler_limits *limits, const struct project *p, const struct arguments *a,
                 struct error *err) {
    const char *list = argument_value(a, "gpus", NULL);
    if (list && gpus_parse(out, list, err) < 0)
        return error_prefix(err, "--gpus");
    if (!list && !needs_gpus(p->pipeline))
        return 0;
    if (!list)
        *out = gpus_find("/");
    limits->gpus = (double)gpus_count(*out);
    return 0;
}

char *project_store_path(const struct arguments *a, const char *root) {
    const char *named = argument_value(a, "store", getenv("RETORT_STORE"));
    return named && *named ? mem_strdup(named) : path_join(root, ".retort");
}

static void say(void *context, const char *line) {
    (void)context;
    printable_printf(stderr, "%s\n", line);
}

/* 1: the folder exists; 0: it does not; ERR_IO. */
static int find_store(const char *path, struct error *err) {
    struct stat st;
    int rc = file_stat(&st, path, err);
    return rc > 0 ? S_ISDIR(st.st_mode) : rc;
}

/* A store that git tracks came with the repository: its records are whoever's wrote them. One that the user names is
   the user's choice. */
static int refuse_tracked(const struct arguments *a, const char *root, const char *path, struct error *err) {
    const char *named = argument_value(a, "store", getenv("RETORT_STORE"));
    if ((named && *named) || !index_tracks_below(root, ".retort/"))
        return 0;
    return error_set(err, ERR_INVALID,
                     "%s came with the repository, for git tracks it, and is not used: name another by --store, or "
                     "git rm -r --cached .retort",
                     path);
}

/* Opens a store. `retort run` shows its notices among its own lines; every other command prints them at once. */
static int open_store_at(struct store **out, const struct arguments *a, const char *root, bool create,
                         struct error *err) {
    char *path = project_store_path(a, root);
    int code = refuse_tracked(a, root, path, err);
    if (code == 0)
        code = create ? 1 : find_store(path, err);
    if (code > 0)
        code = store_open(out, path, create, err);
    else if (code == 0)
        code = error_set(err, ERR_NOT_FOUND, "there is no store at %s; retort run makes one, and --store names another",
                         path);
    if (code == 0 && !create)
        store_notices(*out, say, NULL);
    free(path);
    return code;
}

int project_open_store(struct store **out, const struct arguments *a, struct error *err) {
    char *root = path_repository(".");
    int code = open_store_at(out, a, root, false, err);
    free(root);
    return code;
}

int project_create_store(struct store **out, const struct arguments *a, const char *root, struct error *err) {
    return open_store_at(out, a, root, true, err);
}

/* In memory, where that can be had: the syncs of a new store cost most of a short plan's time. */
static const char *temporary_folder(void) {
    const char *base = getenv("TMPDIR");
    if (base && *base)
        return base;
    return access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

static int open_empty_store(struct project *p, struct error *err) {
    char *path = mem_printf("%s/retort-empty-XXXXXX", temporary_folder());
    if (!mkdtemp(path)) {
        int code = error_errno(err, errno, "%s", path);
        free(path);
        return code;
    }
    p->empty_store = path;
    return store_open(&p->store, path, true, err);
}

/* One that commits needed is open already. */
static int open_store_of(struct project *p, struct error *err) {
    char *path = project_store_path(p->arguments, p->root);
    int there = !p->store && p->store_need == PROJECT_STORE_OR_EMPTY ? find_store(path, err) : 1;
    free(path);
    if (p->store || there < 0)
        return there < 0 ? there : 0;
    return there ? open_store_at(&p->store, p->arguments, p->root, p->store_need == PROJECT_STORE_CREATE, err)
                 : open_empty_store(p, err);
}

/* A committed_store: the store that keeps the repositories of parts from git. */
static int give_store(void *context, struct store **out, struct error *err) {
    struct project *p = context;
    int code = open_store_at(&p->store, p->arguments, p->root, p->store_need != PROJECT_STORE, err);
    if (code == 0 && p->store_need != PROJECT_STORE_CREATE)
        store_notices(p->store, say, NULL);
    *out = p->store;
    return code;
}

int project_report(struct diagnostics *d, struct error *err) {
    if (d->count == 0)
        return 0;
    struct buffer text = {0};
    diagnostics_print(&text, d);
    printable_print(stderr, buffer_text(&text));
    buffer_close(&text);
    size_t errors = d->errors;
    diagnostics_close(d);
    if (errors == 0)
        return 0;
    return error_set(err, ERR_INVALID, "%zu error%s; nothing was run", errors, errors == 1 ? "" : "s");
}

static int add_override(struct project *p, const char *which, const char *value, struct error *err) {
    struct override *o = &p->overrides[p->override_count];
    if (strcmp(which, "params") != 0) {
        int code = strcmp(which, "set") == 0 ? override_parse(o, value, err) : override_parse_json(o, value, err);
        if (code == 0)
            p->override_count++;
        return code;
    }
    struct json_document *doc = NULL;
    int code = json_read(&doc, value, NULL, err);
    if (code)
        return error_prefix(err, "--params");
    p->override_files[p->override_file_count++] = doc;
    *o = (struct override){"", json_root(doc), value, OVERRIDE_FILE};
    p->override_count++;
    return 0;
}

static int read_overrides(struct project *p, const struct arguments *a, struct error *err) {
    static const char *const names[] = {"set", "set-json", "params", NULL};
    size_t count = 0;
    while (argument_each(a, names, count, NULL))
        count++;
    p->overrides = mem_array(count + 1, sizeof *p->overrides);
    p->override_files = mem_array(count + 1, sizeof(struct json_document *));
    for (size_t i = 0; i < count; i++) {
        const char *which = NULL;
        const char *value = argument_each(a, names, i, &which);
        int code = add_override(p, which, value, err);
        if (code)
            return code;
    }
    return 0;
}

/* Says what another team's study is run at. */
static void say_commit(const struct project *p) {
    const struct study *s = &p->study;
    if (strcmp(s->rev, s->commit) != 0)
        printable_printf(stderr, "%s is %s#%s:%s now\n", s->rev, s->url, s->commit, s->path);
    else if (p->store_need == PROJECT_STORE_CREATE)
        printable_printf(stderr, "reproducible: %s#%s:%s is the same at all times\n", s->url, s->commit, s->path);
}

static int read_source(struct project *p, const char *operand, struct error *err) {
    struct origin origin;
    bool is_url = operand_is_url(operand);
    p->root = project_root(is_url ? "." : operand);
    p->committed = committed_create(give_store, arguments_command(p->arguments)->starts_programs, say, p);
    p->commits = committed_reader(p->committed);
    reads_open(&p->reads, &p->commits);
    struct pipeline_source source = {
        .path = operand, .commits = &p->reads.commits, .overrides = p->overrides, .override_count = p->override_count};
    if (is_url) {
        int code = study_open(&p->study, p->committed, operand, err);
        if (code)
            return code;
        say_commit(p);
        origin = (struct origin){p->study.url, p->study.commit, p->study.path};
        source.origin = &origin;
    }
    return pipeline_read(&p->pipeline, &source, &p->diagnostics, err);
}

static int read_pipeline(struct project *p, const struct arguments *a, struct error *err) {
    char *found = NULL;
    int code = read_overrides(p, a, err);
    if (code == 0 && !operand(a, 0))
        code = project_find_file(&found, err);
    if (code == 0)
        code = read_source(p, found ? found : operand(a, 0), err);
    if (p->diagnostics.count > 0) {
        int reported = project_report(&p->diagnostics, err);
        if (code == 0)
            code = reported;
    }
    free(found);
    return code;
}

/* The folder that results/ is, unless --results names another. */
static int find_results(struct project *p, struct error *err) {
    const char *named = argument_value(p->arguments, "results", NULL);
    char *here = named ? realpath(".", NULL) : mem_strdup(p->root);
    if (!here)
        return error_errno(err, errno, "the working folder cannot be found");
    char *joined = path_join(here, named ? named : "results");
    p->results_folder = path_normal(joined);
    if (p->pipeline->result_count > 0)
        p->results = path_join(p->results_folder, p->pipeline->name);
    free(here);
    free(joined);
    return 0;
}

int project_open(struct project *p, const struct arguments *a, enum project_store store, struct error *err) {
    *p = (struct project){.targets = operands_from(a, 1),
                          .target_count = operand_count(a) > 1 ? operand_count(a) - 1 : 0,
                          .arguments = a,
                          .store_need = store};
    int code = read_pipeline(p, a, err);
    if (code)
        return code;
    code = find_results(p, err);
    if (code == 0)
        code = project_stage_program(&p->stage_program, err);
    if (code == 0)
        code = ignore_open(&p->ignore, p->root, err);
    if (code || store == PROJECT_NO_STORE)
        return code;
    code = open_store_of(p, err);
    if (code)
        return code;
    const struct input_rules rules = {.filter = ignore_filter(p->ignore), .results = p->results, .project = p->root};
    store_set_input_rules(p->store, &rules);
    p->facts = facts_create(p->store, p->stage_program, p->committed);
    return 0;
}

/* The selects that were decided without instances that failed. */
static void say_left_out(const struct project *p) {
    size_t count;
    struct instance *const *all = plan_instances(p->plan, &count);
    for (size_t k = 0; plan_has_quorum(p->plan) && k < count; k++) {
        struct buffer names = {0};
        if (all[k]->wanted && all[k]->state == INSTANCE_DONE && all[k]->decl->type == STAGE_SELECT)
            plan_select_left_out(&names, p->plan, all[k]);
        if (names.size > 0)
            printable_printf(stderr, "%s: %s\n", instance_name(all[k]), buffer_text(&names));
        buffer_close(&names);
    }
}

int project_plan(struct project *p, struct error *err) {
    struct plan_facts facts = facts_table(p->facts);
    int code = plan_create(&p->plan, p->pipeline, &facts, p->targets, p->target_count, err);
    if (code)
        return code;
    code = known_lookup_plan(p->plan, p->store, p->platform, p->drift, p->recall, &p->diagnostics, err);
    plan_warnings(p->plan, say, NULL);
    say_left_out(p);
    int reported = project_report(&p->diagnostics, p->refuses_faults ? err : NULL);
    return code == 0 && p->refuses_faults ? reported : code;
}

void project_close(struct project *p) {
    plan_free(p->plan);
    drift_free(p->drift);
    facts_free(p->facts);
    committed_free(p->committed);
    reads_close(&p->reads);
    store_close(p->store);
    ignore_close(p->ignore);
    struct error left = {0};
    if (p->empty_store && file_remove_tree(p->empty_store, &left) < 0)
        printable_printf(stderr, "left behind: %s\n", left.message);
    free(p->empty_store);
    pipeline_free(p->pipeline);
    diagnostics_close(&p->diagnostics);
    for (size_t i = 0; i < p->override_count; i++)
        if (*p->overrides[i].path)
            override_close(&p->overrides[i]);
    for (size_t i = 0; i < p->override_file_count; i++)
        json_free(p->override_files[i]);
    free(p->overrides);
    free(p->override_files);
    free(p->platform);
    for (size_t i = 0; i < p->cover_count; i++)
        free(p->covers[i]);
    free(p->covers);
    free(p->root);
    free(p->results);
    free(p->results_folder);
    study_close(&p->study);
    free(p->stage_program);
    *p = (struct project){0};
}

static bool holds_home(const char *root) {
    const char *home = getenv("HOME");
    char *real = home && *home ? realpath(home, NULL) : NULL;
    bool holds = path_below(real ? real : "/", root);
    free(real);
    return holds;
}

/* Adds a folder, which takes the place of those that lie in it. */
static void add_cover(struct project *p, char *root) {
    size_t kept = 0;
    for (size_t i = 0; i < p->cover_count; i++) {
        if (path_below(root, p->covers[i])) {
            free(root);
            return;
        }
    }
    for (size_t i = 0; i < p->cover_count; i++) {
        if (path_below(p->covers[i], root))
            free(p->covers[i]);
        else
            p->covers[kept++] = p->covers[i];
    }
    mem_grow(p->covers, &p->cover_capacity, kept + 2);
    p->covers[kept] = root;
    p->covers[p->cover_count = kept + 1] = NULL;
}

/* A part of a commit has no folder. */
static void add_covers(struct project *p, const struct pipeline *part) {
    char *root = part->origin ? NULL : path_repository(part->directory);
    if (root && !holds_home(root))
        add_cover(p, root);
    else
        free(root);
    for (size_t i = 0; i < part->include_count; i++)
        add_covers(p, part->includes[i].part);
}

char **project_covers(struct project *p, const struct arguments *a) {
    const char *wanted = getenv("RETORT_ISOLATION");
    bool off = argument_given(a, "no-isolation") || (wanted && strcmp(wanted, "off") == 0);
    if (!off && !holds_home(p->root))
        add_covers(p, p->pipeline);
    return p->covers;
}
