/* SPDX-License-Identifier: MIT */
#include "clients/cli/duration.h"

#include <inttypes.h>

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400, HOURS = 24, MINUTES = 60 };

void duration_append(struct buf *out, int64_t seconds)
{
    const uint64_t s = seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds;
    if (s >= DAY_S) {
        buf_append_format(out, "%" PRIu64 " d %" PRIu64 " h", s / DAY_S, s / HOUR_S % HOURS);
    } else if (s >= HOUR_S) {
        buf_append_format(out, "%" PRIu64 " h %" PRIu64 " min", s / HOUR_S, s / MINUTE_S % MINUTES);
    } else if (s >= MINUTE_S) {
        buf_append_format(out, "%" PRIu64 " min", s / MINUTE_S);
    } else {
        buf_append_format(out, "%" PRIu64 " s", s);
    }
}
