/* The files to publish, and their names. */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytemap.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/publish/internal.h"

enum { SHORT_DIGEST = 8 }; /* hex digits */

/* ---- names of a list's items ---- */

static void append_safe(struct buffer *out, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        buffer_putc(out, isalnum(c) || c >= 128 || strchr("-_+.", c) ? (char)c : '_');
    }
}

static void append_label(struct buffer *out, const cJSON *label) {
    const char *named = json_text(label, "label", NULL);
    char *text = cJSON_IsString(label) ? mem_strdup(label->valuestring)
                 : named               ? mem_strdup(named)
                                       : json_canonical_text(label);
    append_safe(out, label->string);
    buffer_putc(out, '=');
    append_safe(out, text);
    free(text);
}

/* Shortens the name so that the digest and the extension fit behind it; a UTF-8 character stays whole. */
static void append_digest(struct buffer *name, const cJSON *labels, size_t extension) {
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    char *text = json_canonical_text(labels);
    size_t room = NAME_MAX - extension - SHORT_DIGEST - 1;
    sha256_bytes(&digest, text, strlen(text));
    digest_hex(hex, &digest);
    size_t cut = name->size < room ? name->size : room;
    while (cut > 0 && cut < name->size && ((unsigned char)name->data[cut] & 0xC0) == 0x80)
        cut--;
    name->data[name->size = cut] = '\0';
    buffer_printf(name, "-%.*s", SHORT_DIGEST, hex);
    free(text);
}

/* "alpha=5,seed=1.csv", with a short digest of the labels if it is asked for or the name is too long. An item without
   labels has the out's own file name. */
static char *list_name(const char *folder, const struct result_item *item, bool digest) {
    struct buffer name = {0};
    const char *file = path_base(item->out->path);
    const char *dot = strrchr(file, '.');
    const char *extension = dot && dot != file ? dot : "";
    const cJSON *label;
    if (!item->labels || !item->labels->child)
        return mem_printf("%s%s", folder, file);
    cJSON_ArrayForEach(label, item->labels) {
        if (label != item->labels->child)
            buffer_putc(&name, ',');
        append_label(&name, label);
    }
    if (digest || name.size + strlen(extension) > NAME_MAX)
        append_digest(&name, item->labels, strlen(extension));
    char *joined = mem_printf("%s%s%s", folder, buffer_text(&name), extension);
    buffer_close(&name);
    return joined;
}

/* ---- the items of a result ---- */

static void add_list(struct item *out, const char *folder, const struct result_item *found, size_t count) {
    struct bytemap names = {0};
    for (size_t i = 0; i < count; i++) {
        out[i] = (struct item){list_name(folder, &found[i], false), found[i].content, found[i].instance, false, false};
        struct item *twin = bytemap_get(&names, out[i].name, strlen(out[i].name));
        if (twin)
            twin->is_twin = out[i].is_twin = true;
        else
            bytemap_put(&names, out[i].name, strlen(out[i].name), &out[i]);
    }
    bytemap_close(&names);
    for (size_t i = 0; i < count; i++) {
        if (!out[i].is_twin)
            continue;
        free(out[i].name);
        out[i].name = list_name(folder, &found[i], true);
    }
}

static int add_result(struct items *out, struct plan *plan, const struct result_decl *result, struct error *err) {
    const struct result_item *found;
    size_t count = 0;
    bool waiting = false;
    int rc = plan_result(plan, result, &found, &count, &waiting, err);
    if (rc < 0)
        return error_prefix(err, "result \"%s\"", result->name);
    out->known += !waiting;
    if (count == 0 && !waiting)
        texts_add(&out->absent, mem_strdup(result->name));
    if (count == 0)
        return 0;
    mem_grow(out->items, &out->capacity, out->count + count);
    if (result->name[strlen(result->name) - 1] == '/')
        add_list(out->items + out->count, result->name, found, count);
    else
        out->items[out->count] = (struct item){mem_strdup(result->name), found->content, found->instance, false, false};
    out->count += count;
    return 0;
}

int items_collect(struct items *out, struct plan *plan, const struct pipeline *pipeline, struct error *err) {
    int rc = 0;
    *out = (struct items){.total = pipeline->result_count};
    for (size_t i = 0; rc == 0 && i < pipeline->result_count; i++)
        rc = add_result(out, plan, &pipeline->results[i], err);
    return rc;
}

void items_close(struct items *items) {
    for (size_t i = 0; i < items->count; i++)
        free(items->items[i].name);
    free(items->items);
    texts_close(&items->absent);
    *items = (struct items){0};
}
