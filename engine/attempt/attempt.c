#include "engine/attempt/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/attempt/confine.h"
#include "engine/attempt/environment.h"
#include "engine/attempt/fetch.h"
#include "engine/attempt/view.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/environment/gpus.h"
#include "engine/provenance/provenance.h"
#include "store/attempts.h"
#include "store/record_format.h"

enum { QUICK_ITEMS = 8, QUICK_BYTES = 64 * 1024 };

/* ---- shared by attempts ---- */

static void on_provenance(uv_work_t *work, int status) {
    struct attempts *all = work->data;
    (void)status;
    all->has_provenance = true;
}

/* The store's work/, and the mark of this engine's attempts: "@" and what follows in their names. */
static int open_work(struct attempts *all, char **mark, struct error *err) {
    char *path = store_work_path(all->options.store, "any");
    char *folder = path_directory(path);
    *mark = mem_strdup(strrchr(path, '@'));
    all->work_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = all->work_fd < 0 ? error_errno(err, errno, "%s: cannot be opened", folder) : 0;
    free(folder);
    free(path);
    return rc;
}

int attempts_open(struct attempts *out, const struct attempts_options *options, struct error *err) {
    char *mark = NULL;
    *out = (struct attempts){.options = *options, .work_fd = -1};
    out->platform = mem_strdup(options->platform);
    out->name = mem_strdup(options->name);
    out->run = options->run ? mem_strdup(options->run) : NULL;
    int rc = open_work(out, &mark, err);
    if (rc == 0)
        rc = executor_open(&out->executor, options->loop, facts_keeper_program(options->facts), mark, err);
    free(mark);
    if (rc < 0)
        return rc;
    out->provenance_work.data = out;
    uv_queue_work(options->loop, &out->provenance_work, attempts_find_provenance, on_provenance);
    return 0;
}

void attempts_close(struct attempts *all) {
    attempts_end_fetches(all);
    transfers_close(all->transfers);
    executor_close(all->executor);
    for (struct attempt_directory *d = all->idle, *next; d; d = next) {
        next = d->next;
        directory_free(d);
    }
    all->idle = NULL;
}

void attempts_stop(void *all, bool stop) {
    const struct attempts *attempts = all;
    executor_stop(attempts->executor, stop);
}

void attempts_free(struct attempts *all) {
    executor_free(all->executor);
    fetches_free(all);
    if (all->work_fd >= 0)
        close(all->work_fd);
    git_files_close(&all->git_files);
    cJSON_Delete(all->git);
    cJSON_Delete(all->git_text);
    cJSON_Delete(all->host_text);
    cJSON_Delete(all->versions_text);
    free(all->platform);
    free(all->run);
    free(all->name);
    free(all->prepared);
}

/* ---- making ---- */

bool attempt_uses_checkpoint(const struct instance *i) {
    return i->decl->checkpoint || (i->decl->kind && i->decl->kind->checkpoints);
}

struct attempt *attempt_create(struct attempts *all, const struct attempt_options *options) {
    struct attempt *a = mem_alloc(sizeof *a);
    struct store *store = all->options.store;
    double cpus = options->instance->decl->resources.cpus;
    a->all = all;
    a->instance = options->instance;
    a->id = mem_strdup(options->id);
    a->number = options->number;
    a->cpus = cpus > 1 ? (int)cpus : 1;
    a->only_look = options->only_look;
    a->checkpoint = options->checkpoint;
    a->checkpoint_fd = -1;
    a->keeps = !a->only_look && all->options.keep_failed > 0;
    a->stdout_log = store_log_path(store, a->id, "stdout");
    a->stderr_log = store_log_path(store, a->id, "stderr");
    attempt_result_init(&a->outcome.result);
    instance_hold_action(a->instance);
    inputs_init(&a->inputs, a->instance->action);
    confine_choose(a);
    view_choose(a);
    if (!a->only_look) {
        a->account = attempt_record_head(a);
        a->account_path = store_attempt_path(store, a->id);
    }
    return a;
}

