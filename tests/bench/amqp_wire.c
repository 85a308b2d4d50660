/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "base/sas.h"
#include "tests/bench/amqp_value.h"
#include "tests/bench/load.h"

/*
 * As much AMQP 1.0 as a sender takes: SASL PLAIN, one session, one link; each message is one
 * unsettled transfer, whose disposition must say accepted and settle it. Dispositions must come in
 * the order of the transfers, as the hub takes them in that order.
 */
enum {
    MECHANISM_SIZE_MAX = 8,
    FRAME_SIZE_MAX = 8192, /* that we take */
    CHANNEL_MAX = 0,
    WINDOW = 1 << 20, /* of our session, for what the server sends: nothing */
    TAG_SIZE = 4,
    FIELDS_MAX = 16,
    PROTOCOL_HEADER = 8,
};

static const struct str sasl_header = {.data = "AMQP\3\1\0\0", .size = PROTOCOL_HEADER};
static const struct str amqp_header = {.data = "AMQP\0\1\0\0", .size = PROTOCOL_HEADER};

/* ---- greetings ---- */

/* "policy@sas.root.hub" or "device@sas.hub", and a token (service API reference, 6.2). */
static bool append_plain(struct connection *connection, struct buf *out)
{
    const struct load_config *config = connection->load->config;
    char id[LOAD_ID_SIZE];
    struct str hub;
    struct str domain;
    str_cut(config->hub, '.', &hub, &domain);
    CLEANUP(buf_finish) struct buf resource = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    buf_append_byte(out, '\0');
    if (config->policy.size > 0) {
        buf_append_format(out, "%.*s@sas.root.%.*s", STR_ARG(config->policy), STR_ARG(hub));
        buf_append_str(&resource, config->hub);
    } else {
        const struct str device = connection_id(connection, id);
        buf_append_format(out, "%.*s@sas.%.*s", STR_ARG(device), STR_ARG(hub));
        buf_append_format(&resource, "%.*s/devices/%.*s", STR_ARG(config->hub), STR_ARG(device));
    }
    buf_append_byte(out, '\0');
    return connection_sign(connection, out, buf_str(&resource), config->policy);
}

static bool begin(struct connection *connection)
{
    struct buf *out = &connection->output;
    CLEANUP(buf_finish) struct buf response = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    if (!append_plain(connection, &response)) {
        return false;
    }
    buf_append_str(out, sasl_header);
    const size_t frame = amqp_frame_begin(out, AMQP_TYPE_SASL);
    const size_t list = amqp_list_begin(out, AMQP_SASL_INIT, 2);
    amqp_put_symbol(out, STR("PLAIN"));
    amqp_put_binary(out, buf_str(&response));
    amqp_list_end(out, list);
    amqp_frame_end(out, frame);
    return true;
}

static void append_open(struct connection *connection)
{
    struct buf *out = &connection->output;
    char id[LOAD_ID_SIZE];
    const size_t frame = amqp_frame_begin(out, AMQP_TYPE_AMQP);
    const size_t list = amqp_list_begin(out, AMQP_OPEN, 4);
    amqp_put_string(out, connection_id(connection, id));
    amqp_put_string(out, connection->load->config->hub);
    amqp_put_uint(out, FRAME_SIZE_MAX);
    amqp_put_ushort(out, CHANNEL_MAX);
    amqp_list_end(out, list);
    amqp_frame_end(out, frame);
}

static void append_begin(struct connection *connection)
{
    struct buf *out = &connection->output;
    const size_t frame = amqp_frame_begin(out, AMQP_TYPE_AMQP);
    const size_t list = amqp_list_begin(out, AMQP_BEGIN, 4);
    amqp_put_null(out);    /* remote channel: we are first */
    amqp_put_uint(out, 0); /* next outgoing id: transfers count from 0 */
    amqp_put_uint(out, WINDOW);
    amqp_put_uint(out, WINDOW);
    amqp_list_end(out, list);
    amqp_frame_end(out, frame);
}

static void append_terminus(struct buf *out, enum amqp_descriptor kind, struct str address)
{
    const size_t list = amqp_list_begin(out, kind, 1);
    amqp_put_string(out, address);
    amqp_list_end(out, list);
}

