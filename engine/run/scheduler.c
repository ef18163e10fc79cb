#include "engine/run/scheduler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/run/heap.h"

enum { TOKEN_CPUS, TOKEN_MEMORY, TOKEN_GPUS, TOKEN_CUSTOM };
enum { BACKOFF_LIMIT_MS = 60000 };

/* Amounts are whole numbers (millionths, bytes for memory), so that taking and giving back never drifts. */
struct token {
    char *name;
    int64_t limit;
    int64_t used;
};

struct need {
    size_t token;
    int64_t amount;
};

/* Jobs with the same needs: whether one fits is asked once for all of them. */
struct job_class {
    struct need *needs; /* by token, none of them 0 */
    size_t need_count;
    bool exclusive;
    struct heap ready;
    int passed; /* how often its first job was passed over by one that ranks behind */
};

struct scheduler {
    bool keep_going, failed, interrupted;
    double most_cpus; /* of one job; 0: any */
    uint64_t grace_ms, backoff_ms;
    struct token *tokens;
    size_t token_count, token_capacity;
    struct job_class **classes;
    size_t class_count, class_capacity;
    struct heap timers; /* RUNNING: the next TERM or KILL; BACKOFF: the next try */
    struct job **running;
    size_t running_count, running_capacity;
    bool exclusive_running;
    size_t ready_count, backoff_count;
    size_t submitted;
};

static bool ranks_before(const void *a, const void *b) {
    const struct job *x = a, *y = b;
    return x->priority != y->priority ? x->priority > y->priority : x->order < y->order;
}

static bool due_before(const void *a, const void *b) {
    const struct job *x = a, *y = b;
    return x->due_ms != y->due_ms ? x->due_ms < y->due_ms : x->order < y->order;
}

static int64_t millionths(double amount) {
    return amount <= 0 ? 0 : amount >= 1e12 ? INT64_C(1000000000000000000) : llround(amount * 1e6);
}

static int64_t bytes(uint64_t amount) {
    return amount > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)amount;
}

static size_t token_add(struct scheduler *s, const char *name, int64_t limit) {
    mem_grow(s->tokens, &s->token_capacity, s->token_count + 1);
    s->tokens[s->token_count] = (struct token){mem_strdup(name), limit, 0};
    return s->token_count++;
}

static size_t token_custom(struct scheduler *s, const char *name) {
    for (size_t i = TOKEN_CUSTOM; i < s->token_count; i++)
        if (strcmp(s->tokens[i].name, name) == 0)
            return i;
    return token_add(s, name, millionths(1));
}

struct scheduler *scheduler_create(const struct scheduler_limits *limits, bool keep_going) {
    struct scheduler *s = mem_alloc(sizeof *s);
    s->keep_going = keep_going;
    s->most_cpus = limits->most_cpus;
    s->grace_ms = limits->grace_ms;
    s->backoff_ms = limits->backoff_ms;
    s->timers = (struct heap){.before = due_before, .slot_offset = offsetof(struct job, timer_slot)};
    token_add(s, "cpus", millionths(limits->cpus));
    token_add(s, "memory", bytes(limits->memory_bytes));
    token_add(s, "gpus", millionths(limits->gpus));
    for (size_t i = 0; i < limits->custom_count; i++)
        token_add(s, limits->custom[i].name, millionths(limits->custom[i].amount));
    return s;
}

void scheduler_free(struct scheduler *s) {
    if (!s)
        return;
    for (size_t i = 0; i < s->token_count; i++)
        free(s->tokens[i].name);
    for (size_t i = 0; i < s->class_count; i++) {
        heap_close(&s->classes[i]->ready);
        free(s->classes[i]->needs);
        free(s->classes[i]);
    }
    heap_close(&s->timers);
    free(s->tokens);
    free(s->classes);
    free(s->running);
    free(s);
}

static int by_token(const void *a, const void *b) {
    const struct need *x = a, *y = b;
    return (x->token > y->token) - (x->token < y->token);
}

