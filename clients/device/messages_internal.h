/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_DEVICE_MESSAGES_INTERNAL_H
#define CLIENTS_DEVICE_MESSAGES_INTERNAL_H

/*
 * Messages as property bags, "%24.mid=1&key=value" (device protocol reference, 2.2 and 3): checked
 * and written for what we send, read for what arrives. Pure functions.
 */
#include <iothub/device.h>

#include "base/arena.h"
#include "base/buf.h"

#define MESSAGE_SIZE_MAX ((size_t)256 * 1024) /* as a hub counts it: see iothub/device.h */

/* IOTHUB_INVALID, with the words, for what a hub or MQTT would not take. */
MUST_CHECK enum iothub_result message_check(const struct iothub_device_message *message,
                                            bool from_module, struct iothub_error *error);

void message_append_bag(struct buf *out, const struct iothub_device_message *message);

/* Reads all but the body. The texts are in `arena`. */
MUST_CHECK enum status message_read_bag(struct str bag, struct arena *arena,
                                        struct iothub_device_message *ret_message);

#endif
