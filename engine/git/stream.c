/* libgit2 1.5 waits for a silent server for ever. These connections do not; libgit2 puts TLS on top of them. */
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/git/internal.h"

/* A server that sends less than this in that time is as good as silent. */
enum { SLOW_BYTES = 60000, SLOW_S = 600, SILENCE_S = 60 };

struct connection {
    git_stream stream; /* first: libgit2 has a pointer to it */
    char *host, *port;
    int fd;
    uint64_t since_ns; /* when counting began */
    size_t bytes;      /* that came since */
};

/* libgit2 replaces the message of a broken connection by one about TLS. */
static _Thread_local char fault[256];

const char *stream_fault(void) {
    return *fault ? fault : NULL;
}

int silence_s(void) {
    const char *text = getenv("RETORT_GIT_TIMEOUT");
    long seconds = text ? strtol(text, NULL, 10) : 0;
    return seconds > 0 && seconds <= INT_MAX / 1000 ? (int)seconds : SILENCE_S;
}

static int fail(const struct connection *c, const char *what) {
    snprintf(fault, sizeof fault, "%.100s: %.100s", c->host, what);
    libgit.error_set_str(GIT_ERROR_NET, fault);
    return -1;
}

static int wait_for(const struct connection *c, short events) {
    struct pollfd p = {c->fd, events, 0};
    char text[64];
    int ready;
    do
        ready = poll(&p, 1, silence_s() * 1000);
    while (ready < 0 && errno == EINTR);
    if (ready > 0)
        return 0;
    snprintf(text, sizeof text, "the server was silent for %d s", silence_s());
    return fail(c, ready < 0 ? strerror(errno) : text);
}

static int connect_to(struct connection *c, const struct addrinfo *address) {
    int failed = 0;
    socklen_t size = sizeof failed;
    c->fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol);
    if (c->fd < 0)
        return fail(c, strerror(errno));
    if (connect(c->fd, address->ai_addr, address->ai_addrlen) < 0) {
        if (errno != EINPROGRESS)
            return fail(c, strerror(errno));
        if (wait_for(c, POLLOUT) < 0)
            return -1;
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failed, &size) < 0 || failed)
            return fail(c, strerror(failed ? failed : errno));
    }
    *fault = '\0'; /* of an earlier address */
    return 0;
}

static int on_close(git_stream *stream) {
    struct connection *c = (struct connection *)stream;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    return 0;
}

static int on_connect(git_stream *stream) {
    struct connection *c = (struct connection *)stream;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int rc = getaddrinfo(c->host, c->port, &hints, &found);
    if (rc)
        return fail(c, gai_strerror(rc));
    rc = -1;
    for (const struct addrinfo *a = found; a && rc < 0; a = a->ai_next) {
        on_close(stream);
        rc = connect_to(c, a);
    }
    freeaddrinfo(found);
    c->since_ns = clock_awake_ns();
    return rc;
}

static int check_speed(struct connection *c, size_t bytes) {
    uint64_t now = clock_awake_ns();
    c->bytes += bytes;
    if (now - c->since_ns < SLOW_S * UINT64_C(1000000000))
        return 0;
    if (c->bytes < SLOW_BYTES)
        return fail(c, "the server sends next to nothing");
    c->since_ns = now;
    c->bytes = 0;
    return 0;
}

static ssize_t on_read(git_stream *stream, void *bytes, size_t size) {
    struct connection *c = (struct connection *)stream;
    ssize_t got = -1;
    do
        got = wait_for(c, POLLIN) < 0 ? -2 : recv(c->fd, bytes, size, 0);
    while (got == -1 && (errno == EINTR || errno == EAGAIN));
    if (got == -1)
        fail(c, strerror(errno));
    return got < 0 || check_speed(c, (size_t)got) < 0 ? -1 : got;
}

static ssize_t on_write(git_stream *stream, const char *bytes, size_t size, int flags) {
    struct connection *c = (struct connection *)stream;
    ssize_t put = -1;
    do
        put = wait_for(c, POLLOUT) < 0 ? -2 : send(c->fd, bytes, size, flags | MSG_NOSIGNAL);
    while (put == -1 && (errno == EINTR || errno == EAGAIN));
    if (put == -1)
        fail(c, strerror(errno));
    return put < 0 ? -1 : put;
}

static void on_free(git_stream *stream) {
    struct connection *c = (struct connection *)stream;
    on_close(stream);
    free(c->host);
    free(c->port);
    free(c);
}

static int make(git_stream **out, const char *host, const char *port) {
    struct connection *c = mem_alloc(sizeof *c);
    c->stream = (git_stream){
        .version = GIT_STREAM_VERSION,
        .connect = on_connect,
        .read = on_read,
        .write = on_write,
        .close = on_close,
        .free = on_free,
    };
    c->host = mem_strdup(host);
    c->port = mem_strdup(port);
    c->fd = -1;
    *out = &c->stream;
    return 0;
}

int stream_register(void) {
    git_stream_registration ours = {.version = GIT_STREAM_VERSION, .init = make};
    *fault = '\0';
    return libgit.stream_register(GIT_STREAM_STANDARD, &ours);
}
