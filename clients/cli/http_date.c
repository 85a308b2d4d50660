/* SPDX-License-Identifier: MIT */
#include "clients/cli/http_date.h"

#include <stdio.h>

#include "base/clock.h"

enum { DATE_SIZE = 29, MONTHS = 12, ISO_SIZE = 21 };

/* 1 to 12; 0: no month. */
static int month_of(struct str name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < MONTHS; i++) {
        if (str_equal(name, str_of(names + 3 * (size_t)i, 3))) {
            return i + 1;
        }
    }
    return 0;
}

bool http_date_read(struct str text, int64_t *ret_time_s)
{
    if (text.size != DATE_SIZE || !str_ends(text, STR(" GMT")) || text.data[3] != ',') {
        return false;
    }
    const char *at = text.data;
    char iso[ISO_SIZE + 1];
    const int size = snprintf(iso, sizeof(iso), "%.4s-%02d-%.2sT%.8sZ", at + 12,
                              month_of(str_of(at + 8, 3)), at + 5, at + 17);
    int64_t time_us = 0;
    if (size < 0 || size >= (int)sizeof(iso) || !clock_from_iso(str_from(iso), &time_us)) {
        return false;
    }
    *ret_time_s = time_us / CLOCK_SECOND;
    return true;
}
