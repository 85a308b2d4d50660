/* SPDX-License-Identifier: MIT */
#include "base/sas.h"

#include "base/base64.h"
#include "base/url.h"
#include "check.h"

/* The key and the signatures of the device protocol reference, 7.1. */
#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define SIG "SharedAccessSignature "

static const struct {
    const char *resource;
    const char *signature;
} vectors[] = {
    {"testhub.azure-devices.net%2Fdevices%2Fdev1", "UZqAVuqX2yaB/UhPFRRSx+siLzRxz43WumGCp2evRO8="},
    {"testhub.azure-devices.net%2fdevices%2fdev1", "5FuK0wFlVzXzk+YV6btu9MYdBW/HSH4FlT6JHQX0+BM="},
    {"testhub.azure-devices.net/devices/dev1", "dEACNGeBq6tr0eRNzMbBVIqaOecR1UqEoqRvR1wY3kI="},
};

static struct sas_token parsed(const char *text)
{
    struct sas_token token = {0};
    struct problem problem = {0};
    if (sas_parse(str_from(text), &token, &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    return token;
}

static void the_reference_vectors_verify_however_the_signature_is_encoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        for (int encoded = 0; encoded < 2; encoded++) {
            CLEANUP(buf_finish) struct buf text = BUF_INIT(1000);
            buf_append_format(&text, SIG "sr=%s&sig=", vectors[i].resource);
            if (encoded) {
                url_encode_append(&text, str_from(vectors[i].signature));
            } else {
                buf_append_str(&text, str_from(vectors[i].signature));
            }
            buf_append_str(&text, STR("&se=1924992000"));
            const struct sas_token token = parsed(text.data);
            assert_str_equal(token.resource, vectors[i].resource);
            assert_str_equal(token.expiry_text, "1924992000");
            assert_int_equal(token.expiry_s, 1924992000);
            assert_str_equal(token.policy, "");
            assert_true(sas_verify(&token, STR(KEY)));
        }
    }
}

static void fields_come_in_any_order_and_case(void **state)
{
    (void)state;
    static const char *const texts[] = {
        SIG "sr=h&sig=s%3D&se=12&skn=p",     SIG "sig=s%3D&se=12&sr=h&skn=p",
        SIG "skn=p&SE=12&Sig=s%3D&SR=h",     SIG "sr=h&sig=s%3D&skn=p&se=12",
        SIG "sr=h&&sig=s%3D&se=12&skn=p&",   SIG "sr=h&sig=s%3D&se=12&skn=p&new=1",
        SIG "sr=h&sig=s%3D&se=12&skn=p&new", SIG "sr=h&sig=s%3D&se=12&skn=p&new=1&new=2",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const struct sas_token token = parsed(texts[i]);
        assert_str_equal(token.resource, "h");
        assert_str_equal(token.signature, "s%3D"); /* raw */
        assert_str_equal(token.expiry_text, "12");
        assert_str_equal(token.policy, "p");
    }
}

static void a_value_ends_at_the_ampersand_not_at_its_equals_signs(void **state)
{
    (void)state;
    const struct sas_token token = parsed(SIG "sr=a=b&sig=x+/=&se=1&skn=");
    assert_str_equal(token.resource, "a=b");
    assert_str_equal(token.signature, "x+/=");
    assert_str_equal(token.policy, ""); /* the C SDK's empty skn */
}

static void an_expiry_is_seconds_whatever_its_fraction_or_size(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {
        {SIG "sr=h&sig=s&se=0", 0},
        {SIG "sr=h&sig=s&se=1924992000.75", 1924992000},
        {SIG "sr=h&sig=s&se=12.", 12},
        {SIG "sr=h&sig=s&se=0000000000000000000000000000012", 12},
        {SIG "sr=h&sig=s&se=253402300799", 253402300799},
        {SIG "sr=h&sig=s&se=253402300800", 253402300799},
        {SIG "sr=h&sig=s&se=99999999999999999999999999", 253402300799},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(parsed(rows[i].text).expiry_s, rows[i].seconds);
    }
}

