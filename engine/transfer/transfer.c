#include "engine/transfer/transfer.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/transfer/curl.h"

enum { TRIES = 3, CONNECT_S = 30, STALLED_S = 60, STALLED_BYTES = 100, REDIRECTS = 10, POLL_MS = 100 };

/* One try. */
struct try {
    const struct transfer *transfer;
    struct sha256 *hash;
    struct error *err; /* of writing; code 0: none */
};

static size_t on_bytes(char *bytes, size_t one, size_t size, void *context) {
    struct try *t = context;
    (void)one;
    if (file_write_all(t->transfer->fd, bytes, size, "the fetched file", t->err) < 0)
        return 0;
    sha256_update(t->hash, bytes, size);
    return size;
}

static bool is_cancelled(const struct transfer *t) {
    return t->cancelled && atomic_load(t->cancelled);
}

static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up) {
    const struct try *t = context;
    (void)total, (void)now, (void)up_total, (void)up;
    return is_cancelled(t->transfer);
}

/* Faults of the network, and of a server that is busy. */
static bool may_pass(CURLcode code, long status) {
    return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT ||
           code == CURLE_PARTIAL_FILE || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
           code == CURLE_GOT_NOTHING || code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM ||
           (code == CURLE_HTTP_RETURNED_ERROR && status >= 500);
}

static void set_options(CURL *handle, struct try *t, char *message) {
    curl.easy_setopt(handle, CURLOPT_URL, t->transfer->url);
    curl.easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https,http");
    curl.easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl.easy_setopt(handle, CURLOPT_MAXREDIRS, (long)REDIRECTS);
    curl.easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
    curl.easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl.easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl.easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, (long)STALLED_BYTES);
    curl.easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, (long)STALLED_S);
    curl.easy_setopt(handle, CURLOPT_USERAGENT, "retort");
    curl.easy_setopt(handle, CURLOPT_ERRORBUFFER, message);
    curl.easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_bytes);
    curl.easy_setopt(handle, CURLOPT_WRITEDATA, t);
    curl.easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl.easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl.easy_setopt(handle, CURLOPT_XFERINFODATA, t);
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

/* ERR_BUSY: another try may succeed. */
static int fetch_once(const struct transfer *transfer, struct error *err) {
    char message[CURL_ERROR_SIZE] = "";
    struct error written = {0};
    struct try t = {transfer, sha256_create(), &written};
    long status = 0;
    CURL *handle = curl.easy_init();
    set_options(handle, &t, message);
    CURLcode code = curl.easy_perform(handle);
    curl.easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    curl.easy_cleanup(handle);
    int rc;
    if (code == CURLE_OK)
        rc = check_content(transfer, t.hash, err);
    else if (code == CURLE_ABORTED_BY_CALLBACK)
        rc = error_set(err, ERR_INTERRUPTED, "%s: cancelled", transfer->url);
    else if (written.code)
        rc = error_set(err, written.code, "%s", written.message);
    else
        rc = error_set(err, may_pass(code, status) ? ERR_BUSY : ERR_FAILED, "%s: cannot be fetched: %s", transfer->url,
                       *message ? message : curl.easy_strerror(code));
    sha256_free(t.hash);
    return rc;
}

/* Waits for one, two... seconds. */
static void wait_before(int try, const struct transfer *t) {
    const struct timespec step = {.tv_nsec = POLL_MS * 1000000L};
    for (int waited = 0; waited < try * 1000 && !is_cancelled(t); waited += POLL_MS)
        nanosleep(&step, NULL);
}

int transfer_fetch(const struct transfer *t, struct error *err) {
    int rc = curl_load(err);
    if (rc)
        return rc;
    for (int try = 1;; try++) {
        if (ftruncate(t->fd, 0) < 0 || lseek(t->fd, 0, SEEK_SET) < 0)
            return error_errno(err, errno, "the fetched file cannot be emptied");
        rc = fetch_once(t, err);
        if (rc != ERR_BUSY || try == TRIES)
            break;
        wait_before(try, t);
    }
    return rc == ERR_BUSY ? error_set(err, ERR_FAILED, "%s", err->message) : rc;
}
