/* SPDX-License-Identifier: MIT */
/*
 * Any bytes, read as the topic of what a hub sends to a device: what is found lies in the topic,
 * and the properties of a message, written anew, read the same.
 */
#include <stdlib.h>

#include "clients/device/messages_internal.h"
#include "clients/device/topics_internal.h"

enum { MEMORY_MAX = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_inside(struct str part, struct str whole)
{
    check(part.size == 0 || (part.data >= whole.data && part.size <= whole.size &&
                             part.data + part.size <= whole.data + whole.size));
}

static void check_text(const char *a, const char *b)
{
    check((a == NULL) == (b == NULL) && str_equal(str_from(a), str_from(b)));
}

static void check_message(struct str bag)
{
    struct arena arena CLEANUP(arena_finish) = ARENA_INIT(MEMORY_MAX);
    struct buf anew CLEANUP(buf_finish) = BUF_INIT(MEMORY_MAX);
    struct iothub_device_message message;
    struct iothub_device_message again;
    if (message_read_bag(bag, &arena, &message) != STATUS_OK) {
        return;
    }
    message_append_bag(&anew, &message);
    if (buf_status(&anew) != STATUS_OK ||
        message_read_bag(buf_str(&anew), &arena, &again) != STATUS_OK) {
        return;
    }
    check_text(message.message_id, again.message_id);
    check_text(message.content_type, again.content_type);
    check_text(message.expiry_time_utc, again.expiry_time_utc);
    check(message.property_count == again.property_count);
    for (size_t i = 0; i < message.property_count; i++) {
        check_text(message.properties[i].name, again.properties[i].name);
        check_text(message.properties[i].value, again.properties[i].value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str text = str_of(data, size);
    const struct topic topic = topic_parse(text);
    check_inside(topic.name, text);
    check_inside(topic.request_id, text);
    check_inside(topic.bag, text);
    if (topic.kind == TOPIC_MESSAGE) {
        check_message(topic.bag);
    }
    return 0;
}