void attempt_free(struct attempt *a) {
    if (!a)
        return;
    for (size_t i = 0; a->argv && a->argv[i]; i++)
        free(a->argv[i]);
    free(a->argv);
    environment_free(a->environment);
    if (a->checkpoint_fd >= 0)
        close(a->checkpoint_fd);
    inputs_close(&a->inputs);
    view_close(a);
    confine_close(a);
    instance_release_action(a->instance);
    outcome_close(&a->outcome);
    events_close(&a->events);
    cJSON_Delete(a->account);
    free(a->account_path);
    free(a->gpus);
    free(a->worked_in);
    free(a->kept);
    free(a->checkpoint);
    free(a->stdout_log);
    free(a->stderr_log);
    free(a->id);
    free(a);
}

/* ---- its directory ---- */

static struct attempt_directory *acquire_directory(struct attempts *all) {
    struct attempt_directory *d = all->idle;
    if (d) {
        all->idle = d->next;
        return d;
    }
    struct store *store = all->options.store;
    char *name = mem_printf("%s-slot%zu", all->name, all->directory_count++);
    d = directory_create(all->work_fd, store_work_path(store, name), store_log_path(store, name, "stdout"),
                         store_log_path(store, name, "stderr"));
    free(name);
    return d;
}

static void give_back(struct attempt *a) {
    a->directory->next = a->all->idle;
    a->all->idle = a->directory;
    a->directory = NULL;
}

void attempt_remove(struct attempt *a) {
    if (!a->directory)
        return;
    directory_reset(a->directory);
    give_back(a);
}

/* ---- the end ---- */

static void return_gpus(struct attempt *a) {
    if (a->holds_gpus)
        gpus_return(a->all->options.gpus, a->gpus);
    a->holds_gpus = false;
}

static void end(struct attempt *a) {
    return_gpus(a);
    if (a->code < 0)
        attempt_remove(a);
    else if (!a->only_look)
        give_back(a); /* it is empty */
    a->observer.ended(a->observer.context);
}

/* Whether the failure is the stage's own. A full disk is not kept full by what filled it. */
static bool is_worth_keeping(const struct attempt *a) {
    return a->keeps && !a->outcome.finished && a->code == 0 && !a->outcome.short_of_space;
}

/* Says in the failure where its directory is, or why it is gone. */
static void keep_directory(struct attempt *a) {
    const struct attempts_options *o = &a->all->options;
    struct error fault = {0};
    int folder = store_failed_open(o->store, o->pipeline->name, true);
    int rc = folder < 0 ? error_set(&fault, ERR_IO, "its place %s cannot be opened, or is a link", a->kept) : 0;
    if (rc == 0 && attempt_leaves_repository(a, a->directory->stage_fd, "."))
        rc = error_set(&fault, ERR_FAILED, "it holds a git repository of another team");
    if (rc == 0)
        rc = inputs_leave(a, &fault);
    if (rc == 0)
        rc = directory_keep(a->directory, folder, path_base(a->kept), &fault);
    if (rc == 0)
        store_failed_prune(folder, o->keep_failed);
    if (folder >= 0)
        close(folder);
    char *detail = rc < 0 ? mem_printf("%s\n  its directory is not kept: %s", a->outcome.detail, fault.message)
                          : mem_printf("%s\n  its directory is kept: %s/dir", a->outcome.detail, a->kept);
    free(a->outcome.detail);
    a->outcome.detail = detail;
}

static void collect(uv_work_t *work) {
    struct attempt *a = work->data;
    a->code = attempt_collect(a, &a->error);
    if (is_worth_keeping(a))
        keep_directory(a);
    if (!a->only_look)
        directory_reset(a->directory);
}

static void on_collected(uv_work_t *work, int status) {
    (void)status;
    end(work->data);
}

