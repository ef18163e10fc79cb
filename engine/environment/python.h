/*
 * A Python as its files describe it. Nothing is run.
 *
 *   program -> prefix    the folder above bin/: with a pyvenv.cfg (venv), a conda-meta (conda), or of the real file
 *           -> version   of pyvenv.cfg or conda-meta, else of the file's name (python3.11)
 *           -> packages  the names of dist-info, egg-info and conda-meta entries
 *           -> paths     the places that .pth files and editable installs add to the module search path
 *
 * Reading costs one directory listing for each site-packages, a few small files, and no file of a package.
 */
#ifndef RETORT_ENGINE_ENVIRONMENT_PYTHON_H
#define RETORT_ENGINE_ENVIRONMENT_PYTHON_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* A place outside the prefix that modules are imported from. */
struct python_path {
    char *module; /* its name when it is imported; NULL: a folder of modules */
    char *path;   /* absolute */
};

/* A folder that packages are installed into. An installation changes it. */
struct python_site {
    char *path;
    struct timespec changed;
};

struct python {
    char *prefix;
    char *version;   /* "3.11.2"; "3.11" where no file says more; "": unknown */
    cJSON *packages; /* by name as in PEP 503: "1.26.4"; of conda with the build: "1.26.4 py311h64a7726_0" */
    struct python_path *paths;
    size_t path_count, path_capacity;
    struct python_site *sites;
    size_t site_count, site_capacity;
};

/* `program`: an absolute path. NULL: it is no Python, nor in the bin/ of a Python environment. Unreadable parts are
   left out. The caller frees with python_free. */
struct python *python_read(const char *program);
void python_free(struct python *p); /* NULL is fine */

/* False: packages may have been installed or removed since. */
bool python_is_current(const struct python *p);

/* python_paths.c: adds the places that a .pth file, or a finder that it imports, names. */
void python_read_pth(struct python *p, const char *site, const char *name);

#endif
