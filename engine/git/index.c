/* Source: git's Documentation/gitformat-index.txt, versions 2 to 4. */
#include "engine/git/index.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

enum {
    HEADER_BYTES = 12,
    FLAGS_AT = 60,
    FIXED_BYTES = 62,
    EXTENDED = 0x4000,
    PADDED_TO = 8,
    READ_BYTES = 1 << 20,
    PATH_BYTES = 8192
};

struct entries {
    const unsigned char *at, *end;
    uint32_t version;
    struct buffer name; /* of the last one */
};

static uint32_t number(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* How many bytes of the last name do not belong to this one (version 4). False: the text ends within the number. */
static bool read_cut(struct entries *e, size_t *cut) {
    size_t value = 0;
    for (bool first = true; e->at < e->end && value < READ_BYTES; first = false) {
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
    if (e->end - begin < FIXED_BYTES + 2)
        return false;
    bool extended = e->version > 2 && (begin[FLAGS_AT] << 8 & EXTENDED);
    e->at += FIXED_BYTES + (extended ? 2 : 0);
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

bool index_text_tracks_below(const void *index, size_t size, const char *folder) {
    struct entries e = {.at = index, .end = (const unsigned char *)index + size};
    bool found = false;
    if (size < HEADER_BYTES || memcmp(index, "DIRC", 4) != 0 || (e.version = number(e.at + 4)) < 2 || e.version > 4)
        return false;
    uint32_t count = number(e.at + 8);
    e.at += HEADER_BYTES;
    for (uint32_t i = 0; i < count && !found && next(&e); i++) {
        int order = strncmp(buffer_text(&e.name), folder, strlen(folder));
        if (order > 0)
            break;
        found = order == 0;
    }
    buffer_close(&e.name);
    return found;
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
    char *path = index_path(root), *text = mem_scratch(READ_BYTES);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    ssize_t size = fd < 0 ? -1 : read(fd, text, READ_BYTES);
    bool tracks = size > 0 && index_text_tracks_below(text, (size_t)size, folder);
    if (fd >= 0)
        close(fd);
    free(text);
    free(path);
    return tracks;
}
