/* SPDX-License-Identifier: MIT */
#include "clients/cli/hub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/connection_string.h"

/* ---- which ---- */

static enum cli_exit no_hub(enum ready_result result, const struct problem *problem)
{
    if (result == READY_STALE || result == READY_UNREADABLE) {
        return cli_fail(CLI_MISUSED,
                        "no hub is known: %s.\nOr name another hub: put its service connection "
                        "string into " CLI_CONNECTION_VARIABLE " or after --login",
                        problem->text);
    }
    return cli_fail(CLI_MISUSED,
                    "no hub is known. Either put its service connection string into "
                    "" CLI_CONNECTION_VARIABLE ",\nor give it after --login,\nor start an emulator "
                    "on this machine (iothub-emulator), which is then found by its ready file (%s)",
                    problem->text);
}

static enum cli_exit find_emulator(const struct cli_call *call, struct hub *hub)
{
    struct problem problem = {0};
    const enum ready_result result = ready_file_find(&hub->ready, &problem);
    if (result != READY_FOUND) {
        return no_hub(result, &problem);
    }
    hub->source = HUB_FROM_READY_FILE;
    hub->connection_string = hub->ready.service_connection_string;
    const char *trusted = getenv(CLI_CA_VARIABLE);
    if ((trusted == NULL || trusted[0] == '\0') && hub->ready.ca_path[0] != '\0' &&
        setenv(CLI_CA_VARIABLE, hub->ready.ca_path, 1) != 0) {
        return cli_fail(CLI_FAILED, "out of memory");
    }
    cli_say_verbose(call, "the hub is %s, the emulator of process %ld, by %s", hub->ready.hub_name,
                    hub->ready.pid, hub->ready.path);
    return CLI_DONE;
}

/* Slips that a service client would only call "no SharedAccessKeyName". */
static enum cli_exit refuse_wrong_kind(const struct hub *hub)
{
    const struct str text = str_from(hub->connection_string);
    const char *from = hub->source == HUB_FROM_LOGIN ? "--login" : CLI_CONNECTION_VARIABLE;
    if (str_starts_nocase(text, STR("Endpoint="))) {
        return cli_fail(CLI_MISUSED,
                        "%s holds a connection string of Event Hubs (Endpoint=...); wanted is the "
                        "hub's own: HostName=...;SharedAccessKeyName=...;SharedAccessKey=...",
                        from);
    }
    struct connection_string parts;
    struct problem problem = {0};
    if (connection_string_parse(text, &parts, &problem) != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "%s holds no connection string: %s", from, problem.text);
    }
    if (parts.device_id.size > 0) {
        return cli_fail(CLI_MISUSED,
                        "%s holds the connection string of the device \"%.*s\"; wanted is the "
                        "service's: HostName=...;SharedAccessKeyName=...;SharedAccessKey=...",
                        from, STR_ARG(parts.device_id));
    }
    return CLI_DONE;
}

enum cli_exit hub_find(const struct cli_call *call, struct hub *ret_hub)
{
    *ret_hub = (struct hub){.source = HUB_FROM_LOGIN, .connection_string = ""};
    const char *login = cli_value(call, "login");
    const char *variable = getenv(CLI_CONNECTION_VARIABLE);
    if (login != NULL) {
        ret_hub->connection_string = login;
    } else if (variable != NULL && variable[0] != '\0') {
        ret_hub->source = HUB_FROM_VARIABLE;
        ret_hub->connection_string = variable;
    } else {
        return find_emulator(call, ret_hub);
    }
    cli_say_verbose(call, "the hub is that of %s",
                    login != NULL ? "--login" : CLI_CONNECTION_VARIABLE);
    return refuse_wrong_kind(ret_hub);
}

void hub_finish(struct hub *hub)
{
    ready_file_finish(&hub->ready);
}

/* ---- where ---- */

static uint16_t door_port(const struct ready_ports *ports, enum hub_door door, uint16_t *ret_usual)
{
    switch (door) {
    case HUB_HTTPS:
        *ret_usual = 443;
        return ports->https != 0 ? ports->https : ports->https_alt;
    case HUB_AMQP:
        *ret_usual = 5671;
        return ports->amqp;
    case HUB_MQTT:
        *ret_usual = 8883;
        return ports->mqtt;
    }
    return 0;
}

/* "name:1" -> "name"; an IPv6 address keeps its colons. */
static struct str without_port(struct str host)
{
    const char *colon = host.size == 0 ? NULL : memchr(host.data, ':', host.size);
    if (colon == NULL || host.data[0] == '[') {
        const size_t bracket = str_find(host, ']');
        return bracket == SIZE_MAX ? host : str_of(host.data, bracket + 1);
    }
    const size_t size = (size_t)(colon - host.data);
    return str_find(str_skip(host, size + 1), ':') != SIZE_MAX ? host : str_of(host.data, size);
}

static void append_with_port(struct buf *out, const struct hub *hub, struct str text,
                             enum hub_door door)
{
    struct connection_string parts;
    if (hub->source != HUB_FROM_READY_FILE ||
        connection_string_parse(text, &parts, NULL) != STATUS_OK) {
        buf_append_str(out, text);
        return;
    }
    uint16_t usual = 0;
    const uint16_t port = door_port(&hub->ready.ports, door, &usual);
    const size_t before = (size_t)(parts.host_name.data - text.data);
    buf_append_str(out, str_of(text.data, before));
    buf_append_str(out, without_port(parts.host_name));
    if (port != 0 && port != usual) {
        buf_append_format(out, ":%u", (unsigned)port);
    }
    buf_append_str(out, str_skip(text, before + parts.host_name.size));
}

void hub_append_string(struct buf *out, const struct hub *hub, enum hub_door door)
{
    append_with_port(out, hub, str_from(hub->connection_string), door);
}

void hub_append_device_string(struct buf *out, const struct hub *hub, const char *text)
{
    append_with_port(out, hub, str_from(text), HUB_MQTT);
}

/* ---- what went wrong ---- */

enum cli_exit hub_fail(const struct hub *hub, const struct iothub_error *error)
{
    const enum cli_exit exit_code = error->result == IOTHUB_INVALID ? CLI_MISUSED : CLI_FAILED;
    if (error->result == IOTHUB_UNTRUSTED && hub->source != HUB_FROM_READY_FILE) {
        return cli_fail(exit_code,
                        "%s\n`iothub env` prints the variables that make programs trust "
                        "the emulator that runs here",
                        error->text);
    }
    return cli_fail(exit_code, "%s", error->text);
}
