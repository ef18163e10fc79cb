#include "engine/base/json_scan.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/utf8.h"

enum {
    MAX_NUMBER_LENGTH = 63, /* cJSON copies a number into 64 bytes and stumbles over the rest */
    END = -1
};

#define NO_KEY SIZE_MAX

struct scanner {
    const unsigned char *text;
    size_t size;
    size_t offset;
    int depth;
    bool marking;
    struct json_mark *marks;
    size_t count;
    size_t capacity;
    struct json_position last; /* the place of `last_offset`: marks come in the order of the text */
    size_t last_offset;
    bool escaped; /* the last string has escapes */
    bool loose;   /* take the odd numbers too */
    struct json_odd *odd;
    size_t odd_count, odd_capacity;
    struct json_position *at;
    struct error *err;
};

static int peek(const struct scanner *s) {
    return s->offset < s->size ? s->text[s->offset] : END;
}

/* Counts from the last place, or from the start for an offset before it. */
static struct json_position place_of(struct scanner *s, size_t offset) {
    if (offset < s->last_offset) {
        s->last = (struct json_position){1, 1};
        s->last_offset = 0;
    }
    for (; s->last_offset < offset; s->last_offset++) {
        unsigned char c = s->text[s->last_offset];
        if (c == '\n') {
            s->last.line++;
            s->last.column = 1;
        } else if ((c & 0xC0) != 0x80) { /* the later bytes of a character are no columns */
            s->last.column++;
        }
    }
    return s->last;
}

static int fail_at(struct scanner *s, size_t offset, const char *what) {
    *s->at = place_of(s, offset);
    return error_set(s->err, ERR_INVALID, "%zu:%zu: %s", s->at->line, s->at->column, what);
}

/* "expected ..., found ...". */
static int fail_expected(struct scanner *s, const char *expected) {
    char what[160];
    int c = peek(s);
    if (c == END)
        snprintf(what, sizeof what, "expected %s, found the end of the text", expected);
    else if (c > 0x20 && c < 0x7F)
        snprintf(what, sizeof what, "expected %s, found '%c'", expected, c);
    else
        snprintf(what, sizeof what, "expected %s, found the byte 0x%02x", expected, (unsigned)c);
    return fail_at(s, s->offset, what);
}

static void skip_space(struct scanner *s) {
    for (int c = peek(s); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(s))
        s->offset++;
}

/* Reads the four digits after "\u". */
static int scan_hex4(struct scanner *s, unsigned *unit) {
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        int c = peek(s);
        if (c >= '0' && c <= '9')
            *unit = *unit * 16 + (unsigned)(c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            *unit = *unit * 16 + (unsigned)((c | 0x20) - 'a' + 10);
        else
            return fail_expected(s, "four hexadecimal digits after \\u");
        s->offset++;
    }
    return 0;
}

/* Reads the digits after "\u"; `start` is the offset of the backslash. */
static int scan_unicode_escape(struct scanner *s, size_t start) {
    unsigned unit;
    unsigned low;
    int rc = scan_hex4(s, &unit);
    if (rc < 0)
        return rc;
    if (unit == 0)
        return fail_at(s, start, "\\u0000 is not allowed: no text here holds a NUL");
    if (unit >= 0xDC00 && unit <= 0xDFFF)
        return fail_at(s, start, "the second half of a surrogate pair has no first half");
    if (unit < 0xD800 || unit > 0xDBFF)
        return 0;
    if (peek(s) != '\\' || s->offset + 1 >= s->size || s->text[s->offset + 1] != 'u')
        return fail_at(s, start, "the first half of a surrogate pair has no second half");
    s->offset += 2;
    rc = scan_hex4(s, &low);
    if (rc < 0)
        return rc;
    if (low < 0xDC00 || low > 0xDFFF)
        return fail_at(s, start, "the first half of a surrogate pair has no second half");
    return 0;
}

