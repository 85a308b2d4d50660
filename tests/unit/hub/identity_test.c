/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "hub_fixture.h"

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

static enum hub_code put(struct identity_key key, const struct hub_identity_desc *desc,
                         enum hub_put_mode mode, const struct hub_match *match,
                         struct storage_identity **ret_identity)
{
    const struct hub_identity_write write = {
        .key = key, .desc = desc, .mode = mode, .match = match};
    return hub_identity_put(fixture.hub, &write, &fixture.arena, ret_identity, &fixture.problem);
}

static const struct hub_identity_desc plain = {.status = {0}};

static void ids_have_their_characters_and_their_length(void **state)
{
    (void)state;
    char id[130];
    memset(id, 'a', sizeof(id));
    assert_true(hub_id_valid(str_of(id, 128)));
    assert_false(hub_id_valid(str_of(id, 129)));
    assert_false(hub_id_valid(STR_EMPTY));
    assert_true(hub_id_valid(STR("aZ09-:.+%_#*?!(),=@;$'")));
    static const char *const bad[] = {"a b", "a/b",      "a\"b", "a\\b",
                                      "a<b", "\xc3\xa9", "a\nb", "a&b"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(hub_id_valid(str_from(bad[i])));
    }
    assert_false(hub_id_valid(str_of("a\0b", 3)));
    struct storage_identity *identity = NULL;
    assert_int_equal(put(device_key("a b"), &plain, HUB_CREATE, NULL, &identity),
                     HUB_ARGUMENT_INVALID);
}

static void a_new_device_is_enabled_and_has_keys(void **state)
{
    (void)state;
    const struct storage_identity *d1 = fixture_create(&fixture, device_key("d1"));
    assert_true(d1->enabled);
    assert_false(d1->connected);
    assert_true(sas_key_valid(d1->primary_key));
    assert_int_equal(d1->primary_key.size, 44);
    assert_false(str_equal(d1->primary_key, d1->secondary_key));
    assert_true(d1->generation == clock_dotnet_ticks(FIXTURE_NOW_US));
    assert_true(d1->status_updated_us == CLOCK_NEVER);
    const struct storage_identity *d2 = fixture_create(&fixture, device_key("d2"));
    assert_true(d2->generation > d1->generation); /* the clock stands still */
}

static void modes_and_matches_decide_what_a_put_does(void **state)
{
    (void)state;
    struct storage_identity *identity = NULL;
    const struct identity_key d1 = device_key("d1");
    const struct hub_match any = {.kind = HUB_MATCH_ANY};
    const struct hub_match wrong = {.kind = HUB_MATCH_ETAG, .etag = STR("MQ==")};
    assert_int_equal(put(d1, &plain, HUB_UPDATE, &any, &identity), HUB_DEVICE_NOT_FOUND);
    assert_int_equal(put(d1, &plain, HUB_CREATE_OR_UPDATE, NULL, &identity), HUB_OK);
    assert_int_equal(put(d1, &plain, HUB_CREATE, NULL, &identity), HUB_DEVICE_ALREADY_EXISTS);
    assert_string_equal(fixture.problem.text, "A device with ID 'd1' is already registered.");
    assert_int_equal(put(d1, &plain, HUB_UPDATE, &wrong, &identity), HUB_PRECONDITION_FAILED);

    const uint64_t etag = identity->etag;
    const int64_t generation = identity->generation;
    struct buf text = BUF_INIT(64);
    hub_identity_etag_append(&text, identity);
    const struct hub_match right = {.kind = HUB_MATCH_ETAG, .etag = buf_str(&text)};
    const struct hub_identity_desc disabled = {.status = STR("Disabled"),
                                               .status_reason = STR("lost")};
    fixture_advance(&fixture, 5);
    assert_int_equal(put(d1, &disabled, HUB_UPDATE, &right, &identity), HUB_OK);
    assert_false(identity->enabled);
    assert_str_equal(identity->status_reason, "lost");
    assert_true(identity->status_updated_us == FIXTURE_NOW_US + 5 * CLOCK_SECOND);
    assert_true(identity->etag == etag + 1 && identity->generation == generation);
    buf_finish(&text);
}

static void keys_come_in_pairs(void **state)
{
    (void)state;
    static const char key16[] = "AAECAwQFBgcICQoLDA0ODw==";
    static const char key15[] = "AAECAwQFBgcICQoLDA0O";
    const struct {
        const char *primary, *secondary;
        enum hub_code code;
    } rows[] = {
        {key16, key16, HUB_OK},
        {"", "", HUB_OK},
        {key16, "", HUB_ARGUMENT_INVALID},
        {"", key16, HUB_ARGUMENT_INVALID},
        {key15, key15, HUB_ARGUMENT_INVALID},
        {"no base64", "no base64", HUB_ARGUMENT_INVALID},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct hub_identity_desc desc = {.primary_key = str_from(rows[i].primary),
                                               .secondary_key = str_from(rows[i].secondary)};
        struct storage_identity *identity = NULL;
        assert_int_equal(put(device_key("d1"), &desc, HUB_CREATE_OR_UPDATE, NULL, &identity),
                         rows[i].code);
    }
    /* An update that says nothing of keys keeps them. */
    struct storage_identity *identity = NULL;
    assert_int_equal(put(device_key("d1"), &plain, HUB_UPDATE, NULL, &identity), HUB_OK);
    assert_str_equal(identity->primary_key, key16);
}

