/*
 * Power cuts: what a disk may hold when the power fails at any instant of a recorded history, and what the store makes
 * of it.
 *
 *   powercut record DIRECTORY              the history: the workload in DIRECTORY/store; run under tracelib.so
 *   powercut check TRACE DIRECTORY FROM TO [SEED]
 *                                          states FROM to TO-1 of a seed, each rebuilt below DIRECTORY (a tmpfs is
 *                                          fast); twenty failures are enough
 *
 * A state is an instant and a choice. Everything synced before the instant is there. A sync of a file keeps its bytes,
 * length and attributes. A sync of a directory keeps its names. Each other change is there or not, a write perhaps in
 * part, independent of later changes: only syncs order changes. A rename is there as a whole or not at all.
 *
 * In each state no stored object is damaged, no record lacks its outs, and no run lacks its records. Results for which
 * store_commit had returned are known and right. A written run is there. No wrong result is served. All other results
 * can be made, and are known then.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"
#include "tests/fault/workload.h"

enum { SECTOR = 512, NAME_SIZE = 256, TRACE_LIMIT = 1 << 28, ENOUGH = 20, RUNS = 5 };
enum { KEY_AGAIN = 6, AGAIN = WORKLOAD_KEYS + RUNS, PROMISES };

static void die(const char *what, const struct error *err) {
    fprintf(stderr, "powercut: %s: %s\n", what, err->message);
    exit(2);
}

/* ---- the history ---- */

/* Of tracelib.so; it does nothing where that is not loaded. */
static void call_tracer(const char *name, const char *text) {
    void (*function)(const char *);
    *(void **)(&function) = dlsym(RTLD_DEFAULT, name);
    if (function)
        function(text);
}

/* From here on a key, the run of number WORKLOAD_KEYS less, or the key that is made again is promised, or is no longer. */
static void mark(unsigned promise, bool promised) {
    char text[16];
    snprintf(text, sizeof text, "%c%u", promised ? '+' : '-', promise);
    call_tracer("trace_mark", text);
}

/* A run that uses the keys used..to-1 and makes those from `from` on. */
static void produce(struct store *s, unsigned run, unsigned used, unsigned from, unsigned to) {
    struct error err = {0};
    if (store_run_begin(s, "workload", NULL, &err) < 0 || store_run_write(s, NULL, &err) < 0)
        die("beginning", &err);
    for (unsigned i = from; i < to; i++)
        if (workload_produce(s, i, &err) < 0)
            die("producing", &err);
    if (store_commit(s, &err) < 0)
        die("committing", &err);
    for (unsigned i = from; i < to; i++)
        mark(i, true);
    if (workload_run_write(s, used, to, &err) < 0)
        die("writing the run", &err);
    mark(WORKLOAD_KEYS + run, true);
}

/* A run that makes a key again and withdraws its record. */
static void make_again(struct store *s, unsigned run) {
    struct error err = {0};
    if (store_run_begin(s, "workload", NULL, &err) < 0 || workload_make_again(s, KEY_AGAIN, &err) < 0 ||
        store_commit(s, &err) < 0)
        die("making again", &err);
    mark(AGAIN, true);
    if (workload_run_write(s, KEY_AGAIN, KEY_AGAIN + 1, &err) < 0)
        die("writing the run", &err);
    mark(WORKLOAD_KEYS + run, true);
}

static struct store *open_or_die(const char *path) {
    struct store *s;
    struct error err = {0};
    if (store_open(&s, path, true, &err) < 0)
        die("opening", &err);
    return s;
}

