/*
 * results/<pipeline>.energy.md and .csv: what each published file took, with the label of its joules.
 *
 * Beside the folder, not in it: what is published depends on inputs alone and is the same whenever it is made; joules
 * differ from run to run. For that reason no figure can hold its own either.
 *
 *   own          the stage that made the file, all attempts that led to it
 *   all before   that and every stage whose outs or metrics it depends on, each key once however many ways lead to it
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
#include "engine/publish/publish.h"
#include "engine/run/internal.h"

static const char mark[] = "<!-- Written by retort with every run that changes it. -->\n";
static const char header[] =
    "file,stage,own_j,own_label,own_uncertainty_j,measured_j,measured_uncertainty_j,modelled_j,"
    "stages,without_figure,cpu_s,sources\n";

/* What a key took when it ran; one for all instances that share it. */
struct piece {
    const char *kind;
    double joules, uncertainty_j, cpu_s; /* uncertainty NaN: no bound is known */
    char label[16];
    char *source;
    size_t counted; /* number of the last sum that it is part of */
};

/* Joules of different labels are never one number. */
struct cost {
    double measured_j, uncertainty_j, modelled_j, cpu_s; /* uncertainty: of what was measured */
    size_t stages, without;                              /* without a figure: unavailable, unresolved */
    struct buffer sources;
};

struct page {
    struct run *run;
    struct instance *const *all;
    struct piece **of; /* by index of the instance; NULL: a select, or not done */
    size_t *visited;   /* by index: number of the last sum that came by */
    size_t count, sums;
    struct bytemap by_key;
    struct piece **pieces; /* each key once */
    size_t piece_count, piece_capacity;
    struct buffer rows, csv;
};

/* ---- what each key took ---- */

static void take_energy(struct piece *p, const cJSON *energy) {
    const cJSON *attempts = cJSON_GetObjectItemCaseSensitive(energy, "attempts");
    p->joules = json_double(attempts ? attempts : energy, "joules", (double)NAN);
    p->uncertainty_j = attempts ? (double)NAN : json_double(energy, "uncertainty_j", (double)NAN);
    p->cpu_s = json_double(attempts ? attempts : energy, "cpu_s", 0);
    const char *constants = json_text(energy, "constants", "");
    p->source = mem_printf("%s%s%s", json_text(energy, "source", ""), *constants ? "/" : "", constants);
    snprintf(p->label, sizeof p->label, "%s", json_text(energy, "label", "unavailable"));
}

static struct piece *piece_create(struct run *r, const struct instance *i) {
    const struct task *t = key_map_get(&r->tasks, &i->key);
    struct piece *p = mem_alloc(sizeof *p);
    cJSON *record = NULL;
    bool ran = t && t->finished;
    if (!ran)
        store_record_find(r->store, &i->key, r->options->same_platform ? r->platform : NULL, &record, NULL);
    p->kind = i->decl->kind ? i->decl->kind->name : "cmd";
    take_energy(p, ran ? t->energy_record : cJSON_GetObjectItemCaseSensitive(record, "energy"));
    cJSON_Delete(record);
    return p;
}