static int scan_escape(struct scanner *s) {
    size_t start = s->offset;
    s->offset++;
    int c = peek(s);
    if (c == END || c == 0 || !strchr("\"\\/bfnrtu", c))
        return fail_expected(s, "one of \" \\ / b f n r t u after \\");
    s->offset++;
    return c == 'u' ? scan_unicode_escape(s, start) : 0;
}

/* Skips printable ASCII except quotes and backslashes. */
static void skip_plain(struct scanner *s) {
    size_t i = s->offset;
    while (i < s->size && s->text[i] >= 0x20 && s->text[i] < 0x80 && s->text[i] != '"' && s->text[i] != '\\')
        i++;
    s->offset = i;
}

static int scan_string(struct scanner *s) {
    size_t start = s->offset++;
    s->escaped = false;
    for (;;) {
        skip_plain(s);
        int c = peek(s);
        int rc = 0;
        if (c == END)
            return fail_at(s, start, "this string is not closed");
        if (c == '"') {
            s->offset++;
            return 0;
        }
        if (c == '\\') {
            s->escaped = true;
            rc = scan_escape(s);
        } else if (c < 0x20) {
            char what[96];
            snprintf(what, sizeof what, "a control character in a string must be written as \\u%04x", (unsigned)c);
            rc = fail_at(s, s->offset, c == 0 ? "a NUL byte in a string" : what);
        } else {
            uint32_t character;
            size_t length = utf8_read(&character, s->text + s->offset, s->size - s->offset);
            rc = length ? 0 : fail_at(s, s->offset, "this is not UTF-8");
            s->offset += length;
        }
        if (rc < 0)
            return rc;
    }
}

static size_t scan_digits(struct scanner *s) {
    size_t count = 0;
    for (; peek(s) >= '0' && peek(s) <= '9'; count++)
        s->offset++;
    return count;
}

/* Compares a whole number's digits with 2^53 as text: 2^53 + 1 as a double would pass. */
static bool integer_fits(const unsigned char *digits, size_t length) {
    static const char largest[] = "9007199254740992";
    const size_t most = sizeof largest - 1;
    return length < most || (length == most && memcmp(digits, largest, most) <= 0);
}

/* Beyond 2^53 a whole number is exact if the nearest double is written with the same digits. That holds for numbers
   of our own writer, which must be readable. */
static bool is_exact(const char *text, double value) {
    struct buffer again = {0};
    json_number(&again, value);
    bool same = strcmp(buffer_text(&again), text) == 0;
    buffer_close(&again);
    return same;
}

/* Takes the number from `start` as an odd one, if that may be; `what` is the fault. */
static int odd_number(struct scanner *s, size_t start, bool whole, const char *what) {
    if (!s->loose)
        return fail_at(s, start, what);
    mem_grow(s->odd, &s->odd_capacity, s->odd_count + 1);
    s->odd[s->odd_count++] = (struct json_odd){start, s->offset - start, whole};
    return 0;
}

static int check_number(struct scanner *s, size_t start, bool integer, cJSON *node) {
    const unsigned char *text = s->text + start;
    size_t length = s->offset - start;
    if (length > MAX_NUMBER_LENGTH)
        return odd_number(s, start, integer, "this number has more than 63 characters");
    size_t sign = text[0] == '-';
    bool fits = integer && integer_fits(text + sign, length - sign);
    if (fits && !node)
        return 0;
    char copy[MAX_NUMBER_LENGTH + 1];
    memcpy(copy, text, length);
    copy[length] = '\0';
    double value = strtod(copy, NULL);
    if (node)
        cJSON_SetNumberHelper(node, value);
    if (integer && !fits && !is_exact(copy, value))
        return odd_number(s, start, true,
                          "this integer is beyond 2^53 (9007199254740992) and would be rounded; write it as a string");
    if (!isfinite(value))
        return odd_number(s, start, integer, "this number is beyond the largest double (1.7976931348623157e308)");
    return 0;
}

/* ---- the tree ---- */

/* Zeroed memory of cJSON's hooks, which never return NULL. */
static void *allocate(size_t size) {
    return memset(cJSON_malloc(size), 0, size);
}

