/* retort lock: writes the commit ids of branches and tags into a pipeline file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/command/project.h"
#include "engine/git/repository.h"

/* An include from git. The nodes are of the file's tree. */
struct pinned {
    const char *name;
    const cJSON *git, *rev, *ref; /* `ref` NULL: it has none */
    const char *wanted;           /* the branch or tag to resolve */
    char commit[COMMIT_HEX_SIZE]; /* of it now */
};

/* A pipeline file, as text and as a tree. */
struct locked_file {
    char *path;
    mode_t mode;
    struct buffer text;
    struct json_document *document;
    struct pinned *includes;
    size_t count;
};

static int read_file(struct locked_file *f, const char *path, struct error *err) {
    struct stat st;
    if (operand_is_url(path))
        return error_set(err, ERR_USAGE, "%s is another team's study: lock writes into a file of yours", path);
    f->path = realpath(path, NULL);
    if (!f->path && errno == ENOENT)
        return error_set(err, ERR_USAGE, "there is no file %s", path);
    if (!f->path)
        return error_errno(err, errno, "%s", path);
    int rc = file_read(&f->text, f->path, JSON_MAX_BYTES, err);
    if (rc == 0)
        rc = json_parse(&f->document, buffer_text(&f->text), f->text.size, NULL, err);
    if (rc == 0 && stat(f->path, &st) == 0)
        f->mode = st.st_mode & 07777;
    return rc < 0 ? error_prefix(err, "%s", path) : 0;
}

static void close_file(struct locked_file *f) {
    json_free(f->document);
    buffer_close(&f->text);
    free(f->includes);
    free(f->path);
}

static const cJSON *text_member(const cJSON *object, const char *name) {
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(member) ? member : NULL;
}

/* Lists the includes to resolve: those whose "rev" is no commit id, and with `all` those that have a "ref" too. Forms
   that `check` reports are left alone. */
static void list_includes(struct locked_file *f, bool all) {
    const cJSON *include = cJSON_GetObjectItemCaseSensitive(json_root(f->document), "include");
    if (!cJSON_IsObject(include))
        return;
    f->includes = mem_array((size_t)cJSON_GetArraySize(include) + 1, sizeof *f->includes);
    const cJSON *node;
    cJSON_ArrayForEach(node, include) {
        struct pinned p = {.name = node->string,
                           .git = text_member(node, "git"),
                           .rev = text_member(node, "rev"),
                           .ref = text_member(node, "ref")};
        if (!p.git || !p.rev || (!p.ref && cJSON_HasObjectItem(node, "ref")))
            continue;
        if (!git_is_commit(p.rev->valuestring))
            p.wanted = p.rev->valuestring;
        else if (all && p.ref)
            p.wanted = p.ref->valuestring;
        if (p.wanted)
            f->includes[f->count++] = p;
    }
}

static int resolve(struct pinned *p, const char *store, struct error *err) {
    struct repository *r = NULL;
    int rc = repository_open(&r, store, p->git->valuestring, err);
    if (rc == 0)
        rc = repository_resolve(r, p->wanted, p->commit, err);
    repository_close(r);
    if (rc == ERR_NOT_FOUND)
        rc = err->code = ERR_INVALID; /* the file names it */
    return rc < 0 ? error_prefix(err, "include \"%s\"", p->name) : 0;
}

/* ---- the new text ---- */

/* The end of the string that begins at `at`, behind its last quote. */
static size_t string_end(const char *text, size_t at) {
    for (at++; text[at] != '"'; at++)
        at += text[at] == '\\';
    return at + 1;
}

/* A part of the text that is replaced. */
struct edit {
    size_t from, to;
    char *text;
};

static char *quoted(const char *prefix, const char *text) {
    struct buffer b = {0};
    buffer_puts(&b, prefix);
    json_string(&b, text);
    return buffer_detach(&b);
}

static struct edit replace_value(const struct locked_file *f, const struct json_places *places, const cJSON *node,
                                 char *text) {
    size_t from = json_value_offset(places, node);
    return (struct edit){from, string_end(f->text.data, from), text};
}

/* The edits of an include: its "rev", and its "ref" where that is new. Returns their number. */
static size_t edit_include(struct edit edits[2], const struct locked_file *f, const struct json_places *places,
                           const struct pinned *p) {
    edits[0] = replace_value(f, places, p->rev, quoted("", p->commit));
    if (!p->ref)
        edits[1] = (struct edit){edits[0].to, edits[0].to, quoted(", \"ref\": ", p->wanted)};
    else if (strcmp(p->ref->valuestring, p->wanted) != 0)
        edits[1] = replace_value(f, places, p->ref, quoted("", p->wanted));
    else
        return 1;
    return 2;
}

static int by_place(const void *a, const void *b) {
    const struct edit *x = a, *y = b;
    return x->from != y->from ? (x->from > y->from) - (x->from < y->from) : (x->to > y->to) - (x->to < y->to);
}

