#include "stages/protocol/isolate_view.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/memory.h"

enum {
    STACK_SIZE = 64 * 1024,
    NAMESPACES = 2 /* of mounts, of users */
};

struct place {
    char *path;
    dev_t device;
    ino_t inode;
};

struct places {
    struct place *items;
    size_t count, capacity;
};

struct isolation_view {
    struct isolation_identity identity;
    int namespaces[NAMESPACES];
    bool bound;            /* to files of the project */
    struct places kept;    /* the covers, then what stays in them */
    struct places folders; /* that were made read-only */
};

/* ---- places ---- */

static void add_place(struct places *p, const char *path, const struct stat *st) {
    mem_grow(p->items, &p->capacity, p->count + 1);
    p->items[p->count++] = (struct place){mem_strdup(path), st->st_dev, st->st_ino};
}

static void close_places(struct places *p) {
    for (size_t i = 0; i < p->count; i++)
        free(p->items[i].path);
    free(p->items);
}

/* Whether the path is still what it was. */
static bool is_there(const struct place *p) {
    struct stat st;
    return lstat(p->path, &st) == 0 && st.st_dev == p->device && st.st_ino == p->inode;
}

static void add_list(struct places *p, char *const *paths) {
    struct stat st = {0};
    for (; paths && *paths; paths++)
        if (lstat(*paths, &st) == 0)
            add_place(p, *paths, &st);
}

/* Advances `*next` over the places of a list. */
static bool is_list(const struct places *p, size_t *next, char *const *paths) {
    for (; paths && *paths; paths++, (*next)++)
        if (*next == p->count || strcmp(p->items[*next].path, *paths) != 0)
            return false;
    return true;
}

static bool are_there(const struct places *p) {
    for (size_t i = 0; i < p->count; i++)
        if (!is_there(&p->items[i]))
            return false;
    return true;
}

/* ---- whether a view fits ---- */

static bool is_wanted(const char *folder, const struct isolation *x) {
    for (size_t i = 0; i < x->bind_count; i++)
        if (isolation_stands(&x->binds[i]) && strcmp(x->binds[i].target, folder) == 0)
            return true;
    return false;
}

/* Forgets folders that are gone, and the mounts over them with them. */
static bool folders_fit(struct places *folders, const struct isolation *x) {
    for (size_t i = folders->count; i-- > 0;) {
        struct place *f = &folders->items[i];
        if (is_wanted(f->path, x))
            continue;
        if (is_there(f))
            return false;
        free(f->path);
        *f = folders->items[--folders->count];
    }
    return true;
}

static bool is_bound(const struct isolation *x) {
    for (size_t i = 0; i < x->bind_count; i++)
        if (!isolation_stands(&x->binds[i]))
            return true;
    return false;
}

static bool fits(struct isolation_view *v, const struct isolation *x) {
    size_t next = 0;
    return !v->bound && !is_bound(x) && is_list(&v->kept, &next, x->covers) && is_list(&v->kept, &next, x->keep) &&
           next == v->kept.count && are_there(&v->kept) && folders_fit(&v->folders, x);
}

static void note_folders(struct places *folders, const struct isolation *x) {
    struct stat st;
    for (size_t i = 0; i < x->bind_count; i++) {
        const char *path = x->binds[i].target;
        if (!isolation_stands(&x->binds[i]) || lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
            continue;
        size_t known = 0;
        while (known < folders->count && strcmp(folders->items[known].path, path) != 0)
            known++;
        if (known == folders->count)
            add_place(folders, path, &st);
        folders->items[known].device = st.st_dev;
        folders->items[known].inode = st.st_ino;
    }
}

/* ---- processes that share this one's memory ---- */

/* No handler of this process may run in the child. Returns whether the child exited with 0. */
static bool run_child(int (*function)(void *), void *context, int flags) {
    static _Alignas(16) char stack[STACK_SIZE];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    sigset_t all, before;
    int status = 1;
    sigfillset(&all);
    pthread_mutex_lock(&lock);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = clone(function, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD | flags, context);
    int errnum = errno;
    if (child > 0 && waitpid(child, &status, 0) < 0)
        status = 1;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_unlock(&lock);
    errno = errnum;
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- making the namespaces ---- */

struct making {
    const struct isolation *x;
    const struct isolation_identity *identity;
    int sockets[2]; /* of the caller, of the process that makes them */
};

/* The report of that process. Its descriptors come with it, unless it failed. */
struct made {
    int failure; /* an errno */
    const char *what;
};

/* A message with room for the descriptors. */
struct parcel {
    struct made made;
    struct iovec piece;
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(NAMESPACES * sizeof(int))];
    struct msghdr head;
};

static void parcel_init(struct parcel *p) {
    *p = (struct parcel){.piece = {&p->made, sizeof p->made}};
    p->head = (struct msghdr){
        .msg_iov = &p->piece, .msg_iovlen = 1, .msg_control = p->room, .msg_controllen = sizeof p->room};
}

/* A process without a user namespace of its own opens the one that it shares. */
static bool open_namespaces(int fds[NAMESPACES]) {
    fds[0] = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    fds[1] = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    return fds[0] >= 0 && fds[1] >= 0;
}

__attribute__((no_sanitize("address", "thread", "undefined"))) static int make(void *context) {
    const struct making *m = context;
    struct parcel p;
    int fds[NAMESPACES] = {-1, -1};
    parcel_init(&p);
    p.made.failure = isolation_enter(m->x, m->identity, &p.made.what);
    if (p.made.failure == 0 && !open_namespaces(fds))
        p.made.failure = errno;
    struct cmsghdr *c = CMSG_FIRSTHDR(&p.head);
    *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fds)};
    memcpy(CMSG_DATA(c), fds, sizeof fds);
    if (p.made.failure)
        p.head.msg_controllen = 0;
    _exit(sendmsg(m->sockets[1], &p.head, MSG_NOSIGNAL) < 0);
}

