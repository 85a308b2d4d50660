/* SPDX-License-Identifier: MIT */

/*
 * The service library, call by call: service_probe CONNECTION_STRING COMMAND ... [-- COMMAND ...]
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
 *   page PAGE_SIZE CONTINUATION TEXT
 *   query-twins TEXT                              (each row's own twin, asked for within the query)
 *   bulk STOP_AT ITEMS
 *   bulk-new MODE PREFIX FIRST COUNT              (mode: its number in the header)
 *   statistics
 *   purge DEVICE
 *   sleep MILLISECONDS
 *   method NAME RESPONSE_TIMEOUT CONNECT_TIMEOUT PAYLOAD DEVICE [MODULE]
 *
 * An argument that is empty stands for NULL. PROBE_TIMEOUT, PROBE_CONNECT_TIMEOUT,
 * PROBE_RETRY_TIME, PROBE_TOKEN_LIFETIME and PROBE_USER_AGENT set the options of these names;
 * PROBE_STOP_AFTER_MS is when the caller wants to stop. Prints what came, one JSON text on a line.
 * A refusal is "refused STATUS CODE: text" and exit code 3, any other failure "invalid: text" ...
 * and 4. The exit code is the last command's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <iothub/service.h>

#include "base/clock.h"
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

/* ---- bulk ---- */

struct bulk_progress {
    size_t stop_at;
};

static bool bulk_went_on(size_t done, const cJSON *result, void *ctx)
{
    const struct bulk_progress *progress = ctx;
    (void)printf("sent %zu, refused %d\n", done, cJSON_GetArraySize(json_member(result, "errors")));
    return progress->stop_at == 0 || done < progress->stop_at;
}

static enum iothub_result send_bulk(const struct call *call, const cJSON *items, size_t stop_at)
{
    struct bulk_progress progress = {.stop_at = stop_at};
    cJSON *tree = NULL;
    const enum iothub_result result =
        iothub_service_bulk(call->service, items, bulk_went_on, &progress, &tree, call->error);
    return told(result, tree);
}

static enum iothub_result bulk(const struct call *call)
{
    cJSON *items CLEANUP(json_destroyp) = cJSON_Parse(call->arguments[1]);
    const size_t stop_at = call->arguments[0] == NULL ? 0 : (size_t)number(call->arguments[0]);
    return send_bulk(call, items, stop_at);
}

static enum iothub_result bulk_new(const struct call *call)
{
    cJSON *items CLEANUP(json_destroyp) = cJSON_CreateArray();
    const int first = number(call->arguments[2]);
    const int count = number(call->arguments[3]);
    enum iothub_result result = IOTHUB_OK;
    for (int i = first; i < first + count && result == IOTHUB_OK; i++) {
        char id[64];
        (void)snprintf(id, sizeof(id), "%s%d", call->arguments[1], i);
        result = iothub_service_bulk_add(
            items, (enum iothub_service_bulk_mode)number(call->arguments[0]),
            (struct iothub_service_id){.device_id = id}, NULL, NULL, call->error);
    }
    return result == IOTHUB_OK ? send_bulk(call, items, 0) : result;
}

/* ---- the hub as a whole ---- */

static enum iothub_result statistics(const struct call *call)
{
    cJSON *tree = NULL;
    enum iothub_result result =
        iothub_service_statistics_devices(call->service, &tree, call->error);
    if (result == IOTHUB_OK) {
        (void)told(result, tree);
        tree = NULL;
        result = iothub_service_statistics_service(call->service, &tree, call->error);
    }
    return told(result, tree);
}

static enum iothub_result purge(const struct call *call)
{
    int purged = -1;
    const enum iothub_result result =
        iothub_service_purge(call->service, call->arguments[0], &purged, call->error);
    if (result == IOTHUB_OK) {
        (void)printf("%d\n", purged);
    }
    return result;
}

