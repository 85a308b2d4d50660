/* SPDX-License-Identifier: MIT */
/*
 * Messages that are locked while a peer has them: cloud-to-device messages and feedback. Each is
 * named by its lock token; .NET makes a Guid of the delivery tag and throws on any other size
 * (device protocol reference, 9.6).
 */
#include "amqp/kinds_internal.h"

enum hub_settlement amqp_settlement_of(const struct amqp_disposition *disposition)
{
    if (disposition->gone) {
        return HUB_RELEASE;
    }
    switch (disposition->outcome) {
    case AMQP_ACCEPTED:
        return HUB_COMPLETE;
    case AMQP_REJECTED:
        return HUB_REJECT;
    case AMQP_RELEASED:
    case AMQP_MODIFIED:
        break;
    }
    return HUB_ABANDON;
}

bool amqp_lock_token_of(struct str tag, struct guid *ret_token, struct problem *problem)
{
    struct guid swapped;
    if (tag.size != GUID_SIZE) {
        problem_set(problem, PROBLEM_NO_OFFSET, "a delivery tag of %zu bytes is no lock token",
                    tag.size);
        return false;
    }
    memcpy(swapped.bytes, tag.data, GUID_SIZE);
    *ret_token = guid_swapped(&swapped);
    return true;
}

void amqp_lock_annotations(const struct amqp_locked *locked, char text[GUID_TEXT_SIZE],
                           struct amqp_entry ret_annotations[AMQP_LOCKED_ANNOTATIONS])
{
    const uint32_t count = locked->delivery_count;
    guid_text(locked->lock_token, text);
    ret_annotations[0] = (struct amqp_entry){STR("x-opt-lock-token"), amqp_string(str_from(text))};
    ret_annotations[1] =
        (struct amqp_entry){STR("x-opt-sequence-number"), amqp_ulong(locked->sequence_number)};
    ret_annotations[2] =
        (struct amqp_entry){STR("iothub-enqueuedtime"), amqp_timestamp(locked->enqueued_us)};
    ret_annotations[3] = (struct amqp_entry){
        STR("iothub-deliverycount"), amqp_ubyte(count > UINT8_MAX ? UINT8_MAX : (uint8_t)count)};
}

bool amqp_send_locked(struct amqp_link *link, const struct guid *lock_token)
{
    const struct guid tag = guid_swapped(lock_token);
    const struct amqp_outgoing outgoing = {
        .message = buf_str(&amqp_link_endpoint(link)->message),
        .tag = str_of(tag.bytes, sizeof(tag.bytes)),
    };
    amqp_link_send(link, &outgoing);
    return amqp_link_presettled(link);
}
