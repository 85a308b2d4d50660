/* SPDX-License-Identifier: MIT */
/*
 * Any bytes, read as a message. What is read becomes the hub's message or is refused; the hub's
 * message, written anew, reads as the same. The sections of a batch are read like messages.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "amqp/message.h"

enum { WRITTEN_MAX = 16 << 20, BATCH_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_same(const struct hub_property *one, const struct hub_property *other,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check(str_equal(one[i].name, other[i].name) && str_equal(one[i].value, other[i].value));
    }
}

/* User ids are any bytes; everything else is UTF-8 once it was read, and so stays as it is. Only
 * times are written another way than they were given. */
static void write_and_compare(const struct hub_message *first)
{
    struct buf written CLEANUP(buf_finish) = BUF_INIT(WRITTEN_MAX);
    struct arena arena CLEANUP(arena_finish) = ARENA_INIT(AMQP_MESSAGE_ARENA_MAX);
    struct amqp_message message;
    struct hub_message second;
    struct problem problem;
    amqp_append_hub_message(&written, first, NULL, 0);
    check(buf_status(&written) == STATUS_OK);
    check(amqp_message_read(buf_str(&written), &message, &problem));
    check(amqp_message_to_hub(&message, &arena, &second, &problem) == HUB_OK);
    check(str_equal(first->body, second.body));
    check(first->application_count == second.application_count);
    check_same(first->application, second.application, first->application_count);
    check(second.system_count <= first->system_count);
}

static void read_one(struct str bytes, unsigned depth)
{
    struct arena arena CLEANUP(arena_finish) = ARENA_INIT(AMQP_MESSAGE_ARENA_MAX);
    struct amqp_message message;
    struct hub_message hub_message;
    struct problem problem = {0};
    if (!amqp_message_read(bytes, &message, &problem)) {
        check(problem.text[0] != '\0' && problem.offset <= bytes.size);
        return;
    }
    if (amqp_message_to_hub(&message, &arena, &hub_message, &problem) == HUB_OK) {
        write_and_compare(&hub_message);
    } else {
        check(problem.text[0] != '\0');
    }
    struct amqp_reader sections = amqp_body(&message);
    struct str data;
    size_t count = 0;
    while (amqp_body_next(&sections, &data)) {
        if (depth == 0 && count < BATCH_MAX) {
            read_one(data, 1);
        }
        count++;
    }
    check(count == (message.body_is == AMQP_SECTION_DATA ? message.body_count : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_one(str_of(data, size), 0);
    return 0;
}
