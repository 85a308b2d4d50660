/* SPDX-License-Identifier: MIT */

/*
 * Reads all events of an Event Hubs-compatible endpoint from the first one on, as its SDKs do, and
 * measures how fast they come: one connection over TLS, no SASL, a token by $cbs, one receiver for
 * each partition, each delivery settled. This is a Proton client, proactor and all; only the
 * messages are not made into objects. In each partition the sequence numbers must count from 0
 * without a gap, and all together there must be as many events as were announced.
 *
 * Prints one line of JSON: the README beside this file explains it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/message.h>
#include <proton/proactor.h>
#include <proton/session.h>
#include <proton/ssl.h>
#include <proton/transport.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/sas.h"
#include "base/status.h"
#include "tests/bench/amqp_value.h"
#include "tests/bench/figures.h"

enum {
    PARTITIONS_MAX = 32,
    CREDIT = 2000, /* of each receiver, as much as the SDKs prefetch at most */
    EVENT_SIZE_MAX = 512 * 1024,
    TOKEN_LIFE_S = 3600,
    PATIENCE_MS = 20000,
    MESSAGE_ANNOTATIONS = 0x72,
};

static const char usage[] =
    "usage: events_read --port N --ca FILE --hub HOST --entity NAME --policy NAME --key BASE64\n"
    "                   --expect N [--partitions N] [--server-pid PID]\n";

struct settings {
    const char *ca_path, *hub, *entity, *policy, *key;
    uint64_t port, partitions, expected, server_pid;
};

struct reader {
    const struct settings *settings; /* borrowed */
    pn_connection_t *connection;     /* the proactor's */
    pn_link_t *cbs;                  /* the connection's */
    pn_link_t *links[PARTITIONS_MAX];
    uint64_t next[PARTITIONS_MAX]; /* sequence number */
    uint64_t events, bytes, seen_by_now;
    int64_t from_us, to_us;
    int64_t own_cpu_us, server_cpu_us; /* when the receivers were attached */
    struct buf message;
    bool over;
    struct problem problem;
};

static bool fail(struct reader *reader, const char *what, const char *why)
{
    if (!reader->over) {
        problem_set(&reader->problem, PROBLEM_NO_OFFSET, "%s%s%s", what, why == NULL ? "" : ": ",
                    why == NULL ? "" : why);
    }
    reader->over = true;
    return false;
}

/* ---- the token ---- */

static bool send_message(struct reader *reader, pn_link_t *link, pn_message_t *message)
{
    char *bytes = buf_room(&reader->message, SAS_TOKEN_SIZE_MAX);
    size_t size = SAS_TOKEN_SIZE_MAX;
    if (bytes == NULL || pn_message_encode(message, bytes, &size) != 0) {
        return fail(reader, "could not encode the token", NULL);
    }
    (void)pn_delivery(link, pn_dtag("token", 5));
    pn_link_send(link, bytes, size);
    pn_link_advance(link);
    return true;
}

static pn_bytes_t bytes_of(struct str text)
{
    return pn_bytes(text.size, text.data);
}

static void put_property(pn_data_t *map, const char *name, struct str value)
{
    pn_data_put_string(map, bytes_of(str_from(name)));
    pn_data_put_string(map, bytes_of(value));
}

static bool put_token(struct reader *reader, pn_link_t *link)
{
    const struct settings *settings = reader->settings;
    CLEANUP(buf_finish) struct buf audience = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    CLEANUP(buf_finish) struct buf token = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    buf_append_format(&audience, "sb://%s/%s", settings->hub, settings->entity);
    if (sas_sign(&token, buf_str(&audience), str_from(settings->key), str_from(settings->policy),
                 clock_now_us(&CLOCK_SYSTEM) / CLOCK_SECOND + TOKEN_LIFE_S) != STATUS_OK) {
        return fail(reader, "could not sign a token", "is --key base64?");
    }
    pn_message_t *message = pn_message();
    pn_message_set_address(message, "$cbs");
    pn_message_set_reply_to(message, "cbs");
    pn_data_put_string(pn_message_id(message), bytes_of(STR("1")));
    pn_data_t *map = pn_message_properties(message);
    pn_data_put_map(map);
    pn_data_enter(map);
    put_property(map, "operation", STR("put-token"));
    put_property(map, "type", STR("servicebus.windows.net:sastoken"));
    put_property(map, "name", buf_str(&audience));
    pn_data_exit(map);
    pn_data_put_string(pn_message_body(message), bytes_of(buf_str(&token)));
    const bool good = send_message(reader, link, message);
    pn_message_free(message);
    return good;
}

