/*
 * The origin of a result: the source's git state, the host, the programs' versions. Provenance never stops a run: an
 * unknown fact is null, or "unavailable" with the reason.
 *
 * Each function returns a JSON object for a record; the caller frees it with cJSON_Delete.
 */
#ifndef RETORT_ENGINE_PROVENANCE_PROVENANCE_H
#define RETORT_ENGINE_PROVENANCE_PROVENANCE_H

#include <cJSON.h>
#include <stdbool.h>

/*
 * The git repository that holds `path` (a directory, or a file in it):
 *
 *   {"commit", "branch", "remote", "dirty", "diff_sha256"}
 *   commit        null before the first one
 *   branch        null when detached
 *   remote        URL of origin, else of the first remote, without credentials
 *   dirty         tracked files differ from the commit; untracked ones do not count
 *   diff_sha256   of the patch from the commit to the working tree; null when clean
 *
 * If git gives no answer: {"unavailable": why}, also how to allow the repository of another user. Or the known members
 * and {"dirty": null, "dirty_unavailable": why}.
 * libgit2 is loaded and initialised here and shut down again, so that no other function pays for it.
 */
cJSON *provenance_git(const char *path);

/*
 * The host, read below `root` ("/", except in tests); unknown facts are null:
 *
 *   {"hostname", "kernel", "machine", "cpu", "microcode", "logical_cpus", "governor", "memory_bytes", "boot_id"}
 */
cJSON *provenance_host(const char *root);

/* {"retort", "libuv", "libgit2", "libcrypto", "cjson", "glibc"}: the versions in this program. That of libgit2 is null
   unless `git`: loading it only for this takes longer than a short stage. */
cJSON *provenance_versions(bool git);

/* A remote's URL without user, password, query and fragment. A path or host:path, which is no URL, is copied
   unchanged. The caller frees. */
char *provenance_public_url(const char *url);

#endif
