/* The files of a bundle and its manifest. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/utf8.h"
#include "engine/bundle/bundle.h"

enum { VERSION = 1, NAME_MAX_BYTES = 1024 };

/* ---- names ---- */

static const char *part_fault(const char *part, size_t length) {
    if (length == 0)
        return "it has an empty part";
    if (length <= 2 && part[0] == '.' && part[length - 1] == '.')
        return "it has a part \".\" or \"..\"";
    if ((length == 4 && strncasecmp(part, ".git", length) == 0) ||
        (length == 7 && strncasecmp(part, ".retort", length) == 0))
        return "it leads into a repository or a store, where files change what programs do";
    return NULL;
}

static const char *character_fault(const char *name, size_t size) {
    for (size_t i = 0, step; i < size; i += step) {
        uint32_t c;
        step = utf8_read(&c, (const unsigned char *)name + i, size - i);
        if (step == 0)
            return "it is not UTF-8";
        if (c < 0x20 || (c >= 0x7F && c < 0xA0))
            return "it has a control character";
        if (c == '\\')
            return "it has a backslash";
    }
    return NULL;
}

const char *bundle_name_fault(const char *name) {
    size_t size = strlen(name);
    if (*name == '/')
        return "it is absolute";
    if (size > NAME_MAX_BYTES)
        return "it is longer than 1024 bytes";
    const char *fault = character_fault(name, size);
    for (const char *part = name, *end; !fault; part = end + 1) {
        end = part + strcspn(part, "/");
        fault = part_fault(part, (size_t)(end - part));
        if (*end == '\0')
            break;
    }
    return fault;
}

/* Some file systems take "A" and "a" for one name. A folder has the names of the files in it. */
enum name_type { NAME_FILE = 1, NAME_FOLDER };
struct bundle_name {
    enum name_type type;
    size_t file;
    char *spelled; /* as first met */
    char folded[];
};

/* Lower case, as far as ASCII and Latin go; other characters stay. */
static void fold(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (unsigned char)(*c + ('a' - 'A'));
        else if (c[0] == 0xC3 && c[1] >= 0x80 && c[1] <= 0x9E && c[1] != 0x97)
            c[1] = (unsigned char)(c[1] + 0x20), c++;
    }
}

/* Notes a name; one that is there already, spelled alike and a folder both times, is no fault. */
static int note_name(struct bundle *b, const char *spelled, size_t size, enum name_type type, struct error *err) {
    struct bundle_name *n = mem_alloc(sizeof *n + size + 1);
    memcpy(n->folded, spelled, size);
    fold(n->folded);
    const struct bundle_name *other = bytemap_get(&b->names, n->folded, size);
    if (!other) {
        n->type = type;
        n->file = b->count;
        n->spelled = mem_strndup(spelled, size);
        bytemap_put(&b->names, n->folded, size, n);
        return 0;
    }
    bool same = strlen(other->spelled) == size && memcmp(other->spelled, spelled, size) == 0;
    free(n);
    if (same && type == NAME_FOLDER && other->type == NAME_FOLDER)
        return 0;
    return error_set(err, ERR_INVALID, "\"%.*s\" and \"%s\" are one name where upper and lower case are the same",
                     (int)size, spelled, other->spelled);
}

struct bundle_file *bundle_find(const struct bundle *b, const char *name) {
    char *folded = mem_strdup(name);
    fold(folded);
    const struct bundle_name *n = bytemap_get(&b->names, folded, strlen(folded));
    free(folded);
    return n && n->type == NAME_FILE && strcmp(n->spelled, name) == 0 ? &b->files[n->file] : NULL;
}

/* ---- files ---- */

/* A new file of that name. */
static int add(struct bundle_file **out, struct bundle *b, const char *name, struct error *err) {
    const char *fault = bundle_name_fault(name);
    int rc = fault ? error_set(err, ERR_INVALID, "\"%s\": the name may not stand in a bundle: %s", name, fault) : 0;
    for (const char *slash = strchr(name, '/'); rc == 0 && slash; slash = strchr(slash + 1, '/'))
        rc = note_name(b, name, (size_t)(slash - name), NAME_FOLDER, err);
    if (rc == 0)
        rc = note_name(b, name, strlen(name), NAME_FILE, err);
    if (rc < 0)
        return rc;
    mem_grow(b->files, &b->capacity, b->count + 1);
    *out = &b->files[b->count++];
    **out = (struct bundle_file){.name = mem_strdup(name)};
    return 0;
}

int bundle_add_text(struct bundle *b, const char *name, struct buffer *text, struct error *err) {
    struct bundle_file *f;
    int rc = add(&f, b, name, err);
    if (rc == 0) {
        f->size = text->size;
        sha256_bytes(&f->digest, text->data, text->size);
        f->text = *text;
        *text = (struct buffer){0};
    }
    buffer_close(text);
    return rc;
}

