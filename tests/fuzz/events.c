/* Events of a stage: in pieces of any size they say the same. The first byte is the size of the pieces. */
#include <string.h>

#include "engine/attempt/events.h"
#include "engine/base/buffer.h"
#include "tests/fuzz/fuzz.h"

static void take_progress(void *context, double done, double total, const char *unit) {
    buffer_printf(context, "progress %a %a %s\n", done, total, unit ? unit : "");
}

static void take_metric(void *context, const char *name, double step, double value) {
    buffer_printf(context, "metric %s %a %a\n", name, step, value);
}

static void take_note(void *context, const char *text) {
    buffer_printf(context, "note %s\n", text);
}

static size_t feed(struct buffer *said, const char *bytes, size_t size, size_t piece) {
    struct event_reader r = {.context = said, .progress = take_progress, .metric = take_metric, .note = take_note};
    for (size_t at = 0; at < size; at += piece)
        events_feed(&r, bytes + at, size - at < piece ? size - at : piece);
    size_t refused = r.refused;
    HOLDS(r.line.size <= EVENTS_LINE_LIMIT);
    events_close(&r);
    return refused;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buffer whole = {0};
    struct buffer pieces = {0};
    if (size < 2)
        return 0;
    const char *bytes = (const char *)data + 1;
    size_t refused = feed(&whole, bytes, size - 1, size - 1);
    HOLDS(feed(&pieces, bytes, size - 1, (size_t)data[0] + 1) == refused);
    HOLDS(strcmp(buffer_text(&whole), buffer_text(&pieces)) == 0);
    buffer_close(&whole);
    buffer_close(&pieces);
    return 0;
}
