#include "engine/attempt/linked.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/attempt/attempt.h"
#include "engine/attempt/copy.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"

#define AGAIN ".retort-again" /* below the stage's directory: inputs that were given again */
#define CONTENT ".retort-content"

struct replacing {
    struct attempt *a;
    bool *given; /* the items that were given again, those of all inputs in a row; NULL: none was */
};

/* The item of an input that a path below the stage's directory is, or lies in. */
struct found_item {
    const struct action_input *input;
    size_t index, number; /* in the input; in all inputs */
    char *below;          /* the rest of the path, "" or "/..."; freed by the caller */
};

static bool find_item(struct found_item *out, struct attempt *a, const char *path) {
    const struct action *action = a->instance->action;
    bool found = false;
    size_t number = 0;
    for (size_t i = 0; !found && i < action->input_count; i++)
        for (size_t k = 0; !found && k < action->inputs[i].count; k++, number++) {
            struct buffer place = {0};
            inputs_item_path(a, &action->inputs[i], k, &place);
            found = *buffer_text(&place) != '/' && folder_holds(buffer_text(&place), path);
            if (found)
                *out = (struct found_item){&action->inputs[i], k, number, mem_strdup(path + place.size)};
            buffer_close(&place);
        }
    return found;
}

/* The target of a link, from the stage's directory on; NULL: it is outside. The caller frees. */
static char *target_of(const struct attempt *a, const char *link, const char *text) {
    size_t length = strlen(a->directory->stage);
    bool absolute = *text == '/', inside = strncmp(text, a->directory->stage, length) == 0 && text[length] == '/';
    if (absolute && !inside)
        return NULL;
    char *folder = path_directory(link);
    char *path = absolute ? mem_strdup(text + length + 1) : path_join(folder, text), *normal = path_normal(path);
    free(path);
    free(folder);
    return normal;
}

/* The stage may have put something there: it goes. */
static int make_place(struct replacing *r, struct error *err) {
    const struct action *action = r->a->instance->action;
    size_t count = 0;
    for (size_t i = 0; i < action->input_count; i++)
        count += action->inputs[i].count;
    r->given = mem_array(count, sizeof *r->given);
    int fd = r->a->directory->stage_fd, rc = file_remove_tree_at(fd, AGAIN, err);
    if (rc == 0 && mkdirat(fd, AGAIN, 0700) < 0)
        rc = error_errno(err, errno, "%s/" AGAIN ": cannot be made", r->a->directory->stage);
    return rc;
}

/* Gives the item once for all links to it, and tells where a file in it is. */
static int give_again(char **path, struct replacing *r, const struct found_item *item, struct error *err) {
    char *relative = mem_printf(AGAIN "/%zu", item->number);
    int rc = r->given ? 0 : make_place(r, err);
    if (rc == 0 && !r->given[item->number])
        rc = inputs_give_again(r->a, item->input, item->index, relative, err);
    if (rc == 0) {
        r->given[item->number] = true;
        *path = mem_printf("%s/%s%s", r->a->directory->stage, relative, item->below);
    }
    free(relative);
    return rc;
}

static int put_content(const char *source, int folder, const char *name, struct error *err) {
    static const struct folder_filter everything;
    char *copy = mem_printf("/proc/self/fd/%d/" CONTENT, folder);
    int rc = copy_tree(source, copy, &everything, err);
    if (rc == 0 && (unlinkat(folder, name, 0) < 0 || renameat(folder, CONTENT, folder, name) < 0))
        rc = error_errno(err, errno, "%s: cannot be replaced by what it leads to", name);
    free(copy);
    return rc;
}

/* `link`: its path below the stage's directory; `name` is its name in the open folder. */
static int replace_link(struct replacing *r, int folder, const char *name, const char *link, struct error *err) {
    char text[PATH_MAX], *source = NULL;
    struct found_item item = {0};
    ssize_t length = readlinkat(folder, name, text, sizeof text - 1);
    text[length < 0 ? 0 : length] = '\0';
    char *target = target_of(r->a, link, text);
    int rc = 0;
    if (length > 0 && target && find_item(&item, r->a, target))
        rc = give_again(&source, r, &item, err);
    if (rc == 0 && source && file_exists(source))
        rc = put_content(source, folder, name, err);
    free(item.below);
    free(source);
    free(target);
    return rc;
}

static int replace_below(struct replacing *r, int folder, const char *path, struct error *err);

static int replace_entry(struct replacing *r, int folder, const char *name, const char *path, struct error *err) {
    struct stat st;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0; /* storing the out reports it */
    if (S_ISLNK(st.st_mode))
        return replace_link(r, folder, name, path, err);
    int fd = S_ISDIR(st.st_mode) ? openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    return fd < 0 ? 0 : replace_below(r, fd, path, err);
}

/* Closes the folder. */
static int replace_below(struct replacing *r, int folder, const char *path, struct error *err) {
    struct folder entries;
    const char *name;
    int rc = folder_open_fd(&entries, folder, path, err);
    while (rc >= 0 && (rc = folder_next(&entries, &name, err)) > 0) {
        char *entry = path_join(path, name);
        rc = replace_entry(r, folder, name, entry, err);
        free(entry);
    }
    folder_close(&entries);
    return rc;
}

int linked_replace(struct attempt *a, struct error *err) {
    const struct action *action = a->instance->action;
    struct replacing r = {.a = a};
    int rc = 0;
    for (size_t i = 0; rc == 0 && !action->kind && i < action->out_count; i++) {
        char *path = path_directory(action->outs[i].path);
        int folder = file_open_beneath(a->directory->stage_fd, path, O_RDONLY | O_DIRECTORY);
        free(path);
        if (folder < 0)
            continue;
        rc = replace_entry(&r, folder, path_base(action->outs[i].path), action->outs[i].path, err);
        close(folder);
    }
    free(r.given);
    return rc;
}
