/* SPDX-License-Identifier: MIT */
#include "hub/hub.h"

#include "check.h"

static void lines_become_one_and_a_mark_goes_where_it_pointed(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line;
    } rows[] = {
        {"", ""},
        {"token expired", "token expired"},
        {"errors: \n\tLine 1:3 what\n", "errors: Line 1:3 what"},
        {"a\nb", "a b"},
        {"a\n\nb", "a b"},
        {"what\nSELECT x\n       ^\n", "what; at: SELECT ^x"},
        {"what\nSELECT\n      ^\n", "what; at: SELECT^"},
        {"what\n\xC3\xA9\xE2\x82\xAC=\n  ^\n", "what; at: \xC3\xA9\xE2\x82\xAC^="},
        {"what\nab\n^\nmore", "what; at: ^ab more"},
        {"what\nab\n         ^", "what; at: ab^"},
        {"^", "^"},
        {"a\n ^b", "a  ^b"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf out CLEANUP(buf_finish) = BUF_INIT(256);
        hub_one_line_append(&out, str_from(rows[i].text));
        assert_str_equal(buf_str(&out), rows[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_one_and_a_mark_goes_where_it_pointed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
