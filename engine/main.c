/* retort: finds the command, parses its arguments, runs it, and turns its error into a message and an exit status. */
#include <stdio.h>
#include <string.h>

#include "engine/command/command.h"
#include "engine/version.h"

static int fail(const struct error *err) {
    fprintf(stderr, "retort: %s\n", err->message);
    return error_exit_status(err->code);
}

static int print_text(struct buffer *text) {
    fputs(buffer_text(text), stdout);
    buffer_close(text);
    return fflush(stdout) == 0 ? 0 : 3;
}

/* What is not a command: help, version, and the texts that packages install. -1: it is a command. */
static int run_special(int argc, char **argv) {
    struct buffer text = {0};
    const char *word = argc > 1 ? argv[1] : "--help";
    const char *name = argc > 2 ? argv[2] : NULL;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (strcmp(word, "help") == 0 && !name)) {
        help_overview(&text);
    } else if (strcmp(word, "--version") == 0) {
        buffer_puts(&text, "retort " RETORT_VERSION "\n");
    } else if (strcmp(word, "--completion") == 0) {
        help_completion(&text);
    } else if (strcmp(word, "help") == 0 || strcmp(word, "--man") == 0) {
        const struct command *c = NULL;
        struct error err = {0};
        if (name && command_find(&c, name, &err))
            return fail(&err);
        if (strcmp(word, "help") == 0)
            help_command(&text, c);
        else
            help_man(&text, c);
    } else {
        return -1;
    }
    int status = print_text(&text);
    return argc > 1 ? status : 2;
}

static bool wants_help(int argc, char **argv) {
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int main(int argc, char **argv) {
    int special = run_special(argc, argv);
    if (special >= 0)
        return special;
    const struct command *c = NULL;
    struct error err = {0};
    if (command_find(&c, argv[1], &err))
        return fail(&err);
    if (wants_help(argc, argv)) {
        struct buffer text = {0};
        help_command(&text, c);
        return print_text(&text);
    }
    struct arguments *arguments = NULL;
    int code = arguments_parse(&arguments, c, argc - 2, argv + 2, &err);
    if (code == 0)
        code = c->run(arguments, &err);
    arguments_free(arguments);
    if (fflush(stdout) != 0 && code == 0)
        code = error_set(&err, ERR_IO, "standard output cannot be written");
    if (code == 0)
        return 0;
    if (!err.message[0])
        return error_exit_status(code); /* the command said it itself */
    return fail(&err);
}
