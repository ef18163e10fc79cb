/*
 * Fetches files by https and http, with libcurl on the event loop. Most runs fetch none, so the library is loaded with the
 * first file: it would double the time of every start.
 *
 * A transfer is tried three times if the server does not answer, sends next to nothing for a minute, or ends the connection
 * early. Proxies come from the caller's environment, as curl documents them. Redirects stay with https and http.
 */
#ifndef RETORT_TRANSFER_TRANSFER_H
#define RETORT_TRANSFER_TRANSFER_H

#include <uv.h>

#include "engine/base/error.h"
#include "engine/base/sha256.h"

struct transfers; /* of one loop */

struct transfer {
    const char *url;      /* borrowed until `ended` */
    int fd;               /* a file open for writing, which holds the content afterwards */
    struct digest digest; /* that the content must have */
    void *context;
    /* Called once, by the loop or by transfers_cancel. `err`: ERR_FAILED: the server refused, sent another content, or
       cannot be reached. ERR_INTERRUPTED: cancelled. ERR_IO: the file cannot be written. Code 0: the file is there. */
    void (*ended)(void *context, const struct error *err);
};

/* ERR_NOT_FOUND: there is no libcurl. The caller closes with transfers_close. */
int transfers_open(struct transfers **out, uv_loop_t *loop, struct error *err);

/* `t` is copied. */
void transfers_start(struct transfers *all, const struct transfer *t);

/* Ends all that are under way. */
void transfers_cancel(struct transfers *all);

/* After transfers_cancel. The loop has to run until its handles are closed; that frees `all`. NULL is fine. */
void transfers_close(struct transfers *all);

#endif
