/*
 * fill STORE RECORD RUN <LINES: writes the records of a run into a store by the store's own interface, executing
 * nothing.
 *
 * RECORD is the JSON of a real record (`retort show --json`); RUN is a file of runs/ that names the stages. Each line
 * is {"record": {...}, "text": "..."}. "record" is an RFC 7396 patch over RECORD. "text" is the content of an object
 * that the store gets first; without it the store has the outs already. Nothing is synced: a store for measuring may be
 * lost in a power cut.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "store/store.h"

enum { GROUP = 4096 };

/* These stand in for libc's. */
int fsync(int fd) {
    (void)fd;
    return 0;
}

int fdatasync(int fd) {
    (void)fd;
    return 0;
}

static void require(int rc, const struct error *err) {
    if (rc == 0)
        return;
    fprintf(stderr, "fill: %s\n", err->message);
    exit(3);
}

static struct json_document *read_json(const char *path) {
    struct error err = {0};
    struct json_document *doc;
    require(json_read(&doc, path, NULL, &err), &err);
    return doc;
}

static void put_object(struct store *s, const char *path, const char *text) {
    struct error err = {0};
    struct object o;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    size_t size = strlen(text);
    bool written = fd >= 0 && write(fd, text, size) == (ssize_t)size;
    require(written ? 0 : error_set(&err, ERR_IO, "%s: cannot be written", path), &err);
    close(fd);
    require(store_object_put(s, AT_FDCWD, path, &o, &err), &err);
}

static void add_line(struct store *s, const char *path, const cJSON *record, const char *line, size_t size) {
    struct error err = {0};
    struct json_document *doc;
    require(json_parse(&doc, line, size, NULL, &err), &err);
    cJSON *made = json_merge(record, cJSON_GetObjectItemCaseSensitive(json_root(doc), "record"));
    const char *text = json_text(json_root(doc), "text", NULL);
    if (text)
        put_object(s, path, text);
    require(store_record_add(s, made, &err), &err);
    if (store_queued(s) == GROUP)
        require(store_commit(s, &err), &err);
    cJSON_Delete(made);
    json_free(doc);
}

static void add_all(struct store *s, const cJSON *record) {
    struct error err = {0};
    char *work = store_work_path(s, "fill"), *path = path_join(work, "o"), *line = NULL;
    size_t room = 0;
    ssize_t size;
    require(file_make_directory(work, &err), &err);
    while ((size = getline(&line, &room, stdin)) > 0)
        add_line(s, path, record, line, (size_t)size);
    require(store_commit(s, &err), &err);
    file_remove_tree(work, NULL);
    free(line);
    free(path);
    free(work);
}

int main(int argc, char **argv) {
    struct error err = {0};
    struct store *s;
    if (argc != 4) {
        fputs("usage: fill STORE RECORD RUN <LINES\n", stderr);
        return 2;
    }
    struct json_document *record = read_json(argv[2]), *run = read_json(argv[3]);
    require(store_open(&s, argv[1], true, &err), &err);
    require(store_run_begin(s, json_text(json_root(run), "pipeline", ""), NULL, &err), &err);
    add_all(s, json_root(record));
    require(store_run_write(s, json_root(run), &err), &err);
    store_close(s);
    json_free(record);
    json_free(run);
    return 0;
}