/* The needs, sorted by token; `needs` has room for 3 and the custom tokens. */
static size_t collect_needs(struct scheduler *s, const struct resources *wanted, struct need *needs) {
    int64_t cpus = millionths(wanted->cpus);
    needs[0] = (struct need){TOKEN_CPUS, cpus < s->tokens[TOKEN_CPUS].limit ? cpus : s->tokens[TOKEN_CPUS].limit};
    needs[1] = (struct need){TOKEN_MEMORY, bytes(wanted->memory_bytes)};
    needs[2] = (struct need){TOKEN_GPUS, millionths(wanted->gpus)};
    size_t count = 3;
    for (size_t i = 0; i < wanted->custom_count; i++)
        needs[count++] = (struct need){token_custom(s, wanted->custom[i].name), millionths(wanted->custom[i].amount)};
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (needs[i].amount > 0)
            needs[kept++] = needs[i];
    qsort(needs, kept, sizeof *needs, by_token);
    return kept;
}

static int check_needs(const struct scheduler *s, const struct need *needs, size_t count, struct error *err) {
    for (size_t i = 0; i < count; i++) {
        const struct token *t = &s->tokens[needs[i].token];
        if (needs[i].amount <= t->limit)
            continue;
        if (needs[i].token == TOKEN_MEMORY)
            return error_set(err, ERR_INVALID, "needs %lld bytes of memory, there are %lld", (long long)needs[i].amount,
                             (long long)t->limit);
        return error_set(err, ERR_INVALID, "needs %g %s, there are %g", (double)needs[i].amount / 1e6, t->name,
                         (double)t->limit / 1e6);
    }
    return 0;
}

static struct job_class *class_of(struct scheduler *s, bool exclusive, const struct need *needs, size_t count) {
    for (size_t i = 0; i < s->class_count; i++) {
        struct job_class *c = s->classes[i];
        bool same = c->exclusive == exclusive && c->need_count == count;
        for (size_t k = 0; same && k < count; k++)
            same = c->needs[k].token == needs[k].token && c->needs[k].amount == needs[k].amount;
        if (same)
            return c;
    }
    struct job_class *c = mem_alloc(sizeof *c);
    c->exclusive = exclusive;
    c->needs = mem_array(count ? count : 1, sizeof *needs);
    if (count)
        memcpy(c->needs, needs, count * sizeof *needs);
    c->need_count = count;
    c->ready = (struct heap){.before = ranks_before, .slot_offset = offsetof(struct job, ready_slot)};
    mem_grow(s->classes, &s->class_capacity, s->class_count + 1);
    s->classes[s->class_count++] = c;
    return c;
}

static int check_cpus(const struct scheduler *s, const struct resources *needs, struct error *err) {
    if (s->most_cpus <= 0 || needs->cpus <= s->most_cpus)
        return 0;
    return error_set(err, ERR_INVALID, "needs %g cpus, there are %g; -j N runs it with N", needs->cpus, s->most_cpus);
}

int scheduler_check(struct scheduler *s, const struct resources *wanted, struct error *err) {
    struct need *needs = mem_array(3 + wanted->custom_count, sizeof *needs);
    size_t count = collect_needs(s, wanted, needs);
    int rc = check_cpus(s, wanted, err);
    if (rc == 0)
        rc = check_needs(s, needs, count, err);
    free(needs);
    return rc;
}

static int class_find(struct job_class **out, struct scheduler *s, const struct job *job, struct error *err) {
    int rc = scheduler_check(s, &job->needs, err);
    if (rc)
        return rc;
    struct need *needs = mem_array(3 + job->needs.custom_count, sizeof *needs);
    size_t count = collect_needs(s, &job->needs, needs);
    *out = class_of(s, job->exclusive, needs, count);
    free(needs);
    return 0;
}