/* An engine that dies between writing a record and syncing it: its run is none. */
static void produce_and_die(const char *path, unsigned key) {
    pid_t pid = fork();
    if (pid == 0) {
        struct store *s = open_or_die(path);
        call_tracer("trace_kill_before_sync", "/actions/");
        produce(s, RUNS, key, key, key + 1);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

/* Takes all but the run `kept`, the newest, away, with what it alone used: the keys before `from`. */
static void collect(struct store *s, unsigned kept, unsigned from) {
    const struct gc_options options = {.keep_runs = 1};
    struct gc_report report;
    struct error err = {0};
    for (unsigned i = 0; i < from; i++)
        mark(i, false);
    for (unsigned run = 0; run < kept; run++)
        mark(WORKLOAD_KEYS + run, false);
    if (store_gc(s, &options, &report, &err) < 0)
        die("collecting", &err);
    if (report.records != from || report.runs == 0 || report.objects == 0)
        die("collecting", &(struct error){.message = "another number went than should have"});
}

/* Two engines one after the other, with one between them that dies; what the second finds of that one's, it tells. Then
   most of it goes as garbage, and a third makes some of that again. A fourth withdraws a record. */
static int record(const char *directory) {
    char *path = path_join(directory, "store");
    char *scratch = path_join(directory, "scratch");
    struct error err = {0};
    struct store *s = open_or_die(path);
    produce(s, 0, 0, 0, 2);
    produce(s, 1, 2, 2, 5);
    store_close(s);
    produce_and_die(path, 5);
    s = open_or_die(path);
    if (workload_check(s, 5, scratch, &err) == WORKLOAD_RIGHT)
        mark(5, true);
    produce(s, 2, 4, 6, WORKLOAD_KEYS);
    store_close(s);
    s = open_or_die(path);
    collect(s, 2, 4);
    store_close(s);
    s = open_or_die(path);
    produce(s, 3, 2, 2, 4);
    store_close(s);
    s = open_or_die(path);
    make_again(s, 4);
    store_close(s);
    free(path);
    free(scratch);
    return 0;
}

/* ---- the trace ---- */

struct event {
    char type;
    unsigned node, directory, target; /* indices of nodes */
    char name[NAME_SIZE], new_name[NAME_SIZE];
    int64_t at;
    size_t size;
    const char *bytes;
    unsigned mode;
    int64_t seconds;
    unsigned promise; /* of a mark */
    bool promised;
};

struct node {
    uint64_t inode;
    bool directory;
};

static struct event *events;
static size_t event_count, event_capacity;
static struct node *nodes; /* 0 is the root */
static size_t node_count, node_capacity;

/* The latest with this inode number: numbers are used again. */
static unsigned node_of(uint64_t inode) {
    for (size_t i = node_count; i-- > 0;)
        if (nodes[i].inode == inode)
            return (unsigned)i;
    struct error err = {0};
    error_set(&err, ERR_INVALID, "inode %" PRIu64 " is changed before it is made", inode);
    die("trace", &err);
    return 0;
}

static unsigned node_new(uint64_t inode, bool directory) {
    mem_grow(nodes, &node_capacity, node_count + 1);
    nodes[node_count] = (struct node){inode, directory};
    return (unsigned)node_count++;
}

/* Fills `e` from a line; returns the length of the bytes that follow it. */
static size_t parse_line(struct event *e, const char *line) {
    uint64_t a = 0, b = 0, c = 0;
    char kind = 0;
    char names[2 * NAME_SIZE] = "";
    e->type = line[0];
    switch (line[0]) {
    case 'C':
        sscanf(line, "C %" SCNu64 " %" SCNu64 " %c %255[^\n]", &a, &b, &kind, e->name);
        e->directory = a == 0 ? 0 : node_of(a);
        e->node = node_new(b, kind == 'd');
        break;
    case 'R':
        sscanf(line, "R %" SCNu64 " %" SCNu64 " %" SCNu64 " %511[^\n]", &a, &b, &c, names);
        e->node = node_of(a), e->directory = node_of(b), e->target = node_of(c);
        snprintf(e->name, NAME_SIZE, "%.*s", (int)strcspn(names, "/"), names);
        snprintf(e->new_name, NAME_SIZE, "%.255s", names + strcspn(names, "/") + 1);
        break;
    case 'L':
        sscanf(line, "L %" SCNu64 " %" SCNu64 " %255[^\n]", &a, &b, e->name);
        e->node = node_of(a), e->directory = node_of(b);
        break;
    case 'U':
        sscanf(line, "U %" SCNu64 " %255[^\n]", &a, e->name);
        e->directory = node_of(a);
        break;
    case 'W':
        sscanf(line, "W %" SCNu64 " %" SCNd64 " %zu", &a, &e->at, &e->size);
        e->node = node_of(a);
        return e->size;
    case 'T':
        sscanf(line, "T %" SCNu64 " %" SCNd64, &a, &e->at);
        e->node = node_of(a);
        break;
    case 'A':
        sscanf(line, "A %" SCNu64 " %o %" SCNd64, &a, &e->mode, &e->seconds);
        e->node = node_of(a);
        break;
    case 'S':
        sscanf(line, "S %" SCNu64, &a);
        e->node = a == 0 ? UINT32_MAX : node_of(a);
        break;
    case 'M':
        sscanf(line, "M %c%u", &kind, &e->promise);
        e->promised = kind == '+';
        if (e->promise >= PROMISES)
            die("trace", &(struct error){.message = "something is promised that nobody asks for"});
        break;
    }
    return 0;
}

static void parse(const struct buffer *text) {
    const char *line = text->data, *end = text->data + text->size;
    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        mem_grow(events, &event_capacity, event_count + 1);
        struct event *e = &events[event_count++];
        *e = (struct event){0};
        size_t follows = parse_line(e, line);
        e->bytes = newline + 1;
        line = newline + 1 + (e->type == 'W' ? follows + 1 : 0);
    }
}

/* ---- synced content ---- */

/* By node: what the event changes is durable once this node is synced. */
static unsigned carrier(const struct event *e) {
    switch (e->type) {
    case 'W':
    case 'T':
    case 'A':
        return e->node;
    case 'R':
        return e->target;
    default:
        return e->directory;
    }
}

/* Whether a sync between an event and the instant has made it durable. */
static bool is_durable(size_t at, size_t instant) {
    unsigned node = carrier(&events[at]);
    for (size_t i = at + 1; i < instant; i++)
        if (events[i].type == 'S' && (events[i].node == node || events[i].node == UINT32_MAX))
            return true;
    return false;
}

/* ---- one state ---- */

struct entry {
    unsigned directory, node;
    char name[NAME_SIZE];
};

struct disk {
    struct buffer *contents; /* by node */
    unsigned *modes;         /* 0: as made */
    int64_t *seconds;        /* 0: now */
    struct entry *entries;
    size_t count, capacity;
};

static void disk_remove(struct disk *d, unsigned directory, const char *name) {
    for (size_t i = d->count; i-- > 0;)
        if (d->entries[i].directory == directory && strcmp(d->entries[i].name, name) == 0)
            d->entries[i] = d->entries[--d->count];
}

static void disk_add(struct disk *d, unsigned directory, const char *name, unsigned node) {
    disk_remove(d, directory, name);
    mem_grow(d->entries, &d->capacity, d->count + 1);
    struct entry *e = &d->entries[d->count++];
    *e = (struct entry){.directory = directory, .node = node};
    snprintf(e->name, sizeof e->name, "%s", name);
}

static void extend(struct buffer *b, size_t size) {
    while (b->size < size)
        buffer_putc(b, '\0');
}

static void disk_apply(struct disk *d, const struct event *e, size_t size) {
    struct buffer *content = &d->contents[e->node == UINT32_MAX ? 0 : e->node];
    switch (e->type) {
    case 'C':
    case 'L':
        disk_add(d, e->directory, e->name, e->node);
        break;
    case 'R':
        disk_remove(d, e->directory, e->name);
        disk_add(d, e->target, e->new_name, e->node);
        break;
    case 'U':
        disk_remove(d, e->directory, e->name);
        break;
    case 'W':
        extend(content, (size_t)e->at + size);
        memcpy(content->data + e->at, e->bytes, size);
        break;
    case 'T':
        extend(content, (size_t)e->at);
        content->size = (size_t)e->at;
        break;
    case 'A':
        d->modes[e->node] = e->mode;
        d->seconds[e->node] = e->seconds;
        break;
    }
}

static uint64_t random_state;

static uint64_t draw(uint64_t below) { /* splitmix64 */
    uint64_t z = random_state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (z ^ (z >> 31)) % below;
}

static void disk_build(struct disk *d, size_t instant, unsigned percent) {
    d->contents = mem_array(node_count, sizeof *d->contents);
    d->modes = mem_array(node_count, sizeof *d->modes);
    d->seconds = mem_array(node_count, sizeof *d->seconds);
    for (size_t i = 1; i < instant; i++) { /* 0 makes the root */
        const struct event *e = &events[i];
        bool there = is_durable(i, instant) || draw(100) < percent;
        size_t size = e->size;
        if (!there && e->type == 'W' && e->size > SECTOR && draw(4) == 0) { /* in part */
            size = draw(e->size / SECTOR) * SECTOR;
            there = true;
        }
        if (there)
            disk_apply(d, e, size);
    }
}

static void disk_write_file(const struct disk *d, unsigned node, const char *path) {
    const struct buffer *content = &d->contents[node];
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = d->seconds[node]}};
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    /* Another name of the same file is another file here: nothing that is checked can tell. */
    if (fd < 0 || (content->size > 0 && write(fd, content->data, content->size) != (ssize_t)content->size) ||
        (d->modes[node] && fchmod(fd, d->modes[node]) < 0) || (d->seconds[node] && futimens(fd, times) < 0)) {
        perror(path);
        exit(2);
    }
    close(fd);
}

