/*
 * Removes files of dead engines: work/<attempt>@<owner>, objects/tmp/<owner>.<number>, and claims and checkpoints of
 * keys that are known by now.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
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

static int sweep_temporary(void *context, const char *path, const char *name, struct error *err) {
    (void)err;
    if (name[0] != '.' && sweep_temporary_is_dead(context, name))
        remove_left(context, path);
    return 0;
}

static int sweep_work(void *context, const char *path, const char *name, struct error *err) {
    (void)err;
    if (name[0] != '.' && sweep_work_is_dead(context, name))
        remove_left(context, path);
    return 0;
}

/* The record of a finished key; NULL when there is none, or an engine works on the key. The caller deletes. */
static cJSON *find_done(struct store *s, const struct digest *key) {
    cJSON *record = NULL;
    return claim_is_held(s, key) || store_record_find(s, key, NULL, &record, NULL) < 0 ? NULL : record;
}

static int sweep_claim(void *context, const char *path, const char *name, struct error *err) {
    struct store *s = context;
    struct digest key;
    cJSON *record = digest_parse(&key, name) ? find_done(s, &key) : NULL;
    int rc = record ? claim_remove_dead(s, &key, err) : 0;
    (void)path;
    cJSON_Delete(record);
    return rc;
}

/* A checkpoint's name begins with its key. Only the one for the platform of the record is removed. */
static int sweep_checkpoint(void *context, const char *path, const char *name, struct error *err) {
    struct store *s = context;
    char hex[DIGEST_HEX_SIZE];
    struct digest key;
    (void)path;
    snprintf(hex, sizeof hex, "%.64s", name);
    cJSON *record = digest_parse(&key, hex) ? find_done(s, &key) : NULL;
    int rc = record ? store_checkpoint_remove(s, &key, record_read(record).platform, err) : 0;
    cJSON_Delete(record);
    return rc;
}

int store_sweep(struct store *s, struct error *err) {
    if (s->read_only)
        return 0;
    int rc = layout_each(s, "objects/tmp", sweep_temporary, s, err);
    if (rc == 0)
        rc = layout_each(s, "work", sweep_work, s, err);
    if (rc == 0)
        rc = layout_each(s, "claims", sweep_claim, s, err);
    if (rc == 0)
        rc = lease_sweep(s, err);
    return rc < 0 ? rc : layout_each(s, "checkpoints", sweep_checkpoint, s, err);
}
