/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

enum {
    TEXT_SIZE = 2048,
    STAMP_SIZE = 23, /* of clock_text_iso(): up to the milliseconds */
    ESCAPE_SIZE = 4,
    LINE_SIZE = 128 + TEXT_SIZE * ESCAPE_SIZE,
};

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

static enum log_level level_shown = LOG_LEVEL_INFO;

bool log_level_from_text(struct str text, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
        if (str_equal(text, str_from(level_names[i]))) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_set_level(enum log_level level)
{
    level_shown = level;
}

bool log_enabled(enum log_level level)
{
    return level <= level_shown;
}

/* C0, DEL and, as UTF-8, C1: what can move a terminal's cursor or start a line of its own. */
static bool is_control(const unsigned char *at, const unsigned char *previous)
{
    if (*at < 0x20 || *at == 0x7f) {
        return true;
    }
    return *at >= 0x80 && *at <= 0x9f && previous != NULL && *previous == 0xc2;
}

static size_t escape(char *out, const char *text, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = (const unsigned char *)text;
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        if (!is_control(in + i, i == 0 ? NULL : in + i - 1)) {
            out[used++] = text[i];
            continue;
        }
        out[used++] = '\\';
        out[used++] = 'x';
        out[used++] = digits[in[i] >> 4];
        out[used++] = digits[in[i] & 0xf];
    }
    return used;
}

void log_write(enum log_level level, const char *where, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    const int wanted = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (wanted < 0) {
        return;
    }
    const bool cut = (size_t)wanted >= sizeof(text);

    char stamp[CLOCK_TEXT_SIZE];
    clock_text_iso(clock_now_us(&CLOCK_SYSTEM), stamp);
    char line[LINE_SIZE];
    const int head = snprintf(line, LINE_SIZE - sizeof(text) * ESCAPE_SIZE - sizeof("...\n"),
                              "%.*sZ %-5s %.32s: ", STAMP_SIZE, stamp, level_names[level], where);
    if (head < 0) {
        return;
    }
    size_t size = (size_t)head;
    size += escape(line + size, text, cut ? sizeof(text) - 1 : (size_t)wanted);
    const struct str end = cut ? STR("...\n") : STR("\n");
    memcpy(line + size, end.data, end.size);
    size += end.size;
    /* One call, so that the lines of two threads never mix. Nobody is left to tell if it fails. */
    (void)fwrite(line, 1, size, stderr);
}