/* ---- the receivers ---- */

static void put_filter(pn_data_t *filter)
{
    static const char name[] = "apache.org:selector-filter:string";
    pn_data_put_map(filter);
    pn_data_enter(filter);
    pn_data_put_symbol(filter, bytes_of(str_from(name)));
    pn_data_put_described(filter);
    pn_data_enter(filter);
    pn_data_put_symbol(filter, bytes_of(str_from(name)));
    pn_data_put_string(filter, bytes_of(STR("amqp.annotation.x-opt-offset > '-1'")));
    pn_data_exit(filter);
    pn_data_exit(filter);
}

static void attach_receivers(struct reader *reader)
{
    const struct settings *settings = reader->settings;
    reader->from_us = clock_monotonic_us();
    reader->own_cpu_us = figures_own_cpu_us();
    reader->server_cpu_us = figures_process_cpu_us(settings->server_pid);
    for (uint64_t i = 0; i < settings->partitions; i++) {
        char address[256];
        char name[32];
        snprintf(address, sizeof(address), "%s/ConsumerGroups/$Default/Partitions/%" PRIu64,
                 settings->entity, i);
        snprintf(name, sizeof(name), "partition-%" PRIu64, i);
        pn_session_t *session = pn_session(reader->connection);
        pn_session_open(session);
        pn_link_t *link = pn_receiver(session, name);
        pn_terminus_set_address(pn_link_source(link), address);
        put_filter(pn_terminus_filter(pn_link_source(link)));
        reader->links[i] = link;
        pn_link_open(link);
        pn_link_flow(link, CREDIT);
    }
}

static bool token_answered(struct reader *reader, pn_delivery_t *delivery)
{
    char text[2048];
    const ssize_t size = pn_link_recv(pn_delivery_link(delivery), text, sizeof(text));
    pn_message_t *message = pn_message();
    bool good = size > 0 && pn_message_decode(message, text, (size_t)size) == 0;
    int64_t code = 0;
    pn_data_t *map = pn_message_properties(message);
    pn_data_rewind(map);
    if (good && pn_data_next(map) && pn_data_enter(map)) {
        while (pn_data_next(map)) {
            const pn_bytes_t name = pn_data_get_string(map);
            if (!pn_data_next(map)) {
                break;
            }
            if (str_equal(str_of(name.start, name.size), STR("status-code"))) {
                code = pn_data_get_int(map);
            }
        }
    }
    pn_message_free(message);
    pn_delivery_update(delivery, PN_ACCEPTED);
    pn_delivery_settle(delivery);
    good = good && code == 200;
    return good || fail(reader, "the token is refused", NULL);
}

/* ---- the events ---- */

/* x-opt-sequence-number of an encoded message; false when it has none. */
static bool sequence_of(struct str message, uint64_t *ret_sequence)
{
    struct amqp_value section;
    while (message.size > 0 && amqp_take(&message, &section)) {
        struct amqp_value name;
        struct amqp_value value;
        for (uint32_t i = 0; section.descriptor == MESSAGE_ANNOTATIONS && i + 1 < section.count;
             i += 2) {
            if (!amqp_take(&section.bytes, &name) || !amqp_take(&section.bytes, &value)) {
                return false;
            }
            if (str_equal(name.bytes, STR("x-opt-sequence-number"))) {
                *ret_sequence = value.number;
                return true;
            }
        }
    }
    return false;
}

static bool event_take(struct reader *reader, pn_link_t *link, pn_delivery_t *delivery)
{
    size_t partition = 0;
    while (partition < reader->settings->partitions && reader->links[partition] != link) {
        partition++;
    }
    const size_t pending = pn_delivery_pending(delivery);
    buf_clear(&reader->message);
    char *bytes = buf_room(&reader->message, pending);
    if (partition == reader->settings->partitions || bytes == NULL) {
        return fail(reader, "an event that nobody expects", NULL);
    }
    const ssize_t size = pn_link_recv(link, bytes, pending);
    uint64_t sequence = UINT64_MAX;
    if (size < 0 || !sequence_of(str_of(bytes, (size_t)size), &sequence) ||
        sequence != reader->next[partition]) {
        char why[96];
        snprintf(why, sizeof(why), "of partition %zu came %" PRIi64 ", not %" PRIu64, partition,
                 (int64_t)sequence, reader->next[partition]);
        return fail(reader, "a gap in the sequence numbers", why);
    }
    reader->next[partition]++;
    reader->events++;
    reader->bytes += (uint64_t)size;
    return true;
}