static void append_attach(struct connection *connection)
{
    const struct load_config *config = connection->load->config;
    struct buf *out = &connection->output;
    char id[LOAD_ID_SIZE];
    CLEANUP(buf_finish) struct buf address = BUF_INIT(LOAD_ID_SIZE + 64);
    buf_append_format(&address, "/devices/%.*s/messages/events",
                      STR_ARG(connection_id(connection, id)));
    const size_t frame = amqp_frame_begin(out, AMQP_TYPE_AMQP);
    const size_t list = amqp_list_begin(out, AMQP_ATTACH, 10);
    amqp_put_string(out, STR("sender"));
    amqp_put_zero(out);           /* handle */
    amqp_put_boolean(out, false); /* role: sender */
    amqp_put_ubyte(out, 0);       /* sender settle mode: unsettled */
    amqp_put_ubyte(out, 0);       /* receiver settle mode: first */
    append_terminus(out, AMQP_SOURCE, str_from(id));
    append_terminus(out, AMQP_TARGET,
                    config->address.size > 0 ? config->address : buf_str(&address));
    amqp_put_null(out);    /* unsettled */
    amqp_put_null(out);    /* incomplete unsettled */
    amqp_put_uint(out, 0); /* initial delivery count */
    amqp_list_end(out, list);
    amqp_frame_end(out, frame);
}

static void append_closing(struct connection *connection, enum amqp_descriptor performative)
{
    struct buf *out = &connection->output;
    const size_t frame = amqp_frame_begin(out, AMQP_TYPE_AMQP);
    amqp_list_end(out, amqp_list_begin(out, performative, 0));
    amqp_frame_end(out, frame);
}

static void end(struct connection *connection)
{
    append_closing(connection, AMQP_CLOSE);
}

/* ---- the message ---- */

static void append_transfer(struct connection *connection)
{
    struct buf *out = &connection->message;
    const size_t list = amqp_list_begin(out, AMQP_TRANSFER, 6);
    amqp_put_zero(out);    /* handle */
    amqp_put_uint(out, 0); /* delivery id */
    connection->identifier_at = out->size - 4;
    amqp_put_binary(out, str_of("\0\0\0\0", TAG_SIZE));
    connection->tag_at = out->size - TAG_SIZE;
    amqp_put_uint(out, 0);        /* message format */
    amqp_put_boolean(out, false); /* settled */
    amqp_put_boolean(out, false); /* more */
    amqp_list_end(out, list);
    connection->identifier_at -= AMQP_LIST_SAVED;
    connection->tag_at -= AMQP_LIST_SAVED;
}

static bool prepare(struct connection *connection)
{
    const struct load_config *config = connection->load->config;
    struct buf *out = &connection->message;
    CLEANUP(buf_finish) struct buf body = BUF_INIT(LOAD_BODY_MAX);
    const size_t frame = amqp_frame_begin(out, AMQP_TYPE_AMQP);
    append_transfer(connection);
    if (config->to.size > 0) {
        const size_t list = amqp_list_begin(out, AMQP_PROPERTIES, 3);
        amqp_put_null(out); /* message id */
        amqp_put_null(out); /* user id */
        amqp_put_string(out, config->to);
        amqp_list_end(out, list);
    }
    const uint8_t data[] = {0x00, 0x53, AMQP_DATA};
    buf_append(out, data, sizeof(data));
    connection_append_body(connection, &body);
    amqp_put_binary(out, buf_str(&body));
    connection->sequence_at = out->size - body.size;
    amqp_frame_end(out, frame);
    return buf_status(&body) == STATUS_OK || connection_fail(connection, "out of memory", "");
}

static void number_transfer(struct connection *connection, uint64_t number)
{
    amqp_write_u32(connection->message.data + connection->identifier_at, (uint32_t)number);
    amqp_write_u32(connection->message.data + connection->tag_at, (uint32_t)number);
}

static uint64_t allowance(const struct connection *connection)
{
    const uint64_t end = connection->credit_end < connection->window_end ? connection->credit_end
                                                                         : connection->window_end;
    return end > connection->sent ? end - connection->sent : 0;
}

/* ---- what the server says ---- */

struct performative {
    uint64_t descriptor;
    struct amqp_value fields[FIELDS_MAX]; /* those that are missing are null */
};

static bool performative_read(struct str frame, struct performative *ret_performative)
{
    struct amqp_value list;
    if (!amqp_take(&frame, &list)) {
        return false;
    }
    ret_performative->descriptor = list.descriptor;
    for (uint32_t i = 0; i < FIELDS_MAX; i++) {
        ret_performative->fields[i] = (struct amqp_value){.code = 0x40};
        if (i < list.count && !amqp_take(&list.bytes, &ret_performative->fields[i])) {
            return false;
        }
    }
    return true;
}

/* An error's condition and description, in the words of the server. */
static bool refused(struct connection *connection, const char *what, struct amqp_value error)
{
    char why[400] = "without a reason";
    struct amqp_value condition = {.bytes = STR_EMPTY};
    struct amqp_value description = {.bytes = STR_EMPTY};
    if (error.count >= 1 && amqp_take(&error.bytes, &condition)) {
        if (error.count < 2 || !amqp_take(&error.bytes, &description)) {
            description.bytes = STR_EMPTY;
        }
        snprintf(why, sizeof(why), "%.*s: %.*s", STR_ARG(condition.bytes),
                 STR_ARG(description.bytes));
    }
    return connection_fail(connection, what, why);
}

