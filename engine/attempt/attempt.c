#include "engine/attempt/attempt.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "engine/attempt/executor.h"
#include "engine/attempt/stamp.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/scratch.h"
#include "store/attempts.h"

enum { ACCOUNT_MS = 10000 }; /* what a power cut may hide of an attempt's energy */

/* ---- the struct ---- */

/* Of the first inputs. */
static size_t item_count(const struct action *action, size_t inputs) {
    size_t count = 0;
    for (size_t i = 0; i < inputs; i++)
        count += action->inputs[i].count;
    return count;
}

bool attempt_uses_checkpoint(const struct instance *i) {
    return i->decl->checkpoint || (i->decl->kind && i->decl->kind->checkpoints);
}

struct attempt *attempt_create(struct store *store, const struct instance *instance, const char *id, char *checkpoint) {
    struct attempt *a = mem_alloc(sizeof *a);
    double cpus = instance->decl->resources.cpus;
    a->store = store;
    a->instance = instance;
    a->cpus = cpus > 1 ? (int)cpus : 1;
    a->id = mem_strdup(id);
    a->root = store_work_path(store, id);
    a->directory = path_join(a->root, "dir");
    a->file = path_join(a->root, "attempt.json");
    a->spec = path_join(a->root, "spec.json");
    a->result = path_join(a->root, "result.json");
    a->stdout_log = store_log_path(store, id, "stdout");
    a->stderr_log = store_log_path(store, id, "stderr");
    a->checkpoint = checkpoint;
    a->given = mem_array(item_count(instance->action, instance->action->input_count) + 1, sizeof *a->given);
    a->programs = mem_array(instance->action->pin_count + 1, sizeof *a->programs);
    return a;
}

void attempt_account(struct attempt *a, cJSON *head) {
    char *path = store_attempt_path(a->store, a->id);
    a->account = cJSON_CreateObject();
    cJSON_AddStringToObject(a->account, "path", path);
    cJSON_AddNumberToObject(a->account, "every_ms", ACCOUNT_MS);
    cJSON_AddItemToObject(a->account, "record", head);
    free(path);
}

void attempt_free(struct attempt *a) {
    if (!a)
        return;
    char *const texts[] = {a->id,     a->root,       a->directory,  a->file,      a->spec,
                           a->result, a->stdout_log, a->stderr_log, a->checkpoint};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    for (size_t i = 0; i < a->argc; i++)
        free(a->argv[i]);
    free(a->argv);
    cJSON_Delete(a->account);
    for (size_t i = 0; i < a->shared_count; i++)
        free(a->shared[i].path);
    free(a->shared);
    free(a->given);
    free(a->programs);
    free(a);
}

/* ---- inputs ---- */

static struct given_file *given_item(const struct attempt *a, const struct action_input *input, size_t index) {
    const struct action *action = a->instance->action;
    return &a->given[item_count(action, (size_t)(input - action->inputs)) + index];
}

/* Not one that was changed so lately that another change might not be seen. */
static bool file_is_in_place(const struct attempt *a, const struct given_file *g) {
    return a->instance->action->kind && g->sight.at_rest;
}

/* A kind reads files in place; a command, and whoever takes a directory object, gets them in its directory. */
static bool reads_in_place(const struct attempt *a, const struct action_input *input, size_t index) {
    const struct action_item *item = &input->items[index];
    return item->path ? file_is_in_place(a, given_item(a, input, index))
                      : a->instance->action->kind && !item->content.directory;
}

int attempt_look(struct attempt *a, struct facts *facts, struct error *err) {
    const struct action *action = a->instance->action;
    int rc = 0;
    for (size_t i = 0; i < action->input_count; i++) {
        const struct action_input *input = &action->inputs[i];
        for (size_t k = 0; rc == 0 && k < input->count; k++)
            if (input->items[k].path)
                rc = given_look(given_item(a, input, k), &input->items[k], facts, err);
    }
    for (size_t i = 0; rc == 0 && i < action->pin_count; i++)
        rc = given_look_program(&a->programs[i], &action->pins[i], facts, err);
    return rc;
}

int attempt_check_inputs(const struct attempt *a, struct facts *facts, const char *when, struct error *err) {
    const struct action *action = a->instance->action;
    size_t count = item_count(action, action->input_count);
    int rc = 0;
    for (const struct given_file *g = a->given; rc == 0 && g < a->given + count; g++)
        if (g->item)
            rc = given_check(g, file_is_in_place(a, g), facts, when, err);
    for (size_t i = 0; rc == 0 && i < action->pin_count; i++)
        rc = given_check_program(&a->programs[i], facts, when, err);
    return rc;
}

