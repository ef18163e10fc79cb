/* The version of Retort, as `retort --version` and every record show it. */
#ifndef RETORT_ENGINE_VERSION_H
#define RETORT_ENGINE_VERSION_H

#define RETORT_VERSION "0.1.0"

#endif
