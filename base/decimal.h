/* SPDX-License-Identifier: MIT */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

/* Decimal numbers in text that does not end in NUL. */
#include "base/str.h"

/*
 * The double nearest to a number as JSON writes it ("-1.5e3"), of any length; too large ones are
 * infinite, too small ones zero. The text must be such a number: digits may also be missing before
 * or after the point, and no other character is looked at twice.
 */
double decimal_decode(struct str number);

#endif