static void what_is_missing_or_malformed_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
        const char *problem;
    } rows[] = {
        {"", 0, "a token begins with 'SharedAccessSignature' and one space"},
        {"SharedAccessSignature", 0, "a token begins with 'SharedAccessSignature' and one space"},
        {"sharedaccesssignature sr=h&sig=s&se=1", 0,
         "a token begins with 'SharedAccessSignature' and one space"},
        {"sr=h&sig=s&se=1", 0, "a token begins with 'SharedAccessSignature' and one space"},
        {SIG, PROBLEM_NO_OFFSET, "no 'sr', the resource that the token is for"},
        {SIG " sr=h&sig=s&se=1", PROBLEM_NO_OFFSET, "no 'sr', the resource that the token is for"},
        {SIG "sr=&sig=s&se=1", PROBLEM_NO_OFFSET, "no 'sr', the resource that the token is for"},
        {SIG "sr=h&se=1", PROBLEM_NO_OFFSET, "no 'sig', the signature"},
        {SIG "sr=h&sig=&se=1", PROBLEM_NO_OFFSET, "no 'sig', the signature"},
        {SIG "sr=h&sig=s", PROBLEM_NO_OFFSET, "no 'se', the time of expiry in seconds since 1970"},
        {SIG "sr=h&sig&se=1", 27, "'sig' has no value"},
        {SIG "sr=h&sig=s&se=1&SR=i", 38, "'SR' stands there twice"},
        {SIG "sr=&sr=h&sig=s&se=1", 26, "'sr' stands there twice"},
        {SIG "sr=h&sig=s&se=soon", 36, "'se' is \"soon\", not a number of seconds since 1970"},
        {SIG "sr=h&sig=s&se=-1", 36, "'se' is \"-1\", not a number of seconds since 1970"},
        {SIG "sr=h&sig=s&se=1e9", 36, "'se' is \"1e9\", not a number of seconds since 1970"},
        {SIG "sr=h&sig=s&se=1.x", 36, "'se' is \"1.x\", not a number of seconds since 1970"},
        {SIG "sr=h&sig=s&se=.5", 36, "'se' is \".5\", not a number of seconds since 1970"},
        {SIG "sr=h&sig=s&se=99999999999999999999x", 36,
         "'se' is \"99999999999999999999x\", not a number of seconds since 1970"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sas_token token = {.expiry_s = 42};
        struct problem problem = {0};
        assert_int_equal(sas_parse(str_from(rows[i].text), &token, &problem), STATUS_INVALID);
        assert_string_equal(problem.text, rows[i].problem);
        assert_true(problem.offset == rows[i].offset);
        assert_int_equal(token.expiry_s, 42);
        assert_null(token.resource.data);
        assert_int_equal(sas_parse(str_from(rows[i].text), &token, NULL), STATUS_INVALID);
    }
}

static void a_token_has_a_largest_size(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf text = BUF_INIT(10000);
    buf_append_str(&text, STR(SIG "sig=s&se=1&sr="));
    while (text.size < SAS_TOKEN_SIZE_MAX) {
        buf_append_byte(&text, 'h');
    }
    struct sas_token token;
    struct problem problem = {0};
    assert_int_equal(sas_parse(buf_str(&text), &token, NULL), STATUS_OK);
    buf_append_byte(&text, 'h');
    assert_int_equal(sas_parse(buf_str(&text), &token, &problem), STATUS_INVALID);
    assert_string_equal(problem.text, "a token of 4097 bytes, at most 4096 are allowed");
}

