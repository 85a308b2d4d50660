/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sas.h"
#include "tests/bench/load.h"

enum {
    CONNECT_HEAD = 0x10,
    CONNACK_HEAD = 0x20,
    PUBLISH_QOS_1_HEAD = 0x32,
    PUBACK_HEAD = 0x40,
    DISCONNECT_HEAD = 0xe0,

    CLEAN_SESSION = 0x02,
    WITH_USER_AND_PASSWORD = 0xc0,
    KEEP_ALIVE_S = 1100,
    ACKNOWLEDGEMENT_SIZE = 4, /* CONNACK and PUBACK, all that a server sends us */
    IDENTIFIERS = 65535,      /* 0 is none */

    SEQUENCE_DIGITS = 16,
    ID_SIZE = 64,
    TOKEN_LIFE_S = 3600,
    CONNECT_MAX = 16 * 1024,
    OUTPUT_MAX = LOAD_WINDOW_MAX * (LOAD_BODY_MAX + 256),
};

static bool fail(struct connection *connection, const char *what, const char *why)
{
    problem_set(&connection->load->problem, PROBLEM_NO_OFFSET, "connection %u: %s%s%s",
                connection->number, what, why[0] == '\0' ? "" : ": ", why);
    return false;
}

static bool fail_tls(struct connection *connection, const char *what)
{
    const int error_number = errno;
    const unsigned long error = ERR_peek_error();
    if (error != 0) {
        const char *reason = ERR_reason_error_string(error);
        return fail(connection, what, reason == NULL ? "a TLS error" : reason);
    }
    return fail(connection, what,
                error_number == 0 ? "closed by the server" : strerror(error_number));
}

/* ---- packets ---- */

static void append_u16(struct buf *out, size_t value)
{
    buf_append_byte(out, (uint8_t)(value >> 8));
    buf_append_byte(out, (uint8_t)value);
}

static void append_text(struct buf *out, struct str text)
{
    append_u16(out, text.size);
    buf_append_str(out, text);
}

static void append_packet(struct buf *out, uint8_t head, struct str rest)
{
    buf_append_byte(out, head);
    size_t left = rest.size;
    do {
        buf_append_byte(out, (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0)));
        left >>= 7;
    } while (left > 0);
    buf_append_str(out, rest);
}

static struct str id_of(const struct connection *connection, char out[ID_SIZE])
{
    const int size = snprintf(out, ID_SIZE, "%.*s%04u",
                              STR_ARG(connection->load->config->id_prefix), connection->number);
    return str_of(out, size < ID_SIZE ? (size_t)size : ID_SIZE - 1);
}

static enum status append_credentials(struct buf *out, const struct load_config *config,
                                      struct str id)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    buf_append_format(&text, "%.*s/%.*s/?api-version=2021-04-12", STR_ARG(config->hub),
                      STR_ARG(id));
    append_text(out, buf_str(&text));

    CLEANUP(buf_finish) struct buf resource = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    buf_append_format(&resource, "%.*s/devices/%.*s", STR_ARG(config->hub), STR_ARG(id));
    buf_clear(&text);
    const enum status status = sas_sign(&text, buf_str(&resource), config->key, STR_EMPTY,
                                        clock_now_us(&CLOCK_SYSTEM) / CLOCK_SECOND + TOKEN_LIFE_S);
    append_text(out, buf_str(&text));
    return status;
}

static bool queue_connect(struct connection *connection)
{
    const struct load_config *config = connection->load->config;
    CLEANUP(buf_finish) struct buf rest = BUF_INIT(CONNECT_MAX);
    char id[ID_SIZE];
    append_text(&rest, STR("MQTT"));
    buf_append_byte(&rest, 4);
    buf_append_byte(&rest,
                    config->hub.size > 0 ? CLEAN_SESSION | WITH_USER_AND_PASSWORD : CLEAN_SESSION);
    append_u16(&rest, KEEP_ALIVE_S);
    append_text(&rest, id_of(connection, id));
    if (config->hub.size > 0 && append_credentials(&rest, config, str_from(id)) != STATUS_OK) {
        return fail(connection, "could not sign a token", "is --key base64?");
    }
    append_packet(&connection->output, CONNECT_HEAD, buf_str(&rest));
    return buf_status(&connection->output) == STATUS_OK || fail(connection, "out of memory", "");
}

