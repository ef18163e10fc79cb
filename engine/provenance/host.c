#include <gnu/libc-version.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <uv.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "engine/git/libgit.h"
#include "engine/meter/cpu.h"
#include "engine/provenance/provenance.h"
#include "engine/version.h"

enum { FACT_LIMIT = 1 << 20 };

static void add_text(cJSON *object, const char *name, const char *text) {
    json_add_text(object, name, text && *text ? text : NULL);
}

static void add_number(cJSON *object, const char *name, double value) {
    json_add_number(object, name, value > 0 ? value : (double)NAN);
}

/* The content of <root>/<name>; empty when unreadable. */
static void read_fact(struct buffer *out, const char *root, const char *name) {
    char *path = path_join(root, name);
    file_read(out, path, FACT_LIMIT, NULL);
    free(path);
}

/* Adds the first line of a small file of the kernel. */
static void add_file(cJSON *object, const char *name, const char *root, const char *file) {
    struct buffer text = {0};
    read_fact(&text, root, file);
    if (text.data)
        text.data[strcspn(text.data, "\n")] = '\0';
    add_text(object, name, buffer_text(&text));
    buffer_close(&text);
}

static void add_memory(cJSON *object, const char *root) {
    struct buffer text = {0};
    read_fact(&text, root, "proc/meminfo");
    static const char field[] = "MemTotal:";
    const char *line = strstr(buffer_text(&text), field);
    double kib = line ? strtod(line + sizeof field - 1, NULL) : 0;
    add_number(object, "memory_bytes", kib * 1024);
    buffer_close(&text);
}

cJSON *provenance_host(const char *root) {
    cJSON *out = cJSON_CreateObject();
    struct cpu_info cpu = {0};
    struct utsname system = {0};
    uname(&system);
    cpu_info_read(&cpu, root, NULL); /* missing facts stay empty, and become null */
    add_file(out, "hostname", root, "proc/sys/kernel/hostname");
    add_file(out, "kernel", root, "proc/sys/kernel/osrelease");
    add_text(out, "machine", system.machine);
    add_text(out, "cpu", cpu.model);
    add_text(out, "microcode", cpu.microcode);
    add_number(out, "logical_cpus", cpu.logical);
    add_file(out, "governor", root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    add_memory(out, root);
    add_file(out, "boot_id", root, "proc/sys/kernel/random/boot_id");
    return out;
}

cJSON *provenance_versions(bool git) {
    cJSON *out = cJSON_CreateObject();
    int major = 0;
    int minor = 0;
    int revision = 0;
    char libgit2[48] = "";
    if (git && libgit_load(NULL) == 0 && libgit.libgit2_version(&major, &minor, &revision) == 0)
        snprintf(libgit2, sizeof libgit2, "%d.%d.%d", major, minor, revision);
    add_text(out, "retort", RETORT_VERSION);
    add_text(out, "libuv", uv_version_string());
    add_text(out, "libgit2", libgit2);
    add_text(out, "libcrypto", sha256_library());
    add_text(out, "cjson", cJSON_Version());
    add_text(out, "glibc", gnu_get_libc_version());
    return out;
}
