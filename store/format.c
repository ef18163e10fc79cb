/* The file "format" of a store: "retort store <number>\n". */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/internal.h"

enum { FORMAT_LIMIT = 4096, TEXT_SIZE = 32 };
static const char head[] = "retort store ";

static void put_text(char text[TEXT_SIZE], int number) {
    snprintf(text, TEXT_SIZE, "%s%d\n", head, number);
}

static int read_number(long *out, const char *path, struct error *err) {
    struct buffer text = {0};
    char *end = NULL;
    int rc = file_read(&text, path, FORMAT_LIMIT, err);
    *out = 0;
    if (rc == 0 && text.size > sizeof head && memcmp(text.data, head, sizeof head - 1) == 0)
        *out = strtol(text.data + sizeof head - 1, &end, 10);
    if (rc == 0 && (*out < 1 || strcmp(end, "\n") != 0))
        rc = error_set(err, ERR_INVALID, "%s: should read \"%s%d\"; if this is a store, write that line anew", path,
                       head, FORMAT_NEWEST);
    buffer_close(&text);
    return rc;
}

int format_check(const char *directory, struct error *err) {
    char *path = path_join(directory, "format");
    long number;
    int rc = read_number(&number, path, err);
    if (rc == 0 && number > FORMAT_NEWEST)
        rc = error_set(err, ERR_INVALID,
                       "%s: this store has format %ld and this engine knows formats up to %d: use the newer engine",
                       path, number, FORMAT_NEWEST);
    free(path);
    return rc;
}

int format_create(const char *directory, struct error *err) {
    char text[TEXT_SIZE], *path = path_join(directory, "format");
    put_text(text, FORMAT_FIRST);
    int rc = file_replace(path, text, strlen(text), 0666, err);
    free(path);
    return rc;
}

/* In place: other engines hold locks on the file to see whether locks hold. */
int format_raise(const char *directory, int number, struct error *err) {
    char text[TEXT_SIZE], *path = path_join(directory, "format");
    long present;
    int rc = read_number(&present, path, err), fd = -1;
    put_text(text, number);
    if (rc < 0 || present >= number)
        goto out;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    rc = fd < 0 ? error_errno(err, errno, "%s: cannot be opened", path)
                : file_write_all(fd, text, strlen(text), path, err);
    if (rc == 0 && fsync(fd) < 0)
        rc = error_errno(err, errno, "%s: cannot be synced", path);
out:
    if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}