/* A payload of JSON-like text: a sequence number, when there is room for one, and letters. */
static bool publish_prepare(struct connection *connection)
{
    const size_t body_size = connection->load->config->body_size;
    CLEANUP(buf_finish) struct buf rest = BUF_INIT(LOAD_BODY_MAX + ID_SIZE + 64);
    CLEANUP(buf_finish) struct buf topic = BUF_INIT(ID_SIZE + 64);
    char id[ID_SIZE];
    const struct str name = id_of(connection, id);
    buf_append_format(&topic, "devices/%.*s/messages/events/", STR_ARG(name));
    append_text(&rest, buf_str(&topic));
    const size_t identifier_at = rest.size;
    append_u16(&rest, 0);
    for (size_t i = 0; i < body_size; i++) {
        buf_append_byte(&rest, (uint8_t)('a' + i % 26));
    }
    buf_init(&connection->publish, LOAD_BODY_MAX + ID_SIZE + 64);
    append_packet(&connection->publish, PUBLISH_QOS_1_HEAD, buf_str(&rest));
    if (buf_status(&rest) != STATUS_OK || buf_status(&connection->publish) != STATUS_OK) {
        return fail(connection, "out of memory", "");
    }
    connection->identifier_at = connection->publish.size - rest.size + identifier_at;
    connection->sequence_at = connection->identifier_at + 2;
    return true;
}

static size_t identifier_of(uint64_t number)
{
    return (size_t)(number % IDENTIFIERS) + 1;
}

static void publish_fill_in(struct connection *connection, uint64_t number)
{
    char *packet = connection->publish.data;
    const size_t identifier = identifier_of(number);
    packet[connection->identifier_at] = (char)(identifier >> 8);
    packet[connection->identifier_at + 1] = (char)(identifier & 0xff);
    if (connection->load->config->body_size >= SEQUENCE_DIGITS) {
        for (size_t i = SEQUENCE_DIGITS; i > 0; i--, number /= 10) {
            packet[connection->sequence_at + i - 1] = (char)('0' + number % 10);
        }
    }
}

/* ---- writing ---- */

static bool arm(struct connection *connection, bool wants_write)
{
    if (connection->wants_write == wants_write) {
        return true;
    }
    connection->wants_write = wants_write;
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0U),
                                .data.ptr = connection};
    return epoll_ctl(connection->load->epoll, EPOLL_CTL_MOD, connection->fd, &event) == 0 ||
           fail(connection, "epoll", strerror(errno));
}

/* One TLS write takes all of the output or, per record, one PUBLISH of it. */
static bool flush(struct connection *connection)
{
    struct buf *output = &connection->output;
    const bool one_by_one =
        connection->load->config->per_record && connection->state == CONNECTION_CONNECTED;
    size_t written = 0;
    while (written < output->size) {
        size_t size = output->size - written;
        if (one_by_one && size > connection->publish.size) {
            const size_t begun = size % connection->publish.size;
            size = begun > 0 ? begun : connection->publish.size;
        }
        size_t taken = 0;
        ERR_clear_error();
        errno = 0;
        const int rc = SSL_write_ex(connection->ssl, output->data + written, size, &taken);
        if (rc != 1) {
            if (SSL_get_error(connection->ssl, rc) != SSL_ERROR_WANT_WRITE) {
                return fail_tls(connection, "could not write");
            }
            break;
        }
        written += taken;
    }
    buf_consume(output, written);
    return arm(connection, output->size > 0);
}

bool connection_publish(struct connection *connection, int64_t now_us, uint64_t more_max)
{
    const uint64_t window = connection->load->config->window;
    if (connection->sent - connection->acknowledged == window) {
        return true;
    }
    for (uint64_t i = 0; i < more_max && connection->sent - connection->acknowledged < window;
         i++) {
        publish_fill_in(connection, connection->sent);
        buf_append_str(&connection->output, buf_str(&connection->publish));
        connection->sent_us[connection->sent % window] = now_us;
        connection->sent++;
        connection->load->sent++;
    }
    if (buf_status(&connection->output) != STATUS_OK) {
        return fail(connection, "out of memory", "");
    }
    return flush(connection);
}

/* ---- reading ---- */

static bool connack(struct connection *connection, const uint8_t *packet)
{
    if (connection->state != CONNECTION_CONNECTING) {
        return fail(connection, "a second CONNACK", "");
    }
    if (packet[3] != 0) {
        char code[16];
        snprintf(code, sizeof(code), "code %u", packet[3]);
        return fail(connection, "the server refuses the connection", code);
    }
    connection->state = CONNECTION_CONNECTED;
    connection->load->connected++;
    return true;
}

static bool puback(struct connection *connection, const uint8_t *packet, int64_t now_us)
{
    struct load *load = connection->load;
    const size_t identifier = (size_t)packet[2] << 8 | packet[3];
    const uint64_t number = connection->acknowledged;
    if (number == connection->sent || identifier != identifier_of(number)) {
        char why[96];
        snprintf(why, sizeof(why), "got %zu, the oldest unacknowledged of %" PRIu64 " is %zu",
                 identifier, connection->sent - number, identifier_of(number));
        return fail(connection, "a PUBACK out of order", why);
    }
    if (load->measuring) {
        latency_add(&load->latency, now_us - connection->sent_us[number % load->config->window]);
    }
    connection->acknowledged++;
    load->acknowledged++;
    return true;
}

