#include "engine/base/suggest.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

static size_t min3(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Optimal string alignment, with rows a[0..i-1), a[0..i), a[0..i] of the usual table. */
size_t suggest_distance(const char *a, const char *b) {
    size_t rows = strlen(a);
    size_t columns = strlen(b);
    size_t *memory = mem_array(3 * (columns + 1), sizeof *memory);
    size_t *before = memory;
    size_t *last = before + columns + 1;
    size_t *row = last + columns + 1;
    for (size_t j = 0; j <= columns; j++)
        last[j] = j;
    for (size_t i = 1; i <= rows; i++) {
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    size_t distance = last[columns];
    free(memory);
    return distance;
}

/* Words of other tools, with ours. */
static const char *const equivalents[][2] = {
    {"status", "plan"},       {"repro", "run"},    {"build", "run"},         {"exp", "run"},
    {"resume", "run"},        {"dag", "graph"},    {"clean", "gc"},          {"prune", "gc"},
    {"validate", "check"},    {"lint", "check"},   {"ls", "runs"},           {"history", "runs"},
    {"plots", "metrics"},     {"deps", "in"},      {"input", "in"},          {"inputs", "in"},
    {"output", "outs"},       {"outputs", "outs"}, {"command", "cmd"},       {"shell", "cmd"},
    {"script", "cmd"},        {"run", "cmd"},      {"foreach", "matrix"},    {"environment", "env"},
    {"rules", "stages"},      {"jobs", "stages"},  {"steps", "stages"},      {"vars", "params"},
    {"parameters", "params"}, {"cores", "jobs"},   {"threads", "resources"}, {"desc", "description"},
};

static const char *find_equivalent(const char *name, const char *const *candidates, size_t count) {
    for (size_t i = 0; i < sizeof equivalents / sizeof *equivalents; i++)
        for (size_t k = 0; strcmp(name, equivalents[i][0]) == 0 && k < count; k++)
            if (strcmp(candidates[k], equivalents[i][1]) == 0)
                return candidates[k];
    return NULL;
}

const char *suggest_nearest(const char *name, const char *const *candidates, size_t count) {
    const char *equivalent = find_equivalent(name, candidates, count);
    if (equivalent)
        return equivalent;
    const char *nearest = NULL;
    size_t least = 0;
    size_t name_length = strlen(name);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(candidates[i]);
        size_t longer = length > name_length ? length : name_length;
        size_t difference = longer - (length < name_length ? length : name_length);
        if (3 * difference > longer) /* each letter of difference costs an edit, so the rest need not be counted */
            continue;
        size_t distance = suggest_distance(name, candidates[i]);
        if (3 * distance <= longer && (!nearest || distance < least)) {
            nearest = candidates[i];
            least = distance;
        }
    }
    return nearest;
}

char *suggest_text(const char *name, const char *const *candidates, size_t count, const char *otherwise) {
    const char *nearest = suggest_nearest(name, candidates, count);
    return nearest ? mem_printf("; did you mean \"%s\"?", nearest) : mem_strdup(otherwise);
}
