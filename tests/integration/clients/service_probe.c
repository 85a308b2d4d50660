/* SPDX-License-Identifier: MIT */

/*
 * The service library, one call for each run:
 *
 *   service_probe CONNECTION_STRING create|get|delete|twin DEVICE [MODULE]
 *   service_probe CONNECTION_STRING update DEVICE ETAG PATCH
 *   service_probe CONNECTION_STRING query PAGE_SIZE ROWS_WANTED TEXT
 *   service_probe CONNECTION_STRING method DEVICE NAME RESPONSE_TIMEOUT CONNECT_TIMEOUT [PAYLOAD]
 *
 * Prints what came, one JSON text on a line. A refusal is "refused STATUS CODE: text" and exit code
 * 3, a failure "failed: text" and exit code 4.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/service/service_client.h"

static void say(const cJSON *tree)
{
    char *text = cJSON_PrintUnformatted(tree);
    (void)printf("%s\n", text == NULL ? "" : text);
    cJSON_free(text);
}

static int number(const char *text)
{
    int64_t value = -1;
    (void)str_to_i64(str_from(text), &value);
    return (int)value;
}

static const char *argument(int argc, char **argv, int index)
{
    return index < argc ? argv[index] : NULL;
}

/* Prints rows until as many were seen as are wanted. */
static bool show_row(const cJSON *row, void *ctx)
{
    int *left = ctx;
    say(row);
    (*left)--;
    return *left > 0;
}

static enum service_result call_method(struct service_client *client,
                                       struct service_identity identity, char **argv,
                                       const char *payload, struct service_error *error)
{
    const struct service_method method = {
        .name = argv[4],
        .payload_json = payload,
        .response_timeout_s = number(argv[5]),
        .connect_timeout_s = number(argv[6]),
    };
    int status = 0;
    cJSON *answer CLEANUP(json_destroyp) = NULL;
    const enum service_result result =
        service_method_invoke(client, identity, &method, &status, &answer, error);
    if (result == SERVICE_OK) {
        (void)printf("%d ", status);
        say(answer);
    }
    return result;
}

static enum service_result obey(struct service_client *client, int argc, char **argv,
                                struct service_error *error)
{
    const char *command = argv[2];
    const struct service_identity identity = {argv[3], argument(argc, argv, 4)};
    const struct service_identity device = {.device_id = argv[3]};
    cJSON *tree CLEANUP(json_destroyp) = NULL;
    enum service_result result = SERVICE_FAILED;
    if (strcmp(command, "create") == 0) {
        result = service_identity_create(client, identity, &tree, error);
    } else if (strcmp(command, "get") == 0) {
        result = service_identity_get(client, identity, &tree, error);
    } else if (strcmp(command, "delete") == 0) {
        result = service_identity_delete(client, identity, error);
    } else if (strcmp(command, "twin") == 0) {
        result = service_twin_get(client, identity, &tree, error);
    } else if (strcmp(command, "update") == 0 && argc == 6) {
        const char *etag = argv[4][0] == '\0' ? NULL : argv[4];
        result = service_twin_update(client, device, argv[5], etag, &tree, error);
    } else if (strcmp(command, "query") == 0 && argc == 6) {
        int left = number(argv[4]);
        result = service_query(client, argv[5], number(argv[3]), show_row, &left, error);
    } else if (strcmp(command, "method") == 0 && argc >= 7) {
        result = call_method(client, device, argv, argument(argc, argv, 7), error);
    }
    if (tree != NULL) {
        say(tree);
    }
    return result;
}

int main(int argc, char **argv)
{
    struct service_client *client = NULL;
    struct service_error error = {.text = "what was that?"};
    enum service_result result = SERVICE_FAILED;
    if (argc >= 4) {
        result = service_client_create(argv[1], &client, &error);
    }
    if (result == SERVICE_OK) {
        result = obey(client, argc, argv, &error);
    }
    service_client_destroy(client);
    switch (result) {
    case SERVICE_OK:
        return EXIT_SUCCESS;
    case SERVICE_REFUSED:
        (void)printf("refused %ld %s: %s\n", error.http_status, error.code, error.text);
        return 3;
    case SERVICE_FAILED:
        break;
    }
    (void)printf("failed: %s\n", error.text);
    return 4;
}
