/* What dead engines left behind: work/<attempt>@<owner> and objects/tmp/<owner>.<number>. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/internal.h"

/* An engine that cannot be seen from here is left alone: its own host sweeps. */
static bool is_dead(const struct store *s, const char *owner_text) {
    struct owner o;
    size_t used;
    return owner_parse(&o, owner_text, &used) && owner_state(&o, &s->owner) == OWNER_DEAD;
}

static const char *owner_of_work(const char *name) {
    const char *at = strrchr(name, '@');
    return at ? at + 1 : "";
}

static const char *owner_of_temporary(const char *name) {
    return name;
}

static int sweep_folder(struct store *s, const char *folder, const char *(*owner_of)(const char *name), struct error *err) {
    char *path = layout_path(s, folder, "");
    DIR *entries = opendir(path);
    int rc = entries ? 0 : error_errno(err, errno, "%s: cannot be opened", path);
    for (struct dirent *e; rc == 0 && entries && (e = readdir(entries));) {
        if (e->d_name[0] == '.' || !is_dead(s, owner_of(e->d_name)))
            continue;
        char *entry = path_join(path, e->d_name);
        rc = file_remove_tree(entry, err);
        free(entry);
    }
    if (entries)
        closedir(entries);
    free(path);
    return rc;
}

int store_sweep(struct store *s, struct error *err) {
    int rc = sweep_folder(s, "objects/tmp", owner_of_temporary, err);
    return rc < 0 ? rc : sweep_folder(s, "work", owner_of_work, err);
}
