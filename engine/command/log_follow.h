/* The output of a running stage, as it grows. */
#ifndef RETORT_ENGINE_COMMAND_LOG_FOLLOW_H
#define RETORT_ENGINE_COMMAND_LOG_FOLLOW_H

#include "engine/base/buffer.h"
#include "engine/command/project.h"

/* Prints what the running attempt at an instance's key writes, then that of further attempts of the same run. Returns
   when the stage has ended. ERR_NOT_FOUND: nothing runs. ERR_IO. */
int log_follow(const struct project *p, const struct instance *i, struct error *err);

/* In log.c. Prints a piece of a log. A terminal is shown no bytes that it would obey; a file or program gets all as they
   are. `rest`: what the piece before left of a character; log_end_pieces prints and closes it. */
void log_print_piece(struct buffer *rest, const char *piece, size_t size);
void log_end_pieces(struct buffer *rest);

#endif