static void item_path(void *context, const struct action_input *input, size_t index, struct buffer *path) {
    const struct attempt *a = context;
    const struct action_item *item = &input->items[index];
    if (!reads_in_place(a, input, index)) {
        buffer_printf(path, "in/%s/", input->name);
        if (input->list)
            buffer_printf(path, "%zu/", index);
        buffer_puts(path, item->name);
    } else if (item->path) {
        buffer_puts(path, item->path);
    } else {
        char *object = store_object_path(a->store, &item->content.digest);
        buffer_puts(path, object);
        free(object);
    }
}

static int note_lost(struct attempt *a, int rc) {
    a->object_lost |= rc == ERR_CORRUPT || rc == ERR_NOT_FOUND;
    return rc;
}

static void note_shared(struct attempt *a, const char *input, const char *path, const struct object *o,
                        const struct digest *stamp) {
    mem_grow(a->shared, &a->shared_capacity, a->shared_count + 1);
    a->shared[a->shared_count++] =
        (struct shared_input){.input = input, .path = mem_strdup(path), .object = *o, .stamp = *stamp};
}

/* What is read in place is hashed before: a damaged object is noticed, never read. */
static int check_object(struct attempt *a, const char *input, const struct action_item *item, struct error *err) {
    struct object o = {item->content.digest, item->content.size, item->content.directory, item->content.executable};
    struct digest stamp;
    char *path = store_object_path(a->store, &o.digest);
    stamp_take(&stamp, path);
    int rc = note_lost(a, store_object_verify(a->store, &o, err));
    if (rc == 0)
        note_shared(a, input, path, &o, &stamp);
    free(path);
    return rc;
}

static int give_object(struct attempt *a, const char *input, const struct action_item *item, const char *path,
                       struct error *err) {
    struct object o = {item->content.digest, item->content.size, item->content.directory, item->content.executable};
    struct digest stamp;
    int rc = store_materialise(a->store, &o, path, MATERIALISE_LINK, err);
    if (rc < 0)
        return note_lost(a, rc);
    stamp_take(&stamp, path);
    note_shared(a, input, path, &o, &stamp);
    return 0;
}

static int give_item(struct attempt *a, const struct action_input *input, size_t index, struct error *err) {
    const struct action_item *item = &input->items[index];
    if (reads_in_place(a, input, index))
        return item->path ? 0 : check_object(a, input->name, item, err);
    struct buffer relative = {0};
    item_path(a, input, index, &relative);
    char *path = path_join(a->directory, buffer_text(&relative));
    char *parent = path_directory(path);
    int rc = file_make_directory(parent, err);
    if (rc == 0)
        rc = item->path ? given_copy(given_item(a, input, index), path, err)
                        : give_object(a, input->name, item, path, err);
    free(parent);
    free(path);
    buffer_close(&relative);
    return rc;
}

static int give_inputs(struct attempt *a, struct error *err) {
    const struct action *action = a->instance->action;
    for (size_t i = 0; i < action->input_count; i++) {
        for (size_t k = 0; k < action->inputs[i].count; k++) {
            const struct action_input *input = &action->inputs[i];
            int rc = give_item(a, input, k, err);
            if (rc < 0)
                return rc == ERR_FAILED ? rc : error_prefix(err, "in.%s", input->name);
        }
    }
    return 0;
}

/* ---- places ---- */

/* Stages have umask 022, whoever starts them: what they make may hold the modes of their files. What they keep in a
   checkpoint is for the next attempt to change, which another member of the group may start: where the group may write,
   a default ACL stands in for the umask below this folder. On file systems without ACLs such files can be replaced, and
   not written to. */
static void share_checkpoint(const char *path) {
    static const char name[] = "system.posix_acl_default";
    static const uint16_t tags[] = {ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_OTHER};
    enum { COUNT = sizeof tags / sizeof *tags };
    struct {
        struct posix_acl_xattr_header head;
        struct posix_acl_xattr_entry entries[COUNT];
    } acl = {.head.a_version = htole32(POSIX_ACL_XATTR_VERSION)};
    struct stat st;
    if (stat(path, &st) < 0 || !(st.st_mode & S_IWGRP) || getxattr(path, name, NULL, 0) >= 0)
        return;
    for (int i = 0; i < COUNT; i++) {
        mode_t mode = st.st_mode >> (3 * (COUNT - 1 - i)) & 07;
        acl.entries[i] = (struct posix_acl_xattr_entry){
            .e_tag = htole16(tags[i]), .e_perm = htole16((uint16_t)mode), .e_id = htole32((uint32_t)ACL_UNDEFINED_ID)};
    }
    setxattr(path, name, &acl, sizeof acl, 0);
}

