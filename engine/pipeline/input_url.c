/* Reads an input that is fetched: {"url": ..., "sha256": ...}. */
#include <ctype.h>
#include <string.h>

#include "engine/base/sha256.h"
#include "engine/pipeline/paths.h"
#include "engine/pipeline/reader.h"

const char *url_fault(const char *url) {
    const char *host = strncmp(url, "https://", 8) == 0 ? url + 8 : strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;
    if (!host)
        return "begins with neither https:// nor http://";
    if (*host == '/' || *host == '\0')
        return "names no host";
    if (memchr(host, '@', strcspn(host, "/")))
        return "holds a user's name or password: the pipeline and its records would show it";
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return "holds a space or a control character: write %20";
    return NULL;
}

const char *digest_fault(const char *text) {
    struct digest digest;
    return digest_parse(&digest, text) ? NULL : "is not 64 digits of 0-9 and a-f, as sha256sum prints them";
}

const char *url_file_name(struct arena *arena, const char *url) {
    const char *path = strstr(url, "://") + strlen("://");
    size_t length = strcspn(path, "?#"), begin = length;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    const char *name = begin == 0 ? "" : arena_strndup(arena, path + begin, length - begin);
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ? "" : name;
}

/* A text that may hold references to params and the matrix. NULL after a reported fault. */
static const struct value *compile_text(struct draft *d, const cJSON *node, const char *(*fault)(const char *)) {
    struct scope scope = {.part = d->part, .draft = d, .place = &place_path, .uses = &d->uses};
    const struct value *v = value_compile(&scope, node);
    const char *text = value_text(v);
    if (text && fault(text))
        report_value(d->part, node, "the %s \"%s\" %s", strcmp(node->string, "url") == 0 ? "URL" : "digest", text,
                     fault(text));
    else if (!text && v->type == VALUE_LITERAL)
        report_value(d->part, node, "\"%s\" is text; found %s", node->string, describe(d->part->reader, v->as.literal));
    else if (!value_is_broken(v))
        return v;
    return NULL;
}

void read_url(struct draft *d, const cJSON *url, const cJSON *sha256, struct input_decl *out) {
    out->type = INPUT_URL;
    out->value = compile_text(d, url, url_fault);
    if (sha256)
        out->sha256 = compile_text(d, sha256, digest_fault);
    else
        report_value(d->part, url, "\"url\" needs \"sha256\" beside it, the digest of the file (sha256sum prints it)");
    d->broken |= !out->value || !out->sha256;
}
