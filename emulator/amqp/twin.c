/* SPDX-License-Identifier: MIT */
/*
 * A pair of links (device protocol reference, 9.8): what a device asks of its twin comes on the
 * one, answers and desired properties leave on the other. Requests say in annotations what they
 * want, answers in annotations what became of it.
 */
#include "amqp/conditions.h"
#include "amqp/kinds_internal.h"
#include "amqp/limits.h"
#include "amqp/message.h"

#define DESIRED_RESOURCE STR("/properties/desired")

struct request {
    struct amqp_value correlation_id; /* AMQP_NULL: none, and so no answer */
    struct amqp_value version;        /* of a PATCH; AMQP_NULL: any */
    struct str operation, resource;   /* in the message, as is the body */
    struct str body;
};

struct answer {
    int32_t status;
    bool has_version;
    int64_t version;
    struct str body;
};

static struct amqp_link *answers_of(const struct amqp_link *requests)
{
    return amqp_link_other(requests, requests->address.module.size > 0
                                         ? &amqp_kind_module_twin_answers
                                         : &amqp_kind_twin_answers);
}

/* ---- what goes out ---- */

static void send_message(struct amqp_link *link, const struct buf *message)
{
    if (buf_status(message) != STATUS_OK) {
        amqp_link_refuse(link, HUB_SERVER_ERROR, "a message about the twin could not be written");
        return;
    }
    const struct amqp_outgoing outgoing = {.message = buf_str(message), .settled = true};
    amqp_link_send(link, &outgoing);
}

/* Types as the C SDK demands them: status an int, version a long, keys symbols. An answer without
 * contents has an empty body, since a message must have one. */
static void send_answer(struct amqp_link *answers, const struct request *request,
                        const struct answer *answer)
{
    struct buf *out = &amqp_link_endpoint(answers)->message;
    const struct amqp_entry annotations[] = {
        {STR("status"), amqp_int(answer->status)},
        {STR("version"), amqp_long(answer->version)},
    };
    struct amqp_value properties[AMQP_PROPERTY_COUNT] = {{.type = AMQP_NULL}};
    properties[AMQP_CORRELATION_ID] = request->correlation_id;
    buf_clear(out);
    amqp_append_annotations(out, AMQP_SECTION_ANNOTATIONS, annotations,
                            answer->has_version ? 2 : 1);
    amqp_append_properties(out, properties);
    amqp_append_data(out, answer->body);
    send_message(answers, out);
}

/* Without a correlation id: by that two SDKs tell notifications from answers, a third by the
 * resource. */
static void send_desired(struct amqp_link *link, uint64_t version, struct str patch)
{
    struct buf *out = &amqp_link_endpoint(link)->message;
    const struct amqp_entry annotations[] = {
        {STR("resource"), amqp_string(DESIRED_RESOURCE)},
        {STR("version"), amqp_long((int64_t)version)},
    };
    buf_clear(out);
    amqp_append_annotations(out, AMQP_SECTION_ANNOTATIONS, annotations, ARRAY_SIZE(annotations));
    amqp_append_data(out, patch);
    send_message(link, out);
}

/* ---- the operations ---- */

static enum hub_code get(struct amqp_link *link, struct answer *ret_answer, struct problem *problem)
{
    struct amqp_endpoint *endpoint = amqp_link_endpoint(link);
    struct storage_identity *twin = NULL;
    const enum hub_code code =
        hub_twin_get(amqp_link_hub(link), link->client->key, &endpoint->arena, &twin, problem);
    if (code != HUB_OK) {
        return code;
    }
    buf_clear(&endpoint->body);
    hub_twin_device_append(&endpoint->body, twin);
    if (buf_status(&endpoint->body) != STATUS_OK) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the twin could not be written");
        return HUB_SERVER_ERROR;
    }
    *ret_answer = (struct answer){.status = 200, .body = buf_str(&endpoint->body)};
    return HUB_OK;
}

/* Which version the device believes its reported properties to have; null where it does not say. */
static enum hub_code expected_version(const struct amqp_value *version, uint64_t *ret_expected,
                                      struct problem *problem)
{
    int64_t number = 0;
    if (version->type == AMQP_NULL) {
        *ret_expected = 0;
        return HUB_OK;
    }
    if (!amqp_whole_number(version, &number)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "annotation 'version' is a %s and must be a whole number",
                    amqp_type_name(version->type));
        return HUB_ARGUMENT_INVALID;
    }
    if (number < 1) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "annotation 'version' is %lld, and versions start "
                    "at 1",
                    (long long)number);
        return HUB_PRECONDITION_FAILED;
    }
    *ret_expected = (uint64_t)number;
    return HUB_OK;
}

static enum hub_code patch(struct amqp_link *link, const struct request *request,
                           struct answer *ret_answer, struct problem *problem)
{
    struct hub_report report = {
        .id = link->client->principal.id,
        .key = link->client->key,
        .patch = request->body,
    };
    uint64_t version = 0;
    enum hub_code code = expected_version(&request->version, &report.expected_version, problem);
    if (code == HUB_OK) {
        code = hub_reported_update(amqp_link_hub(link), &report, &version, problem);
    }
    if (code == HUB_OK) {
        *ret_answer =
            (struct answer){.status = 204, .has_version = true, .version = (int64_t)version};
    }
    return code;
}

/* PUT and DELETE: notifications of desired properties, on the link of the answers. */
static enum hub_code listen(struct amqp_link *answers, bool on, struct answer *ret_answer,
                            struct problem *problem)
{
    if (answers == NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "no receiver is attached to this twin address: there is nowhere to send "
                    "notifications to");
        return HUB_INVALID_OPERATION;
    }
    amqp_link_interests(answers, on ? HUB_INTEREST_DESIRED : 0);
    *ret_answer = (struct answer){.status = 200};
    return HUB_OK;
}

