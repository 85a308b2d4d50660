/* SPDX-License-Identifier: MIT */
#ifndef AMQP_MESSAGE_H
#define AMQP_MESSAGE_H

/*
 * Messages: the bytes of a transfer as sections (AMQP 1.0 part 3, 3.2), sections as the hub's
 * message, and both ways back.
 *
 *   amqp_message_read(bytes, &message, &problem)            sections, in the bytes
 *   amqp_message_to_hub(&message, &arena, &hub_message ...) what hub_telemetry() takes
 *   amqp_append_hub_message(out, &hub_message, annotations, count)
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/value.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"
#include "hub/hub.h"

/* The message format of a transfer whose data sections are whole messages (device protocol
 * reference, 9.5). */
#define AMQP_FORMAT_BATCH 0x80013700U

/* The properties section, in the order of the wire (3.2.4). */
enum amqp_property {
    AMQP_MESSAGE_ID,
    AMQP_USER_ID,
    AMQP_TO,
    AMQP_SUBJECT,
    AMQP_REPLY_TO,
    AMQP_CORRELATION_ID,
    AMQP_CONTENT_TYPE,
    AMQP_CONTENT_ENCODING,
    AMQP_ABSOLUTE_EXPIRY_TIME,
    AMQP_CREATION_TIME,
    AMQP_GROUP_ID,
    AMQP_GROUP_SEQUENCE,
    AMQP_REPLY_TO_GROUP_ID,
    AMQP_PROPERTY_COUNT,
};

enum amqp_section {
    AMQP_SECTION_HEADER = 0x70,
    AMQP_SECTION_DELIVERY_ANNOTATIONS,
    AMQP_SECTION_ANNOTATIONS,
    AMQP_SECTION_PROPERTIES,
    AMQP_SECTION_APPLICATION,
    AMQP_SECTION_DATA,
    AMQP_SECTION_SEQUENCE,
    AMQP_SECTION_VALUE,
    AMQP_SECTION_FOOTER,
};

/* ---- reading ---- */

/* A message that was read; everything in it points into its bytes. What was not sent is
 * AMQP_NULL. */
struct amqp_message {
    struct amqp_value annotations; /* a map */
    struct amqp_value properties[AMQP_PROPERTY_COUNT];
    uint32_t property_count;       /* of these, all up to here came: most messages have none */
    struct amqp_value application; /* a map */
    /* The body: data sections, sequences or one value. */
    enum amqp_section body_is; /* AMQP_SECTION_DATA when there is none */
    size_t body_count;         /* of sections */
    struct amqp_value body;    /* of the first: binary, list, or the value */
    struct str body_sections;  /* from the first to the end of the message */
};

/* False when the bytes are malformed; the problem says where and why. The sections before the body
 * may come in any order: the C SDK sends its annotations after the application properties. */
MUST_CHECK bool amqp_message_read(struct str bytes, struct amqp_message *ret_message,
                                  struct problem *problem);

/*
 * The data sections one by one: of a batch each is a whole message.
 *
 *   struct amqp_reader sections = amqp_body(&message);
 *   while (amqp_body_next(&sections, &data)) ...
 */
struct amqp_reader amqp_body(const struct amqp_message *message);
bool amqp_body_next(struct amqp_reader *sections, struct str *ret_data);

/* ---- to the hub ---- */

/* What an arena has room for in which the largest message becomes the hub's: properties take most,
 * three bytes on the wire for 32 here. */
enum { AMQP_MESSAGE_ARENA_MAX = 16 << 20 };

/*
 * The hub's message, in `arena` where it is not in the message's own bytes. System properties have
 * the journal's names. HUB_ARGUMENT_INVALID, and the problem names the property, when a value has
 * no text; HUB_SERVER_ERROR when the arena is full.
 *
 * Application properties become texts, since that is what every reader of the hub gets: strings and
 * symbols as they are, null as null, booleans "true" and "false", whole numbers in decimal, floats
 * as JSON writes them ("NaN", "Infinity", "-Infinity" besides), timestamps in ISO 8601 with seven
 * digits and "Z", uuids in small letters with hyphens, a char as itself, binary in base64. Lists,
 * maps, arrays, decimals and described values are refused. Ids go by the same rule; user-id, which
 * AMQP has as binary, is taken as text.
 *
 * A body of several data sections is put together; one that is an amqp-value must be a string or
 * binary. Subject, reply-to and the group's properties have no name in the hub and are left out;
 * so are all other annotations.
 */
MUST_CHECK enum hub_code amqp_message_to_hub(const struct amqp_message *message,
                                             struct arena *arena, struct hub_message *ret_message,
                                             struct problem *problem);

/* The body alone, put together in `arena` when it came in several data sections. */
MUST_CHECK enum hub_code amqp_message_body(const struct amqp_message *message, struct arena *arena,
                                           struct str *ret_body, struct problem *problem);

/* ---- writing: append sections in the order of enum amqp_section ---- */

struct amqp_entry {
    struct str name;
    struct amqp_value value;
};

/* A map of annotations, with symbols as keys; nothing when there are none. */
void amqp_append_annotations(struct buf *out, enum amqp_section section,
                             const struct amqp_entry *entries, size_t count);
void amqp_append_properties(struct buf *out,
                            const struct amqp_value properties[AMQP_PROPERTY_COUNT]);
/* The same map with strings as keys. */
void amqp_append_application(struct buf *out, const struct amqp_entry *entries, size_t count);
void amqp_append_data(struct buf *out, struct str body);
/* Begins an amqp-value section: append one value after it. */
void amqp_append_value_section(struct buf *out);

/* A whole message. `annotations` come first; to them are added those that the message's own system
 * properties are on AMQP (device protocol reference, 2.2), and application properties likewise. A
 * time that is no ISO 8601 is left out. The body is one data section, also when it is empty. */
void amqp_append_hub_message(struct buf *out, const struct hub_message *message,
                             const struct amqp_entry *annotations, size_t annotation_count);

#endif
