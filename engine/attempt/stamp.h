/* Stamps show whether files were touched: a digest over the system's facts about them, without reading them. */
#ifndef RETORT_ENGINE_ATTEMPT_STAMP_H
#define RETORT_ENGINE_ATTEMPT_STAMP_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/sha256.h"

/* Stamps names, sizes, inodes and modification times of a file, or of all files in a directory; returns their
   number. A missing path has the stamp of no files. Links are not followed. A new hard link to a file does not
   change its stamp. */
size_t stamp_read(struct digest *out, const char *path);

/* Stamps a copy that a stage reads: of its files also devices and change times. Skips the names of folder_skips_name,
   which are no part of an input. */
void stamp_copy(struct digest *out, const char *path);

/* A stamp that shows every write to the files, even if the old bytes were restored. */
struct sight {
    struct digest stamp;
    bool at_rest; /* any later change has other times, so an equal stamp means equal content */
};

/* The links on the way to a folder, as last inspected: all files of one folder share them. All zeros: nothing was
   inspected yet. */
struct way {
    char *folder;
    struct digest stamp;
    bool at_rest; /* as in struct sight */
};
void way_close(struct way *w); /* frees the folder's name */

/* Skips the names of folder_skips_name. Stamps the file or directory at a path, links followed also inside, with the
   links on the way, its folders, devices and change times. Nobody can set a change time. Not seen are a write to mapped memory on
   tmpfs, which sets no time, and a folder above that was renamed and renamed back. The links on the way to the folder
   are as when `way` read them. */
void sight_read(struct sight *out, const char *path, struct way *way);

#endif
