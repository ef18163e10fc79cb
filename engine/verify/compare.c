#include "engine/verify/compare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/data.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

enum { CHUNK = 64 * 1024, TEXT_HEAD = 8192, SHOWN = 160, SHOWN_BEFORE = 60, MOST_FILES = 10 };

/* ---- files ---- */

struct side {
    const char *path;
    int fd;
    char chunk[CHUNK];
    size_t size; /* of the chunk */
};

struct pair {
    struct side recorded, now;
    uint64_t offset; /* of the chunks; then of the first difference */
    uint64_t line, line_start;
};

static int side_open(struct side *s, struct error *err) {
    s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return s->fd < 0 ? error_errno(err, errno, "%s: cannot be opened", s->path) : 0;
}

static int side_read(struct side *s, uint64_t offset, size_t wanted, struct error *err) {
    s->size = 0;
    while (s->size < wanted) {
        ssize_t got = pread(s->fd, s->chunk + s->size, wanted - s->size, (off_t)(offset + s->size));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, errno, "%s: cannot be read", s->path);
        if (got == 0)
            break;
        s->size += (size_t)got;
    }
    return 0;
}

static int pair_read(struct pair *p, uint64_t offset, size_t wanted, struct error *err) {
    int rc = side_read(&p->recorded, offset, wanted, err);
    return rc < 0 ? rc : side_read(&p->now, offset, wanted, err);
}

/* 1: `offset` is that of the first difference; 0: there is none. */
static int find_difference(struct pair *p, struct error *err) {
    p->line = 1;
    for (;;) {
        int rc = pair_read(p, p->offset, CHUNK, err);
        if (rc < 0)
            return rc;
        size_t both = p->recorded.size < p->now.size ? p->recorded.size : p->now.size;
        for (size_t i = 0; i < both; i++) {
            if (p->recorded.chunk[i] != p->now.chunk[i]) {
                p->offset += i;
                return 1;
            }
            if (p->recorded.chunk[i] == '\n') {
                p->line++;
                p->line_start = p->offset + i + 1;
            }
        }
        p->offset += both;
        if (p->recorded.size != p->now.size)
            return 1;
        if (both == 0)
            return 0;
    }
}

static cJSON *shown_line(const struct side *s, size_t skip) {
    struct buffer text = {0};
    if (s->size <= skip)
        return cJSON_CreateNull();
    for (size_t i = skip; i < s->size && s->chunk[i] != '\n'; i++) {
        unsigned char c = (unsigned char)s->chunk[i];
        if (c >= ' ' && c < 0x7F)
            buffer_putc(&text, (char)c);
        else
            buffer_printf(&text, "\\x%02x", c);
    }
    cJSON *shown = cJSON_CreateString(buffer_text(&text));
    buffer_close(&text);
    return shown;
}

/* The line that differs; of a long one the part around the difference. */
static int describe_text(cJSON *out, struct pair *p, struct error *err) {
    uint64_t from = p->line_start;
    if (p->offset - from > SHOWN - SHOWN_BEFORE)
        from = p->offset - SHOWN_BEFORE;
    int rc = pair_read(p, from, SHOWN, err);
    cJSON_AddStringToObject(out, "type", "text");
    cJSON_AddNumberToObject(out, "line", (double)p->line);
    cJSON_AddItemToObject(out, "recorded", shown_line(&p->recorded, 0));
    cJSON_AddItemToObject(out, "now", shown_line(&p->now, 0));
    return rc;
}

static cJSON *shown_byte(const struct side *s) {
    return s->size > 0 ? cJSON_CreateNumber((unsigned char)s->chunk[0]) : cJSON_CreateNull();
}

static int describe_binary(cJSON *out, struct pair *p, struct error *err) {
    int rc = pair_read(p, p->offset, 1, err);
    cJSON_AddStringToObject(out, "type", "binary");
    cJSON_AddNumberToObject(out, "offset", (double)p->offset);
    cJSON_AddItemToObject(out, "recorded", shown_byte(&p->recorded));
    cJSON_AddItemToObject(out, "now", shown_byte(&p->now));
    return rc;
}

static bool is_text(const struct side *s) {
    return !memchr(s->chunk, '\0', s->size);
}

static int compare_files(cJSON **out, const char *recorded, const char *now, struct error *err) {
    struct pair *p = mem_alloc(sizeof *p);
    p->recorded = (struct side){.path = recorded, .fd = -1};
    p->now = (struct side){.path = now, .fd = -1};
    int rc = side_open(&p->recorded, err);
    if (rc == 0)
        rc = side_open(&p->now, err);
    if (rc == 0)
        rc = find_difference(p, err);
    if (rc > 0) {
        *out = cJSON_CreateObject();
        rc = pair_read(p, 0, TEXT_HEAD, err);
        if (rc == 0)
            rc =
                is_text(&p->recorded) && is_text(&p->now) ? describe_text(*out, p, err) : describe_binary(*out, p, err);
    }
    if (p->recorded.fd >= 0)
        close(p->recorded.fd);
    if (p->now.fd >= 0)
        close(p->now.fd);
    free(p);
    return rc;
}

