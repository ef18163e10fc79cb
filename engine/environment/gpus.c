#include "engine/environment/gpus.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"

enum { ATTRIBUTE_LIMIT = 4096 };

struct gpus {
    char **ids;
    bool *taken;
    size_t count, id_capacity, taken_capacity;
};

static void add(struct gpus *g, char *id) {
    mem_grow(g->ids, &g->id_capacity, g->count + 1);
    mem_grow(g->taken, &g->taken_capacity, g->count + 1);
    g->taken[g->count] = false;
    g->ids[g->count++] = id;
}

static void add_numbers(struct gpus *g, size_t count) {
    for (size_t i = 0; i < count; i++)
        add(g, mem_printf("%zu", i));
}

void gpus_free(struct gpus *g) {
    if (!g)
        return;
    for (size_t i = 0; i < g->count; i++)
        free(g->ids[i]);
    free(g->ids);
    free(g->taken);
    free(g);
}

size_t gpus_count(const struct gpus *g) {
    return g->count;
}

/* ---- a list ---- */

/* The place of an id of `length` bytes; the count: there is none. */
static size_t find(const struct gpus *g, const char *id, size_t length) {
    size_t i = 0;
    while (i < g->count && (strlen(g->ids[i]) != length || strncmp(g->ids[i], id, length) != 0))
        i++;
    return i;
}

int gpus_parse(struct gpus **out, const char *list, struct error *err) {
    struct gpus *g = mem_alloc(sizeof *g);
    *out = NULL;
    bool more = strcmp(list, "none") != 0;
    for (const char *at = list; more;) {
        size_t length = strcspn(at, ",");
        if (length == 0 || find(g, at, length) < g->count) {
            gpus_free(g);
            return error_set(err, ERR_USAGE, "the GPUs \"%s\" are no list of different numbers or names: 0,1 or none",
                             list);
        }
        add(g, mem_strndup(at, length));
        more = at[length] == ',';
        at += length + 1;
    }
    *out = g;
    return 0;
}

/* ---- the machine ---- */

/* Counts the names in a folder for which `counts` holds. */
static size_t count_names(const char *root, const char *folder, bool (*counts)(const char *folder, const char *name)) {
    char *path = path_join(root, folder);
    struct folder f;
    const char *name;
    size_t count = 0;
    int rc = folder_open_if_there(&f, path, NULL);
    while (rc >= 0 && (rc = folder_next(&f, &name, NULL)) > 0)
        count += counts(path, name);
    folder_close(&f);
    free(path);
    return count;
}

/* "nvidia0", not "nvidiactl". */
static bool is_nvidia_device(const char *folder, const char *name) {
    (void)folder;
    return strncmp(name, "nvidia", 6) == 0 && name[6] && name[6 + strspn(name + 6, "0123456789")] == '\0';
}

static bool is_any(const char *folder, const char *name) {
    (void)folder, (void)name;
    return true;
}

/* The number in a file of the kernel; 0: there is none. */
static unsigned long long attribute(const char *folder, const char *name, const char *file) {
    char *path = mem_printf("%s/%s/%s", folder, name, file);
    struct buffer text = {0};
    unsigned long long value = 0;
    if (file_read(&text, path, ATTRIBUTE_LIMIT, NULL) == 0)
        value = strtoull(buffer_text(&text), NULL, 0);
    buffer_close(&text);
    free(path);
    return value;
}

/* A node of ROCm's topology; processors have the id 0. */
static bool is_amd_gpu(const char *folder, const char *name) {
    return attribute(folder, name, "gpu_id") != 0;
}

/* Intel's data-centre cards are display controllers; a processor's own graphics is VGA. */
static bool is_intel_gpu(const char *folder, const char *name) {
    enum { INTEL = 0x8086, DISPLAY = 0x0380 };
    bool card = strncmp(name, "card", 4) == 0 && name[4] && name[4 + strspn(name + 4, "0123456789")] == '\0';
    return card && attribute(folder, name, "device/vendor") == INTEL &&
           attribute(folder, name, "device/class") >> 8 == DISPLAY;
}

/* A container sees the devices that it was given in dev/, and all of the host's in proc/. */
static size_t count_devices(const char *root) {
    size_t count = count_names(root, "dev", is_nvidia_device);
    if (count == 0)
        count = count_names(root, "proc/driver/nvidia/gpus", is_any);
    if (count == 0)
        count = count_names(root, "sys/class/kfd/kfd/topology/nodes", is_amd_gpu);
    return count ? count : count_names(root, "sys/class/drm", is_intel_gpu);
}

struct gpus *gpus_find(const char *root) {
    static const char *const names[] = {"CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"};
    struct gpus *g = NULL;
    for (size_t i = 0; !g && i < sizeof names / sizeof *names; i++) {
        const char *list = getenv(names[i]);
        if (list)
            gpus_parse(&g, *list && strcmp(list, "-1") != 0 ? list : "none", NULL);
    }
    if (g)
        return g;
    g = mem_alloc(sizeof *g);
    add_numbers(g, count_devices(root));
    return g;
}

/* ---- handing out ---- */

int gpus_take(char **out, struct gpus *g, size_t count, struct error *err) {
    struct buffer taken = {0};
    size_t found = 0;
    for (size_t i = 0; i < g->count && found < count; i++) {
        if (g->taken[i])
            continue;
        buffer_printf(&taken, "%s%s", found++ ? "," : "", g->ids[i]);
        g->taken[i] = true;
    }
    *out = buffer_detach(&taken);
    if (found == count)
        return 0;
    gpus_return(g, *out);
    free(*out);
    *out = NULL;
    return error_set(err, ERR_INVALID, "needs %zu GPUs, %zu are free", count, found);
}

void gpus_return(struct gpus *g, const char *taken) {
    for (const char *at = taken; *at;) {
        size_t length = strcspn(at, ","), i = find(g, at, length);
        if (i < g->count)
            g->taken[i] = false;
        at += length + (at[length] == ',');
    }
}
