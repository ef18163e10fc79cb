/* Landlock: the rights of a sandboxed process on files. Only system calls. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stages/protocol/sandbox.h"

/* The headers of Debian 12 end at version 2. */
enum { REFER = 2, TRUNCATE = 3, DEVICES = 5, SCOPES = 6 }; /* the versions that brought these */

static const uint64_t right_truncate = 1U << 14, right_device = 1U << 15;
static const uint64_t scope_abstract_sockets = 1U << 0, scope_signals = 1U << 1;

static const uint64_t reading = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t making = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                               LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                               LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                               LANDLOCK_ACCESS_FS_MAKE_SYM;
static const uint64_t nodes = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;

struct attributes {
    uint64_t files, network, scopes;
};

struct rights {
    int ruleset;
    uint64_t read, write; /* that this version knows */
    const char **what;
};

static int create_ruleset(const struct attributes *attributes, size_t size, unsigned flags) {
    return (int)syscall(SYS_landlock_create_ruleset, attributes, size, flags);
}

int sandbox_rights_version(void) {
    int version = create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? version : 0;
}

static bool add_fd(const struct rights *r, int fd, uint64_t allowed) {
    const uint64_t of_files = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
                              LANDLOCK_ACCESS_FS_WRITE_FILE | right_truncate | right_device;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return false;
    struct landlock_path_beneath_attr rule = {.allowed_access = S_ISDIR(st.st_mode) ? allowed : allowed & of_files,
                                              .parent_fd = fd};
    return syscall(SYS_landlock_add_rule, r->ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
}

static bool add(const struct rights *r, const char *path, uint64_t allowed, bool may_be_absent) {
    *r->what = path;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return may_be_absent && (errno == ENOENT || errno == ENOTDIR || errno == EACCES);
    bool good = add_fd(r, fd, allowed);
    close(fd);
    return good;
}

static bool add_list(const struct rights *r, const char *const *paths, uint64_t allowed, bool may_be_absent) {
    for (; *paths; paths++)
        if (!add(r, *paths, allowed, may_be_absent))
            return false;
    return true;
}

static const char *const *constant(char *const *list) {
    return (const char *const *)list;
}

/* Of its own root it may read all. */
static bool add_view(const struct rights *r, const struct sandbox *s) {
    return add(r, "/", r->read, false) && add(r, "/tmp", r->write, false) && add(r, "/run", r->write, false) &&
           (!s->home || add(r, s->home, r->write, false));
}

static bool add_system(const struct rights *r, const struct sandbox *s) {
    return add_list(r, sandbox_system, r->read, true) && add(r, "/proc", r->read, false) &&
           add_list(r, constant(s->read), r->read, false);
}

static bool add_all(const struct rights *r, const struct sandbox *s, const int *logs) {
    bool good = s->means.namespaces ? add_view(r, s) : add_system(r, s);
    good = good && add_list(r, sandbox_devices, r->write, true) && add(r, "/dev/shm", r->write, true) &&
           add_list(r, constant(s->write), r->write, false);
    *r->what = "its logs";
    for (int i = 0; good && i < 2; i++)
        good = add_fd(r, logs[i], r->write & (LANDLOCK_ACCESS_FS_WRITE_FILE | right_truncate)) ||
               errno == EBADFD; /* a pipe, on which no rights are needed */
    return good;
}

static uint64_t handled(int version) {
    return reading | LANDLOCK_ACCESS_FS_WRITE_FILE | making | nodes |
           (version >= REFER ? LANDLOCK_ACCESS_FS_REFER : 0) | (version >= TRUNCATE ? right_truncate : 0) |
           (version >= DEVICES ? right_device : 0);
}

int sandbox_rights_apply(const struct sandbox *s, const int *logs, const char **what) {
    int version = s->means.rights;
    const struct attributes attributes = {.files = handled(version),
                                          .scopes = version >= SCOPES ? scope_abstract_sockets | scope_signals : 0};
    *what = "Landlock";
    int ruleset = create_ruleset(&attributes, version >= SCOPES ? sizeof attributes : sizeof attributes.files, 0);
    if (ruleset < 0)
        return errno;
    const struct rights r = {ruleset, reading, attributes.files & ~nodes, what};
    bool good = add_all(&r, s, logs) && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    int errnum = errno;
    close(ruleset);
    return good ? 0 : errnum ? errnum : EINVAL;
}
