/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "base/json.h"
#include "hub/hub_internal.h"

static const char *const ack_names[] = {"none", "positive", "negative", "full"};

const char *hub_ack_name(enum hub_ack ack)
{
    return ack_names[ack];
}

bool hub_ack_from_name(struct str name, enum hub_ack *ret_ack)
{
    for (unsigned i = 0; i < ARRAY_SIZE(ack_names); i++) {
        if (str_equal_nocase(name, str_from(ack_names[i]))) {
            *ret_ack = (enum hub_ack)i;
            return true;
        }
    }
    return false;
}

void hub_c2d_nudge(struct hub_link *link)
{
    if (link != NULL && (link->interests & HUB_INTEREST_C2D) != 0) {
        link->ops->c2d(link->ctx);
    }
}

void hub_c2d_event(struct hub *hub, enum hub_event event, struct identity_key key,
                   struct buf *detail, struct str body)
{
    buf_append_byte(detail, '}');
    if (buf_status(detail) != STATUS_OK) {
        (void)hub_fail(hub, buf_status(detail), NULL);
        return;
    }
    hub_event(hub, event, key, buf_str(detail), body);
}

/* ---- sending: what is refused ---- */

static bool is_text(struct str s)
{
    return str_is_utf8(s) && str_find(s, '\0') == SIZE_MAX;
}

/* MQTT and HTTP carry them as text, and so must everything that tells of them. */
static enum hub_code check_texts(const struct hub_property *properties, size_t count,
                                 struct problem *problem)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_text(properties[i].name)) {
            problem_set(problem, PROBLEM_NO_OFFSET, "the name of a property is not UTF-8 text");
            return HUB_ARGUMENT_INVALID;
        }
        if (!is_text(properties[i].value)) {
            problem_set(problem, PROBLEM_NO_OFFSET,
                        "the value of property '%.*s' is not UTF-8 text",
                        STR_ARG(properties[i].name));
            return HUB_ARGUMENT_INVALID;
        }
    }
    return HUB_OK;
}

static enum hub_code check_size(const struct hub_message *message, struct problem *problem)
{
    const size_t size = hub_message_size(message);
    if (size <= HUB_C2D_SIZE_MAX) {
        return HUB_OK;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "the message has %zu bytes with its properties; a cloud-to-device message has at "
                "most %d",
                size, HUB_C2D_SIZE_MAX);
    return HUB_MESSAGE_TOO_LARGE;
}

static enum hub_code check_expiry(struct hub *hub, int64_t expires_us, struct problem *problem)
{
    if (expires_us == 0 || expires_us > hub_now_us(hub)) {
        return HUB_OK;
    }
    char expiry[CLOCK_TEXT_SIZE];
    char now[CLOCK_TEXT_SIZE];
    clock_text_iso(expires_us, expiry);
    clock_text_iso(hub_now_us(hub), now);
    problem_set(problem, PROBLEM_NO_OFFSET,
                "the message's expiry %s is past: the hub's clock says %s", expiry, now);
    return HUB_INVALID_MESSAGE_EXPIRY_TIME;
}

static enum hub_code check_room(struct hub *hub, int64_t identity, struct identity_key key,
                                struct problem *problem)
{
    if (storage_messages_count(hub->storage, identity) < HUB_C2D_QUEUE_MAX) {
        return HUB_OK;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "%d messages wait for '%.*s' already; it has to receive and complete some, or they "
                "can be purged",
                HUB_C2D_QUEUE_MAX, STR_ARG(key.device));
    return HUB_DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED;
}

static enum hub_code check_message_id(struct str message_id, struct problem *problem)
{
    if (message_id.size <= HUB_MESSAGE_ID_MAX) {
        return HUB_OK;
    }
    problem_set(problem, PROBLEM_NO_OFFSET, "the message id has %zu characters; at most %d",
                message_id.size, HUB_MESSAGE_ID_MAX);
    return HUB_ARGUMENT_INVALID;
}

/* ---- sending: what is stored ---- */

static struct str system_property(const struct hub_message *message, const char *name)
{
    for (size_t i = 0; i < message->system_count; i++) {
        if (str_equal(message->system[i].name, str_from(name))) {
            return message->system[i].value;
        }
    }
    return (struct str){0};
}

static struct str default_to(struct identity_key key, struct arena *arena)
{
    return str_from(
        key.module.size == 0
            ? arena_format(arena, "/devices/%.*s/messages/deviceBound", STR_ARG(key.device))
            : arena_format(arena, "/devices/%.*s/modules/%.*s/messages/deviceBound",
                           STR_ARG(key.device), STR_ARG(key.module)));
}

