/* SPDX-License-Identifier: MIT */
#include "clients/device/device_internal.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/json.h"
#include "clients/device/messages_internal.h"

/* One message that waits for iothub_device_run(). */
struct incoming {
    struct list link;   /* in device->inbox */
    struct topic topic; /* its strs point into `bytes` */
    struct str payload; /* likewise */
    size_t size;        /* of the whole, for device->inbox_size */
    uint16_t packet_id; /* to be acknowledged when dealt with; 0: nothing to be */
    uint64_t dial;      /* device->dial_count when it came */
    char bytes[];       /* topic, NUL, payload, NUL */
};

void inbox_init(struct iothub_device *device)
{
    list_init(&device->inbox);
}

static void discard(struct iothub_device *device, struct incoming *message)
{
    list_remove(&message->link);
    device->inbox_size -= message->size;
    mem_free(message);
}

static struct incoming *first(struct iothub_device *device)
{
    return list_empty(&device->inbox) ? NULL
                                      : LIST_ENTRY(device->inbox.next, struct incoming, link);
}

void inbox_finish(struct iothub_device *device)
{
    struct incoming *message = NULL;
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

/* False when there was no room. */
static bool enqueue(struct iothub_device *device, struct str topic, struct str payload,
                    uint16_t packet_id)
{
    const size_t size = sizeof(struct incoming) + topic.size + 1 + payload.size + 1;
    struct incoming *message = NULL;
    if (size <= DEVICE_INBOX_SIZE_MAX - device->inbox_size) {
        message = mem_zalloc(size);
    }
    if (message == NULL) {
        /* A method's caller will be told that nobody answered; a change of desired properties
         * is found by asking for the twin; the hub keeps a message that is not acknowledged. */
        device->resync_wanted = device->handlers.desired != NULL;
        return false;
    }
    message->size = size;
    message->packet_id = packet_id;
    message->dial = device->dial_count;
    memcpy(message->bytes, topic.data, topic.size);
    if (payload.size > 0) {
        memcpy(message->bytes + topic.size + 1, payload.data, payload.size);
    }
    message->topic = topic_parse(str_of(message->bytes, topic.size));
    message->payload = str_of(message->bytes + topic.size + 1, payload.size);
    device->inbox_size += size;
    list_append(&device->inbox, &message->link);
    return true;
}

/* True when the hub need not be told (now). */
static bool receive(struct iothub_device *device, struct str topic_text, struct str payload,
                    uint16_t packet_id)
{
    const struct topic topic = topic_parse(topic_text);
    switch (topic.kind) {
    case TOPIC_UNKNOWN:
        return false;
    case TOPIC_TWIN_RESPONSE:
        if (number_of(topic.request_id) == 0) {
            return false;
        }
        if (number_of(topic.request_id) == device->answer.request_id) {
            take_answer(&device->answer, &topic, payload);
            return false;
        }
        if (number_of(topic.request_id) != device->resync_id) {
            return false; /* the answer to a question that somebody gave up waiting for */
        }
        (void)enqueue(device, topic_text, payload, 0);
        return false;
    case TOPIC_DESIRED:
    case TOPIC_METHOD:
        (void)enqueue(device, topic_text, payload, 0);
        return false;
    case TOPIC_MESSAGE:
        break;
    }
    (void)enqueue(device, topic_text, payload, packet_id);
    return true;
}

void inbox_receive(struct iothub_device *device, struct str topic, struct str payload,
                   uint16_t packet_id)
{
    if (!receive(device, topic, payload, packet_id) && packet_id != 0) {
        relay_acknowledge(&device->relay, packet_id);
    }
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

static enum status patch_came(struct iothub_device *device, const struct incoming *message)
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
static enum status twin_came(struct iothub_device *device, const struct incoming *message)
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

static enum status method_came(struct iothub_device *device, struct incoming *message)
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

/* Whole texts, and the arrays that hold them: a topic of 65535 bytes needs less than this. */
#define BAG_MEMORY_MAX ((size_t)4 * 1024 * 1024)

static enum status message_came(struct iothub_device *device, const struct incoming *message)
{
    struct arena arena CLEANUP(arena_finish) = ARENA_INIT(BAG_MEMORY_MAX);
    struct iothub_device_message given;
    enum status status = message_read_bag(message->topic.bag, &arena, &given);
    if (status == STATUS_OK && message->topic.name.size > 0) {
        given.input = arena_copy(&arena, message->topic.name);
        status = given.input == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    if (status != STATUS_OK) {
        return status;
    }
    given.body = message->payload.data;
    given.body_size = message->payload.size;
    device->handlers.message(device, &given, device->handlers.ctx);

    /* On another connection the hub does not know the packet any more, and sends it anew. */
    if (message->packet_id != 0 && message->dial == device->dial_count) {
        relay_acknowledge(&device->relay, message->packet_id);
    }
    return STATUS_OK;
}

static bool is_stale(const struct iothub_device *device, const struct incoming *message)
{
    return message->packet_id != 0 && message->dial != device->dial_count;
}

static enum status deliver(struct iothub_device *device, struct incoming *message)
{
    switch (message->topic.kind) {
    case TOPIC_TWIN_RESPONSE:
        return twin_came(device, message);
    case TOPIC_DESIRED:
        return device->handlers.desired == NULL ? STATUS_OK : patch_came(device, message);
    case TOPIC_METHOD:
        return device->handlers.method == NULL ? STATUS_OK : method_came(device, message);
    case TOPIC_MESSAGE:
        return device->handlers.message == NULL || is_stale(device, message)
                   ? STATUS_OK
                   : message_came(device, message);
    case TOPIC_UNKNOWN:
        break;
    }
    return STATUS_OK;
}

static void announce_expiry(struct iothub_device *device)
{
    device->announce_expiry = false;
    char expiry[CLOCK_TEXT_SIZE];
    struct problem words;
    clock_text_iso(device->signature_expires_s * CLOCK_SECOND, expiry);
    problem_set(&words, PROBLEM_NO_OFFSET,
                "the SharedAccessSignature expires at %s; bring the next one with "
                "iothub_device_use_signature()",
                expiry);
    if (device->handlers.connection != NULL) {
        device->handlers.connection(device, IOTHUB_DEVICE_SIGNATURE_EXPIRES, words.text,
                                    device->handlers.ctx);
    }
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
    if (device->announce_expiry) {
        announce_expiry(device);
    }
    outbox_deliver(device);

    /* Only what is here now: handlers make more arrive, and the caller wants to be back in time. */
    const struct list *last = device->inbox.previous;
    struct incoming *message = NULL;
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