static void make_ready(struct scheduler *s, struct job *job) {
    job->state = JOB_READY;
    heap_push(&job->job_class->ready, job);
    s->ready_count++;
}

int scheduler_submit(struct scheduler *s, struct job *job, struct error *err) {
    int rc = class_find(&job->job_class, s, job, err);
    if (rc)
        return rc;
    job->attempt = 0;
    job->terminating = job->killed = job->timed_out = false;
    job->order = s->submitted++;
    job->ready_slot = job->timer_slot = job->running_slot = HEAP_ABSENT;
    make_ready(s, job);
    return 0;
}

static void set_timer(struct scheduler *s, struct job *job, uint64_t due_ms) {
    heap_remove(&s->timers, job);
    job->due_ms = due_ms;
    if (due_ms != UINT64_MAX)
        heap_push(&s->timers, job);
}

static uint64_t later(uint64_t now_ms, uint64_t wait_ms) {
    return now_ms > UINT64_MAX - 1 - wait_ms ? UINT64_MAX - 1 : now_ms + wait_ms;
}

static void charge_tokens(struct scheduler *s, const struct job_class *c, int sign) {
    for (size_t i = 0; i < c->need_count; i++)
        s->tokens[c->needs[i].token].used += sign * c->needs[i].amount;
}

static void start(struct scheduler *s, struct job *job, uint64_t now_ms) {
    heap_remove(&job->job_class->ready, job);
    s->ready_count--;
    charge_tokens(s, job->job_class, 1);
    s->exclusive_running = job->exclusive;
    job->running_slot = s->running_count;
    mem_grow(s->running, &s->running_capacity, s->running_count + 1);
    s->running[s->running_count++] = job;
    job->state = JOB_RUNNING;
    job->attempt++;
    job->started_ms = now_ms;
    job->terminating = job->killed = job->timed_out = job->released = false;
    set_timer(s, job, job->timeout_ms ? later(now_ms, job->timeout_ms) : UINT64_MAX);
}

void scheduler_release(struct scheduler *s, struct job *job) {
    if (job->state != JOB_RUNNING || job->released)
        return;
    job->released = true;
    charge_tokens(s, job->job_class, -1);
    s->exclusive_running = false;
    set_timer(s, job, UINT64_MAX);
}

static void leave_running(struct scheduler *s, struct job *job) {
    scheduler_release(s, job);
    struct job *last = s->running[--s->running_count];
    s->running[job->running_slot] = last;
    last->running_slot = job->running_slot;
    job->running_slot = HEAP_ABSENT;
    set_timer(s, job, UINT64_MAX);
}

static void back_off(struct scheduler *s, struct job *job, uint64_t due_ms) {
    job->state = JOB_BACKOFF;
    s->backoff_count++;
    set_timer(s, job, due_ms);
}

static uint64_t backoff_ms(const struct scheduler *s, int failures) {
    uint64_t wait = s->backoff_ms;
    for (int i = 1; i < failures && wait < BACKOFF_LIMIT_MS; i++)
        wait *= 2;
    return wait < BACKOFF_LIMIT_MS ? wait : BACKOFF_LIMIT_MS;
}

void scheduler_exit(struct scheduler *s, struct job *job, enum job_exit how, uint64_t now_ms) {
    if (job->state != JOB_RUNNING)
        return;
    leave_running(s, job);
    bool stopping = s->interrupted && !job->timed_out;
    if (how == EXIT_FINISHED || how == EXIT_KNOWN) {
        job->state = JOB_DONE;
    } else if (how == EXIT_PUT_OFF || (stopping && (how == EXIT_INTERRUPTED || job->killed))) {
        job->state = JOB_INTERRUPTED;
    } else if (job->attempt <= job->retries && !scheduler_stopped(s)) {
        back_off(s, job, later(now_ms, backoff_ms(s, job->attempt)));
    } else {
        job->state = JOB_FAILED;
        s->failed |= !job->tolerated;
    }
}

