#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/json.h"
#include "stages/kinds/shared.h"

const char *const architecture_choices[] = {"laptop", "deeprx", NULL};
const char *const feature_choices[] = {"raw", "ls", "mrc", NULL};

const struct param label_element = {.name = "label", .type = PARAM_STRING};
const struct param ladder_element = {.name = "channels", .type = PARAM_INTEGER, .min = 1, .max = 4096};
static const struct param dilation_element = {.name = "dilation", .type = PARAM_INTEGER, .min = 1, .max = 64};

static const struct param block_members[] = {
    INTEGER("width", NULL, 0, 4096, "0", "Channels that every size has; the block has width + scale * s."),
    INTEGER("scale", NULL, 0, 16, "0", "How many times the ladder's s is added to the width."),
    LIST("dilation", dilation_element, 2, 2, "[1,1]",
         "Dilation of both depthwise convolutions: over symbols, over subcarriers."),
};
const struct param block_element = {
    .name = "block", .type = PARAM_OBJECT, .members = block_members, .member_count = COUNT_OF(block_members)};

struct rung {
    const char *size;
    int s;
};
struct preset {
    const char *name;
    int depth_multiplier, block_count;
    struct network_block blocks[11];
    struct rung ladder[6];
};

/* Source of the blocks: DeepRx's publication. The ladders make the MAC ratios 7 : 11 : 19 : 30 : 125 : 164 of the
   paper, to the nearest even width. */
static const struct preset presets[] = {
    {"laptop",
     1,
     5,
     {{16, 0, 1, 1}, {0, 1, 2, 3}, {0, 2, 3, 6}, {0, 1, 2, 3}, {16, 0, 1, 1}},
     {{"7", 8}, {"11", 16}, {"19", 24}, {"30", 32}, {"125", 72}, {"164", 88}}},
    {"deeprx",
     2,
     11,
     {{64, 0, 1, 1},
      {64, 0, 1, 1},
      {0, 1, 2, 3},
      {0, 1, 2, 3},
      {0, 2, 2, 3},
      {0, 2, 3, 6},
      {0, 2, 2, 3},
      {0, 1, 2, 3},
      {0, 1, 2, 3},
      {64, 0, 1, 1},
      {64, 0, 1, 1}},
     {{"7", 52}, {"11", 72}, {"19", 100}, {"30", 128}, {"125", 272}, {"164", 316}}},
};

/* NULL for a name that is no preset: its own fault is reported elsewhere. */
static const struct preset *preset_find(const cJSON *with) {
    const char *name = json_text(with, "architecture", "laptop");
    for (size_t i = 0; i < COUNT_OF(presets); i++)
        if (strcmp(presets[i].name, name) == 0)
            return &presets[i];
    return NULL;
}

/* 0 where the ladder has no such size; `names` gets the sizes that it has. */
static int ladder_find(const struct preset *preset, const cJSON *ladder, const char *size, struct buffer *names) {
    int s = 0;
    if (cJSON_IsObject(ladder) && ladder->child) {
        for (const cJSON *rung = ladder->child; rung; rung = rung->next) {
            buffer_printf(names, "%s%s", names->size ? ", " : "", rung->string);
            if (strcmp(rung->string, size) == 0 && cJSON_IsNumber(rung))
                s = (int)rung->valuedouble;
        }
        return s;
    }
    for (size_t i = 0; i < COUNT_OF(preset->ladder); i++) {
        buffer_printf(names, "%s%s", names->size ? ", " : "", preset->ladder[i].size);
        if (strcmp(preset->ladder[i].size, size) == 0)
            s = preset->ladder[i].s;
    }
    return s;
}

static void blocks_read(struct network_shape *out, const cJSON *blocks) {
    out->block_count = 0;
    for (const cJSON *b = blocks->child; b && out->block_count < NETWORK_MAX_BLOCKS; b = b->next) {
        const cJSON *dilation = cJSON_GetObjectItemCaseSensitive(b, "dilation");
        struct network_block *block = &out->blocks[out->block_count++];
        block->width = (int)json_double(b, "width", 0);
        block->scale = (int)json_double(b, "scale", 0);
        block->dilation_time = dilation ? cJSON_GetArrayItem(dilation, 0)->valueint : 1;
        block->dilation_frequency = dilation ? cJSON_GetArrayItem(dilation, 1)->valueint : 1;
    }
}

int network_shape_read(struct network_shape *out, const cJSON *with, struct error *err) {
    const struct preset *preset = preset_find(with);
    if (!preset)
        return error_set(err, ERR_INVALID, "no architecture \"%s\"", json_text(with, "architecture", ""));
    struct buffer size = {0}, names = {0};
    json_number(&size, json_double(with, "size", 0));
    out->s = ladder_find(preset, cJSON_GetObjectItemCaseSensitive(with, "ladder"), buffer_text(&size), &names);
    int rc = 0;
    if (out->s < 1)
        rc = error_set(err, ERR_INVALID, "the ladder has no size %s; it has %s", buffer_text(&size),
                       buffer_text(&names));
    buffer_close(&size);
    buffer_close(&names);
    out->depth_multiplier = (int)json_double(with, "depth_multiplier", 0);
    if (out->depth_multiplier == 0)
        out->depth_multiplier = preset->depth_multiplier;
    out->block_count = preset->block_count;
    memcpy(out->blocks, preset->blocks, sizeof preset->blocks);
    const cJSON *blocks = cJSON_GetObjectItemCaseSensitive(with, "blocks");
    if (cJSON_IsArray(blocks) && blocks->child)
        blocks_read(out, blocks);
    return rc;
}

static void size_check(const cJSON *with, struct kind_checker *c) {
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(with, "size");
    const cJSON *ladder = cJSON_GetObjectItemCaseSensitive(with, "ladder");
    const cJSON *architecture = cJSON_GetObjectItemCaseSensitive(with, "architecture");
    const struct preset *preset = preset_find(with);
    if (!cJSON_IsNumber(size) || !preset || checker_open(c, ladder) || checker_open(c, architecture))
        return;
    struct buffer text = {0}, names = {0};
    json_number(&text, size->valuedouble);
    if (ladder_find(preset, ladder, buffer_text(&text), &names) < 1 &&
        !(cJSON_IsObject(ladder) && cJSON_GetObjectItemCaseSensitive(ladder, buffer_text(&text))))
        checker_fault(c, size, false, "\"size\" is %s, which the ladder has not; allowed are %s", buffer_text(&text),
                      buffer_text(&names));
    buffer_close(&text);
    buffer_close(&names);
}

void network_check(const cJSON *with, struct kind_checker *c) {
    size_check(with, c);
    const cJSON *blocks = cJSON_GetObjectItemCaseSensitive(with, "blocks");
    if (!cJSON_IsArray(blocks) || checker_open(c, blocks))
        return;
    for (const cJSON *block = blocks->child; block; block = block->next) {
        const cJSON *width = cJSON_GetObjectItemCaseSensitive(block, "width");
        const cJSON *scale = cJSON_GetObjectItemCaseSensitive(block, "scale");
        bool known = cJSON_IsObject(block) && !checker_open(c, block) && (!width || cJSON_IsNumber(width)) &&
                     (!scale || cJSON_IsNumber(scale));
        if (known && json_double(block, "width", 0) <= 0 && json_double(block, "scale", 0) <= 0)
            checker_fault(c, block, false, "a block without channels; \"width\" or \"scale\" must be at least 1");
    }
}
