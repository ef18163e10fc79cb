/* retort: finds the command, parses its arguments, runs it, and turns its error into a message and an exit status. */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/printable.h"
#include "engine/command/command.h"
#include "engine/version.h"

static int fail(const struct error *err) {
    printable_printf(stderr, "retort: %s\n", err->message);
    return error_exit_status(err->code);
}

/* Data that could not be written is a failure, also when it was flushed long before the end. */
static int check_output(int code, struct error *err) {
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0)
        return error_set(err, ERR_IO, "standard output cannot be written");
    return code;
}

static int print_text(struct buffer *text) {
    struct error err = {0};
    fputs(buffer_text(text), stdout);
    buffer_close(text);
    return check_output(0, &err) ? fail(&err) : 0;
}

/* Opens /dev/null for closed standard streams, so that none of our files gets their number and our output. It is
   opened for reading, so that printing still fails. */
static void hold_standard_streams(void) {
    int fd;
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close(fd);
}

/* Handles help, version, and the texts that packages install. -1: it is a command. */
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

/* Large arrays that grow come from the heap too, and what is freed stays there. Else the system gives and takes pages
   each time, and clears them anew. */
static void keep_memory(void) {
    enum { MOST_ON_HEAP = 4 << 20 };
    mallopt(M_MMAP_THRESHOLD, MOST_ON_HEAP);
    mallopt(M_TRIM_THRESHOLD, 4 * MOST_ON_HEAP);
    mallopt(M_TOP_PAD, 1 << 20);
}

int main(int argc, char **argv) {
    hold_standard_streams();
    keep_memory();
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow: the failed call names it */
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
    code = check_output(code, &err);
    if (code == 0)
        return 0;
    if (!err.message[0])
        return error_exit_status(code); /* the command has printed the message */
    return fail(&err);
}
