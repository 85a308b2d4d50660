/* SPDX-License-Identifier: MIT */

/*
 * Puts telemetry on a server over TLS, by MQTT or AMQP, and measures how fast it is acknowledged.
 * One thread, so that on a small machine the server keeps a core to itself. Every acknowledgement
 * must come in the order of the messages, and every message must be acknowledged in the end; else
 * the run fails.
 *
 * Prints one line of JSON for people and scripts: the README beside this file explains it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "tests/bench/figures.h"
#include "tests/bench/load.h"

enum {
    CONNECTIONS_MAX = 9999,
    HANDSHAKES_AT_ONCE = 32, /* less than any server's backlog */
    SECONDS_MAX = 3600,
    RATE_MAX = 1000000,
    PACE_US = 1000, /* how often a paced run looks what is due */
    SETUP_S_MAX = 60,
    DRAIN_S_MAX = 20,
};

static const char usage[] =
    "usage: telemetry_load --port N --ca FILE [OPTION...]\n"
    "  --protocol NAME     mqtt or amqp (mqtt)\n"
    "  --host ADDRESS      where the server listens (127.0.0.1)\n"
    "  --name NAME         what its certificate is for (localhost)\n"
    "  --connections N     (50)\n"
    "  --window N          messages in flight on each connection (1)\n"
    "  --rate N            messages a second, all connections together (as the windows "
    "allow)\n"
    "  --per-record        one TLS record for each message, not one for all that may be sent\n"
    "  --bytes N           payload (256)\n"
    "  --warm-up S         seconds that are not measured (1)\n"
    "  --seconds S         seconds that are (5)\n"
    "  --id-prefix TEXT    client ids are this and four digits from 0000 (bench-)\n"
    "  --hub HOST          connect as devices of this hub ...\n"
    "  --key BASE64        ... which all have this key; without --hub no user name is sent\n"
    "  --server-pid PID    also measure the CPU time of this process\n"
    "  --hold S            only connect, and stay for so long\n";

/* ---- options ---- */

enum option_id {
    OPTION_PROTOCOL = 1,
    OPTION_HOST,
    OPTION_NAME,
    OPTION_PORT,
    OPTION_CA,
    OPTION_CONNECTIONS,
    OPTION_WINDOW,
    OPTION_RATE,
    OPTION_PER_RECORD,
    OPTION_BYTES,
    OPTION_WARM_UP,
    OPTION_SECONDS,
    OPTION_ID_PREFIX,
    OPTION_HUB,
    OPTION_KEY,
    OPTION_SERVER_PID,
    OPTION_HOLD,
};

static const struct option options[] = {
    {"protocol", required_argument, NULL, OPTION_PROTOCOL},
    {"host", required_argument, NULL, OPTION_HOST},
    {"name", required_argument, NULL, OPTION_NAME},
    {"port", required_argument, NULL, OPTION_PORT},
    {"ca", required_argument, NULL, OPTION_CA},
    {"connections", required_argument, NULL, OPTION_CONNECTIONS},
    {"window", required_argument, NULL, OPTION_WINDOW},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"per-record", no_argument, NULL, OPTION_PER_RECORD},
    {"bytes", required_argument, NULL, OPTION_BYTES},
    {"warm-up", required_argument, NULL, OPTION_WARM_UP},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"id-prefix", required_argument, NULL, OPTION_ID_PREFIX},
    {"hub", required_argument, NULL, OPTION_HUB},
    {"key", required_argument, NULL, OPTION_KEY},
    {"server-pid", required_argument, NULL, OPTION_SERVER_PID},
    {"hold", required_argument, NULL, OPTION_HOLD},
    {0},
};

static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
    return figures_number("telemetry_load", text, min, max, ret_value);
}

static bool number_option(struct load_config *config, enum option_id id, const char *text)
{
    uint64_t port = 0;
    switch ((int)id) {
    case OPTION_PORT:
        if (!number(text, 1, UINT16_MAX, &port)) {
            return false;
        }
        config->port = (uint16_t)port;
        return true;
    case OPTION_CONNECTIONS:
        return number(text, 1, CONNECTIONS_MAX, &config->connections);
    case OPTION_WINDOW:
        return number(text, 1, LOAD_WINDOW_MAX, &config->window);
    case OPTION_RATE:
        return number(text, 1, RATE_MAX, &config->rate);
    case OPTION_BYTES:
        return number(text, 0, LOAD_BODY_MAX, &config->body_size);
    case OPTION_WARM_UP:
        return number(text, 0, SECONDS_MAX, &config->warm_up_s);
    case OPTION_SECONDS:
        return number(text, 1, SECONDS_MAX, &config->seconds);
    case OPTION_SERVER_PID:
        return number(text, 1, INT32_MAX, &config->server_pid);
    case OPTION_HOLD:
        return number(text, 1, SECONDS_MAX, &config->hold_s);
    default:
        return false;
    }
}

