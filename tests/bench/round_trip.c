/* SPDX-License-Identifier: MIT */

/*
 * One message after the other from a sender to a receiver through one server, over TLS: the time
 * from handing a message to TLS until the receiver has it. The next is sent when the last has
 * arrived and is acknowledged. The sender speaks MQTT, as any client of a broker, or AMQP, as a
 * service that talks to a device; the receiver is an MQTT client.
 *
 * Prints one line of JSON: the README beside this file explains it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "tests/bench/figures.h"
#include "tests/bench/load.h"

enum { SECONDS_MAX = 3600, WAIT_S_MAX = 20 };

static const char usage[] =
    "usage: round_trip --port N --ca FILE --filter TOPIC (--topic TOPIC | --amqp-port N --to "
    "ADDRESS)\n"
    "                  [OPTION...]\n"
    "  --port N            MQTT over TLS, on 127.0.0.1\n"
    "  --filter TOPIC      what the receiver subscribes to\n"
    "  --topic TOPIC       publish to it by MQTT, or ...\n"
    "  --amqp-port N       ... send to /messages/devicebound by AMQP\n"
    "  --to ADDRESS        whom that is for\n"
    "  --name NAME         what the certificate is for (localhost)\n"
    "  --hub HOST          the receiver is a device of this hub ...\n"
    "  --key BASE64        ... with this key\n"
    "  --device ID         its id, less four digits, which are 0000 (bench-)\n"
    "  --policy NAME       AMQP: connect with this policy ...\n"
    "  --policy-key BASE64 ... and its key\n"
    "  --bytes N           payload (256)\n"
    "  --warm-up S         seconds that are not measured (1)\n"
    "  --seconds S         seconds that are (5)\n"
    "  --server-pid PID    also measure the CPU time of this process\n";

struct settings {
    struct load_config receiver, sender;
    uint64_t port, amqp_port;
};

enum option_id {
    OPTION_PORT = 1,
    OPTION_AMQP_PORT,
    OPTION_CA,
    OPTION_FILTER,
    OPTION_TOPIC,
    OPTION_TO,
    OPTION_NAME,
    OPTION_HUB,
    OPTION_KEY,
    OPTION_DEVICE,
    OPTION_POLICY,
    OPTION_POLICY_KEY,
    OPTION_BYTES,
    OPTION_WARM_UP,
    OPTION_SECONDS,
    OPTION_SERVER_PID,
};

static const struct option options[] = {
    {"port", required_argument, NULL, OPTION_PORT},
    {"amqp-port", required_argument, NULL, OPTION_AMQP_PORT},
    {"ca", required_argument, NULL, OPTION_CA},
    {"filter", required_argument, NULL, OPTION_FILTER},
    {"topic", required_argument, NULL, OPTION_TOPIC},
    {"to", required_argument, NULL, OPTION_TO},
    {"name", required_argument, NULL, OPTION_NAME},
    {"hub", required_argument, NULL, OPTION_HUB},
    {"key", required_argument, NULL, OPTION_KEY},
    {"device", required_argument, NULL, OPTION_DEVICE},
    {"policy", required_argument, NULL, OPTION_POLICY},
    {"policy-key", required_argument, NULL, OPTION_POLICY_KEY},
    {"bytes", required_argument, NULL, OPTION_BYTES},
    {"warm-up", required_argument, NULL, OPTION_WARM_UP},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"server-pid", required_argument, NULL, OPTION_SERVER_PID},
    {0},
};

static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
    return figures_number("round_trip", text, min, max, ret_value);
}

static bool number_option(struct settings *settings, int id, const char *text)
{
    switch (id) {
    case OPTION_PORT:
        return number(text, 1, UINT16_MAX, &settings->port);
    case OPTION_AMQP_PORT:
        return number(text, 1, UINT16_MAX, &settings->amqp_port);
    case OPTION_BYTES:
        return number(text, 0, LOAD_BODY_MAX, &settings->sender.body_size);
    case OPTION_WARM_UP:
        return number(text, 0, SECONDS_MAX, &settings->sender.warm_up_s);
    case OPTION_SECONDS:
        return number(text, 1, SECONDS_MAX, &settings->sender.seconds);
    case OPTION_SERVER_PID:
        return number(text, 1, INT32_MAX, &settings->sender.server_pid);
    default:
        return false;
    }
}

static bool option_take(struct settings *settings, int id, const char *text)
{
    struct str *place = NULL;
    switch (id) {
    case OPTION_CA:
        settings->receiver.ca_path = settings->sender.ca_path = text;
        return true;
    case OPTION_NAME: {
        const int size =
            snprintf(settings->receiver.name, sizeof(settings->receiver.name), "%s", text);
        snprintf(settings->sender.name, sizeof(settings->sender.name), "%s", text);
        return size < (int)sizeof(settings->receiver.name);
    }
    case OPTION_HUB:
        settings->receiver.hub = settings->sender.hub = str_from(text);
        return true;
    case OPTION_FILTER:
        place = &settings->receiver.filter;
        break;
    case OPTION_TOPIC:
        place = &settings->sender.topic;
        break;
    case OPTION_TO:
        place = &settings->sender.to;
        break;
    case OPTION_KEY:
        place = &settings->receiver.key;
        break;
    case OPTION_DEVICE:
        place = &settings->receiver.id_prefix;
        break;
    case OPTION_POLICY:
        place = &settings->sender.policy;
        break;
    case OPTION_POLICY_KEY:
        place = &settings->sender.key;
        break;
    default:
        return number_option(settings, id, text);
    }
    *place = str_from(text);
    return true;
}

static bool options_read(int argc, char **argv, struct settings *settings)
{
    int id = 0;
    while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (!option_take(settings, id, optarg)) {
            return false;
        }
    }
    settings->receiver.port = (uint16_t)settings->port;
    settings->sender.port =
        (uint16_t)(settings->amqp_port > 0 ? settings->amqp_port : settings->port);
    return optind == argc && settings->port != 0 && settings->sender.ca_path != NULL &&
           settings->receiver.filter.size > 0 &&
           (settings->amqp_port > 0) != (settings->sender.topic.size > 0) &&
           (settings->amqp_port > 0) == (settings->sender.to.size > 0);
}

/* ---- the run ---- */

