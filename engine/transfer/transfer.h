/*
 * Fetches files by https and http, with libcurl. Most runs fetch none, so the library is loaded with the first file: it
 * would double the time of every start.
 *
 * A transfer is tried three times if the server does not answer, sends next to nothing for a minute, or ends the connection early.
 * Proxies come from the caller's environment, as curl documents them. Redirects stay with https and http.
 */
#ifndef RETORT_TRANSFER_TRANSFER_H
#define RETORT_TRANSFER_TRANSFER_H

#include <stdatomic.h>

#include "engine/base/error.h"
#include "engine/base/sha256.h"

struct transfer {
    const char *url;
    int fd;                 /* an empty file, open for writing; holds the content afterwards */
    struct digest digest;   /* that the content must have */
    atomic_bool *cancelled; /* asked several times a second; NULL: never */
};

/* Blocks until the file is there, for a worker thread. ERR_FAILED: the server refused, sent another content, or cannot be
   reached. ERR_INTERRUPTED: cancelled. ERR_IO: the file cannot be written. ERR_NOT_FOUND: there is no libcurl. */
int transfer_fetch(const struct transfer *t, struct error *err);

#endif
