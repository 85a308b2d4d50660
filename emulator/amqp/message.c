/* SPDX-License-Identifier: MIT */
/* Sections: read, and written. */
#include "amqp/message.h"

/* ---- which types a field of the properties section may have ---- */

#define TYPE(type) (1U << (type))
#define AN_ID      (TYPE(AMQP_STRING) | TYPE(AMQP_UUID) | TYPE(AMQP_ULONG) | TYPE(AMQP_BINARY))
/* The standard has string for some of these and symbol for others; clients mix them up. */
#define A_TEXT (TYPE(AMQP_STRING) | TYPE(AMQP_SYMBOL))

static const struct {
    const char *name;
    unsigned types;
} fields[AMQP_PROPERTY_COUNT] = {
    [AMQP_MESSAGE_ID] = {"message-id", AN_ID},
    [AMQP_USER_ID] = {"user-id", TYPE(AMQP_BINARY) | A_TEXT},
    [AMQP_TO] = {"to", A_TEXT},
    [AMQP_SUBJECT] = {"subject", A_TEXT},
    [AMQP_REPLY_TO] = {"reply-to", A_TEXT},
    [AMQP_CORRELATION_ID] = {"correlation-id", AN_ID},
    [AMQP_CONTENT_TYPE] = {"content-type", A_TEXT},
    [AMQP_CONTENT_ENCODING] = {"content-encoding", A_TEXT},
    [AMQP_ABSOLUTE_EXPIRY_TIME] = {"absolute-expiry-time", TYPE(AMQP_TIMESTAMP)},
    [AMQP_CREATION_TIME] = {"creation-time", TYPE(AMQP_TIMESTAMP)},
    [AMQP_GROUP_ID] = {"group-id", A_TEXT},
    [AMQP_GROUP_SEQUENCE] = {"group-sequence", TYPE(AMQP_UINT)},
    [AMQP_REPLY_TO_GROUP_ID] = {"reply-to-group-id", A_TEXT},
};

static void read_properties(struct amqp_reader *reader, const struct amqp_value *list,
                            struct amqp_message *message)
{
    struct amqp_reader inside = amqp_reader_into(reader, list);
    if (list->count > AMQP_PROPERTY_COUNT) {
        amqp_reader_refuse(&inside, "more than %d properties", AMQP_PROPERTY_COUNT);
    }
    uint32_t i = 0;
    for (; i < list->count && !inside.failed; i++) { /* the last ones may be left out */
        struct amqp_value *value = &message->properties[i];
        if (!amqp_read(&inside, value)) {
            break;
        }
        if (value->type != AMQP_NULL && (fields[i].types & TYPE(value->type)) == 0) {
            amqp_reader_refuse(&inside, "a %s of type %s, which ends", fields[i].name,
                               amqp_type_name(value->type));
        }
    }
    message->property_count = i;
    reader->failed = inside.failed || !amqp_reader_finish(&inside, list, i);
}

static void read_through(struct amqp_reader *reader, const struct amqp_value *compound)
{
    struct amqp_reader inside = amqp_reader_into(reader, compound);
    reader->failed = !amqp_reader_finish(&inside, compound, 0);
}

static void read_application(struct amqp_reader *reader, const struct amqp_value *map)
{
    struct amqp_reader inside = amqp_reader_into(reader, map);
    struct amqp_value key;
    struct amqp_value value;
    uint32_t read_count = 0;
    while (read_count < map->count && amqp_map_next(&inside, &key, &value)) {
        if (key.type != AMQP_STRING && key.type != AMQP_SYMBOL) {
            amqp_reader_refuse(&inside, "an application property whose name is a %s ends",
                               amqp_type_name(key.type));
        }
        read_count += 2;
    }
    reader->failed = inside.failed || !amqp_reader_finish(&inside, map, read_count);
}

/* ---- sections ---- */

