/* SPDX-License-Identifier: MIT */
#include "clients/device/settings_internal.h"

#include "clients/device/errors_internal.h"

enum { MS_IN_US = 1000, PERCENT = 100 };

static const struct {
    const char *name;
    int64_t standard;
    int64_t min;
    int64_t max;
} table[DEVICE_SETTING_COUNT] = {
    [IOTHUB_DEVICE_CONNECT_TIMEOUT_MS] = {"the time to connect, in ms,", 30000, 100, 600000},
    [IOTHUB_DEVICE_ANSWER_TIMEOUT_MS] = {"the time for an answer, in ms,", 30000, 100, 600000},
    [IOTHUB_DEVICE_KEEP_ALIVE_S] = {"the keep alive time, in seconds,", 60, 5, 1177},
    [IOTHUB_DEVICE_TOKEN_LIFETIME_S] = {"the life of a token, in seconds,", 3600, 1, 31536000},
    [IOTHUB_DEVICE_TOKEN_RENEWAL_PERCENT] = {"when a token is renewed, in percent,", 80, 1, 99},
    [IOTHUB_DEVICE_RETRY_FIRST_MS] = {"the first wait, in ms,", 1000, 10, 3600000},
    [IOTHUB_DEVICE_RETRY_MAX_MS] = {"the longest wait, in ms,", 30000, 10, 3600000},
    [IOTHUB_DEVICE_RETRY_JITTER_PERCENT] = {"the jitter, in percent,", 50, 0, 100},
    [IOTHUB_DEVICE_PENDING_MAX] = {"how many messages may wait", 1000, 1, 10000},
    [IOTHUB_DEVICE_PENDING_BYTES_MAX] = {"how many bytes may wait", INT64_C(16) * 1024 * 1024, 1024,
                                         INT64_C(1024) * 1024 * 1024},
};

void settings_init(int64_t settings[DEVICE_SETTING_COUNT])
{
    for (size_t i = 0; i < DEVICE_SETTING_COUNT; i++) {
        settings[i] = table[i].standard;
    }
}

enum iothub_result settings_set(int64_t settings[DEVICE_SETTING_COUNT],
                                enum iothub_device_setting setting, int64_t value,
                                struct iothub_error *error)
{
    const size_t i = (size_t)setting;
    if (i >= DEVICE_SETTING_COUNT) {
        return device_failed(error, IOTHUB_INVALID, "there is no setting %d", (int)setting);
    }
    if (value < table[i].min || value > table[i].max) {
        return device_failed(error, IOTHUB_INVALID, "%s is %lld to %lld, not %lld", table[i].name,
                             (long long)table[i].min, (long long)table[i].max, (long long)value);
    }
    settings[i] = value;
    return IOTHUB_OK;
}

int64_t settings_retry_delay_us(const int64_t settings[DEVICE_SETTING_COUNT], unsigned failures,
                                uint64_t dice)
{
    const int64_t longest_us = settings[IOTHUB_DEVICE_RETRY_MAX_MS] * MS_IN_US;
    int64_t delay_us = settings[IOTHUB_DEVICE_RETRY_FIRST_MS] * MS_IN_US;
    for (unsigned i = 0; i < failures && delay_us < longest_us; i++) {
        delay_us *= 2;
    }
    if (delay_us > longest_us) {
        delay_us = longest_us;
    }
    const int64_t jitter_us = delay_us * settings[IOTHUB_DEVICE_RETRY_JITTER_PERCENT] / PERCENT;
    return delay_us + (int64_t)(dice % ((uint64_t)jitter_us + 1));
}

int64_t settings_renewal_us(const int64_t settings[DEVICE_SETTING_COUNT], int64_t lifetime_us)
{
    return lifetime_us / PERCENT * settings[IOTHUB_DEVICE_TOKEN_RENEWAL_PERCENT];
}
