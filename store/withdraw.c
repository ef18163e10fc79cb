/* Withdraws the records of a key, and tells the runs that did. */
#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "store/internal.h"
#include "store/withdrawal.h"

static void queue(struct store *s, const struct digest *key, const struct digest *record) {
    struct coming_record *c = coming_add(&s->queue);
    c->texts = mem_strdup(s->run_id);
    c->withdraws = true;
    c->withdrawal = (struct withdrawal){*key, *record, c->texts};
    c->json = withdrawal_text(&c->withdrawal);
    c->readable = true;
}

int store_withdraw(struct store *s, const struct digest *key, struct error *err) {
    struct record_rows rows = {.key = key};
    int rc = index_retry(s, withdrawal_list_rows, &rows, err);
    if (rc == 0 && rows.count > 0)
        rc = format_raise(s->directory, FORMAT_WITHDRAWALS, err);
    if (rc == 0 && !s->run_id)
        s->run_id = layout_new_id(clock_wall_s());
    for (size_t i = 0; rc == 0 && i < rows.count; i++)
        queue(s, key, &rows.items[i].line);
    free(rows.items);
    return rc;
}

struct listing_runs {
    const struct digest *key;
    struct texts *runs;
};

static int list_runs(struct store *s, void *context, struct error *err) {
    const struct listing_runs *x = context;
    sqlite3_stmt *q;
    int code, rc = index_statement(&q, s, SQL_WITHDRAWN_RUNS, err);
    texts_close(x->runs);
    if (rc < 0)
        return rc;
    withdrawal_bind(q, 1, x->key);
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        const char *run = (const char *)sqlite3_column_text(q, 0);
        texts_add(x->runs, mem_strdup(run ? run : ""));
    }
    rc = code == SQLITE_DONE ? 0 : index_error(s, err);
    sqlite3_reset(q);
    return rc;
}

int store_withdrawals(struct texts *runs, struct store *s, const struct digest *key, struct error *err) {
    struct listing_runs x = {key, runs};
    *runs = (struct texts){0};
    return index_retry(s, list_runs, &x, err);
}
