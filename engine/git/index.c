/* Source: git's Documentation/gitformat-index.txt, versions 2 to 4. */
#include "engine/git/index.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

enum {
    HEADER_BYTES = 12,
    STAT_BYTES = 40, /* an id follows, then the flags */
    FLAGS_BYTES = 2,
    EXTENDED = 0x4000,
    PADDED_TO = 8,
    CUT_MOST = 1 << 20,
    PATH_BYTES = 8192
};

struct entries {
    const unsigned char *at, *end;
    uint32_t version;
    size_t id_bytes;
    struct buffer name; /* of the last one */
};

static uint32_t number(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* How many bytes of the last name do not belong to this one (version 4). False: the text ends within the number. */
static bool read_cut(struct entries *e, size_t *cut) {
    size_t value = 0;
    for (bool first = true; e->at < e->end && value < CUT_MOST; first = false) {
        unsigned char byte = *e->at++;
        value = (first ? 0 : value + 1) << 7 | (byte & 0x7F);
        if (!(byte & 0x80)) {
            *cut = value;
            return true;
        }
    }
    return false;
}

/* Sets `name` to that of the next entry. False: there is none, or the text ends within it. */
static bool next(struct entries *e) {
    const unsigned char *begin = e->at;
    size_t cut = e->name.size;
    size_t fixed = STAT_BYTES + e->id_bytes;
    if ((size_t)(e->end - begin) < fixed + (size_t)2 * FLAGS_BYTES)
        return false;
    bool extended = e->version > 2 && (begin[fixed] << 8 & EXTENDED);
    e->at += fixed + (extended ? (size_t)2 : 1) * FLAGS_BYTES;
    if (e->version == 4 && (!read_cut(e, &cut) || cut > e->name.size))
        return false;
    const unsigned char *nul = memchr(e->at, '\0', (size_t)(e->end - e->at));
    if (!nul)
        return false;
    char *kept = mem_strndup(buffer_text(&e->name), e->name.size - cut);
    buffer_clear(&e->name);
    buffer_puts(&e->name, kept);
    buffer_append(&e->name, e->at, (size_t)(nul - e->at));
    free(kept);
    size_t length = (size_t)(nul - begin), padded = length + PADDED_TO - length % PADDED_TO;
    e->at = e->version == 4 ? nul + 1 : (size_t)(e->end - begin) < padded ? e->end : begin + padded;
    return true;
}

/* Whether the name is the folder's, as of a link or a submodule, or lies in it; else how it compares with those. */
static bool is_below(const char *name, const char *folder, int *order) {
    size_t length = strlen(folder) - 1; /* without its "/" */
    *order = strncmp(name, folder, length);
    if (*order == 0)
        *order = name[length] > '/' ? 1 : name[length] && name[length] < '/' ? -1 : 0;
    return *order == 0;
}

static bool tracks_below(const void *index, size_t size, size_t id_bytes, const char *folder) {
    struct entries e = {.at = index, .end = (const unsigned char *)index + size, .id_bytes = id_bytes};
    bool found = false;
    if (size < HEADER_BYTES || memcmp(index, "DIRC", 4) != 0 || (e.version = number(e.at + 4)) < 2 || e.version > 4)
        return false;
    uint32_t count = number(e.at + 8);
    e.at += HEADER_BYTES;
    for (uint32_t i = 0; i < count && !found && next(&e); i++) {
        int order;
        found = is_below(buffer_text(&e.name), folder, &order);
        if (order > 0)
            break;
    }
    buffer_close(&e.name);
    return found;
}

/* An index does not say which ids it holds. */
bool index_text_tracks_below(const void *index, size_t size, const char *folder) {
    enum { SHA1_BYTES = 20, SHA256_BYTES = 32 };
    return tracks_below(index, size, SHA1_BYTES, folder) || tracks_below(index, size, SHA256_BYTES, folder);
}

/* The path of the index: in .git, or where the file .git of a worktree or submodule leads. The caller frees. */
static char *index_path(const char *root) {
    static const char word[] = "gitdir: ";
    struct buffer text = {0};
    char *git = path_join(root, ".git"), *path = NULL;
    if (file_is_directory(git)) {
        path = path_join(git, "index");
    } else if (file_read(&text, git, PATH_BYTES, NULL) == 0 && strncmp(text.data, word, strlen(word)) == 0) {
        text.data[strcspn(text.data, "\n")] = '\0';
        char *folder = path_join(root, text.data + strlen(word));
        path = path_join(folder, "index");
        free(folder);
    }
    buffer_close(&text);
    free(git);
    return path;
}

bool index_tracks_below(const char *root, const char *folder) {
    char *path = index_path(root);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    struct stat st = {0};
    void *text = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
        text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0); /* git replaces an index by another */
    bool tracks = text != MAP_FAILED && index_text_tracks_below(text, (size_t)st.st_size, folder);
    if (text != MAP_FAILED)
        munmap(text, (size_t)st.st_size);
    if (fd >= 0)
        close(fd);
    free(path);
    return tracks;
}
