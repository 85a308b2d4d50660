/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "main/app.h"

/* What one of the services is bound with. */
struct service {
    enum app_listener listener;
    const char *option;
    struct option_port port;
    bool optional; /* done without when it cannot be bound, unless the user named the port */
    struct net_tls *tls;
    const struct net_protocol *protocol;
    void *endpoint;
};

static enum status bind_one(struct app *app, const struct service *service, struct str address,
                            uint16_t port, uint16_t *ret_port, struct problem *problem)
{
    const struct net_listener_config config = {
        .address = address,
        .port = port,
        .tls = service->tls,
        .protocol = service->protocol,
        .endpoint = service->endpoint,
    };
    return net_listen(app->net, &config, ret_port, problem);
}

/* Every address of a service has the same port; with 0 the first address chooses it. */
static enum status bind_all(struct app *app, const struct service *service,
                            const struct str *addresses, size_t count, bool default_addresses,
                            struct problem *problem)
{
    uint16_t port = service->port.port;
    for (size_t i = 0; i < count; i++) {
        const enum status status = bind_one(app, service, addresses[i], port, &port, problem);
        if (status != STATUS_OK && i > 0 && default_addresses) {
            /* A machine without IPv6, or a port that is taken there only. */
            LOG_DEBUG("main", "%.*s is not listened on: %s", STR_ARG(addresses[i]), problem->text);
            continue;
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    app->ports[service->listener] = port;
    return STATUS_OK;
}

static enum status bind_service(struct app *app, const struct service *service,
                                struct problem *problem)
{
    static const struct str loopback[] = {{"127.0.0.1", sizeof("127.0.0.1") - 1},
                                          {"::1", sizeof("::1") - 1}};
    const bool control = service->listener == APP_CONTROL;
    const struct str *given = control ? app->options.control_listens : app->options.listens;
    size_t given_count = control ? app->options.control_listen_count : app->options.listen_count;
    if (service->listener == APP_AMQP_PLAIN) {
        given_count = 0; /* tokens in the clear: on loopback only, whatever is asked for */
    }
    const bool defaults = given_count == 0;
    const enum status status =
        bind_all(app, service, defaults ? loopback : given,
                 defaults ? ARRAY_SIZE(loopback) : given_count, defaults, problem);
    if (status == STATUS_UNAVAILABLE && service->optional && !service->port.given) {
        LOG_WARN("main", "carrying on without port %" PRIu16 ": %s", service->port.port,
                 problem->text);
        return STATUS_OK;
    }
    if (status == STATUS_UNAVAILABLE) {
        struct problem whole;
        problem_set(&whole, PROBLEM_NO_OFFSET, "%s; choose another with %s N (0: any free one)",
                    problem->text, service->option);
        *problem = whole;
    }
    return status;
}

enum status app_listen(struct app *app, struct problem *problem)
{
    const struct service services[] = {
        {APP_MQTT, "--mqtt-port", app->options.mqtt, false, app->tls, mqtt_protocol(), app->mqtt},
        {APP_HTTPS_ALT, "--https-alt-port", app->options.https_alt, false, app->tls,
         http_protocol(), https_server(app->https)},
        {APP_HTTPS, "--https-port", app->options.https, true, app->tls, http_protocol(),
         https_server(app->https)},
        {APP_AMQP, "--amqp-port", app->options.amqp, false, app->tls, amqp_protocol(), app->amqp},
        {APP_AMQP_PLAIN, "--amqp-plain-port", app->options.amqp_plain, true, NULL, amqp_protocol(),
         app->amqp},
        {APP_CONTROL, "--control-port", app->options.control, false, NULL, http_protocol(),
         control_server(app->control)},
    };
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        if (services[i].listener == APP_HTTPS && app->options.rootless &&
            !app->options.https.given) {
            continue;
        }
        const enum status status = bind_service(app, &services[i], problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}
