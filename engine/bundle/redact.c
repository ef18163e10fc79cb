#include "engine/bundle/redact.h"

#include <ctype.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/record_format.h"

static const char home_folder[] = "/home/";

/* ---- noting ---- */

static void note(struct texts *list, const char *text, size_t size) {
    if (size < 2)
        return;
    for (size_t i = 0; i < list->count; i++)
        if (strlen(list->list[i]) == size && memcmp(list->list[i], text, size) == 0)
            return;
    texts_add(list, mem_strndup(text, size));
}

/* root stands for no person. */
static void note_user(struct texts *users, const char *name, size_t size) {
    if (size != 4 || memcmp(name, "root", 4) != 0)
        note(users, name, size);
}

void redaction_open(struct redaction *r, const char *root) {
    const struct passwd *user = getpwuid(getuid());
    const char *home = getenv("HOME");
    *r = (struct redaction){.root = root};
    if (home && *home == '/')
        note(&r->homes, home, strlen(home));
    if (user && user->pw_dir && *user->pw_dir == '/')
        note(&r->homes, user->pw_dir, strlen(user->pw_dir));
    if (user)
        note_user(&r->users, user->pw_name, strlen(user->pw_name));
}

void redaction_close(struct redaction *r) {
    texts_close(&r->hosts);
    texts_close(&r->users);
    texts_close(&r->homes);
}

static void note_homes(struct redaction *r, const char *text) {
    for (const char *at = text; (at = strstr(at, home_folder)); at++) {
        const char *name = at + sizeof home_folder - 1;
        size_t size = strcspn(name, "/ :;\"'");
        if (size == 0)
            continue;
        note_user(&r->users, name, size);
        note(&r->homes, at, sizeof home_folder - 1 + size);
    }
}

static void note_texts(struct redaction *r, const cJSON *item) {
    for (; item; item = item->next) {
        if (cJSON_IsString(item))
            note_homes(r, item->valuestring);
        note_texts(r, item->child);
    }
}

void redaction_note(struct redaction *r, const cJSON *record) {
    const char *host = record_origin_read(record).hostname;
    note(&r->hosts, host, strlen(host));
    note_texts(r, record->child);
}

/* ---- replacing ---- */

static bool joins(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* Replaces `from` where it stands alone. A path goes on only with "/"; `drop`: that "/" goes too. */
static void replace(char **text, const char *from, const char *to, bool drop) {
    struct buffer out = {0};
    const char *rest = *text, *at = rest;
    size_t size = strlen(from);
    while ((at = strstr(at, from))) {
        bool alone = (at == *text || (!joins(at[-1]) && (*from != '/' || at[-1] != '/'))) && !joins(at[size]);
        if (!alone) {
            at++;
            continue;
        }
        buffer_append(&out, rest, (size_t)(at - rest));
        at += size;
        if (drop && *at == '/')
            at++;
        else
            buffer_puts(&out, to);
        rest = at;
    }
    buffer_puts(&out, rest);
    free(*text);
    *text = buffer_detach(&out);
}

static void replace_numbered(char **text, const struct texts *from, const char *name) {
    for (size_t i = 0; i < from->count; i++) {
        char to[32];
        snprintf(to, sizeof to, "%s-%zu", name, i + 1);
        replace(text, from->list[i], to, false);
    }
}

static void redact_item(const struct redaction *r, cJSON *item) {
    char *text = mem_strdup(item->valuestring);
    replace(&text, r->root, ".", true);
    for (size_t i = 0; i < r->homes.count; i++)
        replace(&text, r->homes.list[i], "~", false);
    replace_numbered(&text, &r->hosts, "host");
    replace_numbered(&text, &r->users, "user");
    if (strcmp(text, item->valuestring) != 0)
        mem_checked(cJSON_SetValuestring(item, text));
    free(text);
}

static void redact_tree(const struct redaction *r, cJSON *item) {
    for (; item; item = item->next) {
        if (cJSON_IsString(item))
            redact_item(r, item);
        redact_tree(r, item->child);
    }
}

void redaction_apply(const struct redaction *r, cJSON *record) {
    static const char *const parts[] = {"provenance", "energy", "resources"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        cJSON *part = cJSON_GetObjectItemCaseSensitive(record, parts[i]);
        if (part)
            redact_tree(r, part->child);
    }
}
