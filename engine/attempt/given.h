/*
 * A file or directory of the project that a stage gets, or a pinned program. Anybody may write to it at any time. The
 * stage must read the bytes that its key names, also if these were there before and after it, and others in between.
 *
 *   given_inspect    --main thread, before--> its stamp; a file at rest holds the bytes of the key
 *   given_copy       --worker--> a copy
 *   given_check_copy --worker--> the stamp is unchanged since it was inspected, or the copy is hashed
 *   given_check      --main thread, after--> read in place: the stamp is unchanged; copied: the bytes are unchanged
 */
#ifndef RETORT_ENGINE_ATTEMPT_GIVEN_H
#define RETORT_ENGINE_ATTEMPT_GIVEN_H

#include "engine/attempt/directory.h"
#include "engine/attempt/stamp.h"
#include "engine/base/folder.h"
#include "engine/plan/action.h"

struct facts;

struct given_file {
    const struct action_item *item; /* with a path; the action's */
    struct sight sight;             /* when it was inspected; a kind reads it in place if it was at rest */
    bool in_place;                  /* a command reads the file itself, through a bind or a link */
};

/* Call before given_copy, or before a stage that reads in place. `way` serves all files of an attempt. ERR_FAILED:
   the file is not the one that the key names; ERR_IO. */
int given_inspect(struct given_file *out, const struct action_item *item, struct facts *facts, struct way *way,
                  struct error *err);

/* Copies the file into the attempt's directory, to a path relative to the stage's, where nothing is yet; of a folder
   what `filter` leaves. Any thread. ERR_FAILED: it cannot be copied as the key names it; ERR_IO. */
int given_copy(const struct given_file *g, struct attempt_directory *d, const char *to,
               const struct folder_filter *filter, struct error *err);

/* Call after the copy, before the stage. A `way` that came to its folder after all copies serves all of them. Any thread.
   ERR_FAILED: the copy is not the file that the key names; ERR_IO. */
int given_check_copy(const struct given_file *g, const struct attempt_directory *d, const char *to, struct way *way,
                     struct error *err);

/* Call after the stage; `when` is for the message. ERR_FAILED: a file read `in_place` was written to, or a copied
   one is not the file that the key names any more; ERR_IO. */
int given_check(const struct given_file *g, bool in_place, struct facts *facts, struct way *way, const char *when,
                struct error *err);

/* A program that the key holds (pin). The stage itself finds it on the PATH. */
struct given_program {
    const struct action_pin *pin; /* the action's */
    struct digest stamp;          /* before the stage */
};

/* Call before the stage, and after it; `when` is for the message. ERR_FAILED: the program is not the one that the
   key names, or was written to; ERR_IO. */
int given_look_program(struct given_program *out, const struct action_pin *pin, struct facts *facts, struct error *err);
int given_check_program(const struct given_program *g, struct facts *facts, const char *when, struct error *err);

#endif
