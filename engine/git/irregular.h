/* libgit2 waits for ever where a named pipe or a device stands in the place of one of its files. */
#ifndef RETORT_ENGINE_GIT_IRREGULAR_H
#define RETORT_ENGINE_GIT_IRREGULAR_H

/* The path of the first such file of a repository, which is a folder with ".git", or a bare one. NULL: there is none. The
   caller frees. */
char *git_irregular_file(const char *folder);

#endif
