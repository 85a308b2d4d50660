/* SPDX-License-Identifier: MIT */
#include "base/decimal.h"

#include <math.h>
#include <stdlib.h>

#include "check.h"

static void a_number_reads_as_the_nearest_double(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } numbers[] = {
        {"0", 0.0},
        {"-0", -0.0},
        {"7", 7.0},
        {"-12", -12.0},
        {"1.5", 1.5},
        {".5", 0.5},
        {"0.1", 0.1},
        {"000.1250", 0.125},
        {"0.000001", 0.000001},
        {"1e3", 1000.0},
        {"1E+3", 1000.0},
        {"25e-1", 2.5},
        {"4503599627370496", 4503599627370496.0},
        {"9007199254740993", 9007199254740992.0},         /* halfway: to even */
        {"9007199254740993.0000001", 9007199254740994.0}, /* just above halfway */
        {"999999999999999e22", 999999999999999e22},
        {"999999999999999e23", 999999999999999e23},
        {"123456789012345e-22", 123456789012345e-22},
        {"123456789012345e-23", 123456789012345e-23},
        {"1234567890123456789", 1234567890123456789.0},
        {"2.2250738585072014e-308", 2.2250738585072014e-308},
        {"4.9e-324", 4.9e-324},
        {"1e-400", 0.0},
        {"1.7976931348623157e308", 1.7976931348623157e308},
        {"1e309", HUGE_VAL},
        {"-1e999999999999999999999", -HUGE_VAL},
        {"0e999999999999999999999", 0.0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        const double value = decimal_decode(str_from(numbers[i].text));
        if (value != numbers[i].value || signbit(value) != signbit(numbers[i].value)) {
            fail_msg("%s gave %.17g", numbers[i].text, value);
        }
    }
}

static void a_thousand_digits_count_by_their_places(void **state)
{
    (void)state;
    char text[1101];
    memset(text, '0', sizeof(text));
    text[0] = '1';
    assert_true(decimal_decode(str_of(text, 301)) == 1e300);
    assert_true(isinf(decimal_decode(str_of(text, 1100))));
    text[0] = '0';
    text[1] = '.';
    text[1099] = '1';
    assert_true(decimal_decode(str_of(text, 1100)) == 0.0);

    /* 2^53 + 1 is halfway between two doubles; a digit after hundreds of zeros decides. */
    memset(text, '0', sizeof(text));
    const struct str halfway = STR("9007199254740993.");
    memcpy(text, halfway.data, halfway.size);
    assert_true(decimal_decode(str_of(text, 1100)) == 9007199254740992.0);
    text[1099] = '1';
    assert_true(decimal_decode(str_of(text, 1100)) == 9007199254740994.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_reads_as_the_nearest_double),
        cmocka_unit_test(a_thousand_digits_count_by_their_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
