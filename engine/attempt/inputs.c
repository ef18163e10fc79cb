#include "engine/attempt/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/attempt/attempt.h"
#include "engine/attempt/stamp.h"
#include "engine/attempt/view.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"

/* Of the first inputs. */
static size_t item_count(const struct action *action, size_t inputs) {
    size_t count = 0;
    for (size_t i = 0; i < inputs; i++)
        count += action->inputs[i].count;
    return count;
}

void inputs_init(struct attempt_inputs *out, const struct action *action) {
    *out = (struct attempt_inputs){.files = mem_array(item_count(action, action->input_count) + 1, sizeof *out->files),
                                   .programs = mem_array(action->pin_count + 1, sizeof *out->programs)};
}

void inputs_close(struct attempt_inputs *inputs) {
    for (size_t i = 0; i < inputs->watched_count; i++)
        free(inputs->watched[i].path);
    free(inputs->watched);
    free(inputs->files);
    free(inputs->programs);
}

static struct given_file *given_item(const struct attempt *a, const struct action_input *input, size_t index) {
    const struct action *action = a->instance->action;
    return &a->inputs.files[item_count(action, (size_t)(input - action->inputs)) + index];
}

/* Not one that was changed so lately that another change might not be seen. */
static bool file_is_in_place(const struct attempt *a, const struct given_file *g) {
    return a->instance->action->kind && g->sight.at_rest && !g->item->only;
}

/* A kind reads files in place; a command, and whoever takes a directory object, gets them in its directory. */
static bool reads_in_place(const struct attempt *a, const struct action_input *input, size_t index) {
    const struct action_item *item = &input->items[index];
    return item->path ? file_is_in_place(a, given_item(a, input, index))
                      : a->instance->action->kind && !item->content.directory;
}

static int examine_files(struct attempt *a, struct error *err) {
    const struct action *action = a->instance->action;
    struct way way = {0};
    int rc = 0;
    for (size_t i = 0; i < action->input_count; i++) {
        const struct action_input *input = &action->inputs[i];
        for (size_t k = 0; rc == 0 && k < input->count; k++)
            if (input->items[k].path)
                rc = given_inspect(given_item(a, input, k), &input->items[k], a->all->options.facts, &way, err);
    }
    way_close(&way);
    return rc;
}

int inputs_check_before(struct attempt *a, struct error *err) {
    const struct action *action = a->instance->action;
    struct error fault = {0};
    store_read_begin(a->all->options.store);
    int rc = examine_files(a, err);
    for (size_t i = 0; rc == 0 && i < action->pin_count; i++)
        rc = given_look_program(&a->inputs.programs[i], &action->pins[i], a->all->options.facts, err);
    int ended = store_read_end(a->all->options.store, &fault);
    return rc == 0 && ended < 0 ? error_set(err, ended, "%s", fault.message) : rc;
}

int inputs_check_after(const struct attempt *a, const char *when, struct error *err) {
    const struct action *action = a->instance->action;
    size_t count = item_count(action, action->input_count);
    struct way way = {0};
    int rc = 0;
    for (const struct given_file *g = a->inputs.files; rc == 0 && g < a->inputs.files + count; g++)
        if (g->item)
            rc = given_check(g, g->in_place || file_is_in_place(a, g), a->all->options.facts, &way, when, err);
    for (size_t i = 0; rc == 0 && i < action->pin_count; i++)
        rc = given_check_program(&a->inputs.programs[i], a->all->options.facts, when, err);
    way_close(&way);
    return rc;
}

void inputs_item_path(void *context, const struct action_input *input, size_t index, struct buffer *path) {
    const struct attempt *a = context;
    const struct action_item *item = &input->items[index];
    if (item->place) {
        buffer_puts(path, item->place);
    } else if (!reads_in_place(a, input, index)) {
        buffer_printf(path, "in/%s/", input->name);
        if (input->list)
            buffer_printf(path, "%zu/", index);
        buffer_puts(path, item->name);
    } else if (item->path) {
        buffer_puts(path, item->path);
    } else {
        char *object = store_object_path(a->all->options.store, &item->content.digest);
        buffer_puts(path, object);
        free(object);
    }
}

