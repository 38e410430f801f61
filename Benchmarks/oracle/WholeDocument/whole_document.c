#include "whole_document.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

typedef struct {
    unsigned char *bytes;
    size_t count, capacity;
} output;

static int append(void *context, unsigned char *bytes, size_t count) {
    output *to = context;
    if (to->count + count > to->capacity) {
        size_t capacity = (to->count + count) * 2;
        unsigned char *grown = realloc(to->bytes, capacity);
        if (!grown) return 0;
        to->bytes = grown;
        to->capacity = capacity;
    }
    memcpy(to->bytes + to->count, bytes, count);
    to->count += count;
    return 1;
}

size_t whole_document_round_trip(const unsigned char *bytes, size_t count) {
    yaml_parser_t parser;
    yaml_emitter_t emitter;
    output to = {0};
    int fine = 0, is_last = 0;
    if (!yaml_parser_initialize(&parser)) return 0;
    if (yaml_emitter_initialize(&emitter)) {
        yaml_parser_set_input_string(&parser, bytes, count);
        yaml_emitter_set_output(&emitter, append, &to);
        yaml_emitter_set_unicode(&emitter, 1);
        do {
            yaml_event_t event;
            fine = yaml_parser_parse(&parser, &event);
            if (!fine) break;
            is_last = event.type == YAML_STREAM_END_EVENT;
            fine = yaml_emitter_emit(&emitter, &event);
        } while (fine && !is_last);
        yaml_emitter_delete(&emitter);
    }
    yaml_parser_delete(&parser);
    free(to.bytes);
    return fine ? to.count : 0;
}
