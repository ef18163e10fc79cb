/* Other teams' content and the user's yes to it. */
#ifndef RETORT_ENGINE_COMMAND_TRUSTED_H
#define RETORT_ENGINE_COMMAND_TRUSTED_H

#include "engine/command/project.h"

/* For commands that execute stages: call it before the first one. If a target is a foreign stage, or needs one, the
   user has to have allowed the closure (engine/trust). A terminal shows the stages and asks. Without a terminal, or for
   any other answer than yes: ERR_USAGE, with the command that allows it. */
int trusted_require(const struct project *p, bool all_targets, struct error *err);

/* The digest of the foreign content, and a description of it (engine/trust), which the caller deletes in any case. */
int trusted_describe(cJSON **out, struct digest *closure, const struct project *p, struct error *err);

/* Whether somebody is there to be asked; shows what would run, and asks. True: the answer is yes. */
bool trusted_can_ask(void);
bool trusted_ask(const cJSON *description);

#endif
