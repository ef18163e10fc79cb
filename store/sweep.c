/*
 * Removes files of dead engines: work/<attempt>@<owner>, objects/tmp/<owner>.<number>, and claims and checkpoints of
 * keys that are known by now.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "store/internal.h"
#include "store/record_format.h"

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

/* The record of a finished key; NULL when there is none, or an engine works on the key. The caller deletes. */
static cJSON *find_done(struct store *s, const struct digest *key) {
    cJSON *record = NULL;
    return claim_is_held(s, key) || store_record_find(s, key, NULL, &record, NULL) < 0 ? NULL : record;
}

static int sweep_claim(struct store *s, const char *name, struct error *err) {
    struct digest key;
    cJSON *record = digest_parse(&key, name) ? find_done(s, &key) : NULL;
    int rc = record ? claim_remove_dead(s, &key, err) : 0;
    cJSON_Delete(record);
    return rc;
}

/* A checkpoint's name begins with its key. It is removed only for the platform of the record. */
static int sweep_checkpoint(struct store *s, const char *name, struct error *err) {
    char hex[DIGEST_HEX_SIZE];
    struct digest key;
    int rc = 0;
    snprintf(hex, sizeof hex, "%.64s", name);
    cJSON *record = digest_parse(&key, hex) ? find_done(s, &key) : NULL;
    if (!record)
        return 0;
    const char *platform = record_read(record).platform;
    char *path = store_checkpoint_path(s, &key, platform);
    if (strcmp(path_base(path), name) == 0)
        rc = store_checkpoint_remove(s, &key, platform, err);
    free(path);
    cJSON_Delete(record);
    return rc;
}

static int sweep_keys(struct store *s, const char *folder,
                      int (*sweep)(struct store *s, const char *name, struct error *err), struct error *err) {
    char *path = layout_path(s, folder, "");
    struct folder entries;
    const char *name;
    int rc = folder_open(&entries, path, err);
    while (rc >= 0 && (rc = folder_next(&entries, &name, err)) > 0)
        rc = sweep(s, name, err);
    folder_close(&entries);
    free(path);
    return rc;
}

int store_sweep(struct store *s, struct error *err) {
    if (s->read_only)
        return 0;
    int rc = sweep_folder(s, "objects/tmp", sweep_temporary_is_dead, err);
    if (rc == 0)
        rc = sweep_folder(s, "work", sweep_work_is_dead, err);
    if (rc == 0)
        rc = sweep_keys(s, "claims", sweep_claim, err);
    if (rc == 0)
        rc = lease_sweep(s, err);
    return rc < 0 ? rc : sweep_keys(s, "checkpoints", sweep_checkpoint, err);
}
