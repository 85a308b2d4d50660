/* SPDX-License-Identifier: MIT */
#include "net/sniff_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/log.h"
#include "net/net_internal.h"

enum { TLS_HANDSHAKE_RECORD = 0x16, TLS_MAJOR_VERSION = 0x03, MQTT_CONNECT = 0x10 };

enum sniffed sniff(struct str first)
{
    static const struct {
        const char *start;
        enum sniffed what;
    } starts[] = {
        {"GET ", SNIFFED_HTTP},     {"PUT ", SNIFFED_HTTP},     {"POST ", SNIFFED_HTTP},
        {"HEAD ", SNIFFED_HTTP},    {"PATCH ", SNIFFED_HTTP},   {"DELETE ", SNIFFED_HTTP},
        {"OPTIONS ", SNIFFED_HTTP}, {"CONNECT ", SNIFFED_HTTP}, {"PRI * HTTP/2", SNIFFED_HTTP},
        {"AMQP", SNIFFED_AMQP},     {"SSH-", SNIFFED_SSH},
    };
    const uint8_t *bytes = (const uint8_t *)first.data;
    if (first.size >= 1 && bytes[0] == TLS_HANDSHAKE_RECORD &&
        (first.size == 1 || bytes[1] == TLS_MAJOR_VERSION)) {
        return SNIFFED_TLS;
    }
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        if (str_starts(first, str_from(starts[i].start))) {
            return starts[i].what;
        }
    }
    /* CONNECT: the remaining length is one to four bytes, then "\0\4MQTT" (3.1.1, 5.0) or
     * "\0\6MQIsdp" (3.1). */
    for (size_t at = 2; first.size > 0 && bytes[0] == MQTT_CONNECT && at <= 5; at++) {
        const struct str rest = str_skip(first, at);
        if (rest.size >= 6 && rest.data[0] == 0 &&
            str_starts(str_skip(rest, 2), rest.data[1] == 4 ? STR("MQTT") : STR("MQIs"))) {
            return SNIFFED_MQTT;
        }
    }
    return SNIFFED_GARBAGE;
}

const char *sniffed_text(enum sniffed what)
{
    switch (what) {
    case SNIFFED_TLS:
        return "a TLS handshake";
    case SNIFFED_HTTP:
        return "a plain HTTP request";
    case SNIFFED_MQTT:
        return "a plain MQTT CONNECT";
    case SNIFFED_AMQP:
        return "a plain AMQP header";
    case SNIFFED_SSH:
        return "an SSH greeting";
    case SNIFFED_GARBAGE:
        break;
    }
    return "something unknown";
}

/* The start of the listeners' protocol names that such a peer is looking for. */
static const char *sought_protocol(enum sniffed what)
{
    switch (what) {
    case SNIFFED_HTTP:
        return "http";
    case SNIFFED_MQTT:
        return "mqtt";
    case SNIFFED_AMQP:
        return "amqp";
    case SNIFFED_TLS:
    case SNIFFED_SSH:
    case SNIFFED_GARBAGE:
        break;
    }
    return NULL;
}

static const struct net_listener *listener_for(const struct net *net, const char *protocol,
                                               bool tls)
{
    const struct net_listener *found = NULL;
    for (const struct net_listener *listener = net->listeners; listener != NULL;
         listener = listener->next) {
        if ((listener->tls != NULL) == tls &&
            str_starts(str_from(listener->protocol->name), str_from(protocol))) {
            found = listener; /* they are linked newest first: the oldest is the main one */
        }
    }
    return found;
}