static void disk_write(const struct disk *d, unsigned directory, const char *path) {
    struct error err = {0};
    if (file_make_directory(path, &err) < 0)
        die("rebuilding", &err);
    for (size_t i = 0; i < d->count; i++) {
        if (d->entries[i].directory != directory)
            continue;
        char *entry = path_join(path, d->entries[i].name);
        if (nodes[d->entries[i].node].directory)
            disk_write(d, d->entries[i].node, entry);
        else
            disk_write_file(d, d->entries[i].node, entry);
        free(entry);
    }
}

static void disk_close(struct disk *d) {
    for (size_t i = 0; i < node_count; i++)
        buffer_close(&d->contents[i]);
    free(d->contents);
    free(d->modes);
    free(d->seconds);
    free(d->entries);
}

/* ---- the store afterwards ---- */

static void ignore(void *context, const char *line) {
    (void)context;
    (void)line;
}

static int check_records(const char *path, struct error *err) {
    struct fsck_report r = {0};
    int rc = store_fsck(path, &r, ignore, NULL, err);
    if (rc < 0)
        return error_prefix(err, "fsck");
    if (r.damaged + r.missing + r.orphaned > 0)
        return error_set(err, ERR_FAILED,
                         "%" PRIu64 " objects damaged, %" PRIu64 " missing, %" PRIu64 " records without their outs",
                         r.damaged, r.missing, r.orphaned);
    return 0;
}

