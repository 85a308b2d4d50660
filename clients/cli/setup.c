/* SPDX-License-Identifier: MIT */
#include "clients/cli/setup.h"

#include <iothub/service.h>
#include <stdlib.h>

#include "base/connection_string.h"
#include "clients/cli/hub.h"
#include "clients/cli/java_options.h"
#include "clients/cli/java_store_file.h"
#include "clients/cli/names.h"
#include "clients/endpoint/endpoint.h"

enum { ARENA_MAX = 1 << 20, PATH_MAX_SIZE = 8192, MQTT_PORT = 8883, HTTP_NOT_FOUND = 404 };
enum { NAME_WAIT_MS = 1000 };

static struct str variable(const char *name)
{
    const char *value = getenv(name);
    return value == NULL ? STR_EMPTY : str_from(value);
}

/* ---- which hub ---- */

/* The emulator's authority counts whatever IOTHUB_CA_FILE says: it may be what is to be mended. */
static enum cli_exit use_emulator(struct setup *setup, struct hub *hub)
{
    setup->at_emulator = true;
    hub->source = HUB_FROM_READY_FILE;
    hub->connection_string = setup->ready.service_connection_string;
    return setenv(CLI_CA_VARIABLE, setup->ready.ca_path, 1) == 0
               ? CLI_DONE
               : cli_fail(CLI_FAILED, "out of memory");
}

/* `hub` borrows from the setup's ready file, or owns one of its own. */
static enum cli_exit find_hub(const struct cli_call *call, struct setup *setup, struct hub *hub)
{
    struct problem problem = {0};
    *hub = (struct hub){0};
    if (cli_value(call, "login") == NULL &&
        ready_file_find(&setup->ready, &problem) == READY_FOUND) {
        return use_emulator(setup, hub);
    }
    return hub_find(call, hub);
}

/* ---- the device ---- */

static void service_destroyp(struct iothub_service **service)
{
    iothub_service_destroy(*service);
}

/* Asks for it; with --create, registers it when there is none. */
static enum iothub_result find_identity(const struct cli_call *call, struct iothub_service *service,
                                        struct iothub_service_id id, cJSON **ret_identity,
                                        struct iothub_error *error)
{
    enum iothub_result result = iothub_service_identity_get(service, id, ret_identity, error);
    if (result == IOTHUB_REFUSED && error->http_status == HTTP_NOT_FOUND &&
        cli_given(call, "create")) {
        result = iothub_service_identity_create(service, id, NULL, ret_identity, error);
    }
    return result;
}

/* A module cannot be registered before its device. */
static enum iothub_result find_both(const struct cli_call *call, struct iothub_service *service,
                                    struct iothub_service_id id, cJSON **ret_identity,
                                    struct iothub_error *error)
{
    CLEANUP(json_destroyp) cJSON *device = NULL;
    const struct iothub_service_id device_id = {.device_id = id.device_id};
    if (id.module_id != NULL) {
        const enum iothub_result result = find_identity(call, service, device_id, &device, error);
        if (result != IOTHUB_OK) {
            return result;
        }
    }
    return find_identity(call, service, id, ret_identity, error);
}

static enum cli_exit fail_to_find(const struct cli_call *call, const struct hub *hub,
                                  const struct iothub_error *error)
{
    if (error->http_status == HTTP_NOT_FOUND && !cli_given(call, "create")) {
        return cli_fail(CLI_FAILED, "%s\nWith --create it is registered", error->text);
    }
    return hub_fail(hub, error);
}

static enum cli_exit ask_for_device(const struct cli_call *call, const struct hub *hub,
                                    struct arena *arena, struct environment_device *ret_device)
{
    const struct iothub_service_id id = {.device_id = cli_value(call, "device-id"),
                                         .module_id = cli_value(call, "module-id")};
    struct iothub_error error = {0};
    CLEANUP(service_destroyp) struct iothub_service *service = NULL;
    CLEANUP(json_destroyp) cJSON *identity = NULL;
    enum iothub_result result =
        iothub_service_create(hub->connection_string, NULL, &service, &error);
    if (result == IOTHUB_OK) {
        result = find_both(call, service, id, &identity, &error);
    }
    if (result != IOTHUB_OK) {
        return fail_to_find(call, hub, &error);
    }
    const char *key = iothub_service_identity_key(identity, IOTHUB_SERVICE_PRIMARY_KEY);
    const char *kept = arena_copy(arena, str_from(key));
    if (kept == NULL) {
        return cli_fail(CLI_FAILED, "out of memory");
    }
    *ret_device = (struct environment_device){
        .id = str_from(id.device_id), .module_id = str_from(id.module_id), .key = str_from(kept)};
    return CLI_DONE;
}

