#include "engine/base/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

int scratch_write(const char *path, const void *bytes, size_t size, struct error *err) {
    char *temporary = mem_printf("%s.tmp", path);
    int rc = 0;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        rc = error_errno(err, errno, "%s: cannot be created", temporary);
        goto out;
    }
    rc = file_write_all(fd, bytes, size, temporary, err);
    if (close(fd) < 0 && rc == 0)
        rc = error_errno(err, errno, "%s: cannot be closed", temporary);
    if (rc == 0 && rename(temporary, path) < 0)
        rc = error_errno(err, errno, "%s: cannot be replaced", path);
    if (rc < 0)
        unlink(temporary);
out:
    free(temporary);
    return rc;
}
