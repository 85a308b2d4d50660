/* SPDX-License-Identifier: MIT */
#include "clients/service/service_client_internal.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/sas.h"

/* ---- Life ---- */

static enum status check_parts(const struct connection_string *parts, struct problem *problem)
{
    if (parts->shared_access_signature.size > 0) {
        return STATUS_OK;
    }
    if (parts->device_id.size > 0) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "this is the connection string of a device; a service needs the hub's own, "
                    "with a SharedAccessKeyName");
    } else if (parts->shared_access_key_name.size == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the connection string has no SharedAccessKeyName");
    } else if (!sas_key_valid(parts->shared_access_key)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the SharedAccessKey is not base64 of 16 to 64 bytes; was it cut off?");
    } else {
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

static enum status set_up(struct service_client *client, const char *connection_string,
                          struct problem *problem)
{
    const size_t size = strlen(connection_string);
    client->text = mem_alloc(size + 1);
    if (client->text == NULL) {
        return STATUS_NO_MEMORY;
    }
    memcpy(client->text, connection_string, size + 1);
    struct connection_string *parts = &client->parts;
    enum status status = connection_string_parse(str_of(client->text, size), parts, problem);
    if (status == STATUS_OK) {
        status = check_parts(parts, problem);
    }
    if (status == STATUS_OK) {
        status = endpoint_parse(parts->host_name, SERVICE_PORT, &client->endpoint, problem);
    }
    if (status == STATUS_OK && !service_request_open(client)) {
        status = STATUS_NO_MEMORY;
    }
    return status;
}

enum service_result service_client_create(const char *connection_string,
                                          struct service_client **ret_client,
                                          struct service_error *error)
{
    assert(connection_string != NULL);

    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    struct service_client *client CLEANUP(service_client_destroyp) =
        mem_zalloc(sizeof(struct service_client));
    const enum status status =
        client == NULL ? STATUS_NO_MEMORY : set_up(client, connection_string, &problem);
    if (status != STATUS_OK) {
        return problem.text[0] == '\0' ? service_failed_with(error, status)
                                       : service_failed(error, "%s", problem.text);
    }
    *ret_client = TAKE(client);
    return SERVICE_OK;
}

void service_client_destroy(struct service_client *client)
{
    if (client == NULL) {
        return;
    }
    curl_easy_cleanup(client->curl);
    mem_free(client->text);
    mem_free(client);
}

void service_client_destroyp(struct service_client **client)
{
    service_client_destroy(*client);
}

const char *service_client_host(const struct service_client *client)
{
    return client->endpoint.host;
}

/* ---- One request, one answer ---- */

/* For requests whose answer is a tree. */
static enum service_result exchange(struct service_client *client,
                                    const struct service_request *request, cJSON **ret_tree,
                                    struct service_error *error)
{
    struct service_answer answer CLEANUP(service_answer_finish);
    service_answer_init(&answer);
    const enum service_result result = service_request_send(client, request, &answer, error);
    if (result != SERVICE_OK) {
        return result;
    }
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    if (json_parse(buf_str(&answer.body), ret_tree, &problem) != STATUS_OK) {
        return service_failed(error, "the hub's answer cannot be read: %s", problem.text);
    }
    return SERVICE_OK;
}

static enum service_result check_json(const char *what, const char *text,
                                      struct service_error *error)
{
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    if (json_check(str_from(text), &problem) != STATUS_OK) {
        return service_failed(error, "the %s is not JSON: %s", what, problem.text);
    }
    return SERVICE_OK;
}

/* ---- Identities ---- */

/* Without keys: the hub generates them (service API reference, 2.5). */
static void append_new_identity(struct buf *body, struct service_identity identity)
{
    buf_append_str(body, STR("{\"deviceId\":"));
    json_append_string(body, str_from(identity.device_id));
    if (identity.module_id != NULL) {
        buf_append_str(body, STR(",\"moduleId\":"));
        json_append_string(body, str_from(identity.module_id));
    } else {
        buf_append_str(body, STR(",\"status\":\"enabled\""));
    }
    buf_append_str(body, STR(",\"authentication\":{\"type\":\"sas\"}}"));
}

enum service_result service_identity_create(struct service_client *client,
                                            struct service_identity identity, cJSON **ret_identity,
                                            struct service_error *error)
{
    struct buf body CLEANUP(buf_finish) = BUF_INIT(SERVICE_BODY_SIZE_MAX);
    append_new_identity(&body, identity);
    const enum status status = buf_status(&body);
    if (status != STATUS_OK) {
        return service_failed_with(error, status);
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init(&request, "PUT");
    service_url_identity(&request.url, &client->endpoint, identity);
    request.body = buf_str(&body);
    return exchange(client, &request, ret_identity, error);
}

enum service_result service_identity_get(struct service_client *client,
                                         struct service_identity identity, cJSON **ret_identity,
                                         struct service_error *error)
{
    struct service_request request CLEANUP(service_request_finish);
    service_request_init(&request, "GET");
    service_url_identity(&request.url, &client->endpoint, identity);
    return exchange(client, &request, ret_identity, error);
}

enum service_result service_identity_delete(struct service_client *client,
                                            struct service_identity identity,
                                            struct service_error *error)
{
    struct service_request request CLEANUP(service_request_finish);
    struct service_answer answer CLEANUP(service_answer_finish);
    service_request_init(&request, "DELETE");
    service_answer_init(&answer);
    service_url_identity(&request.url, &client->endpoint, identity);
    request.etag = "*"; /* whatever became of it meanwhile */
    return service_request_send(client, &request, &answer, error);
}

const char *service_identity_primary_key(const cJSON *identity)
{
    const cJSON *keys = json_member(json_member(identity, "authentication"), "symmetricKey");
    const char *key = cJSON_GetStringValue(json_member(keys, "primaryKey"));
    return key == NULL ? "" : key;
}

/* ---- Twins ---- */

enum service_result service_twin_get(struct service_client *client,
                                     struct service_identity identity, cJSON **ret_twin,
                                     struct service_error *error)
{
    struct service_request request CLEANUP(service_request_finish);
    service_request_init(&request, "GET");
    service_url_twin(&request.url, &client->endpoint, identity, "");
    return exchange(client, &request, ret_twin, error);
}

enum service_result service_twin_update(struct service_client *client,
                                        struct service_identity identity, const char *patch_json,
                                        const char *etag, cJSON **ret_twin,
                                        struct service_error *error)
{
    const enum service_result result = check_json("patch", patch_json, error);
    if (result != SERVICE_OK) {
        return result;
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init(&request, "PATCH");
    service_url_twin(&request.url, &client->endpoint, identity, "");
    request.body = str_from(patch_json);
    request.etag = etag == NULL ? "*" : etag;
    return exchange(client, &request, ret_twin, error);
}

/* ---- Queries ---- */

/* Calls `row` for each row of a page; *ret_more tells whether it wants to see others. */
static enum service_result show_page(struct str page, bool (*row)(const cJSON *row, void *ctx),
                                     void *ctx, bool *ret_more, struct service_error *error)
{
    cJSON *rows CLEANUP(json_destroyp) = NULL;
    if (json_parse(page, &rows, NULL) != STATUS_OK || !cJSON_IsArray(rows)) {
        return service_failed(error, "the hub's answer is no list of rows");
    }
    bool more = true;
    for (const cJSON *each = rows->child; each != NULL && more; each = each->next) {
        more = row(each, ctx);
    }
    *ret_more = more;
    return SERVICE_OK;
}

enum service_result service_query(struct service_client *client, const char *query, int page_size,
                                  bool (*row)(const cJSON *row, void *ctx), void *ctx,
                                  struct service_error *error)
{
    assert(page_size >= 1 && page_size <= SERVICE_PAGE_SIZE_MAX);

    struct buf body CLEANUP(buf_finish) = BUF_INIT(SERVICE_BODY_SIZE_MAX);
    struct service_request request CLEANUP(service_request_finish);
    struct service_answer answer CLEANUP(service_answer_finish);
    struct service_answer next CLEANUP(service_answer_finish);
    service_request_init(&request, "POST");
    service_answer_init(&answer);
    service_answer_init(&next);
    buf_append_str(&body, STR("{\"query\":"));
    json_append_string(&body, str_from(query));
    buf_append_byte(&body, '}');
    if (buf_status(&body) != STATUS_OK) {
        return service_failed_with(error, buf_status(&body));
    }
    service_url_query(&request.url, &client->endpoint);
    request.body = buf_str(&body);
    request.page_size = page_size;

    enum service_result result = SERVICE_OK;
    bool more = true;
    while (result == SERVICE_OK && more) {
        result = service_request_send(client, &request, &next, error);
        if (result == SERVICE_OK) {
            result = show_page(buf_str(&next.body), row, ctx, &more, error);
        }
        /* The answer just read says how to ask for the next, and has to outlive that request. */
        const struct service_answer read = next;
        next = answer;
        answer = read;
        request.continuation = buf_str(&answer.continuation);
        more = more && request.continuation.size > 0;
    }
    return result;
}

/* ---- Direct methods ---- */

enum { RESPONSE_TIMEOUT_DEFAULT_S = 30 }; /* the hub's own (service API reference, 4) */

static void append_method(struct buf *body, const struct service_method *method)
{
    buf_append_str(body, STR("{\"methodName\":"));
    json_append_string(body, str_from(method->name));
    if (method->payload_json != NULL) {
        buf_append_str(body, STR(",\"payload\":"));
        buf_append_str(body, str_from(method->payload_json));
    }
    if (method->response_timeout_s > 0) {
        buf_append_format(body, ",\"responseTimeoutInSeconds\":%d", method->response_timeout_s);
    }
    buf_append_format(body, ",\"connectTimeoutInSeconds\":%d}", method->connect_timeout_s);
}

static enum service_result take_method_answer(cJSON *answer, int *ret_status, cJSON **ret_payload,
                                              struct service_error *error)
{
    double number = 0;
    if (!json_member_number(answer, "status", &number)) {
        return service_failed(error, "the hub's answer has no \"status\"");
    }
    cJSON *payload = cJSON_DetachItemFromObjectCaseSensitive(answer, "payload");
    if (cJSON_IsNull(payload)) {
        cJSON_Delete(TAKE(payload));
    }
    *ret_status = (int)number;
    *ret_payload = payload;
    return SERVICE_OK;
}

enum service_result service_method_invoke(struct service_client *client,
                                          struct service_identity identity,
                                          const struct service_method *method, int *ret_status,
                                          cJSON **ret_payload, struct service_error *error)
{
    enum service_result result = SERVICE_OK;
    if (method->payload_json != NULL) {
        result = check_json("payload", method->payload_json, error);
    }
    if (result != SERVICE_OK) {
        return result;
    }
    struct buf body CLEANUP(buf_finish) = BUF_INIT(SERVICE_BODY_SIZE_MAX);
    append_method(&body, method);
    if (buf_status(&body) != STATUS_OK) {
        return service_failed_with(error, buf_status(&body));
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init(&request, "POST");
    service_url_twin(&request.url, &client->endpoint, identity, "/methods");
    request.body = buf_str(&body);
    request.extra_time_s =
        method->connect_timeout_s +
        (method->response_timeout_s > 0 ? method->response_timeout_s : RESPONSE_TIMEOUT_DEFAULT_S);
    cJSON *answer CLEANUP(json_destroyp) = NULL;
    result = exchange(client, &request, &answer, error);
    return result == SERVICE_OK ? take_method_answer(answer, ret_status, ret_payload, error)
                                : result;
}