static enum hub_code perform(struct amqp_link *link, struct amqp_link *answers,
                             const struct request *request, struct answer *ret_answer,
                             struct problem *problem)
{
    const struct str reported = STR("/properties/reported");
    const struct str notifications = STR("/notifications/twin/properties/desired");
    if (str_equal_nocase(request->operation, STR("GET"))) {
        return get(link, ret_answer, problem);
    }
    if (str_equal_nocase(request->operation, STR("PATCH")) &&
        str_equal_nocase(request->resource, reported)) {
        return patch(link, request, ret_answer, problem);
    }
    const bool on = str_equal_nocase(request->operation, STR("PUT"));
    if ((on || str_equal_nocase(request->operation, STR("DELETE"))) &&
        str_equal_nocase(request->resource, notifications)) {
        return listen(answers, on, ret_answer, problem);
    }
    problem_set(
        problem, PROBLEM_NO_OFFSET,
        "a twin has no operation '%.*s' on '%.*s': it has GET, PATCH on "
        "'/properties/reported', PUT and DELETE on "
        "'/notifications/twin/properties/desired'",
        (int)(request->operation.size > 32 ? 32 : request->operation.size), request->operation.data,
        (int)(request->resource.size > 64 ? 64 : request->resource.size), request->resource.data);
    return HUB_ARGUMENT_INVALID;
}

/* ---- a request ---- */

static void read_text(const struct amqp_value *annotations, struct str name, struct str *ret_text)
{
    struct amqp_value value;
    *ret_text = STR_EMPTY;
    if (amqp_map_find(annotations, name, &value) &&
        (value.type == AMQP_STRING || value.type == AMQP_SYMBOL)) {
        *ret_text = value.bytes;
    }
}

static enum hub_code read_request(struct amqp_link *link, const struct amqp_delivery *delivery,
                                  struct request *ret_request, struct problem *problem)
{
    struct amqp_message message;
    struct request request = {.version = {.type = AMQP_NULL}};
    if (!amqp_message_read(delivery->message, &message, problem)) {
        return HUB_FORMAT_ERROR;
    }
    read_text(&message.annotations, STR("operation"), &request.operation);
    read_text(&message.annotations, STR("resource"), &request.resource);
    (void)amqp_map_find(&message.annotations, STR("version"), &request.version);
    request.correlation_id = message.properties[AMQP_CORRELATION_ID];
    const enum hub_code code =
        amqp_message_body(&message, &amqp_link_endpoint(link)->arena, &request.body, problem);
    if (code == HUB_OK) {
        *ret_request = request;
    }
    return code;
}

/* HTTP's status, but for sizes, which 400 stands for as over MQTT (5). */
static int32_t status_of(enum hub_code code)
{
    const unsigned status = hub_code_http_status(code);
    return status == 413 ? 400 : (int32_t)status;
}

/* A request that is refused was a message that was received: its answer tells, if there can be one,
 * and otherwise the outcome of its transfer. */
static enum hub_code refuse(struct amqp_link *link, struct amqp_link *answers,
                            const struct request *request, enum hub_code code,
                            const struct problem *problem)
{
    struct buf *body = &amqp_link_endpoint(link)->body;
    if (answers == NULL || request->correlation_id.type == AMQP_NULL) {
        return code;
    }
    amqp_conn_note_refused(link->conn, link->client->key, code, problem->text);
    buf_clear(body);
    amqp_error_append(body, amqp_link_hub(link), code, problem->text);
    const struct answer answer = {.status = status_of(code), .body = buf_str(body)};
    send_answer(answers, request, &answer);
    return HUB_OK;
}

static enum hub_code request_came(struct amqp_link *link, const struct amqp_delivery *delivery,
                                  struct problem *problem)
{
    struct amqp_link *answers = answers_of(link);
    struct request request;
    struct answer answer;
    enum hub_code code = read_request(link, delivery, &request, problem);
    if (code != HUB_OK) {
        return code;
    }
    code = perform(link, answers, &request, &answer, problem);
    if (code != HUB_OK) {
        return refuse(link, answers, &request, code, problem);
    }
    if (answers != NULL && request.correlation_id.type != AMQP_NULL) {
        send_answer(answers, &request, &answer);
    }
    return HUB_OK;
}

#define REQUESTS(kind_name, kind_pattern)                                                          \
    {                                                                                              \
        .name = (kind_name), .pattern = (kind_pattern), .direction = AMQP_FROM_PEER,               \
        .right = AMQP_AS_DEVICE, .credit = AMQP_CREDIT, .message_size_max = AMQP_REQUEST_SIZE_MAX, \
        .max_message_shown = AMQP_REQUEST_SIZE_MAX, .delivery = request_came,                      \
    }
#define ANSWERS(kind_name, kind_pattern)                                                           \
    {                                                                                              \
        .name = (kind_name), .pattern = (kind_pattern), .direction = AMQP_TO_PEER,                 \
        .right = AMQP_AS_DEVICE, .desired = send_desired,                                          \
    }

const struct amqp_link_kind amqp_kind_twin_requests = REQUESTS("twin requests", "devices/{d}/twin");
const struct amqp_link_kind amqp_kind_twin_answers = ANSWERS("twin answers", "devices/{d}/twin");
const struct amqp_link_kind amqp_kind_module_twin_requests =
    REQUESTS("module twin requests", "devices/{d}/modules/{m}/twin");
const struct amqp_link_kind amqp_kind_module_twin_answers =
    ANSWERS("module twin answers", "devices/{d}/modules/{m}/twin");
