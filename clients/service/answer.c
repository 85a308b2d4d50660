/* SPDX-License-Identifier: MIT */
#include "clients/service/service_client_internal.h"

#include <stdarg.h>
#include <stdio.h>

enum { SNIPPET_SIZE_MAX = 200 }; /* of a body that is not the service's own */

static void set_code(struct service_error *error, struct str code)
{
    const size_t size = code.size < SERVICE_CODE_SIZE ? code.size : SERVICE_CODE_SIZE - 1;
    memcpy(error->code, size > 0 ? code.data : "", size);
    error->code[size] = '\0';
}

/* Messages come in two forms (service API reference, 2.14). The code stays what the header said. */

/* {"errorCode": 404103, "message": "..."}, as text */
static bool read_json_message(struct str message, struct service_error *error,
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
static void read_plain_message(struct str message, struct service_error *error,
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

static void read_body(struct str body, struct service_error *error, struct problem *ret_words)
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

void service_error_from_answer(struct service_error *error, long http_status,
                               struct str code_header, struct str body)
{
    struct problem words = {.offset = PROBLEM_NO_OFFSET};
    struct problem whole = {.offset = PROBLEM_NO_OFFSET};
    *error = (struct service_error){.http_status = http_status};
    set_code(error, code_header);
    read_body(body, error, &words);
    problem_set(&whole, PROBLEM_NO_OFFSET, "the hub answered %ld%s%s%s%s", http_status,
                error->code[0] == '\0' ? "" : " ", error->code, words.text[0] == '\0' ? "" : ": ",
                words.text);
    memcpy(error->text, whole.text, sizeof(error->text));
}

enum service_result service_failed(struct service_error *error, const char *format, ...)
{
    *error = (struct service_error){.http_status = 0};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return SERVICE_FAILED;
}

enum service_result service_failed_with(struct service_error *error, enum status status)
{
    return service_failed(error, "%s", status_text(status));
}
