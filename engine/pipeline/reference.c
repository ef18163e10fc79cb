#include "engine/pipeline/reference.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/suggest.h"

enum { MAX_NESTING = 8, MAX_INDEX_DIGITS = 9 };

struct parser {
    struct arena *arena;
    const char *text;
    size_t at;
    const char *const *includes;
    size_t include_count;
    struct syntax_fault *fault;
    struct syntax_reference *first; /* memory for the first reference; NULL once it is used */
    int depth;
};

static const char *const root_words[] = {"params", "matrix", "in", "outs", "checkpoint", "cpus", "stages"};
enum { ROOT_WORDS = sizeof root_words / sizeof *root_words };
static const enum reference_root roots[ROOT_WORDS] = {REFERENCE_PARAMS, REFERENCE_MATRIX,     REFERENCE_IN,
                                                      REFERENCE_OUTS,   REFERENCE_CHECKPOINT, REFERENCE_CPUS,
                                                      REFERENCE_STAGE};

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name_byte(char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '-';
}

static size_t name_length(const char *text) {
    size_t length = 0;
    if (is_letter(text[0]))
        while (is_name_byte(text[length]))
            length++;
    return length;
}

bool name_is_valid(const char *text) {
    size_t length = name_length(text);
    return length > 0 && text[length] == '\0';
}

static int find_root(const char *word, size_t length) {
    for (int i = 0; i < ROOT_WORDS; i++)
        if (root_words[i][0] == word[0] && strlen(root_words[i]) == length && memcmp(root_words[i], word, length) == 0)
            return i;
    return -1;
}

bool name_is_reserved(const char *text) {
    return find_root(text, strlen(text)) >= 0;
}

static int fail(struct parser *p, size_t offset, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int fail(struct parser *p, size_t offset, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(p->fault->message, sizeof p->fault->message, format, args);
    va_end(args);
    p->fault->offset = offset;
    return ERR_INVALID;
}

/* Fails with "expected ..., found ..." at the current place. */
static int fail_expected(struct parser *p, const char *expected) {
    const char *here = p->text + p->at;
    if (!*here)
        return fail(p, p->at, "expected %s, found the end of the text", expected);
    int length = 1; /* a whole UTF-8 character */
    while ((here[length] & 0xC0) == 0x80)
        length++;
    return fail(p, p->at, "expected %s, found '%.*s'", expected, length, here);
}

static char next(const struct parser *p) {
    return p->text[p->at];
}

static bool accept(struct parser *p, char c) {
    if (next(p) != c)
        return false;
    p->at++;
    return true;
}

static int parse_name(struct parser *p, const char **out, const char *expected) {
    size_t length = name_length(p->text + p->at);
    if (length == 0)
        return fail_expected(p, expected);
    *out = arena_strndup(p->arena, p->text + p->at, length);
    p->at += length;
    return 0;
}

static int parse_index(struct parser *p, size_t *out) {
    size_t begin = p->at;
    *out = 0;
    while (is_digit(next(p)))
        *out = *out * 10 + (size_t)(p->text[p->at++] - '0');
    if (p->at == begin)
        return fail_expected(p, "an index (0, 1, ...) or a name in quotes");
    if (p->at - begin > MAX_INDEX_DIGITS)
        return fail(p, begin, "an index has at most %d digits", MAX_INDEX_DIGITS);
    return accept(p, ']') ? 0 : fail_expected(p, "\"]\" after the index");
}

/* Makes room for one more item in an arena's array. The capacity doubles, so a long list takes linear time. */
static void *reserve(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size) {
    if (items && count < *capacity)
        return items;
    *capacity = *capacity ? 2 * *capacity : 1;
    void *grown = arena_array(arena, *capacity, size);
    if (items)
        memcpy(grown, items, count * size);
    return grown;
}

/* The length of a quoted string with its quotes; 0 when it does not end. */
static size_t quoted_length(const char *text) {
    for (size_t i = 1; text[i]; i++) {
        if (text[i] == '\\' && text[i + 1])
            i++;
        else if (text[i] == '"')
            return i + 1;
    }
    return 0;
}

/* The length of a JSON list or object, found by its brackets; 0 when it does not end. */
static size_t bracketed_length(const char *text) {
    size_t depth = 0;
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '"') {
            size_t quoted = quoted_length(text + i);
            if (quoted == 0)
                return 0;
            i += quoted - 1;
        } else if (text[i] == '{' || text[i] == '[') {
            depth++;
        } else if (text[i] == '}' || text[i] == ']') {
            if (--depth == 0)
                return i + 1;
        }
    }
    return 0;
}