/* 0, or an errno, and what failed. */
static int receive(int fds[NAMESPACES], int socket, const char **what) {
    struct parcel p;
    parcel_init(&p);
    if (recvmsg(socket, &p.head, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != sizeof p.made)
        return EIO;
    if (p.made.failure) {
        *what = p.made.what;
        return p.made.failure;
    }
    const struct cmsghdr *c = CMSG_FIRSTHDR(&p.head);
    if (!c || c->cmsg_len != CMSG_LEN(NAMESPACES * sizeof *fds))
        return EIO;
    memcpy(fds, CMSG_DATA(c), NAMESPACES * sizeof *fds);
    return 0;
}

static int make_namespaces(int fds[NAMESPACES], const struct isolation *x, const struct isolation_identity *identity,
                           const char **what) {
    struct making m = {.x = x, .identity = identity};
    *what = *x->covers;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, m.sockets) < 0)
        return errno;
    int failure = run_child(make, &m, isolation_flags()) ? receive(fds, m.sockets[0], what) : errno ? errno : EINVAL;
    close(m.sockets[0]);
    close(m.sockets[1]);
    return failure;
}

/* ---- views ---- */

static void view_close(struct isolation_view *v) {
    for (int i = 0; i < NAMESPACES; i++)
        if (v->namespaces[i] >= 0)
            close(v->namespaces[i]);
    close_places(&v->kept);
    close_places(&v->folders);
    free(v);
}

static int make_view(struct isolation_view **out, const struct isolation *x, const char **what) {
    struct isolation_view *v = mem_alloc(sizeof *v);
    *v = (struct isolation_view){.identity = isolation_identity(), .namespaces = {-1, -1}, .bound = is_bound(x)};
    add_list(&v->kept, x->covers);
    add_list(&v->kept, x->keep);
    int failure = make_namespaces(v->namespaces, x, &v->identity, what);
    if (failure)
        view_close(v);
    else
        *out = v;
    return failure;
}

/* Puts a view before the others. */
static void put_first(struct isolation_views *known, struct isolation_view *v, size_t place) {
    memmove(known->items + 1, known->items, place * sizeof *known->items);
    known->items[0] = v;
}

int isolation_view_for(struct isolation_view **out, struct isolation_views *known, const struct isolation *x,
                       const char **what) {
    size_t i = 0;
    while (i < known->count && !fits(known->items[i], x))
        i++;
    if (i < known->count) {
        *out = known->items[i];
    } else {
        int failure = make_view(out, x, what);
        if (failure)
            return failure;
        if (known->count == ISOLATION_VIEWS)
            view_close(known->items[--known->count]);
        i = known->count++;
    }
    put_first(known, *out, i);
    note_folders(&(*out)->folders, x);
    return 0;
}

int isolation_join(const struct isolation_view *v, const struct isolation *x, const char **what) {
    *what = *x->covers;
    bool good =
        (!v->identity.maps || setns(v->namespaces[1], CLONE_NEWUSER) == 0) && setns(v->namespaces[0], CLONE_NEWNS) == 0;
    for (size_t i = 0; good && i < x->bind_count; i++)
        good = !isolation_stands(&x->binds[i]) || isolation_seal(*what = x->binds[i].target);
    good = good && isolation_drop(&v->identity);
    return good ? 0 : errno ? errno : EINVAL;
}

/* It is the first one: no other command followed. */
void isolation_views_release(struct isolation_views *known) {
    if (known->count == 0 || !known->items[0]->bound)
        return;
    view_close(known->items[0]);
    memmove(known->items, known->items + 1, --known->count * sizeof *known->items);
}

void isolation_views_close(struct isolation_views *known) {
    while (known->count > 0)
        view_close(known->items[--known->count]);
}

/* ---- the probe ---- */

struct probe {
    struct isolation x;
    struct isolation_view *view;
};

__attribute__((no_sanitize("address", "thread", "undefined"))) static int try_it(void *context) {
    const struct probe *p = context;
    const char *what;
    _exit(isolation_join(p->view, &p->x, &what) == 0 ? 0 : 1);
}

bool isolation_probe(char **covers) {
    struct probe p = {.x = {.covers = covers}};
    const char *what;
    if (make_view(&p.view, &p.x, &what))
        return false;
    bool good = run_child(try_it, &p, 0);
    view_close(p.view);
    return good;
}
