#include "engine/command/command.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/suggest.h"

struct given {
    const struct option *option;
    const char *value; /* NULL for a switch */
};

struct arguments {
    const struct command *command;
    struct given *given;
    size_t given_count, given_capacity;
    const char **operands;
    size_t operand_count, operand_capacity;
};

static const struct option *find_option(const struct command *c, const char *name, size_t length) {
    for (size_t i = 0; i < c->option_count; i++)
        if (strlen(c->options[i].name) == length && strncmp(c->options[i].name, name, length) == 0)
            return &c->options[i];
    return NULL;
}

static const struct option *find_letter(const struct command *c, char letter) {
    for (size_t i = 0; i < c->option_count; i++)
        if (c->options[i].letter == letter)
            return &c->options[i];
    return NULL;
}

static int unknown_option(const struct command *c, const char *name, struct error *err) {
    if (strcmp(name, "dry-run") == 0 || strcmp(name, "dryrun") == 0)
        return error_set(err, ERR_USAGE, "%s: unknown option --%s; retort plan shows what would run", c->name, name);
    const char **names = mem_array(c->option_count + 1, sizeof *names);
    for (size_t i = 0; i < c->option_count; i++)
        names[i] = c->options[i].name;
    names[c->option_count] = "help";
    const char *nearest = suggest_nearest(name, names, c->option_count + 1);
    int code =
        nearest
            ? error_set(err, ERR_USAGE, "%s: unknown option --%s; did you mean --%s?", c->name, name, nearest)
            : error_set(err, ERR_USAGE, "%s: unknown option --%s; retort %s --help lists them", c->name, name, c->name);
    free(names);
    return code;
}

static void add_given(struct arguments *a, const struct option *option, const char *value) {
    mem_grow(a->given, &a->given_capacity, a->given_count + 1);
    a->given[a->given_count++] = (struct given){option, value};
}

/* Moves `*index` on if the value is the next word. */
static int add_option(struct arguments *a, const struct option *option, const char *attached, int argc, char **argv,
                      int *index, struct error *err) {
    if (!option->argument) {
        if (attached)
            return error_set(err, ERR_USAGE, "%s: --%s takes no value", a->command->name, option->name);
        add_given(a, option, NULL);
        return 0;
    }
    if (!attached && ++*index >= argc)
        return error_set(err, ERR_USAGE, "%s: --%s needs a value: --%s %s", a->command->name, option->name,
                         option->name, option->argument);
    add_given(a, option, attached ? attached : argv[*index]);
    return 0;
}

static int parse_long(struct arguments *a, int argc, char **argv, int *index, struct error *err) {
    const char *word = argv[*index] + 2;
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    const struct option *option = find_option(a->command, word, length);
    if (!option) {
        char *name = mem_strndup(word, length);
        int code = unknown_option(a->command, name, err);
        free(name);
        return code;
    }
    return add_option(a, option, equals ? equals + 1 : NULL, argc, argv, index, err);
}

static int parse_letter(struct arguments *a, int argc, char **argv, int *index, struct error *err) {
    const char *word = argv[*index];
    const struct option *option = find_letter(a->command, word[1]);
    if (!option)
        return error_set(err, ERR_USAGE, "%s: unknown option -%c; retort %s --help lists them", a->command->name,
                         word[1], a->command->name);
    return add_option(a, option, word[2] ? word + 2 : NULL, argc, argv, index, err);
}

/* "../study#v1" */
static bool is_folder_with_rev(const char *word) {
    char *folder = mem_strndup(word, strcspn(word, "#"));
    bool is = strchr(word, '#') && strchr(folder, '/') && file_is_directory(folder);
    free(folder);
    return is;
}

bool operand_is_url(const char *word) {
    const char *at = word + strcspn(word, "@:/[");
    return strstr(word, "://") || (*at == '@' && at[strcspn(at, ":/")] == ':') || is_folder_with_rev(word);
}

/* Whether a word names a pipeline; any other word is a stage. */
static bool names_pipeline(const char *word) {
    size_t length = strlen(word);
    return strcmp(word, "-") == 0 || operand_is_url(word) || (length >= 5 && strcmp(word + length - 5, ".json") == 0) ||
           file_exists(word);
}

