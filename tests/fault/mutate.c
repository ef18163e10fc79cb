/*
 * Damages a small store by one mutation after another, of its objects, records, index, runs and attempts, and checks
 * the results that it then serves.
 *
 *   mutate DIRECTORY FROM TO [SEED]      mutations FROM to TO-1 of a seed; DIRECTORY is made and removed: a tmpfs is
 *                                        fast
 *
 * Each mutation flips a bit, overwrites, truncates, appends to, or removes one file (of state.db: one page). Half of
 * them leave no trace in size and modification time. Then, with or without an fsck first:
 *
 *   - every served result is the stored one; all others are unknown;
 *   - after fsck, results that a mutation of state.db hid are known again; after another run all are;
 *   - after fsck every listed run and attempt can be read; before it, every served one is right;
 *   - a second fsck finds no more to mend.
 *
 * Prints one line for each mutation that broke this, with the numbers that repeat it; then the exit status is 1. Stops
 * after twenty.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/attempts.h"
#include "tests/fault/workload.h"

enum { PAGE = 4096, LINE = 512, WALK_FDS = 16, KEPT_LIMIT = 1 << 24, ENOUGH = 20, DOCUMENT_STRIDE = 8 };

/* ---- the store before ---- */

struct kept {
    char *path;
    struct buffer bytes;
    struct stat st;
};

static struct kept *files;
static size_t file_count, file_capacity, document_count; /* of runs/ and attempts/ the last */
static char *root, *store_path, *scratch_path, *project_path;
static char doing[LINE]; /* shown when the store crashes */

static void die(const struct error *err, const char *what) {
    fprintf(stderr, "mutate: %s: %s\n", what, err->message);
    exit(2);
}

static int keep(const char *path, const struct stat *st, int type, struct FTW *walk) {
    struct error err = {0};
    (void)walk;
    if (type != FTW_F)
        return 0;
    mem_grow(files, &file_capacity, file_count + 1);
    files[file_count] = (struct kept){.path = mem_strdup(path), .st = *st};
    if (file_read(&files[file_count].bytes, path, KEPT_LIMIT, &err) < 0)
        die(&err, "keeping the store");
    file_count++;
    return 0;
}

enum target { OBJECT, SEGMENT, INDEX, DOCUMENT, OTHER };

static enum target target_of(const char *path) {
    const char *name = path + strlen(store_path) + 1;
    if (strncmp(name, "objects/", 8) == 0)
        return OBJECT;
    if (strncmp(name, "actions/", 8) == 0)
        return SEGMENT;
    if (strncmp(name, "runs/", 5) == 0 || strncmp(name, "attempts/", 9) == 0)
        return DOCUMENT;
    return strcmp(name, "state.db") == 0 ? INDEX : OTHER;
}

static void write_kept(const struct kept *k, const struct buffer *bytes, bool touch) {
    struct timespec times[2] = {k->st.st_atim, k->st.st_mtim};
    unlink(k->path);
    int fd = open(k->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || (bytes->size > 0 && write(fd, bytes->data, bytes->size) != (ssize_t)bytes->size) ||
        fchmod(fd, k->st.st_mode & 07777) < 0 || (!touch && futimens(fd, times) < 0)) {
        perror(k->path);
        exit(2);
    }
    close(fd);
}

static int remove_new(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st;
    (void)walk;
    if (type != FTW_F)
        return 0;
    for (size_t i = 0; i < file_count; i++)
        if (strcmp(files[i].path, path) == 0)
            return 0;
    return unlink(path);
}

static void restore(void) {
    nftw(store_path, remove_new, WALK_FDS, FTW_PHYS);
    for (size_t i = 0; i < file_count; i++)
        write_kept(&files[i], &files[i].bytes, false);
}

static void produce(struct store *s, unsigned from, unsigned to, struct error *err) {
    for (unsigned i = from; i < to; i++)
        if (workload_produce(s, i, err) < 0)
            die(err, "producing");
    if (store_commit(s, err) < 0)
        die(err, "committing");
}

