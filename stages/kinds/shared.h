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

/* Rows of a table of parameters. `text` is the default as JSON text; NULL: the parameter must be given. `least` and
   `most` are the limits of a number, or of the count of items; both 0: no limit. */
#define INTEGER(id, of_unit, least, most, text, sentence)                                                              \
    { .name = id, .type = PARAM_INTEGER, .unit = of_unit, .min = least, .max = most, .fallback = text, .doc = sentence }
#define NUMBER(id, of_unit, least, most, text, sentence)                                                               \
    { .name = id, .type = PARAM_NUMBER, .unit = of_unit, .min = least, .max = most, .fallback = text, .doc = sentence }
#define BOOLEAN(id, text, sentence)                                                                                    \
    { .name = id, .type = PARAM_BOOLEAN, .fallback = text, .doc = sentence }
#define TEXT(id, text, sentence)                                                                                       \
    { .name = id, .type = PARAM_STRING, .fallback = text, .doc = sentence }
#define CHOICE(id, list, text, sentence)                                                                               \
    { .name = id, .type = PARAM_CHOICE, .choices = list, .fallback = text, .doc = sentence }
#define ITEMS(of_type, id, element, least, most, text, sentence)                                                       \
    {                                                                                                                  \
        .name = id, .type = of_type, .members = &(element), .member_count = 1, .min_items = least, .max_items = most,  \
        .fallback = text, .doc = sentence                                                                              \
    }
#define LIST(id, element, least, most, text, sentence) ITEMS(PARAM_LIST, id, element, least, most, text, sentence)
#define MAP(id, element, least, most, text, sentence) ITEMS(PARAM_MAP, id, element, least, most, text, sentence)
#define ASCENDING(id, element, of_unit, least, most, text, sentence)                                                   \
    {                                                                                                                  \
        .name = id, .type = PARAM_LIST, .unit = of_unit, .members = &(element), .member_count = 1, .min_items = least, \
        .max_items = most, .ascending = true, .fallback = text, .doc = sentence                                        \
    }
#define OBJECT(id, list, text, sentence)                                                                               \
    {                                                                                                                  \
        .name = id, .type = PARAM_OBJECT, .members = list, .member_count = COUNT_OF(list), .fallback = text,           \
        .doc = sentence                                                                                                \
    }

/* The tables of a kind. */
#define KIND_PARAMS(list) .params = list, .param_count = COUNT_OF(list)
#define KIND_INPUTS(list) .inputs = list, .input_count = COUNT_OF(list)
#define KIND_OUTS(list) .outs = list, .out_count = COUNT_OF(list)
#define KIND_METRICS(list) .metrics = list, .metric_count = COUNT_OF(list)

#define PARAM_LINK                                                                                                     \
    OBJECT("link", link_members, "{}", "The radio link that slots are drawn from; what is left out is as below.")

#define GRID_DB "[-4,-2,0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32]"

#define PARAM_SINR_GRID                                                                                                \
    ASCENDING("sinr_db", sinr_element, "dB", 1, 200, GRID_DB,                                                          \
              "SINR points of the grid. With interference, SIR and SNR are both SINR + 3.01 dB.")

#define PARAM_DEMAPPER                                                                                                 \
    CHOICE("demapper", demapper_choices, "\"max-log\"",                                                                \
           "How the classical receivers make log-likelihood ratios: `exact` sums over all levels of a dimension, "     \
           "`max-log` takes the nearest of each side.")

#define PARAM_SEED(text, sentence) INTEGER("seed", NULL, 0, 9007199254740991.0, text, sentence)

#define PARAM_FEATURES                                                                                                 \
    CHOICE("features", feature_choices, "\"raw\"",                                                                     \
           "Network input: `raw` is DeepRx's (4R+2 channels for R antennas); `ls` has the interpolated LS "            \
           "estimate in place of the raw one (4R+2); `mrc` has the matched-filter output and its gain besides "        \
           "(4R+5).")

/* Five parameters that together say the network's shape. */
#define PARAMS_NETWORK(size_fallback)                                                                                  \
    CHOICE("architecture", architecture_choices, "\"laptop\"",                                                         \
           "Preset of blocks, depth multiplier and ladder: `deeprx` as published (11 blocks), or `laptop`, five "      \
           "blocks for a small machine."),                                                                             \
        NUMBER("size", NULL, 0, 1e6, size_fallback,                                                                    \
               "The network's size by the figure that the paper gives it, one of the ladder's: 7, 11, 19, 30, 125 "    \
               "or 164 without a `ladder` of your own."),                                                              \
        MAP("ladder", ladder_element, 0, 0, "{}",                                                                      \
            "Channels s of the scaled blocks by size, such as {\"11\": 16}; empty: the architecture's own."),          \
        LIST("blocks", block_element, 0, NETWORK_MAX_BLOCKS, "[]",                                                     \
             "Residual blocks in order; empty: the architecture's own."),                                              \
        INTEGER("depth_multiplier", NULL, 0, 8, "0",                                                                   \
                "Outputs a channel of every depthwise convolution; 0: the architecture's own.")

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
