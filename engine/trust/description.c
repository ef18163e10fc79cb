#include "engine/trust/description.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/trust/closure.h"

/* ---- values as written ---- */

static void put_json(struct buffer *out, const cJSON *json) {
    if (cJSON_IsString(json))
        buffer_puts(out, json->valuestring);
    else
        json_canonical(out, json);
}

static void put_value(struct buffer *out, const struct value *v) {
    if (v->type == VALUE_LITERAL)
        put_json(out, v->as.literal);
    else if (v->type == VALUE_REFERENCE)
        buffer_puts(out, v->as.reference->text);
    for (size_t i = 0; v->type == VALUE_TEXT && i < v->as.text.count; i++)
        buffer_puts(out, v->as.text.parts[i].text ? v->as.text.parts[i].text : v->as.text.parts[i].reference->text);
}

static cJSON *value_json(const struct value *v) {
    struct buffer text = {0};
    put_value(&text, v);
    cJSON *json = cJSON_CreateString(buffer_text(&text));
    buffer_close(&text);
    return json;
}

static void add_command(cJSON *stage, const struct value *cmd) {
    cJSON *words = cJSON_AddArrayToObject(stage, "command");
    const cJSON *word;
    if (cmd->type == VALUE_LITERAL)
        cJSON_ArrayForEach(word, cmd->as.literal)
            cJSON_AddItemToArray(words, cJSON_Duplicate(word, true));
    for (size_t i = 0; cmd->type == VALUE_LIST && i < cmd->as.list.count; i++)
        cJSON_AddItemToArray(words, value_json(cmd->as.list.items[i]));
}

static void add_env(cJSON *stage, const struct stage_decl *decl) {
    cJSON *env = decl->env_count > 0 ? cJSON_AddObjectToObject(stage, "env") : NULL;
    for (size_t i = 0; i < decl->env_count; i++)
        cJSON_AddItemToObject(env, decl->env[i].name, value_json(decl->env[i].value));
}

/* ---- requests ---- */

static bool is_request(const cJSON *item, const char *request, const char *value) {
    const char *has = json_text(item, "value", NULL);
    return strcmp(json_text(item, "request", ""), request) == 0 &&
           (has && value ? strcmp(has, value) == 0 : has == value);
}

static cJSON *find_request(cJSON *requests, const char *request, const char *value) {
    cJSON *item;
    cJSON_ArrayForEach(item, requests)
        if (is_request(item, request, value))
            return item;
    item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "request", request);
    json_add_text(item, "value", value);
    cJSON_AddArrayToObject(item, "stages");
    cJSON_AddItemToArray(requests, item);
    return item;
}

static void ask_for(cJSON *requests, const struct stage_decl *stage, const char *request, const char *value) {
    cJSON *stages = cJSON_GetObjectItemCaseSensitive(find_request(requests, request, value), "stages"), *name;
    cJSON_ArrayForEach(name, stages)
        if (strcmp(name->valuestring, stage->full_name) == 0)
            return;
    cJSON_AddItemToArray(stages, cJSON_CreateString(stage->full_name));
}

static void add_urls(cJSON *requests, const struct stage_decl *stage, const struct input_decl *in) {
    if (in->type == INPUT_URL && in->value) {
        struct buffer url = {0};
        put_value(&url, in->value);
        ask_for(requests, stage, "fetch", buffer_text(&url));
        buffer_close(&url);
    }
    for (size_t i = 0; i < in->item_count; i++)
        add_urls(requests, stage, &in->items[i]);
}

static void add_sandbox(cJSON *requests, const struct stage_decl *stage, const struct sandbox_decl *sandbox) {
    if (sandbox->choice == SANDBOX_OFF)
        ask_for(requests, stage, "unconfined", NULL);
    if (sandbox->network)
        ask_for(requests, stage, "network", NULL);
    for (size_t i = 0; i < sandbox->read_count; i++)
        ask_for(requests, stage, "read", sandbox->read[i]);
}

static void add_requests(cJSON *requests, const struct stage_decl *stage) {
    for (size_t i = 0; i < stage->in_count; i++)
        add_urls(requests, stage, &stage->in[i]);
    for (size_t i = 0; i < stage->pass_env_count; i++)
        ask_for(requests, stage, "variable", stage->pass_env[i]);
    if (stage->toolchain.type == TOOLCHAIN_CALLER)
        ask_for(requests, stage, "toolchain", "caller");
    else if (stage->toolchain.type == TOOLCHAIN_PREFIX)
        ask_for(requests, stage, "toolchain", stage->toolchain.prefix);
    add_sandbox(requests, stage, &stage->sandbox);
}

