/*
 * Tries to leave a sandbox, by every way that it is told to hold.
 *
 *   escape WAY=TARGET...     prints "WAY held: why" or "WAY ESCAPED" for each; exit status 1 if one escaped
 *
 * Outside of a sandbox the same ways show that the test can fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Each way returns whether it got through; else errno says why not. */

/* ---- files ---- */

static bool can_open(const char *path, int flags) {
    int fd = open(path, flags, 0644);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool read_file(const char *path) {
    char byte;
    int fd = open(path, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, &byte, 1);
    int errnum = errno;
    if (fd >= 0)
        close(fd);
    errno = errnum;
    return got > 0;
}

static bool list_folder(const char *path) {
    return can_open(path, O_RDONLY | O_DIRECTORY);
}

static bool write_file(const char *path) {
    return can_open(path, O_WRONLY | O_APPEND);
}

static bool create_file(const char *path) {
    return can_open(path, O_WRONLY | O_CREAT | O_EXCL);
}

static bool make_folder(const char *path) {
    return mkdir(path, 0755) == 0;
}

static bool shorten(const char *path) {
    return truncate(path, 0) == 0;
}

/* Needs no right to write where the kernel does not ask for it. */
static bool shorten_by_reading(const char *path) {
    return can_open(path, O_RDONLY | O_TRUNC);
}

static bool change_mode(const char *path) {
    return chmod(path, 0640) == 0;
}

static bool change_time(const char *path) {
    return utimensat(AT_FDCWD, path, NULL, 0) == 0;
}

static bool change_attribute(const char *path) {
    return setxattr(path, "user.escape", "x", 1, 0) == 0;
}

/* A descriptor that reads suffices. */
static bool change_flags(const char *path) {
    int flags = 0, fd = open(path, O_RDONLY);
    bool good = fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
    int errnum = errno;
    if (fd >= 0)
        close(fd);
    errno = errnum;
    return good;
}

static bool change_open_mode(const char *path) {
    int fd = open(path, O_RDONLY);
    bool good = fd >= 0 && fchmod(fd, 0640) == 0;
    int errnum = errno;
    if (fd >= 0)
        close(fd);
    errno = errnum;
    return good;
}

static bool remove_file(const char *path) {
    return unlink(path) == 0;
}

static bool link_here(const char *path) {
    return link(path, "linked") == 0;
}

static bool rename_there(const char *path) {
    return can_open("renamed", O_WRONLY | O_CREAT) && rename("renamed", path) == 0;
}

static bool execute(const char *path) {
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        execl(path, path, (char *)NULL);
        _exit(errno == ENOENT || errno == EACCES ? 111 : 112);
    }
    waitpid(child, &status, 0);
    errno = EACCES;
    return !WIFEXITED(status) || WEXITSTATUS(status) != 111;
}

static bool turn(const char *path) {
    return symlink(path, "race-next") == 0 && rename("race-next", "race") == 0;
}

/* One process turns a link to and fro, another reads through it. */
static bool race_link(const char *path) {
    enum { ROUNDS = 2000 };
    bool got = false;
    atomic_bool *ended = mmap(NULL, sizeof *ended, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        while (!*ended && turn(path) && turn("/etc/passwd"))
            ;
        _exit(0);
    }
    for (int i = 0; i < ROUNDS && !got; i++) {
        char line[7] = "";
        int fd = open("race", O_RDONLY);
        got = fd >= 0 && read(fd, line, 6) == 6 && strcmp(line, "secret") == 0;
        if (fd >= 0)
            close(fd);
    }
    *ended = true; /* it may be allowed no signal */
    waitpid(child, NULL, 0);
    munmap(ended, sizeof *ended);
    errno = EACCES;
    return got;
}

/* Descriptors beside stdin, the logs and the events. */
static bool use_descriptor(const char *number) {
    return fcntl((int)strtol(number, NULL, 10), F_GETFD) >= 0;
}

/* The C library's header of mounts and the kernel's of files exclude each other. */
static bool mount_memory(const char *path) {
    return syscall(SYS_mount, "none", path, "tmpfs", 0L, NULL) == 0;
}

static bool unmount(const char *path) {
    return syscall(SYS_umount2, path, 0L) == 0;
}

static bool change_root(const char *path) {
    return chroot(path) == 0;
}

