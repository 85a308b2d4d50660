/* SPDX-License-Identifier: MIT */
#include "clients/device/device_internal.h"

#include <assert.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/json.h"

/* ---- Life ---- */

char *device_copy_text(struct str s)
{
    char *copy = mem_alloc(s.size + 1);
    if (copy != NULL) {
        memcpy(copy, s.size > 0 ? s.data : "", s.size);
        copy[s.size] = '\0';
    }
    return copy;
}

static enum status make_names(struct iothub_device *device)
{
    device->device_id = device_copy_text(device->parts.device_id);
    device->module_id = device_copy_text(device->parts.module_id);
    if (device->device_id == NULL || device->module_id == NULL) {
        return STATUS_NO_MEMORY;
    }
    /* The hub's name even where a gateway is dialled, and never a port (reference, 7.1). */
    buf_append_format(&device->resource, "%s/devices/%s%s%s", device->hub.host, device->device_id,
                      device->module_id[0] == '\0' ? "" : "/modules/", device->module_id);
    return buf_status(&device->resource);
}

static enum status read_connection_string(struct iothub_device *device,
                                          const char *connection_string, struct problem *problem)
{
    device->text = device_copy_text(str_from(connection_string));
    if (device->text == NULL) {
        return STATUS_NO_MEMORY;
    }
    struct connection_string *parts = &device->parts;
    enum status status = connection_string_parse(str_from(device->text), parts, problem);
    if (status == STATUS_OK) {
        status = credentials_read(device, problem);
    }
    if (status == STATUS_OK) {
        status = endpoint_parse(parts->host_name, DEVICE_PORT, &device->hub, problem);
    }
    device->endpoint = device->hub;
    if (status == STATUS_OK && parts->gateway_host_name.size > 0) {
        status = endpoint_parse(parts->gateway_host_name, DEVICE_PORT, &device->endpoint, problem);
    }
    return status;
}

static enum status set_up(struct iothub_device *device, const char *connection_string,
                          struct problem *problem)
{
    enum status status = read_connection_string(device, connection_string, problem);
    if (status == STATUS_OK) {
        status = make_names(device);
    }
    if (status == STATUS_OK) {
        status = random_init_system(&device->random);
        if (status != STATUS_OK) {
            problem_set(problem, PROBLEM_NO_OFFSET, "the system gives no random numbers");
        }
    }
    return status == STATUS_OK ? link_init(device, problem) : status;
}

enum iothub_result iothub_device_create(const char *connection_string,
                                        const struct iothub_device_handlers *handlers,
                                        struct iothub_device **ret_device,
                                        struct iothub_error *error)
{
    if (connection_string == NULL) {
        return device_failed(error, IOTHUB_INVALID, "the connection string is missing");
    }
    struct iothub_device *device CLEANUP(device_destroyp) =
        mem_zalloc(sizeof(struct iothub_device));
    if (device == NULL) {
        return device_no_memory(error);
    }
    if (handlers != NULL) {
        device->handlers = *handlers;
    }
    settings_init(device->settings);
    device->renew_at_us = INT64_MAX;
    device->desired_known = -1;
    device->desired_delivered = -1;
    inbox_init(device);
    outbox_init(device);
    device->relay.fd = -1;
    buf_init(&device->resource, DEVICE_USER_SIZE_MAX);
    buf_init(&device->answer.body, DEVICE_ANSWER_SIZE_MAX);
    struct problem problem = {.text = ""};
    const enum status status = set_up(device, connection_string, &problem);
    if (status == STATUS_OK) {
        *ret_device = TAKE(device);
    }
    return device_status(status, &problem, error);
}

