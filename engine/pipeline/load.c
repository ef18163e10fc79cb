/* Reads a file and its includes into a tree of parts. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/pipeline/reader.h"

static void destroy_source(void *source) {
    source_close(source);
}

static void destroy_memory(void *memory) {
    free(memory);
}

/* Copies `text` into the arena and frees it. */
static const char *keep_text(struct reader *r, char *text) {
    const char *kept = arena_strdup(r->arena, text);
    free(text);
    return kept;
}

/* `origin` NULL: a file of this machine. */
static struct part *part_create(struct reader *r, struct part *includer, const char *name, const char *file,
                                const struct origin *origin) {
    struct part *part = arena_alloc(r->arena, sizeof *part);
    part->reader = r;
    part->includer = includer;
    part->include_name = name;
    part->file = file;
    part->depth = includer ? includer->depth + 1 : 0;
    part->uses.end = &part->uses.first;
    part->source = arena_alloc(r->arena, sizeof *part->source);
    part->source->name = file;
    arena_own(r->arena, part->source, destroy_source);
    part->pipeline = arena_alloc(r->arena, sizeof *part->pipeline);
    part->pipeline->arena = r->arena;
    part->pipeline->path = file;
    part->pipeline->origin = origin;
    part->pipeline->prefix = includer ? arena_printf(r->arena, "%s%s/", includer->pipeline->prefix, name) : "";
    return part;
}

static int keep_bytes(struct part *part, struct buffer *text, int rc) {
    part->source->size = text->size;
    char *bytes = buffer_detach(text);
    arena_own(part->reader->arena, bytes, destroy_memory);
    part->source->text = bytes;
    return rc;
}

/* Reads the pipeline from a pipe, which has no folder: its paths are relative to the working directory. Closes `fd`. */
static int read_stream(struct part *part, int fd, const char *name, struct error *err) {
    char *here = realpath(".", NULL);
    struct buffer text = {0};
    if (fd < 0 || !here) {
        int rc = error_errno(err, errno, "%s: cannot be read", part->file);
        free(here);
        return rc;
    }
    part->file = part->real = part->pipeline->path = part->source->name = name;
    part->pipeline->directory = keep_text(part->reader, here);
    int rc = file_read_open(&text, fd, name, MAX_FILE_BYTES, err);
    close(fd);
    return keep_bytes(part, &text, rc);
}

static int read_committed(struct part *part, struct error *err) {
    const struct origin *o = part->pipeline->origin;
    const struct commits *commits = part->reader->commits;
    struct buffer text = {0};
    part->real = arena_printf(part->reader->arena, "%s#%s:%s", o->url, o->commit, o->path);
    int rc = commits->read(commits->context, o, o->path, MAX_FILE_BYTES, &text, err);
    if (rc == ERR_NOT_FOUND)
        rc = err->code = ERR_USAGE; /* as of a file of this machine */
    return keep_bytes(part, &text, rc);
}

/* Reads the bytes of the part's file. */
static int read_bytes_of(struct part *part, struct error *err) {
    struct reader *r = part->reader;
    struct stat st;
    if (part->pipeline->origin)
        return read_committed(part, err);
    if (!part->includer && strcmp(part->file, "-") == 0)
        return read_stream(part, dup(STDIN_FILENO), "<stdin>", err);
    if (!part->includer && stat(part->file, &st) == 0 && S_ISFIFO(st.st_mode))
        return read_stream(part, open(part->file, O_RDONLY | O_CLOEXEC | O_NOCTTY), "<pipe>", err);
    char *real = realpath(part->file, NULL);
    if (!real && errno == ENOENT)
        return error_set(err, ERR_USAGE, "there is no file %s", part->file);
    if (!real)
        return error_errno(err, errno, "%s", part->file);
    part->real = keep_text(r, real);
    part->pipeline->directory = keep_text(r, path_directory(part->real));
    struct buffer text = {0};
    return keep_bytes(part, &text, file_read(&text, part->file, MAX_FILE_BYTES, err));
}

