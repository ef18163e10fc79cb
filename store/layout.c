#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"
#include "store/attempts.h"
#include "store/internal.h"

enum { PLATFORM_DIGITS = 16 };

char *layout_path(const struct store *s, const char *folder, const char *name) {
    return mem_printf("%s/%s%s%s", s->directory, folder, *name ? "/" : "", name);
}

int layout_each(const struct store *s, const char *folder, layout_visit *visit, void *context, struct error *err) {
    char *path = layout_path(s, folder, "");
    struct folder entries;
    const char *name;
    int rc = folder_open_if_there(&entries, path, err);
    while (rc >= 0 && (rc = folder_next(&entries, &name, err)) > 0) {
        char *entry = path_join(path, name);
        rc = visit(context, entry, name, err);
        free(entry);
    }
    folder_close(&entries);
    free(path);
    return rc;
}

struct names {
    struct texts *out;
    const char *ending;
};

static int list_name(void *context, const char *path, const char *name, struct error *err) {
    const struct names *n = context;
    size_t length = strlen(name), end = strlen(n->ending);
    (void)path;
    (void)err;
    if (name[0] != '.' && length > end && strcmp(name + length - end, n->ending) == 0)
        texts_add(n->out, mem_strdup(name));
    return 0;
}

int layout_list(struct texts *out, const struct store *s, const char *folder, const char *ending, struct error *err) {
    int rc = layout_each(s, folder, list_name, &(struct names){out, ending}, err);
    texts_sort(out);
    return rc;
}

char *layout_database(const char *directory) {
    return path_join(directory, "state.db");
}

char *layout_encode(const char *name) {
    struct buffer b = {0};
    for (const char *c = name; *c; c++) {
        unsigned char u = (unsigned char)*c;
        if (u == '/' || u == '%' || u < 0x20 || u == 0x7F || (u == '.' && c == name))
            buffer_printf(&b, "%%%02X", u);
        else
            buffer_putc(&b, *c);
    }
    return buffer_detach(&b);
}

char *layout_temporary(struct store *s) {
    return mem_printf("%s/objects/tmp/%s.%u", s->directory, s->owner_text, atomic_fetch_add(&s->temporaries, 1));
}

void layout_time(char text[CLOCK_TEXT_SIZE], double wall_s) {
    clock_format(text, wall_s);
    char *to = text;
    for (const char *from = text; *from; from++)
        if (*from != '-' && *from != ':' && *from != '.')
            *to++ = *from;
    *to = '\0';
}

char *layout_new_id(double wall_s) {
    char text[CLOCK_TEXT_SIZE];
    uint32_t tail = 0;
    layout_time(text, wall_s);
    while (getrandom(&tail, sizeof tail, 0) != (ssize_t)sizeof tail)
        ;
    return mem_printf("%s-%08x", text, tail);
}

void object_name(char name[OBJECT_NAME_SIZE], const struct digest *d) {
    digest_hex(name + 1, d);
    name[0] = name[1];
    name[1] = name[2];
    name[2] = '/';
}

char *store_object_path(const struct store *s, const struct digest *d) {
    char name[OBJECT_NAME_SIZE];
    object_name(name, d);
    return layout_path(s, "objects", name);
}

const char *store_directory(const struct store *s) {
    return s->directory;
}

char *store_work_path(const struct store *s, const char *attempt) {
    char *name = layout_encode(attempt);
    char *path = mem_printf("%s/work/%s@%s", s->directory, name, s->owner_text);
    free(name);
    return path;
}

char *store_log_path(const struct store *s, const char *attempt, const char *stream) {
    char *name = layout_encode(attempt);
    char *path = mem_printf("%s/logs/%s.%s", s->directory, name, stream);
    free(name);
    return path;
}

char *store_checkpoint_path(const struct store *s, const struct digest *key, const char *platform) {
    char key_hex[DIGEST_HEX_SIZE];
    char platform_hex[DIGEST_HEX_SIZE];
    struct digest d;
    sha256_bytes(&d, platform, strlen(platform));
    digest_hex(key_hex, key);
    digest_hex(platform_hex, &d);
    return mem_printf("%s/checkpoints/%s.%.*s", s->directory, key_hex, PLATFORM_DIGITS, platform_hex);
}

char *store_checkpoint_attempts_path(const struct store *s, const struct digest *key, const char *platform) {
    char *checkpoint = store_checkpoint_path(s, key, platform);
    char *path = mem_printf("%s.attempts", checkpoint);
    free(checkpoint);
    return path;
}