/* ---- the variables ---- */

static void add_trust(struct setup *setup, unsigned sdks, struct environment_hub *hub)
{
    CLEANUP(buf_finish) struct buf path = BUF_INIT(PATH_MAX_SIZE);
    struct problem problem = {0};
    hub->event_hubs_string = str_from(setup->ready.event_hubs_connection_string);
    hub->ca_path = str_from(setup->ready.ca_path);
    hub->bundle_path = str_from(setup->ready.ca_bundle_path);
    hub->mqtt_port = setup->ready.ports.mqtt;
    if ((sdks & (SDK_JAVA | SDK_EVENTHUBS)) == 0) {
        return;
    }
    const char *kept = NULL;
    if (java_store_provide(&setup->ready, &path, &problem) == STATUS_OK) {
        kept = arena_copy(&setup->arena, buf_str(&path));
    }
    if (kept == NULL) {
        cli_say("no trust store for Java could be made: %s", problem.text);
        return;
    }
    setup->java_store = str_from(kept);
    hub->java_store_path = setup->java_store;
    hub->java_options_before = variable(JAVA_OPTIONS_VARIABLE);
}

static enum cli_exit make(const struct cli_call *call, const struct hub *hub, struct setup *setup)
{
    const unsigned sdks = environment_sdk_named(cli_value(call, "sdk"));
    struct environment_device device = {0};
    struct connection_string parts;
    struct endpoint endpoint;
    struct problem problem = {0};
    struct environment_hub values = {.service_string = str_from(hub->connection_string),
                                     .mqtt_port = MQTT_PORT};
    if (connection_string_parse(values.service_string, &parts, &problem) != STATUS_OK ||
        endpoint_parse(parts.host_name, MQTT_PORT, &endpoint, &problem) != STATUS_OK) {
        return cli_fail(CLI_FAILED, "%s", problem.text);
    }
    values.host = str_from(endpoint.host);
    if (cli_given(call, "device-id")) {
        const enum cli_exit found = ask_for_device(call, hub, &setup->arena, &device);
        if (found != CLI_DONE) {
            return found;
        }
        values.device = &device;
    }
    if (setup->at_emulator) {
        if ((sdks & ~(unsigned)SDK_DOTTED) == 0) {
            const struct names_answer dotted = names_resolve(ENVIRONMENT_DOTTED_HOST, NAME_WAIT_MS);
            values.dotted_resolves = names_all_loopback(&dotted);
        }
        add_trust(setup, sdks, &values);
    }
    return environment_make(&setup->arena, &values, sdks, &setup->environment) == STATUS_OK
               ? CLI_DONE
               : cli_fail(CLI_FAILED, "out of memory");
}

enum cli_exit setup_make(const struct cli_call *call, struct setup *ret_setup)
{
    *ret_setup = (struct setup){.arena = ARENA_INIT(ARENA_MAX)};
    if ((cli_given(call, "module-id") || cli_given(call, "create")) &&
        !cli_given(call, "device-id")) {
        return cli_fail(CLI_MISUSED, "--%s needs --device-id",
                        cli_given(call, "create") ? "create" : "module-id");
    }
    CLEANUP(hub_finish) struct hub hub = {0};
    enum cli_exit exit_code = find_hub(call, ret_setup, &hub);
    if (exit_code == CLI_DONE) {
        exit_code = make(call, &hub, ret_setup);
    }
    return exit_code;
}

void setup_finish(struct setup *setup)
{
    ready_file_finish(&setup->ready);
    arena_finish(&setup->arena);
}
