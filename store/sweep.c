/*
 * What dead engines left behind: work/<attempt>@<owner>, objects/tmp/<owner>.<number>, and of keys that are known since
 * their claims and checkpoints.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/internal.h"

/* An engine that cannot be seen from here is left alone: its own host sweeps. */
static bool is_dead(const struct store *s, const char *owner_text) {
    struct owner o;
    size_t used;
    return owner_parse(&o, owner_text, &used) && owner_state(&o, &s->owner) == OWNER_DEAD;
}

bool sweep_work_is_dead(const struct store *s, const char *name) {
    const char *at = strrchr(name, '@');
    return at && is_dead(s, at + 1);
}

bool sweep_temporary_is_dead(const struct store *s, const char *name) {
    return is_dead(s, name);
}

static void say_left(struct store *s, const struct error *why) {
    notice(s, "%s; it stays until somebody removes it who may", why->message);
}

int remove_once(struct store *s, const char *path, struct error *err) {
    char *name = mem_printf("removed-%u", atomic_fetch_add(&s->temporaries, 1));
    char *ours = store_work_path(s, name);
    struct error why = {0};
    int rc = 0;
    if (rename(path, ours) < 0) /* a directory that may not be written cannot leave its parent */
        rc = errno == ENOENT ? 0 : file_remove_tree(path, err);
    else if (file_remove_tree(ours, &why) < 0) /* another's folders: whose they are sweeps them */
        say_left(s, &why);
    free(ours);
    free(name);
    return rc;
}

void remove_left(struct store *s, const char *path) {
    struct error why = {0};
    if (remove_once(s, path, &why) < 0)
        say_left(s, &why);
}

static int sweep_folder(struct store *s, const char *folder,
                        bool (*owner_is_dead)(const struct store *s, const char *name), struct error *err) {
    char *path = layout_path(s, folder, "");
    struct folder entries;
    const char *name;
    int rc = folder_open(&entries, path, err);
    while (rc >= 0 && (rc = folder_next(&entries, &name, err)) > 0) {
        if (name[0] == '.' || !owner_is_dead(s, name))
            continue;
        char *entry = path_join(path, name);
        remove_left(s, entry);
        free(entry);
    }
    folder_close(&entries);
    free(path);
    return rc;
}

/* A checkpoint's name begins with its key; it is of the platform whose record made it needless. */
static int sweep_checkpoint(struct store *s, const char *name, struct error *err) {
    char hex[DIGEST_HEX_SIZE];
    struct digest key;
    cJSON *record = NULL;
    snprintf(hex, sizeof hex, "%.64s", name);
    if (!digest_parse(&key, hex) || claim_is_held(s, &key) || store_record_find(s, &key, NULL, &record, NULL) < 0)
        return 0;
    const char *platform = json_text(record, "platform", "");
    char *path = store_checkpoint_path(s, &key, platform);
    int rc = strcmp(path_base(path), name) == 0 ? store_checkpoint_remove(s, &key, platform, err) : 0;
    free(path);
    cJSON_Delete(record);
    return rc;
}

static int sweep_checkpoints(struct store *s, struct error *err) {
    char *path = layout_path(s, "checkpoints", "");
    struct folder checkpoints;
    const char *name;
    int rc = folder_open(&checkpoints, path, err);
    while (rc >= 0 && (rc = folder_next(&checkpoints, &name, err)) > 0)
        rc = sweep_checkpoint(s, name, err);
    folder_close(&checkpoints);
    free(path);
    return rc;
}

int store_sweep(struct store *s, struct error *err) {
    int rc = sweep_folder(s, "objects/tmp", sweep_temporary_is_dead, err);
    if (rc == 0)
        rc = sweep_folder(s, "work", sweep_work_is_dead, err);
    if (rc == 0)
        rc = claim_sweep(s, err);
    if (rc == 0)
        rc = lease_sweep(s, err);
    return rc < 0 ? rc : sweep_checkpoints(s, err);
}
