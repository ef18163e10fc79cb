#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"
#include "engine/meter/source.h"

enum { SMALL_FILE = 4096, MAX_ZONES = 256 };

/* MSR and memory-mapped I/O may show the same registers: the first is preferred. */
static const struct {
    const char *source, *prefix;
} ways[] = {{"powercap", "intel-rapl:"}, {"powercap-mmio", "intel-rapl-mmio:"}};

/* Reads a whole number and nothing else. */
static int number_parse(uint64_t *out, const char *text, const char *path, struct error *err) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || errno || (*end && *end != '\n'))
        return error_set(err, ERR_INVALID, "%s: holds no number", path);
    *out = value;
    return 0;
}

static int number_read(uint64_t *out, const char *path, struct error *err) {
    char text[32];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    int errnum = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return error_errno(err, errnum, "%s", path);
    text[n] = '\0';
    return number_parse(out, text, path, err);
}

static int zone_read(struct domain *d, uint64_t *raw, struct error *err) {
    return number_read(raw, d->path, err);
}

/* The text of a zone's file without its newline; "" when unreadable. The caller frees. */
static char *zone_text(const char *directory, const char *zone, const char *file) {
    char *folder = path_join(directory, zone);
    char *path = path_join(folder, file);
    struct buffer text = {0};
    file_read(&text, path, SMALL_FILE, NULL);
    free(path);
    free(folder);
    char *line = buffer_detach(&text);
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static enum domain_class zone_class(const char *name) {
    static const struct {
        const char *prefix;
        enum domain_class class;
    } classes[] = {{"package", DOMAIN_PACKAGE},
                   {"psys", DOMAIN_PLATFORM},
                   {"core", DOMAIN_CORES},
                   {"uncore", DOMAIN_UNCORE},
                   {"dram", DOMAIN_DRAM}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strncmp(name, classes[i].prefix, strlen(classes[i].prefix)) == 0)
            return classes[i].class;
    return DOMAIN_OTHER;
}

/* "intel-rapl:0:1" is a part of "intel-rapl:0": its name is "package-0/dram". */
static void zone_name(char *out, size_t size, const char *directory, const char *zone, const char *own) {
    const char *first = strchr(zone, ':'), *last = strrchr(zone, ':');
    char *parent = NULL;
    if (first && first != last) {
        char *above = mem_strndup(zone, (size_t)(last - zone));
        parent = zone_text(directory, above, "name");
        free(above);
    }
    snprintf(out, size, "%s%s%s", parent ? parent : "", parent ? "/" : "", *own ? own : zone);
    free(parent);
}

static void zone_add(struct domains *out, const char *source, const char *directory, const char *zone) {
    char *own = zone_text(directory, zone, "name");
    char *folder = path_join(directory, zone);
    char *range = path_join(folder, "max_energy_range_uj");
    struct domain *d = domains_add(out, source, zone_class(own), zone_read);
    struct error err = {0};
    uint64_t raw;
    zone_name(d->name, sizeof d->name, directory, zone, own);
    d->path = path_join(folder, "energy_uj");
    d->unit_j = 1e-6;
    d->tick_s = 0.001; /* Intel SDM, volume 3, RAPL interfaces: updated about every millisecond */
    if (number_read(&raw, d->path, &err) < 0)
        domain_fail(d, "%s", err.message);
    else if (number_read(&d->range, range, &err) < 0)
        domain_fail(d, "%s: without it a wrap cannot be recognised", err.message);
    else if (d->range == 0)
        domain_fail(d, "%s: is 0", range);
    free(range);
    free(folder);
    free(own);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Finds all zones or none: if the listing fails midway, nobody knows which zones are missing from the sum. */
static int zones_find(struct domains *out, const char *directory, const char *source, const char *prefix,
                      struct error *err) {
    char *zones[MAX_ZONES] = {0};
    size_t count = 0;
    struct folder listing;
    const char *name;
    int rc = folder_open_if_there(&listing, directory, err);
    while (rc >= 0 && count < MAX_ZONES && (rc = folder_next(&listing, &name, err)) > 0)
        if (strncmp(name, prefix, strlen(prefix)) == 0)
            zones[count++] = mem_strdup(name);
    folder_close(&listing);
    qsort(zones, count, sizeof *zones, by_name);
    for (size_t i = 0; i < count; i++) {
        if (rc >= 0)
            zone_add(out, source, directory, zones[i]);
        free(zones[i]);
    }
    domains_agree(out, source);
    return rc < 0 ? rc : 0;
}

void powercap_find(struct domains *out, const struct meter_options *options, struct buffer *why) {
    char *directory = path_join(options->root, "sys/class/powercap");
    size_t before = out->count;
    struct error err = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof ways / sizeof *ways; i++)
        rc = zones_find(out, directory, ways[i].source, ways[i].prefix, &err);
    if (rc < 0)
        buffer_printf(why, "powercap: %s; ", err.message);
    else if (out->count == before)
        buffer_puts(why, "powercap: no zone; ");
    free(directory);
}
