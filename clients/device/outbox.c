/* SPDX-License-Identifier: MIT */
#include "clients/device/device_internal.h"

#include <assert.h>

#include "base/alloc.h"
#include "clients/device/messages_internal.h"

/*
 * A message that libmosquitto has, which keeps and repeats it until PUBACK comes. Confirmations
 * come in the order of sending, so the one looked for is almost always the first.
 *
 * Between CONNECT and CONNACK libmosquitto would send a new message at once, and only then repeat
 * the older ones. So it gets none in that time: they are held here, behind the others.
 */
struct outgoing {
    struct list link; /* in device->pending, then in device->confirmed */
    int packet_id;    /* 0: held */
    size_t size;
    char *topic; /* owned, while held; else NULL */
    char *body;  /* likewise */
    size_t body_size;
    bool *ret_confirmed; /* where iothub_device_send() looks; NULL: it does not, or no more */
    void (*done)(struct iothub_device *device, enum iothub_result result, void *ctx);
    void *ctx;
};

void outbox_init(struct iothub_device *device)
{
    list_init(&device->pending);
    list_init(&device->confirmed);
}

static void drop_copy(struct outgoing *outgoing)
{
    mem_free(outgoing->topic);
    mem_free(outgoing->body);
    outgoing->topic = NULL;
    outgoing->body = NULL;
}

static void outgoing_destroy(struct outgoing *outgoing)
{
    drop_copy(outgoing);
    mem_free(outgoing);
}

static void tell(struct iothub_device *device, struct list *from, enum iothub_result result)
{
    struct outgoing *outgoing = LIST_ENTRY(from->next, struct outgoing, link);
    list_remove(&outgoing->link);
    if (outgoing->done != NULL) {
        outgoing->done(device, result, outgoing->ctx);
    }
    outgoing_destroy(outgoing);
}

void outbox_finish(struct iothub_device *device)
{
    while (!list_empty(&device->confirmed)) {
        tell(device, &device->confirmed, IOTHUB_OK);
    }
    while (!list_empty(&device->pending)) {
        tell(device, &device->pending, IOTHUB_UNAVAILABLE);
    }
}

void outbox_confirm(struct iothub_device *device, int packet_id)
{
    for (struct list *at = device->pending.next; at != &device->pending; at = at->next) {
        struct outgoing *outgoing = LIST_ENTRY(at, struct outgoing, link);
        if (outgoing->packet_id != packet_id) {
            continue;
        }
        list_remove(&outgoing->link);
        list_append(&device->confirmed, &outgoing->link);
        device->pending_count--;
        device->pending_size -= outgoing->size;
        if (outgoing->ret_confirmed != NULL) {
            *outgoing->ret_confirmed = true;
        }
        return;
    }
}

/* Only what is confirmed now: the program may send more at each. */
void outbox_deliver(struct iothub_device *device)
{
    const struct list *last = device->confirmed.previous;
    bool more = !list_empty(&device->confirmed);
    while (more) {
        more = device->confirmed.next != last;
        tell(device, &device->confirmed, IOTHUB_OK);
    }
}

/* ---- Sending ---- */

static enum iothub_result check_room(const struct iothub_device *device, size_t size,
                                     struct iothub_error *error)
{
    if (!device->wanted) {
        return device_failed(error, IOTHUB_UNAVAILABLE,
                             "not connected; call iothub_device_connect()");
    }
    const size_t count_max = (size_t)device->settings[IOTHUB_DEVICE_PENDING_MAX];
    const size_t size_max = (size_t)device->settings[IOTHUB_DEVICE_PENDING_BYTES_MAX];
    if (device->pending_count >= count_max ||
        (device->pending_count > 0 && size > size_max - device->pending_size)) {
        return device_failed(error, IOTHUB_UNAVAILABLE,
                             "%zu messages wait for the hub already; call iothub_device_run() and "
                             "try again",
                             device->pending_count);
    }
    return IOTHUB_OK;
}

static enum iothub_result hold(struct iothub_device *device, struct outgoing *outgoing,
                               struct str topic, struct str body, struct iothub_error *error)
{
    outgoing->topic = device_copy_text(topic);
    outgoing->body = device_copy_text(body);
    outgoing->body_size = body.size;
    if (outgoing->topic == NULL || outgoing->body == NULL) {
        return device_no_memory(error);
    }
    if (mosquitto_pub_topic_check(outgoing->topic) != MOSQ_ERR_SUCCESS) {
        return device_cannot_publish(error);
    }
    device->held_count++;
    return IOTHUB_OK;
}

