/* Fills the directory of an attempt, writes its spec, and builds the request for the keeper. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "engine/attempt/attempt.h"
#include "engine/attempt/environment.h"
#include "engine/attempt/stamp.h"
#include "engine/attempt/view.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/attempts.h"

enum {
    FIRST_ACCOUNT_MS = 500, /* then `retort log -f` finds the attempt */
    ACCOUNT_MS = 10000      /* a power cut may hide so much of an attempt's energy */
};

/* Stages have umask 022, whoever starts them: outs may hold the modes of their files. Another member of the group
   may start the next attempt, which changes the files of a checkpoint. So if the group may write here, a default ACL
   replaces the umask below this folder. Without ACLs such files can be replaced, but not written to. */
static void share_checkpoint(int fd) {
    static const char name[] = "system.posix_acl_default";
    static const uint16_t tags[] = {ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_OTHER};
    enum { COUNT = sizeof tags / sizeof *tags };
    struct {
        struct posix_acl_xattr_header head;
        struct posix_acl_xattr_entry entries[COUNT];
    } acl = {.head.a_version = htole32(POSIX_ACL_XATTR_VERSION)};
    struct stat st;
    if (fstat(fd, &st) < 0 || !(st.st_mode & S_IWGRP) || fgetxattr(fd, name, NULL, 0) >= 0)
        return;
    for (int i = 0; i < COUNT; i++) {
        mode_t mode = st.st_mode >> (3 * (COUNT - 1 - i)) & 07;
        acl.entries[i] = (struct posix_acl_xattr_entry){
            .e_tag = htole16(tags[i]), .e_perm = htole16((uint16_t)mode), .e_id = htole32((uint32_t)ACL_UNDEFINED_ID)};
    }
    fsetxattr(fd, name, &acl, sizeof acl, 0);
}

static int open_checkpoint(struct attempt *a, struct error *err) {
    int rc = file_make_directory(a->checkpoint, err);
    if (rc < 0)
        return rc;
    a->checkpoint_fd = open(a->checkpoint, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (a->checkpoint_fd < 0)
        return error_errno(err, errno, "%s: cannot be opened", a->checkpoint);
    share_checkpoint(a->checkpoint_fd);
    stamp_read(&a->checkpoint_stamp, a->checkpoint);
    return 0;
}

struct places {
    char **paths;
    size_t count, capacity;
};

/* The folder that a file will lie in. */
static void add_place(struct places *p, const char *path) {
    mem_grow(p->paths, &p->capacity, p->count + 1);
    p->paths[p->count++] = path_directory(path);
}

/* The folder of each item that has a place of its own. Else the folder of the input; in it those of a list's items are
   made with the items. */
static void add_input_place(struct places *p, struct attempt *a, const struct action_input *input) {
    bool added = false;
    for (size_t k = 0; k < input->count; k++)
        if (input->items[k].place && strchr(input->items[k].place, '/'))
            add_place(p, input->items[k].place);
    for (size_t k = 0; k < input->count && !added && !input->items[k].place; k++) {
        struct buffer path = {0};
        inputs_item_path(a, input, k, &path);
        added = *buffer_text(&path) != '/'; /* else the stage reads it where it is */
        char *item = input->list ? path_directory(buffer_text(&path)) : mem_strdup(buffer_text(&path));
        if (added)
            add_place(p, item);
        free(item);
        buffer_close(&path);
    }
}

/* Makes the folders that inputs and declared outs lie in; the stage makes those that are outs. */
static int make_places(struct attempt *a, struct error *err) {
    const struct action *action = a->instance->action;
    struct places p = {0};
    for (size_t i = 0; i < action->out_count; i++)
        if (strchr(action->outs[i].path, '/') && !attempt_out_is_inside(action, &action->outs[i]))
            add_place(&p, action->outs[i].path);
    for (size_t i = 0; i < action->input_count; i++)
        add_input_place(&p, a, &action->inputs[i]);
    int rc = directory_prepare(a->directory, (const char *const *)p.paths, p.count, err);
    for (size_t i = 0; i < p.count; i++)
        free(p.paths[i]);
    free(p.paths);
    return rc;
}

static int write_spec(struct attempt *a, struct error *err) {
    struct buffer text = {0};
    const struct action_given given = inputs_given(a);
    cJSON *spec = action_spec(a->instance->action, (const char *const *)a->argv, a->argc, &given);
    json_canonical(&text, spec);
    int rc = directory_write_spec(a->directory, text.data, text.size, err);
    buffer_close(&text);
    cJSON_Delete(spec);
    return rc;
}

static void set_kind_argv(struct attempt *a) {
    const char *const words[] = {"retort-stage", "kind", a->directory->spec};
    enum { COUNT = sizeof words / sizeof *words };
    a->argv = mem_array(COUNT + 1, sizeof *a->argv);
    for (size_t i = 0; i < COUNT; i++)
        a->argv[i] = mem_strdup(words[i]);
}

int attempt_prepare(struct attempt *a, struct error *err) {
    const struct action *action = a->instance->action;
    int rc = make_places(a, err);
    if (rc == 0 && a->checkpoint)
        rc = open_checkpoint(a, err);
    if (rc == 0)
        rc = inputs_give(a, err);
    if (rc < 0)
        return rc;
    const struct action_given given = inputs_given(a);
    if (!action->kind)
        action_argv(&a->argv, &a->argc, action, &given);
    rc = write_spec(a, err);
    if (action->kind)
        set_kind_argv(a);
    a->environment = environment_create(a);
    view_keep(a);
    return rc;
}

struct attempt_request attempt_request(const struct attempt *a) {
    static const struct isolation none; /* a sandbox has a view of its own */
    return (struct attempt_request){
        .program = a->instance->action->kind ? facts_stage_program(a->all->options.facts) : NULL,
        .argv = a->argv,
        .environment = a->environment,
        .directory = a->directory->stage,
        .checkpoint = a->checkpoint,
        .isolation = a->sandboxed ? none : a->isolation,
        .sandbox = a->sandbox,
        .logs = {{.path = a->directory->stdout_log, .kept = a->stdout_log},
                 {.path = a->directory->stderr_log, .kept = a->stderr_log}},
        .log_limit_bytes = (double)a->all->options.log_limit_bytes,
        .gpus = a->instance->decl->resources.gpus,
        .memory_bytes = (double)a->instance->decl->resources.memory_bytes,
        .account = {
            .path = a->account_path, .first_ms = FIRST_ACCOUNT_MS, .every_ms = ACCOUNT_MS, .record = a->account}};
}