/* Appends the file's text with the edits, whose texts it frees. */
static void put_edited(struct buffer *out, const struct locked_file *f, struct edit *edits, size_t count) {
    size_t at = 0;
    qsort(edits, count, sizeof *edits, by_place);
    for (size_t i = 0; i < count; i++) {
        buffer_append(out, f->text.data + at, edits[i].from - at);
        buffer_puts(out, edits[i].text);
        at = edits[i].to;
        free(edits[i].text);
    }
    buffer_append(out, f->text.data + at, f->text.size - at);
}

/* The remotes may have taken minutes, in which the user worked on. */
static int check_unchanged(const struct locked_file *f, struct error *err) {
    struct buffer now = {0};
    int rc = file_read(&now, f->path, JSON_MAX_BYTES, err);
    if (rc == 0 && (now.size != f->text.size || memcmp(now.data, f->text.data, now.size) != 0))
        rc = error_set(err, ERR_FAILED, "%s: was changed meanwhile, and is left as it is; lock it again", f->path);
    if (rc == 0 && access(f->path, W_OK) < 0)
        rc = error_errno(err, errno, "%s: cannot be written", f->path);
    buffer_close(&now);
    return rc;
}

static int write_file(const struct locked_file *f, struct error *err) {
    struct json_places *places = json_places_create(json_root(f->document), f->text.data, f->text.size);
    struct edit *edits = mem_array(2 * f->count, sizeof *edits);
    struct buffer text = {0};
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++)
        count += edit_include(edits + count, f, places, &f->includes[i]);
    put_edited(&text, f, edits, count);
    int rc = file_replace(f->path, text.data, text.size, f->mode, err);
    if (rc == 0 && chmod(f->path, f->mode) < 0) /* the umask may have taken bits away */
        rc = error_errno(err, errno, "%s: its mode cannot be kept", f->path);
    buffer_close(&text);
    free(edits);
    json_places_free(places);
    return rc;
}

/* ---- the command ---- */

static bool changes(const struct pinned *p) {
    return strcmp(p->rev->valuestring, p->commit) != 0;
}

static void print_changes(const struct locked_file *f) {
    for (size_t i = 0; i < f->count; i++) {
        const struct pinned *p = &f->includes[i];
        const char *from = p->rev->valuestring;
        if (changes(p))
            printable_printf(stdout, "%s: %s: %s%s%s\n", p->name, p->wanted, p->wanted == from ? "" : from,
                             p->wanted == from ? "" : " -> ", p->commit);
        else
            printable_printf(stdout, "%s: %s: %s, as before\n", p->name, p->wanted, p->commit);
    }
    if (f->count == 0)
        fprintf(stderr, "nothing to lock: no include from git names a branch or tag\n");
}

static int lock_file(struct locked_file *f, const struct arguments *a, const char *path, struct error *err) {
    int rc = read_file(f, path, err);
    if (rc < 0)
        return rc;
    list_includes(f, argument_given(a, "update"));
    char *root = project_root(f->path), *store = project_store_path(a, root);
    bool any = false;
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        rc = resolve(&f->includes[i], store, err);
        any |= rc == 0 && changes(&f->includes[i]);
    }
    if (rc == 0 && any && !argument_given(a, "dry-run"))
        rc = check_unchanged(f, err);
    if (rc == 0 && any && !argument_given(a, "dry-run"))
        rc = write_file(f, err);
    if (rc == 0)
        print_changes(f);
    free(root);
    free(store);
    return rc;
}

static int run(const struct arguments *a, struct error *err) {
    struct locked_file f = {0};
    char *found = NULL;
    int rc = operand(a, 0) ? 0 : project_find_file(&found, err);
    if (rc == 0)
        rc = lock_file(&f, a, found ? found : operand(a, 0), err);
    close_file(&f);
    free(found);
    return rc;
}

static const struct option options[] = {
    {"update", 0, NULL, "Ask again for each branch or tag that \"ref\" names, and write the commits that they are now"},
    {"dry-run", 0, NULL, "Print what would be written, and write nothing"},
    OPTION_STORE,
};

const struct command command_lock = {
    .name = "lock",
    .operands = "[PIPELINE]",
    .summary = "write the commit ids of included branches and tags into a file",
    .doc =
        "An include from git needs the full id of a commit as its \"rev\". lock asks the repository for the commit of "
        "each \"rev\" that is a branch or tag, writes the id, and keeps the name as \"ref\". The rest of the file "
        "stays "
        "as it is. Ids are left alone.\n"
        "--update asks for every \"ref\" again. It prints the old and the new id of each, and writes the new ones. "
        "Until then a branch that moves changes no result.",
    .options = options,
    .option_count = COUNT(options),
    .starts_programs = true,
    .run = run,
};
