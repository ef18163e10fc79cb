/*
 * libgit2, loaded by the first function that needs it. Linked to the program, it and the libraries behind it would cost
 * every start three milliseconds.
 */
#ifndef RETORT_GIT_LIBGIT_H
#define RETORT_GIT_LIBGIT_H

#include <git2.h>
#include <git2/sys/repository.h>
#include <git2/sys/stream.h>

#include "engine/base/error.h"

/* The functions that this program calls, without their "git_". */
#define LIBGIT_FUNCTIONS(F)                                                                                            \
    F(blob_free)                                                                                                       \
    F(blob_lookup)                                                                                                     \
    F(blob_rawcontent)                                                                                                 \
    F(blob_rawsize)                                                                                                    \
    F(buf_dispose)                                                                                                     \
    F(commit_free)                                                                                                     \
    F(commit_lookup)                                                                                                   \
    F(commit_tree_id)                                                                                                  \
    F(config_free)                                                                                                     \
    F(config_get_string)                                                                                               \
    F(config_iterator_free)                                                                                            \
    F(config_iterator_new)                                                                                             \
    F(config_new)                                                                                                      \
    F(config_next)                                                                                                     \
    F(config_open_default)                                                                                             \
    F(config_snapshot)                                                                                                 \
    F(describe_commit)                                                                                                 \
    F(describe_format)                                                                                                 \
    F(describe_format_options_init)                                                                                    \
    F(describe_options_init)                                                                                           \
    F(describe_result_free)                                                                                            \
    F(diff_free)                                                                                                       \
    F(diff_num_deltas)                                                                                                 \
    F(diff_options_init)                                                                                               \
    F(diff_print)                                                                                                      \
    F(diff_tree_to_workdir_with_index)                                                                                 \
    F(error_last)                                                                                                      \
    F(error_set_oom)                                                                                                   \
    F(error_set_str)                                                                                                   \
    F(fetch_options_init)                                                                                              \
    F(ignore_add_rule)                                                                                                 \
    F(ignore_path_is_ignored)                                                                                          \
    F(index_entrycount)                                                                                                \
    F(index_free)                                                                                                      \
    F(index_get_byindex)                                                                                               \
    F(libgit2_init)                                                                                                    \
    F(libgit2_opts)                                                                                                    \
    F(libgit2_shutdown)                                                                                                \
    F(libgit2_version)                                                                                                 \
    F(object_free)                                                                                                     \
    F(object_id)                                                                                                       \
    F(object_peel)                                                                                                     \
    F(odb_exists)                                                                                                      \
    F(odb_free)                                                                                                        \
    F(odb_read_header)                                                                                                 \
    F(oid_fromstr)                                                                                                     \
    F(oid_tostr)                                                                                                       \
    F(reference_free)                                                                                                  \
    F(reference_lookup)                                                                                                \
    F(reference_symbolic_target)                                                                                       \
    F(reference_type)                                                                                                  \
    F(remote_connect_ext)                                                                                              \
    F(remote_connect_options_init)                                                                                     \
    F(remote_create_anonymous)                                                                                         \
    F(remote_download)                                                                                                 \
    F(remote_free)                                                                                                     \
    F(remote_ls)                                                                                                       \
    F(repository_config_snapshot)                                                                                      \
    F(repository_discover)                                                                                             \
    F(repository_free)                                                                                                 \
    F(repository_index)                                                                                                \
    F(repository_init_ext)                                                                                             \
    F(repository_init_options_init)                                                                                    \
    F(repository_is_bare)                                                                                              \
    F(repository_is_shallow)                                                                                           \
    F(repository_new)                                                                                                  \
    F(repository_odb)                                                                                                  \
    F(repository_open_bare)                                                                                            \
    F(repository_open_ext)                                                                                             \
    F(repository_set_config)                                                                                           \
    F(repository_workdir)                                                                                              \
    F(revparse_single)                                                                                                 \
    F(stream_register)                                                                                                 \
    F(tree_entry_byindex)                                                                                              \
    F(tree_entry_byname)                                                                                               \
    F(tree_entry_filemode)                                                                                             \
    F(tree_entry_id)                                                                                                   \
    F(tree_entry_name)                                                                                                 \
    F(tree_entrycount)                                                                                                 \
    F(tree_free)                                                                                                       \
    F(tree_id)                                                                                                         \
    F(tree_lookup)

#define LIBGIT_MEMBER(name) __typeof__(git_##name) *(name);
struct libgit {
    LIBGIT_FUNCTIONS(LIBGIT_MEMBER)
};

/* Call libgit_load before the first use; any thread may. */
extern struct libgit libgit;

/* ERR_NOT_FOUND: the library is not installed, or lacks a function. Repeated calls do nothing. */
int libgit_load(struct error *err);

/* Why the last call of this thread failed. Valid until its next call. */
const char *libgit_reason(void);

#endif
