/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "main/app.h"

/* What one of the services is bound with. */
struct service {
    enum app_listener listener;
    const char *name; /* of sockets that are passed for it */
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

/* ---- sockets that the service manager made ---- */

/* By its name or, where it has none of ours, by its port. */
static bool is_for(const struct passed_socket *socket, const struct service *service,
                   const struct service *services)
{
    for (size_t i = 0; i < APP_LISTENER_COUNT; i++) {
        if (str_equal(socket->name, str_from(services[i].name))) {
            return &services[i] == service;
        }
    }
    return service->port.port != 0 && service->port.port == socket->facts.port;
}

/* They take the place of what would be bound: *ret_taken tells whether there were any. */
static enum status take_passed(struct app *app, const struct service *service,
                               const struct service *services, bool *ret_taken,
                               struct problem *problem)
{
    const struct net_listener_config config = {
        .tls = service->tls,
        .protocol = service->protocol,
        .endpoint = service->endpoint,
    };
    bool taken = false;
    for (size_t i = 0; i < app->passed.count; i++) {
        struct passed_socket *socket = &app->passed.sockets[i];
        if (socket->fd < 0 || !is_for(socket, service, services)) {
            continue;
        }
        if (service->listener == APP_AMQP_PLAIN && !socket->facts.loopback) {
            problem_set(problem, PROBLEM_NO_OFFSET,
                        "the service manager passed a socket for plain AMQP that is open to other "
                        "machines; without TLS it must be on 127.0.0.1 or ::1");
            return STATUS_INVALID;
        }
        const int fd = socket->fd;
        socket->fd = -1;
        const enum status status = net_listen_on(app->net, fd, &config, problem);
        if (status != STATUS_OK) {
            return status;
        }
        app->ports[service->listener] = socket->facts.port;
        taken = true;
    }
    *ret_taken = taken;
    return STATUS_OK;
}

/* A client would wait for ever in the queue of a socket that nobody serves. */
static enum status refuse_strays(const struct app *app, struct problem *problem)
{
    for (size_t i = 0; i < app->passed.count; i++) {
        const struct passed_socket *socket = &app->passed.sockets[i];
        if (socket->fd >= 0) {
            problem_set(problem, PROBLEM_NO_OFFSET,
                        "the service manager passed a socket '%.*s' on port %" PRIu16
                        ", which is no service's; name it (FileDescriptorName=) mqtt, https, "
                        "https-alt, amqp, amqp-plain or control",
                        STR_ARG(socket->name), socket->facts.port);
            return STATUS_INVALID;
        }
    }
    return STATUS_OK;
}

/* ---- all of them ---- */

static enum status start_service(struct app *app, const struct service *service,
                                 const struct service *services, struct problem *problem)
{
    bool taken = false;
    const enum status status = take_passed(app, service, services, &taken, problem);
    const bool unwanted =
        service->listener == APP_HTTPS && app->options.rootless && !app->options.https.given;
    return status != STATUS_OK || taken || unwanted ? status : bind_service(app, service, problem);
}

enum status app_listen(struct app *app, struct problem *problem)
{
    const struct options *options = &app->options;
    const struct service services[APP_LISTENER_COUNT] = {
        {APP_MQTT, "mqtt", "--mqtt-port", options->mqtt, false, app->tls, mqtt_protocol(),
         app->mqtt},
        {APP_HTTPS_ALT, "https-alt", "--https-alt-port", options->https_alt, false, app->tls,
         http_protocol(), https_server(app->https)},
        {APP_HTTPS, "https", "--https-port", options->https, true, app->tls, http_protocol(),
         https_server(app->https)},
        {APP_AMQP, "amqp", "--amqp-port", options->amqp, false, app->tls, amqp_protocol(),
         app->amqp},
        {APP_AMQP_PLAIN, "amqp-plain", "--amqp-plain-port", options->amqp_plain, true, NULL,
         amqp_protocol(), app->amqp},
        {APP_CONTROL, "control", "--control-port", options->control, false, NULL, http_protocol(),
         control_server(app->control)},
    };
    for (size_t i = 0; i < APP_LISTENER_COUNT; i++) {
        const enum status status = start_service(app, &services[i], services, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return refuse_strays(app, problem);
}
