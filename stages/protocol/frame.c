#include <string.h>

#include "engine/base/json.h"
#include "stages/protocol/attempt.h"

void frame_write(struct buffer *out, enum frame_type type, const cJSON *body) {
    struct buffer text = {0};
    if (body)
        json_canonical(&text, body);
    struct frame_head head = {.type = type, .size = (uint32_t)text.size};
    buffer_append(out, &head, sizeof head);
    buffer_append(out, buffer_text(&text), text.size);
    buffer_close(&text);
}

static int parse_body(cJSON **body, const char *text, size_t size, struct error *err) {
    struct json_document *document = NULL;
    *body = NULL;
    if (size == 0)
        return 0;
    if (json_parse(&document, text, size, NULL, err) < 0)
        return ERR_CORRUPT;
    *body = json_detach(document);
    return 0;
}

int frame_read(struct buffer *in, enum frame_type *type, cJSON **body, struct error *err) {
    struct frame_head head;
    if (in->size < sizeof head)
        return 0;
    memcpy(&head, in->data, sizeof head);
    if (head.type < FRAME_ATTEMPT || head.type > FRAME_RESULT || head.size > FRAME_MAX_BYTES)
        return error_set(err, ERR_CORRUPT, "the attempt protocol is broken");
    if (in->size < sizeof head + head.size)
        return 0;
    int rc = parse_body(body, in->data + sizeof head, head.size, err);
    *type = (enum frame_type)head.type;
    buffer_remove(in, sizeof head + head.size);
    return rc < 0 ? rc : 1;
}
