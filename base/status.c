/* SPDX-License-Identifier: MIT */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

const char *status_text(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "no error";
    case STATUS_NO_MEMORY:
        return "out of memory";
    case STATUS_LIMIT:
        return "larger than the limit";
    case STATUS_INVALID:
        return "not well formed";
    case STATUS_IO:
        return "input or output failed";
    case STATUS_CORRUPT:
        return "stored data is damaged";
    case STATUS_UNAVAILABLE:
        return "not available";
    }
    return "unknown status";
}

void problem_set(struct problem *problem, size_t offset, const char *format, ...)
{
    if (problem == NULL) {
        return;
    }
    problem->offset = offset;
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(problem->text, sizeof(problem->text), format, args);
    va_end(args);
    if (size < 0) {
        problem->text[0] = '\0';
        return;
    }
    if ((size_t)size >= sizeof(problem->text)) {
        size_t end = sizeof(problem->text) - 1;
        while (end > 0 && ((unsigned char)problem->text[end - 1] & 0xc0) == 0x80) {
            end--;
        }
        if (end > 0 && ((unsigned char)problem->text[end - 1] & 0x80) != 0) {
            end--;
        }
        problem->text[end] = '\0';
    }
}