/* The sender and the receiver have each a load of their own, as each has its settings. */
struct ends {
    struct load sender, receiver;
    struct connection from, to;
    struct latency latency;
    uint64_t measured;
    bool measuring;
};

static bool fail(struct ends *ends, const char *why)
{
    problem_set(&ends->sender.problem, PROBLEM_NO_OFFSET, "%s", why);
    return false;
}

static const char *reason(const struct ends *ends)
{
    return ends->sender.problem.text[0] != '\0' ? ends->sender.problem.text
                                                : ends->receiver.problem.text;
}

/* The two share a descriptor for waiting, the receiver's. */
static bool wait_for(struct ends *ends, const uint64_t *figure, uint64_t wanted, const char *what)
{
    const int64_t until_us = clock_monotonic_us() + WAIT_S_MAX * CLOCK_SECOND;
    while (*figure < wanted) {
        if (!load_poll(&ends->receiver, until_us)) {
            return false;
        }
        if (clock_monotonic_us() > until_us) {
            return fail(ends, what);
        }
    }
    return true;
}

static bool there_and_back(struct ends *ends)
{
    const uint64_t count = ends->sender.sent + 1;
    const int64_t from_us = clock_monotonic_us();
    if (!connection_publish(&ends->from, from_us, 1)) {
        return false;
    }
    if (ends->sender.sent != count) { /* no credit: it is the server's to give */
        return load_poll(&ends->receiver, from_us + CLOCK_SECOND);
    }
    if (!wait_for(ends, &ends->receiver.received, count, "a message was lost")) {
        return false;
    }
    if (ends->measuring) {
        latency_add(&ends->latency, clock_monotonic_us() - from_us);
        ends->measured++;
    }
    if (ends->receiver.received != count) {
        return fail(ends, "a message came twice");
    }
    return wait_for(ends, &ends->sender.acknowledged, count, "a message was not acknowledged");
}

