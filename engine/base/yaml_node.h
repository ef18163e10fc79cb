/* A question about a node of libyaml that its tree does not answer. */
#ifndef RETORT_BASE_YAML_NODE_H
#define RETORT_BASE_YAML_NODE_H

#include <stdbool.h>
#include <yaml.h>

/* Whether a scalar of `text` is written without quotes and without "!!str": its form decides what it is. */
bool yaml_is_plain(const yaml_node_t *node, const char *text);

#endif
