/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

enum { SNIPPET_SIZE_MAX = 200 }; /* of a body that is not the service's own */

static_assert(IOTHUB_TEXT_SIZE == PROBLEM_TEXT_SIZE, "a problem's words fit an error's text");

static void set_code(struct iothub_error *error, struct str code)
{
    const size_t size = code.size < IOTHUB_CODE_SIZE ? code.size : IOTHUB_CODE_SIZE - 1;
    memcpy(error->code, size > 0 ? code.data : "", size);
    error->code[size] = '\0';
}

/* Messages come in two forms (service API reference, 2.14). The code stays what the header said. */

/* {"errorCode": 404103, "message": "..."}, as text */
static bool read_json_message(struct str message, struct iothub_error *error,
                              struct problem *ret_words)
{
    cJSON *inner CLEANUP(json_destroyp) = NULL;
    if (json_parse(message, &inner, NULL) != STATUS_OK || !cJSON_IsObject(inner)) {
        return false;
    }
    double number = 0;
    if (error->code[0] == '\0' && json_member_number(inner, "errorCode", &number)) {
        (void)snprintf(error->code, sizeof(error->code), "%.0f", number);
    }
    struct str words = STR_EMPTY;
    (void)json_member_str(inner, "message", &words);
    problem_set(ret_words, PROBLEM_NO_OFFSET, "%.*s", STR_ARG(words));
    return true;
}

/* "ErrorCode:DeviceNotFound;dev1" */
static void read_plain_message(struct str message, struct iothub_error *error,
                               struct problem *ret_words)
{
    const struct str prefix = STR("ErrorCode:");
    struct str code = STR_EMPTY;
    struct str words = STR_EMPTY;
    if (!str_starts(message, prefix) || !str_cut(message, ';', &code, &words)) {
        words = message;
    } else if (error->code[0] == '\0') {
        set_code(error, str_skip(code, prefix.size));
    }
    problem_set(ret_words, PROBLEM_NO_OFFSET, "%.*s", STR_ARG(words));
}

static void read_body(struct str body, struct iothub_error *error, struct problem *ret_words)
{
    cJSON *tree CLEANUP(json_destroyp) = NULL;
    struct str message = STR_EMPTY;
    if (json_parse(body, &tree, NULL) != STATUS_OK || !json_member_str(tree, "Message", &message)) {
        const size_t size = body.size < SNIPPET_SIZE_MAX ? body.size : SNIPPET_SIZE_MAX;
        problem_set(ret_words, PROBLEM_NO_OFFSET, "%.*s", (int)size, body.data);
    } else if (!read_json_message(message, error, ret_words)) {
        read_plain_message(message, error, ret_words);
    }
}

/* What only needs time is no refusal (service API reference, 2.15). */
static bool is_busy(long http_status)
{
    return http_status == 429 || http_status == 503;
}

enum iothub_result service_refused(struct iothub_error *error, long http_status,
                                   struct str code_header, struct str body)
{
    struct problem words = {.offset = PROBLEM_NO_OFFSET};
    struct problem whole = {.offset = PROBLEM_NO_OFFSET};
    struct iothub_error filled = {
        .result = is_busy(http_status) ? IOTHUB_UNAVAILABLE : IOTHUB_REFUSED,
        .http_status = http_status,
    };
    set_code(&filled, code_header);
    read_body(body, &filled, &words);
    problem_set(&whole, PROBLEM_NO_OFFSET, "the hub answered %ld%s%s%s%s", http_status,
                filled.code[0] == '\0' ? "" : " ", filled.code, words.text[0] == '\0' ? "" : ": ",
                words.text);
    memcpy(filled.text, whole.text, sizeof(filled.text));
    if (error != NULL) {
        *error = filled;
    }
    return filled.result;
}

enum iothub_result service_failed(struct iothub_error *error, enum iothub_result result,
                                  const char *format, ...)
{
    if (error == NULL) {
        return result;
    }
    *error = (struct iothub_error){.result = result};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return result;
}

enum iothub_result service_no_memory(struct iothub_error *error)
{
    return service_failed(error, IOTHUB_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
}

enum iothub_result service_parse(struct str body, cJSON **ret_tree, struct iothub_error *error)
{
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    const enum status status = json_parse(body, ret_tree, &problem);
    if (status == STATUS_NO_MEMORY) {
        return service_no_memory(error);
    }
    return status == STATUS_OK
               ? IOTHUB_OK
               : service_failed(error, IOTHUB_UNAVAILABLE, "the hub's answer cannot be read: %s",
                                problem.text);
}

enum iothub_result service_read_int(const cJSON *answer, const char *name, int *ret_value,
                                    struct iothub_error *error)
{
    double number = 0;
    if (!json_member_number(answer, name, &number) || !(number >= INT_MIN && number <= INT_MAX)) {
        return service_failed(error, IOTHUB_UNAVAILABLE,
                              "the hub's answer cannot be read: it has no number \"%s\"", name);
    }
    *ret_value = (int)number;
    return IOTHUB_OK;
}

enum iothub_result service_not_built(struct iothub_error *error, enum status status)
{
    return status == STATUS_NO_MEMORY
               ? service_no_memory(error)
               : service_failed(error, IOTHUB_INVALID, "the request is too large");
}