static void any_change_breaks_the_signature(void **state)
{
    (void)state;
    static const char *const texts[] = {
        SIG "sr=testhub.azure-devices.net/devices/dev2"
            "&sig=dEACNGeBq6tr0eRNzMbBVIqaOecR1UqEoqRvR1wY3kI=&se=1924992000",
        SIG "sr=testhub.azure-devices.net/devices/dev1"
            "&sig=dEACNGeBq6tr0eRNzMbBVIqaOecR1UqEoqRvR1wY3kI=&se=1924992001",
        SIG "sr=testhub.azure-devices.net/devices/dev1"
            "&sig=dEACNGeBq6tr0eRNzMbBVIqaOecR1UqEoqRvR1wY3kI=&se=01924992000",
        SIG "sr=testhub.azure-devices.net%2Fdevices%2Fdev1"
            "&sig=dEACNGeBq6tr0eRNzMbBVIqaOecR1UqEoqRvR1wY3kI=&se=1924992000",
        SIG "sr=testhub.azure-devices.net/devices/dev1"
            "&sig=eEACNGeBq6tr0eRNzMbBVIqaOecR1UqEoqRvR1wY3kI=&se=1924992000",
        SIG "sr=testhub.azure-devices.net/devices/dev1"
            "&sig=dEACNGeBq6tr0eRNzMbBVIqaOecR1UqEoqRvR1wY3g==&se=1924992000", /* 31 bytes */
        SIG "sr=testhub.azure-devices.net/devices/dev1"
            "&sig=dEACNGeBq6tr0eRNzMbBVIqaOecR1UqEoqRvR1wY3kIA&se=1924992000", /* 33 bytes */
        SIG "sr=testhub.azure-devices.net/devices/dev1"
            "&sig=dEACNGeBq6tr0eRNzMbBVIqaOecR1UqEoqRvR1wY3kI&se=1924992000", /* no base64 */
        SIG "sr=testhub.azure-devices.net/devices/dev1"
            "&sig=dEACNGeBq6tr0eRNzMbBVIqaOecR1UqEoqRvR1wY3kI%3&se=1924992000",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const struct sas_token token = parsed(texts[i]);
        assert_false(sas_verify(&token, STR(KEY)));
    }
}

static void a_plus_in_a_signature_is_a_plus(void **state)
{
    (void)state;
    const struct sas_token token =
        parsed(SIG "sr=testhub.azure-devices.net%2fdevices%2fdev1"
                   "&sig=5FuK0wFlVzXzk+YV6btu9MYdBW/HSH4FlT6JHQX0+BM=&se=1924992000");
    assert_true(sas_verify(&token, STR(KEY)));
}

static void another_key_or_none_does_not_verify(void **state)
{
    (void)state;
    const struct sas_token token =
        parsed(SIG "sr=testhub.azure-devices.net/devices/dev1"
                   "&sig=dEACNGeBq6tr0eRNzMbBVIqaOecR1UqEoqRvR1wY3kI=&se=1924992000");
    static const char *const keys[] = {
        "",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh4=",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "not base64",
    };
    assert_true(sas_verify(&token, STR(KEY)));
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        assert_false(sas_verify(&token, str_from(keys[i])));
    }
}

static void event_hubs_clients_sign_with_the_text_of_the_key(void **state)
{
    (void)state;
    /* Python: base64(hmac(KEY.encode(), b"sb%3A%2F%2Flocalhost%2Fhub\n1924992000", sha256)) */
    const struct sas_token token = parsed(
        SIG "sr=sb%3A%2F%2Flocalhost%2Fhub&sig=LPOPHdsCZoc00bFmNQz29xIGAv3vbcYIvVX5INUnoL4%3D"
            "&se=1924992000&skn=service");
    assert_true(sas_verify_text(&token, STR(KEY)));
    assert_false(sas_verify(&token, STR(KEY)));
    assert_false(sas_verify_text(&token, STR("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=")));
    assert_false(sas_verify_text(&token, STR_EMPTY));
}

static void a_signed_token_is_the_sdks_and_verifies(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(1000);
    assert_int_equal(sas_sign(&out, STR("testhub.azure-devices.net/devices/dev1"), STR(KEY),
                              STR_EMPTY, 1924992000),
                     STATUS_OK);
    assert_str_equal(buf_str(&out),
                     SIG "sr=testhub.azure-devices.net%2Fdevices%2Fdev1"
                         "&sig=UZqAVuqX2yaB%2FUhPFRRSx%2BsiLzRxz43WumGCp2evRO8%3D&se=1924992000");
    struct sas_token token = parsed(out.data);
    assert_true(sas_verify(&token, STR(KEY)));

    buf_clear(&out);
    assert_int_equal(sas_sign(&out, STR("h"), STR(KEY), STR("my policy"), 5), STATUS_OK);
    assert_true(str_ends(buf_str(&out), STR("&se=5&skn=my%20policy")));
    token = parsed(out.data);
    assert_true(sas_verify(&token, STR(KEY)));
}