/* ---- all of it ---- */

static char *origin_text(const struct origin *o) {
    return mem_printf("%s#%s:%s", o->url, o->commit, o->path);
}

static void add_once(cJSON *list, const char *text) {
    cJSON *item;
    cJSON_ArrayForEach(item, list)
        if (strcmp(item->valuestring, text) == 0)
            return;
    cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

static void add_part(cJSON *from, const struct pipeline *part) {
    if (part->origin) {
        char *text = origin_text(part->origin);
        add_once(from, text);
        free(text);
    }
    for (size_t i = 0; i < part->include_count; i++)
        add_part(from, part->includes[i].part);
}

static cJSON *stage_json(const struct stage_decl *decl) {
    const struct origin *o = decl->scope->origin;
    cJSON *stage = cJSON_CreateObject();
    char *from = o ? origin_text(o) : mem_strdup(decl->scope->path);
    cJSON_AddStringToObject(stage, "stage", decl->full_name);
    cJSON_AddStringToObject(stage, "from", from);
    if (!o)
        cJSON_AddTrueToObject(stage, "own");
    add_env(stage, decl);
    if (decl->cmd) {
        add_command(stage, decl->cmd);
    } else {
        char *uses = kind_uses(decl->kind);
        cJSON_AddStringToObject(stage, "kind", uses);
        free(uses);
    }
    free(from);
    return stage;
}

/* ---- files ---- */

/* Of "<url>#<commit>:<path>" the URL and the path stay the same when the other team goes on. */
static bool is_same_pipeline(const char *a, const char *b) {
    size_t before = strcspn(a, "#");
    const char *x = strchr(a + before, ':'), *y = strchr(b + strcspn(b, "#"), ':');
    return strcspn(b, "#") == before && strncmp(a, b, before) == 0 && strcmp(x ? x : "", y ? y : "") == 0;
}

/* The grants come newest first. */
static const cJSON *last_grant(const cJSON *grants, const char *pipeline) {
    const cJSON *grant;
    cJSON_ArrayForEach(grant, grants)
        if (cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(grant, "files")) &&
            is_same_pipeline(json_text(grant, "pipeline", ""), pipeline))
            return grant;
    return NULL;
}

static const char *change_of(const cJSON *file, const cJSON *earlier) {
    const cJSON *other;
    const char *change = "new";
    cJSON_ArrayForEach(other, earlier) {
        if (strcmp(json_text(other, "path", ""), json_text(file, "path", "")) != 0)
            continue;
        if (strcmp(json_text(other, "sha256", ""), json_text(file, "sha256", "")) == 0)
            return NULL;
        change = "changed";
    }
    return change;
}

static void add_files(cJSON *out, cJSON *files, const cJSON *grants) {
    const cJSON *grant = last_grant(grants, json_text(out, "pipeline", ""));
    cJSON *file;
    cJSON_AddItemToObject(out, "files", files);
    if (!grant)
        return;
    cJSON_AddStringToObject(out, "since", json_text(grant, "allowed", "?"));
    cJSON_ArrayForEach(file, files) {
        const char *change = change_of(file, cJSON_GetObjectItemCaseSensitive(grant, "files"));
        if (change)
            cJSON_AddStringToObject(file, "change", change);
    }
}

cJSON *description_of(const struct pipeline *p, cJSON *files, const cJSON *grants) {
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "pipeline", p->path);
    cJSON *from = cJSON_AddArrayToObject(out, "from");
    add_part(from, p);
    cJSON *stages = cJSON_AddArrayToObject(out, "stages"), *requests = cJSON_AddArrayToObject(out, "requests");
    for (size_t i = 0; i < p->stage_count; i++) {
        const struct stage_decl *decl = p->stages[i];
        if (!closure_concerns(p, decl))
            continue;
        cJSON_AddItemToArray(stages, stage_json(decl));
        if (decl->scope->origin)
            add_requests(requests, decl);
        else
            add_once(from, decl->scope->path);
    }
    add_files(out, files, grants);
    return out;
}

/* ---- words ---- */