static void delivered(struct reader *reader, pn_delivery_t *delivery)
{
    pn_link_t *link = pn_delivery_link(delivery);
    if (!pn_delivery_readable(delivery) || pn_delivery_partial(delivery)) {
        return;
    }
    if (link == reader->cbs) {
        if (token_answered(reader, delivery)) {
            attach_receivers(reader);
        }
        return;
    }
    if (!event_take(reader, link, delivery)) {
        return;
    }
    pn_delivery_update(delivery, PN_ACCEPTED);
    pn_delivery_settle(delivery);
    const int credit = pn_link_credit(link);
    if (credit < CREDIT / 2) {
        pn_link_flow(link, CREDIT - credit);
    }
    if (reader->events == reader->settings->expected) {
        reader->to_us = clock_monotonic_us();
        reader->over = true;
    }
}

/* ---- the proactor ---- */

static void set_up(struct reader *reader)
{
    pn_session_t *session = pn_session(reader->connection);
    pn_connection_open(reader->connection);
    pn_session_open(session);
    pn_link_t *sender = pn_sender(session, "cbs-sender");
    pn_terminus_set_address(pn_link_target(sender), "$cbs");
    reader->cbs = pn_receiver(session, "cbs-receiver");
    pn_terminus_set_address(pn_link_source(reader->cbs), "$cbs");
    pn_link_open(reader->cbs);
    pn_link_open(sender);
    pn_link_flow(reader->cbs, 1);
    (void)put_token(reader, sender);
}

static void closed(struct reader *reader, const char *what, pn_condition_t *condition)
{
    char why[300] = "without a reason";
    if (condition != NULL && pn_condition_is_set(condition)) {
        const char *description = pn_condition_get_description(condition);
        snprintf(why, sizeof(why), "%s: %s", pn_condition_get_name(condition),
                 description == NULL ? "" : description);
    }
    (void)fail(reader, what, why);
}

static void event_handle(struct reader *reader, pn_event_t *event)
{
    const pn_event_type_t type = pn_event_type(event);
    if (type == PN_CONNECTION_INIT) {
        set_up(reader);
    } else if (type == PN_DELIVERY) {
        delivered(reader, pn_event_delivery(event));
    } else if (type == PN_LINK_REMOTE_CLOSE || type == PN_LINK_REMOTE_DETACH) {
        closed(reader, "a link is refused", pn_link_remote_condition(pn_event_link(event)));
    } else if (type == PN_CONNECTION_REMOTE_CLOSE) {
        closed(reader, "the server closes", pn_connection_remote_condition(reader->connection));
    } else if (type == PN_TRANSPORT_CLOSED) {
        closed(reader, "disconnected", pn_transport_condition(pn_event_transport(event)));
    }
}

/* Nothing came for so long: then nothing will. */
static void look_whether_stuck(struct reader *reader, pn_proactor_t *proactor)
{
    if (reader->events == reader->seen_by_now) {
        char why[96];
        snprintf(why, sizeof(why), "%" PRIu64 " of %" PRIu64 " came", reader->events,
                 reader->settings->expected);
        (void)fail(reader, "no more events", why);
        return;
    }
    reader->seen_by_now = reader->events;
    pn_proactor_set_timeout(proactor, PATIENCE_MS);
}

static void run(struct reader *reader, pn_proactor_t *proactor)
{
    pn_proactor_set_timeout(proactor, PATIENCE_MS);
    while (!reader->over) {
        pn_event_batch_t *batch = pn_proactor_wait(proactor);
        pn_event_t *event = NULL;
        while (!reader->over && (event = pn_event_batch_next(batch)) != NULL) {
            if (pn_event_type(event) == PN_PROACTOR_TIMEOUT) {
                look_whether_stuck(reader, proactor);
            } else {
                event_handle(reader, event);
            }
        }
        pn_proactor_done(proactor, batch);
    }
}

static bool connect_to(struct reader *reader, pn_proactor_t *proactor)
{
    const struct settings *settings = reader->settings;
    pn_ssl_domain_t *domain = pn_ssl_domain(PN_SSL_MODE_CLIENT);
    pn_transport_t *transport = pn_transport();
    pn_ssl_t *ssl = pn_ssl(transport);
    if (domain == NULL || pn_ssl_domain_set_trusted_ca_db(domain, settings->ca_path) != 0 ||
        pn_ssl_domain_set_peer_authentication(domain, PN_SSL_VERIFY_PEER_NAME, NULL) != 0 ||
        pn_ssl_init(ssl, domain, NULL) != 0 || pn_ssl_set_peer_hostname(ssl, "localhost") != 0) {
        pn_transport_free(transport);
        pn_ssl_domain_free(domain);
        return fail(reader, "could not set up TLS", settings->ca_path);
    }
    pn_ssl_domain_free(domain);
    reader->connection = pn_connection();
    pn_connection_set_container(reader->connection, "events_read");
    pn_connection_set_hostname(reader->connection, settings->hub);
    char address[32];
    snprintf(address, sizeof(address), "127.0.0.1:%" PRIu64, settings->port);
    pn_proactor_connect2(proactor, reader->connection, transport, address);
    return true;
}

