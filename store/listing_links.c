/* Follows the links of a listing as the kernel would, without a directory: what is checked is what is stored. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "store/internal.h"

enum { LINKS_LIMIT = 40 }; /* the kernel's own */

/* The first entry whose path is not before this one. */
static size_t find_from(const struct listing *l, const char *path) {
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(l->entries[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct listing_entry *find_entry(const struct listing *l, const char *path) {
    size_t i = find_from(l, path);
    return i < l->count && strcmp(l->entries[i].path, path) == 0 ? &l->entries[i] : NULL;
}

/* Whether some entry lies below the path. */
static bool has_below(const struct listing *l, const char *path) {
    char *folder = mem_printf("%s/", path);
    size_t i = find_from(l, folder);
    bool has = i < l->count && strncmp(l->entries[i].path, folder, strlen(folder)) == 0;
    free(folder);
    return has;
}

/* The state on the way: `at` holds no links and ends with "/" unless it is empty, `rest` is still to go. */
struct way_on {
    const struct listing *l;
    struct buffer at;
    char *rest;
    int links;
};

static bool go_up(struct way_on *w) {
    if (w->at.size == 0)
        return false;
    w->at.size--;
    while (w->at.size > 0 && w->at.data[w->at.size - 1] != '/')
        w->at.size--;
    return true;
}

/* Takes over `rest`. */
static void set_rest(struct way_on *w, char *rest) {
    free(w->rest);
    w->rest = rest;
}

/* Enters an entry or a folder; a link's text is the next to go. */
static bool go_into(struct way_on *w, const char *name, size_t length) {
    const char *rest = name + length;
    bool last = rest[strspn(rest, "/")] == '\0';
    size_t before = w->at.size;
    buffer_append(&w->at, name, length);
    const char *path = buffer_text(&w->at);
    const struct listing_entry *e = find_entry(w->l, path);
    if (e && e->link) {
        set_rest(w, mem_printf("%s%s", e->link, rest));
        w->at.size = before;
        return *e->link && *e->link != '/' && ++w->links <= LINKS_LIMIT;
    }
    bool there = e ? e->directory || last : has_below(w->l, path);
    set_rest(w, mem_strdup(rest));
    buffer_putc(&w->at, '/');
    return there;
}

static bool go_on(struct way_on *w) {
    const char *name = w->rest + strspn(w->rest, "/");
    size_t length = strcspn(name, "/");
    bool here = length == 1 && name[0] == '.', up = length == 2 && name[0] == '.' && name[1] == '.';
    if (!here && !up)
        return go_into(w, name, length);
    set_rest(w, mem_strdup(name + length));
    return here || go_up(w);
}

char *listing_follow(const struct listing *l, const char *path) {
    struct way_on w = {.l = l, .rest = mem_strdup(path)};
    bool good = *path != '/';
    while (good && w.rest[strspn(w.rest, "/")])
        good = go_on(&w);
    free(w.rest);
    w.at.size -= w.at.size > 0; /* the "/" */
    char *found = good ? mem_strndup(buffer_text(&w.at), w.at.size) : NULL;
    buffer_close(&w.at);
    return found;
}

int listing_check_links(struct listing *l, const char *directory, struct error *err) {
    if (!listing_has_links(l))
        return 0;
    listing_sort(l);
    for (size_t i = 0; i < l->count; i++) {
        const struct listing_entry *e = &l->entries[i];
        if (!e->link)
            continue;
        char *found = has_below(l, e->path) ? NULL : listing_follow(l, e->path);
        bool good = found != NULL;
        free(found);
        if (!good)
            return error_set(err, ERR_INVALID,
                             "%s/%s: is a link to %s; a link in an out leads to a file or folder of the same out, by a "
                             "relative path",
                             directory, e->path, e->link);
    }
    return 0;
}
