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
    {"curl_easy_perform", offsetof(struct curl, easy_perform)},
    {"curl_easy_getinfo", offsetof(struct curl, easy_getinfo)},
    {"curl_easy_cleanup", offsetof(struct curl, easy_cleanup)},
    {"curl_easy_strerror", offsetof(struct curl, easy_strerror)},
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
