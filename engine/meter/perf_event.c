#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/meter/source.h"

static const char source_name[] = "perf_event";
static const char pmu[] = "sys/bus/event_source/devices/power";
enum { SMALL_FILE = 4096, MAX_CPUS = 4096 };

static const struct {
    const char *event;
    enum domain_class class;
} events[] = {{"energy-pkg", DOMAIN_PACKAGE},
              {"energy-ram", DOMAIN_DRAM},
              {"energy-psys", DOMAIN_PLATFORM},
              {"energy-cores", DOMAIN_CORES},
              {"energy-gpu", DOMAIN_UNCORE}}; /* the graphics unit inside the package */

static int event_open(uint32_t type, uint64_t config, int cpu) {
    struct perf_event_attr attributes = {.type = type, .size = sizeof attributes, .config = config};
    return (int)syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int event_read(struct domain *d, uint64_t *raw, struct error *err) {
    ssize_t n = read(d->fd, raw, sizeof *raw);
    if (n == (ssize_t)sizeof *raw)
        return 0;
    return error_errno(err, n < 0 ? errno : EIO, "perf_event %s: the counter cannot be read", d->name);
}

/* Reads a small file of the PMU; false: it does not exist. The caller closes `out`. */
static bool pmu_read(struct buffer *out, const char *root, const char *name) {
    char file[96];
    snprintf(file, sizeof file, "%s/%s", pmu, name);
    char *path = path_join(root, file);
    buffer_clear(out);
    int rc = file_read(out, path, SMALL_FILE, NULL);
    free(path);
    return rc == 0;
}

/* Reads "0-2,8": the CPUs to open an event on, one of each package. */
static size_t cpus_read(int cpus[MAX_CPUS], const char *text) {
    size_t count = 0;
    while (*text >= '0' && *text <= '9') {
        char *end;
        long first = strtol(text, &end, 10), last = first;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        for (long cpu = first; cpu <= last && count < MAX_CPUS; cpu++)
            cpus[count++] = (int)cpu;
        text = *end == ',' ? end + 1 : end;
    }
    return count;
}

static void fail_open(struct domain *d, const char *root, int errnum) {
    char *path = path_join(root, "proc/sys/kernel/perf_event_paranoid");
    struct buffer paranoid = {0};
    if ((errnum == EACCES || errnum == EPERM) && file_read(&paranoid, path, SMALL_FILE, NULL) == 0)
        domain_fail(d, "%s; perf_event_paranoid is %ld: needs 0 or less, or CAP_PERFMON", strerror(errnum),
                    strtol(buffer_text(&paranoid), NULL, 10));
    else
        domain_fail(d, "%s", strerror(errnum));
    buffer_close(&paranoid);
    free(path);
}

struct pmu {
    const struct meter_options *options;
    uint32_t type;
    int cpus[MAX_CPUS];
    size_t cpu_count;
};

static void event_find(struct domains *out, const struct pmu *p, const char *event, enum domain_class class) {
    struct buffer text = {0};
    char name[64];
    snprintf(name, sizeof name, "events/%s", event);
    if (!pmu_read(&text, p->options->root, name))
        goto out;
    bool known = strncmp(buffer_text(&text), "event=0x", 8) == 0;
    uint64_t config = known ? strtoull(buffer_text(&text) + 8, NULL, 16) : 0;
    snprintf(name, sizeof name, "events/%s.scale", event);
    double scale = pmu_read(&text, p->options->root, name) ? strtod(buffer_text(&text), NULL) : 0;
    snprintf(name, sizeof name, "events/%s.unit", event);
    bool joules = pmu_read(&text, p->options->root, name) && strncmp(buffer_text(&text), "Joules", 6) == 0;
    for (size_t i = 0; i < p->cpu_count; i++) {
        struct domain *d = domains_add(out, source_name, class, event_read);
        snprintf(d->name, sizeof d->name, "%s cpu %d", event, p->cpus[i]);
        d->unit_j = scale;
        d->tick_s = 0.001; /* Intel SDM, volume 3, RAPL interfaces: updated about every millisecond */
        if (!known || !joules || !(scale > 0)) {
            domain_fail(d, "the kernel does not name its unit");
            continue;
        }
        d->fd = p->options->open_event ? p->options->open_event(p->type, config, p->cpus[i])
                                       : event_open(p->type, config, p->cpus[i]);
        if (d->fd < 0)
            fail_open(d, p->options->root, errno);
    }
out:
    buffer_close(&text);
}

void perf_event_find(struct domains *out, const struct meter_options *options, struct buffer *why) {
    struct pmu p = {.options = options};
    struct buffer text = {0};
    if (!pmu_read(&text, options->root, "type")) {
        buffer_puts(why, "perf_event: no power PMU; ");
        goto out;
    }
    if (strcmp(options->root, "/") != 0 && !options->open_event) {
        buffer_puts(why, "perf_event: the kernel's counters do not stand below another root; ");
        goto out;
    }
    p.type = (uint32_t)strtoul(buffer_text(&text), NULL, 10);
    p.cpu_count = pmu_read(&text, options->root, "cpumask") ? cpus_read(p.cpus, buffer_text(&text)) : 0;
    size_t before = out->count;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        event_find(out, &p, events[i].event, events[i].class);
    if (out->count == before)
        buffer_puts(why, "perf_event: the power PMU has no energy events; ");
    domains_agree(out, source_name);
out:
    buffer_close(&text);
}
