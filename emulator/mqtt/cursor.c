/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "mqtt/cursor_internal.h"

void cursor_init(struct cursor *cursor, struct str body, struct problem *problem)
{
    *cursor = (struct cursor){.left = body, .problem = problem};
}

void cursor_refuse(struct cursor *cursor, const char *format, ...)
{
    if (cursor->failed) {
        return;
    }
    cursor->failed = true;
    cursor->left = STR_EMPTY;
    char text[PROBLEM_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    problem_set(cursor->problem, cursor->offset, "%s", text);
}

static struct str take(struct cursor *cursor, size_t size, const char *what)
{
    if (size > cursor->left.size) {
        cursor_refuse(cursor, "the packet ends inside its %s: %zu bytes wanted, %zu left", what,
                      size, cursor->left.size);
        return STR_EMPTY;
    }
    const struct str taken = str_of(cursor->left.data, size);
    cursor->left = str_skip(cursor->left, size);
    cursor->offset += size;
    return taken;
}

uint8_t cursor_byte(struct cursor *cursor, const char *what)
{
    const struct str byte = take(cursor, 1, what);
    return byte.size == 1 ? (uint8_t)byte.data[0] : 0;
}

uint16_t cursor_u16(struct cursor *cursor, const char *what)
{
    const struct str bytes = take(cursor, 2, what);
    if (bytes.size != 2) {
        return 0;
    }
    return (uint16_t)((uint8_t)bytes.data[0] << 8 | (uint8_t)bytes.data[1]);
}

struct str cursor_binary(struct cursor *cursor, const char *what)
{
    const uint16_t size = cursor_u16(cursor, what);
    return take(cursor, size, what);
}

struct str cursor_text(struct cursor *cursor, const char *what)
{
    const struct str text = cursor_binary(cursor, what);
    if (str_find(text, '\0') != SIZE_MAX) {
        cursor_refuse(cursor, "the %s contains the character U+0000 [MQTT-1.5.3-2]", what);
        return STR_EMPTY;
    }
    if (!str_is_utf8(text)) {
        cursor_refuse(cursor, "the %s is not well-formed UTF-8 [MQTT-1.5.3-1]", what);
        return STR_EMPTY;
    }
    return text;
}

struct str cursor_rest(struct cursor *cursor)
{
    return take(cursor, cursor->left.size, "payload");
}

uint16_t cursor_packet_id(struct cursor *cursor)
{
    const uint16_t id = cursor_u16(cursor, "packet identifier");
    if (id == 0) {
        cursor_refuse(cursor, "the packet identifier is 0 [MQTT-2.3.1-1]");
    }
    return id;
}

bool cursor_finish(struct cursor *cursor)
{
    if (!cursor->failed && cursor->left.size > 0) {
        cursor_refuse(cursor, "%zu bytes follow the last field of the packet", cursor->left.size);
    }
    return !cursor->failed;
}
