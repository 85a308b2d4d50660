/* SPDX-License-Identifier: MIT */
#include "base/sas.h"

#include "base/clock.h"
#include "clients/cli/commands.h"
#include "clients/cli/output.h"
#include "clients/cli/sas_explain.h"
#include "clients/cli/sas_key.h"

enum { DURATION_DEFAULT_S = 3600, DURATION_MAX_S = 315360000 };

static enum cli_exit print_token(const struct cli_call *call, struct str token)
{
    CLEANUP(buf_finish) struct buf line = BUF_INIT(SAS_TOKEN_SIZE_MAX + 1);
    if (call->format != CLI_JSON) { /* a table would cut it */
        buf_append_str(&line, token);
        buf_append_byte(&line, '\n');
        return cli_print_text(buf_str(&line));
    }
    CLEANUP(json_destroyp) cJSON *document = cJSON_CreateObject();
    if (cJSON_AddStringToObject(document, "sas", token.data) == NULL) {
        return cli_fail(CLI_FAILED, "out of memory");
    }
    return cli_print(call, document, CLI_ALL_MEMBERS);
}

static enum cli_exit make_token(const struct cli_call *call)
{
    CLEANUP(buf_finish) struct buf token = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    CLEANUP(sas_key_finish) struct sas_key key;
    const enum cli_exit found = sas_key_find(call, &key);
    if (found != CLI_DONE) {
        return found;
    }
    const int64_t expiry_s = clock_now_us(&CLOCK_SYSTEM) / CLOCK_SECOND +
                             cli_number(call, "duration", DURATION_DEFAULT_S);
    if (sas_sign(&token, buf_str(&key.resource), buf_str(&key.key), buf_str(&key.policy),
                 expiry_s) != STATUS_OK) {
        return cli_fail(CLI_FAILED, "the key is not base64 of 16 to 64 bytes");
    }
    return print_token(call, buf_str(&token));
}

static enum cli_exit run(const struct cli_call *call)
{
    const char *explained = cli_value(call, "explain");
    return explained != NULL ? sas_explain(call, explained) : make_token(call);
}

static const struct cli_option options[] = {
    {.name = "device-id",
     .letter = 'd',
     .plain = true,
     .value = "DEVICE",
     .meaning = "for this device, with its own key; without it for the hub, with a policy's"},
    {.name = "module-id",
     .letter = 'm',
     .value = "MODULE",
     .meaning = "for a module of the device"},
    {.name = "duration",
     .alias = "du",
     .value = "SECONDS",
     .min = 1,
     .max = DURATION_MAX_S,
     .meaning = "how long it is good for; by default an hour"},
    {.name = "key-type",
     .alias = "kt",
     .value = "KEY",
     .choices = "primary|secondary",
     .meaning = "which key signs; by default the primary one"},
    {.name = "policy-name",
     .alias = "pn",
     .value = "POLICY",
     .meaning = "for the hub: which policy of the emulator; by default that of the connection "
                "string"},
    {.name = "connection-string",
     .alias = "cs",
     .value = "STRING",
     .meaning = "for whom this connection string is, with its key: a device's, a module's, a "
                "policy's; no hub is asked"},
    {.name = "explain",
     .value = "TOKEN",
     .meaning = "take this token apart instead: for what, until when, signed with which key"},
};

static const struct cli_example examples[] = {
    {"a token for REST requests, for ten minutes", "iothub sas --duration 600 --output tsv"},
    {"a token for a device, as mosquitto's password", "iothub sas dev1 --output tsv"},
    {"see why a token is refused", "iothub sas --explain \"$TOKEN\""},
};

const struct cli_command cli_sas = {
    .name = "sas",
    .az = "generate-sas-token",
    .summary = "make a shared access signature, or explain one",
    .description =
        "With --explain the key is looked for where it can be: in --connection-string, in "
        "the hub's connection string, among the emulator's policies, and for a device in "
        "the hub's registry.",
    CLI_OPTIONS(options),
    CLI_EXAMPLES(examples),
    .run = run,
};
