/* SPDX-License-Identifier: MIT */
#include "clients/device/device_internal.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/json.h"

/* One message that waits for iothub_device_run(). */
struct device_message {
    struct list link;   /* in device->inbox */
    struct topic topic; /* its strs point into `bytes` */
    struct str payload; /* likewise */
    size_t size;        /* of the whole, for device->inbox_size */
    char bytes[];       /* topic, NUL, payload, NUL */
};

void inbox_init(struct iothub_device *device)
{
    list_init(&device->inbox);
}

static void discard(struct iothub_device *device, struct device_message *message)
{
    list_remove(&message->link);
    device->inbox_size -= message->size;
    mem_free(message);
}

static struct device_message *first(struct iothub_device *device)
{
    return list_empty(&device->inbox) ? NULL
                                      : LIST_ENTRY(device->inbox.next, struct device_message, link);
}

void inbox_finish(struct iothub_device *device)
{
    struct device_message *message = NULL;
    while ((message = first(device)) != NULL) {
        discard(device, message);
    }
}

/* ---- Arriving ---- */

static uint32_t number_of(struct str request_id)
{
    uint64_t number = 0;
    return str_to_u64(request_id, &number) && number <= UINT32_MAX ? (uint32_t)number : 0;
}

static void take_answer(struct device_answer *answer, const struct topic *topic, struct str payload)
{
    answer->arrived = true;
    answer->status = topic->status;
    answer->version = topic->version;
    buf_clear(&answer->body);
    buf_append_str(&answer->body, payload); /* a failure sticks, for the one who waits */
}

static void enqueue(struct iothub_device *device, struct str topic, struct str payload)
{
    const size_t size = sizeof(struct device_message) + topic.size + 1 + payload.size + 1;
    struct device_message *message = NULL;
    if (size <= DEVICE_INBOX_SIZE_MAX - device->inbox_size) {
        message = mem_zalloc(size);
    }
    if (message == NULL) {
        /* A method's caller will be told that nobody answered; a change of desired properties
         * is found by asking for the twin. */
        device->resync_wanted = device->handlers.desired != NULL;
        return;
    }
    message->size = size;
    memcpy(message->bytes, topic.data, topic.size);
    if (payload.size > 0) {
        memcpy(message->bytes + topic.size + 1, payload.data, payload.size);
    }
    message->topic = topic_parse(str_of(message->bytes, topic.size));
    message->payload = str_of(message->bytes + topic.size + 1, payload.size);
    device->inbox_size += size;
    list_append(&device->inbox, &message->link);
}

void inbox_receive(struct iothub_device *device, struct str topic_text, struct str payload)
{
    const struct topic topic = topic_parse(topic_text);
    if (topic.kind == TOPIC_UNKNOWN) {
        return;
    }
    if (topic.kind == TOPIC_TWIN_RESPONSE) {
        const uint32_t number = number_of(topic.request_id);
        if (number != 0 && number == device->answer.request_id) {
            take_answer(&device->answer, &topic, payload);
            return;
        }
        if (number == 0 || number != device->resync_id) {
            return; /* the answer to a question that somebody gave up waiting for */
        }
    }
    enqueue(device, topic_text, payload);
}

/* ---- Delivering ---- */

/*
 * After each connection the twin is read once: changes made while the device was away are not sent
 * by the hub (device protocol reference, 5: "subscribe first, then GET").
 */
enum status inbox_resync(struct iothub_device *device)
{
    device->resync_wanted = false;
    if (device->handlers.desired == NULL) {
        return STATUS_OK;
    }
    struct buf topic CLEANUP(buf_finish) = BUF_INIT(DEVICE_TOPIC_SIZE_MAX);
    device->resync_id = ++device->request_id_last;
    topic_append_twin_get(&topic, device->resync_id);
    const enum status status = link_publish(device, &topic, STR(" "), 0, NULL);
    return status == STATUS_UNAVAILABLE ? STATUS_OK : status; /* the next connection asks again */
}

static void deliver_desired(struct iothub_device *device,
                            const struct iothub_device_desired *desired)
{
    device->desired_delivered = desired->version;
    device->desired_known = desired->version;
    device->handlers.desired(device, desired, device->handlers.ctx);
}

