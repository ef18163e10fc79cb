/* A log that is too long: its first and its last half stay. Best effort: a log that cannot be changed stays long. */
#ifndef RETORT_STAGES_KEEPER_LOG_LIMIT_H
#define RETORT_STAGES_KEEPER_LOG_LIMIT_H

#include "stages/protocol/attempt.h"

/* Gives the disk of the middle back, while processes append to the log. File systems that know no holes keep it. */
void log_free_middle(int fd, const struct attempt_log *log, double limit_bytes);

/* Puts a shorter file in the place of the log, with attempt_log_gap for the middle. Nobody writes any more. A program
   that follows the log has the whole of it open still. */
void log_shorten(int fd, const struct attempt_log *log, double limit_bytes);

#endif