static int check_key(struct store *s, unsigned key, bool promised, bool *known, const char *scratch,
                     struct error *err) {
    struct error why = {0};
    enum workload_state state = workload_check(s, key, scratch, &why);
    *known = state == WORKLOAD_RIGHT;
    if (*known || (state == WORKLOAD_UNKNOWN && !promised))
        return 0;
    return error_set(err, ERR_FAILED, "key %u: %s: %s", key, state == WORKLOAD_UNKNOWN ? "lost" : "wrong", why.message);
}

static bool has_withdrawal(const char *store) {
    char *folder = path_join(store, "actions");
    struct folder entries;
    const char *name;
    bool has = false;
    int rc = folder_open_if_there(&entries, folder, NULL);
    while (rc >= 0 && (rc = folder_next(&entries, &name, NULL)) > 0) {
        struct buffer text = {0};
        char *path = path_join(folder, name);
        has |= file_read(&text, path, TRACE_LIMIT, NULL) == 0 && strstr(buffer_text(&text), "retort_withdrawal");
        free(path);
        buffer_close(&text);
    }
    folder_close(&entries);
    free(folder);
    return has;
}

/* An engine that knows no withdrawals must not open a store that has one. */
static int check_format(const char *store, struct error *err) {
    struct buffer text = {0};
    char *path = path_join(store, "format");
    bool has = has_withdrawal(store);
    int rc = has ? file_read(&text, path, TRACE_LIMIT, err) : 0;
    if (rc == 0 && has && strcmp(buffer_text(&text), "retort store 2\n") != 0)
        rc = error_set(err, ERR_FAILED, "a withdrawal in a store of format %s", buffer_text(&text));
    buffer_close(&text);
    free(path);
    return rc;
}

