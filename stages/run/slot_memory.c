#include "stages/run/slot_memory.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

enum { ALIGNMENT = 64 };

void *slot_array(size_t bytes) {
    size_t rounded = (bytes / ALIGNMENT + 1) * ALIGNMENT;
    return memset(mem_checked(aligned_alloc(ALIGNMENT, rounded)), 0, rounded);
}

struct slot_memory *slot_memory_create(const struct link_config *link, const struct parallel *p,
                                       size_t workspace_bytes) {
    size_t generate = link_generate_workspace_bytes(link), features = link_features_workspace_bytes(link);
    size_t making = generate > features ? generate : features;
    size_t threads = (size_t)parallel_threads(p);
    struct slot_memory *list = mem_array(threads, sizeof *list);
    for (size_t i = 0; i < threads; i++) {
        list[i].block = slot_array(link_slot_bytes(link));
        list[i].workspace = slot_array(workspace_bytes > making ? workspace_bytes : making);
        link_slot_place(&list[i].slot, link, list[i].block);
    }
    return list;
}

void slot_memory_free(struct slot_memory *list, const struct parallel *p) {
    for (int i = 0; list && i < parallel_threads(p); i++) {
        free(list[i].block);
        free(list[i].workspace);
    }
    free(list);
}