/* A run that found all keys known, and an attempt of it that failed. */
static void write_documents(struct store *s) {
    struct error err = {0};
    cJSON *record = cJSON_CreateObject();
    if (store_run_begin(s, "workload", NULL, &err) < 0)
        die(&err, "beginning the run");
    char *name = mem_printf("%s-0", store_run_id(s));
    cJSON_AddStringToObject(record, "attempt", name);
    cJSON_AddStringToObject(record, "stage", "failed");
    if (workload_run_write(s, 0, WORKLOAD_KEYS, &err) < 0 || store_attempt_write(s, name, record, &err) < 0)
        die(&err, "writing the run");
    cJSON_Delete(record);
    free(name);
}

static struct store *open_or_die(void) {
    struct store *s;
    struct error err = {0};
    if (store_open(&s, store_path, true, &err) < 0)
        die(&err, "building");
    return s;
}

/* The others keep their places, and mutations their numbers. Returns how many there are. */
static size_t put_documents_last(void) {
    struct kept *sorted = mem_array(file_count, sizeof *sorted);
    size_t count = 0;
    for (int documents = 0; documents < 2; documents++)
        for (size_t i = 0; i < file_count; i++)
            if ((target_of(files[i].path) == DOCUMENT) == documents)
                sorted[count++] = files[i];
    free(files);
    files = sorted;
    while (count > 0 && target_of(files[count - 1].path) == DOCUMENT)
        count--;
    return file_count - count;
}

/* Two engines one after the other, so that there are two segments; a third makes nothing. */
static void build(void) {
    struct error err = {0};
    if (file_make_directory(root, &err) < 0 || workload_project_write(project_path, &err) < 0)
        die(&err, "building");
    for (unsigned half = 0; half < 2; half++) {
        struct store *s = open_or_die();
        produce(s, half * WORKLOAD_KEYS / 2, (half + 1) * WORKLOAD_KEYS / 2, &err);
        if (workload_project_check(s, project_path, &err) != WORKLOAD_RIGHT)
            die(&err, "building");
        store_close(s);
    }
    struct store *s = open_or_die();
    write_documents(s);
    store_close(s);
    nftw(store_path, keep, WALK_FDS, FTW_PHYS);
    document_count = put_documents_last();
}

/* ---- mutations ---- */

static uint64_t random_state;

static uint64_t draw(uint64_t below) { /* splitmix64; the bias of the remainder does not matter here */
    uint64_t z = random_state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (z ^ (z >> 31)) % below;
}

static const struct kept *choose(enum target wanted) {
    if (wanted == DOCUMENT)
        return &files[file_count - 1 - draw(document_count)];
    for (;;) {
        const struct kept *k = &files[draw(file_count - document_count)];
        if (target_of(k->path) == wanted)
            return k;
    }
}

enum how { FLIP, OVERWRITE, TRUNCATE, APPEND, EXCHANGE, REMOVE, HOWS };
static const char *const how_names[HOWS] = {"flip", "overwrite", "truncate", "append", "exchange", "remove"};

/* Changes bytes between `from` and `from` + `size`. */
static void change(struct buffer *b, enum how how, size_t from, size_t size) {
    size_t at = from + (size > 0 ? draw(size) : 0);
    size_t length = size > 0 ? 1 + draw(from + size - at) : 0;
    switch (how) {
    case FLIP:
        if (size > 0)
            b->data[at] = (char)(b->data[at] ^ (1 << draw(8)));
        break;
    case OVERWRITE: {
        bool zeros = draw(2);
        for (size_t i = 0; i < length; i++)
            b->data[at + i] = zeros ? 0 : (char)draw(256);
        break;
    }
    case TRUNCATE:
        b->size = at;
        break;
    case APPEND:
        for (uint64_t i = 1 + draw(300); i > 0; i--)
            buffer_putc(b, (char)draw(256));
        break;
    case EXCHANGE: /* with the page before, or the half before */
        if (from >= size)
            for (size_t i = 0; i < size; i++) {
                char c = b->data[from + i];
                b->data[from + i] = b->data[from - size + i];
                b->data[from - size + i] = c;
            }
        break;
    case REMOVE:
    case HOWS:
        break;
    }
}

struct mutation {
    enum target target;
    enum how how;
    bool changed; /* other bytes than there were */
};

