/*
 * The root of a sandboxed process. Trees are taken while the old root is there, and attached in the new one. Only
 * system calls: the process may share its parent's memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stages/protocol/sandbox.h"

enum { PATH_SIZE = 4096, TREES_MOST = 2048 };

const char *const sandbox_system[] = {"/usr",
                                      "/bin",
                                      "/sbin",
                                      "/lib",
                                      "/lib32",
                                      "/lib64",
                                      "/libx32",
                                      "/etc/alternatives",
                                      "/etc/ca-certificates",
                                      "/etc/fonts",
                                      "/etc/group",
                                      "/etc/host.conf",
                                      "/etc/hosts",
                                      "/etc/ld.so.cache",
                                      "/etc/ld.so.conf",
                                      "/etc/ld.so.conf.d",
                                      "/etc/locale.alias",
                                      "/etc/localtime",
                                      "/etc/mime.types",
                                      "/etc/nsswitch.conf",
                                      "/etc/os-release",
                                      "/etc/passwd",
                                      "/etc/pki",
                                      "/etc/protocols",
                                      "/etc/resolv.conf",
                                      "/etc/services",
                                      "/etc/ssl/certs",
                                      "/etc/ssl/openssl.cnf",
                                      "/etc/timezone",
                                      "/sys/devices/system/cpu",
                                      "/sys/devices/system/node",
                                      NULL};

const char *const sandbox_devices[] = {"/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero", NULL};

enum { ABSENT = -1, USR_LINK = -2 /* "/bin" is a link to "usr/bin" */ };

struct trees {
    int fds[TREES_MOST]; /* or one of these two */
    size_t count, next;
};

/* ---- taking ---- */

static bool is_absent(int errnum) {
    return errnum == ENOENT || errnum == ENOTDIR;
}

static bool is_usr_link(const char *path) {
    char target[64];
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    return strncmp(target, "usr", 3) == 0 && strcmp(target + 3, path) == 0;
}

static bool take(struct trees *t, const char *path, bool may_be_absent, const char **what) {
    *what = path;
    errno = E2BIG;
    if (t->count == TREES_MOST)
        return false;
    bool link = may_be_absent && is_usr_link(path);
    int fd = link ? USR_LINK : open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    t->fds[t->count++] = fd;
    return fd >= 0 || link || (may_be_absent && is_absent(errno));
}

static bool take_list(struct trees *t, const char *const *paths, bool may_be_absent, const char **what) {
    for (; *paths; paths++)
        if (!take(t, *paths, may_be_absent, what))
            return false;
    return true;
}

static const char *const *constant(char *const *list) {
    return (const char *const *)list;
}

static bool take_all(struct trees *t, const struct sandbox *s, const char **what) {
    bool good = take_list(t, sandbox_system, true, what) && take_list(t, sandbox_devices, true, what) &&
                take_list(t, constant(s->read), false, what) && take_list(t, constant(s->write), false, what);
    for (size_t i = 0; good && i < s->bind_count; i++)
        good = isolation_stands(&s->binds[i]) || take(t, s->binds[i].source, false, what);
    return good;
}

/* ---- the empty root ---- */

static bool mount_memory(const char *path, const char *options) {
    return mount("none", path, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0;
}

/* The kernel mounts a /proc only while another one is in sight. */
static bool change_root(const char *directory, const char **what) {
    *what = directory;
    if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !mount_memory(directory, "mode=0755,size=1m") ||
        chdir(directory) < 0)
        return false;
    *what = "/proc";
    if (mkdir("proc", 0755) < 0 || mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return false;
    *what = "/";
    return syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 && chdir("/") == 0;
}

/* ---- filling it ---- */

/* Makes the folders above a path, and a folder or a file at it, unless they are there. */
static bool make_place(const char *path, bool folder) {
    char part[PATH_SIZE];
    size_t length = strlen(path);
    errno = ENAMETOOLONG;
    if (length >= sizeof part)
        return false;
    memcpy(part, path, length + 1);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST && errno != EROFS)
            return false;
        *slash = '/';
    }
    if (folder)
        return mkdir(path, 0755) == 0 || errno == EEXIST;
    int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
    return fd >= 0 && close(fd) == 0;
}

