/* SPDX-License-Identifier: MIT */
#include "amqp/incoming.h"

#include "amqp/conditions.h"
#include "amqp/limits.h"
#include "amqp/value.h"
#include "base/alloc.h"

/* Twice as many would pass the window that Proton announces. */
#define TRANSFERS_MAX (UINT32_C(1) << 30)
#define HANDLES_MAX   (AMQP_LINKS_MAX + AMQP_LINKS_ENDED_MAX)

enum { DISPOSITION = 0x15, ACCEPTED = 0x24, REJECTED = 0x25, HEAD_SIZE = 8 };

/* A session of the peer's. */
struct amqp_channel {
    struct list link;    /* conn->channels */
    struct list handles; /* struct handle */
    struct list due;     /* conn->channels_due: it has outcomes to say */
    uint16_t remote, local;
    bool local_known;
    bool accepted;        /* first to last are, and are not said yet */
    uint32_t first, last; /* delivery ids */
    uint32_t transfers;
    struct buf outcomes; /* dispositions; their channel is filled in when they leave */
};

struct handle {
    struct list link;
    uint64_t key; /* channel and handle, in conn->handles */
    struct amqp_channel *channel;
    struct amqp_link *of; /* NULL: it was refused or has ended */
};

static uint64_t key_of(uint16_t channel, uint32_t handle)
{
    return (uint64_t)channel << 32 | handle;
}

static struct str key_bytes(const uint64_t *key)
{
    return str_of(key, sizeof(*key));
}

/* ---- sessions and handles ---- */

static struct amqp_channel *channel_find(const struct amqp_conn *conn, uint16_t remote)
{
    for (struct list *at = conn->channels.next; at != &conn->channels; at = at->next) {
        struct amqp_channel *channel = LIST_ENTRY(at, struct amqp_channel, link);
        if (channel->remote == remote) {
            return channel;
        }
    }
    return NULL;
}

static struct amqp_channel *channel_get(struct amqp_conn *conn, uint16_t remote)
{
    struct amqp_channel *channel = channel_find(conn, remote);
    if (channel != NULL) {
        return channel;
    }
    channel = mem_zalloc(sizeof(*channel));
    if (channel != NULL) {
        channel->remote = remote;
        list_init(&channel->handles);
        list_init(&channel->due);
        buf_init(&channel->outcomes, AMQP_OUTPUT_SIZE_MAX);
        list_append(&conn->channels, &channel->link);
    }
    return channel;
}

static void handle_free(struct amqp_conn *conn, struct handle *handle)
{
    (void)map_remove(&conn->handles, key_bytes(&handle->key));
    if (handle->of != NULL) {
        handle->of->handle = NULL;
    }
    list_remove(&handle->link);
    mem_free(handle);
}

static void channel_free(struct amqp_conn *conn, struct amqp_channel *channel)
{
    while (!list_empty(&channel->handles)) {
        handle_free(conn, LIST_ENTRY(channel->handles.next, struct handle, link));
    }
    list_remove(&channel->link);
    list_remove(&channel->due);
    buf_finish(&channel->outcomes);
    mem_free(channel);
}

void amqp_incoming_finish(struct amqp_conn *conn)
{
    while (!list_empty(&conn->channels)) {
        channel_free(conn, LIST_ENTRY(conn->channels.next, struct amqp_channel, link));
    }
    map_finish(&conn->handles);
}

/* Of the attach that the engine has now. */
static struct handle *handle_get(struct amqp_conn *conn)
{
    const uint64_t key = key_of(conn->frame.channel, conn->frame.transfer.handle);
    struct handle *handle = map_get(&conn->handles, key_bytes(&key));
    struct amqp_channel *channel = channel_get(conn, conn->frame.channel);
    if (handle != NULL || channel == NULL) {
        return handle;
    }
    handle = mem_zalloc(sizeof(*handle));
    if (handle == NULL) {
        return NULL;
    }
    handle->key = key;
    handle->channel = channel;
    list_append(&channel->handles, &handle->link);
    if (map_put(&conn->handles, key_bytes(&handle->key), handle, NULL) != STATUS_OK) {
        list_remove(&handle->link);
        mem_free(handle);
        return NULL;
    }
    return handle;
}

bool amqp_incoming_bind(struct amqp_link *link)
{
    struct handle *handle = handle_get(link->conn);
    if (handle == NULL) {
        return false;
    }
    if (handle->of != NULL) { /* the peer gave one handle twice */
        handle->of->handle = NULL;
    }
    handle->of = link;
    link->handle = handle;
    return true;
}