static struct mutation mutate(bool document) {
    static const enum target targets[] = {OBJECT, SEGMENT, INDEX, INDEX};
    enum target target = document ? DOCUMENT : targets[draw(sizeof targets / sizeof *targets)];
    const struct kept *k = choose(target);
    enum how how = (enum how)draw(HOWS);
    bool touch = draw(2);
    struct buffer b = {0};
    size_t from = 0, size = k->bytes.size;
    buffer_append(&b, k->bytes.data, k->bytes.size);
    if (target == INDEX && size >= PAGE) {
        from = draw(size / PAGE) * PAGE;
        size = PAGE;
    } else if (how == EXCHANGE) {
        from = size /= 2;
    }
    change(&b, how, from, size);
    snprintf(doing, sizeof doing, "%s %s at %zu%s", how_names[how], k->path + strlen(store_path) + 1, from,
             touch ? ", touched" : "");
    struct mutation m = {.target = target, .how = how};
    m.changed = how == REMOVE || b.size != k->bytes.size || memcmp(b.data, k->bytes.data, b.size) != 0;
    if (how == REMOVE)
        unlink(k->path);
    else
        write_kept(k, &b, touch);
    buffer_close(&b);
    return m;
}

/* The number of keys that a mutation may cost. An object belongs to two records at most, a bit to one line; runs and
   attempts belong to none. */
static size_t most_unknown(const struct mutation *m, bool fsck_first) {
    enum { SHARERS = 2 };
    if (m->target == DOCUMENT || (m->target == INDEX && fsck_first))
        return 0;
    return m->target == OBJECT ? SHARERS : m->target == SEGMENT && m->how == FLIP ? 1 : WORKLOAD_KEYS;
}

/* Bytes without a newline at the end of a segment count as a line that is being written. */
static bool must_be_found(const struct mutation *m) {
    return m->changed && (m->target == OBJECT || (m->target == SEGMENT && m->how != APPEND));
}

/* ---- the store afterwards ---- */

static void ignore(void *context, const char *line) {
    (void)context;
    (void)line;
}

/* Of all keys the state; a wrong or refused one is a fault. */
static int check_keys(struct store *s, bool known[WORKLOAD_KEYS], struct error *err) {
    for (unsigned i = 0; i < WORKLOAD_KEYS; i++) {
        struct error why = {0};
        enum workload_state state = workload_check(s, i, scratch_path, &why);
        known[i] = state == WORKLOAD_RIGHT;
        if (state == WORKLOAD_WRONG || state == WORKLOAD_REFUSED)
            return error_set(err, ERR_FAILED, "%s: %s", state == WORKLOAD_WRONG ? "served" : "refused", why.message);
    }
    enum workload_state state = workload_project_check(s, project_path, err);
    return state == WORKLOAD_RIGHT ? 0 : ERR_FAILED;
}

static int require_known(const bool known[WORKLOAD_KEYS], size_t most, const char *when, struct error *err) {
    size_t unknown = 0;
    for (unsigned i = 0; i < WORKLOAD_KEYS; i++)
        unknown += !known[i];
    return unknown <= most ? 0 : error_set(err, ERR_FAILED, "%zu keys are not known %s", unknown, when);
}

/* Makes lost results again, as a run does. */
static int make_again(struct store *s, bool known[WORKLOAD_KEYS], struct error *err) {
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < WORKLOAD_KEYS; i++)
        if (!known[i])
            rc = workload_produce(s, i, err);
    if (rc == 0)
        rc = store_commit(s, err);
    return rc < 0 ? rc : check_keys(s, known, err);
}

/* Of a name of runs/ or attempts/ the document. */
static int read_document(struct store *s, const char *folder, const char *name, struct error *err) {
    cJSON *document = NULL;
    bool run = strcmp(folder, "runs") == 0;
    int rc = run ? store_run_read(s, name, &document, err) : store_attempt_read(s, name, &document, err);
    if (rc == 0 && strcmp(json_text(document, run ? "id" : "attempt", ""), name) != 0)
        rc = error_set(err, ERR_FAILED, "%s/%s.json: served, and it is not of that", folder, name);
    cJSON_Delete(document);
    return rc;
}