struct action_given inputs_given(struct attempt *a) {
    return (struct action_given){
        .cpus = a->cpus, .checkpoint = a->checkpoint, .item_path = inputs_item_path, .context = a};
}

static int note_lost(struct attempt *a, int rc) {
    a->object_lost |= rc == ERR_CORRUPT || rc == ERR_NOT_FOUND;
    return rc;
}

/* `object` NULL: a copy of a file of the project stands at the path. */
static void watch(struct attempt *a, const char *input, const char *path, const struct object *object,
                  const struct digest *stamp) {
    mem_grow(a->inputs.watched, &a->inputs.watched_capacity, a->inputs.watched_count + 1);
    struct watched_input *w = &a->inputs.watched[a->inputs.watched_count++];
    *w = (struct watched_input){.input = input, .path = mem_strdup(path), .copy = !object, .stamp = *stamp};
    if (object)
        w->object = *object;
}

/* The object that an item is. Only the store knows the size of one that was fetched. */
static int item_object(struct object *out, struct attempt *a, const struct action_item *item, struct error *err) {
    struct stat st;
    *out = (struct object){item->content.digest, item->content.size, item->content.directory, item->content.executable};
    if (!item->url)
        return 0;
    char *path = store_object_path(a->all->options.store, &item->content.digest);
    int there = file_stat(&st, path, err);
    free(path);
    if (there == 0)
        return note_lost(a, error_set(err, ERR_NOT_FOUND, "%s: it was fetched, and is gone from the store", item->url));
    out->size = there > 0 ? (uint64_t)st.st_size : 0;
    return there < 0 ? there : 0;
}

/* A kind reads an object in place: no stage reads a damaged one. */
static int check_object(struct attempt *a, const char *input, const struct action_item *item, struct error *err) {
    struct object o;
    struct digest stamp;
    int rc = item_object(&o, a, item, err);
    if (rc < 0)
        return rc;
    char *path = store_object_path(a->all->options.store, &o.digest);
    stamp_read(&stamp, path);
    rc = note_lost(a, store_object_check(a->all->options.store, &o, err));
    if (rc == 0)
        watch(a, input, path, &o, &stamp);
    free(path);
    return rc;
}

/* `*o`: the object that the stage shares with the store. */
static int materialise(struct object *o, struct attempt *a, const struct action_item *item, const char *path,
                       struct error *err) {
    const bool folder_part = item->part && item->content.directory;
    const bool copied = a->own_inputs || item->access == ACCESS_COPY;
    const enum materialise how = copied ? MATERIALISE_COPY : MATERIALISE_LINK;
    int rc = item_object(o, a, item, err);
    if (rc < 0)
        return rc;
    if (folder_part)
        *o = (struct object){item->whole.digest, item->whole.size, true, false};
    return note_lost(a, folder_part ? store_materialise_part(a->all->options.store, o, item->part, path, how, err)
                                    : store_materialise(a->all->options.store, o, path, how, err));
}

static int give_object(struct attempt *a, const char *input, const struct action_item *item, const char *path,
                       struct error *err) {
    struct object o;
    struct digest stamp;
    int rc = materialise(&o, a, item, path, err);
    if (rc < 0)
        return rc;
    stamp_read(&stamp, path);
    watch(a, input, path, &o, &stamp);
    return 0;
}

/* Each item of a list has a folder of its own. */
static int make_item_folder(const struct attempt *a, const char *relative, struct error *err) {
    char *folder = path_directory(relative);
    int rc = mkdirat(a->directory->stage_fd, folder, 0777) < 0
                 ? error_errno(err, errno, "%s/%s: cannot be made", a->directory->stage, folder)
                 : 0;
    free(folder);
    return rc;
}

