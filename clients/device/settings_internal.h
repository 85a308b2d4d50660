/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_DEVICE_SETTINGS_INTERNAL_H
#define CLIENTS_DEVICE_SETTINGS_INTERNAL_H

/* The numbers that a program may change, and what follows from them. Pure functions. */
#include <stdint.h>

#include <iothub/device.h>

#include "base/attr.h"

#define DEVICE_SETTING_COUNT ((size_t)IOTHUB_DEVICE_PENDING_BYTES_MAX + 1)

void settings_init(int64_t settings[DEVICE_SETTING_COUNT]);

MUST_CHECK enum iothub_result settings_set(int64_t settings[DEVICE_SETTING_COUNT],
                                           enum iothub_device_setting setting, int64_t value,
                                           struct iothub_error *error);

/*
 * How long to wait before the attempt after `failures` failed ones (0: the first): twice as long
 * each time, up to the maximum, and longer by a part of the jitter that `dice`, any number,
 * decides.
 */
int64_t settings_retry_delay_us(const int64_t settings[DEVICE_SETTING_COUNT], unsigned failures,
                                uint64_t dice);

/* The part of `lifetime_us` after which a token is renewed. */
int64_t settings_renewal_us(const int64_t settings[DEVICE_SETTING_COUNT], int64_t lifetime_us);

#endif
