/* SPDX-License-Identifier: MIT */
#include "clients/cli/acting.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/connection_string.h"
#include "clients/cli/identity.h"
#include "clients/cli/progress.h"

enum { ARENA_MAX = 16 << 20, STRING_MAX = 4096 };

static enum cli_exit no_memory(void)
{
    return cli_fail(CLI_FAILED, "out of memory");
}

/* ---- by a connection string of its own ---- */

static enum cli_exit take_string(struct acting *acting, const char *text, const char *from)
{
    struct connection_string parts;
    struct problem problem = {.text = ""};
    if (connection_string_parse(str_from(text), &parts, &problem) != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "%s holds no connection string: %s", from, problem.text);
    }
    acting->actors = ARENA_ARRAY(&acting->arena, struct actor, 1);
    char *copy = arena_copy(&acting->arena, str_from(text));
    if (acting->actors == NULL || copy == NULL) {
        return no_memory();
    }
    acting->actors[acting->count++].connection_string = copy;
    return CLI_DONE;
}

/* ---- by the hub ---- */

static enum cli_exit not_there(struct iothub_service_id id)
{
    const bool is_module = id.module_id != NULL;
    return cli_fail(CLI_FAILED,
                    "there is no %s \"%s%s%s\".\nMake it with `iothub %s create %s%s%s`, or let "
                    "this command do so: --create",
                    is_module ? "device or module" : "device", id.device_id, is_module ? "/" : "",
                    is_module ? id.module_id : "", is_module ? "module" : "device", id.device_id,
                    is_module ? " " : "", is_module ? id.module_id : "");
}

/* Registers it, and for a module its device, where that is missing too. */
static enum iothub_result create(struct acting *acting, struct iothub_service_id id,
                                 cJSON **ret_identity, struct iothub_error *error)
{
    struct iothub_service *client = acting->service.client;
    enum iothub_result result =
        iothub_service_identity_create(client, id, NULL, ret_identity, error);
    if (result != IOTHUB_REFUSED || error->http_status != 404 || id.module_id == NULL) {
        return result;
    }
    CLEANUP(json_destroyp) cJSON *device = NULL;
    const struct iothub_service_id parent = {.device_id = id.device_id};
    result = iothub_service_identity_create(client, parent, NULL, &device, error);
    return result == IOTHUB_OK
               ? iothub_service_identity_create(client, id, NULL, ret_identity, error)
               : result;
}

static enum cli_exit add_identity(const struct cli_call *call, struct acting *acting,
                                  const cJSON *identity)
{
    char text[IOTHUB_SERVICE_CONNECTION_STRING_SIZE];
    struct iothub_error error;
    if (iothub_service_connection_string(acting->service.client, identity,
                                         IOTHUB_SERVICE_PRIMARY_KEY, text, &error) != IOTHUB_OK) {
        return hub_fail(&acting->service.hub, &error);
    }
    if (strstr(text, "SharedAccessKey=") == NULL && cli_value(call, "certificate") == NULL) {
        return cli_fail(CLI_MISUSED,
                        "\"%.*s\" has no key but a certificate; give it with --certificate FILE "
                        "--key FILE",
                        STR_ARG(json_str(json_member(identity, "deviceId"))));
    }
    CLEANUP(buf_finish) struct buf dialled = BUF_INIT(STRING_MAX);
    hub_append_device_string(&dialled, &acting->service.hub, text);
    char *copy =
        buf_status(&dialled) == STATUS_OK ? arena_copy(&acting->arena, buf_str(&dialled)) : NULL;
    if (copy == NULL) {
        return no_memory();
    }
    acting->actors[acting->count++].connection_string = copy;
    return CLI_DONE;
}

