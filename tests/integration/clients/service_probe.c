/* SPDX-License-Identifier: MIT */

/*
 * The service library, one call for each run: service_probe CONNECTION_STRING COMMAND ...
 *
 *   create|get|twin|connection-string DEVICE [MODULE]
 *   delete ETAG DEVICE [MODULE]
 *   register DEVICE MODULE sas|selfSigned|ca A B disabled|edge|- REASON   (A, B: keys, thumbprints)
 *   identity ETAG IDENTITY
 *   keys primary|secondary|both|swap DEVICE [MODULE]
 *   devices TOP
 *   modules DEVICE
 *   update|replace ETAG DOCUMENT DEVICE [MODULE]
 *   query PAGE_SIZE ROWS_WANTED TEXT
 *   method NAME RESPONSE_TIMEOUT CONNECT_TIMEOUT PAYLOAD DEVICE [MODULE]
 *
 * An argument that is empty stands for NULL. Prints what came, one JSON text on a line. A refusal
 * is "refused STATUS CODE: text" and exit code 3, any other failure "invalid: text" ... and 4.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iothub/service.h>

#include "base/json.h"

/* What a command finds: its arguments, "" and missing ones as NULL. */
struct call {
    struct iothub_service *service;
    const char *arguments[8];
    struct iothub_error *error;
};

static void say(const cJSON *tree)
{
    char *text = cJSON_PrintUnformatted(tree);
    (void)printf("%s\n", text == NULL ? "" : text);
    cJSON_free(text);
}

/* Prints and frees. */
static enum iothub_result told(enum iothub_result result, cJSON *tree)
{
    if (result == IOTHUB_OK) {
        say(tree);
    }
    cJSON_Delete(tree);
    return result;
}

static int number(const char *text)
{
    int64_t value = -1;
    (void)str_to_i64(str_from(text), &value);
    return (int)value;
}

static struct iothub_service_id id_at(const struct call *call, size_t index)
{
    return (struct iothub_service_id){call->arguments[index], call->arguments[index + 1]};
}

/* ---- identities ---- */

static enum iothub_result create(const struct call *call)
{
    cJSON *tree = NULL;
    const enum iothub_result result =
        iothub_service_identity_create(call->service, id_at(call, 0), NULL, &tree, call->error);
    return told(result, tree);
}

static enum iothub_result get(const struct call *call)
{
    cJSON *tree = NULL;
    const enum iothub_result result =
        iothub_service_identity_get(call->service, id_at(call, 0), &tree, call->error);
    return told(result, tree);
}

static enum iothub_result remove_it(const struct call *call)
{
    return iothub_service_identity_delete(call->service, id_at(call, 1), call->arguments[0],
                                          call->error);
}

static enum iothub_result register_as_told(const struct call *call)
{
    const struct str auth = str_from(call->arguments[2]);
    const struct str how = str_from(call->arguments[5]);
    struct iothub_service_registration registration = {
        .disabled = str_equal(how, STR("disabled")),
        .iot_edge = str_equal(how, STR("edge")),
        .status_reason = call->arguments[6],
    };
    if (str_equal(auth, STR("selfSigned"))) {
        registration.auth = IOTHUB_SERVICE_AUTH_SELF_SIGNED;
        registration.primary_thumbprint = call->arguments[3];
        registration.secondary_thumbprint = call->arguments[4];
    } else {
        registration.auth =
            str_equal(auth, STR("ca")) ? IOTHUB_SERVICE_AUTH_CA : IOTHUB_SERVICE_AUTH_KEYS;
        registration.primary_key = call->arguments[3];
        registration.secondary_key = call->arguments[4];
    }
    cJSON *tree = NULL;
    const enum iothub_result result = iothub_service_identity_create(
        call->service, id_at(call, 0), &registration, &tree, call->error);
    return told(result, tree);
}

static enum iothub_result identity(const struct call *call)
{
    cJSON *given CLEANUP(json_destroyp) = cJSON_Parse(call->arguments[1]);
    cJSON *tree = NULL;
    const enum iothub_result result = iothub_service_identity_update(
        call->service, given, call->arguments[0], &tree, call->error);
    return told(result, tree);
}

static enum iothub_result devices(const struct call *call)
{
    cJSON *tree = NULL;
    const enum iothub_result result =
        iothub_service_devices(call->service, number(call->arguments[0]), &tree, call->error);
    return told(result, tree);
}

static enum iothub_result modules(const struct call *call)
{
    cJSON *tree = NULL;
    const enum iothub_result result =
        iothub_service_modules(call->service, call->arguments[0], &tree, call->error);
    return told(result, tree);
}

/* ---- keys ---- */

