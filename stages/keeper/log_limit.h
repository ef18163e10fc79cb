/* A log that is too long: its first and its last half stay. Best effort: a log that cannot be changed stays long. */
#ifndef RETORT_STAGES_KEEPER_LOG_LIMIT_H
#define RETORT_STAGES_KEEPER_LOG_LIMIT_H

/* Gives the disk of the middle back, while processes append to the log. File systems that know no holes keep it. */
void log_free_middle(int fd, double limit_bytes);

/* Puts a line in the place of the middle, which says how much is left out. Nobody writes any more. */
void log_shorten(int fd, double limit_bytes);

#endif
