/* SPDX-License-Identifier: MIT */
#include "clients/device/errors_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static_assert(IOTHUB_TEXT_SIZE >= PROBLEM_TEXT_SIZE, "a problem's text fits");

enum iothub_result device_failed(struct iothub_error *error, enum iothub_result result,
                                 const char *format, ...)
{
    if (error == NULL) {
        return result;
    }
    char text[IOTHUB_TEXT_SIZE + 8]; /* longer, that a cut is seen */
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct problem problem;
    problem_set(&problem, PROBLEM_NO_OFFSET, "%s", text); /* cuts at a whole character */
    *error = (struct iothub_error){.result = result};
    memcpy(error->text, problem.text, sizeof(problem.text));
    return result;
}

enum iothub_result device_no_memory(struct iothub_error *error)
{
    return device_failed(error, IOTHUB_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
}

void device_refusal(struct iothub_error *error, long http_status, const char *code)
{
    if (error != NULL) {
        error->http_status = http_status;
        (void)snprintf(error->code, sizeof(error->code), "%s", code);
    }
}

enum iothub_result device_status(enum status status, const struct problem *problem,
                                 struct iothub_error *error)
{
    switch (status) {
    case STATUS_OK:
        return IOTHUB_OK;
    case STATUS_NO_MEMORY:
        return device_no_memory(error);
    case STATUS_LIMIT:
    case STATUS_INVALID:
    case STATUS_CORRUPT:
    case STATUS_IO:
        break;
    case STATUS_UNAVAILABLE:
        return device_failed(error, IOTHUB_UNAVAILABLE, "%s", problem->text);
    }
    return device_failed(error, IOTHUB_INVALID, "%s", problem->text);
}
