/*
 * The inputs of an attempt: objects of the store and files of the project, as the stage gets them. A kind reads them in
 * place. A command, and every stage with a directory object, gets them in its directory. No stage may change one: in an
 * isolated directory they are mounted read-only, elsewhere their stamps are compared.
 */
#ifndef RETORT_ENGINE_ATTEMPT_INPUTS_H
#define RETORT_ENGINE_ATTEMPT_INPUTS_H

#include "engine/attempt/given.h"
#include "store/store.h"

struct attempt;

/* An input that the stage might change. */
struct watched_input {
    const char *input; /* its name */
    char *path;
    bool copy;            /* of a file of the project, or that file; else a hard link to an object, or its place */
    struct object object; /* none of a copy */
    struct digest stamp;  /* of the file at `path`, when it was given */
};

struct attempt_inputs {
    struct watched_input *watched;
    size_t watched_count, watched_capacity;
    struct given_file *files;       /* one an item of the action's inputs, in their order; empty for an object */
    struct given_program *programs; /* the action's pins */
};

/* Makes room for the action's inputs and pins; inputs_close frees it. */
void inputs_init(struct attempt_inputs *out, const struct action *action);
void inputs_close(struct attempt_inputs *inputs);

/* Before the stage, on the main thread: whether the project's files and pinned programs are what the key says.
   ERR_FAILED names one that is not; ERR_IO. */
int inputs_check_before(struct attempt *a, struct error *err);

/* Call after the stage, on the main thread. Finds a file of the project, or a pinned program, that differs from the
   key or may have differed meanwhile. `when` it changed is for the message. ERR_FAILED; ERR_IO. */
int inputs_check_after(const struct attempt *a, const char *when, struct error *err);

/* Puts the inputs into the stage's directory. ERR_IO, ERR_FAILED, ERR_NOT_FOUND, ERR_CORRUPT, ERR_INVALID as for
   attempt_start. */
int inputs_give(struct attempt *a, struct error *err);

/* Puts an item at another path of the stage's directory, which does not exist. It has the bytes of the key, whatever the stage
   did to those that it got. Fails as inputs_give does. Any thread. */
int inputs_give_again(struct attempt *a, const struct action_input *input, size_t index, const char *relative,
                      struct error *err);

/* After the stage: whether it changed an input. A damaged object is set aside. ERR_FAILED; ERR_IO. */
int inputs_check_watched(struct attempt *a, struct error *err);

/* For a directory that is kept: takes out the inputs that it shares with the store or the project, which must
   not be changed there. Names them in inputs.txt beside the spec. ERR_IO. */
int inputs_leave(const struct attempt *a, struct error *err);

/* Appends where the stage finds an item: an action_item_path with an attempt as its context. */
void inputs_item_path(void *context, const struct action_input *input, size_t index, struct buffer *path);

/* The paths, cpus and checkpoint of the stage. It borrows from the attempt. */
struct action_given inputs_given(struct attempt *a);

#endif