static enum iothub_result keys(const struct call *call)
{
    static const char *const changes[] = {
        [IOTHUB_SERVICE_NEW_PRIMARY_KEY] = "primary",
        [IOTHUB_SERVICE_NEW_SECONDARY_KEY] = "secondary",
        [IOTHUB_SERVICE_NEW_KEYS] = "both",
        [IOTHUB_SERVICE_SWAP_KEYS] = "swap",
    };
    size_t change = 0;
    while (change + 1 < ARRAY_SIZE(changes) && strcmp(changes[change], call->arguments[0]) != 0) {
        change++;
    }
    cJSON *tree = NULL;
    const enum iothub_result result = iothub_service_change_keys(
        call->service, id_at(call, 1), (enum iothub_service_key_change)change, &tree, call->error);
    return told(result, tree);
}

static enum iothub_result connection_string(const struct call *call)
{
    cJSON *tree CLEANUP(json_destroyp) = NULL;
    char text[IOTHUB_SERVICE_CONNECTION_STRING_SIZE];
    enum iothub_result result =
        iothub_service_identity_get(call->service, id_at(call, 0), &tree, call->error);
    if (result == IOTHUB_OK) {
        result = iothub_service_connection_string(call->service, tree, IOTHUB_SERVICE_SECONDARY_KEY,
                                                  text, call->error);
    }
    if (result == IOTHUB_OK) {
        (void)printf("%s\n", text);
    }
    return result;
}

/* ---- twins, queries, methods ---- */

static enum iothub_result twin(const struct call *call)
{
    cJSON *tree = NULL;
    const enum iothub_result result =
        iothub_service_twin_get(call->service, id_at(call, 0), &tree, call->error);
    return told(result, tree);
}

static enum iothub_result update(const struct call *call)
{
    cJSON *tree = NULL;
    const enum iothub_result result = iothub_service_twin_update(
        call->service, id_at(call, 2), call->arguments[1], call->arguments[0], &tree, call->error);
    return told(result, tree);
}

static enum iothub_result replace(const struct call *call)
{
    cJSON *tree = NULL;
    const enum iothub_result result = iothub_service_twin_replace(
        call->service, id_at(call, 2), call->arguments[1], call->arguments[0], &tree, call->error);
    return told(result, tree);
}

/* Prints rows until as many were seen as are wanted. */
static bool show_row(const cJSON *row, void *ctx)
{
    int *left = ctx;
    say(row);
    (*left)--;
    return *left > 0;
}

static enum iothub_result query(const struct call *call)
{
    int left = number(call->arguments[1]);
    return iothub_service_query(call->service, call->arguments[2], number(call->arguments[0]),
                                show_row, &left, call->error);
}

static enum iothub_result invoke(const struct call *call)
{
    const struct iothub_service_method method = {
        .name = call->arguments[0],
        .response_timeout_s = number(call->arguments[1]),
        .connect_timeout_s = number(call->arguments[2]),
        .payload_json = call->arguments[3],
    };
    int status = 0;
    cJSON *payload = NULL;
    const enum iothub_result result = iothub_service_method_invoke(
        call->service, id_at(call, 4), &method, &status, &payload, call->error);
    if (result == IOTHUB_OK) {
        (void)printf("%d ", status);
    }
    return told(result, payload);
}

/* ---- one run ---- */

static const struct {
    const char *name;
    enum iothub_result (*run)(const struct call *call);
} commands[] = {
    {"create", create},
    {"register", register_as_told},
    {"get", get},
    {"identity", identity},
    {"delete", remove_it},
    {"devices", devices},
    {"modules", modules},
    {"keys", keys},
    {"connection-string", connection_string},
    {"twin", twin},
    {"update", update},
    {"replace", replace},
    {"query", query},
    {"method", invoke},
};

static enum iothub_result obey(struct call *call, int argc, char **argv)
{
    for (int i = 3; i < argc && (size_t)i - 3 < ARRAY_SIZE(call->arguments); i++) {
        call->arguments[i - 3] = argv[i][0] == '\0' ? NULL : argv[i];
    }
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i].name, argv[2]) == 0) {
            return commands[i].run(call);
        }
    }
    return IOTHUB_INVALID;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {
        [IOTHUB_OK] = "",
        [IOTHUB_INVALID] = "invalid",
        [IOTHUB_REFUSED] = "refused",
        [IOTHUB_UNAVAILABLE] = "unavailable",
        [IOTHUB_UNTRUSTED] = "untrusted",
        [IOTHUB_NO_MEMORY] = "no memory",
    };
    struct iothub_error error = {.text = "what was that?"};
    struct call call = {.error = &error};
    enum iothub_result result = IOTHUB_INVALID;
    if (argc >= 3) {
        result = iothub_service_create(argv[1], NULL, &call.service, &error);
    }
    if (result == IOTHUB_OK) {
        result = obey(&call, argc, argv);
    }
    iothub_service_destroy(call.service);
    if (result == IOTHUB_OK) {
        return EXIT_SUCCESS;
    }
    if (result == IOTHUB_REFUSED) {
        (void)printf("refused %ld %s: %s\n", error.http_status, error.code, error.text);
        return 3;
    }
    (void)printf("%s: %s\n", names[result], error.text);
    return 4;
}
