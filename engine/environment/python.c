#include "engine/environment/python.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"

enum { CONFIG_LIMIT = 1 << 16 };

static bool has_prefix(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool has_suffix(const char *text, const char *suffix) {
    size_t length = strlen(text), tail = strlen(suffix);
    return length > tail && strcmp(text + length - tail, suffix) == 0;
}

/* ---- packages ---- */

/* PEP 503: lower case, runs of "-", "_" and "." as one "-". The caller frees. */
static char *normal_name(const char *name, size_t length) {
    struct buffer out = {0};
    for (size_t i = 0; i < length; i++) {
        bool separator = strchr("-_.", name[i]) != NULL;
        if (!separator)
            buffer_putc(&out, (char)tolower((unsigned char)name[i]));
        else if (out.size > 0 && out.data[out.size - 1] != '-')
            buffer_putc(&out, '-');
    }
    return buffer_detach(&out);
}

static void add_package(struct python *p, const char *name, size_t name_length, const char *version,
                        size_t version_length) {
    char *key = normal_name(name, name_length), *value = mem_strndup(version, version_length);
    if (*key && *value && !cJSON_GetObjectItemCaseSensitive(p->packages, key))
        cJSON_AddStringToObject(p->packages, key, value);
    free(key);
    free(value);
}

/* "NAME-VERSION.dist-info", "NAME-VERSION.egg-info", "NAME-VERSION-py3.11.egg-info". */
static void read_info(struct python *p, const char *entry) {
    const char *dash = strchr(entry, '-'), *end = strrchr(entry, '.');
    const char *python = dash ? strstr(dash + 1, "-py") : NULL;
    if (!dash)
        return;
    if (python && python < end)
        end = python;
    if (end > dash + 1)
        add_package(p, entry, (size_t)(dash - entry), dash + 1, (size_t)(end - dash - 1));
}

/* "NAME-VERSION-BUILD.json"; a name may hold "-". */
static void read_conda_entry(struct python *p, const char *entry) {
    const char *end = strrchr(entry, '.'), *build = memrchr(entry, '-', (size_t)(end - entry));
    const char *version = build ? memrchr(entry, '-', (size_t)(build - entry)) : NULL;
    if (!version)
        return;
    char *text = mem_printf("%.*s %.*s", (int)(build - version - 1), version + 1, (int)(end - build - 1), build + 1);
    if (!*p->version && version - entry == 6 && has_prefix(entry, "python-")) {
        free(p->version);
        p->version = mem_strndup(version + 1, (size_t)(build - version - 1));
    }
    add_package(p, entry, (size_t)(version - entry), text, strlen(text));
    free(text);
}

/* ---- folders ---- */

static void note_site(struct python *p, const char *path) {
    struct stat st;
    if (stat(path, &st) < 0)
        return;
    mem_grow(p->sites, &p->site_capacity, p->site_count + 1);
    p->sites[p->site_count++] = (struct python_site){mem_strdup(path), st.st_mtim};
}

static void read_site_entry(struct python *p, const char *site, const char *name) {
    if (has_suffix(name, ".dist-info") || has_suffix(name, ".egg-info"))
        read_info(p, name);
    else if (has_suffix(name, ".pth"))
        python_read_pth(p, site, name);
}

static void read_conda_site_entry(struct python *p, const char *site, const char *name) {
    (void)site;
    if (has_suffix(name, ".json"))
        read_conda_entry(p, name);
}

/* Calls `read` for each name in a folder that may be missing. */
static void read_folder(struct python *p, const char *path, void (*read)(struct python *, const char *, const char *)) {
    struct folder f;
    const char *name;
    int rc = folder_open_if_there(&f, path, NULL);
    if (f.entries)
        note_site(p, path);
    while (rc >= 0 && (rc = folder_next(&f, &name, NULL)) > 0)
        read(p, path, name);
    folder_close(&f);
}

/* Whether lib/`name` holds modules of this version: "python3.11", or Debian's "python3" for all. */
static bool is_library(const struct python *p, const char *name) {
    const char *minor = strchr(p->version, '.');
    size_t length = minor ? (size_t)(minor - p->version) + 1 + strspn(minor + 1, "0123456789") : 0;
    if (!has_prefix(name, "python3"))
        return false;
    return strcmp(name, "python3") == 0 || length == 0 ||
           (strncmp(name + 6, p->version, length) == 0 && !isdigit((unsigned char)name[6 + length]));
}

static void read_libraries(struct python *p, const char *prefix, const char *lib) {
    char *path = path_join(prefix, lib);
    struct folder f;
    struct stat st;
    const char *name;
    bool own = lstat(path, &st) == 0 && S_ISDIR(st.st_mode); /* lib64 is often a link to lib */
    int rc = own ? folder_open_if_there(&f, path, NULL) : 0;
    while (own && rc >= 0 && (rc = folder_next(&f, &name, NULL)) > 0) {
        if (!is_library(p, name))
            continue;
        char *site = mem_printf("%s/%s/site-packages", path, name),
             *dist = mem_printf("%s/%s/dist-packages", path, name);
        read_folder(p, site, read_site_entry);
        read_folder(p, dist, read_site_entry);
        free(site);
        free(dist);
    }
    if (own)
        folder_close(&f);
    free(path);
}

static void read_prefix(struct python *p, const char *prefix) {
    read_libraries(p, prefix, "lib");
    read_libraries(p, prefix, "lib64");
    if (strcmp(prefix, "/usr") == 0)
        read_libraries(p, "/usr/local", "lib");
}

/* ---- pyvenv.cfg ---- */

/* The value of "name = value"; NULL: the file lacks it. The caller frees. */
static char *config_value(const char *text, const char *name) {
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        line += strspn(line, " \t");
        size_t length = strcspn(line, " \t=\n");
        const char *value = line + length + strspn(line + length, " \t");
        if (length != strlen(name) || strncasecmp(line, name, length) != 0 || *value != '=')
            continue;
        value += 1 + strspn(value + 1, " \t");
        size_t size = strcspn(value, "\r\n");
        while (size > 0 && isspace((unsigned char)value[size - 1]))
            size--;
        return mem_strndup(value, size);
    }
    return NULL;
}

