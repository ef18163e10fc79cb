#include "engine/command/command.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "engine/report/wrap.h"
#include "engine/version.h"

static const char overview_doc[] =
    "Retort runs experiments that are described in one JSON file. It works out the dependencies, runs only stages with "
    "unknown results, and survives being killed. For every stage it records the result, its inputs, the machine, and "
    "the joules it took.";

static const char exit_doc[] = "0: done. 1: a stage failed or a check found a difference. 2: wrong usage or an invalid "
                               "pipeline. 3: the store or the system refused. 4: an energy budget stopped the run. "
                               "130: interrupted; everything is kept, so run again to go on.";

static void append_option(struct buffer *out, const struct option *o) {
    char head[80];
    snprintf(head, sizeof head, "%s%c%s--%s%s%s", o->letter ? "-" : "", o->letter ? o->letter : ' ',
             o->letter ? ", " : "   ", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
    buffer_printf(out, "  %-26s", head);
    if (strlen(head) > 25)
        buffer_printf(out, "\n%28s", "");
    buffer_printf(out, "%s\n", o->doc);
}

void help_overview(struct buffer *out) {
    buffer_puts(out, "usage: retort COMMAND [OPTION...] [OPERAND...]\n\n");
    wrap_text(out, overview_doc, 0);
    buffer_puts(out, "\ncommands:\n");
    size_t count;
    const struct command *const *all = commands_all(&count);
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "  %-10s %s\n", all[i]->name, all[i]->summary);
    buffer_puts(out, "\nretort COMMAND --help says more. PIPELINE may be left out if a folder holds only one.\n\n"
                     "exit status:\n");
    wrap_text(out, exit_doc, 2);
}

void help_command(struct buffer *out, const struct command *c) {
    buffer_printf(out, "usage: retort %s%s%s%s\n\n", c->name, c->option_count ? " [OPTION...]" : "",
                  *c->operands ? " " : "", c->operands);
    wrap_text(out, c->doc, 0);
    if (c->option_count == 0)
        return;
    buffer_puts(out, "\noptions:\n");
    for (size_t i = 0; i < c->option_count; i++)
        append_option(out, &c->options[i]);
}

/* Escapes a text: troff takes a leading dot or quote for a request, and "-" for a hyphen. */
static void append_roff(struct buffer *out, const char *text) {
    if (*text == '.' || *text == '\'')
        buffer_puts(out, "\\&");
    for (; *text; text++) {
        if (*text == '\\')
            buffer_puts(out, "\\e");
        else if (*text == '-')
            buffer_puts(out, "\\-");
        else if (*text == '\n')
            buffer_puts(out, "\n.PP\n");
        else
            buffer_putc(out, *text);
    }
}

static void append_man_options(struct buffer *out, const struct command *c) {
    if (c->option_count == 0)
        return;
    buffer_puts(out, ".SH OPTIONS\n");
    for (size_t i = 0; i < c->option_count; i++) {
        const struct option *o = &c->options[i];
        buffer_puts(out, ".TP\n");
        if (o->letter)
            buffer_printf(out, "\\fB\\-%c\\fR, ", o->letter);
        buffer_puts(out, "\\fB\\-\\-");
        append_roff(out, o->name);
        buffer_puts(out, "\\fR");
        if (o->argument)
            buffer_printf(out, " \\fI%s\\fR", o->argument);
        buffer_puts(out, "\n");
        append_roff(out, o->doc);
        buffer_puts(out, "\n");
    }
}

static void append_man_command(struct buffer *out, const struct command *c) {
    buffer_printf(out, ".SH NAME\nretort\\-%s \\- ", c->name);
    append_roff(out, c->summary);
    buffer_printf(out, "\n.SH SYNOPSIS\n\\fBretort %s\\fR%s ", c->name, c->option_count ? " [OPTION...]" : "");
    append_roff(out, c->operands);
    buffer_puts(out, "\n.SH DESCRIPTION\n");
    append_roff(out, c->doc);
    buffer_puts(out, "\n");
    append_man_options(out, c);
}

void help_man(struct buffer *out, const struct command *c) {
    if (c) {
        buffer_puts(out, ".TH RETORT\\-");
        for (const char *p = c->name; *p; p++)
            buffer_putc(out, (char)toupper((unsigned char)*p));
    } else {
        buffer_puts(out, ".TH RETORT");
    }
    buffer_printf(out, " 1 \"\" \"Retort %s\" \"Retort\"\n", RETORT_VERSION);
    if (c) {
        append_man_command(out, c);
    } else {
        buffer_puts(out, ".SH NAME\nretort \\- a declarative experiment engine\n.SH SYNOPSIS\n"
                         "\\fBretort\\fR COMMAND [OPTION...] [OPERAND...]\n.SH DESCRIPTION\n");
        append_roff(out, overview_doc);
        buffer_puts(out, "\n.SH COMMANDS\n");
        size_t count;
        const struct command *const *all = commands_all(&count);
        for (size_t i = 0; i < count; i++) {
            buffer_printf(out, ".TP\n\\fBretort\\-%s\\fR(1)\n", all[i]->name);
            append_roff(out, all[i]->summary);
            buffer_puts(out, "\n");
        }
    }
    buffer_puts(out, ".SH EXIT STATUS\n");
    append_roff(out, exit_doc);
    buffer_puts(out, "\n");
}

void help_completion(struct buffer *out) {
    size_t count;
    const struct command *const *all = commands_all(&count);
    buffer_puts(out, "_retort() {\n    local word=${COMP_WORDS[COMP_CWORD]} options=\n    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < count; i++) {
        buffer_printf(out, "    %s) options='--help", all[i]->name);
        for (size_t j = 0; j < all[i]->option_count; j++)
            buffer_printf(out, " --%s", all[i]->options[j].name);
        buffer_puts(out, "' ;;\n");
    }
    buffer_puts(out, "    esac\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        options='");
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "%s%s", i ? " " : "", all[i]->name);
    buffer_puts(out,
                "'\n    elif [[ $word != -* ]]; then\n        COMPREPLY=($(compgen -f -- \"$word\"))\n        return\n"
                "    fi\n    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n}\ncomplete -F _retort retort\n");
}
