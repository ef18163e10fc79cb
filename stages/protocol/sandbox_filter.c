/* The system calls that a sandboxed process may not make. libseccomp writes the filter. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "stages/protocol/sandbox.h"

/* The versions of Landlock that hold off truncation, and abstract sockets and signals. */
enum { FAMILIES = 64, TRUNCATION = 3, SCOPES = 6 };

/* The kernel reads 32 bits of such an argument. */
static const uint64_t all_bits = 0xffffffff;

static const int never[] = {SCMP_SYS(io_uring_setup),
                            SCMP_SYS(io_uring_enter),
                            SCMP_SYS(io_uring_register),
                            SCMP_SYS(add_key),
                            SCMP_SYS(request_key),
                            SCMP_SYS(keyctl),
                            SCMP_SYS(ptrace),
                            SCMP_SYS(process_vm_readv),
                            SCMP_SYS(process_vm_writev),
                            SCMP_SYS(process_madvise),
                            SCMP_SYS(pidfd_getfd),
                            SCMP_SYS(kcmp),
                            SCMP_SYS(bpf),
                            SCMP_SYS(userfaultfd),
                            SCMP_SYS(setns)};

static int refuse(scmp_filter_ctx filter, int call, unsigned argument, uint64_t mask, uint64_t value, int with) {
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)with), call, 1,
                            SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value));
}

static int refuse_list(scmp_filter_ctx filter, const int *calls, size_t count) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
    return rc;
}

/* The flags of clone3 lie in memory, which a filter cannot read; the C library falls back on clone. */
static int refuse_namespaces(scmp_filter_ctx filter) {
    int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (rc == 0)
        rc = refuse(filter, SCMP_SYS(clone), 0, CLONE_NEWUSER, CLONE_NEWUSER, EPERM);
    return rc == 0 ? refuse(filter, SCMP_SYS(unshare), 0, CLONE_NEWUSER, CLONE_NEWUSER, EPERM) : rc;
}

static int refuse_typing(scmp_filter_ctx filter) {
    int rc = refuse(filter, SCMP_SYS(ioctl), 1, all_bits, TIOCSTI, EPERM);
    return rc == 0 ? refuse(filter, SCMP_SYS(ioctl), 1, all_bits, TIOCLINUX, EPERM) : rc;
}

/* A socket of the file system reaches programs of the user if their path can be seen. A socket with an abstract name
   reaches them if the network is shared. */
static bool allows_family(const struct sandbox *s, int family) {
    bool internet = family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
    if (family == AF_UNIX)
        return s->means.namespaces && (!s->network || s->means.rights >= SCOPES);
    return internet && (s->means.namespaces || s->network);
}

static int refuse_sockets(scmp_filter_ctx filter, const struct sandbox *s) {
    int rc = 0;
    for (int family = 0; rc == 0 && family < FAMILIES; family++)
        if (!allows_family(s, family))
            rc = refuse(filter, SCMP_SYS(socket), 0, all_bits, (uint64_t)family, EAFNOSUPPORT);
    return rc;
}

/* ---- without a root and processes of its own ---- */

/* Landlock does not hold off changes of modes, owners, times and attributes, nor objects that have no path. */
static const int without_namespaces[] = {
    SCMP_SYS(chmod),        SCMP_SYS(fchmod),    SCMP_SYS(fchmodat),     SCMP_SYS(chown),     SCMP_SYS(fchown),
    SCMP_SYS(lchown),       SCMP_SYS(fchownat),  SCMP_SYS(utime),        SCMP_SYS(utimes),    SCMP_SYS(utimensat),
    SCMP_SYS(futimesat),    SCMP_SYS(setxattr),  SCMP_SYS(lsetxattr),    SCMP_SYS(fsetxattr), SCMP_SYS(removexattr),
    SCMP_SYS(lremovexattr), SCMP_SYS(shmget),    SCMP_SYS(fremovexattr), SCMP_SYS(msgget),    SCMP_SYS(semget),
    SCMP_SYS(mq_open),      SCMP_SYS(mq_unlink), SCMP_SYS(fanotify_init)};
