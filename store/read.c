/* The beginning and the end of a session. */
#include "store/internal.h"

void store_read_begin(struct store *s) {
    s->session.open = true;
}

int store_read_end(struct store *s, struct error *err) {
    struct session *x = &s->session;
    session_pause(s);
    int rc = x->rc < 0 ? error_set(err, x->rc, "%s", x->error.message) : 0;
    digest_set_close(&x->present);
    known_rows_close(&x->rows);
    file_rows_close(&x->files);
    *x = (struct session){0};
    return rc;
}
