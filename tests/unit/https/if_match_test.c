/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

#include "check.h"

/* Service reference, 2.3: what each client sends. */
static void every_spelling_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum hub_match_kind kind;
        const char *etag;
    } cases[] = {
        {"", HUB_MATCH_NONE, NULL},
        {"  ", HUB_MATCH_NONE, NULL},
        {"\"\"", HUB_MATCH_NONE, NULL},
        {"W/\"\"", HUB_MATCH_NONE, NULL},
        {"*", HUB_MATCH_ANY, NULL},
        {" * ", HUB_MATCH_ANY, NULL},
        {"\"*\"", HUB_MATCH_ANY, NULL},
        {"W/\"*\"", HUB_MATCH_ANY, NULL},
        {"\"AAAAAAAAAAE=\"", HUB_MATCH_ETAG, "AAAAAAAAAAE="},
        {"AAAAAAAAAAE=", HUB_MATCH_ETAG, "AAAAAAAAAAE="},
        {"W/\"AAAAAAAAAAE=\"", HUB_MATCH_ETAG, "AAAAAAAAAAE="},
        {"\"\"AAAA\"\"", HUB_MATCH_ETAG, "\"AAAA\""}, /* one pair only */
        {"\"", HUB_MATCH_ETAG, "\""},
        {"\"AAAA", HUB_MATCH_ETAG, "\"AAAA"},
        {"**", HUB_MATCH_ETAG, "**"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct hub_match match = https_if_match(str_from(cases[i].value));
        assert_int_equal(match.kind, cases[i].kind);
        if (cases[i].etag != NULL) {
            assert_str_equal(match.etag, cases[i].etag);
        }
    }
}

static void an_absent_header_is_no_condition(void **state)
{
    (void)state;
    assert_int_equal(https_if_match((struct str){0}).kind, HUB_MATCH_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_is_read),
        cmocka_unit_test(an_absent_header_is_no_condition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