/* Without isolation a stage might change a file of the project, in place or a copy. */
static void watch_file(struct attempt *a, const char *input, const struct given_file *g, const char *path) {
    struct digest stamp;
    if (a->isolation.covers || a->instance->action->kind)
        return;
    char *real = g->in_place ? realpath(g->item->path, NULL) : NULL;
    stamp_copy(&stamp, real ? real : path);
    watch(a, input, real ? real : path, NULL, &stamp);
    free(real);
}

/* A file of the project that may have changed is copied: the copy tells. */
static int give_file(struct attempt *a, const char *input, struct given_file *g, const char *relative, const char *path,
                     struct error *err) {
    g->in_place = !a->own_inputs && g->sight.at_rest && view_is_in_place(a, g->item);
    int rc = g->in_place ? view_give(a, g->item, path, err)
                         : given_copy(g, a->directory, relative, store_input_filter(a->all->options.store), err);
    if (rc == 0)
        watch_file(a, input, g, path);
    return rc;
}

static int give_item(struct attempt *a, const struct action_input *input, size_t index, struct error *err) {
    const struct action_item *item = &input->items[index];
    if (reads_in_place(a, input, index))
        return item->path ? 0 : check_object(a, input->name, item, err);
    struct buffer relative = {0};
    inputs_item_path(a, input, index, &relative);
    char *path = path_join(a->directory->stage, buffer_text(&relative));
    int rc = input->list && !item->place ? make_item_folder(a, buffer_text(&relative), err) : 0;
    if (rc == 0)
        rc = item->path ? give_file(a, input->name, given_item(a, input, index), buffer_text(&relative), path, err)
                        : give_object(a, input->name, item, path, err);
    bool bound = item->path && given_item(a, input, index)->in_place;
    if (!bound && (!input->list || item->place))
        view_seal(a, path);
    free(path);
    buffer_close(&relative);
    return rc;
}

/* A list has a folder of its own, which holds nothing else. */
static void seal_list(struct attempt *a, const struct action_input *input) {
    char *folder = mem_printf("%s/in/%s", a->directory->stage, input->name);
    if (input->list && input->count > 0 && !input->items[0].place)
        view_seal(a, folder);
    free(folder);
}

static int check_copy(struct attempt *a, const struct action_input *input, size_t index, struct way *way,
                      struct error *err) {
    const struct given_file *g = given_item(a, input, index);
    if (!input->items[index].path || g->in_place || file_is_in_place(a, g))
        return 0;
    struct buffer relative = {0};
    inputs_item_path(a, input, index, &relative);
    int rc = given_check_copy(g, a->directory, buffer_text(&relative), way, err);
    buffer_close(&relative);
    return rc;
}

/* After all copies: the folders on the way to the files are examined once. */
static int check_copies(struct attempt *a, struct error *err) {
    const struct action *action = a->instance->action;
    struct way way = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < action->input_count; i++)
        for (size_t k = 0; rc == 0 && k < action->inputs[i].count; k++)
            if ((rc = check_copy(a, &action->inputs[i], k, &way, err)) < 0 && rc != ERR_FAILED)
                error_prefix(err, "in.%s", action->inputs[i].name);
    way_close(&way);
    return rc;
}

int inputs_give(struct attempt *a, struct error *err) {
    const struct action *action = a->instance->action;
    for (size_t i = 0; i < action->input_count; i++) {
        const struct action_input *input = &action->inputs[i];
        for (size_t k = 0; k < input->count; k++) {
            int rc = give_item(a, input, k, err);
            if (rc < 0)
                return rc == ERR_FAILED ? rc : error_prefix(err, "in.%s", input->name);
        }
        seal_list(a, input);
    }
    return check_copies(a, err);
}

int inputs_give_again(struct attempt *a, const struct action_input *input, size_t index, const char *relative,
                      struct error *err) {
    const struct action_item *item = &input->items[index];
    struct object o;
    if (item->path) {
        const struct given_file *g = given_item(a, input, index);
        struct way way = {0};
        int rc = given_copy(g, a->directory, relative, store_input_filter(a->all->options.store), err);
        rc = rc == 0 ? given_check_copy(g, a->directory, relative, &way, err) : rc;
        way_close(&way);
        return rc;
    }
    char *path = path_join(a->directory->stage, relative);
    int rc = materialise(&o, a, item, path, err);
    free(path);
    return rc;
}