static bool attach(int tree, const char *path, unsigned long long attributes) {
    struct mount_attr wanted = {.attr_set = attributes};
    return mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &wanted, sizeof wanted) == 0 &&
           move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

static bool make_usr_link(const char *path) {
    char target[64] = "usr";
    strncat(target, path, sizeof target - 4);
    return symlink(target, path) == 0;
}

static bool attach_next(struct trees *t, const char *path, unsigned long long attributes, const char **what) {
    struct stat st;
    int tree = t->fds[t->next++];
    *what = path;
    if (tree == USR_LINK)
        return make_usr_link(path);
    return tree == ABSENT || (fstat(tree, &st) == 0 && make_place(path, S_ISDIR(st.st_mode)) &&
                              attach(tree, path, attributes) && close(tree) == 0);
}

static bool attach_list(struct trees *t, const char *const *paths, unsigned long long attributes, const char **what) {
    for (; *paths; paths++)
        if (!attach_next(t, *paths, attributes, what))
            return false;
    return true;
}

static bool attach_inputs(struct trees *t, const struct sandbox *s, const char **what) {
    for (size_t i = 0; i < s->bind_count; i++) {
        *what = s->binds[i].target;
        int tree = isolation_stands(&s->binds[i])
                       ? open_tree(AT_FDCWD, *what, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)
                       : t->fds[t->next++];
        if (tree < 0 || !attach(tree, *what, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV))
            return false;
        close(tree); /* there may be more inputs than descriptors */
    }
    return true;
}

/* A home that is there already, as /tmp, stays. */
static bool make_private(const struct sandbox *s, const char **what) {
    static const char *const shared[] = {"/tmp", "/dev/shm", "/run", NULL};
    for (const char *const *path = shared; *path; path++) {
        *what = *path;
        if (!make_place(*path, true) || !mount_memory(*path, strcmp(*path, "/run") == 0 ? "mode=0755" : "mode=1777"))
            return false;
    }
    *what = s->home;
    return !s->home || access(s->home, F_OK) == 0 || (make_place(s->home, true) && mount_memory(s->home, "mode=0700"));
}

static bool make_links(const char **what) {
    static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                           {"/proc/self/fd/0", "/dev/stdin"},
                                           {"/proc/self/fd/1", "/dev/stdout"},
                                           {"/proc/self/fd/2", "/dev/stderr"},
                                           {"/proc/self/mounts", "/etc/mtab"}};
    if (mkdir(*what = "/etc", 0755) < 0)
        return false;
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (symlink(links[i][0], *what = links[i][1]) < 0)
            return false;
    return true;
}

static bool seal(const char *path, const char **what) {
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    return mount_setattr(AT_FDCWD, *what = path, 0, &read_only, sizeof read_only) == 0;
}

int sandbox_view_enter(const struct sandbox *s, const char *directory, const char **what) {
    static const unsigned long long safe = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    struct trees t = {.count = 0};
    bool good = take_all(&t, s, what) && change_root(directory, what) && make_private(s, what) && make_links(what) &&
                attach_list(&t, sandbox_system, MOUNT_ATTR_RDONLY | safe, what) &&
                attach_list(&t, sandbox_devices, MOUNT_ATTR_NOSUID, what) &&
                attach_list(&t, constant(s->read), MOUNT_ATTR_RDONLY | safe, what) &&
                attach_list(&t, constant(s->write), MOUNT_ATTR_NOSUID, what) && attach_inputs(&t, s, what) &&
                seal("/proc", what) && seal("/", what);
    return good ? 0 : errno ? errno : EINVAL;
}