static const struct {
    const char *name;
    const char *descriptor;
    enum amqp_type type;
} sections[] = {
    [AMQP_SECTION_HEADER & 0xf] = {"header", "amqp:header:list", AMQP_LIST},
    [AMQP_SECTION_DELIVERY_ANNOTATIONS & 0xf] = {"delivery annotations",
                                                 "amqp:delivery-annotations:map", AMQP_MAP},
    [AMQP_SECTION_ANNOTATIONS & 0xf] = {"message annotations", "amqp:message-annotations:map",
                                        AMQP_MAP},
    [AMQP_SECTION_PROPERTIES & 0xf] = {"properties", "amqp:properties:list", AMQP_LIST},
    [AMQP_SECTION_APPLICATION & 0xf] = {"application properties", "amqp:application-properties:map",
                                        AMQP_MAP},
    [AMQP_SECTION_DATA & 0xf] = {"data", "amqp:data:binary", AMQP_BINARY},
    [AMQP_SECTION_SEQUENCE & 0xf] = {"sequence", "amqp:amqp-sequence:list", AMQP_LIST},
    [AMQP_SECTION_VALUE & 0xf] = {"value", "amqp:amqp-value:*", AMQP_NULL}, /* any */
    [AMQP_SECTION_FOOTER & 0xf] = {"footer", "amqp:footer:map", AMQP_MAP},
};

/* A descriptor is a number, or the same as a symbol. */
static bool section_of(const struct amqp_value *descriptor, enum amqp_section *ret_section)
{
    size_t i = 0;
    if (descriptor->type == AMQP_ULONG) {
        i = descriptor->u < AMQP_SECTION_HEADER ? ARRAY_SIZE(sections)
                                                : descriptor->u - AMQP_SECTION_HEADER;
    } else {
        while (i < ARRAY_SIZE(sections) &&
               !amqp_is_text(descriptor, str_from(sections[i].descriptor))) {
            i++;
        }
    }
    if (i >= ARRAY_SIZE(sections)) {
        return false;
    }
    *ret_section = (enum amqp_section)(AMQP_SECTION_HEADER + i);
    return true;
}

/* Descriptor and value, each of the kind it must be. */
static bool read_section(struct amqp_reader *reader, enum amqp_section *ret_section,
                         struct amqp_value *ret_value)
{
    enum amqp_section section = AMQP_SECTION_HEADER;
    struct amqp_value descriptor;
    struct amqp_value value;
    if (reader->left.data[0] != 0x00) {
        amqp_reader_refuse(reader, "something that is no section of a message");
        return false;
    }
    reader->left.data++; /* not str_skip(): at the end it leaves the bytes, and offsets with them */
    reader->left.size--;
    if (!amqp_read(reader, &descriptor)) {
        amqp_reader_refuse(reader, "a section without descriptor");
        return false;
    }
    if (!section_of(&descriptor, &section)) {
        amqp_reader_refuse(reader, "a section that messages do not have");
        return false;
    }
    const bool is_any = section == AMQP_SECTION_SEQUENCE || section == AMQP_SECTION_VALUE;
    if (!(is_any ? amqp_read(reader, &value) : amqp_read_outside(reader, &value))) {
        amqp_reader_refuse(reader, "a section without contents");
        return false;
    }
    const enum amqp_type wanted = sections[section & 0xf].type;
    if (wanted != AMQP_NULL && value.type != wanted) {
        amqp_reader_refuse(reader, "the %s section must be a %s and is a %s, which ends",
                           sections[section & 0xf].name, amqp_type_name(wanted),
                           amqp_type_name(value.type));
        return false;
    }
    *ret_section = section;
    *ret_value = value;
    return true;
}

static void add_body(struct amqp_reader *reader, enum amqp_section section,
                     const struct amqp_value *value, struct str from, struct amqp_message *message)
{
    const bool repeats = message->body_count > 0;
    if (repeats && (section != message->body_is || section == AMQP_SECTION_VALUE)) {
        amqp_reader_refuse(reader, "a second body, a %s, ends", sections[section & 0xf].name);
        return;
    }
    if (!repeats) {
        message->body_is = section;
        message->body = *value;
        message->body_sections = from;
    }
    message->body_count++;
}

static void add_section(struct amqp_reader *reader, enum amqp_section section,
                        const struct amqp_value *value, struct str from,
                        struct amqp_message *message)
{
    switch (section) {
    case AMQP_SECTION_HEADER:
    case AMQP_SECTION_DELIVERY_ANNOTATIONS:
    case AMQP_SECTION_FOOTER:
        read_through(reader, value);
        break;
    case AMQP_SECTION_ANNOTATIONS:
        read_through(reader, value);
        message->annotations = *value;
        break;
    case AMQP_SECTION_PROPERTIES:
        read_properties(reader, value, message);
        break;
    case AMQP_SECTION_APPLICATION:
        read_application(reader, value);
        message->application = *value;
        break;
    case AMQP_SECTION_DATA:
    case AMQP_SECTION_SEQUENCE:
    case AMQP_SECTION_VALUE:
        add_body(reader, section, value, from, message);
        break;
    }
}

