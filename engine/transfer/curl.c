#include "engine/transfer/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

struct curl curl;

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
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
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; library && i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function)
            library = NULL;
        memcpy((char *)&curl + functions[i].offset, &function, sizeof function);
    }
    if (!library)
        error_set(&failure, ERR_NOT_FOUND, "libcurl cannot be loaded (%s); install the package libcurl4", dlerror());
    else if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        error_set(&failure, ERR_NOT_FOUND, "libcurl cannot be initialised");
}

int curl_load(struct error *err) {
    pthread_once(&once, load);
    return failure.code ? error_set(err, failure.code, "%s", failure.message) : 0;
}
