#include "engine/lookup/members.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/data.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

static int check_found(const char *path, const char *const *names, const bool *found, size_t count, struct error *err) {
    for (size_t i = 0; i < count; i++)
        if (!found[i])
            return error_set(err, ERR_INVALID, "%s: has no member \"%s\"", path, names[i]);
    return 0;
}

int members_read(struct buffer *out, const char *path, const char *const *names, size_t count, struct error *err) {
    struct buffer text = {0};
    struct wanted *wanted = mem_array(count + 1, sizeof *wanted);
    bool *found = mem_array(count + 1, sizeof *found);
    for (size_t i = 0; i < count; i++)
        wanted[i] = (struct wanted){names[i], &found[i]};
    int rc = file_read(&text, path, JSON_MAX_BYTES, err);
    if (rc == 0) {
        rc = (data_is_yaml(path) ? members_yaml : members_json)(out, buffer_text(&text), text.size, wanted, count, err);
        if (rc < 0)
            error_prefix(err, "%s", path);
    }
    buffer_putc(out, '\n');
    if (rc == 0)
        rc = check_found(path, names, found, count, err);
    buffer_close(&text);
    free(wanted);
    free(found);
    return rc;
}