/* The message as its receiver will see it: with "to", and with an expiry that was really given. */
static bool complete_message(const struct hub_c2d *send, struct arena *arena,
                             struct hub_message *ret_message)
{
    const struct hub_message *given = &send->message;
    struct hub_property *system = ARENA_ARRAY(arena, struct hub_property, given->system_count + 2);
    char *expiry = ARENA_ARRAY(arena, char, CLOCK_TEXT_SIZE);
    if (system == NULL || expiry == NULL) {
        return false;
    }
    size_t count = 0;
    for (size_t i = 0; i < given->system_count; i++) {
        if (!str_equal(given->system[i].name, STR("expiryTimeUtc")) &&
            !str_equal(given->system[i].name, STR("ack"))) {
            system[count++] = given->system[i];
        }
    }
    if (system_property(given, "to").data == NULL) {
        system[count] = (struct hub_property){STR("to"), default_to(send->key, arena)};
        if (system[count++].value.data == NULL) {
            return false;
        }
    }
    if (send->expires_us != 0) {
        clock_text_iso(send->expires_us, expiry);
        system[count++] = (struct hub_property){STR("expiryTimeUtc"), str_from(expiry)};
    }
    *ret_message = *given;
    ret_message->system = system;
    ret_message->system_count = count;
    return true;
}

static void note_enqueued(struct hub *hub, const struct storage_message *stored,
                          struct str properties)
{
    CLEANUP(buf_finish) struct buf detail = BUF_INIT(HUB_SCRATCH_MAX);
    buf_append_format(&detail, "{\"sequenceNumber\":%" PRId64 ",\"ack\":\"%s\"", stored->id,
                      hub_ack_name((enum hub_ack)stored->ack));
    buf_append_str(&detail, properties);
    hub_c2d_event(hub, HUB_EVENT_C2D_ENQUEUED, stored->key, &detail, stored->body);
}

/* Writes the message and tells the link; the other way round when the link has all others. */
static enum status pass_on(struct hub *hub, struct storage_message *message,
                           const struct hub_message *content)
{
    struct hub_link *link = hub_link_find(hub, message->identity);
    struct hub_fresh fresh = {.message = message,
                              .content = hub_message_repeats(content) ? NULL : content};
    /* hub_c2d_fresh_write() takes it out again on every way from here */
    /* cppcheck-suppress autoVariables */
    hub->fresh = &fresh;
    enum status status = STATUS_OK;
    if (!hub_c2d_has_all(hub, message->identity, link)) {
        status = hub_c2d_fresh_write(hub);
    }
    if (status == STATUS_OK) {
        hub_c2d_nudge(link);
        status = hub_c2d_fresh_write(hub);
    }
    return status;
}

static enum status store(struct hub *hub, const struct hub_c2d *send,
                         const struct storage_message *to, struct arena *arena)
{
    struct hub_message message;
    if (!complete_message(send, arena, &message)) {
        return STATUS_NO_MEMORY;
    }
    CLEANUP(buf_finish) struct buf properties = BUF_INIT(HUB_SCRATCH_MAX);
    CLEANUP(buf_finish) struct buf text = BUF_INIT(HUB_SCRATCH_MAX);
    enum status status = hub_message_properties_append(&properties, &message);
    if (status == STATUS_OK) {
        status = hub_c2d_text_append(&text, buf_str(&properties));
    }
    if (status != STATUS_OK) {
        return status;
    }
    const int64_t now_us = hub_now_us(hub);
    struct storage_message stored = {
        .identity = to->identity,
        .key = send->key,
        .generation = to->generation,
        .enqueued_us = now_us,
        .expires_us = send->expires_us != 0 ? send->expires_us
                                            : now_us + hub->settings.c2d_ttl_s * CLOCK_SECOND,
        .ack = send->ack,
        .message_id = system_property(&message, "messageId"),
        .properties = buf_str(&text),
        .body = message.body.data == NULL ? STR_EMPTY : message.body,
    };
    status = storage_message_id(hub->storage, &stored.id);
    if (status != STATUS_OK) {
        return status;
    }
    note_enqueued(hub, &stored, buf_str(&properties));
    return pass_on(hub, &stored, &message);
}

/* Nothing of the record is looked at but its id and generation. */
static enum hub_code find_receiver(struct hub *hub, struct identity_key key,
                                   struct storage_message *to, struct problem *problem)
{
    const enum status status =
        storage_identity_find(hub->storage, key, &to->identity, &to->generation);
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    return to->identity == 0 ? hub_absent(key, problem) : HUB_OK;
}

