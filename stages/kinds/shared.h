/*
 * Parameters that several kinds share, said once: the link, the network's architecture, the grid of a BER curve.
 */
#ifndef RETORT_STAGES_KINDS_SHARED_H
#define RETORT_STAGES_KINDS_SHARED_H

#include "stages/kinds/kind.h"
#include "stages/kinds/kind_check.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { LINK_MEMBERS = 11, NETWORK_MAX_BLOCKS = 32 };

extern const struct param link_members[LINK_MEMBERS];
extern const struct param sinr_element, label_element, profile_element, ladder_element, block_element;
extern const char *const architecture_choices[], *const feature_choices[], *const demapper_choices[];

#define PARAM_LINK                                                                                                     \
    {                                                                                                                  \
        .name = "link", .type = PARAM_OBJECT, .fallback = "{}", .members = link_members, .member_count = LINK_MEMBERS, \
        .doc = "The radio link that slots are drawn from; what is left out is as below."                               \
    }

#define GRID_DB "[-4,-2,0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32]"

#define PARAM_SINR_GRID                                                                                                \
    {                                                                                                                  \
        .name = "sinr_db", .type = PARAM_LIST, .unit = "dB", .members = &sinr_element, .member_count = 1,              \
        .min_items = 1, .max_items = 200, .ascending = true, .fallback = GRID_DB,                                      \
        .doc = "SINR points of the grid. With interference, SIR and SNR are both SINR + 3.01 dB."                      \
    }

#define PARAM_DEMAPPER                                                                                                 \
    {                                                                                                                  \
        .name = "demapper", .type = PARAM_CHOICE, .choices = demapper_choices, .fallback = "\"max-log\"",              \
        .doc = "How the classical receivers make log-likelihood ratios: `exact` sums over all levels of a dimension, " \
               "`max-log` takes the nearest of each side."                                                             \
    }

#define PARAM_SEED(text, sentence)                                                                                     \
    { .name = "seed", .type = PARAM_INTEGER, .min = 0, .max = 9007199254740991.0, .fallback = text, .doc = sentence }

#define PARAM_FEATURES                                                                                                 \
    {                                                                                                                  \
        .name = "features", .type = PARAM_CHOICE, .choices = feature_choices, .fallback = "\"raw\"",                   \
        .doc = "Network input: `raw` is DeepRx's (4R+2 channels for R antennas); `ls` has the interpolated LS "        \
               "estimate in place of the raw one (4R+2); `mrc` has the matched-filter output and its gain besides "    \
               "(4R+5)."                                                                                               \
    }

/* Five parameters that together say the network's shape. */
#define PARAMS_NETWORK(size_fallback)                                                                                  \
    {.name = "architecture",                                                                                           \
     .type = PARAM_CHOICE,                                                                                             \
     .choices = architecture_choices,                                                                                  \
     .fallback = "\"laptop\"",                                                                                         \
     .doc = "Preset of blocks, depth multiplier and ladder: `deeprx` as published (11 blocks), or `laptop`, five "     \
            "blocks for a small machine."},                                                                            \
        {.name = "size",                                                                                               \
         .type = PARAM_NUMBER,                                                                                         \
         .fallback = size_fallback,                                                                                    \
         .min = 0,                                                                                                     \
         .max = 1e6,                                                                                                   \
         .doc = "The network's size by the figure that the paper gives it, one of the ladder's: 7, 11, 19, 30, 125 "   \
                "or 164 without a `ladder` of your own."},                                                             \
        {.name = "ladder",                                                                                             \
         .type = PARAM_MAP,                                                                                            \
         .members = &ladder_element,                                                                                   \
         .member_count = 1,                                                                                            \
         .fallback = "{}",                                                                                             \
         .doc = "Channels s of the scaled blocks by size, such as {\"11\": 16}; empty: the architecture's own."},      \
        {.name = "blocks",                                                                                             \
         .type = PARAM_LIST,                                                                                           \
         .members = &block_element,                                                                                    \
         .member_count = 1,                                                                                            \
         .max_items = NETWORK_MAX_BLOCKS,                                                                              \
         .fallback = "[]",                                                                                             \
         .doc = "Residual blocks in order; empty: the architecture's own."},                                           \
    {                                                                                                                  \
        .name = "depth_multiplier", .type = PARAM_INTEGER, .min = 0, .max = 8, .fallback = "0",                        \
        .doc = "Outputs a channel of every depthwise convolution; 0: the architecture's own."                          \
    }

/* The same shape for code: block channels are width + scale * s. */
struct network_block {
    int width, scale;
    int dilation_time, dilation_frequency;
};
struct network_shape {
    int s; /* the channels that the ladder gives `size` */
    int depth_multiplier;
    int block_count;
    struct network_block blocks[NETWORK_MAX_BLOCKS];
};

/* Reads a complete and valid `with`. ERR_INVALID for a size that the ladder has not. */
int network_shape_read(struct network_shape *out, const cJSON *with, struct error *err);

/* A kind's check: the size stands in the ladder, no block without channels. */
void network_check(const cJSON *with, struct kind_checker *checker);

#endif