void scheduler_defer(struct scheduler *s, struct job *job, uint64_t due_ms) {
    if (job->state != JOB_RUNNING)
        return;
    leave_running(s, job);
    job->attempt--;
    back_off(s, job, due_ms == UINT64_MAX ? UINT64_MAX - 1 : due_ms);
}

void scheduler_fail(struct scheduler *s) {
    s->failed = true;
}

void scheduler_interrupt(struct scheduler *s, uint64_t now_ms) {
    bool again = s->interrupted;
    s->interrupted = true;
    for (size_t i = 0; i < s->running_count; i++) {
        struct job *job = s->running[i];
        if (again)
            job->terminating = true;
        if (!job->terminating || (again && !job->killed))
            set_timer(s, job, now_ms);
    }
}

bool scheduler_stopped(const struct scheduler *s) {
    return s->interrupted || (s->failed && !s->keep_going);
}

/* Handles the due timer of one job. True: `*out` has an action for the loop. */
static bool on_due(struct scheduler *s, struct job *job, uint64_t now_ms, struct schedule_action *out) {
    heap_remove(&s->timers, job);
    if (job->state == JOB_BACKOFF) {
        s->backoff_count--;
        make_ready(s, job);
        return false;
    }
    if (!job->terminating) {
        job->terminating = true;
        job->timed_out = !s->interrupted;
        set_timer(s, job, later(now_ms, s->grace_ms));
        *out = (struct schedule_action){SCHEDULE_TERM, job};
    } else {
        job->killed = true;
        job->due_ms = UINT64_MAX;
        *out = (struct schedule_action){SCHEDULE_KILL, job};
    }
    return true;
}

static bool fits(const struct scheduler *s, const struct job_class *c) {
    if (c->exclusive && s->running_count > 0)
        return false;
    for (size_t i = 0; i < c->need_count; i++) {
        const struct token *t = &s->tokens[c->needs[i].token];
        if (c->needs[i].amount > t->limit - t->used)
            return false;
    }
    return true;
}

/* The job that may start now, or NULL. */
static struct job *choose(const struct scheduler *s) {
    struct job *best = NULL, *held = NULL;
    for (size_t i = 0; i < s->class_count; i++) {
        const struct job_class *c = s->classes[i];
        struct job *first = heap_top(&c->ready);
        if (!first)
            continue;
        if (fits(s, c)) {
            if (!best || ranks_before(first, best))
                best = first;
        } else if (c->passed >= SCHEDULER_PATIENCE && (!held || ranks_before(first, held))) {
            held = first;
        }
    }
    return best && held && ranks_before(held, best) ? NULL : best;
}

static void count_passed(struct scheduler *s, const struct job *started) {
    for (size_t i = 0; i < s->class_count; i++) {
        const struct job *first = heap_top(&s->classes[i]->ready);
        if (first && s->classes[i] != started->job_class && ranks_before(first, started))
            s->classes[i]->passed++;
    }
    started->job_class->passed = 0;
}

bool scheduler_next(struct scheduler *s, uint64_t now_ms, struct schedule_action *out) {
    struct job *due;
    while ((due = heap_top(&s->timers)) && due->due_ms <= now_ms)
        if (on_due(s, due, now_ms, out))
            return true;
    if (scheduler_stopped(s) || s->exclusive_running || s->ready_count == 0)
        return false;
    struct job *job = choose(s);
    if (!job)
        return false;
    start(s, job, now_ms);
    count_passed(s, job);
    *out = (struct schedule_action){SCHEDULE_START, job};
    return true;
}

uint64_t scheduler_due_ms(const struct scheduler *s) {
    const struct job *first = heap_top(&s->timers);
    return first ? first->due_ms : UINT64_MAX;
}

bool scheduler_idle(const struct scheduler *s) {
    return s->running_count == 0 && (scheduler_stopped(s) || (s->ready_count == 0 && s->backoff_count == 0));
}