static void read_pieces(struct page *page) {
    page->of = mem_array(page->count + 1, sizeof *page->of);
    page->visited = mem_array(page->count + 1, sizeof *page->visited);
    store_read_begin(page->run->store);
    for (size_t k = 0; k < page->count; k++) {
        const struct instance *i = page->all[k];
        if (i->state != INSTANCE_DONE || !i->keyed || !i->wanted)
            continue;
        struct piece *p = bytemap_get(&page->by_key, i->key.bytes, sizeof i->key.bytes);
        if (!p) {
            p = piece_create(page->run, i);
            bytemap_put(&page->by_key, i->key.bytes, sizeof i->key.bytes, p);
            mem_grow(page->pieces, &page->piece_capacity, page->piece_count + 1);
            page->pieces[page->piece_count++] = p;
        }
        page->of[i->index] = p;
    }
    store_read_end(page->run->store, NULL);
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

static void cost_close(struct cost *c) {
    buffer_close(&c->sources);
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

static int add_file(void *context, const char *name, const struct result_item *item, struct error *err) {
    struct page *page = context;
    const struct instance *i = item->instance;
    const struct piece *own = page->of[i->index];
    struct cost cost = {0};
    (void)err;
    if (!own)
        return 0;
    add_upstream(&cost, page, i);
    buffer_printf(&page->rows, "| %s | %s | ", name, instance_name(i));
    energy_figure(&page->rows, own->joules, own->label);
    put_uncertainty(&page->rows, own->uncertainty_j);
    buffer_puts(&page->rows, " | ");
    put_joules(&page->rows, &cost);
    buffer_printf(&page->rows, " | %zu |\n", cost.stages);
    put_csv(page, name, instance_name(i), own, &cost);
    cost_close(&cost);
    return 0;
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
        buffer_printf(out, " | %.4g | %zu |\n", cost.cpu_s, cost.stages);
        cost_close(&cost);
    }
    for (size_t k = 0; k < page->piece_count; k++)
        cost_add(&all, page->pieces[k]);
    buffer_puts(out, "| all | ");
    put_joules(out, &all);
    buffer_printf(out, " | %.4g | %zu |\n\nSources: %s.\n", all.cpu_s, all.stages, buffer_text(&all.sources));
    put_csv(page, "(all)", "", NULL, &all);
    cost_close(&all);
}

static void put_page(struct buffer *out, struct page *page) {
    buffer_printf(out, "%s\n# Joules of results/%s\n\n", mark, page->run->pipeline->name);
    buffer_puts(out,
                "What each file took when its stages ran, whichever run that was, with all attempts that led to it. "
                "`all before it` holds the stage that made the file and every stage that it depends on, each once; "
                "files share stages, so the rows do not add up, and the last table does. `modelled`: CPU seconds and "
                "memory times constants, no counter was read.\n\n"
                "| file | stage | its own | all before it | stages |\n|---|---|---|---|---|\n");
    buffer_append(out, page->rows.data, page->rows.size);
    put_kinds(out, page);
}

/* ---- files ---- */

/* 1: what stands there begins as a page of ours, or nothing does; 0: it is the user's own. */
static int is_ours(struct buffer *there, const char *path, const char *begins, struct error *err) {
    struct stat st;
    int failed = lstat(path, &st) < 0 ? errno : 0;
    if (failed)
        return failed == ENOENT ? 1 : error_errno(err, failed, "%s: cannot be examined", path);
    if (!S_ISREG(st.st_mode))
        return 0;
    int rc = file_read(there, path, SIZE_MAX / 2, err);
    return rc < 0 ? rc : there->size >= strlen(begins) && memcmp(buffer_text(there), begins, strlen(begins)) == 0;
}

static int write_file(const char *path, const char *begins, const struct buffer *text, struct error *err) {
    struct buffer there = {0};
    int rc = is_ours(&there, path, begins, err);
    if (rc == 0)
        rc = error_set(err, ERR_IO, "%s: Retort did not write this file; move it away and run again", path);
    else if (rc > 0 && there.size == text->size && memcmp(buffer_text(&there), text->data, text->size) == 0)
        rc = 0;
    else if (rc > 0)
        rc = file_replace(path, text->data, text->size, 0666, err);
    buffer_close(&there);
    return rc;
}

static bool is_due(const struct run *r, const char *page, const char *csv) {
    return r->summary->finished > 0 || r->summary->results_changed || !file_exists(page) || !file_exists(csv);
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

int run_energy_page(struct run *r, struct error *err) {
    struct page page = {.run = r};
    struct buffer text = {0};
    char *md = mem_printf("%s.energy.md", r->summary->results_path);
    char *csv = mem_printf("%s.energy.csv", r->summary->results_path);
    int rc = 0;
    if (!is_due(r, md, csv))
        goto out;
    page.all = plan_instances(r->plan, &page.count);
    buffer_puts(&page.csv, header);
    read_pieces(&page);
    rc = results_each(r->plan, r->pipeline, add_file, &page, err);
    if (rc == 0) {
        put_page(&text, &page);
        rc = write_file(md, mark, &text, err);
    }
    if (rc == 0)
        rc = write_file(csv, header, &page.csv, err);
out:
    page_close(&page);
    buffer_close(&text);
    free(csv);
    free(md);
    return rc;
}
