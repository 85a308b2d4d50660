/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "control/control_internal.h"

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_append_format(out, "# HELP iothub_%s %s\n# TYPE iothub_%s %s\n", name, help, name, type);
}

static void metric(struct buf *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    head(out, name, type, help);
    buf_append_format(out, "iothub_%s %" PRIu64 "\n", name, value);
}

static void append_network(struct buf *out, const struct control *control)
{
    struct net_figures figures;
    net_figures(control->config.net, &figures);
    metric(out, "connections", "gauge", "Open connections, of every protocol.", figures.open);
    metric(out, "connections_total", "counter", "Connections accepted.", figures.accepted);
    metric(out, "tls_failures_total", "counter", "TLS handshakes that failed.",
           figures.handshakes_failed);
    metric(out, "received_bytes_total", "counter", "Bytes received, without TLS.",
           figures.bytes_in);
    metric(out, "sent_bytes_total", "counter", "Bytes sent, without TLS.", figures.bytes_out);
}

static void append_hub(struct buf *out, struct hub *hub)
{
    struct hub_figures figures;
    struct storage_counts counts = {0};
    hub_figures(hub, &figures);
    if (hub_counts(hub, &counts) == HUB_OK) {
        metric(out, "devices", "gauge", "Registered devices.", counts.devices);
        metric(out, "modules", "gauge", "Registered modules.", counts.modules);
    }
    metric(out, "links", "gauge", "Devices and modules connected.", figures.links);
    metric(out, "queries_total", "counter", "Query pages asked for.", figures.queries);
    metric(out, "commits_total", "counter", "Transactions committed.", figures.commits);
    metric(out, "journal_last_sequence", "gauge", "Sequence number of the newest journal row.",
           figures.journal_last);
    head(out, "events_total", "counter", "Journal rows by kind since the start.");
    for (unsigned i = 0; i < HUB_EVENT_COUNT; i++) {
        buf_append_format(out, "iothub_events_total{kind=\"%s\"} %" PRIu64 "\n",
                          hub_event_name((enum hub_event)i), figures.events[i]);
    }
}

void control_metrics(struct control *control, struct http_exchange *exchange)
{
    struct buf *out = http_answer_body(exchange);
    head(out, "build_info", "gauge", "The version of the emulator.");
    buf_append_format(out, "iothub_build_info{version=\"%s\"} 1\n", control->config.version);
    metric(out, "uptime_seconds", "counter", "Seconds since the start.",
           (uint64_t)((clock_monotonic_us() - control->started_us) / CLOCK_SECOND));
    append_network(out, control);
    struct hub *hub = hubs_named(control->config.hubs, control->config.hub_name);
    if (hub != NULL) {
        append_hub(out, hub);
    }
    control_answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8");
}