/* A node without a name, behind the other children; as in cJSON, `prev` of the first one is the last. */
static cJSON *add_child(cJSON *parent) {
    cJSON *child = allocate(sizeof *child), *first = parent->child;
    if (!first) {
        parent->child = child->prev = child;
        return child;
    }
    child->prev = first->prev;
    first->prev->next = child;
    first->prev = child;
    return child;
}

/* The string that begins at `start` and has just been read. cJSON resolves escapes. */
static char *take_text(const struct scanner *s, size_t start) {
    const char *quoted = (const char *)s->text + start;
    size_t length = s->offset - start;
    if (s->escaped) {
        cJSON *node = cJSON_ParseWithLength(quoted, length);
        char *text = node->valuestring;
        node->valuestring = NULL;
        cJSON_Delete(node);
        return text;
    }
    char *text = cJSON_malloc(length - 1);
    memcpy(text, quoted + 1, length - 2);
    text[length - 2] = '\0';
    return text;
}

/* ---- values; `node` gets the value unless it is NULL ---- */

static int scan_word(struct scanner *s, const char *word) {
    size_t length = strlen(word);
    if (s->size - s->offset < length || memcmp(s->text + s->offset, word, length) != 0)
        return fail_expected(s, "a value (an object, array, string, number, true, false or null)");
    s->offset += length;
    return 0;
}

/* A number that is none, from `start` on; the sign is read. */
static int scan_nonfinite(struct scanner *s, size_t start, const char *word) {
    int rc = scan_word(s, word);
    return rc < 0 ? rc : odd_number(s, start, false, word);
}

static int scan_number(struct scanner *s, cJSON *node) {
    size_t start = s->offset;
    bool integer = true;
    if (peek(s) == '-')
        s->offset++;
    if (s->loose && peek(s) == 'I')
        return scan_nonfinite(s, start, "Infinity");
    if (peek(s) == '0') {
        s->offset++;
        if (peek(s) >= '0' && peek(s) <= '9')
            return fail_at(s, start, "a number may not start with 0 and more digits");
    } else if (scan_digits(s) == 0) {
        return fail_expected(s, "a digit");
    }
    if (peek(s) == '.') {
        integer = false;
        s->offset++;
        if (scan_digits(s) == 0)
            return fail_expected(s, "a digit after the decimal point");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        integer = false;
        s->offset++;
        if (peek(s) == '+' || peek(s) == '-')
            s->offset++;
        if (scan_digits(s) == 0)
            return fail_expected(s, "a digit in the exponent");
    }
    return check_number(s, start, integer, node);
}

static int scan_value(struct scanner *s, size_t key, cJSON *node);

/* After an element: 1 if another follows, 0 after the closing bracket. */
static int scan_separator(struct scanner *s, int close) {
    skip_space(s);
    int c = peek(s);
    if (c != ',' && c != close)
        return fail_expected(s, close == ']' ? "',' or ']'" : "',' or '}'");
    size_t comma = s->offset++;
    if (c == close)
        return 0;
    skip_space(s);
    if (peek(s) == close)
        return fail_at(s, comma, "remove the comma before the closing bracket");
    return 1;
}

static int scan_member(struct scanner *s, cJSON *node) {
    size_t key = s->offset;
    if (peek(s) != '"')
        return fail_expected(s, "a member name in double quotes");
    int rc = scan_string(s);
    if (rc < 0)
        return rc;
    if (node)
        node->string = take_text(s, key);
    skip_space(s);
    if (peek(s) != ':')
        return fail_expected(s, "':' after the member name");
    s->offset++;
    skip_space(s);
    return scan_value(s, key, node);
}

static int scan_container(struct scanner *s, int close, cJSON *node) {
    if (++s->depth > JSON_MAX_DEPTH)
        return fail_at(s, s->offset, "arrays and objects are nested more than 100 deep");
    s->offset++;
    skip_space(s);
    int more = peek(s) != close;
    if (!more)
        s->offset++;
    while (more > 0) {
        cJSON *child = node ? add_child(node) : NULL;
        int rc = close == ']' ? scan_value(s, NO_KEY, child) : scan_member(s, child);
        more = rc < 0 ? rc : scan_separator(s, close);
    }
    s->depth--;
    return more;
}