static void parse(struct part *part) {
    struct error err = {0};
    struct json_position at = {0, 0};
    if (json_parse_in(&part->root, part->reader->arena, part->source->text, part->source->size, &at, &err) == 0) {
        part->source->root = part->root;
        return;
    }
    /* json_parse_in puts the place before its message. */
    char place[64];
    snprintf(place, sizeof place, "%zu:%zu: ", at.line, at.column);
    bool repeated = strncmp(err.message, place, strlen(place)) == 0;
    diagnostics_add_at(part->reader->diagnostics, SEVERITY_ERROR, part->file, at,
                       err.message + (repeated ? strlen(place) : 0));
    part->broken = true;
}

static void check_head(struct part *part) {
    static const char *const keys[] = {"$schema", "retort", "name",     "description", "license", "authors",
                                       "include", "params", "defaults", "stages",      "results", "energy_budget"};
    struct reader *r = part->reader;
    if (!cJSON_IsObject(part->root)) {
        report_value(part, part->root, "a pipeline is an object; found %s", describe(r, part->root));
        part->broken = true;
        return;
    }
    CHECK_KEYS(part, part->root, keys);
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(part->root, "retort");
    if (!format)
        report_value(part, part->root, "the key \"retort\" is missing: write \"retort\": %d, the version of the format",
                     PIPELINE_FORMAT);
    else if (!cJSON_IsNumber(format) || format->valuedouble != PIPELINE_FORMAT)
        report_value(part, format, "\"retort\" is the version of the format, %d; found %s", PIPELINE_FORMAT,
                     describe(r, format));
}

/* Files are named after the pipeline. File systems allow 255 bytes, and temporary files have longer names. */
enum { NAME_LIMIT = 200 };

static void read_names(struct part *part) {
    struct pipeline *p = part->pipeline;
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(part->root, "name");
    if (name && need_text(part, name, "\"name\"")) {
        p->name = name->valuestring;
        if (!name_is_valid(p->name))
            report_value(part, name, "\"%s\" cannot be the name of a pipeline: " NAME_ALLOWED, p->name);
        else if (strlen(p->name) > NAME_LIMIT)
            report_value(part, name, "the name of a pipeline has at most %d bytes; this one has %zu", NAME_LIMIT,
                         strlen(p->name));
    } else if (!name && !part->includer) {
        report_value(part, part->root, "the key \"name\" is missing: results are published under it");
    }
    const cJSON *schema = cJSON_GetObjectItemCaseSensitive(part->root, "$schema");
    if (schema)
        need_text(part, schema, "\"$schema\"");
    const cJSON *description = cJSON_GetObjectItemCaseSensitive(part->root, "description");
    if (cJSON_IsString(description))
        p->description = description->valuestring;
    else if (description)
        report_value(part, description, "\"description\" is text; found %s", describe(part->reader, description));
}

/* Reports "a.json includes b.json includes a.json" when a part includes itself. */
static bool in_own_chain(const struct part *part, const cJSON *at) {
    const struct part *same = part->includer;
    while (same && strcmp(same->real, part->real) != 0)
        same = same->includer;
    if (!same)
        return false;
    struct buffer chain = {0};
    const struct part *links[MAX_INCLUDE_DEPTH + 2];
    size_t count = 0;
    for (const struct part *p = part; p != same; p = p->includer)
        links[count++] = p;
    buffer_puts(&chain, same->file);
    while (count)
        buffer_printf(&chain, " includes %s", links[--count]->file);
    report_value(part->includer, at, "a file cannot include itself: %s", buffer_text(&chain));
    buffer_close(&chain);
    return true;
}

static void load_includes(struct part *part);

/* Reads the file of a new part, and its includes. NULL after a reported fault; `path` is the place of one. */
static struct part *load_part(struct part *part, const cJSON *path) {
    struct reader *r = part->reader;
    struct part *includer = part->includer;
    struct error err = {0};
    if (part->depth > MAX_INCLUDE_DEPTH) {
        report_value(includer, path, "includes are nested deeper than %d", MAX_INCLUDE_DEPTH);
        return NULL;
    }
    if (++r->part_count > MAX_PARTS) {
        report_value(includer, path, "a pipeline includes at most %d parts, counted each time they are included",
                     MAX_PARTS);
        return NULL;
    }
    if (read_bytes_of(part, &err) < 0) {
        report_value(includer, path, "the include cannot be read: %s", err.message);
        return NULL;
    }
    if (in_own_chain(part, path))
        return NULL;
    reader_note_file(r, part->file);
    parse(part);
    if (!part->broken)
        check_head(part);
    if (!part->broken) {
        read_names(part);
        read_credits(part);
        load_includes(part);
    }
    return part->broken ? NULL : part;
}