static void report(const struct reader *reader)
{
    const double each = 1.0 / (double)reader->events;
    const double seconds = (double)(reader->to_us - reader->from_us) / (double)CLOCK_SECOND;
    printf("{\"events\":%" PRIu64 ",\"seconds\":%.3f,\"events_per_s\":%.0f,\"bytes_each\":%.0f,"
           "\"reader_cpu_us_per_event\":%.3f,\"server_cpu_us_per_event\":%.3f}\n",
           reader->events, seconds, (double)reader->events / seconds, (double)reader->bytes * each,
           (double)(figures_own_cpu_us() - reader->own_cpu_us) * each,
           (double)(figures_process_cpu_us(reader->settings->server_pid) - reader->server_cpu_us) *
               each);
}

/* ---- options ---- */

enum option_id {
    OPTION_PORT = 1,
    OPTION_EXPECT,
    OPTION_PARTITIONS,
    OPTION_SERVER_PID,
    OPTION_CA,
    OPTION_HUB,
    OPTION_ENTITY,
    OPTION_POLICY,
    OPTION_KEY,
};

static const struct option options[] = {
    {"port", required_argument, NULL, OPTION_PORT},
    {"expect", required_argument, NULL, OPTION_EXPECT},
    {"partitions", required_argument, NULL, OPTION_PARTITIONS},
    {"server-pid", required_argument, NULL, OPTION_SERVER_PID},
    {"ca", required_argument, NULL, OPTION_CA},
    {"hub", required_argument, NULL, OPTION_HUB},
    {"entity", required_argument, NULL, OPTION_ENTITY},
    {"policy", required_argument, NULL, OPTION_POLICY},
    {"key", required_argument, NULL, OPTION_KEY},
    {0},
};

static bool text_option(const char **place, const char *text)
{
    *place = text;
    return true;
}

static bool option_take(struct settings *settings, int id, const char *text)
{
    switch (id) {
    case OPTION_PORT:
        return figures_number("events_read", text, 1, UINT16_MAX, &settings->port);
    case OPTION_EXPECT:
        return figures_number("events_read", text, 1, UINT32_MAX, &settings->expected);
    case OPTION_PARTITIONS:
        return figures_number("events_read", text, 1, PARTITIONS_MAX, &settings->partitions);
    case OPTION_SERVER_PID:
        return figures_number("events_read", text, 1, INT32_MAX, &settings->server_pid);
    case OPTION_CA:
        return text_option(&settings->ca_path, text);
    case OPTION_HUB:
        return text_option(&settings->hub, text);
    case OPTION_ENTITY:
        return text_option(&settings->entity, text);
    case OPTION_POLICY:
        return text_option(&settings->policy, text);
    case OPTION_KEY:
        return text_option(&settings->key, text);
    default:
        return false;
    }
}

static bool options_read(int argc, char **argv, struct settings *settings)
{
    int id = 0;
    while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (!option_take(settings, id, optarg)) {
            return false;
        }
    }
    return optind == argc && settings->port != 0 && settings->expected != 0 &&
           settings->ca_path != NULL && settings->hub != NULL && settings->entity != NULL &&
           settings->policy != NULL && settings->key != NULL;
}

int main(int argc, char **argv)
{
    struct settings settings = {.partitions = 4};
    if (!options_read(argc, argv, &settings)) {
        fputs(usage, stderr);
        return 2;
    }
    struct reader reader = {.settings = &settings, .message = BUF_INIT(EVENT_SIZE_MAX)};
    pn_proactor_t *proactor = pn_proactor();
    if (connect_to(&reader, proactor)) {
        run(&reader, proactor);
    }
    const bool good = reader.events == settings.expected && reader.problem.text[0] == '\0';
    if (good) {
        report(&reader);
    } else {
        fprintf(stderr, "events_read: %s\n", reader.problem.text);
    }
    pn_proactor_free(proactor);
    buf_finish(&reader.message);
    return good ? 0 : 1;
}
