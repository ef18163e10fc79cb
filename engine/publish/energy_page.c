/*
 * results/<pipeline>.energy.md and .csv: what each published file took, with the label of its joules.
 *
 * They stand beside the folder: results depend on inputs alone and are the same whenever they are made. Joules differ
 * from run to run.
 *
 *   own          the stage that made the file, with all attempts that led to it.
 *   all before   that and every stage that it depends on, each key once.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/bytemap.h"
#include "engine/base/csv.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/meter/meter.h"
#include "engine/publish/internal.h"

static const char mark[] = "<!-- Written by retort with every run that changes it. -->\n";
static const char header[] = "file,stage,own_j,own_label,own_uncertainty_j,measured_j,measured_uncertainty_j,modelled_"
                             "j,stages,without_figure,cpu_s,sources\n";

/* The joules of a key, with all attempts that led to it; one piece for all instances that share the key. */
struct piece {
    const char *kind;
    double joules, uncertainty_j, cpu_s; /* NaN: not known */
    char label[16];
    char *source;
    size_t counted; /* number of the last sum that it is part of */
};

/* Joules of different labels are never one number. */
struct cost {
    double measured_j, uncertainty_j, modelled_j; /* uncertainty: of what was measured */
    double cpu_s;                                 /* NaN: of one stage it is not known */
    size_t stages, without;                       /* without a figure: unavailable, unresolved */
    struct buffer sources;
};

struct page {
    const struct publishing *how;
    struct instance *const *all;
    struct piece **of; /* by index of the instance; NULL: a select, or not done */
    size_t *visited;   /* by index: number of the last sum that came by */
    size_t count, sums;
    struct bytemap by_key;
    struct piece **pieces; /* each key once */
    size_t piece_count, piece_capacity;
    struct buffer rows, csv;
};

/* ---- joules of each key ---- */

static struct piece *piece_create(const struct publishing *how, const struct instance *i) {
    struct piece *p = mem_alloc(sizeof *p);
    cJSON *energy = how->energy(how->context, i);
    struct energy_view v = energy_view_all(energy);
    p->kind = i->decl->kind ? i->decl->kind->name : "cmd";
    p->joules = v.joules;
    p->uncertainty_j = v.uncertainty_j;
    p->cpu_s = v.cpu_s;
    p->source = mem_printf("%s%s%s", v.source, *v.constants ? "/" : "", v.constants);
    snprintf(p->label, sizeof p->label, "%s", v.label);
    cJSON_Delete(energy);
    return p;
}

static void read_pieces(struct page *page) {
    page->of = mem_array(page->count + 1, sizeof *page->of);
    page->visited = mem_array(page->count + 1, sizeof *page->visited);
    store_read_begin(page->how->store);
    for (size_t k = 0; k < page->count; k++) {
        const struct instance *i = page->all[k];
        if (i->state != INSTANCE_DONE || !i->keyed || !i->wanted)
            continue;
        struct piece *p = bytemap_get(&page->by_key, i->key.bytes, sizeof i->key.bytes);
        if (!p) {
            p = piece_create(page->how, i);
            bytemap_put(&page->by_key, i->key.bytes, sizeof i->key.bytes, p);
            mem_grow(page->pieces, &page->piece_capacity, page->piece_count + 1);
            page->pieces[page->piece_count++] = p;
        }
        page->of[i->index] = p;
    }
    store_read_end(page->how->store, NULL);
}

/* ---- sums ---- */

static void cost_add(struct cost *c, const struct piece *p) {
    bool measured = strcmp(p->label, "measured") == 0;
    c->stages++;
    c->cpu_s += p->cpu_s;
    c->uncertainty_j += measured ? p->uncertainty_j : 0;
    if (isfinite(p->joules))
        *(measured ? &c->measured_j : &c->modelled_j) += p->joules;
    else
        c->without++;
    if (*p->source && !strstr(buffer_text(&c->sources), p->source))
        buffer_printf(&c->sources, "%s%s", c->sources.size ? " " : "", p->source);
}

