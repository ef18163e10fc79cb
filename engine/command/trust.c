/* Shows what other teams' content would do, and keeps the user's yes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/command/trusted.h"
#include "engine/trust/closure.h"
#include "engine/trust/description.h"
#include "engine/trust/grants.h"

enum { SHORT_DIGEST = 12 };

static void print_json(const cJSON *json) {
    struct buffer text = {0};
    json_pretty(&text, json);
    puts(buffer_text(&text));
    buffer_close(&text);
}

/* ---- --list, --revoke ---- */

static void print_grant(const cJSON *grant) {
    const cJSON *from = cJSON_GetObjectItemCaseSensitive(grant, "from"), *item;
    printable_printf(stdout, "%.*s  %s  %s\n", SHORT_DIGEST, json_text(grant, "closure", "?"),
                     json_text(grant, "allowed", "?"), json_text(grant, "pipeline", "?"));
    cJSON_ArrayForEach(item, from)
        if (cJSON_IsString(item) && strcmp(item->valuestring, json_text(grant, "pipeline", "")) != 0)
            printable_printf(stdout, "%*s  %s\n", SHORT_DIGEST, "", item->valuestring);
}

static int list(bool json, struct error *err) {
    cJSON *grants = NULL, *grant;
    int rc = grant_list(&grants, err);
    if (rc == 0 && json)
        print_json(grants);
    else if (rc == 0)
        cJSON_ArrayForEach(grant, grants)
            print_grant(grant);
    cJSON_Delete(grants);
    return rc;
}

static int revoke(const struct arguments *a, struct error *err) {
    static const char *const names[] = {"revoke", NULL};
    const char *digits;
    int rc = 0;
    for (size_t i = 0; rc == 0 && (digits = argument_each(a, names, i, NULL)); i++) {
        rc = grant_remove(digits, err);
        if (rc == 0)
            fprintf(stderr, "%s is not allowed any more\n", digits);
    }
    return rc;
}

/* ---- a pipeline ---- */

static int grant(const struct digest *closure, const cJSON *description, bool allowed, struct error *err) {
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, closure);
    int rc = allowed ? 0 : grant_add(closure, description, err);
    if (rc == 0)
        fprintf(stderr, "%s; to take it back: retort trust --revoke %.*s\n",
                allowed ? "you have allowed this already" : "this is allowed from now on", SHORT_DIGEST, hex);
    return rc;
}

static int show_and_grant(const struct arguments *a, const struct digest *closure, cJSON *description,
                          struct error *err) {
    struct buffer words = {0};
    bool json = argument_given(a, "json"), only_shows = argument_given(a, "dry-run");
    bool allowed = false, asks = trusted_can_ask() && !json && !only_shows;
    int rc = grant_find(&allowed, closure, err);
    description_words(&words, description);
    if (rc == 0 && json) {
        json_add_digest(description, "closure", closure);
        print_json(description);
    } else if (rc == 0 && (!asks || allowed)) {
        fputs(buffer_text(&words), stdout);
    }
    if (rc == 0 && asks && !allowed && !trusted_ask(description))
        fputs("nothing is allowed\n", stderr);
    else if (rc == 0 && only_shows)
        fputs(allowed ? "you have allowed this\n" : "nothing is allowed by this\n", stderr);
    else if (rc == 0)
        rc = grant(closure, description, allowed, err);
    buffer_close(&words);
    return rc;
}

static int allow(const struct arguments *a, struct error *err) {
    struct project p;
    struct digest closure;
    cJSON *description = NULL;
    int rc = project_open(&p, a, PROJECT_STORE_OR_EMPTY, err);
    if (rc == 0 && p.reads.notes.count == 0)
        rc = error_set(err, ERR_USAGE, "%s has nothing of another team: it runs as it is", p.pipeline->path);
    if (rc == 0)
        rc = trusted_describe(&description, &closure, &p, err);
    if (rc == 0)
        rc = show_and_grant(a, &closure, description, err);
    cJSON_Delete(description);
    project_close(&p);
    return rc;
}

static int run(const struct arguments *a, struct error *err) {
    bool lists = argument_given(a, "list"), revokes = argument_given(a, "revoke");
    if ((lists || revokes) && (operand_count(a) > 0 || (lists && revokes)))
        return error_set(err, ERR_USAGE, "trust: --list and --revoke stand alone, without PIPELINE");
    return lists ? list(argument_given(a, "json"), err) : revokes ? revoke(a, err) : allow(a, err);
}

static const struct option options[] = {
    {"dry-run", 'n', NULL, "Show what would be allowed, and allow nothing"},
    {"list", 0, NULL, "List what you have allowed, newest first"},
    {"revoke", 0, "DIGITS", "Take back what --list shows with these first digits; may be repeated"},
    OPTION_JSON,
    OPTIONS_PARAMS,
    OPTION_STORE,
};

const struct command command_trust = {
    .name = "trust",
    .operands = "[PIPELINE]",
    .summary = "allow another team's content to run",
    .doc =
        "Parts that a pipeline includes from git are another team's, and so is a whole pipeline that is named by URL. "
        "Their stages run only after you have allowed them, exactly as they are.\n"
        "Prints the commands, their files, and what they ask for beside these, and then keeps your yes. It marks files "
        "that are new or changed since your last yes to the same pipeline. On a terminal it asks "
        "first; elsewhere calling it is the yes. run, shell and verify ask the same question on a terminal.\n"
        "The yes is for one content: pipeline files, params, and every file and folder of the commit that a stage "
        "gets. "
        "Any change of that asks again; the same content from elsewhere does not.\n"
        "Your yes is kept in $XDG_STATE_HOME/retort/trust, or ~/.local/state/retort/trust, and nowhere else.",
    .options = options,
    .option_count = COUNT(options),
    .starts_programs = true,
    .run = run,
};