static int make_places(struct attempt *a, struct error *err) {
    const struct action *action = a->instance->action;
    static const char *const own[] = {".home", ".tmp"};
    int rc = file_make_directory(a->directory, err);
    for (size_t i = 0; rc == 0 && i < sizeof own / sizeof *own; i++) {
        char *path = path_join(a->directory, own[i]);
        if (mkdir(path, 0777) < 0)
            rc = error_errno(err, errno, "%s: cannot be made", path);
        free(path);
    }
    for (size_t i = 0; rc == 0 && i < action->out_count; i++) {
        if (!strchr(action->outs[i].path, '/'))
            continue;
        char *path = path_join(a->directory, action->outs[i].path);
        char *parent = path_directory(path);
        rc = file_make_directory(parent, err);
        free(parent);
        free(path);
    }
    if (rc == 0 && a->checkpoint) {
        rc = file_make_directory(a->checkpoint, err);
        share_checkpoint(a->checkpoint);
        stamp_take(&a->checkpoint_stamp, a->checkpoint);
    }
    return rc;
}

/* ---- the files the keeper and the stage read ---- */

static int write_json(const char *path, const cJSON *value, struct error *err) {
    struct buffer text = {0};
    json_canonical(&text, value);
    int rc = scratch_write(path, text.data, text.size, err);
    buffer_close(&text);
    return rc;
}

static void add_command(cJSON *file, struct attempt *a) {
    const struct action *action = a->instance->action;
    const struct stage_decl *decl = a->instance->decl;
    cJSON *argv = cJSON_AddArrayToObject(file, "argv");
    for (size_t i = 0; i < a->argc; i++)
        cJSON_AddItemToArray(argv, cJSON_CreateString(a->argv[i]));
    cJSON *env = cJSON_AddObjectToObject(file, "env");
    for (size_t i = 0; i < action->env_count; i++) {
        char *value = action_env_text(action, &action->env[i], a->checkpoint, item_path, a);
        cJSON_AddStringToObject(env, action->env[i].name, value);
        free(value);
    }
    cJSON *pass = cJSON_AddArrayToObject(file, "pass_env");
    for (size_t i = 0; i < decl->pass_env_count; i++)
        cJSON_AddItemToArray(pass, cJSON_CreateString(decl->pass_env[i]));
}

static int write_attempt(struct attempt *a, struct error *err) {
    const struct action *action = a->instance->action;
    cJSON *file = cJSON_CreateObject();
    cJSON_AddNumberToObject(file, "retort_attempt", 1);
    if (action->kind)
        cJSON_AddStringToObject(file, "kind", action->kind->name);
    else
        add_command(file, a);
    cJSON_AddStringToObject(file, "directory", a->directory);
    cJSON_AddStringToObject(file, "path", ATTEMPT_PATH);
    cJSON_AddStringToObject(file, "spec", a->spec);
    if (a->checkpoint)
        cJSON_AddStringToObject(file, "checkpoint", a->checkpoint);
    cJSON_AddNumberToObject(file, "cpus", a->cpus);
    cJSON_AddNumberToObject(file, "gpus", a->instance->decl->resources.gpus);
    cJSON_AddStringToObject(file, "stdout", a->stdout_log);
    cJSON_AddStringToObject(file, "stderr", a->stderr_log);
    cJSON_AddStringToObject(file, "result", a->result);
    cJSON_AddNumberToObject(file, "events_fd", EXECUTOR_EVENTS_FD);
    cJSON_AddNumberToObject(file, "lifeline_fd", EXECUTOR_LIFELINE_FD);
    if (a->account)
        cJSON_AddItemReferenceToObject(file, "account", a->account);
    int rc = write_json(a->file, file, err);
    cJSON_Delete(file);
    return rc;
}

static int write_spec(struct attempt *a, struct error *err) {
    cJSON *spec = action_spec(a->instance->action, (const char *const *)a->argv, a->argc, a->cpus, item_path, a);
    int rc = write_json(a->spec, spec, err);
    cJSON_Delete(spec);
    return rc;
}

int attempt_prepare(struct attempt *a, struct error *err) {
    const struct action *action = a->instance->action;
    int rc = make_places(a, err);
    if (rc == 0)
        rc = give_inputs(a, err);
    if (rc < 0)
        return rc;
    if (!action->kind)
        action_argv(&a->argv, &a->argc, action, a->checkpoint, item_path, a);
    rc = write_spec(a, err);
    return rc == 0 ? write_attempt(a, err) : rc;
}