static struct origin *keep_origin(struct reader *r, const char *url, const char *commit, const char *path) {
    struct origin *o = arena_alloc(r->arena, sizeof *o);
    *o = (struct origin){arena_strdup(r->arena, url), arena_strdup(r->arena, commit), arena_strdup(r->arena, path)};
    return o;
}

static struct part *load_committed(struct part *includer, const cJSON *include, const cJSON *path,
                                   const struct origin *origin) {
    struct reader *r = includer->reader;
    const char *name = origin_name(r->arena, origin, origin->path);
    return load_part(part_create(r, includer, include->string, name, origin), path);
}

/* A part of the commit that the includer is of; its path is relative to the includer's file. */
static struct part *load_beside_commit(struct part *includer, const cJSON *include, const cJSON *path) {
    const struct origin *o = includer->pipeline->origin;
    const char *place = origin_beside(includer->reader->arena, o, path->valuestring);
    if (place)
        return load_committed(includer, include, path, keep_origin(includer->reader, o->url, o->commit, place));
    report_value(includer, path, "the path \"%s\" " ORIGIN_LEAVES, path->valuestring);
    return NULL;
}

/* A part by path; its path is relative to the includer's file. NULL after a reported fault. */
static struct part *load_beside(struct part *includer, const cJSON *include, const cJSON *path) {
    if (includer->pipeline->origin)
        return load_beside_commit(includer, include, path);
    if (path->valuestring[0] == '/')
        warn_value(includer, path, "an absolute path works on this machine alone; write it relative to this file");
    char *directory = path_directory(includer->file);
    char *joined = path_join(directory, path->valuestring);
    const char *file = keep_text(includer->reader, path_normal(joined));
    free(joined);
    free(directory);
    return load_part(part_create(includer->reader, includer, include->string, file, NULL), path);
}

/* Whether "rev" is a full commit id; reports one that is not. */
static bool check_rev(struct part *part, const cJSON *node, const cJSON *rev) {
    if (!rev) {
        report_value(part, node, "the include \"%s\" needs \"rev\", the commit, branch or tag of its repository",
                     node->string);
        return false;
    }
    if (!need_text(part, rev, "\"rev\""))
        return false;
    if (commit_is_full(rev->valuestring))
        return true;
    if (part->pipeline->origin)
        report_value(
            part, rev,
            "\"%s\" is no full commit id, and may name another commit tomorrow; ask its authors to pin it with "
            "retort lock",
            rev->valuestring);
    else
        report_value(
            part, rev,
            "\"%s\" is no full commit id, and may name another commit tomorrow; retort lock %s writes the id of "
            "today",
            rev->valuestring, part->file);
    return false;
}

/* Whether the path of a part in its repository may be one; reports one that may not. */
static bool check_part_path(struct part *part, const cJSON *path) {
    const char *fault = path_fault(path->valuestring);
    if (fault)
        report_value(part, path, "the path \"%s\" of a file in the repository %s", path->valuestring, fault);
    return !fault;
}

static struct part *load_git(struct part *includer, const cJSON *include, const cJSON *git, const cJSON *path) {
    const cJSON *rev = cJSON_GetObjectItemCaseSensitive(include, "rev");
    const cJSON *ref = cJSON_GetObjectItemCaseSensitive(include, "ref");
    const struct commits *commits = includer->reader->commits;
    struct error err = {0};
    bool good = check_rev(includer, include, rev);
    good &= !ref || need_text(includer, ref, "\"ref\"");
    if (!need_text(includer, git, "\"git\"") || !good || !check_part_path(includer, path))
        return NULL;
    const struct origin *o = keep_origin(includer->reader, git->valuestring, rev->valuestring, path->valuestring);
    if (!commits)
        report_value(includer, git, "no file of a repository can be read here");
    else if (commits->open(commits->context, o, includer->pipeline->origin != NULL, &err) < 0)
        report_value(includer, git, "%s", err.message);
    else
        return load_committed(includer, include, path, o);
    return NULL;
}