/* An instance and all it needs, each key once. */
static void add_upstream(struct cost *c, struct page *page, const struct instance *last) {
    const struct instance **open = mem_array(page->count + 1, sizeof *open);
    size_t depth = 0, sum = ++page->sums;
    open[depth++] = last;
    page->visited[last->index] = sum;
    while (depth > 0) {
        const struct instance *i = open[--depth];
        struct piece *p = page->of[i->index];
        if (p && p->counted != sum) {
            p->counted = sum;
            cost_add(c, p);
        }
        for (size_t k = 0; k < i->need_count; k++) {
            const struct instance *need = i->needs[k];
            if (page->visited[need->index] == sum)
                continue;
            page->visited[need->index] = sum;
            open[depth++] = need;
        }
    }
    free(open);
}

/* ---- text ---- */

static void put_uncertainty(struct buffer *out, double joules) {
    struct buffer text = {0};
    if (!isfinite(joules))
        return;
    energy_figure(&text, joules, "");
    buffer_printf(out, " (± %.*s)", (int)text.size - 1, buffer_text(&text)); /* less the blank before no label */
    buffer_close(&text);
}

static void put_joules(struct buffer *out, const struct cost *c) {
    size_t start = out->size;
    if (c->measured_j > 0) {
        energy_figure(out, c->measured_j, "measured");
        put_uncertainty(out, c->uncertainty_j);
    }
    if (c->modelled_j > 0) {
        buffer_puts(out, out->size > start ? ", " : "");
        energy_figure(out, c->modelled_j, "modelled");
    }
    if (c->without)
        buffer_printf(out, "%s%zu without a figure", out->size > start ? ", " : "", c->without);
}

/* Two cells: CPU seconds, and the number of stages. */
static void put_amounts(struct buffer *out, const struct cost *c) {
    if (isfinite(c->cpu_s))
        buffer_printf(out, " | %.4g", c->cpu_s);
    else
        buffer_puts(out, " | unknown");
    buffer_printf(out, " | %zu |\n", c->stages);
}

static void put_number(struct buffer *out, double value) {
    if (isfinite(value))
        json_number(out, value);
    buffer_putc(out, ',');
}

static void put_csv(struct page *page, const char *file, const char *stage, const struct piece *own,
                    const struct cost *c) {
    struct buffer *out = &page->csv;
    csv_cell(out, file);
    buffer_putc(out, ',');
    csv_cell(out, stage);
    buffer_putc(out, ',');
    put_number(out, own ? own->joules : (double)NAN);
    buffer_printf(out, "%s,", own ? own->label : "");
    put_number(out, own ? own->uncertainty_j : (double)NAN);
    put_number(out, c->measured_j);
    put_number(out, c->measured_j > 0 ? c->uncertainty_j : (double)NAN);
    put_number(out, c->modelled_j);
    buffer_printf(out, "%zu,%zu,", c->stages, c->without);
    put_number(out, c->cpu_s);
    csv_cell(out, buffer_text(&c->sources));
    buffer_putc(out, '\n');
}

static void add_file(struct page *page, const struct item *item) {
    const struct instance *i = item->instance;
    const struct piece *own = page->of[i->index];
    struct cost cost = {0};
    if (!own)
        return;
    add_upstream(&cost, page, i);
    buffer_printf(&page->rows, "| %s | %s | ", item->name, instance_name(i));
    energy_figure(&page->rows, own->joules, own->label);
    put_uncertainty(&page->rows, own->uncertainty_j);
    buffer_puts(&page->rows, " | ");
    put_joules(&page->rows, &cost);
    buffer_printf(&page->rows, " | %zu |\n", cost.stages);
    put_csv(page, item->name, instance_name(i), own, &cost);
    buffer_close(&cost.sources);
}

static int by_kind(const void *a, const void *b) {
    return strcmp((*(struct piece *const *)a)->kind, (*(struct piece *const *)b)->kind);
}

