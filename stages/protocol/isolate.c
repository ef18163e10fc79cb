#include "stages/protocol/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine/base/file.h"

enum { PATH_SIZE = 4096 };

int isolation_flags(void) {
    return geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
}

struct isolation_identity isolation_identity(void) {
    struct isolation_identity i = {.maps = geteuid() != 0};
    snprintf(i.users, sizeof i.users, "%u %u 1", geteuid(), geteuid());
    snprintf(i.groups, sizeof i.groups, "%u %u 1", getegid(), getegid());
    return i;
}

bool isolation_stands(const struct isolation_bind *b) {
    return strcmp(b->source, b->target) == 0;
}

/* ---- in the new process: only system calls ---- */

static bool write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t wrote = fd < 0 ? -1 : write(fd, text, strlen(text));
    if (fd >= 0)
        close(fd);
    return wrote >= 0;
}

bool isolation_map(const struct isolation_identity *i) {
    return !i->maps || (write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/uid_map", i->users) &&
                        write_text("/proc/self/gid_map", i->groups));
}

static int take_tree(const char *path) {
    return open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

static bool make_read_only(int fd, const char *path) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    return mount_setattr(fd, path, (*path ? 0 : AT_EMPTY_PATH) | AT_RECURSIVE, &attributes, sizeof attributes) == 0;
}

/* Makes the folders above a path in a cover, and at the path a folder or a file, where there is none. */
static bool make_place(const char *path, const char *cover, bool folder) {
    char part[PATH_SIZE];
    size_t length = strlen(path), covered = strlen(cover);
    if (length >= sizeof part || length <= covered) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(part, path, length + 1);
    for (char *slash = strchr(part + covered + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST && errno != EROFS)
            return false;
        *slash = '/';
    }
    if (folder)
        return mkdir(path, 0755) == 0 || errno == EEXIST;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    return fd >= 0 && close(fd) == 0;
}

static bool attach(int tree, const char *path) {
    return move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

static bool attach_kept(int tree, const char *path, char *const *covers) {
    struct stat st;
    while (*covers && !path_below(path, *covers))
        covers++;
    return *covers && fstat(tree, &st) == 0 && make_place(path, *covers, S_ISDIR(st.st_mode)) && attach(tree, path);
}

static bool attach_read_only(int tree, const char *path) {
    return make_read_only(tree, "") && attach(tree, path);
}

/* There may be more inputs than descriptors. */
static bool seal(const char *path) {
    int tree = take_tree(path);
    bool good = tree >= 0 && attach_read_only(tree, path);
    if (tree >= 0)
        close(tree);
    return good;
}

struct trees {
    int fds[ISOLATION_MOST];
    size_t count;
};

/* Takes trees before the project is covered: most lie in it. */
static bool take_trees(struct trees *t, const struct isolation *x, const char **what) {
    for (char **keep = x->keep; keep && *keep; keep++)
        if ((t->fds[t->count++] = take_tree(*what = *keep)) < 0)
            return false;
    for (size_t i = 0; i < x->bind_count; i++)
        if (!isolation_stands(&x->binds[i]) && (t->fds[t->count++] = take_tree(*what = x->binds[i].source)) < 0)
            return false;
    return true;
}

static bool attach_trees(const struct trees *t, const struct isolation *x, const char **what) {
    size_t count = 0;
    for (char **keep = x->keep; keep && *keep; keep++)
        if (!attach_kept(t->fds[count++], *what = *keep, x->covers))
            return false;
    for (size_t i = 0; i < x->bind_count; i++) {
        *what = x->binds[i].target;
        if (!(isolation_stands(&x->binds[i]) ? seal(*what) : attach_read_only(t->fds[count++], *what)))
            return false;
    }
    return true;
}

static void close_trees(const struct trees *t) {
    int errnum = errno;
    for (size_t i = 0; i < t->count; i++)
        if (t->fds[i] >= 0)
            close(t->fds[i]);
    errno = errnum;
}

static bool cover_projects(char *const *covers, const char **what) {
    for (; *covers; covers++)
        if (mount("none", *what = *covers, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") < 0)
            return false;
    return true;
}

/* The covers alone: what is mounted below them stays as it is. */
static bool seal_covers(char *const *covers, const char **what) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    for (; *covers; covers++)
        if (mount_setattr(AT_FDCWD, *what = *covers, 0, &attributes, sizeof attributes) < 0)
            return false;
    return true;
}

/* The mounts follow the system's: nothing that it mounts or unmounts is missed. No mount leads back. The kernel does so
   for an ordinary user's namespace. */
static bool part_mounts(const struct isolation_identity *identity) {
    return identity->maps || mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) == 0;
}

static bool is_small_enough(const struct isolation *x) {
    size_t count = 0;
    for (size_t i = 0; i < x->bind_count; i++)
        count += !isolation_stands(&x->binds[i]);
    for (char **keep = x->keep; keep && *keep; keep++)
        count++;
    errno = E2BIG;
    return count <= ISOLATION_MOST;
}

int isolation_enter(const struct isolation *x, const struct isolation_identity *identity, const char **what) {
    struct trees trees = {.count = 0};
    *what = *x->covers;
    bool good = is_small_enough(x) && isolation_map(identity) && part_mounts(identity) && take_trees(&trees, x, what) &&
                cover_projects(x->covers, what) && attach_trees(&trees, x, what) && seal_covers(x->covers, what) &&
                isolation_drop(identity);
    close_trees(&trees);
    return good ? 0 : errno ? errno : EINVAL;
}

bool isolation_drop(const struct isolation_identity *identity) {
    return identity->maps || prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) == 0;
}

bool isolation_seal(const char *path) {
    struct statfs st;
    return statfs(path, &st) == 0 && ((st.f_flags & ST_RDONLY) || seal(path));
}