/* ---- sockets ---- */

static bool connects(int family, const void *address, socklen_t size) {
    int fd = socket(family, SOCK_STREAM, 0);
    bool good = fd >= 0 && connect(fd, address, size) == 0;
    int errnum = errno;
    if (fd >= 0)
        close(fd);
    errno = errnum;
    return good;
}

static bool connect_unix(const char *path, bool abstract) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    memcpy(address.sun_path + abstract, path, length);
    return connects(AF_UNIX, &address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract + length));
}

static bool connect_file(const char *path) {
    return connect_unix(path, false);
}

static bool connect_abstract(const char *name) {
    return connect_unix(name, true);
}

static bool connect_loopback(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtol(port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connects(AF_INET, &address, sizeof address);
}

static bool open_family(const char *number) {
    int fd = (int)syscall(SYS_socket, strtol(number, NULL, 0), SOCK_DGRAM, 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool pair(const char *unused) {
    int ends[2];
    (void)unused;
    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0;
}

/* ---- processes ---- */

static pid_t process(const char *pid) {
    return (pid_t)strtol(pid, NULL, 10);
}

static bool signal_process(const char *pid) {
    return kill(process(pid), 0) == 0;
}

static bool signal_handle(const char *pid) {
    int fd = (int)syscall(SYS_pidfd_open, process(pid), 0);
    return fd >= 0 && syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0;
}

static bool signal_thread(const char *pid) {
    return syscall(SYS_tgkill, process(pid), process(pid), 0) == 0;
}

static bool trace(const char *pid) {
    bool good = ptrace(PTRACE_SEIZE, process(pid), NULL, NULL) == 0;
    if (good)
        ptrace(PTRACE_DETACH, process(pid), NULL, NULL);
    return good;
}

static bool be_traced(const char *unused) {
    (void)unused;
    pid_t child = fork();
    int status = 0;
    if (child == 0)
        _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : errno);
    waitpid(child, &status, 0);
    errno = WEXITSTATUS(status);
    return errno == 0;
}

static bool read_memory(const char *pid) {
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)(uintptr_t)0x1000, 1};
    return process_vm_readv(process(pid), &here, 1, &there, 1, 0) > 0 || errno == EFAULT;
}

static bool write_memory(const char *pid) {
    char byte = 0;
    struct iovec here = {&byte, 1}, there = {(void *)(uintptr_t)0x1000, 1};
    return process_vm_writev(process(pid), &here, 1, &there, 1, 0) > 0 || errno == EFAULT;
}

static bool limit(const char *pid) {
    struct rlimit now;
    return prlimit(process(pid), RLIMIT_CORE, NULL, &now) == 0 && prlimit(process(pid), RLIMIT_CORE, &now, NULL) == 0;
}

static bool attach_memory(const char *key) {
    int id = shmget((key_t)strtol(key, NULL, 0), 0, 0);
    return id >= 0 && shmat(id, NULL, SHM_RDONLY) != (void *)-1; // NOLINT(performance-no-int-to-ptr)
}

/* ---- calls that are always refused ---- */

static bool call(long number, long first, long second) {
    return syscall(number, first, second, 0L, 0L, 0L, 0L) >= 0 || (errno != EPERM && errno != ENOSYS);
}

static bool use_capabilities(const char *unused) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3];
    (void)unused;
    return syscall(SYS_capget, &head, held) < 0 || held[0].permitted || held[1].permitted;
}

static bool use_ring(const char *unused) {
    char parameters[256] = {0};
    (void)unused;
    return syscall(SYS_io_uring_setup, 1, parameters) >= 0 || (errno != EPERM && errno != ENOSYS);
}

static bool use_keys(const char *unused) {
    (void)unused;
    return call(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING);
}

static bool add_key(const char *unused) {
    (void)unused;
    return syscall(SYS_add_key, "user", "escape", "x", 1L, KEY_SPEC_PROCESS_KEYRING) >= 0 || errno != EPERM;
}

static bool request_key(const char *unused) {
    (void)unused;
    return syscall(SYS_request_key, "user", "escape", NULL, 0L) >= 0 || errno != EPERM;
}

static bool use_faults(const char *unused) {
    (void)unused;
    return call(SYS_userfaultfd, 1, 0);
}

