/*
 * A file of the project, or a directory, as a stage is given it; and a pinned program. Anybody may write to either at any
 * time, and what the stage reads is to be the bytes that its key names: also where these were there before and after, and
 * others in between.
 *
 *   given_inspect  --main thread, before--> its stamp; what is at rest holds the bytes of the key
 *   given_copy  --worker--> a copy: its stamp is still the same, or the copy is hashed
 *   given_check --main thread, after--> what was read in place: its stamp is still the same; what was copied: its bytes
 */
#ifndef RETORT_ENGINE_ATTEMPT_GIVEN_H
#define RETORT_ENGINE_ATTEMPT_GIVEN_H

#include "engine/attempt/stamp.h"
#include "engine/plan/action.h"

struct facts;

struct given_file {
    const struct action_item *item; /* with a path; the action's */
    struct sight sight;             /* when it was looked at; a kind reads it in place if it was at rest */
};

/* Before given_copy, or before the stage that reads in place. `way` serves all files of an attempt. ERR_FAILED: it is not what the key says; ERR_IO. */
int given_inspect(struct given_file *out, const struct action_item *item, struct facts *facts, struct way *way,
                  struct error *err);

/* Copies it to a path that is not there yet; on any thread. ERR_FAILED: what arrived is not what the key says; ERR_IO. */
int given_copy(const struct given_file *g, const char *to, struct error *err);

/* After the stage; `when` is for the message. ERR_FAILED: what was read `in_place` was written to, or what was copied is not
   what the key says any more; ERR_IO. */
int given_check(const struct given_file *g, bool in_place, struct facts *facts, struct way *way, const char *when,
                struct error *err);

/* A program that the key holds (pin). Where it stands the stage finds by itself. */
struct given_program {
    const struct action_pin *pin; /* the action's */
    struct digest stamp;          /* before the stage */
};

/* Before the stage, and after it; `when` is for the message. ERR_FAILED: it is not what the key says, or was written to;
   ERR_IO. */
int given_look_program(struct given_program *out, const struct action_pin *pin, struct facts *facts, struct error *err);
int given_check_program(const struct given_program *g, struct facts *facts, const char *when, struct error *err);

#endif