void iothub_device_destroy(struct iothub_device *device)
{
    if (device == NULL) {
        return;
    }
    assert(!device->delivering);
    iothub_device_disconnect(device);
    device->delivering = true; /* what is told now can do nothing more */
    outbox_finish(device);
    link_finish(device);
    inbox_finish(device);
    credentials_finish(device);
    buf_finish(&device->answer.body);
    buf_finish(&device->resource);
    mem_free(device->device_id);
    mem_free(device->module_id);
    mem_free(device->product);
    mem_free(device->model_id);
    mem_free(device->text);
    mem_free(device);
}

void device_destroyp(struct iothub_device **device)
{
    iothub_device_destroy(*device);
}

const char *iothub_device_id(const struct iothub_device *device)
{
    return device->device_id;
}

const char *iothub_device_module_id(const struct iothub_device *device)
{
    return device->module_id;
}

enum iothub_result iothub_device_set(struct iothub_device *device,
                                     enum iothub_device_setting setting, int64_t value,
                                     struct iothub_error *error)
{
    return settings_set(device->settings, setting, value, error);
}

/* NULL takes it back. Printable ASCII, which is what a user name can be sure to carry. */
static enum iothub_result set_text(char **text, const char *what, const char *value,
                                   struct iothub_error *error)
{
    const struct str given = str_from(value);
    bool plain = given.size <= DEVICE_PRODUCT_SIZE_MAX;
    for (size_t i = 0; plain && i < given.size; i++) {
        plain = given.data[i] >= ' ' && given.data[i] <= '~';
    }
    if (!plain) {
        return device_failed(error, IOTHUB_INVALID,
                             "the %s is at most %u characters of plain ASCII", what,
                             DEVICE_PRODUCT_SIZE_MAX);
    }
    char *copy = given.size == 0 ? NULL : device_copy_text(given);
    if (copy == NULL && given.size > 0) {
        return device_no_memory(error);
    }
    mem_free(*text);
    *text = copy;
    return IOTHUB_OK;
}

enum iothub_result iothub_device_set_product(struct iothub_device *device, const char *product,
                                             struct iothub_error *error)
{
    return set_text(&device->product, "product", product, error);
}

enum iothub_result iothub_device_set_model(struct iothub_device *device, const char *model_id,
                                           struct iothub_error *error)
{
    return set_text(&device->model_id, "model id", model_id, error);
}

int64_t device_answer_deadline_us(const struct iothub_device *device)
{
    const int64_t timeout_ms = device->settings[IOTHUB_DEVICE_ANSWER_TIMEOUT_MS];
    return clock_monotonic_us() + timeout_ms * (CLOCK_SECOND / 1000);
}

/* ---- Running ---- */

enum iothub_result iothub_device_connect(struct iothub_device *device, struct iothub_error *error)
{
    assert(!device->delivering);
    return link_connect(device, error);
}

void iothub_device_disconnect(struct iothub_device *device)
{
    assert(!device->delivering);
    link_disconnect(device);
}

enum iothub_result iothub_device_run(struct iothub_device *device, int timeout_ms,
                                     struct iothub_error *error)
{
    assert(!device->delivering && timeout_ms >= 0);

