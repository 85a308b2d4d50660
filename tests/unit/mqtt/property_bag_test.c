/* SPDX-License-Identifier: MIT */
#include "mqtt/property_bag.h"

#include "check.h"

enum { SCRATCH_MAX = 4096 };

/* The bag as text, one "name key=value;" each, "name key;" for null: easy to compare. */
static void describe(struct buf *out, struct str raw)
{
    struct buf scratch CLEANUP(buf_finish) = BUF_INIT(SCRATCH_MAX);
    struct bag bag;
    struct bag_property property;
    assert_int_equal(bag_init(&bag, raw, &scratch), STATUS_OK);
    while (bag_next(&bag, &property)) {
        buf_append_str(out, bag_system_name(property.name));
        buf_append_str(out, STR(" "));
        buf_append_str(out, property.key);
        if (property.has_value) {
            buf_append_str(out, STR("="));
            buf_append_str(out, property.value);
        } else {
            assert_int_equal(property.value.size, 0);
        }
        buf_append_str(out, STR(";"));
    }
    assert_int_equal(buf_status(&scratch), STATUS_OK);
}

static void bags_decode_as_the_reference_says(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        const char *wanted;
    } rows[] = {
        {"", ""},
        {"/", ""},
        {"?", ""},
        {"?/", ""},
        {"a=b", " a=b;"},
        {"a=b/", " a=b;"},
        {"a=b//", " a=b/;"},
        {"a=b/c/", " a=b/c;"},
        {"?a=b", " a=b;"},
        {"??a=b", " ?a=b;"},
        {"a", " a;"},
        {"a=", " a=;"},
        {"a=b&c&d=", " a=b; c; d=;"},
        {"a=b=c", " a=b=c;"},
        {"&&a=b&&c=d&", " a=b; c=d;"},
        {"a+b=c+d", " a+b=c+d;"},
        {"a%20b=c%26d%3De", " a b=c&d=e;"},
        {"a=100%&b=%zz&c=%4", " a=100%; b=%zz; c=%4;"},
        {"caf%C3%A9=%c3%a9", " caf\xc3\xa9=\xc3\xa9;"},
        {"%24.ct=application%2Fjson&%24.ce=utf-8&alert=true",
         "contentType $.ct=application/json;contentEncoding $.ce=utf-8; alert=true;"},
        {"$.mid=x/", "messageId $.mid=x;"},
        {"%24%2e%6did=x", "messageId $.mid=x;"},
        {"$.MID=x&$.other=y&.mid=z&mid=w", " $.MID=x; $.other=y; .mid=z; mid=w;"},
        {"$.=x", " $.=x;"},
        {"$.mid", "messageId $.mid;"},
        {"a=1&a=2", " a=1; a=2;"},
        {"iothub-creation-time-utc=t", " iothub-creation-time-utc=t;"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf out CLEANUP(buf_finish) = BUF_INIT(SCRATCH_MAX);
        describe(&out, str_from(rows[i].raw));
        assert_str_equal(buf_str(&out), rows[i].wanted);
    }
}

static void every_system_key_has_its_name(void **state)
{
    (void)state;
    struct buf out CLEANUP(buf_finish) = BUF_INIT(SCRATCH_MAX);
    describe(&out, STR("$.mid&$.cid&$.uid&$.to&$.ct&$.ce&$.exp&$.ctime&$.on&$.sub&$.ifid&$.schema&"
                       "$.cdid&$.cmid&$.diagid&$.diagctx"));
    assert_str_equal(buf_str(&out),
                     "messageId $.mid;correlationId $.cid;userId $.uid;to $.to;contentType $.ct;"
                     "contentEncoding $.ce;expiryTimeUtc $.exp;creationTimeUtc $.ctime;"
                     "outputName $.on;componentName $.sub;interfaceId $.ifid;"
                     "messageSchema $.schema;connectionDeviceId $.cdid;connectionModuleId $.cmid;"
                     "diagnosticId $.diagid;diagnosticContext $.diagctx;");
}

static void decoded_texts_stay_while_the_bag_is_walked(void **state)
{
    (void)state;
    struct buf scratch CLEANUP(buf_finish) = BUF_INIT(SCRATCH_MAX);
    struct bag bag;
    struct bag_property first;
    struct bag_property second;
    const struct str raw = STR("%61=%62&%63=%64");
    assert_int_equal(bag_init(&bag, raw, &scratch), STATUS_OK);
    assert_true(bag_next(&bag, &first));
    assert_true(bag_next(&bag, &second));
    assert_str_equal(first.key, "a");
    assert_str_equal(first.value, "b");
    assert_str_equal(second.key, "c");
    assert_str_equal(second.value, "d");
}

static void a_bag_without_escapes_costs_no_memory(void **state)
{
    (void)state;
    struct buf scratch CLEANUP(buf_finish) = BUF_INIT(0);
    struct bag bag;
    struct bag_property property;
    assert_int_equal(bag_init(&bag, STR("a=b&$.mid=1/"), &scratch), STATUS_OK);
    assert_true(bag_next(&bag, &property));
    assert_true(bag_next(&bag, &property));
    assert_str_equal(property.value, "1");
    assert_null(scratch.data);
    assert_int_equal(bag_init(&bag, STR("a=%62"), &scratch), STATUS_LIMIT);
}

static void walk_with_no_memory(void *ctx)
{
    (void)ctx;
    struct buf scratch CLEANUP(buf_finish) = BUF_INIT(SCRATCH_MAX);
    struct bag bag = {.rest = STR("untouched")};
    struct bag_property property;
    if (bag_init(&bag, STR("%24.mid=%41&b=%42"), &scratch) != STATUS_OK) {
        assert_str_equal(bag.rest, "untouched");
        return;
    }
    assert_true(bag_next(&bag, &property));
    assert_str_equal(property.value, "A");
    assert_true(bag_next(&bag, &property));
    assert_str_equal(property.value, "B");
    assert_false(bag_next(&bag, &property));
}

static void a_refused_allocation_is_reported_at_the_start(void **state)
{
    (void)state;
    check_under_failing_allocations(walk_with_no_memory, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bags_decode_as_the_reference_says),
        cmocka_unit_test(every_system_key_has_its_name),
        cmocka_unit_test(decoded_texts_stay_while_the_bag_is_walked),
        cmocka_unit_test(a_bag_without_escapes_costs_no_memory),
        cmocka_unit_test(a_refused_allocation_is_reported_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