static struct part *load_source(struct part *part, const cJSON *node, const cJSON *path) {
    static const char *const of_git[] = {"rev", "ref"};
    const cJSON *git = cJSON_GetObjectItemCaseSensitive(node, "git");
    if (git)
        return load_git(part, node, git, path);
    for (size_t i = 0; i < sizeof of_git / sizeof *of_git; i++) {
        const cJSON *key = cJSON_GetObjectItemCaseSensitive(node, of_git[i]);
        if (key)
            report_key(part, key,
                       "\"%s\" belongs to an include from git; an include by path takes \"path\" and \"params\"",
                       of_git[i]);
    }
    return load_beside(part, node, path);
}

static void load_include(struct part *part, const cJSON *node, struct include_slot *slot) {
    static const char *const keys[] = {"path", "params", "git", "rev", "ref"};
    slot->name = node->string;
    slot->at = locate_key(part, node);
    if (!need_name(part, node, "an include") || !need_object(part, node, "an include"))
        return;
    if (name_is_reserved(node->string)) {
        report_key(part, node, "\"%s\" cannot be the name of an include: it is a word of references (\"${%s...}\")",
                   node->string, node->string);
        return;
    }
    CHECK_KEYS(part, node, keys);
    const cJSON *path = cJSON_GetObjectItemCaseSensitive(node, "path");
    if (!path)
        report_value(part, node, "the include \"%s\" needs \"path\", the file of the part", node->string);
    else if (need_text(part, path, "\"path\""))
        slot->part = load_source(part, node, path);
    const cJSON *params = cJSON_GetObjectItemCaseSensitive(node, "params");
    if (params && need_object(part, params, "\"params\""))
        slot->params = params;
}

static void load_includes(struct part *part) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(part->root, "include");
    if (!list || !need_object(part, list, "\"include\""))
        return;
    struct arena *arena = part->reader->arena;
    size_t count = (size_t)cJSON_GetArraySize(list);
    const char **names = arena_array(arena, count, sizeof *names);
    struct include_decl *decls = arena_array(arena, count, sizeof *decls);
    part->includes = arena_array(arena, count, sizeof *part->includes);
    const cJSON *node;
    cJSON_ArrayForEach(node, list) {
        if (part->include_count == MAX_PARTS) {
            report_value(part, node, "a file has at most %d includes", MAX_PARTS);
            break;
        }
        struct include_slot *slot = &part->includes[part->include_count];
        names[part->include_count++] = node->string;
        load_include(part, node, slot);
        if (slot->part)
            decls[part->pipeline->include_count++] = (struct include_decl){slot->name, slot->part->pipeline, slot->at};
    }
    part->include_names = names;
    part->pipeline->includes = decls;
}

void part_close(struct part *part) {
    bytemap_close(&part->params_by_name);
    bytemap_close(&part->drafts_by_name);
    for (size_t i = 0; i < part->include_count; i++)
        if (part->includes[i].part)
            part_close(part->includes[i].part);
}

static struct part *create_root(struct reader *r, const struct pipeline_source *source) {
    const struct origin *o = source->origin;
    if (!o)
        return part_create(r, NULL, NULL, arena_strdup(r->arena, source->path), NULL);
    return part_create(r, NULL, NULL, origin_name(r->arena, o, o->path), keep_origin(r, o->url, o->commit, o->path));
}

int load_root(struct reader *r, const struct pipeline_source *source, struct error *err) {
    r->root = create_root(r, source);
    struct error local = {0};
    int rc = read_bytes_of(r->root, &local);
    if (rc == ERR_INVALID) {
        struct location whole = {.source = r->root->source};
        report(r, &whole, "%s", local.message);
        r->root->broken = true;
        return 0;
    }
    if (rc < 0)
        return error_set(err, rc, "%s", local.message);
    reader_note_file(r, r->root->file);
    parse(r->root);
    if (!r->root->broken)
        check_head(r->root);
    if (!r->root->broken) {
        read_names(r->root);
        read_credits(r->root);
        load_includes(r->root);
    }
    return 0;
}
