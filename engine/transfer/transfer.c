/*
 * libcurl asks for sockets and a timer to be watched, and is told when they are ready:
 *
 *   start -> try --on_ready, on_timeout--> libcurl --end_tries--> ended
 *             ^                                        |
 *             +------- one, two seconds later ---------+ a fault that may pass
 */
#include "engine/transfer/transfer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/transfer/curl.h"

enum { TRIES = 3, WAIT_MS = 1000, CONNECT_S = 30, STALLED_S = 60, STALLED_BYTES = 100, REDIRECTS = 10, AT_ONCE = 8 };

struct active {
    struct transfer transfer;
    struct transfers *all;
    struct active *next;
    CURL *handle; /* NULL between two tries */
    struct sha256 *hash;
    char message[CURL_ERROR_SIZE];
    struct error written; /* of writing; code 0: none */
    int tries;
    uv_timer_t wait;
};

struct transfers {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    struct active *first;
};

struct watch {
    uv_poll_t poll;
    struct transfers *all;
    curl_socket_t socket;
};

/* ---- one try ---- */

static size_t on_bytes(char *bytes, size_t one, size_t size, void *context) {
    struct active *a = context;
    (void)one;
    if (file_write_all(a->transfer.fd, bytes, size, "the fetched file", &a->written) < 0)
        return 0;
    sha256_update(a->hash, bytes, size);
    return size;
}

/* Faults of the network, and of a server that is busy. */
static bool may_pass(CURLcode code, long status) {
    return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT ||
           code == CURLE_PARTIAL_FILE || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
           code == CURLE_GOT_NOTHING || code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM ||
           (code == CURLE_HTTP_RETURNED_ERROR && status >= 500);
}

/* QUICK_EXIT: a name that is being resolved holds up no cancelling. */
static void set_options(struct active *a) {
    CURL *handle = a->handle;
    curl.easy_setopt(handle, CURLOPT_URL, a->transfer.url);
    curl.easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https,http");
    curl.easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl.easy_setopt(handle, CURLOPT_MAXREDIRS, (long)REDIRECTS);
    curl.easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
    curl.easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl.easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
    curl.easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl.easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, (long)STALLED_BYTES);
    curl.easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, (long)STALLED_S);
    curl.easy_setopt(handle, CURLOPT_USERAGENT, "retort");
    curl.easy_setopt(handle, CURLOPT_ERRORBUFFER, a->message);
    curl.easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_bytes);
    curl.easy_setopt(handle, CURLOPT_WRITEDATA, a);
    curl.easy_setopt(handle, CURLOPT_PRIVATE, a);
}

static void drop_handle(struct active *a) {
    if (!a->handle)
        return;
    curl.multi_remove_handle(a->all->multi, a->handle);
    curl.easy_cleanup(a->handle);
    a->handle = NULL;
}

static void on_waited_closed(uv_handle_t *handle) {
    struct active *a = handle->data;
    sha256_free(a->hash);
    free(a);
}

static void end(struct active *a, const struct error *err) {
    struct active **at = &a->all->first;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    drop_handle(a);
    a->transfer.ended(a->transfer.context, err);
    uv_close((uv_handle_t *)&a->wait, on_waited_closed);
}

static void try(struct active *a) {
    struct error err = {0};
    struct digest ignored;
    sha256_restart(a->hash, &ignored);
    a->tries++;
    if (ftruncate(a->transfer.fd, 0) < 0 || lseek(a->transfer.fd, 0, SEEK_SET) < 0) {
        error_errno(&err, errno, "the fetched file cannot be emptied");
        end(a, &err);
        return;
    }
    a->handle = curl.easy_init();
    set_options(a);
    curl.multi_add_handle(a->all->multi, a->handle);
}

static void on_waited(uv_timer_t *timer) {
    try(timer->data);
}

static int check_content(const struct transfer *t, struct sha256 *hash, struct error *err) {
    struct digest digest;
    char wanted[DIGEST_HEX_SIZE], found[DIGEST_HEX_SIZE];
    sha256_restart(hash, &digest);
    if (digest_equal(&digest, &t->digest))
        return 0;
    digest_hex(wanted, &t->digest);
    digest_hex(found, &digest);
    return error_set(err, ERR_FAILED, "%s: the server sent another content: sha256 is %s, and \"sha256\" says %s",
                     t->url, found, wanted);
}