enum hub_code hub_c2d_send(struct hub *hub, const struct hub_c2d *send, struct problem *problem)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_READ_ARENA_MAX);
    const struct hub_message *message = &send->message;
    struct storage_message to = {0};
    enum hub_code code = find_receiver(hub, send->key, &to, problem);
    if (code == HUB_OK) {
        code = check_size(message, problem);
    }
    if (code == HUB_OK) {
        code = check_texts(message->system, message->system_count, problem);
    }
    if (code == HUB_OK) {
        code = check_texts(message->application, message->application_count, problem);
    }
    if (code == HUB_OK) {
        code = check_message_id(system_property(message, "messageId"), problem);
    }
    if (code == HUB_OK) {
        code = check_expiry(hub, send->expires_us, problem);
    }
    if (code == HUB_OK) {
        code = check_room(hub, to.identity, send->key, problem);
    }
    if (code != HUB_OK) {
        return code;
    }
    const enum status status = store(hub, send, &to, &arena);
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    return hub->failed ? HUB_SERVER_ERROR : HUB_OK;
}

/* ---- receiving ---- */

static enum status lock(struct hub *hub, const struct storage_message *message,
                        const struct hub_link *link, struct guid *ret_token)
{
    const bool for_good = link != NULL && link->ops->c2d_held;
    const struct storage_lock lock = {
        .token = guid_random(&hub->random),
        .until_us =
            for_good ? INT64_MAX : hub_now_us(hub) + hub->settings.c2d_lock_s * CLOCK_SECOND,
        .held = link != NULL,
    };
    enum status status = STATUS_OK;
    if (!hub_c2d_fresh_take(hub, message, &lock)) {
        status = storage_message_lock(hub->storage, message, &lock);
    }
    if (status == STATUS_OK) {
        hub_c2d_due(hub, lock.until_us);
        *ret_token = lock.token;
    }
    return status;
}

static void note_delivered(struct hub *hub, const struct storage_message *message,
                           const struct hub_link *link)
{
    CLEANUP(buf_finish) struct buf detail = BUF_INIT(HUB_SCRATCH_MAX);
    buf_append_format(
        &detail, "{\"protocol\":\"%s\",\"sequenceNumber\":%" PRId64 ",\"deliveryCount\":%" PRIu32,
        link == NULL ? "https" : link->ops->protocol, message->id, message->delivery_count);
    if (message->message_id.data != NULL) {
        buf_append_str(&detail, STR(",\"messageId\":"));
        json_append_string(&detail, message->message_id);
    }
    hub_c2d_event(hub, HUB_EVENT_C2D_DELIVERED, message->key, &detail, (struct str){0});
}

static enum status deliver(struct hub *hub, const struct storage_message *message,
                           struct hub_link *link, struct arena *arena,
                           struct hub_delivery **ret_delivery)
{
    struct hub_delivery *delivery = ARENA_NEW(arena, struct hub_delivery);
    if (delivery == NULL) {
        return STATUS_NO_MEMORY;
    }
    *delivery = (struct hub_delivery){
        .sequence_number = (uint64_t)message->id,
        .enqueued_us = message->enqueued_us,
        .expires_us = message->expires_us,
        .delivery_count = message->delivery_count,
        .redelivered = message->delivered > 0,
        .ack = (enum hub_ack)message->ack,
        .message = {.body = message->body},
    };
    enum status status = STATUS_OK;
    if (!hub_c2d_fresh_content(hub, message, &delivery->message)) {
        status = hub_c2d_text_read(message->properties, arena, &delivery->message);
    }
    if (status == STATUS_OK) {
        status = lock(hub, message, link, &delivery->lock_token);
    }
    if (status != STATUS_OK) {
        return status;
    }
    note_delivered(hub, message, link);
    *ret_delivery = delivery;
    if (link != NULL) {
        link->received_c2d = true;
        hub_c2d_hold(link, message, &delivery->lock_token);
        hub_link_touch(link);
        return STATUS_OK;
    }
    return storage_activity_update(hub->storage, message->identity, hub_now_us(hub));
}

enum hub_code hub_c2d_receive(struct hub *hub, struct identity_key key, struct hub_link *link,
                              struct arena *arena, struct hub_delivery **ret_delivery)
{
    int64_t id = 0;
    if (link != NULL) {
        id = link->id;
    } else {
        struct storage_identity *identity = NULL;
        const enum hub_code code = hub_identity_get(hub, key, arena, &identity, NULL);
        if (code != HUB_OK) {
            return code;
        }
        id = identity->id;
    }
    struct storage_message *message = hub_c2d_fresh_for(hub, link);
    struct hub_delivery *delivery = NULL;
    enum status status = STATUS_OK;
    if (message == NULL && !hub_c2d_has_all(hub, id, link)) {
        status = storage_message_next(hub->storage, id, hub_now_us(hub), arena, &message);
    }
    if (status == STATUS_OK && message != NULL) {
        status = deliver(hub, message, link, arena, &delivery);
    }
    if (status != STATUS_OK) {
        return hub_fail(hub, status, NULL);
    }
    *ret_delivery = delivery;
    return hub->failed ? HUB_SERVER_ERROR : HUB_OK;
}