static bool packets_take(struct connection *connection, int64_t now_us)
{
    size_t taken = 0;
    bool good = true;
    while (good && connection->input_size - taken >= ACKNOWLEDGEMENT_SIZE) {
        const uint8_t *packet = connection->input + taken;
        taken += ACKNOWLEDGEMENT_SIZE;
        if (packet[0] == PUBACK_HEAD && packet[1] == 2) {
            good = puback(connection, packet, now_us);
        } else if (packet[0] == CONNACK_HEAD && packet[1] == 2) {
            good = connack(connection, packet);
        } else {
            good = fail(connection, "the server sends something else than CONNACK and PUBACK", "");
        }
    }
    connection->input_size -= taken;
    memmove(connection->input, connection->input + taken, connection->input_size);
    return good;
}

/* Reads what is there, to the end: OpenSSL may hold records that no poll would tell of. */
static bool drain(struct connection *connection)
{
    bool more = true;
    while (more) {
        size_t size = 0;
        ERR_clear_error();
        errno = 0;
        const int rc = SSL_read_ex(connection->ssl, connection->input + connection->input_size,
                                   sizeof(connection->input) - connection->input_size, &size);
        if (rc != 1) {
            return SSL_get_error(connection->ssl, rc) == SSL_ERROR_WANT_READ ||
                   fail_tls(connection, "could not read");
        }
        more = SSL_has_pending(connection->ssl) == 1;
        connection->input_size += size;
        if (!packets_take(connection, clock_monotonic_us())) {
            return false;
        }
    }
    return true;
}

/* ---- from socket to DISCONNECT ---- */

static bool dial(struct connection *connection)
{
    const struct load_config *config = connection->load->config;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(config->port)};
    if (inet_pton(AF_INET, config->host, &address.sin_addr) != 1) {
        return fail(connection, config->host, "not an IPv4 address");
    }
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) {
        return fail(connection, "socket", strerror(errno));
    }
    const int on = 1;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0 &&
        errno != EINPROGRESS) {
        return fail(connection, "connect", strerror(errno));
    }
    return true;
}

bool connection_start(struct load *load, struct connection *connection, unsigned number)
{
    connection->load = load;
    connection->number = number;
    connection->fd = -1;
    connection->state = CONNECTION_HANDSHAKE;
    buf_init(&connection->output, OUTPUT_MAX);
    if (!publish_prepare(connection) || !dial(connection)) {
        return false;
    }
    connection->ssl = SSL_new(load->tls);
    if (connection->ssl == NULL || SSL_set_fd(connection->ssl, connection->fd) != 1 ||
        SSL_set_tlsext_host_name(connection->ssl, load->config->name) != 1 ||
        SSL_set1_host(connection->ssl, load->config->name) != 1) {
        return fail_tls(connection, "could not set up TLS");
    }
    SSL_set_connect_state(connection->ssl);
    connection->wants_write = true;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = connection};
    return epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) == 0 ||
           fail(connection, "epoll", strerror(errno));
}

static bool handshake(struct connection *connection)
{
    ERR_clear_error();
    errno = 0;
    const int rc = SSL_do_handshake(connection->ssl);
    if (rc != 1) {
        switch (SSL_get_error(connection->ssl, rc)) {
        case SSL_ERROR_WANT_READ:
            return arm(connection, false);
        case SSL_ERROR_WANT_WRITE:
            return arm(connection, true);
        default:
            return fail_tls(connection, "TLS handshake");
        }
    }
    connection->state = CONNECTION_CONNECTING;
    return queue_connect(connection) && flush(connection);
}

bool connection_ready(struct connection *connection)
{
    if (connection->state == CONNECTION_HANDSHAKE) {
        return handshake(connection);
    }
    if (!drain(connection)) {
        return false;
    }
    if (connection->load->publishing &&
        !connection_publish(connection, clock_monotonic_us(), UINT64_MAX)) {
        return false;
    }
    return !connection->wants_write || flush(connection);
}

void connection_finish(struct connection *connection)
{
    if (connection->state == CONNECTION_CONNECTED) {
        append_packet(&connection->output, DISCONNECT_HEAD, STR_EMPTY);
        (void)flush(connection); /* a courtesy: nobody is left to tell */
        SSL_shutdown(connection->ssl);
    }
    if (connection->state != CONNECTION_CLOSED) {
        SSL_free(connection->ssl);
        if (connection->fd >= 0) {
            close(connection->fd);
        }
        buf_finish(&connection->output);
        buf_finish(&connection->publish);
        connection->state = CONNECTION_CLOSED;
    }
}
