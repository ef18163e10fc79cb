#include "engine/attempt/given.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/attempt/copy.h"
#include "engine/base/file.h"
#include "engine/lookup/interpreter.h"
#include "engine/lookup/members.h"

#define BEFORE "before the stage began"

enum { SMALL_BYTES = 1 << 20 };

static int changed(const char *path, const char *what, const char *when, struct error *err) {
    return error_set(err, ERR_FAILED, "%s %s %s, run again", path, what, when);
}

static bool is_as_keyed(const struct given_file *g, const struct digest *digest, bool executable) {
    return digest_equal(digest, &g->item->content.digest) && executable == g->item->content.executable;
}

/* 0: its bytes are those of the key. A file that cannot be had any more has changed, unless the system is at fault. */
static int check_content(const struct given_file *g, struct facts *facts, facts_ask *ask, const char *when,
                         struct error *err) {
    const struct action_item *item = g->item;
    struct content now;
    int rc = item->only ? facts_members(item->path, item->only, item->only_count, &now, err)
                        : ask(facts, item->path, &now, err);
    if (rc == ERR_IO || rc == ERR_BUSY || (rc == 0 && is_as_keyed(g, &now.digest, now.executable)))
        return rc;
    return changed(g->item->path, "changed", when, err);
}

int given_inspect(struct given_file *out, const struct action_item *item, struct facts *facts, struct way *way,
                  struct error *err) {
    out->item = item;
    sight_read(&out->sight, item->path, way);
    int rc = out->sight.at_rest ? check_content(out, facts, facts_recall, BEFORE, err) : 0; /* else its copy tells */
    if (rc != ERR_BUSY)
        return rc;
    out->sight.at_rest = false; /* this thread does not hash a large file */
    return 0;
}

static bool is_untouched(const struct given_file *g, struct way *way) {
    struct sight now;
    sight_read(&now, g->item->path, way);
    return digest_equal(&now.stamp, &g->sight.stamp);
}

/* Writes the members of a data file that the stage gets alone. */
static int copy_members(const struct action_item *item, const char *to, struct error *err) {
    struct buffer text = {0};
    int rc = members_read(&text, item->path, item->only, item->only_count, err);
    int fd = rc < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (rc == 0 && fd < 0)
        rc = error_errno(err, errno, "%s: cannot be created", to);
    if (rc == 0)
        rc = file_write_all(fd, text.data, text.size, to, err);
    if (fd >= 0 && close(fd) < 0 && rc == 0)
        rc = error_errno(err, errno, "%s: cannot be written", to);
    buffer_close(&text);
    return rc;
}

/* A small file gets an inode that served before. */
static int copy_plain(const struct action_item *item, struct attempt_directory *d, const char *to, const char *path,
                      const struct folder_filter *filter, struct error *err) {
    if (item->content.directory || item->content.executable || item->content.size > SMALL_BYTES)
        return copy_tree(item->path, path, filter, err);
    off_t old_size;
    int fd = directory_open_copy(d, to, &old_size);
    if (fd < 0)
        return error_errno(err, errno, "%s: cannot be created", path);
    int rc = copy_over(item->path, fd, old_size, path, err);
    if (close(fd) < 0 && rc == 0)
        rc = error_errno(err, errno, "%s: cannot be written", path);
    return rc;
}

static int copied(const struct given_file *g, int rc, struct error *err) {
    return rc == 0 || rc == ERR_IO ? rc : changed(g->item->path, "changed", BEFORE, err);
}

int given_copy(const struct given_file *g, struct attempt_directory *d, const char *to,
               const struct folder_filter *filter, struct error *err) {
    char *path = path_join(d->stage, to);
    int rc = g->item->only ? copy_members(g->item, path, err) : copy_plain(g->item, d, to, path, filter, err);
    free(path);
    return copied(g, rc, err);
}

int given_check_copy(const struct given_file *g, const struct attempt_directory *d, const char *to, struct way *way,
                     struct error *err) {
    struct object copy;
    if (!g->item->only && g->sight.at_rest && is_untouched(g, way))
        return 0;
    char *path = path_join(d->stage, to);
    int rc = store_object_hash(AT_FDCWD, path, &copy, err);
    if (rc == 0 && !is_as_keyed(g, &copy.digest, copy.executable))
        rc = ERR_FAILED;
    free(path);
    return copied(g, rc, err);
}

int given_check(const struct given_file *g, bool in_place, struct facts *facts, struct way *way, const char *when,
                struct error *err) {
    if (is_untouched(g, way))
        return 0;
    int rc = check_content(g, facts, facts_file, when, err);
    return rc == 0 && in_place ? changed(g->item->path, "was written to", when, err) : rc;
}

/* ---- programs ---- */

static void stamp_program(struct digest *out, const struct action_pin *pin) {
    struct sight now = {0};
    struct way way = {0};
    char *path = facts_find_program(pin->program, pin->search);
    if (path)
        sight_read(&now, path, &way);
    way_close(&way);
    free(path);
    *out = now.stamp;
}

static int check_program(const struct action_pin *pin, struct facts *facts, const char *when, struct error *err) {
    struct digest now;
    int rc = facts_program(facts, pin->program, pin->search, &now, err);
    bool same = rc == 0 && digest_equal(&now, &pin->digest);
    if (same && pin->packages &&
        !cJSON_Compare(interpreter_packages(facts, pin->program, pin->search), pin->packages, true))
        return error_set(err, ERR_FAILED, "the packages of %s changed %s, run again", pin->program, when);
    if (rc == ERR_IO || same)
        return rc;
    return changed(pin->program, "changed", when, err);
}

int given_look_program(struct given_program *out, const struct action_pin *pin, struct facts *facts,
                       struct error *err) {
    out->pin = pin;
    stamp_program(&out->stamp, pin);
    return check_program(pin, facts, BEFORE, err);
}

int given_check_program(const struct given_program *g, struct facts *facts, const char *when, struct error *err) {
    struct digest now;
    int rc = check_program(g->pin, facts, when, err);
    stamp_program(&now, g->pin);
    return rc == 0 && !digest_equal(&now, &g->stamp) ? changed(g->pin->program, "was written to", when, err) : rc;
}
