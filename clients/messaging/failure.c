/* SPDX-License-Identifier: MIT */
#include "clients/messaging/failure_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

static enum iothub_result write_error(struct iothub_error *error, enum iothub_result result,
                                      long http_status, const char *code, const char *text)
{
    if (error != NULL) {
        struct problem cut = {.offset = PROBLEM_NO_OFFSET};
        *error = (struct iothub_error){.result = result, .http_status = http_status};
        (void)snprintf(error->code, sizeof(error->code), "%s", code);
        problem_set(&cut, PROBLEM_NO_OFFSET, "%s", text);
        (void)snprintf(error->text, sizeof(error->text), "%s", cut.text);
    }
    return result;
}

enum iothub_result failure(struct iothub_error *error, enum iothub_result result,
                           const char *format, ...)
{
    char text[2 * IOTHUB_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return write_error(error, result, 0, "", text);
}

enum iothub_result failure_status(struct iothub_error *error, enum status status,
                                  const struct problem *problem)
{
    const char *text =
        problem != NULL && problem->text[0] != '\0' ? problem->text : status_text(status);
    return write_error(error, status == STATUS_NO_MEMORY ? IOTHUB_NO_MEMORY : IOTHUB_INVALID, 0, "",
                       text);
}

/* ---- Conditions ---- */

static long status_of_condition(const char *name)
{
    static const struct {
        const char *name;
        long http_status;
    } rows[] = {
        {"amqp:unauthorized-access", 401},
        {"amqp:not-found", 404},
        {"com.microsoft:entity-not-found", 404},
        {"com.microsoft:argument-error", 400},
        {"com.microsoft:argument-out-of-range", 400},
        {"amqp:not-allowed", 400},
        {"amqp:decode-error", 400},
        {"amqp:invalid-field", 400},
        {"amqp:not-implemented", 501},
        {"amqp:link:message-size-exceeded", 413},
        {"amqp:resource-limit-exceeded", 403},
        {"com.microsoft:quota-exceeded", 403},
        {"amqp:link:stolen", 409},
        {"com.microsoft:device-already-exists", 409},
        {"com.microsoft:precondition-failed", 412},
        {"com.microsoft:message-lock-lost", 412},
        {"com.microsoft:device-container-throttled", 429},
        {"com.microsoft:server-busy", 503},
        {"com.microsoft:timeout", 504},
        {"amqp:internal-error", 500},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].http_status;
        }
    }
    return 0;
}

/* What the other side does to a connection or link that is as it should be, and what it says of
 * itself: trying again may help. */
static bool passes(const char *name, long http_status)
{
    static const char *const passing[] = {
        "amqp:connection:forced", "amqp:connection:framing-error", "amqp:link:detach-forced",
        "amqp:transport-error",   "amqp:session:window-violation", "amqp:session:errant-link",
    };
    for (size_t i = 0; i < ARRAY_SIZE(passing); i++) {
        if (strcmp(passing[i], name) == 0) {
            return true;
        }
    }
    return http_status == 429 || (http_status >= 500 && http_status != 501);
}

enum iothub_result failure_answer(struct iothub_error *error, long http_status,
                                  const char *condition, const char *description, const char *what)
{
    double number = 0;
    struct str words = str_from(description);
    cJSON *tree CLEANUP(json_destroyp) = NULL;
    if (json_parse(words, &tree, NULL) == STATUS_OK) {
        (void)json_member_str(tree, "message", &words);
        if (http_status == 0 && json_member_number(tree, "errorCode", &number)) {
            http_status = (long)number / 1000;
        }
    }
    if (http_status == 0) {
        http_status = status_of_condition(condition);
    }
    char text[2 * IOTHUB_TEXT_SIZE];
    (void)snprintf(text, sizeof(text), "%s was refused: %.*s%s%s%s", what, STR_ARG(words),
                   condition[0] == '\0' ? "" : (words.size == 0 ? "" : " ("), condition,
                   condition[0] == '\0' || words.size == 0 ? "" : ")");
    return write_error(error, passes(condition, http_status) ? IOTHUB_UNAVAILABLE : IOTHUB_REFUSED,
                       http_status, condition, text);
}

enum iothub_result failure_condition(struct iothub_error *error, pn_condition_t *condition,
                                     const char *what)
{
    const char *name = pn_condition_get_name(condition);
    const char *description = pn_condition_get_description(condition);
    if (name == NULL) {
        return failure(error, IOTHUB_UNAVAILABLE, "%s was ended by the other side, with no reason",
                       what);
    }
    return failure_answer(error, 0, name, description == NULL ? "" : description, what);
}