static enum iothub_result sleep_a_while(const struct call *call)
{
    const long long wait_ms = number(call->arguments[0]);
    const struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
    (void)nanosleep(&wait, NULL);
    return IOTHUB_OK;
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

static enum iothub_result page(const struct call *call)
{
    struct iothub_service_page page = {.rows = NULL};
    const enum iothub_result result =
        iothub_service_query_page(call->service, call->arguments[2], number(call->arguments[0]),
                                  call->arguments[1], &page, call->error);
    if (result == IOTHUB_OK) {
        say(page.rows);
        (void)printf("%s %s\n", page.item_type,
                     page.continuation == NULL ? "(last)" : page.continuation);
    }
    iothub_service_page_finish(&page);
    return result;
}

static bool show_twin(const cJSON *row, void *ctx)
{
    const struct call *call = ctx;
    struct call inner = *call;
    inner.arguments[0] = cJSON_GetStringValue(json_member(row, "deviceId"));
    inner.arguments[1] = NULL;
    return twin(&inner) == IOTHUB_OK;
}

static enum iothub_result query_twins(const struct call *call)
{
    struct call inner = *call;
    return iothub_service_query(call->service, call->arguments[0], 2, show_twin, &inner,
                                call->error);
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
    {"page", page},
    {"query-twins", query_twins},
    {"bulk", bulk},
    {"bulk-new", bulk_new},
    {"statistics", statistics},
    {"purge", purge},
    {"sleep", sleep_a_while},
    {"method", invoke},
};

/* argv[0] is the command; fills the arguments up to "--" or the end. */
static enum iothub_result obey(struct call *call, int argc, char **argv)
{
    for (size_t i = 0; i < ARRAY_SIZE(call->arguments); i++) {
        const bool there = (int)i + 1 < argc && argv[i + 1][0] != '\0';
        call->arguments[i] = there ? argv[i + 1] : NULL;
    }
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i].name, argv[0]) == 0) {
            return commands[i].run(call);
        }
    }
    *call->error = (struct iothub_error){.result = IOTHUB_INVALID, .text = "what was that?"};
    return IOTHUB_INVALID;
}

/* Exit code of one command, whose end is told. */
static int tell(enum iothub_result result, const struct iothub_error *error)
{
    static const char *const names[] = {
        [IOTHUB_OK] = "",
        [IOTHUB_INVALID] = "invalid",
        [IOTHUB_REFUSED] = "refused",
        [IOTHUB_UNAVAILABLE] = "unavailable",
        [IOTHUB_UNTRUSTED] = "untrusted",
        [IOTHUB_NO_MEMORY] = "no memory",
    };
    if (result == IOTHUB_OK) {
        return EXIT_SUCCESS;
    }
    if (error->result != result) {
        (void)printf("the error does not agree with the result\n");
        return 5;
    }
    if (error->http_status == 0) {
        (void)printf("%s: %s\n", names[result], error->text);
    } else {
        (void)printf("%s %ld %s: %s\n", names[result], error->http_status, error->code,
                     error->text);
    }
    return result == IOTHUB_REFUSED ? 3 : 4;
}

/* ---- options ---- */

static int from_environment(const char *name)
{
    const char *text = getenv(name);
    return text == NULL ? 0 : number(text);
}

static int64_t began_us;

static bool wants_to_stop(void *ctx)
{
    const int *after_ms = ctx;
    return clock_monotonic_us() - began_us > *after_ms * INT64_C(1000);
}

int main(int argc, char **argv)
{
    static int stop_after_ms;
    stop_after_ms = from_environment("PROBE_STOP_AFTER_MS");
    began_us = clock_monotonic_us();
    const struct iothub_service_options options = {
        .timeout_s = from_environment("PROBE_TIMEOUT"),
        .connect_timeout_s = from_environment("PROBE_CONNECT_TIMEOUT"),
        .retry_time_s = from_environment("PROBE_RETRY_TIME"),
        .token_lifetime_s = from_environment("PROBE_TOKEN_LIFETIME"),
        .user_agent = getenv("PROBE_USER_AGENT"),
        .stop = stop_after_ms > 0 ? wants_to_stop : NULL,
        .stop_ctx = &stop_after_ms,
    };
    struct iothub_error error = {.text = ""};
    struct call call = {.error = &error};
    if (argc < 3) {
        return EXIT_FAILURE;
    }
    enum iothub_result result = iothub_service_create(argv[1], &options, &call.service, &error);
    int code = tell(result, &error);
    for (int i = 2; call.service != NULL && i < argc; i++) {
        int end = i;
        while (end < argc && strcmp(argv[end], "--") != 0) {
            end++;
        }
        result = obey(&call, end - i, argv + i);
        code = tell(result, &error);
        i = end;
    }
    iothub_service_destroy(call.service);
    return code;
}
