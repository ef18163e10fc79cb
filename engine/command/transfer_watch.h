/* Shows the progress of a bundle that is written or read, and stops it on Ctrl-C. */
#ifndef RETORT_ENGINE_COMMAND_TRANSFER_WATCH_H
#define RETORT_ENGINE_COMMAND_TRANSFER_WATCH_H

#include "engine/bundle/bundle.h"

/* From now on SIGINT and SIGTERM stop the transfer, and a line tells its progress every two seconds. `verb`: "written". */
struct bundle_watch transfer_watch(const char *verb);

#endif
