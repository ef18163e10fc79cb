/* Removes files and trees that several engines may remove at once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/internal.h"

static void say_left(struct store *s, const struct error *why) {
    notice(s, "%s; it stays until a user with the permission removes it", why->message);
}

int remove_once(struct store *s, const char *path, struct error *err) {
    char *name = mem_printf("removed-%u", atomic_fetch_add(&s->temporaries, 1));
    char *ours = store_work_path(s, name);
    struct error why = {0};
    int rc = 0;
    if (rename(path, ours) < 0) /* a read-only directory cannot leave its parent */
        rc = errno == ENOENT ? 0 : file_remove_tree(path, err);
    else if (file_remove_tree(ours, &why) < 0) /* folders of another user, who sweeps them */
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