static bool is_body(enum amqp_section section)
{
    return section >= AMQP_SECTION_DATA && section <= AMQP_SECTION_VALUE;
}

bool amqp_message_read(struct str bytes, struct amqp_message *ret_message, struct problem *problem)
{
    struct amqp_reader reader;
    struct amqp_message message = {.body_is = AMQP_SECTION_DATA};
    unsigned seen = 0; /* one bit a section */
    amqp_reader_init(&reader, bytes, problem);
    while (!reader.failed && reader.left.size > 0) {
        const struct str from = reader.left;
        enum amqp_section section = AMQP_SECTION_HEADER;
        struct amqp_value value;
        if (!read_section(&reader, &section, &value)) {
            return false;
        }
        const unsigned bit = 1U << (section & 0xf);
        if (!is_body(section) && (seen & bit) != 0) {
            amqp_reader_refuse(&reader, "a second %s section ends", sections[section & 0xf].name);
        } else if ((seen & 1U << (AMQP_SECTION_FOOTER & 0xf)) != 0) {
            amqp_reader_refuse(&reader, "a %s section after the footer ends",
                               sections[section & 0xf].name);
        } else if (section < AMQP_SECTION_DATA && message.body_count > 0) {
            amqp_reader_refuse(&reader, "a %s section after the body ends",
                               sections[section & 0xf].name);
        }
        seen |= bit;
        add_section(&reader, section, &value, from, &message);
    }
    if (reader.failed) {
        return false;
    }
    *ret_message = message;
    return true;
}

struct amqp_reader amqp_body(const struct amqp_message *message)
{
    return (struct amqp_reader){
        .left = message->body_is == AMQP_SECTION_DATA ? message->body_sections : STR_EMPTY,
        .checked = true,
    };
}

bool amqp_body_next(struct amqp_reader *sections_left, struct str *ret_data)
{
    enum amqp_section section = AMQP_SECTION_HEADER;
    struct amqp_value value;
    if (sections_left->failed || sections_left->left.size == 0 ||
        !read_section(sections_left, &section, &value) || section != AMQP_SECTION_DATA) {
        return false;
    }
    *ret_data = value.bytes;
    return true;
}

/* ---- writing ---- */

void amqp_append_annotations(struct buf *out, enum amqp_section section,
                             const struct amqp_entry *entries, size_t count)
{
    if (count == 0) {
        return;
    }
    amqp_append_descriptor(out, section);
    const struct amqp_open open = amqp_open_map(out);
    for (size_t i = 0; i < count; i++) {
        amqp_append_symbol(out, entries[i].name);
        amqp_append(out, &entries[i].value);
    }
    amqp_close(out, open, (uint32_t)(2 * count));
}

void amqp_append_properties(struct buf *out,
                            const struct amqp_value properties[AMQP_PROPERTY_COUNT])
{
    uint32_t count = AMQP_PROPERTY_COUNT;
    while (count > 0 && properties[count - 1].type == AMQP_NULL) {
        count--;
    }
    if (count == 0) {
        return;
    }
    amqp_append_descriptor(out, AMQP_SECTION_PROPERTIES);
    const struct amqp_open open = amqp_open_list(out);
    for (uint32_t i = 0; i < count; i++) {
        amqp_append(out, &properties[i]);
    }
    amqp_close(out, open, count);
}

void amqp_append_application(struct buf *out, const struct amqp_entry *entries, size_t count)
{
    if (count == 0) {
        return;
    }
    amqp_append_descriptor(out, AMQP_SECTION_APPLICATION);
    const struct amqp_open open = amqp_open_map(out);
    for (size_t i = 0; i < count; i++) {
        amqp_append_string(out, entries[i].name);
        amqp_append(out, &entries[i].value);
    }
    amqp_close(out, open, (uint32_t)(2 * count));
}

void amqp_append_data(struct buf *out, struct str body)
{
    amqp_append_descriptor(out, AMQP_SECTION_DATA);
    amqp_append_binary(out, body);
}

void amqp_append_value_section(struct buf *out)
{
    amqp_append_descriptor(out, AMQP_SECTION_VALUE);
}
