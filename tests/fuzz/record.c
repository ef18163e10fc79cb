/*
 * Action records. The bytes are read as a segment, as the JSON of a line with a right checksum, and as a claim's owner.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/internal.h"
#include "tests/fuzz/fuzz.h"

static int take_out(void *context, const char *name, const struct object *o, struct error *err) {
    (void)err;
    HOLDS(name && o->size <= (UINT64_C(1) << 53));
    ++*(size_t *)context;
    return 0;
}

static void give_json(const char *json, size_t length) {
    struct record_row row = {0};
    cJSON *tree = NULL;
    struct error err = {0};
    size_t outs = 0;
    if (record_row_parse(&row, &tree, json, length, &err) < 0) {
        HOLDS(!tree && *err.message);
        return;
    }
    HOLDS(row.stage && row.platform);
    HOLDS(record_outs(tree, take_out, &outs, &err) == 0);
    cJSON_Delete(tree);
}

struct seen {
    int64_t end; /* of the last line */
    size_t whole;
};

static int take_span(void *context, const struct segment_span *span, struct error *err) {
    struct seen *seen = context;
    (void)err;
    HOLDS(span->offset == seen->end && span->length > 0);
    seen->end += span->length;
    if (span->json) {
        HOLDS(span->at >= 0);
        give_json(span->json, span->json_length);
        seen->whole++;
    }
    return 0;
}

static size_t give_segment(const void *bytes, size_t size) {
    struct seen seen = {0};
    struct error err = {0};
    int64_t end = 0;
    int fd = memfd_create("segment", MFD_CLOEXEC);
    HOLDS(fd >= 0 && file_write_all(fd, bytes, size, "segment", NULL) == 0);
    HOLDS(segment_scan_fd(fd, "segment", 0, (int64_t)size, INT64_MAX, &end, take_span, &seen, &err) == 0);
    HOLDS(end == seen.end && end <= (int64_t)size);
    close(fd);
    return seen.whole;
}

static void give_line(const char *text) {
    struct buffer line = {0};
    segment_line(&line, 1700000000000000000, text);
    HOLDS(strchr(text, '\n') || give_segment(line.data, line.size) == 1);
    buffer_close(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct owner owner;
    size_t used = 0;
    char *text = mem_strndup(size ? (const char *)data : "", size);
    give_segment(data, size);
    give_json((const char *)data, size);
    give_line(text);
    HOLDS(!owner_parse(&owner, text, &used) || used <= strlen(text));
    free(text);
    return 0;
}
