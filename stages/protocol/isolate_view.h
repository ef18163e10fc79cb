/*
 * Views of the file system (isolate.h) that serve one command after another.
 *
 *   isolation_view_for       finds the view that fits, or makes its namespaces in a process of its own
 *   isolation_join           puts a new process into them, and makes its inputs read-only
 *   isolation_views_release  the command has ended
 *
 * A copy that stands in its place is made read-only once. It stays so under another name, until somebody outside of the
 * view removes it: then the kernel removes the mount too.
 */
#ifndef RETORT_STAGES_PROTOCOL_ISOLATE_VIEW_H
#define RETORT_STAGES_PROTOCOL_ISOLATE_VIEW_H

#include "stages/protocol/isolate.h"

enum { ISOLATION_VIEWS = 16 }; /* directories that the attempts of one engine with a few processors work in */

/* The last used one is the first. */
struct isolation_views {
    struct isolation_view *items[ISOLATION_VIEWS];
    size_t count;
};

/* `*out` covers and keeps the same paths, and has no read-only folder that the request does not have. It lives until the
   next call. 0, or an errno, and what failed. */
int isolation_view_for(struct isolation_view **out, struct isolation_views *known, const struct isolation *x,
                       const char **what);

/* In a new process, which may share its parent's memory: only system calls. 0, or an errno, and what failed. */
int isolation_join(const struct isolation_view *view, const struct isolation *x, const char **what);

/* Closes the last one if it holds files of the project: it serves no other command. */
void isolation_views_release(struct isolation_views *known);
void isolation_views_close(struct isolation_views *known);

#endif