/* `known` NULL: the file is hashed. */
static int add_file(struct bundle *b, const char *name, const char *path, const struct digest *known,
                    struct error *err) {
    struct bundle_file *f = NULL;
    struct digest digest = known ? *known : (struct digest){0};
    struct stat st = {0};
    uint64_t size;
    if (bundle_find(b, name))
        return 0;
    int rc = known ? 0 : sha256_file(&digest, &size, path, err);
    if (rc == 0 && known && stat(path, &st) < 0)
        rc = error_errno(err, errno, "%s: cannot be examined", path);
    if (rc == 0)
        rc = add(&f, b, name, err);
    if (!f)
        return rc;
    f->path = mem_strdup(path);
    f->executable = access(path, X_OK) == 0;
    f->size = known ? (uint64_t)st.st_size : size;
    f->digest = digest;
    return 0;
}

int bundle_add_file(struct bundle *b, const char *name, const char *path, struct error *err) {
    return add_file(b, name, path, NULL, err);
}

int bundle_add_known(struct bundle *b, const char *name, const char *path, const struct digest *digest,
                     struct error *err) {
    return add_file(b, name, path, digest, err);
}

uint64_t bundle_size(const struct bundle *b) {
    uint64_t size = 0;
    for (size_t i = 0; i < b->count; i++)
        size += b->files[i].size;
    return size;
}

void bundle_close(struct bundle *b) {
    for (size_t i = 0; i < b->count; i++) {
        free(b->files[i].name);
        free(b->files[i].path);
        buffer_close(&b->files[i].text);
    }
    for (size_t i = 0; i < b->names.count; i++) {
        struct bundle_name *n = b->names.entries[i].value;
        free(n->spelled);
        free(n);
    }
    bytemap_close(&b->names);
    free(b->files);
    free(b->run);
    free(b->pipeline);
    *b = (struct bundle){0};
}

/* ---- the manifest ---- */

void bundle_manifest(struct buffer *out, const struct bundle *b) {
    cJSON *manifest = cJSON_CreateObject();
    json_add_number(manifest, "retort_bundle", VERSION);
    json_add_text(manifest, "run", b->run);
    json_add_text(manifest, "pipeline", b->pipeline);
    cJSON *files = cJSON_AddObjectToObject(manifest, "files");
    for (size_t i = 0; i < b->count; i++) {
        cJSON *file = cJSON_CreateObject();
        json_add_digest(file, "sha256", &b->files[i].digest);
        json_add_number(file, "size", (double)b->files[i].size);
        if (b->files[i].executable)
            cJSON_AddTrueToObject(file, "executable");
        cJSON_AddItemToObject(files, b->files[i].name, file);
    }
    json_canonical(out, manifest);
    buffer_putc(out, '\n');
    cJSON_Delete(manifest);
}

static int parse_file(struct bundle *b, const cJSON *item, struct error *err) {
    const double most = 9007199254740992.0; /* 2^53 */
    struct bundle_file *f;
    double size = json_double(item, "size", -1);
    struct digest digest;
    if (!digest_parse(&digest, json_text(item, "sha256", "")) || size < 0 || size > most ||
        size != (double)(uint64_t)size)
        return error_set(err, ERR_INVALID, "\"%s\" needs a digest \"sha256\" and a \"size\"", item->string);
    if (strcmp(item->string, BUNDLE_MANIFEST) == 0)
        return error_set(err, ERR_INVALID, "the manifest lists itself");
    int rc = add(&f, b, item->string, err);
    if (rc < 0)
        return rc;
    f->digest = digest;
    f->size = (uint64_t)size;
    f->executable = json_bool(item, "executable", false);
    return 0;
}

static int parse_tree(struct bundle *b, const cJSON *root, struct error *err) {
    const cJSON *item, *files = cJSON_GetObjectItemCaseSensitive(root, "files");
    double version = json_double(root, "retort_bundle", 0);
    if (version > VERSION)
        return error_set(err, ERR_INVALID, "a newer engine wrote it: this one reads bundles of version %d", VERSION);
    if (version != VERSION || !cJSON_IsObject(files))
        return error_set(err, ERR_INVALID, "it needs \"retort_bundle\": %d and \"files\"", VERSION);
    const char *run = json_text(root, "run", NULL);
    b->run = run ? mem_strdup(run) : NULL;
    b->pipeline = mem_strdup(json_text(root, "pipeline", ""));
    int rc = 0;
    cJSON_ArrayForEach(item, files) {
        if (rc == 0)
            rc = parse_file(b, item, err);
    }
    if (rc == 0 && !bundle_find(b, BUNDLE_RECORDS))
        rc = error_set(err, ERR_INVALID, "it lists no " BUNDLE_RECORDS);
    if (rc == 0 && !bundle_find(b, b->pipeline))
        rc = error_set(err, ERR_INVALID, "it does not list its pipeline, \"%s\"", b->pipeline);
    return rc;
}

int bundle_manifest_parse(struct bundle *b, const char *text, size_t size, struct error *err) {
    struct json_document *doc = NULL;
    int rc = json_parse(&doc, text, size, NULL, err);
    if (rc == 0)
        rc = parse_tree(b, json_root(doc), err);
    json_free(doc);
    return rc;
}
