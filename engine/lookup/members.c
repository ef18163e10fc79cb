#include "engine/lookup/members.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/data.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/suggest.h"
#include "engine/base/texts.h"

enum { MOST_NAMES = 10000 }; /* that a missing one is compared with */

static void add_names(struct texts *names, const cJSON *object, const char *prefix) {
    const cJSON *member;
    cJSON_ArrayForEach(member, object) {
        if (names->count == MOST_NAMES)
            return;
        char *name = mem_printf("%s%s%s", prefix, *prefix ? "." : "", member->string);
        texts_add(names, name);
        if (cJSON_IsObject(member))
            add_names(names, member, name);
    }
}

/* A file that data_parse refuses has no names to suggest. The caller frees. */
static char *suggest_member(const char *path, const struct buffer *text, const char *name) {
    struct error ignored;
    struct texts names = {0};
    cJSON *data = NULL;
    if (data_parse(&data, path, buffer_text(text), text->size, &ignored) == 0)
        add_names(&names, data, "");
    char *suggestion = suggest_text(name, (const char *const *)names.list, names.count, "");
    cJSON_Delete(data);
    texts_close(&names);
    return suggestion;
}

/* The other name that it lies in; NULL: there is none. */
static const char *outer_name(const char *name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(name, names[i], length) == 0 && name[length] == '.')
            return names[i];
    }
    return NULL;
}

static int check_found(const char *path, const struct buffer *text, const char *const *names, const bool *found,
                       size_t count, struct error *err) {
    size_t i = 0;
    while (i < count && found[i])
        i++;
    if (i == count)
        return 0;
    const char *outer = outer_name(names[i], names, count);
    if (outer)
        return error_set(err, ERR_INVALID, "%s: \"%s\" lies in \"%s\", which \"only\" names too: name one of them",
                         path, names[i], outer);
    char *suggestion = suggest_member(path, text, names[i]);
    int rc = error_set(err, ERR_INVALID, "%s: has no member \"%s\"%s", path, names[i], suggestion);
    free(suggestion);
    return rc;
}

int members_of_text(struct buffer *out, const char *path, const struct buffer *text, const char *const *names,
                    size_t count, struct error *err) {
    struct wanted *wanted = mem_array(count + 1, sizeof *wanted);
    bool *found = mem_array(count + 1, sizeof *found);
    for (size_t i = 0; i < count; i++)
        wanted[i] = (struct wanted){names[i], &found[i]};
    int rc = (data_is_yaml(path) ? members_yaml : members_json)(out, buffer_text(text), text->size, wanted, count, err);
    if (rc < 0)
        error_prefix(err, "%s", path);
    buffer_putc(out, '\n');
    if (rc == 0)
        rc = check_found(path, text, names, found, count, err);
    free(wanted);
    free(found);
    return rc;
}

int members_read(struct buffer *out, const char *path, const char *const *names, size_t count, struct error *err) {
    struct buffer text = {0};
    int rc = file_read(&text, path, JSON_MAX_BYTES, err);
    if (rc == 0)
        rc = members_of_text(out, path, &text, names, count, err);
    buffer_close(&text);
    return rc;
}
