/* The environment of a stage: nothing but this is inherited. */
#ifndef RETORT_ENGINE_ATTEMPT_ENVIRONMENT_H
#define RETORT_ENGINE_ATTEMPT_ENVIRONMENT_H

struct attempt;

/* NULL-terminated list of "NAME=value"; no name stands twice. The caller frees with environment_free. */
char **environment_create(struct attempt *a);

/* The value of a variable; "": there is none. */
const char *environment_value(char *const *environment, const char *name);
void environment_free(char **environment);

#endif
