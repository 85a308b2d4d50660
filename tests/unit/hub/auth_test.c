/* SPDX-License-Identifier: MIT */
#include "base/base64.h"
#include "hub_fixture.h"

#define NOW_S (FIXTURE_NOW_US / CLOCK_SECOND)

static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_finish(&fixture);
    return 0;
}

static struct str sign(struct buf *out, const char *resource, struct str key, const char *policy,
                       int64_t expiry_s)
{
    buf_clear(out);
    assert_int_equal(sas_sign(out, str_from(resource), key, str_from(policy), expiry_s), STATUS_OK);
    return buf_str(out);
}

static enum hub_code authenticate(struct identity_key key, struct str token,
                                  struct hub_principal *principal)
{
    const struct hub_credentials credentials = {.key = key, .token = token};
    return hub_authenticate(fixture.hub, &credentials, principal, &fixture.problem);
}

static void a_device_key_opens_its_own_device_only(void **state)
{
    (void)state;
    const struct storage_identity *d1 = fixture_create(&fixture, device_key("d1"));
    (void)fixture_create(&fixture, device_key("d2"));
    (void)fixture_create(&fixture, module_key("d1", "m1"));
    struct buf token = BUF_INIT(4096);
    struct hub_principal principal = {0};
    const struct {
        const char *resource;
        struct identity_key key;
        struct str signing_key;
        enum hub_code code;
    } rows[] = {
        {"localhost/devices/d1", device_key("d1"), d1->primary_key, HUB_OK},
        {"localhost/devices/d1", device_key("d1"), d1->secondary_key, HUB_OK},
        {"LOCALHOST:8883/devices/d1", device_key("d1"), d1->primary_key, HUB_OK},
        {"localhost/devices", device_key("d1"), d1->primary_key, HUB_OK},
        {"localhost/devices/d1/api-version=2016-11-14", device_key("d1"), d1->primary_key, HUB_OK},
        {"localhost/devices/d1/modules/m1", device_key("d1"), d1->primary_key,
         HUB_UNAUTHORIZED_ACCESS},
        {"localhost/devices/d", device_key("d1"), d1->primary_key, HUB_UNAUTHORIZED_ACCESS},
        {"localhost/devices/D1", device_key("d1"), d1->primary_key, HUB_UNAUTHORIZED_ACCESS},
        {"localhost/devices/d1", device_key("d2"), d1->primary_key, HUB_UNAUTHORIZED_ACCESS},
        {"localhost/devices/d2", device_key("d2"), d1->primary_key, HUB_UNAUTHORIZED_ACCESS},
        {"localhost/devices/d1", module_key("d1", "m1"), d1->primary_key, HUB_UNAUTHORIZED_ACCESS},
        {"elsewhere/devices/d1", device_key("d1"), d1->primary_key, HUB_UNAUTHORIZED_ACCESS},
        {"localhost/devices/nope", device_key("nope"), d1->primary_key, HUB_DEVICE_NOT_FOUND},
        {"localhost/devices/d1", module_key("d1", "no"), d1->primary_key, HUB_MODULE_NOT_FOUND},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct str text =
            sign(&token, rows[i].resource, rows[i].signing_key, "", NOW_S + 3600);
        assert_int_equal(authenticate(rows[i].key, text, &principal), rows[i].code);
    }
    buf_finish(&token);
}

static void a_token_dies_five_minutes_after_its_expiry(void **state)
{
    (void)state;
    const struct storage_identity *d1 = fixture_create(&fixture, device_key("d1"));
    struct buf token = BUF_INIT(4096);
    struct hub_principal principal = {0};
    struct str text = sign(&token, "localhost/devices/d1", d1->primary_key, "", NOW_S - 300);
    assert_int_equal(authenticate(device_key("d1"), text, &principal), HUB_OK);
    assert_true(principal.expires_us == (NOW_S - 300) * CLOCK_SECOND);
    text = sign(&token, "localhost/devices/d1", d1->primary_key, "", NOW_S - 301);
    assert_int_equal(authenticate(device_key("d1"), text, &principal), HUB_UNAUTHORIZED_ACCESS);
    assert_non_null(strstr(fixture.problem.text, "expired 301 s ago"));
    buf_finish(&token);
}

static void policies_open_what_they_may(void **state)
{
    (void)state;
    (void)fixture_create(&fixture, device_key("d1"));
    struct buf token = BUF_INIT(4096);
    struct hub_principal principal = {0};
    const struct hub_policy *policies = hub_policies(fixture.hub);
    for (size_t i = 0; i < HUB_POLICY_COUNT; i++) {
        const struct str text =
            sign(&token, "localhost/devices/d1", str_from(policies[i].secondary_key),
                 policies[i].name, NOW_S + 60);
        const bool device = (policies[i].permissions & HUB_DEVICE_CONNECT) != 0;
        assert_int_equal(authenticate(device_key("d1"), text, &principal),
                         device ? HUB_OK : HUB_UNAUTHORIZED_ACCESS);
        for (unsigned permission = 1; permission <= HUB_DEVICE_CONNECT; permission <<= 1) {
            const bool may = (policies[i].permissions & permission) != 0;
            assert_int_equal(
                hub_authorize(fixture.hub, text, permission, STR("/devices/d1"), &fixture.problem),
                may ? HUB_OK : HUB_UNAUTHORIZED_ACCESS);
        }
        assert_int_equal(hub_authorize(fixture.hub, text, policies[i].permissions,
                                       STR("/devices/d12"), &fixture.problem),
                         HUB_UNAUTHORIZED_ACCESS);
    }
    buf_finish(&token);
}