/* The keeper looks at the memory at times. A stage that ends between two looks is not killed. */
static void note_memory(const struct attempt *a, const struct attempt_result *r) {
    const double mib = 1 << 20;
    const struct attempt_memory *m = &r->memory;
    if (!a->observer.note || m->limit_bytes <= 0 || m->in_cgroup || m->exceeded || !(r->max_rss_bytes > m->limit_bytes))
        return;
    char *text = mem_printf("peak %.0f MiB of %.0f MiB declared; it held that too briefly to be killed for it",
                            r->max_rss_bytes / mib, m->limit_bytes / mib);
    a->observer.note(a->observer.context, text);
    free(text);
}

static void on_ended(void *context, struct attempt_result *result, int status) {
    struct attempt *a = context;
    a->execution = NULL;
    a->outcome.has_result = result != NULL;
    a->outcome.keeper_status = status;
    if (result)
        a->outcome.result = *result;
    attempt_end_notes(a);
    return_gpus(a); /* the next stage may start now */
    if (result && result->exit == 0 && !result->error && a->observer.executed)
        a->observer.executed(a->observer.context);
    if (result)
        note_memory(a, &a->outcome.result);
    if (a->events.refused > 0 && a->observer.note) {
        char *text =
            mem_printf("%zu lines on its events pipe are no events; stages/README.md says what is", a->events.refused);
        a->observer.note(a->observer.context, text);
        free(text);
    }
    const struct attempts_options *o = &a->all->options;
    if (a->keeps)
        a->kept = store_failed_path(o->store, o->pipeline->name, instance_name(a->instance));
    uv_queue_work(o->loop, &a->work, collect, on_collected);
}

static void on_started(void *context, pid_t keeper) {
    struct attempt *a = context;
    if (a->observer.started)
        a->observer.started(a->observer.context, keeper);
}

static void on_ending(void *context) {
    struct attempt *a = context;
    if (a->observer.ending)
        a->observer.ending(a->observer.context);
}

static void on_refused(void *context, const struct error *err) {
    struct attempt *a = context;
    a->code = err->code;
    a->error = *err;
    end(a);
}

static void on_progress(void *context, double done, double total, const char *unit) {
    struct attempt *a = context;
    a->observer.progress(a->observer.context, done, total, unit);
}

static void on_metric(void *context, const char *name, double step, double value) {
    struct attempt *a = context;
    a->observer.metric(a->observer.context, name, step, value);
}

static void on_note(void *context, const char *text) {
    attempt_note(context, text);
}

static void on_events(void *context, const char *bytes, size_t size) {
    struct attempt *a = context;
    events_feed(&a->events, bytes, size);
}

/* ---- the start ---- */

static void prepare(uv_work_t *work) {
    struct attempt *a = work->data;
    if (a->code == 0)
        a->code = attempt_prepare(a, &a->error);
}

/* An attempt that was cancelled before it began counts as one that left at once. */
static bool is_ready(struct attempt *a) {
    if ((a->code == 0 || a->code == ERR_INTERRUPTED) && a->cancelled) {
        a->outcome.result.exit = ATTEMPT_LEFT_STATUS;
        a->code = error_set(&a->error, ERR_INTERRUPTED, "asked to leave before it began");
    }
    if (a->code == 0)
        a->code = confine_prepare(a, &a->error);
    if (a->code == 0 && a->checkpoint && !a->only_look)
        a->code = store_checkpoint_join(a->all->options.store, &a->instance->key, a->all->platform, a->id, &a->error);
    return a->code == 0;
}

static void on_prepared(uv_work_t *work, int status) {
    struct attempt *a = work->data;
    struct attempts *all = a->all;
    (void)status;
    mem_grow(all->prepared, &all->prepared_capacity, all->prepared_count + 1);
    all->prepared[all->prepared_count++] = a;
}

/* The scheduler starts no stage whose GPUs are not free. */
static int acquire_gpus(struct attempt *a, struct error *err) {
    size_t count = (size_t)a->instance->decl->resources.gpus;
    int rc = count > 0 ? gpus_take(&a->gpus, a->all->options.gpus, count, err) : 0;
    a->holds_gpus = rc == 0 && count > 0;
    return rc;
}