static void delete_json(void *json) {
    cJSON_Delete(json);
}

/* Parses `length` bytes; the arena owns the tree. NULL when they are no JSON. */
static const cJSON *read_json(struct parser *p, size_t length, struct error *err) {
    struct json_document *doc = NULL;
    if (json_parse(&doc, p->text + p->at, length, NULL, err) < 0)
        return NULL;
    cJSON *tree = json_detach(doc);
    arena_own(p->arena, tree, delete_json);
    return tree;
}

/* Parses a name in quotes, which may be any text, and the "]" behind it. */
static int parse_quoted(struct parser *p, const char **out) {
    size_t length = quoted_length(p->text + p->at);
    struct error err = {0};
    if (length == 0)
        return fail(p, p->at, "the name in quotes does not end");
    const cJSON *json = read_json(p, length, &err);
    if (!json)
        return fail(p, p->at, "the name in quotes is no JSON text (%s)", err.message);
    *out = json->valuestring;
    p->at += length;
    return accept(p, ']') ? 0 : fail_expected(p, "\"]\" after the name");
}

/* An estimate of the steps that follow. */
static size_t count_steps(const char *text) {
    size_t count = 0;
    for (; *text && *text != '}'; text++)
        count += *text == '.' || *text == '[';
    return count;
}

static int parse_steps(struct parser *p, struct syntax_reference *r) {
    size_t capacity = count_steps(p->text + p->at);
    struct step *steps = capacity ? arena_array(p->arena, capacity, sizeof *steps) : NULL;
    int rc = 0;
    while (rc == 0 && (next(p) == '.' || next(p) == '[')) {
        struct step step = {NULL, 0, (uint32_t)p->at + 1};
        if (accept(p, '.'))
            rc = parse_name(p, &step.name, "a name after the \".\"");
        else
            rc = (p->at++, next(p) == '"' ? parse_quoted(p, &step.name) : parse_index(p, &step.index));
        steps = reserve(p->arena, steps, r->step_count, &capacity, sizeof *steps);
        steps[r->step_count++] = step;
    }
    r->steps = steps;
    return rc;
}

static int parse_json_value(struct parser *p, struct syntax_pin *pin) {
    struct error err = {0};
    size_t length = next(p) == '"' ? quoted_length(p->text + p->at) : bracketed_length(p->text + p->at);
    if (length == 0)
        return fail(p, p->at, "the value of \"%s\" does not end", pin->axis);
    pin->json = read_json(p, length, &err);
    if (!pin->json)
        return fail(p, p->at, "the value of \"%s\" is no JSON (%s)", pin->axis, err.message);
    p->at += length;
    return 0;
}

/* Reads a number, true, false or null; any other text is a string. */
static int parse_bare_value(struct parser *p, struct syntax_pin *pin) {
    size_t length = strcspn(p->text + p->at, ",[]{}\"$=");
    if (length == 0)
        return fail_expected(p, "a value after the \"=\"");
    const char *bytes = p->text + p->at;
    if (bytes[0] == ' ' || bytes[length - 1] == ' ')
        return fail(p, p->at, "remove the spaces around the value of \"%s\"", pin->axis);
    pin->json = read_json(p, length, NULL);
    if (!pin->json) {
        cJSON *text = cJSON_CreateString(arena_strndup(p->arena, bytes, length));
        arena_own(p->arena, text, delete_json);
        pin->json = text;
    }
    p->at += length;
    return 0;
}

