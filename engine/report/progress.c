#include "engine/report/progress.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"

enum { PROGRESS_EVERY_S = 10 };

/* A running stage, for the lines about progress. */
struct running {
    const struct instance *instance;
    uint64_t started_ns, shown_ns;
};

struct progress {
    enum progress_style style;
    FILE *stream;
    uint64_t began_ns;
    struct running *running;
    size_t running_count, running_capacity;
    size_t ended;
};

static const char *const state_names[] = {
    [STAGE_KNOWN] = "known",     [STAGE_STARTED] = "started",   [STAGE_FINISHED] = "finished",
    [STAGE_FAILED] = "failed",   [STAGE_RETRYING] = "retrying", [STAGE_INTERRUPTED] = "interrupted",
    [STAGE_SKIPPED] = "skipped", [STAGE_SELECTED] = "selected",
};

/* A stage may send any bytes. */
static void put_line(FILE *stream, const char *before, const char *text) {
    struct buffer shown = {0};
    printable_append_line(&shown, text);
    fprintf(stream, "%s%s", before, buffer_text(&shown));
    buffer_close(&shown);
}

static double seconds_since(uint64_t ns) {
    return (double)(clock_monotonic_ns() - ns) / 1e9;
}

static struct running *find_running(struct progress *p, const struct instance *i) {
    for (size_t k = 0; k < p->running_count; k++)
        if (p->running[k].instance == i)
            return &p->running[k];
    return NULL;
}

static void begin_running(struct progress *p, const struct instance *i) {
    if (find_running(p, i))
        return;
    uint64_t now = clock_monotonic_ns();
    mem_grow(p->running, &p->running_capacity, p->running_count + 1);
    p->running[p->running_count++] = (struct running){i, now, now};
}

static double end_running(struct progress *p, const struct instance *i) {
    struct running *r = find_running(p, i);
    if (!r)
        return 0;
    double seconds = seconds_since(r->started_ns);
    *r = p->running[--p->running_count];
    return seconds;
}

static void json_stage(struct progress *p, const struct instance *i, enum stage_event event, const char *detail) {
    if (i->decl->type == STAGE_SELECT)
        return; /* selects have no key; they appear in neither plan nor counts */
    struct buffer line = {0};
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, &i->key);
    buffer_puts(&line, "{\"event\":\"stage\",\"stage\":");
    json_string(&line, instance_name(i));
    buffer_puts(&line, ",\"key\":");
    if (i->keyed)
        json_string(&line, hex);
    else
        buffer_puts(&line, "null");
    buffer_printf(&line, ",\"state\":\"%s\"", state_names[event]);
    if (detail) {
        buffer_puts(&line, ",\"detail\":");
        json_string(&line, detail);
    }
    fprintf(p->stream, "%s}\n", buffer_text(&line));
    fflush(p->stream);
    buffer_close(&line);
}

static void plain_stage(struct progress *p, const struct instance *i, enum stage_event event, const char *detail) {
    double took =
        event == STAGE_FINISHED || event == STAGE_FAILED || event == STAGE_INTERRUPTED ? end_running(p, i) : 0;
    if (event == STAGE_STARTED)
        begin_running(p, i);
    if (event == STAGE_KNOWN || (p->style == PROGRESS_NONE && event != STAGE_FAILED))
        return;
    double now = seconds_since(p->began_ns);
    if (took > 0)
        printable_printf(p->stream, "%7.1fs  %-11s %s  (%.1f s)\n", now, state_names[event], instance_name(i), took);
    else
        printable_printf(p->stream, "%7.1fs  %-11s %s\n", now, state_names[event], instance_name(i));
    for (const char *line = detail; line && *line;) {
        size_t length = strcspn(line, "\n");
        printable_printf(p->stream, "                      %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    fflush(p->stream);
}

static void on_stage(void *context, const struct instance *i, enum stage_event event, const char *detail) {
    struct progress *p = context;
    if (p->style == PROGRESS_JSON)
        json_stage(p, i, event, detail);
    else
        plain_stage(p, i, event, detail);
}

static void on_progress(void *context, const struct instance *i, double done, double total, const char *unit) {
    struct progress *p = context;
    struct running *r = find_running(p, i);
    if (!r || p->style != PROGRESS_PLAIN || seconds_since(r->shown_ns) < PROGRESS_EVERY_S)
        return;
    r->shown_ns = clock_monotonic_ns();
    printable_printf(p->stream, "%7.1fs  %-11s %s  %.0f", seconds_since(p->began_ns), "running", instance_name(i),
                     done);
    if (total >= done)
        fprintf(p->stream, " of %.0f", total);
    if (unit) {
        put_line(p->stream, " ", unit);
    }
    if (done > 0 && total >= done)
        fprintf(p->stream, ", about %.0f s left", seconds_since(r->started_ns) * (total - done) / done);
    fputs("\n", p->stream);
    fflush(p->stream);
}

static void on_note(void *context, const struct instance *i, const char *text) {
    struct progress *p = context;
    if (p->style != PROGRESS_PLAIN)
        return;
    printable_printf(p->stream, "%7.1fs  %-11s %s%s", seconds_since(p->began_ns), "note", i ? instance_name(i) : "",
                     i ? ": " : "");
    put_line(p->stream, "", text);
    fputs("\n", p->stream);
    fflush(p->stream);
}

struct progress *progress_create(enum progress_style style, FILE *stream) {
    struct progress *p = mem_alloc(sizeof *p);
    p->style = style;
    p->stream = stream;
    p->began_ns = clock_monotonic_ns();
    return p;
}

void progress_free(struct progress *p) {
    if (!p)
        return;
    free(p->running);
    free(p);
}

struct run_observer progress_observer(struct progress *p) {
    return (struct run_observer){.context = p, .stage = on_stage, .progress = on_progress, .note = on_note};
}

static void print_results(FILE *stream, const struct published *p) {
    size_t unknown = p->total - p->known;
    if (!p->path)
        return;
    if (unknown == 0)
        printable_printf(stream, "results: %s/\n", p->path);
    else
        printable_printf(stream, "results: %zu of %zu %s not known yet; the others are in %s/\n", unknown, p->total,
                         unknown == 1 ? "is" : "are", p->path);
}

void progress_end(struct progress *p, const struct run_summary *s) {
    if (p->style == PROGRESS_JSON) {
        fprintf(
            p->stream,
            "{\"event\":\"end\",\"known\":%zu,\"finished\":%zu,\"failed\":%zu,\"interrupted\":%zu,\"skipped\":%zu}\n",
            s->known, s->finished, s->failed, s->interrupted, s->skipped);
    } else if (p->style == PROGRESS_PLAIN) {
        fprintf(p->stream, "%zu known, %zu finished, %zu failed", s->known, s->finished, s->failed);
        if (s->interrupted)
            fprintf(p->stream, ", %zu interrupted", s->interrupted);
        if (s->skipped)
            fprintf(p->stream, ", %zu skipped", s->skipped);
        fprintf(p->stream, " in %.1f s\n", s->wall_s);
        print_results(p->stream, &s->results);
    }
    fflush(p->stream);
}