/* Serves none that is not one. `mended`: and each can be read. */
static int check_documents(struct store *s, const char *folder, bool mended, struct error *err) {
    struct dirent **entries = NULL;
    char *path = path_join(store_path, folder);
    int count = scandir(path, &entries, NULL, alphasort), rc = count < 0 ? error_errno(err, errno, "%s", path) : 0;
    for (int i = 0; i < count; i++) {
        char *name = entries[i]->d_name, *end = strrchr(name, '.');
        if (rc == 0 && name[0] != '.' && end && strcmp(end, ".json") == 0) {
            struct error why = {0};
            *end = '\0';
            int refused = read_document(s, folder, name, &why);
            if (refused == ERR_FAILED || (refused < 0 && mended))
                rc = error_set(err, ERR_FAILED, "%s%s", mended ? "after fsck: " : "", why.message);
        }
        free(entries[i]);
    }
    free(entries);
    free(path);
    return rc;
}

/* All keys but `most` must be known. */
static int use(size_t most, bool mended, const char *when, struct error *err) {
    struct store *s;
    bool known[WORKLOAD_KEYS];
    int rc = store_open(&s, store_path, false, err);
    if (rc < 0)
        return error_prefix(err, "opening");
    rc = check_keys(s, known, err);
    if (rc == 0)
        rc = require_known(known, most, when, err);
    if (rc == 0)
        rc = check_documents(s, "runs", mended, err);
    if (rc == 0)
        rc = check_documents(s, "attempts", mended, err);
    if (rc == 0)
        rc = make_again(s, known, err);
    store_close(s);
    return rc;
}

static int check_fsck(bool second, bool finds, struct error *err) {
    struct fsck_report r = {0};
    int rc = store_fsck(store_path, &r, ignore, NULL, err);
    if (rc < 0)
        return error_prefix(err, "fsck");
    if (finds && r.damaged + r.missing + r.bad_lines + r.lost_segments == 0)
        return error_set(err, ERR_FAILED, "fsck finds nothing");
    if (second && r.damaged + r.missing + r.orphaned + r.rebuilt + r.lost_segments + r.damaged_files > 0)
        return error_set(err, ERR_FAILED,
                         "a second fsck finds %" PRIu64 " damaged, %" PRIu64 " missing, %" PRIu64 " orphaned, %" PRIu64
                         " rows to write",
                         r.damaged, r.missing, r.orphaned, r.rebuilt);
    return 0;
}

static int check_mutation(uint64_t seed, uint64_t number, struct error *err) {
    random_state = seed * UINT64_C(0xD1342543DE82EF95) + number;
    bool fsck_first = draw(2);
    restore();
    struct mutation m = mutate(number % DOCUMENT_STRIDE == 0);
    int rc = fsck_first ? check_fsck(false, must_be_found(&m), err) : 0;
    if (rc == 0)
        rc = use(most_unknown(&m, fsck_first), fsck_first, "though their records are whole", err);
    if (rc == 0)
        rc = check_fsck(false, false, err);
    if (rc == 0)
        rc = use(0, true, "after they were made again", err);
    return rc < 0 ? rc : check_fsck(true, false, err);
}

static void on_crash(int number) {
    ssize_t written = write(STDERR_FILENO, doing, strlen(doing));
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: mutate DIRECTORY FROM TO [SEED]\n");
        return 2;
    }
    uint64_t from = strtoull(argv[2], NULL, 10), to = strtoull(argv[3], NULL, 10);
    uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 1, failures = 0;
    root = argv[1];
    store_path = path_join(root, "store");
    scratch_path = path_join(root, "scratch");
    project_path = path_join(root, "project.txt");
    signal(SIGSEGV, on_crash);
    signal(SIGABRT, on_crash);
    build();
    for (uint64_t number = from; number < to && failures < ENOUGH; number++) {
        struct error err = {0};
        if (check_mutation(seed, number, &err) == 0)
            continue;
        failures++;
        printf("not ok - mutation %" PRIu64 " of seed %" PRIu64 " (%s): %s\n", number, seed, doing, err.message);
        fflush(stdout);
    }
    printf("# %" PRIu64 " mutations, %" PRIu64 " failures\n", to - from, failures);
    file_remove_tree(root, NULL);
    return failures > 0;
}
