/*
 * Preloaded into the engine under callgrind, which does not know pidfd_open: the descriptor comes from the process that
 * listens at the socket RETORT_BENCH_PIDFD instead. It sends the pid as an int and gets the descriptor.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int receive_descriptor(int socket) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    int fd;
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || message.msg_controllen < sizeof control.header)
        return -1;
    memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
    return fd;
}

static int open_pidfd(int pid) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("RETORT_BENCH_PIDFD");
    int fd = -1, s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strncpy(address.sun_path, path ? path : "", sizeof address.sun_path - 1);
    if (s >= 0 && !connect(s, (struct sockaddr *)&address, sizeof address) && write(s, &pid, sizeof pid) == sizeof pid)
        fd = receive_descriptor(s);
    if (s >= 0)
        close(s);
    if (fd < 0)
        errno = ENOSYS;
    return fd;
}

/* Stands in for libc's. */
long syscall(long number, ...) {
    long (*next)(long, ...);
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_pidfd_open)
        return open_pidfd((int)a[0]);
    *(void **)&next = dlsym(RTLD_NEXT, "syscall");
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
