/* SPDX-License-Identifier: MIT */
#include "base/decimal.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The digits of a decimal number as a whole number and a power of ten. */
struct decimal {
    char digits[800]; /* what strtod gets in the end; a double never depends on more than 768 */
    size_t size;
    long exponent;
    uint64_t whole; /* the same digits as a number, when they are few */
};

enum { DIGITS_MAX = 770, WHOLE_DIGITS_MAX = 15, EXACT_POWER_MAX = 22, EXPONENT_MAX = 100000 };

static void add_digit(struct decimal *decimal, char digit, bool fraction)
{
    if (decimal->size == 0 && digit == '0') {
        decimal->exponent -= fraction ? 1 : 0;
        return;
    }
    if (decimal->size < DIGITS_MAX) {
        decimal->digits[decimal->size++] = digit;
        decimal->exponent -= fraction ? 1 : 0;
        if (decimal->size <= WHOLE_DIGITS_MAX) {
            decimal->whole = decimal->whole * 10 + (uint64_t)(digit - '0');
        }
        return;
    }
    /* Too many to matter but for one thing: whether anything follows at all. */
    decimal->exponent += fraction ? 0 : 1;
    if (digit != '0' && decimal->digits[DIGITS_MAX - 1] == '0') {
        decimal->digits[DIGITS_MAX - 1] = '1';
    }
}

static long read_exponent(struct str digits)
{
    const bool negative = digits.size > 0 && digits.data[0] == '-';
    long value = 0;
    for (size_t i = 0; i < digits.size && value < EXPONENT_MAX; i++) {
        const char c = digits.data[i];
        value = c >= '0' && c <= '9' ? value * 10 + (c - '0') : value;
    }
    return negative ? -value : value;
}

static double exact_power(long exponent)
{
    static const double powers[EXACT_POWER_MAX + 1] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    return powers[exponent];
}

/*
 * Up to 15 digits and powers of ten up to 22 are exact in a double, so that one multiplication or
 * division rounds once and rightly; that covers nearly every number of a twin. strtod, for the
 * rest, needs a NUL at the end, and gets a copy in which nothing depends on the locale.
 */
static double decimal_value(struct decimal *decimal)
{
    if (decimal->size == 0) {
        return 0.0;
    }
    if (decimal->size <= WHOLE_DIGITS_MAX && decimal->exponent >= -EXACT_POWER_MAX &&
        decimal->exponent <= EXACT_POWER_MAX) {
        const double whole = (double)decimal->whole;
        return decimal->exponent < 0 ? whole / exact_power(-decimal->exponent)
                                     : whole * exact_power(decimal->exponent);
    }
    const int written =
        snprintf(decimal->digits + decimal->size, sizeof(decimal->digits) - decimal->size, "e%ld",
                 decimal->exponent);
    assert(written > 0);
    return strtod(decimal->digits, NULL);
}

double decimal_decode(struct str number)
{
    struct decimal decimal;
    decimal.size = 0;
    decimal.exponent = 0;
    decimal.whole = 0;
    const bool negative = number.size > 0 && number.data[0] == '-';
    bool fraction = false;
    for (size_t i = negative ? 1 : 0; i < number.size; i++) {
        const char c = number.data[i];
        if (c == 'e' || c == 'E') {
            decimal.exponent += read_exponent(str_skip(number, i + 1));
            break;
        }
        if (c == '.') {
            fraction = true;
        } else {
            add_digit(&decimal, c, fraction);
        }
    }
    const double value = decimal_value(&decimal);
    return negative ? -value : value;
}
