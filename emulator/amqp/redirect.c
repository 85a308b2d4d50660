/* SPDX-License-Identifier: MIT */
/*
 * Event readers that start at the IoT hub's own addresses are sent to the event hub (service
 * reference, 7.6): here another address of the same host, which Azure keeps on another one.
 */
#include <inttypes.h>

#include "amqp/event_hub.h"
#include "amqp/kinds_internal.h"
#include "amqp/limits.h"

enum { AMQPS_PORT = 5671 };

struct destination {
    struct str host;
    uint16_t port;
    struct buf address;
};

static uint16_t port_in(struct str text, uint16_t otherwise)
{
    uint64_t port = 0;
    const bool good = str_to_u64(text, &port) && port > 0 && port <= UINT16_MAX;
    return good ? (uint16_t)port : otherwise;
}

/* "127.0.0.1:5671", "[::1]:5671" */
static uint16_t local_port(const struct amqp_link *link)
{
    const struct str local = net_conn_local(link->conn->net);
    size_t at = local.size;
    while (at > 0 && local.data[at - 1] != ':') {
        at--;
    }
    return port_in(str_skip(local, at), AMQPS_PORT);
}

/* The name by which the client came, which its certificates and connection strings are for, and the
 * port it knows: the one that it names, or the one it came to. */
static void find_host(const struct amqp_link *link, struct destination *destination)
{
    const char *opened = pn_connection_remote_hostname(link->conn->engine);
    struct str port;
    (void)str_cut(str_from(opened == NULL ? "" : opened), ':', &destination->host, &port);
    if (destination->host.size == 0) {
        destination->host = hub_host(amqp_link_hub(link));
    }
    destination->port = port_in(port, local_port(link));
}

static void put_symbol(pn_data_t *map, struct str key)
{
    pn_data_put_symbol(map, pn_bytes(key.size, key.data));
}

static void put_string(pn_data_t *map, struct str text)
{
    pn_data_put_string(map, pn_bytes(text.size, text.data));
}

static void put_info(void *ctx, pn_data_t *map)
{
    const struct destination *destination = ctx;
    put_symbol(map, STR("hostname"));
    put_string(map, destination->host);
    put_symbol(map, STR("network-host"));
    put_string(map, destination->host);
    put_symbol(map, STR("port"));
    pn_data_put_int(map, destination->port);
    put_symbol(map, STR("address"));
    put_string(map, buf_str(&destination->address));
}

/* With the port: Azure IoT Explorer looks for one. */
static void begin_destination(const struct amqp_link *link, struct destination *destination)
{
    *destination = (struct destination){.address = BUF_INIT(AMQP_ADDRESS_SIZE_MAX * 2)};
    find_host(link, destination);
    buf_append_str(&destination->address, STR("amqps://"));
    buf_append_str(&destination->address, destination->host);
    buf_append_format(&destination->address, ":%" PRIu16 "/", destination->port);
    buf_append_str(&destination->address, hub_name(amqp_link_hub(link)));
}

static enum hub_code send_there(struct amqp_link *link, struct destination *destination)
{
    const struct amqp_error error = {
        .condition = "amqp:link:redirect",
        .description = "events are read from the event hub at the address in the info",
        .info = put_info,
        .ctx = destination,
    };
    const enum status status = buf_status(&destination->address);
    if (status == STATUS_OK) {
        amqp_link_detach(link, &error);
    }
    buf_finish(&destination->address);
    return status == STATUS_OK ? HUB_OK : HUB_SERVER_ERROR;
}

static enum hub_code attach_management(struct amqp_link *link, struct problem *problem)
{
    struct destination destination;
    (void)problem;
    begin_destination(link, &destination);
    buf_append_str(&destination.address, STR("/$management"));
    return send_there(link, &destination);
}

static enum hub_code attach_partition(struct amqp_link *link, struct problem *problem)
{
    struct destination destination;
    (void)problem;
    begin_destination(link, &destination);
    buf_append_str(&destination.address, STR("/ConsumerGroups/"));
    buf_append_str(&destination.address, link->address.parts[0]);
    buf_append_str(&destination.address, STR("/Partitions/"));
    buf_append_str(&destination.address, link->address.parts[1]);
    return send_there(link, &destination);
}

const struct amqp_link_kind amqp_kind_redirected_management = {
    .name = "redirected management",
    .pattern = "messages/events/$management",
    .direction = AMQP_TO_PEER,
    .right = AMQP_READ_EVENTS,
    .attach = attach_management,
};

const struct amqp_link_kind amqp_kind_redirected_management_requests = {
    .name = "redirected management requests",
    .pattern = "messages/events/$management",
    .direction = AMQP_FROM_PEER,
    .right = AMQP_READ_EVENTS,
    .message_size_max = AMQP_REQUEST_SIZE_MAX,
    .attach = attach_management,
};

const struct amqp_link_kind amqp_kind_redirected_events = {
    .name = "redirected events",
    .pattern = "messages/events/ConsumerGroups/{}/Partitions/{}",
    .direction = AMQP_TO_PEER,
    .right = AMQP_READ_EVENTS,
    .attach = attach_partition,
};
