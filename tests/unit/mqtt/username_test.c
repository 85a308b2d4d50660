/* SPDX-License-Identifier: MIT */
#include "mqtt/username.h"

#include "check.h"

static void every_form_seen_in_the_wild_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host, *device, *module, *api_version, *client, *model;
    } rows[] = {
        /* device protocol reference, 1.1 */
        {"h.net/d1/?api-version=2021-04-12", "h.net", "d1", "", "2021-04-12", "", ""},
        {"h/d1/api-version=2016-11-14&DeviceClientType=c%2F1", "h", "d1", "", "2016-11-14", "c%2F1",
         ""},
        {"h/d1?api-version=2018", "h", "d1", "", "2018", "", ""},
        {"h/d1", "h", "d1", "", "", "", ""},
        {"h/d1/", "h", "d1", "", "", "", ""},
        {"h/d1/?", "h", "d1", "", "", "", ""},
        {"h/d1/m1/api-version=2017-06-30/DeviceClientType=Microsoft.Azure.Devices.Client/1.5.1-p",
         "h", "d1", "m1", "2017-06-30", "Microsoft.Azure.Devices.Client/1.5.1-p", ""},
        {"h/d1/m1", "h", "d1", "m1", "", "", ""},
        {"h/d1/m1/", "h", "d1", "m1", "", "", ""},
        {"h/d1/m1/?api-version=2019&model-id=dtmi%3Aa%3B1", "h", "d1", "m1", "2019", "",
         "dtmi%3Aa%3B1"},
        /* Node sends the model id unencoded */
        {"h/d1/?api-version=2021&model-id=dtmi:com:x;1&DeviceClientType=n", "h", "d1", "", "2021",
         "n", "dtmi:com:x;1"},
        /* ids may hold '?', '=', '%' and '$' */
        {"h/a?b=c/?api-version=1", "h", "a?b=c", "", "1", "", ""},
        {"h/a%20b/m=n", "h", "a%20b", "m=n", "", "", ""},
        {"h/d1/$edgeHub/?api-version=1", "h", "d1", "$edgeHub", "1", "", ""},
        /* unknown properties are ignored, the first of two counts */
        {"h/d1/?x=1&api-version=1&api-version=2&y", "h", "d1", "", "1", "", ""},
        {"h/d1/x=1&api-version=1", "h", "d1", "", "1", "", ""},
        {"h/d1/?api-version=&api-version=2", "h", "d1", "", "", "", ""},
        {"h/d1/?API-VERSION=1", "h", "d1", "", "", "", ""},
        {"h/d1/?api-version", "h", "d1", "", "", "", ""},
        /* an unencoded client type with a slash */
        {"h/d1/?api-version=1&DeviceClientType=py/2.1", "h", "d1", "", "1", "py/2.1", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct username username;
        assert_true(username_parse(str_from(rows[i].text), &username, NULL));
        assert_str_equal(username.host, rows[i].host);
        assert_str_equal(username.device_id, rows[i].device);
        assert_str_equal(username.module_id, rows[i].module);
        assert_str_equal(username.api_version, rows[i].api_version);
        assert_str_equal(username.device_client_type, rows[i].client);
        assert_str_equal(username.model_id, rows[i].model);
    }
}

static void what_is_missing_is_said_and_the_form_shown(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *missing;
    } rows[] = {
        {"", "no hub's host name"}, {"/d1/?api-version=1", "no hub's host name"},
        {"h", "no device id"},      {"h/", "no device id"},
        {"h//m1", "no device id"},  {"h/?api-version=1", "no device id"},
        {"h/d1//", "no module id"}, {"h/d1//?api-version=1", "no module id"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct username username = {.host = STR("untouched")};
        struct problem problem = {0};
        assert_false(username_parse(str_from(rows[i].text), &username, &problem));
        assert_non_null(strstr(problem.text, rows[i].missing));
        assert_non_null(strstr(problem.text, "{hub}/{device}/?api-version=2021-04-12"));
        assert_str_equal(username.host, "untouched");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_seen_in_the_wild_is_read),
        cmocka_unit_test(what_is_missing_is_said_and_the_form_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