void amqp_incoming_over(struct amqp_link *link)
{
    link->conn->partial_size -= link->partial.size;
    buf_finish(&link->partial);
    if (link->handle != NULL) {
        link->handle->of = NULL;
        link->handle = NULL;
    }
}

bool amqp_incoming_is_special(const struct frame *frame)
{
    return frame->code == FRAME_ATTACH || frame->code == FRAME_DETACH || frame->code == FRAME_END;
}

void amqp_incoming_after(struct amqp_conn *conn, const struct frame *frame)
{
    const uint64_t key = key_of(frame->channel, frame->transfer.handle);
    struct handle *handle = map_get(&conn->handles, key_bytes(&key));
    struct amqp_channel *channel = channel_find(conn, frame->channel);
    if (frame->code == FRAME_ATTACH && !conn->closing && handle_get(conn) == NULL) {
        amqp_engine_refuse(conn, HUB_SERVER_ERROR, "out of memory");
    } else if (conn->handles.count > HANDLES_MAX) {
        amqp_engine_refuse(conn, HUB_MAX_CBS_TOKEN_EXCEEDED,
                           "more handles are in use than there may be links");
    } else if (frame->code == FRAME_DETACH && handle != NULL) {
        handle_free(conn, handle);
    } else if (frame->code == FRAME_END && channel != NULL) {
        channel_free(conn, channel);
    }
}

/* ---- outcomes ---- */

/* A disposition up to its state; its size and channel come later. */
static size_t begin_disposition(struct buf *out, uint32_t first, uint32_t last,
                                struct amqp_open *ret_list)
{
    const size_t start = out->size;
    const struct amqp_value values[] = {
        amqp_boolean(true),                                    /* the receiver's */
        amqp_uint(first), amqp_uint(last), amqp_boolean(true), /* settled */
    };
    buf_append(out, "\0\0\0\0\2\0\0\0", HEAD_SIZE);
    amqp_append_descriptor(out, DISPOSITION);
    *ret_list = amqp_open_list(out);
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        amqp_append(out, &values[i]);
    }
    return start;
}

static void end_disposition(struct buf *out, size_t start, struct amqp_open list)
{
    amqp_append_null(out); /* batchable */
    amqp_close(out, list, 6);
    const size_t size = out->size - start;
    if (buf_status(out) == STATUS_OK) {
        out->data[start] = (char)(size >> 24);
        out->data[start + 1] = (char)(size >> 16);
        out->data[start + 2] = (char)(size >> 8);
        out->data[start + 3] = (char)size;
    }
}

static void say_accepted(struct amqp_channel *channel)
{
    if (!channel->accepted) {
        return;
    }
    struct amqp_open list;
    const size_t start =
        begin_disposition(&channel->outcomes, channel->first, channel->last, &list);
    amqp_append_descriptor(&channel->outcomes, ACCEPTED);
    amqp_close(&channel->outcomes, amqp_open_list(&channel->outcomes), 0);
    end_disposition(&channel->outcomes, start, list);
    channel->accepted = false;
}

static void set_due(struct amqp_conn *conn, struct amqp_channel *channel)
{
    if (list_empty(&channel->due)) {
        list_append(&conn->channels_due, &channel->due);
    }
}

static void accept(struct amqp_channel *channel, uint32_t id)
{
    if (channel->accepted && id == channel->last + 1) {
        channel->last = id;
        return;
    }
    say_accepted(channel);
    channel->accepted = true;
    channel->first = id;
    channel->last = id;
}

static void reject(struct amqp_link *link, uint32_t id, enum hub_code code, const char *why)
{
    struct buf *out = &link->handle->channel->outcomes;
    say_accepted(link->handle->channel);
    struct amqp_open list;
    const size_t start = begin_disposition(out, id, id, &list);
    amqp_append_descriptor(out, REJECTED);
    const struct amqp_open state = amqp_open_list(out);
    amqp_error_list_append(out, link->conn->hub, code, why, &link->conn->endpoint->text);
    amqp_close(out, state, 1);
    end_disposition(out, start, list);
}