static enum status patch_came(struct iothub_device *device, const struct device_message *message)
{
    if (message->topic.version <= device->desired_delivered) {
        return STATUS_OK; /* older than what the handler was given as a whole */
    }
    cJSON *patch CLEANUP(json_destroyp) = NULL;
    const enum status status = json_parse(message->payload, &patch, NULL);
    if (status != STATUS_OK) {
        device->resync_wanted = true;
        return status == STATUS_INVALID ? STATUS_OK : status;
    }
    deliver_desired(device, &(struct iothub_device_desired){
                                .properties = patch,
                                .version = message->topic.version,
                            });
    return STATUS_OK;
}

/* The answer to inbox_resync(). */
static enum status twin_came(struct iothub_device *device, const struct device_message *message)
{
    device->resync_id = 0;
    cJSON *twin CLEANUP(json_destroyp) = NULL;
    const enum status status = json_parse(message->payload, &twin, NULL);
    if (status != STATUS_OK || message->topic.status != 200) {
        return status == STATUS_INVALID ? STATUS_OK : status;
    }
    const cJSON *desired = json_member(twin, "desired");
    double number = 0;
    if (!json_member_number(desired, "$version", &number)) {
        return STATUS_OK;
    }
    const int64_t version = (int64_t)number;
    const bool first_look = device->desired_known < 0;
    if (first_look) {
        device->desired_known = version;
    } else if (version != device->desired_known) { /* lower: the hub was set up anew */
        deliver_desired(device, &(struct iothub_device_desired){
                                    .properties = desired,
                                    .version = version,
                                    .whole = true,
                                });
    }
    return STATUS_OK;
}

static enum status method_came(struct iothub_device *device, struct device_message *message)
{
    struct iothub_device_method method = {0};
    const struct topic *topic = &message->topic;
    if (topic->request_id.size >= sizeof(method.request_id)) {
        return STATUS_OK; /* nothing we could answer with */
    }
    memcpy(method.request_id, topic->request_id.data, topic->request_id.size);

    /* The name is followed by "/?": there is room for the NUL it needs. */
    char *name = message->bytes + (topic->name.data - message->bytes);
    name[topic->name.size] = '\0';
    method.name = name;

    cJSON *payload CLEANUP(json_destroyp) = NULL;
    if (message->payload.size > 0) {
        const enum status status = json_parse(message->payload, &payload, NULL);
        if (status == STATUS_INVALID) {
            const enum iothub_result told = iothub_device_respond(
                device, method.request_id, 400, "\"the payload is not JSON\"", NULL);
            return told == IOTHUB_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_OK;
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    method.payload = payload;
    device->handlers.method(device, &method, device->handlers.ctx);
    return STATUS_OK;
}

static enum status deliver(struct iothub_device *device, struct device_message *message)
{
    switch (message->topic.kind) {
    case TOPIC_TWIN_RESPONSE:
        return twin_came(device, message);
    case TOPIC_DESIRED:
        return device->handlers.desired == NULL ? STATUS_OK : patch_came(device, message);
    case TOPIC_METHOD:
        return device->handlers.method == NULL ? STATUS_OK : method_came(device, message);
    case TOPIC_UNKNOWN:
        break;
    }
    return STATUS_OK;
}

static void announce(struct iothub_device *device)
{
    const struct iothub_device_handlers *handlers = &device->handlers;
    if (device->announce_lost) {
        device->announce_lost = false;
        if (handlers->connection != NULL) {
            handlers->connection(device, IOTHUB_DEVICE_LOST, device->lost_because.text,
                                 handlers->ctx);
        }
    }
    if (device->announce_made) {
        device->announce_made = false;
        if (handlers->connection != NULL) {
            handlers->connection(device, IOTHUB_DEVICE_BACK, "", handlers->ctx);
        }
    }
}

enum status inbox_deliver(struct iothub_device *device)
{
    assert(!device->delivering);
    device->delivering = true;
    announce(device);

    /* Only what is here now: handlers make more arrive, and the caller wants to be back in time. */
    const struct list *last = device->inbox.previous;
    struct device_message *message = NULL;
    enum status status = STATUS_OK;
    bool more = true;
    while (more && status == STATUS_OK && (message = first(device)) != NULL) {
        more = &message->link != last;
        status = deliver(device, message);
        discard(device, message);
    }
    device->delivering = false;
    if (status == STATUS_OK && device->resync_wanted && device->state == LINK_UP) {
        status = inbox_resync(device);
    }
    return status;
}
