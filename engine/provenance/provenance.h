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

#include "engine/base/buffer.h"
#include "engine/base/texts.h"

enum { PROVENANCE_DIFF_BYTES = 16 << 20 };

/* The parts of the answer that stand in no record. `{0}`: nothing. */
struct git_files {
    struct buffer diff; /* the patch; empty: the files are clean, or it is longer than PROVENANCE_DIFF_BYTES */
    char *folder;       /* of the working tree, absolute, without links; NULL: no names are known */
    struct texts names; /* of tracked files below it, also of those in submodules, sorted by bytes */
};

/*
 * The git repository that holds `path` (a directory, or a file in it):
 *
 *   {"commit", "branch", "describe", "remote", "dirty", "diff_sha256", "diff_bytes", "submodules"}
 *   commit        null before the first one
 *   branch        null when detached
 *   describe      the nearest tag, as `git describe --tags` says it; null: then "describe_unavailable" says why, unless
 *                 there is no commit
 *   remote        URL of origin, else of the first remote, without credentials
 *   dirty         tracked files differ from the commit, also in a submodule; untracked ones do not count
 *   diff_sha256   of the patch from the commit to the working tree; null when clean. `git apply` applies the patch to
 *                 a clone at this commit, with the submodules at theirs
 *   diff_bytes    its size; absent when clean
 *   submodules    of each {"path", "commit", "branch", "describe", "remote", "dirty"}, or {"path", "unavailable"};
 *                 absent where there is none
 *
 * If git gives no answer: {"unavailable": why}, also how to allow the repository of another user. Or the known members
 * and {"dirty": null, "dirty_unavailable": why}.
 * libgit2 is loaded and initialised here and shut down again, so that no other function pays for it.
 *
 * `files` (NULL: not wanted) begins as `{0}`; the caller closes it.
 */
cJSON *provenance_git(const char *path, struct git_files *files);
void git_files_close(struct git_files *files);

/* Whether git tracks a file at an absolute path, or one in a folder there. False where no names are known. */
bool git_tracks(const struct git_files *files, const char *path);

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
