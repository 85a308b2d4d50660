/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_MESSAGING_EVENT_INTERNAL_H
#define CLIENTS_MESSAGING_EVENT_INTERNAL_H

#include "clients/messaging/message_internal.h"

/* What stands in a message as the event that it is (service API reference, 7.4). All of it belongs
 * to the message, the partition's name to the caller. Pure. */
struct iothub_event event_of(const struct message *message, const char *partition);

#endif
