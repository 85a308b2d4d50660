/* SPDX-License-Identifier: MIT */
#include "base/guid.h"

#include "check.h"

static const struct guid counted = {.bytes = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
                                              0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}};

static void a_text_shows_the_bytes_in_their_order(void **state)
{
    (void)state;
    char text[GUID_TEXT_SIZE];
    guid_text(&counted, text);
    assert_string_equal(text, "00112233-4455-6677-8899-aabbccddeeff");
}

static const struct {
    const char *text;
    bool good;
} texts[] = {
    {"00112233-4455-6677-8899-aabbccddeeff", true},
    {"00112233-4455-6677-8899-AABBCCDDEEFF", true},
    {"00112233-4455-6677-8899-aabbccddeef", false},
    {"00112233-4455-6677-8899-aabbccddeefff", false},
    {"0011223344556677-8899-aabbccddeeff-4-", false},
    {"00112233-4455-6677-8899_aabbccddeeff", false},
    {"00112233-4455-6677-8899-aabbccddeefg", false},
    {"0011223g-4455-6677-8899-aabbccddeeff", false},
    {"0011223`-4455-6677-8899-aabbccddeeff", false},
    {"0011223@-4455-6677-8899-aabbccddeeff", false},
    {"0011223/-4455-6677-8899-aabbccddeeff", false},
    {"0011223:-4455-6677-8899-aabbccddeeff", false},
    {"", false},
};

static void a_text_is_read_in_any_case_or_not_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct guid guid = {{0x5a}};
        assert_int_equal(guid_from_text(str_from(texts[i].text), &guid), texts[i].good);
        if (texts[i].good) {
            assert_true(guid_equal(&guid, &counted));
        } else {
            assert_int_equal(guid.bytes[0], 0x5a);
        }
    }
}

/* Device protocol reference, 9.6: the first three groups of a .NET Guid stand the other way round.
 */
static void the_swap_is_that_of_dotnet_and_its_own_inverse(void **state)
{
    (void)state;
    const struct guid swapped = guid_swapped(&counted);
    char text[GUID_TEXT_SIZE];
    guid_text(&swapped, text);
    assert_string_equal(text, "33221100-5544-7766-8899-aabbccddeeff");
    const struct guid back = guid_swapped(&swapped);
    assert_true(guid_equal(&back, &counted));
    assert_false(guid_equal(&swapped, &counted));
}

static void random_ones_are_of_version_4_and_never_the_same(void **state)
{
    (void)state;
    struct random random;
    random_init_seed(&random, 7);
    const struct guid first = guid_random(&random);
    const struct guid second = guid_random(&random);
    assert_false(guid_equal(&first, &second));
    char text[GUID_TEXT_SIZE];
    guid_text(&first, text);
    assert_int_equal(text[14], '4');
    assert_non_null(strchr("89ab", text[19]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_shows_the_bytes_in_their_order),
        cmocka_unit_test(a_text_is_read_in_any_case_or_not_at_all),
        cmocka_unit_test(the_swap_is_that_of_dotnet_and_its_own_inverse),
        cmocka_unit_test(random_ones_are_of_version_4_and_never_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