static bool protocol_option(const char *text, const struct load_protocol **ret_protocol)
{
    if (strcmp(text, "mqtt") != 0 && strcmp(text, "amqp") != 0) {
        fprintf(stderr, "telemetry_load: there is no protocol '%s'\n", text);
        return false;
    }
    *ret_protocol = text[0] == 'm' ? &load_mqtt : &load_amqp;
    return true;
}

static bool option_take(struct load_config *config, int id, const char *text,
                        const struct load_protocol **protocol)
{
    switch (id) {
    case OPTION_PROTOCOL:
        return protocol_option(text, protocol);
    case OPTION_HOST:
        config->host = text;
        return true;
    case OPTION_NAME:
        return snprintf(config->name, sizeof(config->name), "%s", text) < (int)sizeof(config->name);
    case OPTION_CA:
        config->ca_path = text;
        return true;
    case OPTION_PER_RECORD:
        config->per_record = true;
        return true;
    case OPTION_ID_PREFIX:
        config->id_prefix = str_from(text);
        return true;
    case OPTION_HUB:
        config->hub = str_from(text);
        return true;
    case OPTION_KEY:
        config->key = str_from(text);
        return true;
    default:
        return number_option(config, (enum option_id)id, text);
    }
}

static bool options_read(int argc, char **argv, struct load_config *config,
                         const struct load_protocol **protocol)
{
    int id = 0;
    while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (!option_take(config, id, optarg, protocol)) {
            return false;
        }
    }
    return optind == argc && config->port != 0 && config->ca_path != NULL &&
           (config->hub.size == 0) == (config->key.size == 0);
}

/* ---- figures ---- */

struct reading {
    int64_t at_us;
    uint64_t acknowledged;
    int64_t own_cpu_us;
    int64_t server_cpu_us;
};

static struct reading read_meters(const struct load *load)
{
    return (struct reading){
        .at_us = clock_monotonic_us(),
        .acknowledged = load->acknowledged,
        .own_cpu_us = figures_own_cpu_us(),
        .server_cpu_us = figures_process_cpu_us(load->config->server_pid),
    };
}

static void report(const struct load *load, const struct reading *from, const struct reading *to,
                   const struct connection *any)
{
    const uint64_t messages = to->acknowledged - from->acknowledged;
    const double seconds = (double)(to->at_us - from->at_us) / (double)CLOCK_SECOND;
    const double each = messages == 0 ? 0 : 1.0 / (double)messages;
    printf("{\"messages\":%" PRIu64 ",\"seconds\":%.3f,\"messages_per_s\":%.0f,"
           "\"p50_us\":%" PRIu64 ",\"p99_us\":%" PRIu64 ","
           "\"generator_cpu_us_per_message\":%.3f,",
           messages, seconds, (double)messages / seconds,
           latency_percentile_us(&load->latency, 0.50), latency_percentile_us(&load->latency, 0.99),
           (double)(to->own_cpu_us - from->own_cpu_us) * each);
    if (load->config->server_pid != 0) {
        printf("\"server_cpu_us_per_message\":%.3f,",
               (double)(to->server_cpu_us - from->server_cpu_us) * each);
    }
    printf("\"acknowledged_total\":%" PRIu64 ",\"tls\":\"%s %s\"}\n", load->acknowledged,
           SSL_get_version(any->ssl), SSL_get_cipher_name(any->ssl));
}

/* ---- phases ---- */

/* Sends what is due by now, one connection after the other; what a full window holds up comes
 * later. */
static bool pace(struct load *load, struct connection *connections)
{
    const int64_t now_us = clock_monotonic_us();
    const uint64_t due =
        (uint64_t)(now_us - load->paced_from_us) * load->config->rate / (uint64_t)CLOCK_SECOND;
    while (load->sent < due) {
        const uint64_t before = load->sent;
        if (!connection_publish(&connections[before % load->config->connections], now_us, 1)) {
            return false;
        }
        if (load->sent == before) {
            return true;
        }
    }
    return true;
}

