/* The project as an isolated command sees it: kept folders, and inputs by read-only bind. */
#ifndef RETORT_ENGINE_ATTEMPT_VIEW_H
#define RETORT_ENGINE_ATTEMPT_VIEW_H

#include <stdbool.h>

#include "engine/base/error.h"

struct attempt;
struct attempts;
struct action_item;

/* Decides whether the attempt is isolated. The machine is asked once for all attempts. */
void view_choose(struct attempt *a);

/* Whether the command reads the file or folder of the project itself: by bind if it is isolated, else by link. It is
   large, or the user wants it. A folder with entries that are no part of an input is copied. */
bool view_is_in_place(const struct attempt *a, const struct action_item *item);

/* Makes the link, or a place for the bind, at a path that does not exist yet, and notes it. ERR_IO. */
int view_give(struct attempt *a, const struct action_item *item, const char *place, struct error *err);

/* Notes that what stands at a place in the command's directory is read-only. */
void view_seal(struct attempt *a, const char *place);

/* Notes the paths that stay visible, once argv and environment are known: the command's directory and checkpoint.
   Programs of the project stay too, if its PATH or argv[0] names them. */
void view_keep(struct attempt *a);

void view_close(struct attempt *a);

#endif
