/* The numbers of {"range": ...} and {"logspace": ...}. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pipeline/axes.h"

/* ---- range ---- */

/* digits * 10^exponent. Sums of decimals are exact: 0 to 0.3 by 0.1 has 0.3, which sums of doubles miss. */
struct decimal {
    int64_t digits;
    int exponent;
};

enum { MOST_DIGITS = 17 }; /* a double needs no more */

/* The shortest decimal that is this double. */
static struct decimal decimal_of(double number) {
    char text[32];
    int behind = 0; /* digits behind the point */
    snprintf(text, sizeof text, "%.0e", number);
    while (behind < MOST_DIGITS - 1 && strtod(text, NULL) != number)
        snprintf(text, sizeof text, "%.*e", ++behind, number);
    int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10) - behind;
    char *point = strchr(text, '.');
    if (point)
        memmove(point, point + 1, strlen(point));
    return (struct decimal){strtoll(text, NULL, 10), exponent};
}

/* Writes a decimal with a smaller exponent. False: it has too many digits then. */
static bool lower_exponent(struct decimal *d, int exponent) {
    for (; d->digits && d->exponent > exponent; d->exponent--) {
        if (llabs(d->digits) > INT64_MAX / 40) /* the difference of two must fit too */
            return false;
        d->digits *= 10;
    }
    d->exponent = exponent;
    return true;
}

/* Writes all with one exponent, that of the finest. */
static bool align(struct decimal *numbers, size_t count) {
    int exponent = 0;
    bool good = true;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (numbers[i].digits && (!any || numbers[i].exponent < exponent))
            exponent = numbers[i].exponent;
        any |= numbers[i].digits != 0;
    }
    for (size_t i = 0; i < count; i++)
        good &= lower_exponent(&numbers[i], exponent);
    return good;
}

static double decimal_double(int64_t digits, int exponent) {
    char text[48];
    snprintf(text, sizeof text, "%llde%d", (long long)digits, exponent);
    return strtod(text, NULL);
}

/* Reads the object of a form, whose members must all be there: the numbers `keys` and, unless NULL, "count". */
static bool read_members(struct part *part, const cJSON *spec, double min, double max, const char *const *keys,
                         double *numbers, size_t number_count, int *count) {
    if (!cJSON_IsObject(spec)) {
        report_value(part, spec, "\"%s\" is an object with %s; found %s", spec->string, join(part->reader, keys, 3),
                     describe(part->reader, spec));
        return false;
    }
    check_keys(part, spec, keys, 3);
    bool good = true;
    for (size_t i = 0; i < 3; i++) {
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(spec, keys[i]);
        if (!member)
            report_value(part, spec, "\"%s\" needs \"%s\"", spec->string, keys[i]);
        good &= member && (i < number_count ? read_number(part, member, min, max, &numbers[i])
                                            : read_integer(part, member, 2, MAX_AXIS_VALUES, count));
    }
    return good;
}

/* The steps from start to stop; negative after a reported fault. */
static int64_t count_steps(struct part *part, const cJSON *spec, struct decimal *start_stop_step) {
    const struct decimal *n = start_stop_step;
    if (!align(start_stop_step, 3)) {
        report_value(part, spec, "the numbers of \"range\" have too many digits together; list the values instead");
        return -1;
    }
    int64_t distance = n[1].digits - n[0].digits, step = n[2].digits;
    if (step == 0 || (distance != 0 && (distance < 0) != (step < 0))) {
        report_value(part, cJSON_GetObjectItemCaseSensitive(spec, "step"),
                     "\"step\" does not lead from \"start\" to \"stop\"; make it %s than zero",
                     distance < 0 ? "less" : "more");
        return -1;
    }
    if (distance / step < MAX_AXIS_VALUES)
        return distance / step;
    report_value(part, spec, "\"range\" has more than %d values; make \"step\" larger", MAX_AXIS_VALUES);
    return -1;
}

cJSON *axis_range(struct part *part, const cJSON *axis) {
    const cJSON *spec = cJSON_GetObjectItemCaseSensitive(axis, "range");
    static const char *const keys[] = {"start", "stop", "step"};
    double read[3];
    struct decimal n[3];
    if (!read_members(part, spec, -INFINITY, INFINITY, keys, read, 3, NULL))
        return NULL;
    for (size_t i = 0; i < 3; i++)
        n[i] = decimal_of(read[i]);
    int64_t steps = count_steps(part, spec, n);
    if (steps < 0)
        return NULL;
    cJSON *list = cJSON_CreateArray();
    for (int64_t i = 0; i <= steps; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(decimal_double(n[0].digits + i * n[2].digits, n[0].exponent)));
    return list;
}

/* ---- logspace ---- */

double axis_round(double number) {
    char text[32];
    snprintf(text, sizeof text, "%.11e", number);
    return strtod(text, NULL);
}

/* Uses square roots and products, which IEEE 754 rounds in one way everywhere. Their error is below the digits kept. */
double axis_geometric(double low, double high, double share) {
    double root = sqrt(high) / sqrt(low); /* high / low could be too large for a double */
    double value = low;
    if (share >= 1)
        return high;
    while (share > 0) { /* its binary digits: 0.5 is a square root */
        share *= 2;
        if (share >= 1) {
            value *= root;
            share -= 1;
        }
        root = sqrt(root);
    }
    return axis_round(value);
}

cJSON *axis_logspace(struct part *part, const cJSON *axis) {
    const cJSON *spec = cJSON_GetObjectItemCaseSensitive(axis, "logspace");
    static const char *const keys[] = {"start", "stop", "count"};
    double ends[2];
    int count = 0;
    if (!read_members(part, spec, AXIS_LEAST, AXIS_MOST, keys, ends, 2, &count))
        return NULL;
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < count; i++) {
        double value = i ? axis_geometric(ends[0], ends[1], (double)i / (count - 1)) : ends[0];
        cJSON_AddItemToArray(list, cJSON_CreateNumber(value));
    }
    return list;
}