static int parse_reference(struct parser *p, const struct syntax_reference **out);

static int parse_pin(struct parser *p, struct syntax_pin *pin) {
    pin->offset = p->at;
    int rc = parse_name(p, &pin->axis, "an axis (axis=value) or \"*\"");
    if (rc < 0)
        return rc;
    if (!accept(p, '='))
        return fail_expected(p, "\"=\" after the axis");
    char c = next(p);
    if (c == '*') {
        p->at++;
        pin->collect = true;
        return 0;
    }
    if (c == '"' || c == '{' || c == '[')
        return parse_json_value(p, pin);
    if (c == '$' && p->text[p->at + 1] == '{')
        return parse_reference(p, &pin->reference);
    return parse_bare_value(p, pin);
}

static int check_repeated_pin(struct parser *p, const struct syntax_pin *pins, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(pins[i].axis, pins[count].axis) == 0)
            return fail(p, pins[count].offset, "the axis \"%s\" is pinned twice; remove one pin", pins[i].axis);
    return 0;
}

static int parse_pins(struct parser *p, struct syntax_reference *r) {
    if (accept(p, '*')) {
        r->collect = true;
        return accept(p, ']') ? 0 : fail_expected(p, "\"]\" after the \"*\"");
    }
    struct syntax_pin *pins = NULL;
    size_t capacity = 0;
    do {
        struct syntax_pin pin = {.axis = ""};
        int rc = parse_pin(p, &pin);
        if (rc < 0)
            return rc;
        pins = reserve(p->arena, pins, r->pin_count, &capacity, sizeof *pins);
        pins[r->pin_count] = pin;
        rc = check_repeated_pin(p, pins, r->pin_count++);
        if (rc < 0)
            return rc;
    } while (accept(p, ','));
    r->pins = pins;
    return accept(p, ']') ? 0 : fail_expected(p, "\",\" or \"]\" after the value");
}

static bool is_include(const struct parser *p, const char *word) {
    for (size_t i = 0; i < p->include_count; i++)
        if (strcmp(p->includes[i], word) == 0)
            return true;
    return false;
}

static bool is_variable_name(const char *word) {
    return word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0';
}

/* The first word is no root: suggests the nearest. */
static int fail_root(struct parser *p, const char *word, size_t offset) {
    size_t count = ROOT_WORDS + p->include_count;
    const char **known = arena_array(p->arena, count, sizeof *known);
    memcpy(known, root_words, sizeof root_words);
    if (p->include_count)
        memcpy(known + ROOT_WORDS, p->includes, p->include_count * sizeof *known);
    const char *near = suggest_nearest(word, known, count);
    if (!near && is_variable_name(word))
        return fail(p, offset, "a reference cannot begin with \"%s\"; for a variable of the shell write $${%s}", word,
                    word);
    if (near)
        return fail(p, offset, "a reference cannot begin with \"%s\"; did you mean \"%s\"?", word, near);
    return fail(p, offset,
                "a reference cannot begin with \"%s\"; it begins with params, matrix, in, outs, checkpoint, cpus, "
                "stages or the name of an include",
                word);
}

/* Parses the name behind "stages." and its pins. */
static int parse_stage(struct parser *p, struct syntax_reference *r) {
    if (!accept(p, '.'))
        return fail_expected(p, "\".\" and a stage after \"stages\"");
    r->stage_offset = p->at;
    int rc = parse_name(p, &r->stage, "the name of a stage");
    if (rc == 0 && accept(p, '['))
        rc = parse_pins(p, r);
    return rc;
}