static bool type(unsigned long request) {
    char letter = 'x';
    return syscall(SYS_ioctl, 0, request, &letter) == 0 || errno != EPERM;
}

static bool type_letter(const char *unused) {
    (void)unused;
    return type(TIOCSTI);
}

/* The kernel drops the upper half. */
static bool type_letter_wide(const char *unused) {
    (void)unused;
    return type(TIOCSTI | UINT64_C(1) << 32);
}

/* In a child: this process would lose its rights. */
static bool divide(const char *unused) {
    (void)unused;
    pid_t child = fork();
    int status = 0;
    if (child == 0)
        _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : errno);
    waitpid(child, &status, 0);
    errno = WEXITSTATUS(status);
    return errno == 0;
}

static bool divide_child(const char *unused) {
    (void)unused;
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0L);
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid((pid_t)child, NULL, 0);
    return child > 0;
}

static bool divide_child_anew(const char *unused) {
    uint64_t arguments[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
    (void)unused;
    long child = syscall(SYS_clone3, arguments, sizeof arguments);
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid((pid_t)child, NULL, 0);
    return child > 0;
}

/* getpid as the kernel of another architecture has it; a child tries it, since the filter kills. */
static bool other_architecture(int (*get)(void)) {
    pid_t child = fork();
    int status = 0;
    if (child == 0)
        _exit(get() == getpid() ? 0 : 1);
    waitpid(child, &status, 0);
    errno = ENOSYS;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int get_x32(void) {
    return (int)syscall(0x40000000 | SYS_getpid);
}

static bool call_x32(const char *unused) {
    (void)unused;
    return other_architecture(get_x32);
}

static int get_i386(void) {
#ifdef __x86_64__
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
    return result;
#else
    return -1;
#endif
}

static bool call_i386(const char *unused) {
    (void)unused;
    return other_architecture(get_i386);
}

static const struct way {
    const char *name;
    bool (*try)(const char *target);
} ways[] = {{"read", read_file},
            {"list", list_folder},
            {"write", write_file},
            {"create", create_file},
            {"mkdir", make_folder},
            {"truncate", shorten},
            {"open-truncate", shorten_by_reading},
            {"chmod", change_mode},
            {"fchmod", change_open_mode},
            {"flags", change_flags},
            {"utime", change_time},
            {"setxattr", change_attribute},
            {"unlink", remove_file},
            {"link", link_here},
            {"rename", rename_there},
            {"execute", execute},
            {"race", race_link},
            {"descriptor", use_descriptor},
            {"mount", mount_memory},
            {"umount", unmount},
            {"chroot", change_root},
            {"unix", connect_file},
            {"abstract", connect_abstract},
            {"tcp", connect_loopback},
            {"family", open_family},
            {"socketpair", pair},
            {"kill", signal_process},
            {"pidfd", signal_handle},
            {"tgkill", signal_thread},
            {"ptrace", trace},
            {"traceme", be_traced},
            {"readv", read_memory},
            {"writev", write_memory},
            {"prlimit", limit},
            {"shm", attach_memory},
            {"capability", use_capabilities},
            {"io_uring", use_ring},
            {"keyctl", use_keys},
            {"add_key", add_key},
            {"request_key", request_key},
            {"userfaultfd", use_faults},
            {"tiocsti", type_letter},
            {"tiocsti-wide", type_letter_wide},
            {"unshare", divide},
            {"clone", divide_child},
            {"clone3", divide_child_anew},
            {"x32", call_x32},
            {"i386", call_i386}};

static bool try_way(const char *name, size_t length, const char *target) {
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (strlen(ways[i].name) != length || strncmp(ways[i].name, name, length) != 0)
            continue;
        errno = 0;
        bool out = ways[i].try(target);
        if (out)
            printf("%s %s ESCAPED\n", ways[i].name, target);
        else
            printf("%s %s held: %s\n", ways[i].name, target, strerror(errno));
        fflush(stdout);
        return out;
    }
    fprintf(stderr, "escape: there is no way %s\n", name);
    exit(2);
}

int main(int argc, char **argv) {
    bool escaped = false;
    for (int i = 1; i < argc; i++) {
        const char *end = strchrnul(argv[i], '=');
        escaped |= try_way(argv[i], (size_t)(end - argv[i]), *end ? end + 1 : end);
    }
    return escaped;
}
