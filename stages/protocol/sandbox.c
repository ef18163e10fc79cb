#include "stages/protocol/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK_SIZE = 128 * 1024 };

int sandbox_flags(const struct sandbox *s) {
    return s->means.namespaces ? isolation_flags() | CLONE_NEWPID | CLONE_NEWIPC | (s->network ? 0 : CLONE_NEWNET) : 0;
}

/* ---- in the new process: only system calls ---- */

/* Programs expect to reach themselves. */
static bool raise_loopback(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

/* Root gets none back from a program that it executes: sandbox_restrict takes the right to new privileges. */
int sandbox_drop(const char **what) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    *what = "its capabilities";
    return syscall(SYS_capset, &head, none) < 0 ? errno : 0;
}

int sandbox_enter(const struct sandbox *s, const struct isolation_identity *identity, const char *directory,
                  const char **what) {
    *what = "its user";
    if (!isolation_map(identity))
        return errno;
    *what = "its network";
    if (!s->network && !raise_loopback())
        return errno;
    int failure = sandbox_view_enter(s, directory, what);
    return failure ? failure : sandbox_drop(what);
}

int sandbox_restrict(const struct sandbox *s, const struct sandbox_filter *filter, const int *logs, const char **what) {
    struct sock_fprog program = {.len = (unsigned short)(filter->size / sizeof(struct sock_filter)),
                                 .filter = filter->bytes};
    *what = "its privileges";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return errno;
    int failure = s->means.rights > 0 ? sandbox_rights_apply(s, logs, what) : 0;
    if (failure)
        return failure;
    *what = "its system calls";
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? errno : 0;
}

/* ---- the probe ---- */

struct probe {
    const struct sandbox *sandbox;
    struct isolation_identity identity;
};

__attribute__((no_sanitize("address", "thread", "undefined"))) static int try_it(void *context) {
    const struct probe *p = context;
    const char *what;
    _exit(sandbox_enter(p->sandbox, &p->identity, "/usr", &what) == 0 ? 0 : 1);
}

/* No handler of this process may run in the child, which has its memory. */
static bool try_namespaces(void) {
    static _Alignas(16) char stack[STACK_SIZE];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char *nothing[] = {NULL};
    const struct sandbox sandbox = {.read = nothing, .write = nothing, .means = {.namespaces = true}};
    struct probe p = {&sandbox, isolation_identity()};
    sigset_t all, before;
    int status = 1;
    sigfillset(&all);
    pthread_mutex_lock(&lock);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = clone(try_it, stack + sizeof stack, CLONE_VM | CLONE_VFORK | sandbox_flags(&sandbox) | SIGCHLD, &p);
    if (child > 0 && waitpid(child, &status, 0) < 0)
        status = 1;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_unlock(&lock);
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int sandbox_probe(struct sandbox_means *out, struct error *err) {
    *out = (struct sandbox_means){.namespaces = try_namespaces(), .rights = sandbox_rights_version()};
    return out->namespaces || out->rights > 0
               ? 0
               : error_set(err, ERR_IO,
                           "no sandbox can be had on this machine: it allows no namespaces, and its kernel has no "
                           "Landlock");
}
