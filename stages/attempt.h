/*
 * The keeper: runs one attempt of one stage, a command or a built-in kind, and leaves nothing of it behind.
 *
 *   engine --posix_spawn, own session--> keeper --fork, own process group--> leader --> whatever it starts
 *          --lifeline pipe------------->   |  subreaper: what the leader orphans becomes the keeper's child
 *          --SIGTERM, SIGQUIT---------->   |
 *          <--result file, exit 0-------   v
 *
 * - The leader's exit ends the attempt: what is left of it may leave by itself within a second, then it is killed.
 * - SIGTERM is passed on to the leader's process group; SIGQUIT kills the whole attempt. Both are reported as usual. When to send
 *   them is the engine's decision.
 * - End of file on the lifeline means that the engine is dead, however it died: everything is killed at once.
 * - The keeper's own death kills the leader (parent-death signal); what the leader orphaned falls to the engine.
 *
 * The attempt file is written by the engine (engine/attempt/attempt.h):
 *
 *   { "retort_attempt": 1, "argv": [...] | "kind": "name@version", "directory": "/abs/...", "path": "/usr/bin:/bin",
 *     "env": {"NAME": "value"}, "pass_env": ["NAME"], "spec": "/abs/spec.json", "checkpoint": "/abs/..." or absent, "cpus": 1, "gpus": 0,
 *     "stdout": "/abs/...", "stderr": "/abs/...", "result": "/abs/result.json", "events_fd": 3, "lifeline_fd": 4,
 *     "account": {"path": "/abs/...json", "every_ms": 10000, "record": {...}} or absent }
 *
 * `events_fd` and `lifeline_fd` are descriptors that the keeper inherited; either may be absent. The result file:
 *
 *   { "retort_result": 1, "exit": 0 | null, "signal": 15 | null, "error": "why it could not start" | null,
 *     "survivors": 0, "start": "2026-...Z", "end": "...", "wall_s", "user_s", "system_s", "max_rss_bytes",
 *     "read_bytes", "written_bytes", "energy": {...} }
 *
 * The account is what the result would be for an engine that was killed: `record` with "state", "wall_s", "energy",
 * "resources" and "provenance". It is written every so many milliseconds ("running"), when the engine is gone ("cut"), and beside
 * the result of a stage that has a checkpoint ("ended").
 */
#ifndef RETORT_STAGES_ATTEMPT_H
#define RETORT_STAGES_ATTEMPT_H

#include "engine/base/error.h"

/* Runs the attempt that `file` describes; returns when it and all its processes are gone and its result is written.
   ERR_IO, ERR_INVALID or ERR_NOT_FOUND: the attempt file, a log or the result could not be used. ERR_INTERRUPTED: the engine is
   gone; there is an account, and no result. */
int attempt_run(const char *file, struct error *err);

#endif
