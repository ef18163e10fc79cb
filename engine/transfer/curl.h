/* libcurl, loaded by the first function that needs it. */
#ifndef RETORT_TRANSFER_CURL_H
#define RETORT_TRANSFER_CURL_H

#include <curl/curl.h>

#include "engine/base/error.h"

struct curl {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *handle, CURLoption option, ...);
    CURLcode (*easy_getinfo)(CURL *handle, CURLINFO info, ...);
    void (*easy_cleanup)(CURL *handle);
    const char *(*easy_strerror)(CURLcode code);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
    CURLMcode (*multi_add_handle)(CURLM *multi, CURL *handle);
    CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *handle);
    CURLMcode (*multi_assign)(CURLM *multi, curl_socket_t socket, void *own);
    CURLMcode (*multi_socket_action)(CURLM *multi, curl_socket_t socket, int ready, int *running);
    CURLMsg *(*multi_info_read)(CURLM *multi, int *waiting);
    CURLMcode (*multi_cleanup)(CURLM *multi);
};

/* Call curl_load before the first use. */
extern struct curl curl;

/* ERR_NOT_FOUND: the library is not installed, or too old. Repeated calls do nothing. */
int curl_load(struct error *err);

#endif
