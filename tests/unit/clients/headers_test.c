/* SPDX-License-Identifier: MIT */

/* One program may use all three libraries, which report in the same way. */
#include <string.h>

#include <iothub/device.h>
#include <iothub/messaging.h>
#include <iothub/service.h>

#include "check.h"

static const struct {
    const char *connection_string;
    const char *says;
} bad[] = {
    {NULL, "the connection string is missing"},
    {"", "the connection string is missing"},
    {"localhost", "expected Name=value"},
    {"SharedAccessKey=AA==", "no HostName"},
};

#define OPENS(call)                                                                                \
    do {                                                                                           \
        assert_int_equal((call), IOTHUB_INVALID);                                                  \
        assert_int_equal(error.result, IOTHUB_INVALID);                                            \
        assert_non_null(strstr(error.text, bad[i].says));                                          \
    } while (0)

static void a_bad_connection_string_is_invalid_in_words_in_each_library(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct iothub_error error = {0};
        struct iothub_device *device = NULL;
        struct iothub_service *service = NULL;
        struct iothub_messaging *messaging = NULL;
        struct iothub_reader *reader = NULL;
        OPENS(iothub_device_create(bad[i].connection_string, NULL, &device, &error));
        OPENS(iothub_service_create(bad[i].connection_string, NULL, &service, &error));
        OPENS(iothub_messaging_create(bad[i].connection_string, NULL, &messaging, &error));
        OPENS(iothub_reader_open(bad[i].connection_string, NULL, &reader, &error));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_connection_string_is_invalid_in_words_in_each_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
