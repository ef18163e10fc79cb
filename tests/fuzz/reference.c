/* The text syntaxes of a pipeline: templates with references, overrides, quantities. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/pipeline/pipeline.h"
#include "engine/pipeline/quantity.h"
#include "engine/pipeline/reference.h"
#include "tests/fuzz/fuzz.h"

static void hold_reference(const struct syntax_reference *r, size_t length);

static void hold_pins(const struct syntax_reference *r, size_t length) {
    for (size_t i = 0; i < r->pin_count; i++) {
        const struct syntax_pin *pin = &r->pins[i];
        HOLDS(name_is_valid(pin->axis) && pin->offset <= length);
        HOLDS(pin->collect + (pin->json != NULL) + (pin->reference != NULL) == 1);
        if (pin->reference)
            hold_reference(pin->reference, length);
    }
}

static void hold_reference(const struct syntax_reference *r, size_t length) {
    HOLDS(r->begin < r->end && r->end <= length);
    HOLDS(strncmp(r->text, "${", 2) == 0 && r->text[strlen(r->text) - 1] == '}');
    HOLDS(r->root != REFERENCE_STAGE || name_is_valid(r->stage));
    for (size_t i = 0; i < r->step_count; i++)
        HOLDS(!r->steps[i].name || name_is_valid(r->steps[i].name));
    hold_pins(r, length);
}

static void give_template(const char *text) {
    static const char *const includes[] = {"link", "plots"};
    struct arena *arena = arena_create();
    struct syntax_template t = {0};
    struct syntax_fault fault = {0};
    size_t length = strlen(text);
    if (template_parse(&t, arena, text, includes, 2, &fault) < 0) {
        HOLDS(fault.offset <= length && *fault.message);
    } else {
        HOLDS(t.count > 0);
        for (size_t i = 0; i < t.count; i++) {
            HOLDS(!t.parts[i].text != !t.parts[i].reference);
            if (t.parts[i].reference)
                hold_reference(t.parts[i].reference, length);
        }
    }
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct override override = {0};
    struct error err = {0};
    uint64_t whole;
    double joules;
    char *text = mem_strndup(size ? (const char *)data : "", size);
    give_template(text);
    if (override_parse(&override, text, &err) == 0)
        override_close(&override);
    quantity_bytes(&whole, text);
    quantity_duration(&whole, text);
    HOLDS(!quantity_energy(&joules, text) || joules >= 0);
    free(text);
    return 0;
}