/* Fills in the channel. */
static void address(struct amqp_channel *channel)
{
    char *bytes = channel->outcomes.data;
    for (size_t at = 0; at < channel->outcomes.size;) {
        const uint8_t *head = (const uint8_t *)bytes + at;
        bytes[at + 6] = (char)(channel->local >> 8);
        bytes[at + 7] = (char)channel->local;
        at +=
            (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | (size_t)head[3];
    }
}

void amqp_incoming_flush(struct amqp_conn *conn)
{
    for (struct list *at = conn->channels_due.next; at != &conn->channels_due;) {
        struct amqp_channel *channel = LIST_ENTRY(at, struct amqp_channel, due);
        at = at->next;
        say_accepted(channel);
        if (buf_status(&channel->outcomes) != STATUS_OK) {
            amqp_conn_end(conn, "out of memory");
            return;
        }
        if (channel->local_known) { /* else its begin has not left yet */
            address(channel);
            buf_append_str(net_conn_output(conn->net), buf_str(&channel->outcomes));
            buf_clear(&channel->outcomes);
            list_remove(&channel->due);
        }
    }
}

/* begin's first field is the channel that it answers. */
static void note_begin(struct amqp_conn *conn, struct str frame)
{
    struct amqp_reader reader;
    struct amqp_value value;
    amqp_reader_init(&reader, str_skip(frame, HEAD_SIZE), NULL);
    if (!amqp_read(&reader, &value) || value.type != AMQP_DESCRIBED) {
        return;
    }
    struct amqp_reader inside = amqp_reader_inside(&value);
    if (!amqp_read(&inside, &value) || value.u != FRAME_BEGIN || !amqp_read(&inside, &value) ||
        value.type != AMQP_LIST) {
        return;
    }
    struct amqp_reader fields = amqp_reader_inside(&value);
    if (!amqp_read(&fields, &value) || value.type != AMQP_USHORT) {
        return;
    }
    struct amqp_channel *channel = channel_get(conn, (uint16_t)value.u);
    if (channel != NULL) {
        channel->local = (uint16_t)((uint8_t)frame.data[6] << 8 | (uint8_t)frame.data[7]);
        channel->local_known = true;
    }
}

void amqp_incoming_note_output(struct amqp_conn *conn, struct str bytes)
{
    enum { CODE_AT = HEAD_SIZE + 2 };
    if (str_starts(bytes, STR("AMQP"))) { /* the protocol's header */
        bytes = str_skip(bytes, HEAD_SIZE);
    }
    while (bytes.size > CODE_AT) {
        const uint8_t *head = (const uint8_t *)bytes.data;
        const size_t size =
            (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | (size_t)head[3];
        if (size < HEAD_SIZE || size > bytes.size) {
            return;
        }
        if (head[CODE_AT] == FRAME_BEGIN) {
            note_begin(conn, str_of(bytes.data, size));
        }
        bytes = str_skip(bytes, size);
    }
}

/* ---- transfers ---- */

void amqp_incoming_supply(struct amqp_link *link)
{
    const int left = link->credit;
    if (link->kind->direction == AMQP_FROM_PEER && left <= link->kind->credit / 2) {
        pn_link_flow(link->engine, link->kind->credit - left);
        link->credit = link->kind->credit;
    }
}

static void drop_partial(struct amqp_link *link)
{
    link->conn->partial_size -= link->partial.size;
    buf_finish(&link->partial);
}

static void conclude(struct amqp_link *link, enum hub_code code, const char *why)
{
    const struct amqp_incoming_delivery *delivery = &link->delivery;
    drop_partial(link);
    if (code != HUB_OK) {
        const struct identity_key key = {.device = link->address.device,
                                         .module = link->address.module};
        amqp_conn_note_refused(link->conn, key, code, why);
    }
    if (!delivery->settled) {
        set_due(link->conn, link->handle->channel);
        if (code == HUB_OK) {
            accept(link->handle->channel, delivery->id);
        } else {
            reject(link, delivery->id, code, why);
        }
    }
    amqp_incoming_supply(link);
}

static void deliver(struct amqp_link *link, struct str message)
{
    struct problem problem; /* half a kilobyte, which no message needs cleared */
    problem.text[0] = '\0';
    const struct amqp_delivery whole = {
        .message = message,
        .format = link->delivery.format,
        .tag = str_of(link->delivery.tag, link->delivery.tag_size),
        .settled = link->delivery.settled,
    };
    const enum hub_code code = link->kind->delivery(link, &whole, &problem);
    if (!link->over) { /* the kind may have ended it */
        conclude(link, code, problem.text);
    }
}

static void too_large(struct amqp_link *link)
{
    struct problem why;
    problem_set(&why, PROBLEM_NO_OFFSET, "the message has more than %zu bytes as it is encoded",
                link->kind->message_size_max);
    conclude(link, HUB_MESSAGE_TOO_LARGE, why.text);
}

/* The first frame of a delivery says what it is. False: the link or connection is over for it. */
static bool begin_delivery(struct amqp_link *link, const struct frame_transfer *transfer)
{
    struct amqp_incoming_delivery *delivery = &link->delivery;
    if (link->credit == 0) {
        const struct amqp_error error = {
            .condition = "amqp:link:transfer-limit-exceeded",
            .description = "a message came without credit for it",
        };
        amqp_conn_note_refused(link->conn, amqp_nobody, HUB_INVALID_OPERATION, error.description);
        amqp_link_detach(link, &error);
        return false;
    }
    if (!transfer->has_id || transfer->tag.size > sizeof(delivery->tag)) {
        amqp_engine_refuse(link->conn, HUB_FORMAT_ERROR,
                           "the first frame of a message came without a delivery-id, or with a "
                           "tag of more than 32 bytes");
        return false;
    }
    link->credit--;
    delivery->id = transfer->id;
    delivery->format = transfer->format;
    delivery->settled = false;
    delivery->tag_size = (uint8_t)transfer->tag.size;
    if (transfer->tag.size > 0) {
        memcpy(delivery->tag, transfer->tag.data, transfer->tag.size);
    }
    return true;
}

/* One more piece of a message. */
static void gather(struct amqp_link *link, const struct frame_transfer *transfer)
{
    const size_t before = link->partial.size;
    if (before == 0) {
        buf_init(&link->partial, link->kind->message_size_max);
    }
    buf_append_str(&link->partial, transfer->payload);
    link->conn->partial_size += link->partial.size - before;
    link->delivery.under_way = transfer->more;
    const enum status status = buf_status(&link->partial);
    if (status != STATUS_OK) {
        link->delivery.refused = transfer->more;
        if (status == STATUS_LIMIT) {
            too_large(link);
        } else {
            conclude(link, HUB_SERVER_ERROR, "out of memory");
        }
    } else if (link->conn->partial_size > AMQP_PARTIAL_SIZE_MAX) {
        link->delivery.refused = transfer->more;
        conclude(link, HUB_MAX_CBS_TOKEN_EXCEEDED,
                 "too many messages of this connection are under way at once");
    } else if (!transfer->more) {
        deliver(link, buf_str(&link->partial));
    }
}

static void take_transfer(struct amqp_link *link, const struct frame_transfer *transfer)
{
    struct amqp_incoming_delivery *delivery = &link->delivery;
    const bool first = !delivery->under_way;
    if (first && !begin_delivery(link, transfer)) {
        return;
    }
    delivery->settled = delivery->settled || transfer->settled;
    if (transfer->aborted || delivery->refused) { /* it was none, or was refused before */
        delivery->under_way = transfer->more && !transfer->aborted;
        delivery->refused = delivery->refused && delivery->under_way;
        drop_partial(link);
        amqp_incoming_supply(link);
    } else if (!first || transfer->more) {
        gather(link, transfer);
    } else if (transfer->payload.size > link->kind->message_size_max) {
        too_large(link);
    } else {
        deliver(link, transfer->payload);
    }
}

bool amqp_incoming_transfer(struct amqp_conn *conn, const struct frame *frame)
{
    const uint64_t key = key_of(frame->channel, frame->transfer.handle);
    struct handle *handle = map_get(&conn->handles, key_bytes(&key));
    if (handle == NULL) {
        return false;
    }
    amqp_conn_touch(conn);
    conn->heard = true;
    if (++handle->channel->transfers == TRANSFERS_MAX) {
        const struct amqp_error error = {
            .condition = "amqp:connection:forced",
            .description = "the session has had as many messages as it can count; connect again",
        };
        amqp_engine_close(conn, &error);
    } else if (handle->of != NULL && handle->of->kind->direction != AMQP_FROM_PEER) {
        amqp_engine_refuse(conn, HUB_INVALID_OPERATION,
                           "a message came on a link whose messages go the other way");
    } else if (handle->of != NULL) {
        take_transfer(handle->of, &frame->transfer);
    }
    return true;
}
