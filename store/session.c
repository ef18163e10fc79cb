/* Sessions of many look-ups, which take the locks once for hundreds of look-ups. */
#include "engine/base/clock.h"
#include "store/internal.h"

enum { LOOK_UPS = 1024, CLOCK_EVERY = 64, MOST_PRESENT = 1 << 16 };
#define HELD_NS UINT64_C(20000000)

/* The first error is kept for store_read_end. */
void session_pause(struct store *s) {
    struct session *x = &s->session;
    if (!x->held)
        return;
    index_read_end(s);
    int rc = lease_batch_end(s, x->rc == 0 ? &x->error : NULL);
    x->rc = x->rc == 0 ? rc : x->rc;
    x->held = false;
}

static bool is_held_long(const struct session *x) {
    return clock_monotonic_ns() - x->since_ns > HELD_NS;
}

static bool is_due(struct session *x) {
    return ++x->count == LOOK_UPS || (x->count % CLOCK_EVERY == 0 && is_held_long(x));
}

void session_pause_if_long(struct store *s) {
    if (s->session.held && is_held_long(&s->session))
        session_pause(s);
}

void store_read_tick(struct store *s) {
    if (s->session.held && is_due(&s->session))
        session_pause(s);
}

int session_enter(struct store *s, struct error *err) {
    struct session *x = &s->session;
    store_read_tick(s);
    if (x->rc < 0)
        return error_set(err, x->rc, "%s", x->error.message);
    if (!x->open)
        return 0;
    if (!x->held) {
        int rc = lease_batch_begin(s, err); /* before the index's lock, in gc's order */
        if (rc < 0)
            return rc;
        x->held = true;
        x->count = 0;
        x->since_ns = clock_monotonic_ns();
    }
    index_read_begin(s);
    return 0;
}

bool session_has_seen(const struct store *s, const struct digest *d) {
    return s->session.open && digest_set_has(&s->session.present, d);
}

void session_see(struct store *s, const struct digest *d) {
    struct session *x = &s->session;
    if (!x->open)
        return;
    if (x->present.count == MOST_PRESENT)
        digest_set_close(&x->present);
    digest_set_add(&x->present, d);
}
