/* SPDX-License-Identifier: MIT */
#include "clients/cli/message_argument.h"

#include <string.h>

#include "clients/cli/json_argument.h"

enum cli_exit message_argument_body(const struct cli_call *call, const char *when_not_given,
                                    struct buf *out)
{
    const char *data = cli_value(call, "data");
    const char *file = cli_value(call, "data-file");
    if (data != NULL && file != NULL) {
        return cli_fail(CLI_MISUSED, "--data and --data-file exclude each other");
    }
    if (file != NULL) {
        return json_argument_text(file, "--data-file", out);
    }
    data = data == NULL ? when_not_given : data;
    if (data == NULL) {
        return cli_fail(CLI_MISUSED, "the message is missing: its text after the device's ID, "
                                     "@FILE, or - for standard input");
    }
    if (strcmp(data, "-") == 0 || data[0] == '@') {
        return json_argument_text(data + (data[0] == '@' ? 1 : 0), "--data", out);
    }
    buf_append_str(out, str_from(data));
    return buf_status(out) == STATUS_OK
               ? CLI_DONE
               : cli_fail(CLI_MISUSED, "--data: it is too long for a message");
}

enum cli_exit message_argument_properties(const struct cli_call *call, size_t count_max,
                                          enum cli_exit (*add)(void *ctx, struct str name,
                                                               struct str value),
                                          void *ctx)
{
    struct str rest = str_from(cli_value(call, "properties"));
    enum cli_exit exit_code = CLI_DONE;
    size_t count = 0;
    while (rest.size > 0 && exit_code == CLI_DONE) {
        struct str pair = STR_EMPTY;
        struct str name = STR_EMPTY;
        struct str value = STR_EMPTY;
        (void)str_cut(rest, ';', &pair, &rest);
        if (str_trim(pair).size == 0) {
            continue;
        }
        if (!str_cut(pair, '=', &name, &value) || str_trim(name).size == 0) {
            return cli_fail(CLI_MISUSED,
                            "--properties: '%.*s' is not NAME=VALUE; several stand with a "
                            "semicolon between them, all in quotation marks: 'level=high;floor=2'",
                            STR_ARG(pair));
        }
        if (count++ == count_max) {
            return cli_fail(CLI_MISUSED, "--properties: there are more than %zu", count_max);
        }
        exit_code = add(ctx, str_trim(name), value);
    }
    return exit_code;
}
