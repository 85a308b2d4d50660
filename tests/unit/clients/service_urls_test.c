/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include "check.h"

#define VERSION "?api-version=2021-04-12"

static void addresses_are_written_as_the_reference_says(void **state)
{
    (void)state;
    static const struct {
        struct endpoint endpoint;
        struct iothub_service_id identity;
        const char *identity_url;
        const char *method_url;
        const char *list_url;
    } cases[] = {
        {{"hub.azure-devices.net", 443},
         {"d1", NULL},
         "https://hub.azure-devices.net/devices/d1" VERSION,
         "https://hub.azure-devices.net/twins/d1/methods" VERSION,
         "https://hub.azure-devices.net/devices" VERSION "&top=7"},
        {{"localhost", 8443},
         {"d1", "m1"},
         "https://localhost:8443/devices/d1/modules/m1" VERSION,
         "https://localhost:8443/twins/d1/modules/m1/methods" VERSION,
         "https://localhost:8443/devices" VERSION "&top=7"},
        {{"::1", 443},
         {"a#b?c/d", "$edgeAgent"},
         "https://[::1]/devices/a%23b%3Fc%2Fd/modules/%24edgeAgent" VERSION,
         "https://[::1]/twins/a%23b%3Fc%2Fd/modules/%24edgeAgent/methods" VERSION,
         "https://[::1]/devices" VERSION "&top=7"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct buf url CLEANUP(buf_finish) = BUF_INIT(SERVICE_URL_SIZE_MAX);
        service_url_id(&url, &cases[i].endpoint, "devices", cases[i].identity, "");
        assert_str_equal(buf_str(&url), cases[i].identity_url);
        buf_clear(&url);
        service_url_id(&url, &cases[i].endpoint, "twins", cases[i].identity, "/methods");
        assert_str_equal(buf_str(&url), cases[i].method_url);
        buf_clear(&url);
        service_url(&url, &cases[i].endpoint, "/devices", "&top=7");
        assert_str_equal(buf_str(&url), cases[i].list_url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_written_as_the_reference_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
