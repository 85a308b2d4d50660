/* SPDX-License-Identifier: MIT */
#include "clients/cli/java_options.h"

#include "check.h"

#define OURS(path) "-Djavax.net.ssl.trustStore=" path " -Djavax.net.ssl.trustStorePassword=changeit"

static void only_what_is_said_of_trust_is_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *path;
        const char *after;
    } cases[] = {
        {"", "/s.p12", OURS("/s.p12")},
        {"  ", "/s.p12", OURS("/s.p12")},
        {"-Xmx1g", "/s.p12", "-Xmx1g " OURS("/s.p12")},
        {"-Xmx1g\t-Da='b c'", "/s.p12", "-Xmx1g -Da='b c' " OURS("/s.p12")},
        {OURS("/old.p12"), "/s.p12", OURS("/s.p12")},
        {"-Da=b " OURS("'/old one.p12'") " -Dc=d -Djavax.net.ssl.trustStoreType=JKS", "/s.p12",
         "-Da=b -Dc=d " OURS("/s.p12")},
        {"'-Djavax.net.ssl.trustStore=/old one'", "/s.p12", OURS("/s.p12")},
        {"-Djavax.net.ssl.keyStore=/k", "/s.p12", "-Djavax.net.ssl.keyStore=/k " OURS("/s.p12")},
        {"", "/a b.p12", OURS("\"/a b.p12\"")},
        {"", "/it's.p12", OURS("\"/it's.p12\"")},
        {"", "/a\"b.p12", OURS("\"/a\"'\"'\"b.p12\"")},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(1024);
        java_options_append(&out, str_from(cases[i].before), str_from(cases[i].path));
        assert_str_equal(buf_str(&out), cases[i].after);

        CLEANUP(buf_finish) struct buf found = BUF_INIT(1024);
        assert_true(java_options_find(buf_str(&out), STR(JAVA_TRUST_STORE), &found));
        assert_str_equal(buf_str(&found), cases[i].path);
    }
}

static void the_last_one_counts(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf found = BUF_INIT(1024);
    assert_true(java_options_find(STR("-Dx=1 -Dy=2 -Dx='3 4'"), STR("-Dx="), &found));
    assert_str_equal(buf_str(&found), "3 4");
    assert_false(java_options_find(STR("-Dx=1"), STR("-Dz="), &found));
    assert_false(java_options_find(STR(""), STR("-Dz="), &found));
    assert_str_equal(buf_str(&found), "3 4");
}

static void an_open_quotation_ends_with_the_text(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf found = BUF_INIT(1024);
    assert_true(java_options_find(STR("-Dx='1 2"), STR("-Dx="), &found));
    assert_str_equal(buf_str(&found), "1 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_said_of_trust_is_replaced),
        cmocka_unit_test(the_last_one_counts),
        cmocka_unit_test(an_open_quotation_ends_with_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