static bool sasl_outcome(struct connection *connection, const struct performative *outcome)
{
    if (outcome->descriptor == AMQP_SASL_MECHANISMS) {
        return true;
    }
    if (outcome->descriptor != AMQP_SASL_OUTCOME || outcome->fields[0].number != 0) {
        return connection_fail(connection, "the server refuses the token", "");
    }
    buf_append_str(&connection->output, amqp_header);
    append_open(connection);
    append_begin(connection);
    append_attach(connection);
    return true;
}

/* Credit that counts from our first message; the window from our first transfer, which is it. */
static void flow(struct connection *connection, const struct amqp_value *fields)
{
    const uint64_t next_id = amqp_is_null(&fields[0]) ? 0 : fields[0].number;
    connection->window_end = next_id + fields[1].number;
    if (!amqp_is_null(&fields[4])) {
        connection->credit_end = fields[5].number + fields[6].number;
    }
    if (connection->state == CONNECTION_CONNECTING && allowance(connection) > 0) {
        connection_is_up(connection);
    }
}

static bool disposition(struct connection *connection, const struct amqp_value *fields,
                        int64_t now_us)
{
    const uint64_t first = fields[1].number;
    const uint64_t last = amqp_is_null(&fields[2]) ? first : fields[2].number;
    if (fields[4].descriptor != AMQP_ACCEPTED || fields[3].number != 1) {
        struct str outcome = fields[4].bytes;
        struct amqp_value error = {.count = 0};
        (void)amqp_take(&outcome, &error);
        return refused(connection, "a message is not accepted and settled", error);
    }
    for (uint64_t id = first; id <= last; id++) {
        if (connection->acknowledged == connection->sent || id != connection->acknowledged) {
            char why[96];
            snprintf(why, sizeof(why), "got %" PRIu64 ", the oldest unsettled is %" PRIu64, id,
                     connection->acknowledged);
            return connection_fail(connection, "a disposition out of order", why);
        }
        connection_acknowledge(connection, now_us);
    }
    return true;
}

static bool frame_take(struct connection *connection, uint8_t type, struct str body, int64_t now_us)
{
    struct performative performative;
    if (body.size == 0) {
        return true; /* a heartbeat */
    }
    if (!performative_read(body, &performative)) {
        return connection_fail(connection, "a frame that cannot be read", "");
    }
    if (type == AMQP_TYPE_SASL) {
        return sasl_outcome(connection, &performative);
    }
    const struct amqp_value *fields = performative.fields;
    switch (performative.descriptor) {
    case AMQP_OPEN:
        return amqp_is_null(&fields[2]) || fields[2].number >= connection->message.size ||
               connection_fail(connection, "the server takes smaller frames only", "");
    case AMQP_BEGIN:
        connection->window_end = fields[2].number;
        return true;
    case AMQP_ATTACH:
        return true;
    case AMQP_FLOW:
        flow(connection, fields);
        return true;
    case AMQP_DISPOSITION:
        return disposition(connection, fields, now_us);
    case AMQP_DETACH:
        return refused(connection, "the link is refused", fields[2]);
    case AMQP_END:
    case AMQP_CLOSE:
        return refused(connection, "the server closes", fields[0]);
    default:
        return connection_fail(connection, "a frame that nobody expects", "");
    }
}

static bool header_take(struct connection *connection, struct str header)
{
    const struct str expected = connection->amqp_began ? amqp_header : sasl_header;
    connection->amqp_began = true;
    return str_equal(header, expected) ||
           connection_fail(connection, "the server speaks another protocol", "");
}

static bool take(struct connection *connection, struct str input, int64_t now_us, size_t *ret_taken)
{
    while (input.size >= AMQP_FRAME_HEAD) {
        size_t size = AMQP_FRAME_HEAD;
        bool good = false;
        if (input.data[0] == 'A') {
            good = header_take(connection, str_of(input.data, PROTOCOL_HEADER));
        } else {
            size = amqp_read_u32(input.data);
            const size_t head = (size_t)4 * (uint8_t)input.data[4];
            if (head < AMQP_FRAME_HEAD || size < head || size > FRAME_SIZE_MAX) {
                return connection_fail(connection, "a frame of a wrong size", "");
            }
            if (size > input.size) {
                return true;
            }
            good = frame_take(connection, (uint8_t)input.data[5],
                              str_of(input.data + head, size - head), now_us);
        }
        if (!good) {
            return false;
        }
        *ret_taken += size;
        input = str_skip(input, size);
    }
    return true;
}

const struct load_protocol load_amqp = {
    .prepare = prepare,
    .begin = begin,
    .take = take,
    .allowance = allowance,
    .number = number_transfer,
    .end = end,
};
