#include "engine/meter/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"

enum { CPUINFO_LIMIT = 64 << 20 };

/* The value of a line "name<tabs>: value"; NULL when the line has another name. `*length` gets its length. */
static const char *line_value(const char *line, const char *name, size_t *length) {
    size_t name_length = strlen(name);
    if (strncmp(line, name, name_length) != 0)
        return NULL;
    const char *value = line + name_length;
    value += strspn(value, " \t");
    if (*value != ':')
        return NULL;
    value++;
    value += strspn(value, " \t");
    *length = strcspn(value, "\n");
    return value;
}

/* Keeps the first value given: a machine lists every logical processor. */
static void read_text(char *out, size_t size, const char *line, const char *name) {
    size_t length;
    const char *value = line_value(line, name, &length);
    if (value && out[0] == '\0')
        snprintf(out, size, "%.*s", (int)length, value);
}

static void read_count(int *out, const char *line, const char *name) {
    size_t length;
    const char *value = line_value(line, name, &length);
    if (value && *out == 0) {
        long count = strtol(value, NULL, 10);
        *out = count > 0 && count < 1 << 20 ? (int)count : 0;
    }
}

int cpu_info_read(struct cpu_info *out, const char *root, struct error *err) {
    char *path = path_join(root, "proc/cpuinfo");
    struct buffer text = {0};
    struct cpu_info cpu = {0};
    int rc = file_read(&text, path, CPUINFO_LIMIT, err);
    if (rc < 0)
        goto out;
    for (const char *line = buffer_text(&text); *line;) {
        size_t length;
        cpu.logical += line_value(line, "processor", &length) != NULL;
        read_text(cpu.model, sizeof cpu.model, line, "model name");
        read_text(cpu.microcode, sizeof cpu.microcode, line, "microcode");
        read_count(&cpu.siblings, line, "siblings");
        read_count(&cpu.cores, line, "cpu cores");
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    if (cpu.model[0] == '\0')
        snprintf(cpu.model, sizeof cpu.model, "unknown");
    *out = cpu;
out:
    buffer_close(&text);
    free(path);
    return rc;
}

int cpu_threads_per_core(const struct cpu_info *cpu) {
    return cpu->cores > 0 && cpu->siblings > cpu->cores ? cpu->siblings / cpu->cores : 1;
}
