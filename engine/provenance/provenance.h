/*
 * Where a result came from: the source's git state, the host, the programs' versions. Provenance never stops a run:
 * what cannot be found out is null, or "unavailable" with the reason.
 *
 * Each function returns a JSON object for a record; the caller frees it with cJSON_Delete.
 */
#ifndef RETORT_ENGINE_PROVENANCE_PROVENANCE_H
#define RETORT_ENGINE_PROVENANCE_PROVENANCE_H

#include <cJSON.h>

/*
 * The git repository that holds `path` (a directory, or a file in it):
 *   {"commit", "branch", "remote", "dirty", "diff_sha256"}
 * commit null before the first one; branch null when detached; remote: origin's URL, else the first remote's, without
 * credentials; dirty: tracked files differ from the commit (untracked ones are inputs or nothing); diff_sha256: of
 * the patch from the commit to the working tree, null when clean. Where git cannot tell:
 *   {"unavailable": why}, or with what could be told and {"dirty": null, "dirty_unavailable": why}.
 * libgit2 is initialised here and shut down again: nothing else pays for it.
 */
cJSON *provenance_git(const char *path);

/*
 * The host, read below `root` ("/" but for tests), null for what is not there:
 *   {"hostname", "kernel", "machine", "cpu", "microcode", "logical_cpus", "governor", "memory_bytes", "boot_id"}
 */
cJSON *provenance_host(const char *root);

/* {"retort", "libuv", "libgit2", "libcrypto", "cjson", "glibc"}: versions that this program runs with. */
cJSON *provenance_versions(void);

/* A remote's URL without user, password, query and fragment; what is no URL (a path, host:path) as it is. The caller
   frees. */
char *provenance_public_url(const char *url);

#endif
