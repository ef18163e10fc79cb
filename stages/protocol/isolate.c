#include "stages/protocol/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/file.h"

enum { STACK_SIZE = 64 * 1024, PATH_SIZE = 4096 };

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

static bool map_identity(const struct isolation_identity *i) {
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

/* Takes trees before the project is covered: most lie in it. */
static bool take_trees(int *trees, const struct isolation *x, const char **what) {
    size_t count = 0;
    for (char **keep = x->keep; keep && *keep; keep++)
        if ((trees[count++] = take_tree(*what = *keep)) < 0)
            return false;
    for (size_t i = 0; i < x->bind_count; i++)
        if (!isolation_stands(&x->binds[i]) && (trees[count++] = take_tree(*what = x->binds[i].source)) < 0)
            return false;
    return true;
}

static bool attach_trees(const int *trees, const struct isolation *x, const char **what) {
    size_t count = 0;
    for (char **keep = x->keep; keep && *keep; keep++)
        if (!attach_kept(trees[count++], *what = *keep, x->covers))
            return false;
    for (size_t i = 0; i < x->bind_count; i++) {
        *what = x->binds[i].target;
        int tree = isolation_stands(&x->binds[i]) ? take_tree(*what) : trees[count++];
        if (tree < 0 || !make_read_only(tree, "") || !attach(tree, *what))
            return false;
        close(tree); /* there may be more inputs than descriptors */
    }
    return true;
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

/* Of an ordinary user's namespace no mount leads back: the kernel makes the copies slaves. */
static bool part_mounts(const struct isolation_identity *identity) {
    return identity->maps || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
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
    int trees[ISOLATION_MOST];
    *what = *x->covers;
    bool good = is_small_enough(x) && map_identity(identity) && part_mounts(identity) && take_trees(trees, x, what) &&
                cover_projects(x->covers, what) && attach_trees(trees, x, what) && seal_covers(x->covers, what) &&
                (identity->maps || prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) == 0);
    return good ? 0 : errno ? errno : EINVAL;
}

int isolation_hold(pid_t pid) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* ---- the probe ---- */

struct probe {
    char **covers;
    struct isolation_identity identity;
};

__attribute__((no_sanitize("address", "thread", "undefined"))) static int try_it(void *context) {
    const struct probe *p = context;
    const struct isolation x = {.covers = p->covers};
    const char *what;
    _exit(isolation_enter(&x, &p->identity, &what) == 0 ? 0 : 1);
}

/* No handler of this process may run in the child, which has its memory. */
bool isolation_probe(char **covers) {
    static _Alignas(16) char stack[STACK_SIZE];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct probe p = {covers, isolation_identity()};
    sigset_t all, before;
    int status = 1;
    sigfillset(&all);
    pthread_mutex_lock(&lock);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = clone(try_it, stack + sizeof stack, CLONE_VM | CLONE_VFORK | isolation_flags() | SIGCHLD, &p);
    if (child > 0 && waitpid(child, &status, 0) < 0)
        status = 1;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_unlock(&lock);
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