static void mark(struct scanner *s, size_t key) {
    struct json_mark m = {.offset = s->offset};
    if (key != NO_KEY)
        m.key = place_of(s, key);
    m.value = place_of(s, s->offset);
    mem_grow(s->marks, &s->capacity, s->count + 1);
    s->marks[s->count++] = m;
}

/* A string that is a value, not a name. */
static int scan_text(struct scanner *s, cJSON *node) {
    size_t start = s->offset;
    int rc = scan_string(s);
    if (rc == 0 && node)
        node->valuestring = take_text(s, start);
    return rc;
}

static int type_of(int c) {
    switch (c) {
    case '{':
        return cJSON_Object;
    case '[':
        return cJSON_Array;
    case '"':
        return cJSON_String;
    case 't':
        return cJSON_True;
    case 'f':
        return cJSON_False;
    default:
        return c == '-' || (c >= '0' && c <= '9') ? cJSON_Number : cJSON_NULL;
    }
}

/* `key`: the offset of its name, or NO_KEY. */
static int scan_value(struct scanner *s, size_t key, cJSON *node) {
    if (s->marking)
        mark(s, key);
    int c = peek(s), type = type_of(c);
    if (node) {
        node->type = type;
        node->valueint = type == cJSON_True; /* as cJSON has it */
    }
    switch (type) {
    case cJSON_Object:
        return scan_container(s, '}', node);
    case cJSON_Array:
        return scan_container(s, ']', node);
    case cJSON_String:
        return scan_text(s, node);
    case cJSON_Number:
        return scan_number(s, node);
    case cJSON_True:
        return scan_word(s, "true");
    case cJSON_False:
        return scan_word(s, "false");
    default:
        if (s->loose && (c == 'N' || c == 'I'))
            return scan_nonfinite(s, s->offset, c == 'N' ? "NaN" : "Infinity");
        return scan_word(s, "null");
    }
}

static int scan(struct scanner *s, cJSON *root) {
    int rc = 0;
    if (s->size > JSON_MAX_BYTES)
        rc = fail_at(s, 0, "the text is longer than 64 MiB");
    else if (s->size >= 3 && memcmp(s->text, "\xEF\xBB\xBF", 3) == 0)
        rc = fail_at(s, 0, "the text starts with a byte order mark; save it as UTF-8 without one");
    if (rc < 0)
        return rc;
    skip_space(s);
    rc = scan_value(s, NO_KEY, root);
    if (rc < 0)
        return rc;
    skip_space(s);
    return peek(s) == END ? 0 : fail_expected(s, "nothing more after the value");
}

static struct scanner begin(const char *text, size_t size) {
    return (struct scanner){.text = (const unsigned char *)text, .size = size, .last = {1, 1}};
}

int json_scan(const char *text, size_t size, struct json_position *at, struct error *err) {
    struct scanner s = begin(text, size);
    s.at = at;
    s.err = err;
    return scan(&s, NULL);
}

int json_build(cJSON **out, const char *text, size_t size, struct json_position *at, struct error *err) {
    struct scanner s = begin(text, size);
    s.at = at;
    s.err = err;
    cJSON *root = allocate(sizeof *root);
    int rc = scan(&s, root);
    if (rc < 0)
        cJSON_Delete(root);
    else
        *out = root;
    return rc;
}

int json_scan_loose(struct json_odd **odd, size_t *count, const char *text, size_t size, struct json_position *at,
                    struct error *err) {
    struct scanner s = begin(text, size);
    s.at = at;
    s.err = err;
    s.loose = true;
    int rc = scan(&s, NULL);
    *odd = s.odd;
    *count = s.odd_count;
    return rc;
}

struct json_mark *json_marks(const char *text, size_t size, size_t *count) {
    struct json_position at;
    struct scanner s = begin(text, size);
    s.at = &at;
    s.marking = true;
    *count = scan(&s, NULL) < 0 ? 0 : s.count;
    return s.marks;
}