static void end_try(struct active *a, CURLcode code) {
    struct error err = {0};
    long status = 0;
    curl.easy_getinfo(a->handle, CURLINFO_RESPONSE_CODE, &status);
    drop_handle(a);
    if (code != CURLE_OK && !a->written.code && may_pass(code, status) && a->tries < TRIES) {
        uv_timer_start(&a->wait, on_waited, (uint64_t)a->tries * WAIT_MS, 0);
        return;
    }
    if (a->written.code)
        err = a->written;
    else if (code == CURLE_OK)
        check_content(&a->transfer, a->hash, &err);
    else
        error_set(&err, ERR_FAILED, "%s: cannot be fetched: %s", a->transfer.url,
                  *a->message ? a->message : curl.easy_strerror(code));
    end(a, &err);
}

/* ---- libcurl on the loop ---- */

static void end_tries(struct transfers *all) {
    int waiting;
    for (CURLMsg *m; (m = curl.multi_info_read(all->multi, &waiting));) {
        struct active *a = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result; /* `m` dies with its handle */
        curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &a);
        end_try(a, code);
    }
}

static void on_ready(uv_poll_t *poll, int status, int events) {
    const struct watch *w = poll->data;
    struct transfers *all = w->all;
    int running, ready = status < 0 ? CURL_CSELECT_ERR
                                    : (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                                          (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    curl.multi_socket_action(all->multi, w->socket, ready, &running);
    end_tries(all);
}

static void on_timeout(uv_timer_t *timer) {
    struct transfers *all = timer->data;
    int running;
    curl.multi_socket_action(all->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    end_tries(all);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *context) {
    struct transfers *all = context;
    (void)multi;
    if (timeout_ms < 0)
        uv_timer_stop(&all->timer);
    else
        uv_timer_start(&all->timer, on_timeout, (uint64_t)timeout_ms, 0);
    return 0;
}

static void on_watch_closed(uv_handle_t *handle) {
    free(handle->data);
}

static int on_socket_wanted(CURL *easy, curl_socket_t socket, int what, void *context, void *own) {
    struct transfers *all = context;
    struct watch *w = own;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w)
            uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        return 0;
    }
    if (!w) {
        w = mem_alloc(sizeof *w);
        *w = (struct watch){.all = all, .socket = socket};
        uv_poll_init(all->loop, &w->poll, socket);
        w->poll.data = w;
        curl.multi_assign(all->multi, socket, w);
    }
    uv_poll_start(&w->poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
                  on_ready);
    return 0;
}

/* ---- all ---- */

int transfers_open(struct transfers **out, uv_loop_t *loop, struct error *err) {
    int rc = curl_load(err);
    if (rc)
        return rc;
    struct transfers *all = *out = mem_alloc(sizeof *all);
    *all = (struct transfers){.loop = loop, .multi = curl.multi_init()};
    uv_timer_init(loop, &all->timer);
    all->timer.data = all;
    curl.multi_setopt(all->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl.multi_setopt(all->multi, CURLMOPT_SOCKETDATA, all);
    curl.multi_setopt(all->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl.multi_setopt(all->multi, CURLMOPT_TIMERDATA, all);
    curl.multi_setopt(all->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)AT_ONCE);
    return 0;
}

void transfers_start(struct transfers *all, const struct transfer *t) {
    struct active *a = mem_alloc(sizeof *a);
    *a = (struct active){.transfer = *t, .all = all, .next = all->first, .hash = sha256_create()};
    all->first = a;
    uv_timer_init(all->loop, &a->wait);
    a->wait.data = a;
    try(a);
}

void transfers_cancel(struct transfers *all) {
    struct error err = {0};
    while (all->first) {
        error_set(&err, ERR_INTERRUPTED, "%s: cancelled", all->first->transfer.url);
        end(all->first, &err);
    }
}

static void on_timer_closed(uv_handle_t *handle) {
    struct transfers *all = handle->data;
    free(all);
}

/* libcurl lets go of its sockets and its timer here. */
void transfers_close(struct transfers *all) {
    if (!all)
        return;
    curl.multi_cleanup(all->multi);
    uv_close((uv_handle_t *)&all->timer, on_timer_closed);
}
