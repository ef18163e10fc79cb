/* The table of all commands, in the order of --help. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/suggest.h"
#include "engine/command/command.h"

static const struct command *const commands[] = {
    &command_run,   &command_plan, &command_why,   &command_check,      &command_graph,  &command_show,
    &command_log,   &command_runs, &command_diff,  &command_metrics,    &command_energy, &command_verify,
    &command_shell, &command_lock, &command_trust, &command_export,     &command_import, &command_kinds,
    &command_exec,  &command_gc,   &command_fsck,  &command_import_dvc,
};

const struct command *const *commands_all(size_t *count) {
    *count = COUNT(commands);
    return commands;
}

int command_find(const struct command **out, const char *name, struct error *err) {
    const char *names[COUNT(commands)];
    for (size_t i = 0; i < COUNT(commands); i++) {
        names[i] = commands[i]->name;
        if (strcmp(names[i], name) != 0)
            continue;
        *out = commands[i];
        return 0;
    }
    char *suggestion = suggest_text(name, names, COUNT(commands), "; retort --help lists them");
    int rc = error_set(err, ERR_USAGE, "unknown command \"%s\"%s", name, suggestion);
    free(suggestion);
    return rc;
}