static void the_text_of_a_key_signs_for_event_hubs_only(void **state)
{
    (void)state;
    static const struct {
        const char *resource;
        enum hub_code with_text;
    } rows[] = {
        {"sb://localhost/hub", HUB_OK},
        {"sb://localhost", HUB_OK},
        {"amqp://localhost/hub/ConsumerGroups/$Default", HUB_OK}, /* Java's */
        {"amqps://localhost:5671/hub", HUB_OK},
        {"localhost/hub", HUB_UNAUTHORIZED_ACCESS},
        {"https://localhost/hub", HUB_UNAUTHORIZED_ACCESS},
    };
    const struct hub_policy *service = &hub_policies(fixture.hub)[1];
    const struct str key = str_from(service->primary_key);
    char text_key[BASE64_SIZE(sizeof(service->primary_key))];
    base64_encode(key, text_key);
    struct buf token = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct str keys[] = {key, str_of(text_key, BASE64_SIZE(key.size))};
        for (size_t of_text = 0; of_text < ARRAY_SIZE(keys); of_text++) {
            const struct str text =
                sign(&token, rows[i].resource, keys[of_text], "service", NOW_S + 60);
            const struct str resource = STR("/hub/ConsumerGroups/$Default/Partitions/0");
            assert_int_equal(
                hub_authorize(fixture.hub, text, HUB_SERVICE_CONNECT, resource, &fixture.problem),
                of_text ? rows[i].with_text : HUB_OK);
        }
    }
    buf_finish(&token);
}

static void a_service_call_needs_a_policy_that_exists(void **state)
{
    (void)state;
    const struct storage_identity *d1 = fixture_create(&fixture, device_key("d1"));
    struct buf token = BUF_INIT(4096);
    const struct {
        struct str key;
        const char *policy;
        const char *reason;
    } rows[] = {
        {d1->primary_key, "", "names no policy"},
        {d1->primary_key, "nobody", "does not have"},
        {d1->primary_key, "iothubowner", "not made with a key of policy"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct str text = sign(&token, "localhost", rows[i].key, rows[i].policy, NOW_S + 60);
        assert_int_equal(
            hub_authorize(fixture.hub, text, HUB_REGISTRY_READ, STR("/devices"), &fixture.problem),
            HUB_UNAUTHORIZED_ACCESS);
        assert_non_null(strstr(fixture.problem.text, rows[i].reason));
    }
    assert_int_equal(
        hub_authorize(fixture.hub, STR_EMPTY, HUB_REGISTRY_READ, STR("/devices"), &fixture.problem),
        HUB_UNAUTHORIZED_ACCESS);
    assert_non_null(strstr(fixture.problem.text, "no Authorization header"));
    buf_finish(&token);
}

static void a_disabled_device_is_out_and_so_are_its_modules(void **state)
{
    (void)state;
    const struct storage_identity *d1 = fixture_create(&fixture, device_key("d1"));
    const struct storage_identity *m1 = fixture_create(&fixture, module_key("d1", "m1"));
    const struct hub_identity_desc disabled = {.status = STR("disabled")};
    struct storage_identity *after = NULL;
    const struct hub_identity_write put = {
        .key = device_key("d1"), .desc = &disabled, .mode = HUB_UPDATE};
    assert_int_equal(hub_identity_put(fixture.hub, &put, &fixture.arena, &after, NULL), HUB_OK);
    struct buf token = BUF_INIT(4096);
    struct hub_principal principal = {0};
    struct str text = sign(&token, "localhost/devices/d1", d1->primary_key, "", NOW_S + 60);
    assert_int_equal(authenticate(device_key("d1"), text, &principal), HUB_DEVICE_DISABLED);
    text = sign(&token, "localhost/devices/d1/modules/m1", m1->primary_key, "", NOW_S + 60);
    assert_int_equal(authenticate(module_key("d1", "m1"), text, &principal), HUB_DEVICE_DISABLED);
    buf_finish(&token);
}

static void a_thumbprint_is_enough_for_those_who_registered_one(void **state)
{
    (void)state;
    static const char sha1[] = "0123456789ABCDEF0123456789ABCDEF01234567";
    static const char sha256[] = "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF";
    const struct hub_identity_desc desc = {.auth_type = STR("selfSigned"),
                                           .primary_thumbprint = str_from(sha1)};
    struct storage_identity *identity = NULL;
    const struct hub_identity_write put = {
        .key = device_key("x1"), .desc = &desc, .mode = HUB_CREATE};
    assert_int_equal(hub_identity_put(fixture.hub, &put, &fixture.arena, &identity, NULL), HUB_OK);
    assert_int_equal(identity->primary_key.size, 0);
    struct hub_certificate certificate = {
        .sha1 = sha1, .sha256 = sha256, .common_name = "x1", .not_after_us = FIXTURE_NOW_US};
    const struct hub_credentials credentials = {.key = device_key("x1"),
                                                .certificate = &certificate};
    struct hub_principal principal = {0};
    assert_int_equal(hub_authenticate(fixture.hub, &credentials, &principal, NULL), HUB_OK);
    assert_int_equal(principal.method, HUB_AUTH_THUMBPRINT);
    certificate.not_after_us--;
    assert_int_equal(hub_authenticate(fixture.hub, &credentials, &principal, NULL),
                     HUB_UNAUTHORIZED_ACCESS);
    certificate.not_after_us++;
    certificate.sha1 = "FFFF";
    assert_int_equal(hub_authenticate(fixture.hub, &credentials, &principal, NULL),
                     HUB_UNAUTHORIZED_ACCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_device_key_opens_its_own_device_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_token_dies_five_minutes_after_its_expiry, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(policies_open_what_they_may, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_text_of_a_key_signs_for_event_hubs_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_service_call_needs_a_policy_that_exists, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_disabled_device_is_out_and_so_are_its_modules, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_thumbprint_is_enough_for_those_who_registered_one, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
