#include "engine/pipeline/quantity.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

static const char *skip_digits(const char *c) {
    while (*c >= '0' && *c <= '9')
        c++;
    return c;
}

static bool parse(double *out, const char *text, const struct unit *units, size_t count) {
    const char *end = skip_digits(text);
    if (end == text)
        return false;
    if (*end == '.') {
        const char *fraction = end + 1;
        end = skip_digits(fraction);
        if (end == fraction)
            return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(end, units[i].name) != 0)
            continue;
        *out = strtod(text, NULL) * units[i].factor;
        return *out <= 0x1p53; /* exact as an integer, in JSON too */
    }
    return false;
}

static bool parse_integer(uint64_t *out, const char *text, const struct unit *units, size_t count) {
    double value = 0;
    if (!parse(&value, text, units, count))
        return false;
    *out = (uint64_t)value;
    return true;
}

bool quantity_bytes(uint64_t *out, const char *text) {
    static const struct unit units[] = {{"B", 1},        {"kB", 1e3},     {"MB", 1e6},     {"GB", 1e9},    {"TB", 1e12},
                                        {"KiB", 1024.0}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
    return parse_integer(out, text, units, sizeof units / sizeof *units);
}

bool quantity_duration(uint64_t *out_ms, const char *text) {
    static const struct unit units[] = {{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}};
    return parse_integer(out_ms, text, units, sizeof units / sizeof *units);
}

bool quantity_energy(double *out_j, const char *text) {
    static const struct unit units[] = {{"J", 1}, {"kJ", 1e3}, {"MJ", 1e6}, {"GJ", 1e9}, {"Wh", 3600}, {"kWh", 3600e3}};
    return parse(out_j, text, units, sizeof units / sizeof *units);
}