static bool run_for(struct ends *ends, uint64_t seconds)
{
    const int64_t until_us = clock_monotonic_us() + (int64_t)seconds * CLOCK_SECOND;
    while (clock_monotonic_us() < until_us) {
        if (!there_and_back(ends)) {
            return false;
        }
    }
    return true;
}

static void report(const struct ends *ends, int64_t took_us, int64_t server_cpu_us)
{
    const double each = ends->measured == 0 ? 0 : 1.0 / (double)ends->measured;
    printf("{\"messages\":%" PRIu64 ",\"messages_per_s\":%.0f,\"p50_us\":%" PRIu64
           ",\"p99_us\":%" PRIu64 ",\"server_cpu_us_per_message\":%.2f,\"sent_total\":%" PRIu64
           ",\"tls\":\"%s %s\"}\n",
           ends->measured, (double)ends->measured * (double)CLOCK_SECOND / (double)took_us,
           latency_percentile_us(&ends->latency, 0.50), latency_percentile_us(&ends->latency, 0.99),
           (double)server_cpu_us * each, ends->sender.sent, SSL_get_version(ends->from.ssl),
           SSL_get_cipher_name(ends->from.ssl));
}

static bool run(struct ends *ends, struct settings *settings)
{
    if (!load_open(&ends->receiver, &settings->receiver) ||
        !connection_start(&ends->receiver, &ends->to, 0, &load_mqtt_receiver) ||
        !wait_for(ends, &ends->receiver.connected, 1, "the receiver could not subscribe")) {
        return false;
    }
    ends->sender.config = &settings->sender;
    ends->sender.tls = ends->receiver.tls;
    ends->sender.epoll = ends->receiver.epoll;
    if (!connection_start(&ends->sender, &ends->from, 1,
                          settings->amqp_port > 0 ? &load_amqp : &load_mqtt) ||
        !wait_for(ends, &ends->sender.connected, 1, "the sender could not connect") ||
        !run_for(ends, settings->sender.warm_up_s)) {
        return false;
    }
    ends->measuring = true;
    const int64_t from_us = clock_monotonic_us();
    const int64_t cpu_us = figures_process_cpu_us(settings->sender.server_pid);
    if (!run_for(ends, settings->sender.seconds)) {
        return false;
    }
    if (ends->measured == 0) {
        return fail(ends, "no message was sent");
    }
    report(ends, clock_monotonic_us() - from_us,
           figures_process_cpu_us(settings->sender.server_pid) - cpu_us);
    return true;
}

int main(int argc, char **argv)
{
    const struct load_config defaults = {.host = "127.0.0.1",
                                         .name = "localhost",
                                         .id_prefix = STR("bench-"),
                                         .address = STR("/messages/devicebound"),
                                         .connections = 1,
                                         .window = 1,
                                         .body_size = 256,
                                         .warm_up_s = 1,
                                         .seconds = 5};
    struct settings settings = {.receiver = defaults, .sender = defaults};
    settings.sender.id_prefix = STR("sender-");
    if (!options_read(argc, argv, &settings)) {
        fputs(usage, stderr);
        return 2;
    }
    struct ends *ends = mem_zalloc(sizeof(*ends));
    if (ends == NULL) {
        return 1;
    }
    const bool good = run(ends, &settings);
    if (!good) {
        fprintf(stderr, "round_trip: %s\n", reason(ends));
    }
    connection_finish(&ends->from);
    connection_finish(&ends->to);
    load_close(&ends->receiver);
    mem_free(ends);
    return good ? 0 : 1;
}