static int check_all(const char *path, const bool promised[PROMISES], const char *scratch, struct error *err) {
    struct store *s;
    size_t runs = 0;
    bool known[WORKLOAD_KEYS] = {0};
    int rc = store_open(&s, path, true, err);
    if (rc < 0)
        return error_prefix(err, "opening");
    for (unsigned i = WORKLOAD_KEYS; i < AGAIN; i++)
        runs += promised[i];
    if (promised[AGAIN] && !workload_is_made_again(s, KEY_AGAIN))
        rc = error_set(err, ERR_FAILED, "a withdrawn record counts");
    for (unsigned i = 0; rc == 0 && i < WORKLOAD_KEYS; i++)
        rc = check_key(s, i, promised[i], &known[i], scratch, err);
    if (rc == 0)
        rc = workload_runs_check(s, runs, known, err);
    for (unsigned i = 0; rc == 0 && i < WORKLOAD_KEYS; i++)
        rc = promised[i] ? 0 : workload_produce(s, i, err);
    if (rc == 0)
        rc = store_commit(s, err);
    for (unsigned i = 0; rc == 0 && i < WORKLOAD_KEYS; i++)
        rc = check_key(s, i, true, &known[i], scratch, err);
    store_close(s);
    return rc;
}

static int check_state(const char *directory, uint64_t seed, uint64_t number, size_t *instant, struct error *err) {
    static const unsigned percents[] = {0, 0, 10, 50, 90, 100};
    struct disk d = {0};
    bool promised[PROMISES] = {0};
    random_state = seed * UINT64_C(0xD1342543DE82EF95) + number;
    *instant = 1 + draw(event_count);
    unsigned percent = percents[draw(sizeof percents / sizeof *percents)];
    bool fsck_first = draw(2);
    for (size_t i = 0; i < *instant; i++)
        if (events[i].type == 'M')
            promised[events[i].promise] = events[i].promised;
    char *root = path_join(directory, "disk");
    char *store = path_join(root, "store");
    char *scratch = path_join(directory, "scratch");
    disk_build(&d, *instant, percent);
    disk_write(&d, 0, root);
    char *format = path_join(store, "format");
    int rc = check_format(store, err);
    if (rc == 0 && fsck_first && file_exists(format))
        rc = check_records(store, err);
    if (rc == 0)
        rc = check_all(store, promised, scratch, err);
    if (rc == 0)
        rc = check_records(store, err);
    file_remove_tree(root, NULL);
    disk_close(&d);
    free(format);
    free(root);
    free(store);
    free(scratch);
    return rc;
}

static int check(char **argv, int argc) {
    struct buffer text = {0};
    struct error err = {0};
    uint64_t from = strtoull(argv[4], NULL, 10), to = strtoull(argv[5], NULL, 10);
    uint64_t seed = argc > 6 ? strtoull(argv[6], NULL, 10) : 1, failures = 0;
    if (file_read(&text, argv[2], TRACE_LIMIT, &err) < 0)
        die("trace", &err);
    parse(&text);
    for (uint64_t number = from; number < to && failures < ENOUGH; number++) {
        size_t instant;
        if (check_state(argv[3], seed, number, &instant, &err) == 0)
            continue;
        failures++;
        printf("not ok - state %" PRIu64 " of seed %" PRIu64 ", after event %zu (%c): %s\n", number, seed, instant,
               events[instant - 1].type, err.message);
        fflush(stdout);
    }
    printf("# %" PRIu64 " states of %zu events, %" PRIu64 " failures\n", to - from, event_count, failures);
    file_remove_tree(argv[3], NULL);
    buffer_close(&text);
    return failures > 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "record") == 0)
        return record(argv[2]);
    if (argc >= 6 && strcmp(argv[1], "check") == 0)
        return check(argv, argc);
    fprintf(stderr, "usage: powercut record DIRECTORY | powercut check TRACE DIRECTORY FROM TO [SEED]\n");
    return 2;
}