static enum cli_exit add_by_id(const struct cli_call *call, struct acting *acting,
                               struct iothub_service_id id)
{
    CLEANUP(json_destroyp) cJSON *identity = NULL;
    struct iothub_error error;
    enum iothub_result result =
        iothub_service_identity_get(acting->service.client, id, &identity, &error);
    if (result == IOTHUB_REFUSED && error.http_status == 404) {
        if (!cli_given(call, "create")) {
            return not_there(id);
        }
        result = create(acting, id, &identity, &error);
    }
    return result == IOTHUB_OK ? add_identity(call, acting, identity)
                               : hub_fail(&acting->service.hub, &error);
}

static enum cli_exit open_hub(const struct cli_call *call, size_t count, struct acting *acting)
{
    acting->has_service = true;
    const enum cli_exit exit_code = cli_service_open(call, &acting->service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    acting->actors = ARENA_ARRAY(&acting->arena, struct actor, count);
    return acting->actors == NULL ? no_memory() : CLI_DONE;
}

static enum cli_exit find_by_id(const struct cli_call *call, struct acting *acting)
{
    const struct iothub_service_id id = {cli_value(call, "device-id"),
                                         cli_value(call, "module-id")};
    const enum cli_exit exit_code = open_hub(call, 1, acting);
    return exit_code == CLI_DONE ? add_by_id(call, acting, id) : exit_code;
}

/* ---- many of the hub's ---- */

struct names {
    struct arena *arena;
    const char **items; /* in the arena */
    size_t count;
    size_t count_max;
    bool failed;
};

static bool take_name(const cJSON *row, void *ctx)
{
    struct names *names = ctx;
    const char *name = arena_copy(names->arena, json_str(json_member(row, "deviceId")));
    names->failed = name == NULL;
    if (name != NULL) {
        names->items[names->count++] = name;
    }
    return name != NULL && names->count < names->count_max;
}

static enum cli_exit find_names(struct acting *acting, const char *prefix, struct names *names)
{
    if (strchr(prefix, '\'') != NULL) {
        return cli_fail(CLI_MISUSED, "--prefix: quotation marks cannot be looked for");
    }
    CLEANUP(buf_finish) struct buf query = BUF_INIT(STRING_MAX);
    buf_append_format(&query, "SELECT deviceId FROM devices WHERE STARTSWITH(deviceId, '%s')",
                      prefix);
    struct iothub_error error;
    if (buf_status(&query) != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "--prefix: it is too long");
    }
    const int page_size = names->count_max < IOTHUB_SERVICE_PAGE_SIZE_MAX
                              ? (int)names->count_max
                              : IOTHUB_SERVICE_PAGE_SIZE_MAX;
    if (iothub_service_query(acting->service.client, query.data, page_size, take_name, names,
                             &error) != IOTHUB_OK) {
        return hub_fail(&acting->service.hub, &error);
    }
    if (names->failed) {
        return no_memory();
    }
    if (names->count < names->count_max) {
        return cli_fail(CLI_FAILED,
                        "of devices whose IDs begin with \"%s\" the hub has %zu, not %zu; --create "
                        "makes what is missing",
                        prefix, names->count, names->count_max);
    }
    return CLI_DONE;
}

static enum cli_exit make_names(const char *prefix, struct names *names)
{
    char text[CLI_ID_SIZE];
    for (; names->count < names->count_max; names->count++) {
        (void)cli_numbered_id(prefix, (long)names->count, (long)names->count_max, text);
        names->items[names->count] = arena_copy(names->arena, str_from(text));
        if (names->items[names->count] == NULL) {
            return no_memory();
        }
    }
    return CLI_DONE;
}

static enum cli_exit add_all(const struct cli_call *call, struct acting *acting,
                             const struct names *names)
{
    struct progress progress;
    enum cli_exit exit_code = CLI_DONE;
    progress_start(&progress, "reading keys", names->count);
    for (size_t i = 0; i < names->count && exit_code == CLI_DONE; i++) {
        const struct iothub_service_id id = {names->items[i], cli_value(call, "module-id")};
        exit_code = add_by_id(call, acting, id);
        progress_step(&progress, i + 1);
    }
    progress_stop(&progress);
    return exit_code;
}

/* ---- which of them ---- */

