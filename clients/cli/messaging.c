/* SPDX-License-Identifier: MIT */
#include "clients/cli/messaging.h"

#include <stdlib.h>

#include "clients/cli/hub_kind.h"

/* The emulator's own port, where the string is of the emulator that runs here. */
static uint16_t port_beside(const char *connection_string)
{
    struct ready_file ready;
    struct connection_string parts;
    uint16_t port = 0;
    if (ready_file_find(&ready, NULL) == READY_FOUND &&
        connection_string_parse(str_from(connection_string), &parts, NULL) == STATUS_OK &&
        hub_is_emulator(&parts, &ready)) {
        port = ready.ports.amqp;
    }
    ready_file_finish(&ready);
    return port;
}

enum cli_exit cli_messaging_find(const struct cli_call *call, struct cli_messaging *ret_messaging)
{
    *ret_messaging = (struct cli_messaging){.connection_string = ""};
    const enum cli_exit exit_code = hub_find(call, &ret_messaging->hub);
    if (exit_code == CLI_DONE) {
        const struct hub *hub = &ret_messaging->hub;
        ret_messaging->connection_string = hub->connection_string;
        ret_messaging->options.port = hub->source == HUB_FROM_READY_FILE
                                          ? hub->ready.ports.amqp
                                          : port_beside(hub->connection_string);
    }
    return exit_code;
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

enum cli_exit cli_messaging_find_events(const struct cli_call *call,
                                        struct cli_messaging *ret_messaging)
{
    const char *given = cli_value(call, CLI_EVENT_HUB_OPTION);
    const bool hub_is_named = cli_given(call, "login") || is_set(getenv(CLI_CONNECTION_VARIABLE));
    if (given == NULL && !hub_is_named) {
        given = getenv(CLI_EVENT_HUB_VARIABLE);
    }
    if (!is_set(given)) {
        return cli_messaging_find(call, ret_messaging);
    }
    *ret_messaging = (struct cli_messaging){.connection_string = given};
    ret_messaging->hub.connection_string = given;
    cli_say_verbose(call, "the event hub is that of %s",
                    cli_given(call, CLI_EVENT_HUB_OPTION) ? "--" CLI_EVENT_HUB_OPTION
                                                          : CLI_EVENT_HUB_VARIABLE);
    return CLI_DONE;
}

void cli_messaging_finish(struct cli_messaging *messaging)
{
    hub_finish(&messaging->hub);
}