static void put_kinds(struct buffer *out, struct page *page) {
    struct cost all = {0};
    buffer_puts(out, "\n| kind | joules | CPU seconds | stages |\n|---|---|---|---|\n");
    qsort(page->pieces, page->piece_count, sizeof *page->pieces, by_kind);
    for (size_t k = 0, next; k < page->piece_count; k = next) {
        struct cost cost = {0};
        for (next = k; next < page->piece_count && strcmp(page->pieces[next]->kind, page->pieces[k]->kind) == 0; next++)
            cost_add(&cost, page->pieces[next]);
        buffer_printf(out, "| %s | ", page->pieces[k]->kind);
        put_joules(out, &cost);
        put_amounts(out, &cost);
        buffer_close(&cost.sources);
    }
    for (size_t k = 0; k < page->piece_count; k++)
        cost_add(&all, page->pieces[k]);
    buffer_puts(out, "| all | ");
    put_joules(out, &all);
    put_amounts(out, &all);
    buffer_printf(out, "\nSources: %s.\n", buffer_text(&all.sources));
    put_csv(page, "(all)", "", NULL, &all);
    buffer_close(&all.sources);
}

static void put_page(struct buffer *out, struct page *page) {
    buffer_printf(out, "%s\n# Joules of results/%s\n\n", mark, page->how->pipeline->name);
    buffer_puts(out, "What each file took when its stages ran, whichever run that was, with all attempts that led to "
                     "it. `all before it` holds the stage that made the file and every stage that it depends on, each "
                     "once; files share stages, so the rows do not add up, and the last table does. `modelled`: CPU "
                     "seconds and memory times constants, no counter was read.\n\n"
                     "| file | stage | its own | all before it | stages |\n|---|---|---|---|---|\n");
    buffer_append(out, page->rows.data, page->rows.size);
    put_kinds(out, page);
}

/* ---- files ---- */

/* ERR_IO: what stands there does not begin as a page does. */
static int check_ours(const char *path, const char *begins, struct error *err) {
    struct stat st;
    struct buffer there = {0};
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "%s: cannot be examined", path);
    int rc = S_ISREG(st.st_mode) ? file_read(&there, path, SIZE_MAX / 2, err) : 0;
    if (rc == 0 && strncmp(buffer_text(&there), begins, strlen(begins)) != 0)
        rc = error_set(err, ERR_IO, "%s: Retort did not write this file; move it away and run again", path);
    buffer_close(&there);
    return rc;
}

static int write_file(const char *path, const char *begins, const struct buffer *text, const char *staging,
                      struct error *err) {
    int rc = check_ours(path, begins, err);
    return rc < 0 ? rc : target_write(path, staging, text, err);
}

/* Nanoseconds since 1970 when a file was last written; -1: there is none. */
static int64_t written_ns(const char *path) {
    struct stat st;
    return stat(path, &st) < 0 ? -1 : st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
}

static void page_close(struct page *page) {
    for (size_t k = 0; k < page->piece_count; k++) {
        free(page->pieces[k]->source);
        free(page->pieces[k]);
    }
    free(page->pieces);
    free(page->of);
    free(page->visited);
    bytemap_close(&page->by_key);
    buffer_close(&page->rows);
    buffer_close(&page->csv);
}

bool energy_page_is_due(const struct publishing *how, const char *folder) {
    char *manifest = manifest_path(folder);
    char *md = mem_printf("%s.energy.md", folder);
    char *csv = mem_printf("%s.energy.csv", folder);
    int64_t published_ns = written_ns(manifest);
    bool due = how->executed || written_ns(md) < published_ns || written_ns(csv) < published_ns;
    free(csv);
    free(md);
    free(manifest);
    return due;
}

int energy_page_write(const struct publishing *how, const struct items *items, const char *folder, const char *staging,
                      struct error *err) {
    struct page page = {.how = how};
    struct buffer text = {0};
    char *md = mem_printf("%s.energy.md", folder);
    char *csv = mem_printf("%s.energy.csv", folder);
    page.all = plan_instances(how->plan, &page.count);
    buffer_puts(&page.csv, header);
    read_pieces(&page);
    for (size_t i = 0; i < items->count; i++)
        add_file(&page, &items->items[i]);
    put_page(&text, &page);
    int rc = write_file(md, mark, &text, staging, err);
    if (rc == 0)
        rc = write_file(csv, header, &page.csv, staging, err);
    page_close(&page);
    buffer_close(&text);
    free(csv);
    free(md);
    return rc;
}