/* Where somebody who speaks `what` in the clear should have gone. */
static void advise_plain(const struct net_conn *conn, enum sniffed what, char *out, size_t out_size)
{
    const char *sought = sought_protocol(what);
    const struct net_listener *here = conn->listener;
    if (sought == NULL) {
        snprintf(out, out_size, "port %u speaks %s over TLS", here->port, here->protocol->name);
    } else if (str_starts(str_from(here->protocol->name), str_from(sought))) {
        snprintf(out, out_size, "port %u is the right one, but it speaks TLS: use %ss://",
                 here->port, sought);
    } else {
        const struct net_listener *there = listener_for(conn->net, sought, true);
        if (there != NULL) {
            snprintf(out, out_size, "port %u speaks %s over TLS; for %ss:// use port %u",
                     here->port, here->protocol->name, sought, there->port);
        } else {
            snprintf(out, out_size, "port %u speaks %s over TLS", here->port, here->protocol->name);
        }
    }
}

static void first_bytes_hex(struct str bytes, char *out, size_t out_size)
{
    size_t at = 0;
    for (size_t i = 0; i < bytes.size && at + 3 < out_size; i++) {
        at += (size_t)snprintf(out + at, out_size - at, "%s%02x", i == 0 ? "" : " ",
                               (unsigned)(uint8_t)bytes.data[i]);
    }
}

void conn_stranger_refuse(struct net_conn *conn)
{
    const struct str bytes = buf_str(&conn->input);
    const enum sniffed what = sniff(bytes);
    char hex[3 * NET_STRANGER_SIZE + 1] = "";
    first_bytes_hex(bytes, hex, sizeof(hex));
    char advice[160];
    advise_plain(conn, what, advice, sizeof(advice));
    LOG_WARN("net", "conn=%" PRIu64 " peer=%s sent %s instead of TLS (first bytes: %s); %s",
             conn->id, conn->peer, sniffed_text(what), hex, advice);
    conn->net->figures.handshakes_failed++;
    conn_refuse(conn, conn->listener->protocol->plain_text_refusal);
}

void conn_stranger_read(struct net_conn *conn)
{
    char bytes[NET_STRANGER_SIZE];
    const ssize_t size = recv(conn->fd, bytes, sizeof(bytes) - conn->input.size, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size > 0) {
        buf_append(&conn->input, bytes, (size_t)size);
    }
    conn->peer_closed = size <= 0;
    if (size <= 0 || conn->input.size == sizeof(bytes) || buf_status(&conn->input) != STATUS_OK ||
        sniff(buf_str(&conn->input)) != SNIFFED_GARBAGE) {
        conn_stranger_refuse(conn);
    }
}

static void tls_on_plain_port(struct net_conn *conn)
{
    /* Its own protocol's TLS port, or any. */
    const char *protocol = conn->listener->protocol->name;
    const struct net_listener *there = listener_for(conn->net, protocol, true);
    if (there == NULL) {
        there = listener_for(conn->net, "", true);
    }
    char advice[96] = "";
    if (there != NULL) {
        snprintf(advice, sizeof(advice), "; TLS is spoken on port %u (%s)", there->port,
                 there->protocol->name);
    }
    LOG_WARN("net", "conn=%" PRIu64 " peer=%s began a TLS handshake, but port %u speaks plain %s%s",
             conn->id, conn->peer, conn->listener->port, protocol, advice);
    /* TLS libraries say "wrong version number" to that, which people know how to read. */
    conn_refuse(conn, "This port does not speak TLS.\r\n");
}

void conn_sniff(struct net_conn *conn)
{
    char first[2];
    const ssize_t size = recv(conn->fd, first, sizeof(first), MSG_PEEK);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size <= 0) { /* somebody who only looks whether the port is open */
        LOG_DEBUG("net", "conn=%" PRIu64 " peer=%s left without a word", conn->id, conn->peer);
        conn_destroy(conn);
        return;
    }
    const bool tls = sniff(str_of(first, (size_t)size)) == SNIFFED_TLS;
    if (conn->listener->tls == NULL) {
        if (tls && size == sizeof(first)) {
            tls_on_plain_port(conn);
        } else {
            conn_open(conn);
            conn_read(conn);
        }
    } else if (tls) {
        handshake_start(conn);
    } else {
        conn->state = CONN_STRANGER;
        conn_deadline_set(conn, DEADLINE_STRANGER);
        conn_stranger_read(conn);
    }
}