static void a_key_may_sign_by_its_text(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(1000);
    assert_int_equal(sas_sign_text(&out, STR("sb://h/e"), STR(KEY), STR("p"), 5), STATUS_OK);
    const struct sas_token token = parsed(out.data);
    assert_str_equal(token.resource, "sb%3A%2F%2Fh%2Fe");
    assert_true(sas_verify_text(&token, STR(KEY)));
    assert_false(sas_verify(&token, STR(KEY)));
}

static void signing_without_a_key_or_room_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(20);
    assert_int_equal(sas_sign(&out, STR("h"), STR("no key"), STR_EMPTY, 5), STATUS_INVALID);
    assert_int_equal(sas_sign(&out, STR("h"), STR(""), STR_EMPTY, 5), STATUS_INVALID);
    assert_int_equal(out.size, 0);
    assert_int_equal(sas_sign(&out, STR("h"), STR(KEY), STR_EMPTY, 5), STATUS_LIMIT);
}

static void a_key_has_16_to_64_bytes(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        bool valid;
    } rows[] = {{0, false}, {1, false}, {15, false}, {16, true},
                {32, true}, {64, true}, {65, false}, {66, false}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char bytes[100] = {0};
        CLEANUP(buf_finish) struct buf text = BUF_INIT(1000);
        base64_append(&text, str_of(bytes, rows[i].size));
        assert_int_equal(sas_key_valid(buf_str(&text)), rows[i].valid);
    }
    assert_true(sas_key_valid(STR(KEY)));
    assert_false(sas_key_valid(STR("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")));
    assert_false(sas_key_valid(STR("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 ")));
    assert_false(sas_key_valid(STR("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh_=")));
}

static void sign_and_verify_whatever_fails(void *ctx)
{
    bool *signed_once = ctx;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(1000);
    const enum status status = sas_sign(&out, STR("h"), STR(KEY), STR("p"), 5);
    assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
    const struct sas_token token =
        parsed(SIG "sr=testhub.azure-devices.net/devices/dev1"
                   "&sig=dEACNGeBq6tr0eRNzMbBVIqaOecR1UqEoqRvR1wY3kI=&se=1924992000");
    *signed_once = sas_verify(&token, STR(KEY)) && status == STATUS_OK;
}

static void a_refused_allocation_only_refuses(void **state)
{
    (void)state;
    bool signed_once = false;
    check_under_failing_allocations(sign_and_verify_whatever_fails, &signed_once);
    assert_true(signed_once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_vectors_verify_however_the_signature_is_encoded),
        cmocka_unit_test(fields_come_in_any_order_and_case),
        cmocka_unit_test(a_value_ends_at_the_ampersand_not_at_its_equals_signs),
        cmocka_unit_test(an_expiry_is_seconds_whatever_its_fraction_or_size),
        cmocka_unit_test(what_is_missing_or_malformed_is_named),
        cmocka_unit_test(a_token_has_a_largest_size),
        cmocka_unit_test(any_change_breaks_the_signature),
        cmocka_unit_test(a_plus_in_a_signature_is_a_plus),
        cmocka_unit_test(another_key_or_none_does_not_verify),
        cmocka_unit_test(event_hubs_clients_sign_with_the_text_of_the_key),
        cmocka_unit_test(a_signed_token_is_the_sdks_and_verifies),
        cmocka_unit_test(a_key_may_sign_by_its_text),
        cmocka_unit_test(signing_without_a_key_or_room_is_refused),
        cmocka_unit_test(a_key_has_16_to_64_bytes),
        cmocka_unit_test(a_refused_allocation_only_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
