#include "engine/transfer/curl.h"

#include <pthread.h>
#include <stddef.h>

#include "engine/base/library.h"

struct curl curl;

static const struct library_function functions[] = {
    {"curl_global_init", offsetof(struct curl, global_init)},
    {"curl_easy_init", offsetof(struct curl, easy_init)},
    {"curl_easy_setopt", offsetof(struct curl, easy_setopt)},
    {"curl_easy_getinfo", offsetof(struct curl, easy_getinfo)},
    {"curl_easy_cleanup", offsetof(struct curl, easy_cleanup)},
    {"curl_easy_strerror", offsetof(struct curl, easy_strerror)},
    {"curl_multi_init", offsetof(struct curl, multi_init)},
    {"curl_multi_setopt", offsetof(struct curl, multi_setopt)},
    {"curl_multi_add_handle", offsetof(struct curl, multi_add_handle)},
    {"curl_multi_remove_handle", offsetof(struct curl, multi_remove_handle)},
    {"curl_multi_assign", offsetof(struct curl, multi_assign)},
    {"curl_multi_socket_action", offsetof(struct curl, multi_socket_action)},
    {"curl_multi_info_read", offsetof(struct curl, multi_info_read)},
    {"curl_multi_cleanup", offsetof(struct curl, multi_cleanup)},
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct error failure; /* of the only attempt */

static void load(void) {
    if (!library_load("libcurl.so.4", functions, sizeof functions / sizeof *functions, &curl, &failure))
        error_prefix(&failure, "libcurl cannot be loaded; install the package libcurl4");
    else if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        error_set(&failure, ERR_NOT_FOUND, "libcurl cannot be initialised");
}

int curl_load(struct error *err) {
    pthread_once(&once, load);
    return failure.code ? error_set(err, failure.code, "%s", failure.message) : 0;
}
