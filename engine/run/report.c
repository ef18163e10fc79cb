/* Counts and reports how stages go, and keeps the fault that ends the run. Calls no other file of a run but its
   data. */
#include <string.h>

#include "engine/base/clock.h"
#include "engine/run/internal.h"

uint64_t run_now_ms(void) {
    return clock_awake_ns() / 1000000;
}

void task_list_add(struct task_list *list, struct task *task) {
    if (!list->first)
        list->last = &list->first;
    task->next = NULL;
    *list->last = task;
    list->last = &task->next;
    list->count++;
}

struct task *task_list_pop(struct task_list *list) {
    struct task *task = list->first;
    if (task) {
        list->first = task->next;
        list->count--;
    }
    return task;
}

int run_fail(struct run *r, int code, const struct error *err) {
    if (r->code)
        return code;
    r->code = code;
    r->error = *err;
    scheduler_interrupt(r->scheduler, run_now_ms());
    scheduler_interrupt(r->scheduler, run_now_ms()); /* the second time: kill */
    return code;
}

static size_t *counter(struct run_summary *s, enum stage_event event) {
    switch (event) {
    case STAGE_KNOWN:
        return &s->known;
    case STAGE_FINISHED:
        return &s->finished;
    case STAGE_FAILED:
        return &s->failed;
    case STAGE_INTERRUPTED:
        return &s->interrupted;
    case STAGE_SKIPPED:
        return &s->skipped;
    case STAGE_STARTED:
    case STAGE_RETRYING:
    case STAGE_SELECTED:
        break;
    }
    return NULL;
}

static void note_finished(struct run *r, const struct instance *i, enum stage_event event) {
    struct key_map *finished = &r->tally->finished;
    struct digest name;
    if (event != STAGE_FINISHED && (event != STAGE_KNOWN || finished->count == 0))
        return;
    sha256_bytes(&name, instance_name(i), strlen(instance_name(i)));
    bool before = key_map_get(finished, &name) != NULL;
    if (event == STAGE_KNOWN && before)
        r->tally->known_again++;
    if (event == STAGE_FINISHED && !before)
        key_map_add(finished, &name, r->tally);
}

void run_report(struct run *r, const struct instance *i, enum stage_event event, const char *detail) {
    const struct run_observer *o = &r->options->observer;
    size_t *count = i->decl->type == STAGE_SELECT ? NULL : counter(r->summary, event);
    if (count)
        ++*count;
    note_finished(r, i, event);
    if (o->stage)
        o->stage(o->context, i, event, detail);
}

void run_note(struct run *r, const struct instance *i, const char *text) {
    const struct run_observer *o = &r->options->observer;
    if (o->note)
        o->note(o->context, i, text);
}

void run_check_budgets(struct run *r) {
    struct error err;
    if (ledger_check(r->ledger, &err) == 0)
        return;
    run_note(r, NULL, err.message);
    scheduler_interrupt(r->scheduler, run_now_ms());
}

bool run_is_interrupted(struct run *r) {
    return event_loop_signals(&r->loop) > r->signals_handled;
}
