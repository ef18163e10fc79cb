#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"

enum { MOUNTINFO_LIMIT = 16 << 20, NUMBER_SIZE = 32 };

/* ---- trying locks ---- */

static int refuse(const char *path, const char *what, const char *detail, struct error *err) {
    return error_set(err, ERR_IO,
                     "%s: %s (%s); engines that share a store need working locks: put it on a local disk, with "
                     "--store DIR or RETORT_STORE",
                     path, what, detail);
}

/* `rc` and errno are those of an exclusive lock beside a shared one. */
static int judge(int rc, const char *path, const char *call, struct error *err) {
    if (rc == 0)
        return refuse(path, "the locks of this file system keep nobody out", call, err);
    bool refused = errno == EWOULDBLOCK || errno == EACCES;
    return refused ? 0 : refuse(path, "the locks of this file system do not work", strerror(errno), err);
}

static int lock_file(int fd, int how) {
    int rc;
    do
        rc = flock(fd, how | LOCK_NB);
    while (rc < 0 && errno == EINTR);
    return rc;
}

/* These locks belong to open files, like those of flock. SQLite's belong to processes, and a process cannot test
   them against itself. The file system runs the same code for both. */
static int lock_range(int fd, short how) {
    struct flock range = {.l_type = how, .l_whence = SEEK_SET, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &range);
}

static int try_locks(int one, int other, const char *path, struct error *err) {
    if (lock_file(one, LOCK_SH) < 0)
        return refuse(path, "the locks of this file system do not work", strerror(errno), err);
    int rc = judge(lock_file(other, LOCK_EX), path, "flock", err);
    if (rc < 0)
        return rc;
    if (lock_range(one, F_RDLCK) < 0) /* EINVAL: the kernel has no locks of open files */
        return errno == EINVAL ? 0 : refuse(path, "the locks of this file system do not work", strerror(errno), err);
    return judge(lock_range(other, F_WRLCK), path, "fcntl", err);
}

/* ---- reading mount options ---- */

/* File systems that several machines may mount, with the option that keeps locks local; no option: always local. */
static const struct unshared {
    const char *type, *option;
} unshared[] = {
    {"nfs", "nolock"},          {"nfs", "local_lock=all"},    {"nfs", "local_lock=flock"},  {"nfs", "local_lock=posix"},
    {"nfs4", "local_lock=all"}, {"nfs4", "local_lock=flock"}, {"nfs4", "local_lock=posix"}, {"cifs", "nobrl"},
    {"smb3", "nobrl"},          {"lustre", "localflock"},     {"fuse.sshfs", NULL},         {"fuse.rclone", NULL},
    {"fuse.s3fs", NULL},        {"fuse.gcsfuse", NULL},
};

/* Whether `option` is one of the comma-separated options. */
static bool has_option(const char *options, size_t length, const char *option) {
    size_t wanted = strlen(option);
    for (const char *at = options; at < options + length;) {
        const char *comma = memchr(at, ',', length - (size_t)(at - options));
        size_t size = comma ? (size_t)(comma - at) : length - (size_t)(at - options);
        if (size == wanted && strncmp(at, option, wanted) == 0)
            return true;
        at += size + 1;
    }
    return false;
}

/* A line "36 35 0:52 /root /mount rw,noatime shared:1 - nfs4 host:/export rw,vers=4.2,local_lock=none": finds our
   device and the part after the hyphen. */
static char *unshared_line(const char *line, const char *device) {
    const char *field = line;
    for (int i = 0; i < 2 && field; i++)
        field = (field = strchr(field, ' ')) ? field + 1 : NULL;
    size_t length = strlen(device);
    if (!field || strncmp(field, device, length) != 0 || field[length] != ' ')
        return NULL;
    const char *type = strstr(field, " - ");
    const char *source = type ? strchr(type + 3, ' ') : NULL;
    const char *options = source ? strchr(source + 1, ' ') : NULL;
    if (!options)
        return NULL;
    type += 3;
    options++;
    for (size_t i = 0; i < sizeof unshared / sizeof *unshared; i++) {
        const struct unshared *u = &unshared[i];
        if (strlen(u->type) != (size_t)(source - type) || strncmp(type, u->type, strlen(u->type)) != 0)
            continue;
        if (!u->option)
            return mem_strdup(u->type);
        if (has_option(options, strcspn(options, " \n"), u->option))
            return mem_printf("%s with %s", u->type, u->option);
    }
    return NULL;
}

char *lock_unshared(const char *mountinfo, dev_t device) {
    char number[NUMBER_SIZE];
    char *found = NULL;
    snprintf(number, sizeof number, "%u:%u", major(device), minor(device));
    for (const char *line = mountinfo; !found && *line;) {
        size_t length = strcspn(line, "\n");
        char *text = mem_strndup(line, length);
        found = unshared_line(text, number);
        free(text);
        line += length + (line[length] == '\n');
    }
    return found;
}

static int check_mount(int fd, const char *path, struct error *err) {
    struct stat st;
    struct buffer text = {0};
    char *how = NULL;
    if (fstat(fd, &st) < 0)
        return error_errno(err, errno, "%s: cannot be examined", path);
    /* A file system on a block device is no network file system. */
    if (major(st.st_dev) == 0 && file_read(&text, "/proc/self/mountinfo", MOUNTINFO_LIMIT, NULL) == 0)
        how = lock_unshared(buffer_text(&text), st.st_dev);
    int rc = how ? refuse(path, "other machines do not see the locks of this file system", how, err) : 0;
    free(how);
    buffer_close(&text);
    return rc;
}

/* A file that cannot be examined counts as one, which ends the retry: its next use reports why. */
static bool are_two_files(int a, int b) {
    struct stat first, second;
    return fstat(a, &first) == 0 && fstat(b, &second) == 0 &&
           (first.st_ino != second.st_ino || first.st_dev != second.st_dev);
}

/* Opens the file twice. Engines that create a store at the same moment each rename a format file into place. So the
   two descriptors may be of different files, which do not share locks. */
static void open_twice(const char *path, int *one, int *other) {
    for (;;) {
        *one = open(path, O_RDONLY | O_CLOEXEC);
        *other = open(path, O_RDWR | O_CLOEXEC); /* NFS grants exclusive locks only on descriptors open for writing */
        if (*one < 0 || *other < 0 || !are_two_files(*one, *other))
            return;
        close(*one);
        close(*other);
    }
}

int lock_check(const char *path, struct error *err) {
    int one, other, rc = 0;
    open_twice(path, &one, &other);
    if (one < 0 || (other < 0 && errno != EACCES && errno != EPERM && errno != EROFS))
        rc = error_errno(err, errno, "%s: cannot be opened", path);
    if (rc == 0)
        rc = check_mount(one, path, err);
    if (rc == 0 && other >= 0) /* without write permission this process does no harm */
        rc = try_locks(one, other, path, err);
    if (one >= 0)
        close(one);
    if (other >= 0)
        close(other);
    return rc;
}