static void put_stage(struct buffer *out, const cJSON *stage) {
    const cJSON *word, *variable;
    buffer_puts(out, "    ");
    printable_append_line(out, json_text(stage, "stage", "?"));
    buffer_puts(out, ":\n       ");
    cJSON_ArrayForEach(variable, cJSON_GetObjectItemCaseSensitive(stage, "env")) {
        buffer_printf(out, " %s=", variable->string);
        printable_append_word(out, variable->valuestring);
    }
    const char *kind = json_text(stage, "kind", NULL);
    if (kind)
        buffer_printf(out, " %s, which is built into retort", kind);
    cJSON_ArrayForEach(word, cJSON_GetObjectItemCaseSensitive(stage, "command")) {
        buffer_putc(out, ' ');
        printable_append_word(out, word->valuestring);
    }
    buffer_putc(out, '\n');
}

/* A file with its stages. */
static void put_file(struct buffer *out, const char *from, const cJSON *stages) {
    const cJSON *stage;
    struct buffer text = {0};
    bool own = false;
    cJSON_ArrayForEach(stage, stages) {
        if (strcmp(json_text(stage, "from", ""), from) != 0)
            continue;
        own |= cJSON_HasObjectItem(stage, "own");
        put_stage(&text, stage);
    }
    printable_append_line(out, from);
    buffer_printf(out, "\n  %s:\n%s",
                  own ? "is your file; these stages get content of theirs, and run without their sandbox"
                      : "would run on this machine, as you",
                  buffer_text(&text));
    buffer_close(&text);
}

static void put_request(struct buffer *out, const cJSON *item) {
    static const char *const words[][2] = {
        {"network", "the network"},
        {"read", "your files, and programs that listen at sockets, in "},
        {"unconfined", "no sandbox: it could read and change all that you can; only run --no-sandbox grants this"},
        {"variable", "the value of your environment variable "},
        {"toolchain", "programs of the environment in "},
        {"fetch", "a file that is fetched from "},
    };
    const char *request = json_text(item, "request", "?"), *value = json_text(item, "value", "");
    bool callers = strcmp(request, "toolchain") == 0 && strcmp(value, "caller") == 0;
    const cJSON *stage;
    const char *before = " (";
    buffer_puts(out, "  - ");
    for (size_t i = 0; !callers && i < sizeof words / sizeof *words; i++)
        if (strcmp(request, words[i][0]) == 0)
            buffer_puts(out, words[i][1]);
    if (callers)
        buffer_puts(out, "programs of your PATH and of your active environment");
    else
        printable_append_line(out, value);
    cJSON_ArrayForEach(stage, cJSON_GetObjectItemCaseSensitive(item, "stages")) {
        buffer_puts(out, before);
        printable_append_line(out, stage->valuestring);
        before = ", ";
    }
    buffer_puts(out, ")\n");
}

enum { SHOWN_FILES = 20, SHORT_DIGEST = 12 };

/* The changed ones first, since they are what a second question is about. */
static void put_files(struct buffer *out, const cJSON *files, const char *since) {
    int count = cJSON_GetArraySize(files), shown = 0;
    buffer_puts(out, "It is made of");
    if (since)
        buffer_printf(out, ", beside your yes of %s", since);
    buffer_puts(out, ":\n");
    for (int round = 0; round < 2; round++) {
        const cJSON *file;
        cJSON_ArrayForEach(file, files) {
            const char *change = json_text(file, "change", NULL);
            if ((change == NULL) != (round == 1) || shown == SHOWN_FILES)
                continue;
            shown++;
            buffer_printf(out, "    %.*s  ", SHORT_DIGEST, json_text(file, "sha256", ""));
            printable_append_line(out, json_text(file, "path", "?"));
            buffer_printf(out, "%s%s\n", change ? ", " : "", change ? change : "");
        }
    }
    if (count > shown)
        buffer_printf(out, "    and %d more, which retort trust --dry-run --json lists\n", count - shown);
}

void description_words(struct buffer *out, const cJSON *description) {
    const cJSON *requests = cJSON_GetObjectItemCaseSensitive(description, "requests"), *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(description, "from"))
        put_file(out, item->valuestring, cJSON_GetObjectItemCaseSensitive(description, "stages"));
    put_files(out, cJSON_GetObjectItemCaseSensitive(description, "files"), json_text(description, "since", NULL));
    buffer_puts(out, "Its commands run in a sandbox, where they see their inputs and have no network.\n");
    if (cJSON_GetArraySize(requests))
        buffer_puts(out, "Beyond that it asks for:\n");
    cJSON_ArrayForEach(item, requests)
        put_request(out, item);
}
