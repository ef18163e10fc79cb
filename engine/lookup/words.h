/* Checks the words of commands: programs that are not there, and files of the project that a stage does not see. */
#ifndef RETORT_ENGINE_LOOKUP_WORDS_H
#define RETORT_ENGINE_LOOKUP_WORDS_H

#include "engine/pipeline/pipeline.h"

/* The first word of a command; NULL where it has references, and for other stages. */
const char *words_program(const struct stage_decl *stage);

/* Whether the program of a command is on the PATH that the stage gets. True where only the attempt can tell: a path,
   a reference, a PATH of "env" or "pass_env". */
bool words_program_found(const struct stage_decl *stage);

/* Warns of programs that are not found, and of words that name a file beside the pipeline that is no input. Also warns
   of scripts that search upward for a project, where the machine and the user leave stages not `isolated`. */
void words_warn(const struct pipeline *p, bool isolated, struct diagnostics *diagnostics);

#endif