    const bool idle = list_empty(&device->inbox) && list_empty(&device->confirmed);
    const int64_t wait_us = idle ? (int64_t)timeout_ms * 1000 : 0;
    const enum iothub_result result = link_keep(device, wait_us, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    if (inbox_deliver(device) != STATUS_OK) {
        return device_no_memory(error);
    }
    if (device->state > LINK_DIALLING) {
        /* The PUBACKs for what was handled. A failure shows again at the next turn. */
        (void)connection_flush(device, NULL);
    }
    return IOTHUB_OK;
}

/* ---- Asking the hub ---- */

enum iothub_result device_cannot_publish(struct iothub_error *error)
{
    return device_failed(error, IOTHUB_INVALID,
                         "MQTT cannot carry this message: the id of a device that sends cannot "
                         "have '#' or '+' in it");
}

/* A loss of the link is no failure: with QoS 1 libmosquitto has kept the message, and sends it on
 * the next connection; and who waits for an answer asks again. */
enum iothub_result device_publish(struct iothub_device *device, const struct buf *topic,
                                  struct str body, int qos, int *ret_id, struct iothub_error *error)
{
    switch (link_publish(device, topic, body, qos, ret_id)) {
    case STATUS_OK:
    case STATUS_UNAVAILABLE:
        return IOTHUB_OK;
    case STATUS_NO_MEMORY:
        return device_no_memory(error);
    case STATUS_LIMIT:
    case STATUS_INVALID:
    case STATUS_IO:
    case STATUS_CORRUPT:
        break;
    }
    return device_cannot_publish(error);
}

static bool is_busy(int status)
{
    return status == 429 || status == 503;
}

/*
 * Publishes a twin request, again on each new connection, until its answer is in device->answer.
 * Asking twice does no harm: reading changes nothing, and merging the same patch twice gives the
 * same properties.
 */
static enum iothub_result ask_once(struct iothub_device *device,
                                   void (*append_topic)(struct buf *out, uint32_t request_id),
                                   struct str body, int64_t deadline_us, struct iothub_error *error)
{
    struct device_answer *answer = &device->answer;
    struct buf topic CLEANUP(buf_finish) = BUF_INIT(DEVICE_TOPIC_SIZE_MAX);
    uint64_t asked_on = 0; /* no connection yet */
    enum iothub_result result = IOTHUB_OK;
    answer->arrived = false;
    while (result == IOTHUB_OK && !answer->arrived) {
        result = link_await(device, deadline_us, error);
        if (result == IOTHUB_OK && asked_on != device->connection_count) {
            asked_on = device->connection_count;
            answer->request_id = ++device->request_id_last;
            buf_clear(&topic);
            append_topic(&topic, answer->request_id);
            result = device_publish(device, &topic, body, 0, NULL, error);
        }
        const int64_t left_us = deadline_us - clock_monotonic_us();
        if (result == IOTHUB_OK && left_us <= 0) {
            result = device_failed(error, IOTHUB_UNAVAILABLE, "the hub did not answer within %d ms",
                                   (int)device->settings[IOTHUB_DEVICE_ANSWER_TIMEOUT_MS]);
        }
        if (result == IOTHUB_OK) {
            result = link_keep(device, left_us, error);
        }
    }
    answer->request_id = 0;
    if (result == IOTHUB_OK && buf_status(&answer->body) != STATUS_OK) {
        return device_no_memory(error);
    }
    return result;
}

/* Keeps the connection meanwhile. */
static enum iothub_result wait_until(struct iothub_device *device, int64_t time_us,
                                     struct iothub_error *error)
{
    enum iothub_result result = IOTHUB_OK;
    int64_t left_us = time_us - clock_monotonic_us();
    while (result == IOTHUB_OK && left_us > 0) {
        result = link_keep(device, left_us, error);
        left_us = time_us - clock_monotonic_us();
    }
    return result;
}

static enum iothub_result busy_until_the_end(int status, struct iothub_error *error)
{
    const enum iothub_result result =
        device_failed(error, IOTHUB_UNAVAILABLE,
                      "the hub is busy: it refused with status %d, and did not answer "
                      "again in time",
                      status);
    device_refusal(error, status, "");
    return result;
}

/* A busy hub is left in peace for as long as one that cannot be reached. */
static enum iothub_result ask_twin(struct iothub_device *device,
                                   void (*append_topic)(struct buf *out, uint32_t request_id),
                                   struct str body, struct iothub_error *error)
{
    const int64_t deadline_us = device_answer_deadline_us(device);
    int refused_with = 0;
    for (unsigned busy = 0;; busy++) {
        enum iothub_result result = ask_once(device, append_topic, body, deadline_us, error);
        if (result == IOTHUB_UNAVAILABLE && refused_with != 0) {
            return busy_until_the_end(refused_with, error);
        }
        const int64_t again_us =
            clock_monotonic_us() +
            settings_retry_delay_us(device->settings, busy, random_u64(&device->random));
        if (result != IOTHUB_OK || !is_busy(device->answer.status) || again_us >= deadline_us) {
            return result;
        }
        refused_with = device->answer.status;
        result = wait_until(device, again_us, error);
        if (result != IOTHUB_OK) {
            return result;
        }
    }
}

/* What the status of a twin's answer means (device protocol reference, 5). */
static enum iothub_result check_answer(const struct device_answer *answer,
                                       struct iothub_error *error)
{
    if (answer->status >= 200 && answer->status < 300) {
        return IOTHUB_OK;
    }
    struct str message = STR_EMPTY;
    double number = 0;
    char code[32] = "";
    cJSON *body CLEANUP(json_destroyp) = NULL;
    if (json_parse(buf_str(&answer->body), &body, NULL) == STATUS_OK) {
        (void)json_member_str(body, "message", &message);
        if (json_member_number(body, "errorCode", &number)) {
            (void)snprintf(code, sizeof(code), "%.0f", number);
        }
    }
    const bool later = answer->status == 429 || answer->status >= 500;
    const enum iothub_result result = device_failed(
        error, later ? IOTHUB_UNAVAILABLE : IOTHUB_REFUSED, "the hub refused with status %d%s%.*s",
        answer->status, message.size > 0 ? ": " : "", STR_ARG(message));
    device_refusal(error, answer->status, code);
    return result;
}

enum iothub_result iothub_device_report(struct iothub_device *device, const char *patch_json,
                                        int64_t *ret_version, struct iothub_error *error)
{
    const struct str patch = str_from(patch_json);
    struct problem problem = {.text = ""};
    enum iothub_result result = device_status(json_check(patch, &problem), &problem, error);
    if (result == IOTHUB_OK) {
        result = ask_twin(device, topic_append_reported_patch, patch, error);
    }
    if (result == IOTHUB_OK) {
        result = check_answer(&device->answer, error);
    }
    if (result == IOTHUB_OK && ret_version != NULL) {
        *ret_version = device->answer.version;
    }
    return result;
}

enum iothub_result iothub_device_get_twin(struct iothub_device *device, cJSON **ret_twin,
                                          struct iothub_error *error)
{
    /* The body is a single space, as the SDKs of Python and Node send it. */
    enum iothub_result result = ask_twin(device, topic_append_twin_get, STR(" "), error);
    if (result == IOTHUB_OK) {
        result = check_answer(&device->answer, error);
    }
    cJSON *twin CLEANUP(json_destroyp) = NULL;
    if (result == IOTHUB_OK) {
        struct problem problem = {.text = ""};
        const enum status status = json_parse(buf_str(&device->answer.body), &twin, &problem);
        result = device_status(status, &problem, error);
    }
    if (result != IOTHUB_OK) {
        return result;
    }
    double version = 0;
    if (json_member_number(json_member(twin, "desired"), "$version", &version)) {
        device->desired_known = (int64_t)version;
        device->desired_delivered = (int64_t)version;
    }
    *ret_twin = TAKE(twin);
    return IOTHUB_OK;
}

enum iothub_result iothub_device_respond(struct iothub_device *device, const char *request_id,
                                         int status, const char *payload_json,
                                         struct iothub_error *error)
{
    const struct str payload = str_from(payload_json);
    struct problem problem = {.text = ""};
    enum iothub_result result = IOTHUB_OK;
    if (payload.size > 0) {
        result = device_status(json_check(payload, &problem), &problem, error);
    }
    if (result == IOTHUB_OK) {
        result = link_await(device, device_answer_deadline_us(device), error);
    }
    if (result == IOTHUB_OK) {
        struct buf topic CLEANUP(buf_finish) = BUF_INIT(DEVICE_TOPIC_SIZE_MAX);
        topic_append_method_response(&topic, status, request_id);
        result = device_publish(device, &topic, payload, 0, NULL, error);
    }
    return result;
}
