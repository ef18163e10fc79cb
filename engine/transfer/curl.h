/* libcurl, loaded by the first function that needs it. */
#ifndef RETORT_TRANSFER_CURL_H
#define RETORT_TRANSFER_CURL_H

#include <curl/curl.h>

#include "engine/base/error.h"

struct curl {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *handle, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *handle);
    CURLcode (*easy_getinfo)(CURL *handle, CURLINFO info, ...);
    void (*easy_cleanup)(CURL *handle);
    const char *(*easy_strerror)(CURLcode code);
};

/* Call curl_load before the first use; any thread may. */
extern struct curl curl;

/* ERR_NOT_FOUND: the library is not installed, or too old. Repeated calls do nothing. */
int curl_load(struct error *err);

#endif
