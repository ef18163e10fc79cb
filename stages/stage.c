#include "stages/stage.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/kinds/kind.h"

enum { PROGRESS_INTERVAL_MS = 100 };

struct input {
    const char *name;
    struct stage_item *items;
    size_t count;
};

struct stage {
    struct json_document *spec;
    const struct kind *kind;
    cJSON *with;
    cJSON *metrics;
    struct input *inputs;
    size_t input_count;
    int cpus;
    int events_fd; /* -1: none */
    char *checkpoint;
    uint64_t progress_ns; /* when progress was last reported; 0: never */
};

/* Set by SIGTERM; the process runs one stage only. */
static volatile sig_atomic_t asked_to_leave;

static void on_terminate(int signal_number) {
    (void)signal_number;
    asked_to_leave = 1;
}

static void signals_install(void) {
    struct sigaction action = {.sa_handler = on_terminate, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    asked_to_leave = 0;
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* an engine that has gone must not turn an event into a death without a checkpoint */
}

static int item_read(struct stage_item *out, const char *input, const cJSON *node, struct error *err) {
    out->path = json_text(node, "path", NULL);
    out->name = json_text(node, "name", NULL);
    out->sha256 = json_text(node, "sha256", "");
    out->labels = cJSON_GetObjectItemCaseSensitive(node, "labels");
    if (!out->path || !out->name || (out->labels && !cJSON_IsObject(out->labels)))
        return error_set(err, ERR_INVALID, "input \"%s\" of the spec needs the texts \"path\" and \"name\"", input);
    return 0;
}

static int input_read(struct input *in, const struct kind *kind, const cJSON *node, struct error *err) {
    const struct kind_input *described = kind_input(kind, node->string);
    if (!described)
        return error_set(err, ERR_INVALID, "%s has no input \"%s\"", kind->name, node->string);
    if (cJSON_IsArray(node) && !described->list)
        return error_set(err, ERR_INVALID, "input \"%s\" of %s takes one file, not a list", node->string, kind->name);
    bool list = cJSON_IsArray(node);
    in->name = node->string;
    in->count = list ? (size_t)cJSON_GetArraySize(node) : 1;
    in->items = mem_array(in->count, sizeof *in->items);
    size_t i = 0;
    for (const cJSON *item = list ? node->child : node; item && i < in->count; item = item->next, i++) {
        int rc = item_read(&in->items[i], in->name, item, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int inputs_read(struct stage *s, const cJSON *in, struct error *err) {
    size_t total = in ? (size_t)cJSON_GetArraySize(in) : 0;
    s->inputs = mem_array(total, sizeof *s->inputs);
    for (const cJSON *node = in ? in->child : NULL; node; node = node->next) {
        int rc = input_read(&s->inputs[s->input_count++], s->kind, node, err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < s->kind->input_count; i++) {
        size_t count;
        stage_input(s, s->kind->inputs[i].name, &count);
        if (s->kind->inputs[i].required && count == 0)
            return error_set(err, ERR_INVALID, "%s needs the input \"%s\"", s->kind->name, s->kind->inputs[i].name);
    }
    return 0;
}

static int outs_check(const struct stage *s, struct error *err) {
    for (size_t i = 0; i < s->kind->out_count; i++)
        if (!stage_out(s, s->kind->outs[i].name))
            return error_set(err, ERR_INVALID, "the spec has no path for the out \"%s\" of %s", s->kind->outs[i].name,
                             s->kind->name);
    return 0;
}

/* The first fault is enough: the engine has checked the file already and reported them all. */
static void first_fault(void *context, const cJSON *at, bool on_key, const char *message) {
    struct error *err = context;
    (void)at;
    (void)on_key;
    if (err && err->code == 0)
        error_set(err, ERR_INVALID, "%s", message);
}

static int with_read(struct stage *s, struct error *err) {
    const cJSON *with = cJSON_GetObjectItemCaseSensitive(json_root(s->spec), "with");
    struct error fault = {0};
    if (kind_check_with(s->kind, with, NULL, first_fault, &fault) > 0)
        return error_set(err, ERR_INVALID, "%s", fault.message);
    s->with = kind_with_complete(s->kind, with);
    return 0;
}

static void environment_read(struct stage *s) {
    const char *fd = getenv("RETORT_EVENTS_FD"), *checkpoint = getenv("RETORT_CHECKPOINT");
    char *end = NULL;
    long number = fd ? strtol(fd, &end, 10) : -1;
    s->events_fd = fd && end != fd && *end == '\0' && number >= 0 && number <= INT_MAX ? (int)number : -1;
    s->checkpoint = checkpoint && *checkpoint ? mem_strdup(checkpoint) : NULL;
}

static int spec_read(struct stage *s, const char *path, struct error *err) {
    int rc = json_read(&s->spec, path, NULL, err);
    if (rc)
        return rc;
    const cJSON *root = json_root(s->spec);
    if (!cJSON_IsObject(root) || json_double(root, "retort_spec", 0) != 1)
        return error_set(err, ERR_INVALID, "%s: not a stage's spec of version 1", path);
    const char *uses = json_text(root, "kind", NULL);
    if (!uses)
        return error_set(err, ERR_INVALID, "%s: a spec without \"kind\" is not for a built-in kind", path);
    double cpus = json_double(root, "cpus", 1);
    s->cpus = cpus >= 1 && cpus <= 1024 ? (int)cpus : 1;
    if ((rc = kind_find(&s->kind, uses, err)) || (rc = with_read(s, err)) || (rc = outs_check(s, err)) ||
        (rc = inputs_read(s, cJSON_GetObjectItemCaseSensitive(root, "in"), err)))
        error_prefix(err, "%s", path);
    return rc;
}

int stage_open(struct stage **out, const char *spec_path, struct error *err) {
    struct stage *s = mem_alloc(sizeof *s);
    *out = NULL;
    s->metrics = cJSON_CreateObject();
    environment_read(s);
    int rc = spec_read(s, spec_path, err);
    if (rc) {
        stage_close(s);
        return rc;
    }
    signals_install();
    *out = s;
    return 0;
}

void stage_close(struct stage *s) {
    if (!s)
        return;
    for (size_t i = 0; i < s->input_count; i++)
        free(s->inputs[i].items);
    free(s->inputs);
    free(s->checkpoint);
    cJSON_Delete(s->with);
    cJSON_Delete(s->metrics);
    json_free(s->spec);
    free(s);
}

const struct kind *stage_kind(const struct stage *s) {
    return s->kind;
}

const cJSON *stage_with(const struct stage *s) {
    return s->with;
}

int stage_cpus(const struct stage *s) {
    return s->cpus;
}

double stage_number(const struct stage *s, const char *name) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(s->with, name);
    assert(cJSON_IsNumber(node));
    return node->valuedouble;
}

int64_t stage_integer(const struct stage *s, const char *name) {
    return (int64_t)stage_number(s, name);
}

bool stage_boolean(const struct stage *s, const char *name) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(s->with, name);
    assert(cJSON_IsBool(node));
    return cJSON_IsTrue(node);
}

const char *stage_text(const struct stage *s, const char *name) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(s->with, name);
    assert(cJSON_IsString(node));
    return node->valuestring;
}

const struct stage_item *stage_input(const struct stage *s, const char *name, size_t *count) {
    for (size_t i = 0; i < s->input_count; i++)
        if (strcmp(s->inputs[i].name, name) == 0) {
            *count = s->inputs[i].count;
            return *count ? s->inputs[i].items : NULL;
        }
    *count = 0;
    return NULL;
}

const char *stage_out(const struct stage *s, const char *name) {
    const cJSON *outs = cJSON_GetObjectItemCaseSensitive(json_root(s->spec), "outs");
    return json_text(cJSON_GetObjectItemCaseSensitive(outs, name), "path", NULL);
}

int stage_write(const struct stage *s, const char *name, const void *bytes, size_t size, struct error *err) {
    const char *path = stage_out(s, name);
    assert(path);
    return file_replace(path, bytes, size, 0666, err);
}

const char *stage_checkpoint(const struct stage *s) {
    return s->checkpoint;
}

/* One write a line: up to PIPE_BUF bytes nobody sees half of one. A line that cannot be written is lost, and only
   that. */
static void event_send(const struct stage *s, struct buffer *line) {
    buffer_putc(line, '\n');
    const char *at = line->data;
    size_t left = line->size;
    while (s->events_fd >= 0 && left > 0) {
        ssize_t n = write(s->events_fd, at, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += n;
        left -= (size_t)n;
    }
    buffer_close(line);
}

void stage_progress(struct stage *s, double done, double total, const char *unit) {
    uint64_t now = clock_monotonic_ns();
    bool last = done >= total;
    if (s->events_fd < 0 ||
        (!last && s->progress_ns && now - s->progress_ns < PROGRESS_INTERVAL_MS * UINT64_C(1000000)))
        return;
    s->progress_ns = now;
    struct buffer line = {0};
    buffer_puts(&line, "{\"progress\":{\"done\":");
    json_number(&line, done);
    buffer_puts(&line, ",\"total\":");
    json_number(&line, total);
    buffer_puts(&line, ",\"unit\":");
    json_string(&line, unit);
    buffer_puts(&line, "}}");
    event_send(s, &line);
}

void stage_metric(struct stage *s, const char *name, double step, double value) {
    struct buffer line = {0};
    buffer_puts(&line, "{\"metric\":{\"name\":");
    json_string(&line, name);
    buffer_puts(&line, ",\"step\":");
    json_number(&line, step);
    buffer_puts(&line, ",\"value\":");
    json_number(&line, value);
    buffer_puts(&line, "}}");
    event_send(s, &line);
}

void stage_note(struct stage *s, const char *format, ...) {
    struct buffer text = {0}, line = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    buffer_puts(&line, "{\"note\":");
    json_string(&line, buffer_text(&text));
    buffer_putc(&line, '}');
    event_send(s, &line);
    buffer_close(&text);
}

bool stage_interrupted(const struct stage *s) {
    (void)s;
    return asked_to_leave != 0;
}

int stage_result(struct stage *s, const char *metric, double value, struct error *err) {
    bool known = false;
    for (size_t i = 0; i < s->kind->metric_count; i++)
        known = known || strcmp(s->kind->metrics[i].name, metric) == 0;
    assert(known);
    if (!isfinite(value))
        return error_set(err, ERR_FAILED, "the metric \"%s\" is %s: nothing that a record may hold", metric,
                         isnan(value) ? "not a number" : "infinite");
    cJSON_DeleteItemFromObjectCaseSensitive(s->metrics, metric);
    cJSON_AddNumberToObject(s->metrics, metric, value);
    return 0;
}

int stage_finish(struct stage *s, struct error *err) {
    struct buffer text = {0};
    int rc = 0;
    for (size_t i = 0; i < s->kind->out_count && !rc; i++) {
        if (strcmp(s->kind->outs[i].type, "metrics") != 0)
            continue;
        buffer_clear(&text);
        json_pretty(&text, s->metrics);
        buffer_putc(&text, '\n');
        rc = stage_write(s, s->kind->outs[i].name, text.data, text.size, err);
    }
    buffer_close(&text);
    return rc;
}
