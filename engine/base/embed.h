/*
 * A file of the repository as bytes of the program: no generator, no second copy. The path is relative to the
 * repository's root, where the compiler runs. The Makefile names the file as a dependency of the object.
 *
 *   EMBED_FILE(schema_json, "pipelines/schema/x.json")
 *   declares   const char schema_json[] up to schema_json_end[], where a NUL follows
 */
#ifndef RETORT_BASE_EMBED_H
#define RETORT_BASE_EMBED_H

#define EMBED_FILE(name, path)                                                                                         \
    __asm__(".pushsection .rodata\n" #name ":\n"                                                                       \
            ".incbin \"" path "\"\n" #name "_end:\n"                                                                   \
            ".byte 0\n"                                                                                                \
            ".popsection\n");                                                                                          \
    extern const char name[] __attribute__((visibility("hidden")));                                                    \
    extern const char name##_end[] __attribute__((visibility("hidden")))

#endif
