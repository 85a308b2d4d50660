/* SPDX-License-Identifier: MIT */
#include "message_text.h"

#include <inttypes.h>

#include "base/guid.h"
#include "check.h"

enum { TEXT_MAX = 1 << 18 };

static void append_bytes(struct buf *out, struct str bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        buf_append_format(out, "%02x", (uint8_t)bytes.data[i]);
    }
}

static void append_value(struct buf *out, const struct amqp_value *value)
{
    struct guid guid;
    char guid_chars[GUID_TEXT_SIZE];
    int64_t number = 0;
    buf_append_format(out, "%s ", amqp_type_name(value->type));
    if (amqp_whole_number(value, &number)) {
        buf_append_format(out, "%" PRId64, number);
    } else if (value->type == AMQP_TIMESTAMP) {
        buf_append_format(out, "%" PRId64, value->i);
    } else if (value->type == AMQP_STRING || value->type == AMQP_SYMBOL) {
        buf_append_str(out, value->bytes);
    } else if (value->type == AMQP_UUID) {
        memcpy(guid.bytes, value->bytes.data, GUID_SIZE);
        guid_text(&guid, guid_chars);
        buf_append_str(out, str_from(guid_chars));
    } else if (value->type == AMQP_BINARY) {
        append_bytes(out, value->bytes);
    }
}

static void append_map(struct buf *out, char mark, const struct amqp_value *map)
{
    struct amqp_value name;
    struct amqp_value value;
    if (map->type != AMQP_MAP) {
        return;
    }
    struct amqp_reader pairs = amqp_reader_inside(map);
    while (amqp_map_next(&pairs, &name, &value)) {
        /* SDKs look for symbols in the one kind of map, for strings in the other. */
        assert_int_equal(name.type, mark == '@' ? AMQP_SYMBOL : AMQP_STRING);
        buf_append_byte(out, (uint8_t)mark);
        buf_append_str(out, name.bytes);
        buf_append_byte(out, '=');
        append_value(out, &value);
        buf_append_byte(out, ';');
    }
}

static void append_properties(struct buf *out, const struct amqp_message *message)
{
    static const char *const names[AMQP_PROPERTY_COUNT] = {
        "message-id",        "user-id",          "to",
        "subject",           "reply-to",         "correlation-id",
        "content-type",      "content-encoding", "absolute-expiry-time",
        "creation-time",     "group-id",         "group-sequence",
        "reply-to-group-id",
    };
    for (size_t i = 0; i < AMQP_PROPERTY_COUNT; i++) {
        if (message->properties[i].type != AMQP_NULL) {
            buf_append_format(out, "%s=", names[i]);
            append_value(out, &message->properties[i]);
            buf_append_byte(out, ';');
        }
    }
}

const char *message_text(struct str bytes)
{
    static char text[TEXT_MAX];
    CLEANUP(buf_finish) struct buf out = BUF_INIT(TEXT_MAX - 1);
    struct amqp_message message;
    struct problem problem;
    struct str data;
    text[0] = '\0';
    if (bytes.size == 0) {
        return text;
    }
    assert_true(amqp_message_read(bytes, &message, &problem));
    append_map(&out, '@', &message.annotations);
    append_properties(&out, &message);
    append_map(&out, '#', &message.application);
    assert_int_equal(message.body_is, AMQP_SECTION_DATA); /* Java casts it, and it must be there */
    assert_true(message.body_count > 0);
    buf_append_str(&out, STR("> "));
    struct amqp_reader sections = amqp_body(&message);
    while (amqp_body_next(&sections, &data)) {
        buf_append_str(&out, data);
    }
    assert_int_equal(buf_status(&out), STATUS_OK);
    memcpy(text, out.data, out.size + 1);
    return text;
}

struct str message_of(const struct message_parts *parts)
{
    static char kept[2][TEXT_MAX];
    static unsigned turn;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(TEXT_MAX);
    struct amqp_value properties[AMQP_PROPERTY_COUNT] = {
        [AMQP_MESSAGE_ID] = parts->message_id,
        [AMQP_TO] = parts->to,
        [AMQP_CORRELATION_ID] = parts->correlation_id,
        [AMQP_ABSOLUTE_EXPIRY_TIME] = parts->expiry,
    };
    amqp_append_annotations(&out, AMQP_SECTION_ANNOTATIONS, parts->annotations,
                            parts->annotation_count);
    amqp_append_properties(&out, properties);
    amqp_append_application(&out, parts->application, parts->application_count);
    amqp_append_data(&out, parts->body);
    assert_int_equal(buf_status(&out), STATUS_OK);
    turn = (turn + 1) % 2;
    memcpy(kept[turn], out.data, out.size);
    return str_of(kept[turn], out.size);
}