/* ---- after ---- */

/* A kind writes to none of its inputs, and an isolated command cannot. */
static bool is_innocent(const struct attempt *a) {
    return a->instance->action->kind || a->isolation.covers;
}

/* `damage` tells of the object; NULL: it is whole. */
static int changed_input(const struct attempt *a, const struct watched_input *w, const char *damage,
                         struct error *err) {
    const char *colon = damage ? ": " : "", *what = damage ? damage : "";
    if (is_innocent(a))
        return error_set(err, ERR_FAILED, "its input \"%s\" was changed while it ran%s%s", w->input, colon, what);
    if (!path_below(w->path, a->directory->stage))
        return error_set(err, ERR_FAILED,
                         "its input \"%s\" was changed while it ran; a stage cannot change one: let it write to a copy",
                         w->input);
    return error_set(err, ERR_FAILED, "it changed its input \"%s\", which is read-only; let it write to a copy%s%s",
                     w->input, colon, what);
}

/* Through a hard link, a stage that ignores the mode writes to the object itself, which others read: then the object
   is set aside. */
static int check_watched(struct attempt *a, const struct watched_input *w, struct error *err) {
    struct digest now;
    struct error damage = {0};
    if (w->copy)
        stamp_copy(&now, w->path);
    else
        stamp_read(&now, w->path);
    if (digest_equal(&now, &w->stamp))
        return 0;
    int rc = w->copy ? 0 : store_object_verify(a->all->options.store, &w->object, &damage);
    if (rc == ERR_IO)
        return error_set(err, rc, "%s", damage.message);
    a->object_lost |= rc < 0;
    return rc == 0 && is_innocent(a) ? 0 : changed_input(a, w, rc < 0 ? damage.message : NULL, err);
}

int inputs_check_watched(struct attempt *a, struct error *err) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->inputs.watched_count; i++)
        rc = check_watched(a, &a->inputs.watched[i], err);
    return rc;
}

/* ---- a directory that is kept ---- */

/* Removes a path of the stage's directory, and names it with its source. The stage may have put links on the way. */
static int leave_one(const struct attempt *a, struct buffer *list, const char *path, const char *source,
                     struct error *err) {
    size_t length = strlen(a->directory->stage);
    if (strncmp(path, a->directory->stage, length) != 0 || path[length] != '/')
        return 0; /* read in place */
    char *folder = path_directory(path + length + 1);
    int fd = file_open_beneath(a->directory->stage_fd, folder, O_RDONLY | O_DIRECTORY);
    int rc = fd < 0 ? 0 : file_remove_tree_at(fd, path_base(path), err);
    buffer_printf(list, "%s <- %s\n", path + length + 1, source);
    if (fd >= 0)
        close(fd);
    free(folder);
    return rc;
}

int inputs_leave(const struct attempt *a, struct error *err) {
    struct buffer list = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->inputs.watched_count; i++) {
        if (a->inputs.watched[i].copy)
            continue;
        char *object = store_object_path(a->all->options.store, &a->inputs.watched[i].object.digest);
        rc = leave_one(a, &list, a->inputs.watched[i].path, object, err);
        free(object);
    }
    for (size_t i = 0; rc == 0 && i < a->isolation.bind_count; i++)
        if (!isolation_stands(&a->isolation.binds[i]))
            rc = leave_one(a, &list, a->isolation.binds[i].target, a->isolation.binds[i].source, err);
    int fd = rc == 0 && list.size > 0
                 ? openat(a->directory->root_fd, "inputs.txt", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)
                 : -1;
    if (fd >= 0) {
        rc = file_write_all(fd, list.data, list.size, "inputs.txt", err);
        close(fd);
    }
    buffer_close(&list);
    return rc;
}
