/* ECMAScript's Number::toString, which RFC 8785 prescribes. Source: ECMA-262, 6.1.6.1.20. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"

enum { MAX_DIGITS = 17, MAX_WHOLE = 20 };

/* A decimal number 0.d1d2d3... * 10^point. */
struct decimal {
    char digits[MAX_DIGITS + 2];
    int count;
    int point;
};

static double decimal_value(const struct decimal *d) {
    char text[MAX_DIGITS + 16];
    snprintf(text, sizeof text, "0.%se%d", d->digits, d->point);
    return strtod(text, NULL);
}

/* Rounds `value` to `count` digits. Returns the double that they read back as. */
static double decimal_round(struct decimal *d, double value, int count) {
    char text[MAX_DIGITS + 16];
    snprintf(text, sizeof text, "%.*e", count - 1, value);
    d->digits[0] = text[0];
    if (count > 1)
        memcpy(d->digits + 1, text + 2, (size_t)count - 1);
    d->digits[count] = '\0';
    d->count = count;
    d->point = (int)strtol(strchr(text, 'e') + 1, NULL, 10) + 1;
    return strtod(text, NULL);
}

/* Adds one unit in the last place. */
static void decimal_increment(struct decimal *d) {
    int i = d->count - 1;
    while (i >= 0 && d->digits[i] == '9')
        d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
        return;
    }
    d->digits[0] = '1';
    d->point++;
}

/* The shortest digits that read back as `value` (finite, above 0); of several the nearest. */
static void decimal_shortest(struct decimal *d, double value) {
    int exponent;
    bool power_of_two = frexp(value, &exponent) == 0.5;
    /* 15 digits survive a double in the normal range, so nothing shorter needs trying there. */
    for (int count = value < DBL_MIN ? 1 : DBL_DIG; count <= MAX_DIGITS; count++) {
        if (decimal_round(d, value, count) == value)
            break;
        /* Above a power of two, doubles are twice as far apart as below it. So the decimal above may read back
           though the nearer one below does not. Elsewhere the nearest decimal reads back if any does. */
        if (!power_of_two)
            continue;
        decimal_increment(d);
        if (decimal_value(d) == value)
            break;
    }
    while (d->count > 1 && d->digits[d->count - 1] == '0')
        d->digits[--d->count] = '\0';
}

static void append_decimal(struct buffer *out, const struct decimal *d) {
    if (d->count <= d->point && d->point <= 21) {
        buffer_puts(out, d->digits);
        for (int i = d->count; i < d->point; i++)
            buffer_putc(out, '0');
    } else if (0 < d->point && d->point <= 21) {
        buffer_printf(out, "%.*s.%s", d->point, d->digits, d->digits + d->point);
    } else if (-6 < d->point && d->point <= 0) {
        buffer_puts(out, "0.");
        for (int i = d->point; i < 0; i++)
            buffer_putc(out, '0');
        buffer_puts(out, d->digits);
    } else {
        buffer_printf(out, "%c%s%se%+d", d->digits[0], d->count > 1 ? "." : "", d->digits + 1, d->point - 1);
    }
}

/* The decimal digits of a whole number, at least `least` of them. */
static void append_whole(struct buffer *out, uint64_t value, int least) {
    char digits[MAX_WHOLE];
    int first = MAX_WHOLE;
    while (value > 0 || first > MAX_WHOLE - least) {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    }
    buffer_append(out, digits + first, (size_t)(MAX_WHOLE - first));
}

/* A number of nanoseconds, or of other billionths, with at most 15 digits: no shorter decimal reads back as the same
   double. Returns false for every other value. */
static bool append_billionths(struct buffer *out, double value) {
    static const uint32_t unit = 1000000000;
    double scaled = round(value * unit);
    if (value < 1e-6 || scaled >= 1e15 || scaled / unit != value)
        return false;
    uint64_t rest = (uint64_t)scaled % unit;
    int digits = 9;
    for (; digits > 1 && rest % 10 == 0; digits--)
        rest /= 10;
    append_whole(out, (uint64_t)scaled / unit, 1);
    buffer_putc(out, '.');
    append_whole(out, rest, digits);
    return true;
}

void json_number(struct buffer *out, double value) {
    if (!isfinite(value)) {
        buffer_puts(out, "null");
        return;
    }
    struct decimal d = {0};
    double size = fabs(value);
    if (value < 0) /* not -0 */
        buffer_putc(out, '-');
    if (size <= 0x1p53 && size == trunc(size)) {
        append_whole(out, (uint64_t)size, 1);
    } else if (!append_billionths(out, size)) {
        decimal_shortest(&d, size);
        append_decimal(out, &d);
    }
}