static enum cli_exit refuse_both(const struct cli_call *call)
{
    static const char *const others[] = {"device-id", "module-id", "create"};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        if (cli_given(call, others[i])) {
            return cli_fail(CLI_MISUSED,
                            "--connection-string and --%s exclude each other: the one names a "
                            "device by its own connection string, the other one of the hub",
                            others[i]);
        }
    }
    return CLI_DONE;
}

static enum cli_exit begin(const struct cli_call *call, struct acting *ret_acting)
{
    *ret_acting = (struct acting){
        .certificate = cli_value(call, "certificate"),
        .key = cli_value(call, "key"),
        .passphrase = cli_value(call, "passphrase"),
        .model_id = cli_value(call, "model-id"),
        .arena = ARENA_INIT(ARENA_MAX),
    };
    return (ret_acting->certificate == NULL) == (ret_acting->key == NULL)
               ? CLI_DONE
               : cli_fail(CLI_MISUSED, "--certificate and --key go together");
}

enum cli_exit acting_find_many(const struct cli_call *call, const char *prefix, size_t count,
                               struct acting *ret_acting)
{
    assert(count > 0);
    enum cli_exit exit_code = begin(call, ret_acting);
    if (exit_code == CLI_DONE) {
        exit_code = open_hub(call, count, ret_acting);
    }
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    struct names names = {.arena = &ret_acting->arena, .count_max = count};
    names.items = ARENA_ARRAY(&ret_acting->arena, const char *, count);
    if (names.items == NULL) {
        return no_memory();
    }
    exit_code = cli_given(call, "create") ? make_names(prefix, &names)
                                          : find_names(ret_acting, prefix, &names);
    return exit_code == CLI_DONE ? add_all(call, ret_acting, &names) : exit_code;
}

enum cli_exit acting_find(const struct cli_call *call, struct acting *ret_acting)
{
    enum cli_exit exit_code = begin(call, ret_acting);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    const char *text = cli_value(call, "connection-string");
    if (text != NULL) {
        exit_code = refuse_both(call);
        return exit_code == CLI_DONE ? take_string(ret_acting, text, "--connection-string")
                                     : exit_code;
    }
    if (cli_given(call, "device-id")) {
        return find_by_id(call, ret_acting);
    }
    text = getenv(ACTING_VARIABLE);
    if (text != NULL && text[0] != '\0') {
        cli_say_verbose(call, "the device is that of " ACTING_VARIABLE);
        return take_string(ret_acting, text, ACTING_VARIABLE);
    }
    return cli_fail(CLI_MISUSED,
                    "DEVICE is missing: the ID of a device of the hub; or give a device's own "
                    "connection string with --connection-string or in " ACTING_VARIABLE);
}

void acting_finish(struct acting *acting)
{
    arena_finish(&acting->arena);
    if (acting->has_service) {
        cli_service_finish(&acting->service);
    }
}

cJSON *acting_identity(const struct acting *acting, size_t actor)
{
    assert(actor < acting->count);
    struct connection_string parts = {0};
    const struct str text = str_from(acting->actors[actor].connection_string);
    if (connection_string_parse(text, &parts, NULL) != STATUS_OK) {
        parts = (struct connection_string){0};
    }
    const struct {
        const char *name;
        struct str value;
    } ids[] = {{"deviceId", parts.device_id}, {"moduleId", parts.module_id}};
    cJSON *identity = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_SIZE(ids) && identity != NULL; i++) {
        char value[IOTHUB_SERVICE_CONNECTION_STRING_SIZE];
        (void)snprintf(value, sizeof(value), "%.*s", STR_ARG(ids[i].value));
        if (value[0] != '\0' && cJSON_AddStringToObject(identity, ids[i].name, value) == NULL) {
            cJSON_Delete(identity);
            identity = NULL;
        }
    }
    return identity;
}

enum cli_exit acting_fail(const struct acting *acting, const struct iothub_error *error)
{
    const struct hub unknown = {.source = HUB_FROM_LOGIN};
    return hub_fail(acting->has_service ? &acting->service.hub : &unknown, error);
}
