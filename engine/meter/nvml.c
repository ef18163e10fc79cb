#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/library.h"
#include "engine/base/memory.h"
#include "engine/meter/source.h"

static const char source_name[] = "nvml";

/* The functions of nvml.h that we call; a result of 0 is success. */
struct nvml {
    void *handle;
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *count);
    int (*device)(unsigned index, void **device);
    int (*name)(void *device, char *name, unsigned size);
    int (*energy)(void *device, unsigned long long *millijoules);
    const char *(*explain)(int result);
};

static int gpu_read(struct domain *d, uint64_t *raw, struct error *err) {
    const struct nvml *n = d->library;
    unsigned long long millijoules = 0;
    int result = n->energy(d->device, &millijoules);
    if (result)
        return error_set(err, ERR_IO, "NVML: %s", n->explain(result));
    *raw = millijoules;
    return 0;
}

static const struct library_function functions[] = {
    {"nvmlInit_v2", offsetof(struct nvml, init)},
    {"nvmlShutdown", offsetof(struct nvml, shutdown)},
    {"nvmlDeviceGetCount_v2", offsetof(struct nvml, count)},
    {"nvmlDeviceGetHandleByIndex_v2", offsetof(struct nvml, device)},
    {"nvmlDeviceGetName", offsetof(struct nvml, name)},
    {"nvmlDeviceGetTotalEnergyConsumption", offsetof(struct nvml, energy)},
    {"nvmlErrorString", offsetof(struct nvml, explain)},
};

static void gpu_add(struct domains *out, struct nvml *n, unsigned index) {
    struct domain *d = domains_add(out, source_name, DOMAIN_GPU, gpu_read);
    struct error err = {0};
    char name[96] = "";
    uint64_t raw;
    d->library = n;
    d->unit_j = 1e-3;
    d->tick_s = 0.1; /* boards update it every 20 to 100 ms */
    int result = n->device(index, &d->device);
    if (result == 0)
        n->name(d->device, name, sizeof name);
    snprintf(d->name, sizeof d->name, "gpu %u %.36s", index & 0xFFU, name); /* no machine has more */
    if (result)
        domain_fail(d, "NVML: %s", n->explain(result));
    else if (gpu_read(d, &raw, &err) < 0)
        domain_fail(d, "%s", err.message);
}

static void *load(struct nvml *n, const char *root, struct error *err) {
    char *path =
        strcmp(root, "/") == 0 ? mem_strdup("libnvidia-ml.so.1") : path_join(root, "usr/lib/libnvidia-ml.so.1");
    void *handle = library_load(path, functions, sizeof functions / sizeof *functions, n, err);
    free(path);
    return handle;
}

void nvml_find(struct domains *out, struct nvml **library, const struct meter_options *options, struct buffer *why) {
    struct nvml *n = mem_alloc(sizeof *n);
    struct error err = {0};
    unsigned count = 0;
    int result = 0;
    *library = NULL;
    n->handle = load(n, options->root, &err);
    if (!n->handle) {
        buffer_printf(why, "NVML: %s; ", err.message);
        goto out;
    }
    if ((result = n->init()) != 0) {
        buffer_printf(why, "NVML: %s; ", n->explain(result));
        goto out;
    }
    *library = n;
    if ((result = n->count(&count)) != 0)
        buffer_printf(why, "NVML: %s; ", n->explain(result));
    for (unsigned i = 0; i < count; i++)
        gpu_add(out, n, i);
    domains_agree(out, source_name);
    return;
out:
    if (n->handle)
        dlclose(n->handle);
    free(n);
}

void nvml_close(struct nvml *library) {
    if (!library)
        return;
    library->shutdown();
    dlclose(library->handle);
    free(library);
}
