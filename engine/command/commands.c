/* The table of all commands, in the order of --help. */
#include <string.h>

#include "engine/base/suggest.h"
#include "engine/command/command.h"

static const struct command *const commands[] = {
    &command_run,   &command_plan, &command_why,     &command_check,  &command_graph,      &command_show,
    &command_log,   &command_runs, &command_metrics, &command_energy, &command_verify,     &command_shell,
    &command_kinds, &command_exec, &command_gc,      &command_fsck,   &command_import_dvc,
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
    const char *nearest = suggest_nearest(name, names, COUNT(commands));
    if (nearest)
        return error_set(err, ERR_USAGE, "unknown command \"%s\"; did you mean \"%s\"?", name, nearest);
    return error_set(err, ERR_USAGE, "unknown command \"%s\"; retort --help lists them", name);
}
