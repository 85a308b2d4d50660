/* SPDX-License-Identifier: MIT */
#include <proton/message.h>

#include "base/url.h"
#include "clients/messaging/message_internal.h"

static pn_bytes_t bytes_of(const char *text)
{
    return pn_bytes(text == NULL ? 0 : strlen(text), text);
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void free_message(pn_message_t **message)
{
    pn_message_free(*message);
}

/* What pn_message_encode() needs cannot be asked for: it is tried with twice as much each time. */
static enum status append(pn_message_t *message, size_t size, struct buf *out)
{
    for (;; size *= 2) {
        char *room = buf_room(out, size);
        size_t used = size;
        if (room == NULL) {
            return buf_status(out);
        }
        const int failed = pn_message_encode(message, room, &used);
        if (failed == 0) {
            buf_grown(out, used);
            return STATUS_OK;
        }
        if (failed != PN_OVERFLOW) {
            return STATUS_NO_MEMORY;
        }
    }
}

static void put_pair(pn_data_t *map, const char *name, const char *value)
{
    pn_data_put_string(map, bytes_of(name));
    pn_data_put_string(map, bytes_of(value));
}

/* ---- To a device ---- */

static const char *ack_text(enum iothub_ack ack)
{
    switch (ack) {
    case IOTHUB_ACK_NONE:
        return "none";
    case IOTHUB_ACK_POSITIVE:
        return "positive";
    case IOTHUB_ACK_NEGATIVE:
        return "negative";
    case IOTHUB_ACK_FULL:
        return "full";
    }
    return "none";
}

/* Encoded as Node and .NET do: the hub tries the id as it is written first, and decodes it then. */
static enum status append_to(const struct iothub_c2d_message *message, struct buf *to)
{
    buf_append_str(to, STR("/devices/"));
    url_encode_append(to, str_from(message->device_id));
    if (is_given(message->module_id)) {
        buf_append_str(to, STR("/modules/"));
        url_encode_append(to, str_from(message->module_id));
    }
    buf_append_str(to, STR("/messages/devicebound"));
    return buf_status(to);
}

static enum status check(const struct iothub_c2d_message *message, struct problem *problem)
{
    if (!is_given(message->device_id)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the message names no device");
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < message->property_count; i++) {
        if (!is_given(message->properties[i].name)) {
            problem_set(problem, PROBLEM_NO_OFFSET, "property %zu of the message has no name", i);
            return STATUS_INVALID;
        }
    }
    return STATUS_OK;
}

static void set_properties(pn_message_t *to, const struct iothub_c2d_message *from)
{
    if (is_given(from->message_id)) {
        pn_message_set_id(to,
                          (pn_atom_t){.type = PN_STRING, .u.as_bytes = bytes_of(from->message_id)});
    }
    if (is_given(from->correlation_id)) {
        const pn_atom_t id = {.type = PN_STRING, .u.as_bytes = bytes_of(from->correlation_id)};
        pn_message_set_correlation_id(to, id);
    }
    if (is_given(from->user_id)) {
        (void)pn_message_set_user_id(to, bytes_of(from->user_id));
    }
    if (is_given(from->content_type)) {
        (void)pn_message_set_content_type(to, from->content_type);
    }
    if (is_given(from->content_encoding)) {
        (void)pn_message_set_content_encoding(to, from->content_encoding);
    }
    if (from->expiry_ms != 0) {
        (void)pn_message_set_expiry_time(to, from->expiry_ms);
    }
}

static void set_application(pn_message_t *to, const struct iothub_c2d_message *from)
{
    pn_data_t *map = pn_message_properties(to);
    pn_data_put_map(map);
    pn_data_enter(map);
    put_pair(map, "iothub-ack", ack_text(from->ack));
    for (size_t i = 0; i < from->property_count; i++) {
        put_pair(map, from->properties[i].name, from->properties[i].value);
    }
    pn_data_exit(map);
}

enum status message_write_device(const struct iothub_c2d_message *message, struct buf *out,
                                 struct problem *problem)
{
    enum { TO_SIZE_MAX = 4096, EXTRA = 1024 };
    enum status status = check(message, problem);
    struct buf to CLEANUP(buf_finish) = BUF_INIT(TO_SIZE_MAX);
    pn_message_t *made CLEANUP(free_message) = pn_message();
    if (status == STATUS_OK) {
        status = made == NULL ? STATUS_NO_MEMORY : append_to(message, &to);
    }
    if (status != STATUS_OK) {
        return status;
    }
    (void)pn_message_set_inferred(made, true); /* binary means a data section */
    (void)pn_message_set_address(made, to.data);
    set_properties(made, message);
    set_application(made, message);
    pn_data_put_binary(pn_message_body(made), pn_bytes(message->body_size, message->body));
    return append(made, message->body_size + EXTRA, out);
}

/* ---- Requests ---- */

enum status message_write_request(const struct message_request *request, struct buf *out)
{
    enum { SIZE = 8192 };
    pn_message_t *made CLEANUP(free_message) = pn_message();
    if (made == NULL) {
        return STATUS_NO_MEMORY;
    }
    pn_message_set_id(made, (pn_atom_t){.type = PN_STRING, .u.as_bytes = bytes_of(request->id)});
    (void)pn_message_set_reply_to(made, request->reply_to);
    pn_data_t *map = pn_message_properties(made);
    pn_data_put_map(map);
    pn_data_enter(map);
    for (size_t i = 0; i < MESSAGE_PAIRS_MAX && request->pairs[i].name != NULL; i++) {
        put_pair(map, request->pairs[i].name, request->pairs[i].value);
    }
    pn_data_exit(map);
    pn_data_put_string(pn_message_body(made), bytes_of(request->body));
    return append(made, SIZE, out);
}