static int begin(struct attempt *a, struct error *err) {
    a->directory = acquire_directory(a->all);
    a->worked_in = mem_strdup(a->directory->stage);
    if (a->account)
        record_set_growing(a->account, path_base(a->directory->stdout_log), path_base(a->directory->stderr_log));
    /* With the checkpoint that an interrupted run left, a verification would not execute everything. */
    if (a->only_look && attempt_uses_checkpoint(a->instance))
        a->checkpoint = path_join(a->directory->root, "checkpoint");
    int rc = confine_check(a, err);
    if (rc == 0)
        rc = acquire_gpus(a, err);
    if (rc == 0)
        rc = fetch_check(a, err);
    return rc == 0 ? inputs_check_before(a, err) : rc;
}

int attempt_enter(struct attempt *a, struct error *err) {
    a->own_inputs = !a->isolation.covers;
    int rc = begin(a, err);
    if (rc == 0)
        rc = attempt_prepare(a, err);
    return rc < 0 ? rc : confine_prepare(a, err);
}

/* Whether the inputs are given faster than a worker is woken. */
static bool is_quick(const struct action *action) {
    uint64_t bytes = 0;
    size_t count = 0;
    bool plain = true;
    for (size_t i = 0; plain && i < action->input_count; i++) {
        count += action->inputs[i].count;
        for (size_t k = 0; plain && count <= QUICK_ITEMS && k < action->inputs[i].count; k++) {
            const struct action_item *item = &action->inputs[i].items[k];
            plain = !item->content.directory && !item->only && !item->url; /* a URL's size is unknown here */
            bytes += item->content.size;
        }
    }
    return plain && count <= QUICK_ITEMS && bytes <= QUICK_BYTES;
}

void attempt_start(struct attempt *a, const struct attempt_observer *observer) {
    a->observer = *observer;
    a->events = (struct event_reader){.context = a,
                                      .progress = observer->progress ? on_progress : NULL,
                                      .metric = observer->metric ? on_metric : NULL,
                                      .note = observer->note ? on_note : NULL};
    a->code = begin(a, &a->error);
    a->work.data = a;
    if (is_quick(a->instance->action)) {
        prepare(&a->work);
        on_prepared(&a->work, 0);
    } else {
        uv_queue_work(a->all->options.loop, &a->work, prepare, on_prepared);
    }
}

/* Ends the prepared attempts that are not ready; the others stay in the list. */
static void drop_unready(struct attempts *all) {
    size_t ready = 0;
    for (size_t i = 0; i < all->prepared_count; i++) {
        if (is_ready(all->prepared[i]))
            all->prepared[ready++] = all->prepared[i];
        else
            end(all->prepared[i]);
    }
    all->prepared_count = ready;
}

void attempts_submit(struct attempts *all) {
    drop_unready(all);
    size_t count = all->prepared_count;
    if (count == 0)
        return;
    struct execution_request *requests = mem_array(count, sizeof *requests);
    struct execution **executions = mem_array(count, sizeof *executions);
    for (size_t i = 0; i < count; i++)
        requests[i] = (struct execution_request){.attempt = attempt_request(all->prepared[i]),
                                                 .observer = {.context = all->prepared[i],
                                                              .started = on_started,
                                                              .events = on_events,
                                                              .ending = on_ending,
                                                              .ended = on_ended,
                                                              .refused = on_refused}};
    executor_submit(all->executor, executions, requests, count);
    for (size_t i = 0; i < count; i++)
        if (executions[i])
            all->prepared[i]->execution = executions[i];
    all->prepared_count = 0;
    free(executions);
    free(requests);
}

void attempt_cancel(struct attempt *a, enum cancel how, bool failed) {
    a->cancelled = true;
    a->keeps = a->keeps && failed;
    if (a->execution)
        executor_cancel(a->all->executor, &a->execution, 1, how);
}
