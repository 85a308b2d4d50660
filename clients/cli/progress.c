/* SPDX-License-Identifier: MIT */
#include "clients/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "clients/cli/signals.h"
#include "clients/cli/terminal.h"

#define SHOWN_AFTER_US (1 * CLOCK_SECOND)
#define DRAWN_EACH_US  (CLOCK_SECOND / 10)

enum { BAR_WIDTH = 24, LINE_MAX_BYTES = 1024 };

static struct progress *current;
static volatile int on_screen; /* read by a signal handler */

/* 1234567 -> "1,234,567" */
static void append_count(struct buf *out, uint64_t count)
{
    char digits[24];
    const int size = snprintf(digits, sizeof(digits), "%" PRIu64, count);
    for (int i = 0; i < size; i++) {
        buf_append_byte(out, (uint8_t)digits[i]);
        if (i + 1 < size && (size - i - 1) % 3 == 0) {
            buf_append_byte(out, ',');
        }
    }
}

static void append_duration(struct buf *out, uint64_t seconds)
{
    if (seconds >= 3600) {
        buf_append_format(out, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
    } else if (seconds >= 60) {
        buf_append_format(out, "%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
    } else {
        buf_append_format(out, "%" PRIu64 " s", seconds);
    }
}

static void append_bar(struct buf *out, double share)
{
    const size_t full = (size_t)(share * BAR_WIDTH);
    buf_append_str(out, STR(" ["));
    for (size_t i = 0; i < BAR_WIDTH; i++) {
        buf_append_byte(out, i < full ? '#' : '-');
    }
    buf_append_str(out, STR("]"));
}

void progress_append(struct buf *out, const struct progress *progress, int64_t now_us, size_t width)
{
    const size_t start = out->size;
    const uint64_t total = progress->total;
    const uint64_t done = total > 0 && progress->done > total ? total : progress->done;
    const double elapsed_s = (double)(now_us - progress->started_us) / (double)CLOCK_SECOND;
    const double rate = elapsed_s > 0.0 ? (double)done / elapsed_s : 0.0;
    buf_append_str(out, str_from(progress->what));
    if (total > 0) {
        append_bar(out, (double)done / (double)total);
    }
    buf_append_str(out, STR("  "));
    append_count(out, done);
    if (total > 0) {
        buf_append_str(out, STR(" of "));
        append_count(out, total);
        buf_append_format(out, "  %" PRIu64 " %%",
                          (uint64_t)(100.0 * (double)done / (double)total));
    }
    buf_append_str(out, STR("  "));
    append_count(out, (uint64_t)(rate + 0.5));
    buf_append_str(out, STR("/s"));
    if (progress->note[0] != '\0') {
        buf_append_format(out, "  %s", progress->note);
    }
    if (total > 0 && rate > 0.0) {
        buf_append_str(out, STR("  "));
        append_duration(out, (uint64_t)((double)(total - done) / rate + 0.5));
        buf_append_str(out, STR(" left"));
    }
    if (out->size - start > width) { /* all of it is ASCII */
        buf_truncate(out, start + width);
    }
}

static bool terminal_is_able(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
}

void progress_start(struct progress *progress, const char *what, uint64_t total)
{
    *progress = (struct progress){
        .what = what,
        .total = total,
        .started_us = clock_monotonic_us(),
        .wanted = terminal_is_able(),
    };
    current = progress;
}

static void draw(struct progress *progress, int64_t now_us)
{
    CLEANUP(buf_finish) struct buf line = BUF_INIT(LINE_MAX_BYTES);
    buf_append_byte(&line, '\r');
    progress_append(&line, progress, now_us, terminal_width(STDERR_FILENO) - 1);
    buf_append_str(&line, STR("\x1b[K"));
    if (buf_status(&line) == STATUS_OK) {
        on_screen = 1;
        progress->shown = true;
        progress->drawn_us = now_us;
        (void)fputs(line.data, stderr);
        (void)fflush(stderr);
    }
}

void progress_step(struct progress *progress, uint64_t done)
{
    progress->done = done;
    if (!progress->wanted) {
        return;
    }
    const int64_t now_us = clock_monotonic_us();
    if (now_us - progress->started_us >= SHOWN_AFTER_US &&
        now_us - progress->drawn_us >= DRAWN_EACH_US) {
        draw(progress, now_us);
    }
}

/* The terminal has written ^C where the cursor stood; what comes next begins a line. */
static bool has_echo(void)
{
    static bool cleared;
    const bool first = !cleared && signals_interrupted();
    cleared = cleared || first;
    return first && isatty(STDERR_FILENO);
}

void progress_hide(void)
{
    const bool shown = current != NULL && current->shown;
    if (shown) {
        current->shown = false;
        on_screen = 0;
    }
    if (has_echo() || shown) {
        (void)fputs(terminal_is_able() ? "\r\x1b[K" : "\n", stderr);
        (void)fflush(stderr);
    }
}

void progress_stop(const struct progress *progress)
{
    if (current == progress) {
        progress_hide();
        current = NULL;
    }
}

bool progress_is_shown(void)
{
    return on_screen != 0;
}
