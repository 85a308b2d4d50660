/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

/* What every unit test includes after the header it tests: cmocka, in the order it needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/attr.h"
#include "base/str.h"

/* Compares a struct str with a C string, printing both when they differ. */
#define assert_str_equal(actual, expected)                                                         \
    check_str_equal_at((actual), (expected), __FILE__, __LINE__)

static inline void check_str_equal_at(struct str actual, const char *expected, const char *file,
                                      int line)
{
    if (!str_equal(actual, str_from(expected))) {
        print_error("\"%.*s\" is not \"%s\"\n", STR_ARG(actual), expected);
        _fail(file, line);
    }
}

/*
 * Runs `body` with the first, then the second, then the third ... allocation refused, until one run
 * gets through: nothing may crash or leak on the way (the address sanitizer watches). `body` must
 * tolerate every failure and return.
 */
static inline void check_under_failing_allocations(void (*body)(void *ctx), void *ctx)
{
    for (long n = 0;; n++) {
        mem_fail_after(n);
        body(ctx);
        const bool reached = mem_fail_happened() != 0;
        mem_fail_after(-1);
        if (!reached) {
            return;
        }
        assert_true(n < 100000);
    }
}

#endif