void outbox_release(struct iothub_device *device)
{
    for (struct list *at = device->pending.next; device->held_count > 0 && at != &device->pending;
         at = at->next) {
        struct outgoing *outgoing = LIST_ENTRY(at, struct outgoing, link);
        if (outgoing->packet_id != 0) {
            continue;
        }
        struct buf topic CLEANUP(buf_finish) = BUF_INIT(DEVICE_TOPIC_SIZE_MAX);
        buf_append_str(&topic, str_from(outgoing->topic));
        if (device_publish(device, &topic, str_of(outgoing->body, outgoing->body_size), 1,
                           &outgoing->packet_id, NULL) != IOTHUB_OK) {
            outgoing->packet_id = 0;
            return; /* no memory now: the next turn tries again */
        }
        drop_copy(outgoing);
        device->held_count--;
    }
}

static enum iothub_result hand_over(struct iothub_device *device, struct outgoing *outgoing,
                                    const struct iothub_device_message *message,
                                    struct iothub_error *error)
{
    struct buf topic CLEANUP(buf_finish) = BUF_INIT(DEVICE_TOPIC_SIZE_MAX);
    const struct str body = str_of(message->body, message->body_size);
    topic_append_telemetry(&topic, device->device_id, device->module_id, message);
    enum iothub_result result = check_room(device, topic.size + body.size, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    if (buf_status(&topic) != STATUS_OK) {
        return device_no_memory(error); /* its size was checked */
    }
    outgoing->size = topic.size + body.size;
    return device->state == LINK_CONNECTING || device->held_count > 0
               ? hold(device, outgoing, buf_str(&topic), body, error)
               : device_publish(device, &topic, body, 1, &outgoing->packet_id, error);
}

/* In device->pending then; NULL: see *ret_result. */
static struct outgoing *enqueue(struct iothub_device *device,
                                const struct iothub_device_message *message,
                                enum iothub_result *ret_result, struct iothub_error *error)
{
    *ret_result = message_check(message, device->module_id[0] != '\0', error);
    if (*ret_result != IOTHUB_OK) {
        return NULL;
    }
    struct outgoing *outgoing = mem_zalloc(sizeof(*outgoing));
    if (outgoing == NULL) {
        *ret_result = device_no_memory(error);
        return NULL;
    }
    *ret_result = hand_over(device, outgoing, message, error);
    if (*ret_result != IOTHUB_OK) {
        outgoing_destroy(outgoing);
        return NULL;
    }
    list_append(&device->pending, &outgoing->link);
    device->pending_count++;
    device->pending_size += outgoing->size;
    return outgoing;
}

enum iothub_result iothub_device_send_async(struct iothub_device *device,
                                            const struct iothub_device_message *message,
                                            void (*done)(struct iothub_device *device,
                                                         enum iothub_result result, void *ctx),
                                            void *ctx, struct iothub_error *error)
{
    enum iothub_result result = IOTHUB_OK;
    struct outgoing *outgoing = enqueue(device, message, &result, error);
    if (outgoing != NULL) {
        outgoing->done = done;
        outgoing->ctx = ctx;
    }
    return result;
}

enum iothub_result iothub_device_send(struct iothub_device *device,
                                      const struct iothub_device_message *message,
                                      struct iothub_error *error)
{
    const int64_t deadline_us = device_answer_deadline_us(device);
    enum iothub_result result = IOTHUB_OK;
    bool confirmed = false;
    struct outgoing *outgoing = enqueue(device, message, &result, error);
    if (outgoing == NULL) {
        return result;
    }
    outgoing->ret_confirmed = &confirmed;
    while (result == IOTHUB_OK && !confirmed) {
        const int64_t left_us = deadline_us - clock_monotonic_us();
        if (left_us > 0) {
            result = link_keep(device, left_us, error);
        } else if (device->state == LINK_UP) {
            result = device_failed(error, IOTHUB_UNAVAILABLE,
                                   "the hub did not confirm the message within %d ms; it is kept, "
                                   "and may still arrive",
                                   (int)device->settings[IOTHUB_DEVICE_ANSWER_TIMEOUT_MS]);
        } else {
            result = device_failed(error, IOTHUB_UNAVAILABLE,
                                   "the message is kept, but still not connected: %s",
                                   device->lost_because.text);
        }
    }
    if (!confirmed) {
        outgoing->ret_confirmed = NULL;
    }
    return confirmed ? IOTHUB_OK : result;
}

size_t iothub_device_pending(const struct iothub_device *device)
{
    return device->pending_count;
}

enum iothub_result iothub_device_flush(struct iothub_device *device, int timeout_ms,
                                       struct iothub_error *error)
{
    assert(!device->delivering && timeout_ms >= 0);

    const int64_t deadline_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    while (device->pending_count > 0) {
        const int64_t left_us = deadline_us - clock_monotonic_us();
        if (left_us <= 0) {
            return device_failed(error, IOTHUB_UNAVAILABLE,
                                 "%zu messages are not confirmed after %d ms",
                                 device->pending_count, timeout_ms);
        }
        const enum iothub_result result =
            iothub_device_run(device, (int)((left_us + 999) / 1000), error);
        if (result != IOTHUB_OK) {
            return result;
        }
    }
    outbox_deliver(device);
    return IOTHUB_OK;
}
