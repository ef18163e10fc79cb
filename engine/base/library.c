#include "engine/base/library.h"

#include <dlfcn.h>
#include <string.h>

void *library_load(const char *file, const struct library_function *functions, size_t count, void *table,
                   struct error *err) {
    void *library = dlopen(file, RTLD_LAZY | RTLD_LOCAL);
    if (!library)
        error_set(err, ERR_NOT_FOUND, "%s", dlerror());
    for (size_t i = 0; library && i < count; i++) {
        /* POSIX returns a function's address as a void *, and C has no cast for that. */
        void *function = dlsym(library, functions[i].name);
        memcpy((char *)table + functions[i].offset, &function, sizeof function);
        if (!function) {
            error_set(err, ERR_NOT_FOUND, "%s", dlerror());
            dlclose(library);
            library = NULL;
        }
    }
    return library;
}