/* ---- directories ---- */

struct trees {
    const char *recorded, *now;
    cJSON *files;
    size_t more;
};

static bool is_directory_itself(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void add_difference(struct trees *t, const char *path, cJSON *difference) {
    if (cJSON_GetArraySize(t->files) == MOST_FILES) {
        t->more++;
        cJSON_Delete(difference);
        return;
    }
    cJSON_AddStringToObject(difference, "path", path);
    cJSON_AddItemToArray(t->files, difference);
}

static void add_only(struct trees *t, const char *path, const char *where) {
    cJSON *difference = cJSON_CreateObject();
    cJSON_AddStringToObject(difference, "only", where);
    add_difference(t, path, difference);
}

static int compare_trees(struct trees *t, const char *below, struct error *err);

/* An entry of one of the two; what stands in both is compared once, from the recorded side. */
static int compare_entry(struct trees *t, const char *path, bool from_recorded, struct error *err) {
    char *recorded = path_join(t->recorded, path);
    char *now = path_join(t->now, path);
    cJSON *difference = NULL;
    int rc = 0;
    struct stat st;
    int there = file_stat(&st, from_recorded ? now : recorded, err);
    if (there < 0)
        rc = there;
    else if (!there || is_directory_itself(recorded) != is_directory_itself(now))
        add_only(t, path, from_recorded ? "recorded" : "now");
    else if (from_recorded && is_directory_itself(recorded))
        rc = compare_trees(t, path, err);
    else if (from_recorded)
        rc = compare_files(&difference, recorded, now, err);
    if (difference)
        add_difference(t, path, difference);
    free(now);
    free(recorded);
    return rc;
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int compare_side(struct trees *t, const char *below, bool from_recorded, struct error *err) {
    char *folder = path_join(from_recorded ? t->recorded : t->now, below);
    struct dirent **entries = NULL;
    int rc = 0;
    int count = scandir(folder, &entries, NULL, compare_names);
    if (count < 0 && errno != ENOENT && errno != ENOTDIR)
        rc = error_errno(err, errno, "%s: cannot be read", folder);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char *path = *below ? path_join(below, name) : mem_strdup(name);
        if (rc == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            rc = compare_entry(t, path, from_recorded, err);
        free(path);
        free(entries[i]);
    }
    free(entries);
    free(folder);
    return rc;
}

static int compare_trees(struct trees *t, const char *below, struct error *err) {
    int rc = compare_side(t, below, true, err);
    return rc < 0 ? rc : compare_side(t, below, false, err);
}

static int compare_directories(cJSON **out, const char *recorded, const char *now, struct error *err) {
    struct trees t = {.recorded = recorded, .now = now, .files = cJSON_CreateArray()};
    int rc = compare_trees(&t, "", err);
    if (!t.files->child) {
        cJSON_Delete(t.files);
        return rc;
    }
    *out = cJSON_CreateObject();
    cJSON_AddStringToObject(*out, "type", "directory");
    cJSON_AddItemToObject(*out, "files", t.files);
    cJSON_AddNumberToObject(*out, "more", (double)t.more);
    return rc;
}

int compare_paths(cJSON **out, const char *recorded, const char *now, struct error *err) {
    *out = NULL;
    return is_directory_itself(recorded) ? compare_directories(out, recorded, now, err)
                                         : compare_files(out, recorded, now, err);
}

/* ---- metrics ---- */

static void add_metric(cJSON *list, const char *name, const cJSON *recorded, const cJSON *now) {
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", name);
    json_add_copy(item, "recorded", recorded);
    json_add_copy(item, "now", now);
    double was, is;
    if (data_number(&was, recorded) && data_number(&is, now))
        cJSON_AddNumberToObject(item, "difference", is - was);
    else
        cJSON_AddNullToObject(item, "difference");
    cJSON_AddItemToArray(list, item);
}

/* Whether two numbers differ by no more than the share of the first; other values are compared whole. */
static bool is_near(const cJSON *recorded, const cJSON *now, double tolerance) {
    double was, is;
    if (data_number(&was, recorded) && data_number(&is, now))
        return fabs(is - was) <= tolerance * fabs(was);
    return json_equal(recorded, now);
}

cJSON *compare_metrics(const cJSON *recorded, const cJSON *now, double tolerance, bool *beyond) {
    cJSON *list = cJSON_CreateArray();
    const cJSON *metric;
    cJSON_ArrayForEach(metric, recorded) {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(now, metric->string);
        if (!other || !is_near(metric, other, tolerance))
            add_metric(list, metric->string, metric, other);
    }
    cJSON_ArrayForEach(metric, now) {
        if (!cJSON_GetObjectItemCaseSensitive(recorded, metric->string))
            add_metric(list, metric->string, NULL, metric);
    }
    *beyond = list->child != NULL;
    return list;
}
