/* SPDX-License-Identifier: MIT */
#include "clients/device/device_client_internal.h"

#include <assert.h>

#include "base/alloc.h"

/* One message that waits for device_client_run(). */
struct device_message {
    struct list link;   /* in client->inbox */
    struct topic topic; /* its strs point into `bytes` */
    struct str payload; /* likewise */
    size_t size;        /* of the whole, for client->inbox_size */
    char bytes[];       /* topic, NUL, payload, NUL */
};

void inbox_init(struct device_client *client)
{
    list_init(&client->inbox);
}

static void discard(struct device_client *client, struct device_message *message)
{
    list_remove(&message->link);
    client->inbox_size -= message->size;
    mem_free(message);
}

static struct device_message *first(struct device_client *client)
{
    return list_empty(&client->inbox) ? NULL
                                      : LIST_ENTRY(client->inbox.next, struct device_message, link);
}

void inbox_finish(struct device_client *client)
{
    struct device_message *message = NULL;
    while ((message = first(client)) != NULL) {
        discard(client, message);
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

static void enqueue(struct device_client *client, struct str topic, struct str payload)
{
    const size_t size = sizeof(struct device_message) + topic.size + 1 + payload.size + 1;
    struct device_message *message = NULL;
    if (size <= DEVICE_INBOX_SIZE_MAX - client->inbox_size) {
        message = mem_zalloc(size);
    }
    if (message == NULL) {
        /* A method's caller will be told that nobody answered; a change of desired properties
         * is found by asking for the twin. */
        client->resync_wanted = client->handlers.desired != NULL;
        return;
    }
    message->size = size;
    memcpy(message->bytes, topic.data, topic.size);
    if (payload.size > 0) {
        memcpy(message->bytes + topic.size + 1, payload.data, payload.size);
    }
    message->topic = topic_parse(str_of(message->bytes, topic.size));
    message->payload = str_of(message->bytes + topic.size + 1, payload.size);
    client->inbox_size += size;
    list_append(&client->inbox, &message->link);
}

void inbox_receive(struct device_client *client, struct str topic_text, struct str payload)
{
    const struct topic topic = topic_parse(topic_text);
    if (topic.kind == TOPIC_UNKNOWN) {
        return;
    }
    if (topic.kind == TOPIC_TWIN_RESPONSE) {
        const uint32_t number = number_of(topic.request_id);
        if (number != 0 && number == client->answer.request_id) {
            take_answer(&client->answer, &topic, payload);
            return;
        }
        if (number == 0 || number != client->resync_id) {
            return; /* the answer to a question that somebody gave up waiting for */
        }
    }
    enqueue(client, topic_text, payload);
}

/* ---- Delivering ---- */

/*
 * After each connection the twin is read once: changes made while the device was away are not sent
 * by the hub (device protocol reference, 5: "subscribe first, then GET").
 */
enum status inbox_resync(struct device_client *client)
{
    client->resync_wanted = false;
    if (client->handlers.desired == NULL) {
        return STATUS_OK;
    }
    struct buf topic CLEANUP(buf_finish) = BUF_INIT(DEVICE_TOPIC_SIZE_MAX);
    client->resync_id = ++client->request_id_last;
    topic_append_twin_get(&topic, client->resync_id);
    const enum status status = link_publish(client, &topic, STR(" "), 0, NULL);
    return status == STATUS_UNAVAILABLE ? STATUS_OK : status; /* the next connection asks again */
}

static void deliver_desired(struct device_client *client, const struct device_desired *desired)
{
    client->desired_delivered = desired->version;
    client->desired_known = desired->version;
    client->handlers.desired(client, desired, client->handlers.ctx);
}

static enum status patch_came(struct device_client *client, const struct device_message *message)
{
    if (message->topic.version <= client->desired_delivered) {
        return STATUS_OK; /* older than what the handler was given as a whole */
    }
    cJSON *patch CLEANUP(json_destroyp) = NULL;
    const enum status status = json_parse(message->payload, &patch, NULL);
    if (status != STATUS_OK) {
        client->resync_wanted = true;
        return status == STATUS_INVALID ? STATUS_OK : status;
    }
    deliver_desired(client, &(struct device_desired){
                                .properties = patch,
                                .version = message->topic.version,
                            });
    return STATUS_OK;
}

/* The answer to inbox_resync(). */
static enum status twin_came(struct device_client *client, const struct device_message *message)
{
    client->resync_id = 0;
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
    const bool first_look = client->desired_known < 0;
    if (first_look) {
        client->desired_known = version;
    } else if (version != client->desired_known) { /* lower: the hub was set up anew */
        deliver_desired(client, &(struct device_desired){
                                    .properties = desired,
                                    .version = version,
                                    .whole = true,
                                });
    }
    return STATUS_OK;
}

static enum status method_came(struct device_client *client, struct device_message *message)
{
    struct device_method method = {0};
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
            return device_client_respond(client, method.request_id, 400,
                                         "\"the payload is not JSON\"", NULL);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    method.payload = payload;
    client->handlers.method(client, &method, client->handlers.ctx);
    return STATUS_OK;
}

static enum status deliver(struct device_client *client, struct device_message *message)
{
    switch (message->topic.kind) {
    case TOPIC_TWIN_RESPONSE:
        return twin_came(client, message);
    case TOPIC_DESIRED:
        return client->handlers.desired == NULL ? STATUS_OK : patch_came(client, message);
    case TOPIC_METHOD:
        return client->handlers.method == NULL ? STATUS_OK : method_came(client, message);
    case TOPIC_UNKNOWN:
        break;
    }
    return STATUS_OK;
}

static void announce(struct device_client *client)
{
    const struct device_client_handlers *handlers = &client->handlers;
    if (client->announce_lost) {
        client->announce_lost = false;
        if (handlers->connection != NULL) {
            handlers->connection(client, false, client->lost_because.text, handlers->ctx);
        }
    }
    if (client->announce_made) {
        client->announce_made = false;
        if (handlers->connection != NULL) {
            handlers->connection(client, true, "", handlers->ctx);
        }
    }
}

enum status inbox_deliver(struct device_client *client)
{
    assert(!client->delivering);
    client->delivering = true;
    announce(client);

    /* Only what is here now: handlers make more arrive, and the caller wants to be back in time. */
    const struct list *last = client->inbox.previous;
    struct device_message *message = NULL;
    enum status status = STATUS_OK;
    bool more = true;
    while (more && status == STATUS_OK && (message = first(client)) != NULL) {
        more = &message->link != last;
        status = deliver(client, message);
        discard(client, message);
    }
    client->delivering = false;
    if (status == STATUS_OK && client->resync_wanted && client->state == LINK_UP) {
        status = inbox_resync(client);
    }
    return status;
}