static bool run_for(struct load *load, struct connection *connections, uint64_t seconds)
{
    const bool paced = load->config->rate > 0 && load->config->hold_s == 0;
    const int64_t until_us = clock_monotonic_us() + (int64_t)seconds * CLOCK_SECOND;
    while (clock_monotonic_us() < until_us) {
        if (paced && !pace(load, connections)) {
            return false;
        }
        if (!load_poll(load, paced ? clock_monotonic_us() + PACE_US : until_us)) {
            return false;
        }
    }
    return true;
}

static bool connect_all(struct load *load, struct connection *connections,
                        const struct load_protocol *protocol)
{
    const int64_t until_us = clock_monotonic_us() + SETUP_S_MAX * CLOCK_SECOND;
    uint64_t started = 0;
    while (load->connected < load->config->connections) {
        while (started < load->config->connections &&
               started - load->connected < HANDSHAKES_AT_ONCE) {
            if (!connection_start(load, &connections[started], (unsigned)started, protocol)) {
                return false;
            }
            started++;
        }
        if (clock_monotonic_us() > until_us) {
            problem_set(&load->problem, PROBLEM_NO_OFFSET,
                        "only %" PRIu64 " connections stood after %d s", load->connected,
                        SETUP_S_MAX);
            return false;
        }
        if (!load_poll(load, until_us)) {
            return false;
        }
    }
    return true;
}

static bool drain_all(struct load *load)
{
    load->publishing = false;
    const int64_t until_us = clock_monotonic_us() + DRAIN_S_MAX * CLOCK_SECOND;
    while (load->acknowledged < load->sent) {
        if (clock_monotonic_us() > until_us) {
            problem_set(&load->problem, PROBLEM_NO_OFFSET,
                        "%" PRIu64 " messages were not acknowledged within %d s",
                        load->sent - load->acknowledged, DRAIN_S_MAX);
            return false;
        }
        if (!load_poll(load, until_us)) {
            return false;
        }
    }
    return true;
}

static bool publish_and_measure(struct load *load, struct connection *connections)
{
    load->publishing = load->config->rate == 0;
    load->paced_from_us = clock_monotonic_us();
    for (uint64_t i = 0; load->publishing && i < load->config->connections; i++) {
        if (!connection_publish(&connections[i], clock_monotonic_us(), UINT64_MAX)) {
            return false;
        }
    }
    if (!run_for(load, connections, load->config->warm_up_s)) {
        return false;
    }
    load->measuring = true;
    const struct reading from = read_meters(load);
    if (!run_for(load, connections, load->config->seconds)) {
        return false;
    }
    const struct reading to = read_meters(load);
    load->measuring = false;
    if (!drain_all(load)) {
        return false;
    }
    report(load, &from, &to, &connections[0]);
    return true;
}

static bool run(struct load *load, struct connection *connections,
                const struct load_protocol *protocol)
{
    if (!connect_all(load, connections, protocol)) {
        return false;
    }
    if (load->config->hold_s == 0) {
        return publish_and_measure(load, connections);
    }
    printf("{\"connected\":%" PRIu64 "}\n", load->connected);
    fflush(stdout);
    return run_for(load, connections, load->config->hold_s);
}

/* ---- from start to end ---- */

static int load_run(struct load_config *config, const struct load_protocol *protocol)
{
    struct load *load = mem_zalloc(sizeof(*load));
    struct connection *connections = mem_zalloc((size_t)config->connections * sizeof(*connections));
    bool good = load != NULL && connections != NULL;
    if (good) {
        good = load_open(load, config) && run(load, connections, protocol);
        if (!good) {
            fprintf(stderr, "telemetry_load: %s\n", load->problem.text);
        }
        for (uint64_t i = 0; i < config->connections; i++) {
            connection_finish(&connections[i]);
        }
        load_close(load);
    }
    mem_free(connections);
    mem_free(load);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct load_config config = {
        .host = "127.0.0.1",
        .name = "localhost",
        .id_prefix = STR("bench-"),
        .connections = 50,
        .window = 1,
        .body_size = 256,
        .warm_up_s = 1,
        .seconds = 5,
    };
    const struct load_protocol *protocol = &load_mqtt;
    if (!options_read(argc, argv, &config, &protocol)) {
        fputs(usage, stderr);
        return 2;
    }
    return load_run(&config, protocol);
}