enum { FCHMODAT2 = 452 /* newer than libseccomp 2.5; the same number everywhere */ };

static int refuse_attributes(scmp_filter_ctx filter) {
    int rc = refuse_list(filter, without_namespaces, sizeof without_namespaces / sizeof *without_namespaces);
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), FCHMODAT2, 0);
    if (rc == 0)
        rc = refuse(filter, SCMP_SYS(ioctl), 1, all_bits, FS_IOC_SETFLAGS, EPERM);
    return rc == 0 ? refuse(filter, SCMP_SYS(ioctl), 1, all_bits, FS_IOC_FSSETXATTR, EPERM) : rc;
}

/* Of a file that may be read too: the kernel asks for no right to write. */
static int refuse_truncation(scmp_filter_ctx filter) {
    static const uint64_t mask = O_ACCMODE | O_TRUNC;
    int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(truncate), 0);
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), 0);
    if (rc == 0)
        rc = refuse(filter, SCMP_SYS(open), 1, mask, O_RDONLY | O_TRUNC, EPERM);
    return rc == 0 ? refuse(filter, SCMP_SYS(openat), 2, mask, O_RDONLY | O_TRUNC, EPERM) : rc;
}

/* All but those to its own process group. */
static int refuse_signals(scmp_filter_ctx filter) {
    static const int calls[] = {SCMP_SYS(tkill), SCMP_SYS(tgkill), SCMP_SYS(pidfd_send_signal),
                                SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo)};
    int rc = refuse_list(filter, calls, sizeof calls / sizeof *calls);
    return rc == 0 ? seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(kill), 1, SCMP_A0_64(SCMP_CMP_NE, 0))
                   : rc;
}

static int refuse_without_namespaces(scmp_filter_ctx filter, const struct sandbox *s) {
    int rc = refuse_attributes(filter);
    if (rc == 0) /* limits of other processes */
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), 1, SCMP_A0_64(SCMP_CMP_NE, 0));
    if (rc == 0 && s->means.rights < TRUNCATION)
        rc = refuse_truncation(filter);
    return rc == 0 && s->means.rights < SCOPES ? refuse_signals(filter) : rc;
}

static int read_all(struct sandbox_filter *out, int fd) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    void *bytes = mem_alloc((size_t)st.st_size);
    if (pread(fd, bytes, (size_t)st.st_size, 0) != st.st_size) {
        free(bytes);
        return -EIO;
    }
    *out = (struct sandbox_filter){bytes, (size_t)st.st_size};
    return 0;
}

static int write_filter(struct sandbox_filter *out, const struct sandbox *s, scmp_filter_ctx filter) {
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (rc == 0)
        rc = refuse_list(filter, never, sizeof never / sizeof *never);
    if (rc == 0)
        rc = refuse_namespaces(filter);
    if (rc == 0)
        rc = refuse_typing(filter);
    if (rc == 0)
        rc = refuse_sockets(filter, s);
    if (rc == 0 && !s->means.namespaces)
        rc = refuse_without_namespaces(filter, s);
    int fd = rc == 0 ? memfd_create("filter", MFD_CLOEXEC) : -1;
    if (fd >= 0) {
        rc = seccomp_export_bpf(filter, fd);
        rc = rc == 0 ? read_all(out, fd) : rc;
        close(fd);
    } else if (rc == 0) {
        rc = -errno;
    }
    return rc;
}

int sandbox_filter(const struct sandbox_filter **out, const struct sandbox *s, struct error *err) {
    static struct sandbox_filter last;
    static struct {
        bool namespaces, network;
        int rights;
    } of;
    *out = &last;
    if (last.bytes && of.namespaces == s->means.namespaces && of.network == s->network && of.rights == s->means.rights)
        return 0;
    free(last.bytes);
    last = (struct sandbox_filter){0};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int rc = filter ? write_filter(&last, s, filter) : -ENOMEM;
    seccomp_release(filter);
    if (rc < 0)
        return error_errno(err, -rc, "the sandbox's system call filter cannot be made");
    of.namespaces = s->means.namespaces;
    of.network = s->network;
    of.rights = s->means.rights;
    return 0;
}