/* Parses the include before ".params" or ".stages"; `length`: its bytes. */
static int parse_include(struct parser *p, struct syntax_reference *r, size_t length) {
    const char *include = arena_strndup(p->arena, p->text + p->at, length);
    size_t offset = p->at;
    p->at += length;
    if (!accept(p, '.'))
        return is_include(p, include)
                   ? fail(p, p->at, "expected \".params\" or \".stages\" after the include \"%s\"", include)
                   : fail_root(p, include, offset);
    const char *word = p->text + p->at;
    length = name_length(word);
    if (length == 0)
        return fail_expected(p, "\"params\" or \"stages\"");
    int root = find_root(word, length);
    if (root < 0 || (roots[root] != REFERENCE_PARAMS && roots[root] != REFERENCE_STAGE))
        return is_include(p, include)
                   ? fail(p, p->at, "\"%.*s\" cannot follow the include \"%s\"; allowed: params, stages", (int)length,
                          word, include)
                   : fail_root(p, include, offset);
    r->include = include;
    r->include_offset = offset;
    return 0;
}

static int parse_body(struct parser *p, struct syntax_reference *r) {
    int rc = 0;
    size_t length = name_length(p->text + p->at);
    if (length == 0)
        return fail_expected(p, "params, matrix, in, outs, checkpoint, cpus, stages or the name of an include");
    if (find_root(p->text + p->at, length) < 0)
        rc = parse_include(p, r, length);
    if (rc < 0)
        return rc;
    length = name_length(p->text + p->at);
    r->root = roots[find_root(p->text + p->at, length)];
    p->at += length;
    if (r->root == REFERENCE_STAGE)
        rc = parse_stage(p, r);
    if (rc == 0)
        rc = parse_steps(p, r);
    if (rc == 0 && !accept(p, '}'))
        rc = fail_expected(p, "\".\", \"[\" or \"}\"");
    return rc;
}

static int parse_reference(struct parser *p, const struct syntax_reference **out) {
    struct syntax_reference *r = p->first ? p->first : arena_alloc(p->arena, sizeof *r);
    p->first = NULL;
    r->begin = p->at;
    if (++p->depth > MAX_NESTING)
        return fail(p, p->at, "references are nested deeper than %d", MAX_NESTING);
    p->at += 2; /* "${" */
    int rc = parse_body(p, r);
    p->depth--;
    r->end = p->at;
    bool whole = r->begin == 0 && !p->text[r->end];
    r->text = whole ? p->text : arena_strndup(p->arena, p->text + r->begin, r->end - r->begin);
    *out = r;
    return rc;
}

/* The bytes up to the next reference or the end. */
static size_t text_length(const char *text) {
    size_t length = 0;
    while (text[length] && strncmp(text + length, "${", 2) != 0)
        length += strncmp(text + length, "$${", 3) == 0 ? 3 : 1;
    return length;
}

/* Parses text up to the next reference and unescapes "$${". */
static const char *parse_text(struct parser *p) {
    size_t end = p->at + text_length(p->text + p->at);
    char *out = arena_alloc(p->arena, end - p->at + 1);
    size_t size = 0;
    while (p->at < end) {
        if (strncmp(p->text + p->at, "$${", 3) == 0) {
            p->at += 3;
            out[size++] = '$';
            out[size++] = '{';
        } else {
            out[size++] = p->text[p->at++];
        }
    }
    return out;
}

int template_parse(struct syntax_template *out, struct arena *arena, const char *text, const char *const *includes,
                   size_t include_count, struct syntax_fault *fault) {
    struct parser p = {arena, text, 0, includes, include_count, fault, &out->first, 0};
    struct syntax_part *parts = out->few;
    size_t capacity = sizeof out->few / sizeof *out->few;
    *out = (struct syntax_template){0};
    do {
        struct syntax_part part = {0};
        if (strncmp(text + p.at, "${", 2) == 0) {
            int rc = parse_reference(&p, &part.reference);
            if (rc < 0)
                return rc;
        } else {
            part.text = parse_text(&p);
        }
        parts = reserve(arena, parts, out->count, &capacity, sizeof *parts);
        parts[out->count++] = part;
    } while (text[p.at]);
    out->parts = parts;
    return 0;
}

const char *steps_joined(struct arena *arena, const struct step *steps, size_t count) {
    const char *joined = steps[0].name;
    for (size_t i = 1; i < count; i++)
        joined = arena_printf(arena, "%s.%s", joined, steps[i].name);
    return joined;
}