/* virtualenv writes "3.11.2.final.0". */
static char *config_version(const char *text) {
    char *version = config_value(text, "version");
    if (!version)
        version = config_value(text, "version_info");
    char *release = version ? strstr(version, ".final") : NULL;
    if (release)
        *release = '\0';
    return version;
}

static void read_venv(struct python *p, const char *config) {
    char *version = config_version(config), *home = config_value(config, "home");
    char *shared = config_value(config, "include-system-site-packages");
    if (version) {
        free(p->version);
        p->version = mem_strdup(version);
    }
    read_prefix(p, p->prefix);
    if (home && shared && strcasecmp(shared, "true") == 0) {
        char *base = path_directory(home);
        read_prefix(p, base);
        free(base);
    }
    free(version);
    free(home);
    free(shared);
}

/* ---- the program ---- */

static struct python *create(char *prefix) {
    struct python *p = mem_alloc(sizeof *p);
    p->prefix = prefix;
    p->version = mem_strdup("");
    p->packages = cJSON_CreateObject();
    return p;
}

static struct python *read_installation(const char *program) {
    char *real = has_prefix(path_base(program), "python") ? realpath(program, NULL) : NULL;
    const char *name = real ? path_base(real) : "";
    struct python *p = NULL;
    if (has_prefix(name, "python")) {
        char *bin = path_directory(real);
        p = create(path_directory(bin));
        free(bin);
        free(p->version);
        p->version = mem_strndup(name + 6, strspn(name + 6, "0123456789."));
        read_prefix(p, p->prefix);
    }
    free(real);
    return p;
}

struct python *python_read(const char *program) {
    char *bin = path_directory(program), *prefix = path_directory(bin);
    char *venv = path_join(prefix, "pyvenv.cfg"), *conda = path_join(prefix, "conda-meta");
    struct buffer config = {0};
    struct python *p = NULL;
    if (file_read(&config, venv, CONFIG_LIMIT, NULL) == 0) {
        p = create(mem_strdup(prefix));
        read_venv(p, buffer_text(&config));
    } else if (file_is_directory(conda)) {
        p = create(mem_strdup(prefix));
        read_folder(p, conda, read_conda_site_entry);
        read_prefix(p, prefix);
    } else {
        p = read_installation(program);
    }
    buffer_close(&config);
    free(bin);
    free(prefix);
    free(venv);
    free(conda);
    return p;
}

bool python_is_current(const struct python *p) {
    for (size_t i = 0; i < p->site_count; i++) {
        struct stat st;
        if (stat(p->sites[i].path, &st) < 0 || st.st_mtim.tv_sec != p->sites[i].changed.tv_sec ||
            st.st_mtim.tv_nsec != p->sites[i].changed.tv_nsec)
            return false;
    }
    return true;
}

void python_free(struct python *p) {
    if (!p)
        return;
    for (size_t i = 0; i < p->path_count; i++) {
        free(p->paths[i].module);
        free(p->paths[i].path);
    }
    for (size_t i = 0; i < p->site_count; i++)
        free(p->sites[i].path);
    free(p->paths);
    free(p->sites);
    cJSON_Delete(p->packages);
    free(p->prefix);
    free(p->version);
    free(p);
}
