/* Opens the index, and fills a damaged one anew from the segments. */
#include <stdlib.h>

#include "engine/base/file.h"
#include "store/internal.h"

int index_rebuild(struct store *s, const char *why, struct error *err) {
    int rc = index_reset(s, err);
    if (rc == 0)
        rc = tail_refresh(s, err);
    if (rc == 0)
        notice(s, "%s: rebuilt from the records; the old file is kept as state.db.damaged", why);
    return rc;
}

int index_retry(struct store *s, int (*operation)(struct store *s, void *context, struct error *err), void *context,
                struct error *err) {
    struct error first; /* not cleared: its 2 KiB would cost more than a look-up's own work */
    s->index.broken = false;
    int rc = operation(s, context, &first);
    if (rc < 0 && s->index.broken) {
        index_rollback(s);
        rc = index_rebuild(s, first.message, err);
        return rc < 0 ? rc : operation(s, context, err);
    }
    return rc < 0 ? error_set(err, rc, "%s", first.message) : 0;
}

static int begin_use(struct store *s, void *context, struct error *err) {
    (void)context;
    int rc = index_connect(s, err);
    if (rc == 0)
        rc = index_check_schema(s, err);
    return rc < 0 ? rc : tail_refresh(s, err);
}

int index_open(struct store *s, struct error *err) {
    s->index.path = layout_database(s->directory);
    bool missing = !file_exists(s->index.path);
    int rc = index_retry(s, begin_use, NULL, err);
    if (rc < 0 && read_only_since(s, rc)) {
        s->index.in_memory = true;
        rc = index_retry(s, begin_use, NULL, err);
    }
    struct texts names = {0};
    if (rc == 0 && missing && !s->index.in_memory && segment_names(s, &names, NULL) == 0 && names.count > 0)
        notice(s, "%s: was missing; rebuilt from the records", s->index.path);
    texts_close(&names);
    return rc;
}
