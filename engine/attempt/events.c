#include "engine/attempt/events.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "engine/base/data.h"
#include "engine/base/json.h"

static bool on_progress(struct event_reader *r, const cJSON *p) {
    double done = json_double(p, "done", NAN);
    if (!isfinite(done))
        return false;
    if (r->progress)
        r->progress(r->context, done, json_double(p, "total", NAN), json_text(p, "unit", NULL));
    return true;
}

static bool on_metric(struct event_reader *r, const cJSON *m) {
    const char *name = json_text(m, "name", NULL);
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(m, "value");
    double value = NAN;
    if (!name || !(data_number(&value, given) || data_nonfinite(given)))
        return false;
    if (r->metric && isfinite(value))
        r->metric(r->context, name, json_double(m, "step", NAN), value);
    return true;
}

static bool on_event(struct event_reader *r, const cJSON *event) {
    const cJSON *progress = cJSON_GetObjectItemCaseSensitive(event, "progress");
    const cJSON *metric = cJSON_GetObjectItemCaseSensitive(event, "metric");
    const char *note = json_text(event, "note", NULL);
    if (progress)
        return on_progress(r, progress);
    if (metric)
        return on_metric(r, metric);
    if (note && r->note)
        r->note(r->context, note);
    return note != NULL;
}

static bool is_event(struct event_reader *r) {
    cJSON *event = NULL;
    bool is = data_parse(&event, "event", r->line.data, r->line.size, NULL) == 0 && on_event(r, event);
    cJSON_Delete(event);
    return is;
}

static void end_line(struct event_reader *r) {
    if (r->dropping || (r->line.size > 0 && !is_event(r)))
        r->refused++;
    buffer_clear(&r->line);
    r->dropping = false;
}

void events_feed(struct event_reader *r, const char *bytes, size_t size) {
    while (size > 0) {
        const char *newline = memchr(bytes, '\n', size);
        size_t length = newline ? (size_t)(newline - bytes) : size;
        if (r->line.size + length > EVENTS_LINE_LIMIT)
            r->dropping = true;
        if (!r->dropping)
            buffer_append(&r->line, bytes, length);
        if (!newline)
            return;
        end_line(r);
        bytes += length + 1;
        size -= length + 1;
    }
}

void events_close(struct event_reader *r) {
    buffer_close(&r->line);
}
