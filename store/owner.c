#include "store/owner.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/sha256.h"

enum { PROC_LIMIT = 64 * 1024 };

static uint32_t first_word(const struct digest *d) {
    return (uint32_t)d->bytes[0] << 24 | (uint32_t)d->bytes[1] << 16 | (uint32_t)d->bytes[2] << 8 | d->bytes[3];
}

/* Containers may have no machine id, and clones share one, so the host name is hashed as well. */
static uint32_t host_word(void) {
    struct utsname name = {0};
    struct buffer machine = {0};
    struct digest d;
    uname(&name);
    if (file_read(&machine, "/etc/machine-id", PROC_LIMIT, NULL) < 0)
        buffer_clear(&machine);
    struct sha256 *h = sha256_create();
    sha256_field(h, name.nodename, strlen(name.nodename));
    sha256_field(h, buffer_text(&machine), machine.size);
    sha256_finish(h, &d);
    buffer_close(&machine);
    return first_word(&d);
}

static int boot_word(uint32_t *out, struct error *err) {
    struct buffer id = {0};
    struct digest d;
    int rc = file_read(&id, "/proc/sys/kernel/random/boot_id", PROC_LIMIT, err);
    sha256_bytes(&d, buffer_text(&id), id.size);
    *out = first_word(&d);
    buffer_close(&id);
    return rc;
}

/* A process as /proc describes it. */
struct process {
    bool shown; /* false: no such process, or one hidden from this user */
    bool over;  /* a zombie: dead, and not yet reaped */
    uint64_t start;
};

/* `why` (may be NULL): the error, if /proc refused access. */
static struct process process_examine(int64_t pid, struct error *why) {
    enum { STATE_TO_START = 19 }; /* fields 3 to 22 */
    struct process p = {0};
    char path[64];
    struct buffer text = {0};
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    if (file_read(&text, path, PROC_LIMIT, why) < 0)
        buffer_clear(&text);
    /* The name in parentheses may hold any character, so fields are counted from its end. */
    const char *field = strrchr(buffer_text(&text), ')');
    if (field && field[1] == ' ') {
        field += 2;
        p.over = *field == 'Z' || *field == 'X';
        for (int i = 0; field && i < STATE_TO_START; i++) {
            field = strchr(field, ' ');
            field = field ? field + 1 : NULL;
        }
        p.shown = field != NULL;
        p.start = field ? strtoull(field, NULL, 10) : 0;
    }
    buffer_close(&text);
    return p;
}

/* A process that exists and may not be examined may be the one. */
static bool process_runs(int64_t pid, uint64_t start) {
    struct error why = {0};
    struct process p = process_examine(pid, &why);
    if (p.shown)
        return !p.over && p.start == start;
    if (pid <= 0)
        return false;
    return kill((pid_t)pid, 0) == 0 ? why.code == ERR_IO : errno == EPERM;
}

int owner_self(struct owner *out, struct error *err) {
    static atomic_uint serial;
    struct stat space;
    struct owner o = {.pid = getpid(), .host = host_word()};
    int rc = boot_word(&o.boot, err);
    if (rc < 0)
        return rc;
    struct error why = {0};
    struct process p = process_examine(o.pid, &why);
    if (!p.shown && why.code)
        return error_set(err, ERR_IO, "%s", why.message);
    if (!p.shown)
        return error_set(err, ERR_IO, "/proc/%" PRId64 "/stat: does not tell when this process started", o.pid);
    o.start = p.start;
    /* Without visible namespaces every process of this boot counts as visible. */
    o.space = stat("/proc/self/ns/pid", &space) == 0 ? (uint64_t)space.st_ino : 0;
    o.serial = atomic_fetch_add(&serial, 1);
    *out = o;
    return 0;
}

void owner_format(char text[OWNER_TEXT_SIZE], const struct owner *o) {
    snprintf(text, OWNER_TEXT_SIZE, "%08" PRIx32 "-%08" PRIx32 "-%" PRIu64 "-%" PRId64 "-%" PRIu64 "-%" PRIu32, o->host,
             o->boot, o->space, o->pid, o->start, o->serial);
}

/* Reads digits up to `end`. owner_parse compares the whole text, so their form is not checked here. */
static bool parse_number(const char **text, int base, char end, uint64_t *out) {
    char *after;
    *out = strtoull(*text, &after, base);
    bool good = after > *text && (end == '\0' || *after == end);
    *text = end == '\0' ? after : after + 1;
    return good;
}

bool owner_parse(struct owner *out, const char *text, size_t *length) {
    const char *at = text;
    char again[OWNER_TEXT_SIZE];
    uint64_t host = 0;
    uint64_t boot = 0;
    uint64_t space = 0;
    uint64_t pid = 0;
    uint64_t start = 0;
    uint64_t serial = 0;
    if (!parse_number(&at, 16, '-', &host) || !parse_number(&at, 16, '-', &boot) ||
        !parse_number(&at, 10, '-', &space) || !parse_number(&at, 10, '-', &pid) ||
        !parse_number(&at, 10, '-', &start) || !parse_number(&at, 10, '\0', &serial))
        return false;
    struct owner o = {.host = (uint32_t)host,
                      .boot = (uint32_t)boot,
                      .space = space,
                      .pid = (int64_t)pid,
                      .start = start,
                      .serial = (uint32_t)serial};
    owner_format(again, &o);
    if (strlen(again) != (size_t)(at - text) || strncmp(again, text, (size_t)(at - text)) != 0)
        return false;
    *out = o;
    *length = (size_t)(at - text);
    return true;
}

enum owner_state owner_state(const struct owner *o, const struct owner *self) {
    if (o->boot == self->boot && o->space == self->space)
        return process_runs(o->pid, o->start) ? OWNER_ALIVE : OWNER_DEAD;
    return o->host == self->host && o->boot != self->boot ? OWNER_DEAD : OWNER_ELSEWHERE;
}

bool owner_equal(const struct owner *a, const struct owner *b) {
    return a->host == b->host && a->boot == b->boot && a->space == b->space && a->pid == b->pid &&
           a->start == b->start && a->serial == b->serial;
}
