/* SPDX-License-Identifier: MIT */
#include "clients/device/device_client_internal.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/sas.h"
#include "base/url.h"

/* Any hub of the last years knows it (device protocol reference, 1.1). */
#define API_VERSION "2021-04-12"
#define CLIENT_TYPE "iothub-emulator-device-client/0.1 (C; libmosquitto)"

/* Refused memory has no other words, wherever it was refused. */
static enum status told(enum status status, struct problem *problem)
{
    if (status == STATUS_NO_MEMORY) {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s", status_text(status));
    }
    return status;
}

/* ---- Life ---- */

static char *copy_text(struct str s)
{
    char *copy = mem_alloc(s.size + 1);
    if (copy != NULL) {
        memcpy(copy, s.size > 0 ? s.data : "", s.size);
        copy[s.size] = '\0';
    }
    return copy;
}

static enum status check_parts(const struct connection_string *parts, struct problem *problem)
{
    const char *missing = NULL;
    if (parts->device_id.size == 0) {
        missing = "DeviceId; it is a hub's own: take the one of a device, as create_identities "
                  "prints it";
    } else if (parts->shared_access_key.size == 0 && parts->shared_access_signature.size == 0) {
        missing = "SharedAccessKey";
    }
    if (missing != NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the connection string has no %s", missing);
        return STATUS_INVALID;
    }
    if (parts->shared_access_key.size > 0 && !sas_key_valid(parts->shared_access_key)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the SharedAccessKey is not base64 of 16 to 64 bytes; was it cut off?");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* The names under which CONNECT introduces us. They hold the hub's name even where a gateway is
 * dialled, and never a port (device protocol reference, 1.1 and 7.1). */
static enum status make_names(struct device_client *client, const struct endpoint *hub)
{
    client->device_id = copy_text(client->parts.device_id);
    client->module_id = copy_text(client->parts.module_id);
    if (client->device_id == NULL || client->module_id == NULL) {
        return STATUS_NO_MEMORY;
    }
    const bool is_module = client->module_id[0] != '\0';
    buf_append_format(&client->user_name,
                      "%s/%s/%s%s?api-version=" API_VERSION "&DeviceClientType=", hub->host,
                      client->device_id, client->module_id, is_module ? "/" : "");
    url_encode_append(&client->user_name, STR(CLIENT_TYPE));
    buf_append_format(&client->resource, "%s/devices/%s%s%s", hub->host, client->device_id,
                      is_module ? "/modules/" : "", client->module_id);
    const enum status status = buf_status(&client->user_name);
    return status != STATUS_OK ? status : buf_status(&client->resource);
}

static enum status set_up(struct device_client *client, const char *connection_string,
                          struct problem *problem)
{
    client->text = copy_text(str_from(connection_string));
    if (client->text == NULL) {
        return STATUS_NO_MEMORY;
    }
    struct connection_string *parts = &client->parts;
    enum status status = connection_string_parse(str_from(client->text), parts, problem);
    if (status == STATUS_OK) {
        status = check_parts(parts, problem);
    }
    struct endpoint hub = {.port = 0};
    if (status == STATUS_OK) {
        status = endpoint_parse(parts->host_name, DEVICE_PORT, &hub, problem);
    }
    client->endpoint = hub;
    if (status == STATUS_OK && parts->gateway_host_name.size > 0) {
        status = endpoint_parse(parts->gateway_host_name, DEVICE_PORT, &client->endpoint, problem);
    }
    if (status == STATUS_OK) {
        status = make_names(client, &hub);
    }
    if (status == STATUS_OK) {
        status = random_init_system(&client->random);
        if (status != STATUS_OK) {
            problem_set(problem, PROBLEM_NO_OFFSET, "the system gives no random numbers");
        }
    }
    return status == STATUS_OK ? link_init(client, problem) : status;
}

enum status device_client_create(const char *connection_string,
                                 const struct device_client_handlers *handlers,
                                 struct device_client **ret_client, struct problem *problem)
{
    assert(connection_string != NULL && handlers != NULL);

    struct device_client *client CLEANUP(device_client_destroyp) =
        mem_zalloc(sizeof(struct device_client));
    if (client == NULL || mosquitto_lib_init() != MOSQ_ERR_SUCCESS) {
        mem_free(TAKE(client));
        return told(STATUS_NO_MEMORY, problem);
    }
    client->handlers = *handlers;
    client->token_lifetime_s = DEVICE_TOKEN_LIFETIME_S;
    client->desired_known = -1;
    client->desired_delivered = -1;
    inbox_init(client);
    buf_init(&client->user_name, DEVICE_USER_SIZE_MAX);
    buf_init(&client->resource, DEVICE_USER_SIZE_MAX);
    buf_init(&client->answer.body, DEVICE_ANSWER_SIZE_MAX);
    const enum status status = set_up(client, connection_string, problem);
    if (status == STATUS_OK) {
        *ret_client = TAKE(client);
    }
    return told(status, problem);
}

void device_client_destroy(struct device_client *client)
{
    if (client == NULL) {
        return;
    }
    assert(!client->delivering);
    device_client_disconnect(client);
    link_finish(client);
    inbox_finish(client);
    buf_finish(&client->answer.body);
    buf_finish(&client->user_name);
    buf_finish(&client->resource);
    mem_free(client->device_id);
    mem_free(client->module_id);
    mem_free(client->text);
    mem_free(client);
    (void)mosquitto_lib_cleanup();
}

void device_client_destroyp(struct device_client **client)
{
    device_client_destroy(*client);
}

void device_client_set_token_lifetime(struct device_client *client, int64_t lifetime_s)
{
    assert(lifetime_s > 0 && lifetime_s < INT32_MAX);
    client->token_lifetime_s = lifetime_s;
}

const char *device_client_device_id(const struct device_client *client)
{
    return client->device_id;
}

const char *device_client_module_id(const struct device_client *client)
{
    return client->module_id;
}

/* ---- Running ---- */

enum status device_client_connect(struct device_client *client, struct problem *problem)
{
    assert(!client->delivering);
    return told(link_connect(client, problem), problem);
}

void device_client_disconnect(struct device_client *client)
{
    assert(!client->delivering);
    link_disconnect(client);
}

enum status device_client_run(struct device_client *client, int timeout_ms, struct problem *problem)
{
    assert(!client->delivering && timeout_ms >= 0);

    const int64_t wait_us = list_empty(&client->inbox) ? (int64_t)timeout_ms * 1000 : 0;
    const enum status status = link_keep(client, wait_us, problem);
    return told(status == STATUS_OK ? inbox_deliver(client) : status, problem);
}

/* ---- Asking the hub ---- */

/*
 * Publishes a twin request, again on each new connection, until its answer is in client->answer.
 * Asking twice does no harm: reading changes nothing, and merging the same patch twice gives the
 * same properties.
 */
static enum status ask_twin(struct device_client *client,
                            void (*append_topic)(struct buf *out, uint32_t request_id),
                            struct str body, struct problem *problem)
{
    struct device_answer *answer = &client->answer;
    const int64_t deadline_us = clock_monotonic_us() + DEVICE_ANSWER_TIMEOUT_US;
    struct buf topic CLEANUP(buf_finish) = BUF_INIT(DEVICE_TOPIC_SIZE_MAX);
    uint64_t asked_on = 0; /* no connection yet */
    enum status status = STATUS_OK;
    answer->arrived = false;
    while (status == STATUS_OK && !answer->arrived) {
        status = link_await(client, deadline_us, problem);
        if (status == STATUS_OK && asked_on != client->connection_count) {
            asked_on = client->connection_count;
            answer->request_id = ++client->request_id_last;
            buf_clear(&topic);
            append_topic(&topic, answer->request_id);
            status = link_publish(client, &topic, body, 0, NULL);
            status = status == STATUS_UNAVAILABLE ? STATUS_OK : status;
        }
        const int64_t left_us = deadline_us - clock_monotonic_us();
        if (status == STATUS_OK && left_us <= 0) {
            problem_set(problem, PROBLEM_NO_OFFSET, "the hub did not answer within 30 seconds");
            status = STATUS_UNAVAILABLE;
        }
        if (status == STATUS_OK) {
            status = link_keep(client, left_us, problem);
        }
    }
    answer->request_id = 0;
    return status != STATUS_OK ? status : buf_status(&answer->body);
}

/* What the status of a twin's answer means (device protocol reference, 5). */
static enum status check_answer(const struct device_answer *answer, struct problem *problem)
{
    if (answer->status >= 200 && answer->status < 300) {
        return STATUS_OK;
    }
    struct str message = STR_EMPTY;
    cJSON *body CLEANUP(json_destroyp) = NULL;
    if (json_parse(buf_str(&answer->body), &body, NULL) == STATUS_OK) {
        (void)json_member_str(body, "message", &message);
    }
    problem_set(problem, PROBLEM_NO_OFFSET, "the hub refused with status %d%s%.*s", answer->status,
                message.size > 0 ? ": " : "", STR_ARG(message));
    if (answer->status == 413) {
        return STATUS_LIMIT;
    }
    return answer->status == 429 || answer->status >= 500 ? STATUS_UNAVAILABLE : STATUS_INVALID;
}

enum status device_client_report(struct device_client *client, const char *patch_json,
                                 int64_t *ret_version, struct problem *problem)
{
    const struct str patch = str_from(patch_json);
    enum status status = json_check(patch, problem);
    if (status != STATUS_OK) {
        return status;
    }
    status = ask_twin(client, topic_append_reported_patch, patch, problem);
    if (status == STATUS_OK) {
        status = check_answer(&client->answer, problem);
    }
    if (status == STATUS_OK && ret_version != NULL) {
        *ret_version = client->answer.version;
    }
    return told(status, problem);
}

enum status device_client_get_twin(struct device_client *client, cJSON **ret_twin,
                                   struct problem *problem)
{
    /* The body is a single space, as the SDKs of Python and Node send it. */
    enum status status = ask_twin(client, topic_append_twin_get, STR(" "), problem);
    if (status == STATUS_OK) {
        status = check_answer(&client->answer, problem);
    }
    cJSON *twin CLEANUP(json_destroyp) = NULL;
    if (status == STATUS_OK) {
        status = json_parse(buf_str(&client->answer.body), &twin, problem);
    }
    double version = 0;
    if (status == STATUS_OK) {
        if (json_member_number(json_member(twin, "desired"), "$version", &version)) {
            client->desired_known = (int64_t)version;
            client->desired_delivered = (int64_t)version;
        }
        *ret_twin = TAKE(twin);
    }
    return told(status, problem);
}

static enum status await_puback(struct device_client *client, int64_t deadline_us,
                                struct problem *problem)
{
    while (!client->published) {
        const int64_t left_us = deadline_us - clock_monotonic_us();
        if (left_us <= 0) {
            problem_set(problem, PROBLEM_NO_OFFSET,
                        "the hub did not confirm the message within 30 seconds; it may still "
                        "arrive");
            return STATUS_UNAVAILABLE;
        }
        const enum status status = link_keep(client, left_us, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status device_client_send(struct device_client *client, struct str body,
                               const struct device_property *properties, size_t property_count,
                               struct problem *problem)
{
    const int64_t deadline_us = clock_monotonic_us() + DEVICE_ANSWER_TIMEOUT_US;
    struct buf topic CLEANUP(buf_finish) = BUF_INIT(DEVICE_TOPIC_SIZE_MAX);
    topic_append_telemetry(&topic, client->device_id, client->module_id, properties,
                           property_count);
    enum status status = link_await(client, deadline_us, problem);
    if (status == STATUS_OK) {
        client->published = false;
        status = link_publish(client, &topic, body, 1, &client->publish_id);
        if (status == STATUS_INVALID || status == STATUS_LIMIT) {
            problem_set(problem, PROBLEM_NO_OFFSET,
                        "MQTT cannot carry this message; a body is at most %zu bytes, and an id of "
                        "a device cannot have '#' or '+'",
                        DEVICE_BODY_SIZE_MAX);
        } else if (status == STATUS_UNAVAILABLE) {
            /* With QoS 1 libmosquitto has kept it, and sends it on the next connection. */
            status = STATUS_OK;
        }
    }
    if (status == STATUS_OK) {
        status = await_puback(client, deadline_us, problem);
    }
    return told(status, problem);
}

enum status device_client_respond(struct device_client *client, const char *request_id, int status,
                                  const char *payload_json, struct problem *problem)
{
    const struct str payload = str_from(payload_json);
    enum status sent = payload.size == 0 ? STATUS_OK : json_check(payload, problem);
    if (sent == STATUS_OK) {
        sent = link_await(client, clock_monotonic_us() + DEVICE_ANSWER_TIMEOUT_US, problem);
    }
    if (sent == STATUS_OK) {
        struct buf topic CLEANUP(buf_finish) = BUF_INIT(DEVICE_TOPIC_SIZE_MAX);
        topic_append_method_response(&topic, status, request_id);
        sent = link_publish(client, &topic, payload, 0, NULL);
        if (sent != STATUS_OK) {
            problem_set(problem, PROBLEM_NO_OFFSET, "the answer could not be sent: %s",
                        status_text(sent));
        }
    }
    return told(sent, problem);
}