static void other_kinds_of_authentication(void **state)
{
    (void)state;
    static const char thumbprint[] = "0123456789abcdef0123456789abcdef01234567";
    const struct {
        const char *type, *thumbprint;
        enum hub_code code;
        enum storage_auth auth;
    } rows[] = {
        {"selfSigned", thumbprint, HUB_OK, STORAGE_AUTH_SELF_SIGNED},
        {"", thumbprint, HUB_OK, STORAGE_AUTH_SELF_SIGNED},
        {"selfsigned", "", HUB_ARGUMENT_INVALID, STORAGE_AUTH_SAS},
        {"selfSigned", "123", HUB_ARGUMENT_INVALID, STORAGE_AUTH_SAS},
        {"certificateAuthority", "", HUB_OK, STORAGE_AUTH_CA},
        {"none", "", HUB_OK, STORAGE_AUTH_NONE},
        {"password", "", HUB_ARGUMENT_INVALID, STORAGE_AUTH_SAS},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "d%zu", i);
        const struct hub_identity_desc desc = {.auth_type = str_from(rows[i].type),
                                               .primary_thumbprint = str_from(rows[i].thumbprint)};
        struct storage_identity *identity = NULL;
        assert_int_equal(put(device_key(id), &desc, HUB_CREATE, NULL, &identity), rows[i].code);
        if (rows[i].code == HUB_OK) {
            assert_int_equal(identity->auth, rows[i].auth);
            assert_int_equal(identity->primary_key.size, 0);
        }
    }
}

static void modules_need_a_device_and_are_fifty_at_most(void **state)
{
    (void)state;
    struct storage_identity *identity = NULL;
    assert_int_equal(put(module_key("d1", "m"), &plain, HUB_CREATE, NULL, &identity),
                     HUB_DEVICE_NOT_FOUND);
    (void)fixture_create(&fixture, device_key("d1"));
    assert_int_equal(put(module_key("d1", "$edgeAgent"), &plain, HUB_CREATE, NULL, &identity),
                     HUB_SYSTEM_MODULE_MODIFY);
    for (int i = 0; i < 50; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "m%d", i);
        assert_int_equal(put(module_key("d1", id), &plain, HUB_CREATE, NULL, &identity), HUB_OK);
    }
    assert_int_equal(put(module_key("d1", "m50"), &plain, HUB_CREATE, NULL, &identity),
                     HUB_TOO_MANY_MODULES);
    assert_int_equal(put(module_key("d1", "m0"), &plain, HUB_CREATE, NULL, &identity),
                     HUB_MODULE_ALREADY_EXISTS);
    assert_int_equal(hub_identity_delete(fixture.hub, device_key("d1"), NULL, NULL), HUB_OK);
    assert_int_equal(
        hub_identity_get(fixture.hub, module_key("d1", "m0"), &fixture.arena, &identity, NULL),
        HUB_MODULE_NOT_FOUND);
}

static void an_edge_device_comes_with_its_modules_and_scope(void **state)
{
    (void)state;
    const struct hub_identity_desc edge = {.edge = true};
    struct storage_identity *identity = NULL;
    assert_int_equal(put(device_key("e1"), &edge, HUB_CREATE, NULL, &identity), HUB_OK);
    assert_true(str_starts(identity->device_scope, STR("ms-azure-iot-edge://e1-")));
    struct storage_identity **modules = NULL;
    size_t count = 0;
    assert_int_equal(
        hub_modules_list(fixture.hub, STR("e1"), &fixture.arena, &modules, &count, NULL), HUB_OK);
    assert_int_equal(count, 2);
    assert_str_equal(modules[0]->key.module, "$edgeAgent");
    assert_str_equal(modules[1]->key.module, "$edgeHub");
    const struct hub_identity_desc leaf = {.device_scope = identity->device_scope};
    struct storage_identity *child = NULL;
    assert_int_equal(put(device_key("leaf"), &leaf, HUB_CREATE, NULL, &child), HUB_OK);
    char scopes[128];
    (void)snprintf(scopes, sizeof(scopes), "[\"%.*s\"]", STR_ARG(identity->device_scope));
    assert_str_equal(child->parent_scopes, scopes);
}

static void deleting_and_disabling_close_connections(void **state)
{
    (void)state;
    (void)fixture_create(&fixture, device_key("d1"));
    (void)fixture_create(&fixture, module_key("d1", "m1"));
    (void)fixture_create(&fixture, device_key("d2"));
    static struct fake_client d1;
    static struct fake_client m1;
    static struct fake_client d2;
    fake_connect(&fixture, device_key("d1"), &d1);
    fake_connect(&fixture, module_key("d1", "m1"), &m1);
    fake_connect(&fixture, device_key("d2"), &d2);
    const struct hub_identity_desc disabled = {.status = STR("disabled")};
    struct storage_identity *identity = NULL;
    assert_int_equal(put(device_key("d1"), &disabled, HUB_UPDATE, NULL, &identity), HUB_OK);
    assert_int_equal(d1.closed_code, HUB_DEVICE_DISABLED);
    assert_int_equal(m1.closed_code, HUB_DEVICE_DISABLED);
    assert_int_equal(d2.closed_count, 0);
    assert_int_equal(hub_identity_delete(fixture.hub, device_key("d2"), NULL, NULL), HUB_OK);
    assert_int_equal(d2.closed_code, HUB_DEVICE_NOT_FOUND);
    assert_int_equal(fixture.hub->links.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids_have_their_characters_and_their_length, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_new_device_is_enabled_and_has_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(modes_and_matches_decide_what_a_put_does, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(keys_come_in_pairs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_kinds_of_authentication, set_up, tear_down),
        cmocka_unit_test_setup_teardown(modules_need_a_device_and_are_fifty_at_most, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_edge_device_comes_with_its_modules_and_scope, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(deleting_and_disabling_close_connections, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