/* Operand 0 becomes NULL, the only pipeline of the folder, if the first word is a stage. */
static void add_default_pipeline(struct arguments *a) {
    static const char both[] = "[PIPELINE] ";
    if (strncmp(a->command->operands, both, strlen(both)) != 0)
        return;
    if (a->operand_count == 0 || names_pipeline(a->operands[0]))
        return;
    mem_grow(a->operands, &a->operand_capacity, a->operand_count + 2);
    memmove(a->operands + 1, a->operands, (a->operand_count + 1) * sizeof *a->operands);
    a->operands[0] = NULL;
    a->operand_count++;
}

/* Accepts as many operands as the usage has words; "..." takes any number, and a last word without brackets must be
   given. A command would ignore one more, so it is a mistake. */
static int check_operands(const struct arguments *a, struct error *err) {
    const char *name = a->command->name, *usage = a->command->operands, *last = usage;
    size_t words = *usage != '\0';
    for (const char *c = usage; *c; c++)
        if (*c == ' ') {
            words++;
            last = c + 1;
        }
    if (a->operand_count > words && !strstr(usage, "..."))
        return error_set(err, ERR_USAGE, "%s: one operand too many, \"%s\"; usage: retort %s [OPTION...]%s%s", name,
                         a->operands[words], name, *usage ? " " : "", usage);
    if (*last && *last != '[' && a->operand_count < words)
        return error_set(err, ERR_USAGE, "%s: %.*s is missing; usage: retort %s [OPTION...] %s", name,
                         (int)strcspn(last, "."), last, name, usage);
    return 0;
}

int arguments_parse(struct arguments **out, const struct command *c, int argc, char **argv, struct error *err) {
    struct arguments *a = mem_alloc(sizeof *a);
    a->command = c;
    int code = 0;
    bool only_operands = false;
    for (int i = 0; i < argc && code == 0; i++) {
        const char *word = argv[i];
        if (!only_operands && strcmp(word, "--") == 0)
            only_operands = true;
        else if (!only_operands && strncmp(word, "--", 2) == 0)
            code = parse_long(a, argc, argv, &i, err);
        else if (!only_operands && word[0] == '-' && word[1])
            code = parse_letter(a, argc, argv, &i, err);
        else {
            mem_grow(a->operands, &a->operand_capacity, a->operand_count + 2);
            a->operands[a->operand_count++] = word;
            a->operands[a->operand_count] = NULL;
        }
    }
    if (code == 0)
        add_default_pipeline(a);
    if (code == 0)
        code = check_operands(a, err);
    if (code) {
        arguments_free(a);
        return code;
    }
    *out = a;
    return 0;
}

void arguments_free(struct arguments *a) {
    if (!a)
        return;
    free(a->given);
    free(a->operands);
    free(a);
}

const struct command *arguments_command(const struct arguments *a) {
    return a->command;
}

bool argument_given(const struct arguments *a, const char *option) {
    for (size_t i = 0; i < a->given_count; i++)
        if (strcmp(a->given[i].option->name, option) == 0)
            return true;
    return false;
}

const char *argument_value(const struct arguments *a, const char *option, const char *fallback) {
    for (size_t i = a->given_count; i-- > 0;)
        if (strcmp(a->given[i].option->name, option) == 0)
            return a->given[i].value;
    return fallback;
}

static bool is_one_of(const char *name, const char *const *names) {
    while (*names && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

const char *argument_each(const struct arguments *a, const char *const *names, size_t index, const char **which) {
    for (size_t i = 0; i < a->given_count; i++) {
        const char *name = a->given[i].option->name;
        if (!is_one_of(name, names) || index-- > 0)
            continue;
        if (which)
            *which = name;
        return a->given[i].value;
    }
    return NULL;
}

int argument_count(const struct arguments *a, const char *option, long least, long fallback, long *out,
                   struct error *err) {
    const char *text = argument_value(a, option, NULL);
    *out = fallback;
    if (!text)
        return 0;
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (end == text || *end || value < least || value > 1000000)
        return error_set(err, ERR_USAGE, "%s: --%s takes a whole number from %ld, not \"%s\"", a->command->name, option,
                         least, text);
    *out = value;
    return 0;
}

size_t operand_count(const struct arguments *a) {
    return a->operand_count;
}

const char *operand(const struct arguments *a, size_t index) {
    return index < a->operand_count ? a->operands[index] : NULL;
}

const char *const *operands_from(const struct arguments *a, size_t index) {
    static const char *const none[] = {NULL};
    return index < a->operand_count ? a->operands + index : none;
}
