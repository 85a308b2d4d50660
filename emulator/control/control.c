/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "base/url.h"
#include "control/control_internal.h"

enum { BODY_MAX = 1 << 20, PARAMETER_MAX = 1024 };

void control_answer(struct http_exchange *exchange, unsigned http_status, const char *type)
{
    http_answer_header(exchange, "Content-Type", str_from(type));
    http_answer_header(exchange, "Cache-Control", STR("no-store"));
    http_answer(exchange, http_status);
}

void control_refuse(struct http_exchange *exchange, unsigned http_status, const char *format, ...)
{
    char why[PROBLEM_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    CLEANUP(buf_finish) struct buf line = BUF_INIT(PARAMETER_MAX);
    hub_one_line_append(&line, str_from(why));
    LOG_WARN("control", "conn=%llu %.*s %.*s refused %u: %.*s",
             (unsigned long long)http_conn_id(exchange), STR_ARG(http_method(exchange)),
             STR_ARG(http_path(exchange)), http_status, STR_ARG(buf_str(&line)));
    struct buf *body = http_answer_body(exchange);
    buf_append_str(body, STR("{\"error\":"));
    json_append_string(body, str_from(why));
    buf_append_str(body, STR("}\n"));
    control_answer(exchange, http_status, "application/json; charset=utf-8");
}

struct str control_parameter(struct http_exchange *exchange, const char *name)
{
    struct str rest = http_query(exchange);
    struct str key;
    struct str value;
    bool has_value = false;
    while (url_pair_next(&rest, &key, &value, &has_value)) {
        if (!str_equal(key, str_from(name))) {
            continue;
        }
        CLEANUP(buf_finish) struct buf decoded = BUF_INIT(PARAMETER_MAX);
        url_decode_append(&decoded, value);
        const char *copy = arena_copy(http_arena(exchange), buf_str(&decoded));
        return copy == NULL || buf_status(&decoded) != STATUS_OK ? (struct str){0}
                                                                 : str_of(copy, decoded.size);
    }
    return (struct str){0};
}

struct hub *control_hub(struct control *control, struct http_exchange *exchange)
{
    const struct str name = control_parameter(exchange, "hub");
    struct hub *hub =
        hubs_named(control->config.hubs, name.data == NULL ? control->config.hub_name : name);
    if (hub == NULL) {
        control_refuse(exchange, 404, "there is no hub called '%.*s'", STR_ARG(name));
    }
    return hub;
}

/* ---- small answers ---- */

static void answer_text(struct http_exchange *exchange, unsigned http_status, struct str text)
{
    buf_append_str(http_answer_body(exchange), text);
    control_answer(exchange, http_status, "text/plain; charset=utf-8");
}

static void handle_healthz(struct control *control, struct http_exchange *exchange)
{
    (void)control;
    answer_text(exchange, 200, STR("alive\n"));
}

static void handle_readyz(struct control *control, struct http_exchange *exchange)
{
    answer_text(exchange, control->ready ? 200 : 503,
                control->ready ? STR("ready\n") : STR("starting\n"));
}

static void handle_ca(struct control *control, struct http_exchange *exchange)
{
    buf_append_str(http_answer_body(exchange), control->config.ca_pem);
    control_answer(exchange, 200, "application/x-pem-file");
}

static void handle_hubs(struct control *control, struct http_exchange *exchange)
{
    struct hub *hub = hubs_named(control->config.hubs, control->config.hub_name);
    struct hub_figures figures = {0};
    struct storage_counts counts = {0};
    if (hub == NULL || hub_counts(hub, &counts) != HUB_OK) {
        control_refuse(exchange, 500, "the hub could not be read");
        return;
    }
    hub_figures(hub, &figures);
    struct buf *body = http_answer_body(exchange);
    buf_append_str(body, STR("[{\"name\":"));
    json_append_string(body, hub_name(hub));
    buf_append_str(body, STR(",\"hostName\":"));
    json_append_string(body, hub_host(hub));
    buf_append_format(body,
                      ",\"devices\":%llu,\"modules\":%llu,\"connections\":%llu,"
                      "\"journalLast\":%llu}]\n",
                      (unsigned long long)counts.devices, (unsigned long long)counts.modules,
                      (unsigned long long)figures.links, (unsigned long long)figures.journal_last);
    control_answer(exchange, 200, "application/json; charset=utf-8");
}

/* POST /hubs/{name}/{action} */
static void handle_hub_action(struct control *control, struct http_exchange *exchange,
                              struct str name, struct str action)
{
    CLEANUP(buf_finish) struct buf decoded = BUF_INIT(PARAMETER_MAX);
    url_decode_append(&decoded, name);
    struct hub *hub = hubs_named(control->config.hubs, buf_str(&decoded));
    if (hub == NULL) {
        control_refuse(exchange, 404, "there is no hub called '%.*s'; GET /hubs lists them",
                       STR_ARG(buf_str(&decoded)));
        return;
    }
    if (!str_equal(action, STR("reset"))) {
        control_refuse(exchange, 501, "a hub cannot '%.*s' in this version; it can reset",
                       STR_ARG(action));
        return;
    }
    if (!str_equal(http_method(exchange), STR("POST"))) {
        http_answer_header(exchange, "Allow", STR("POST"));
        control_refuse(exchange, 405, "reset takes POST");
        return;
    }
    if (hub_reset(hub) != HUB_OK) {
        control_refuse(exchange, 500, "the hub could not be reset; the log says why");
        return;
    }
    control_answer(exchange, 204, "text/plain");
}

/* ---- who may ask ---- */

/* A browser on some other site can be made to send requests here under a name of its own that
 * resolves to loopback: such a request carries that name in Host, or that site in Origin. */
static bool from_this_machine(struct control *control, struct http_exchange *exchange)
{
    const struct str host = http_header(exchange, "Host");
    struct problem problem;
    if (host.data == NULL || hubs_find(control->config.hubs, host, &problem) == NULL) {
        control_refuse(exchange, 403, "Host is '%.*s', which is no name of this emulator",
                       STR_ARG(host));
        return false;
    }
    const struct str origin = http_header(exchange, "Origin");
    if (origin.data != NULL && hubs_find(control->config.hubs, origin, &problem) == NULL) {
        control_refuse(exchange, 403, "Origin is '%.*s': pages from elsewhere may not ask",
                       STR_ARG(origin));
        return false;
    }
    return true;
}

static const struct {
    const char *path;
    bool takes_post; /* else GET and HEAD */
    void (*handle)(struct control *control, struct http_exchange *exchange);
} routes[] = {
    {"/healthz", false, handle_healthz},
    {"/readyz", false, handle_readyz},
    {"/ca.pem", false, handle_ca},
    {"/metrics", false, control_metrics},
    {"/hubs", false, handle_hubs},
    {"/journal", false, control_journal},
    {"/query/explain", true, control_explain},
};

/* What is to come (and /hubs/{name}/snapshot and the like): not here yet is not the same as wrong.
 */
static const char *const missing[] = {"/clock", "/faults", "/coverage"};

static const char index_text[] =
    "iothub-emulator control endpoint\n"
    "GET /healthz /readyz /ca.pem /metrics /hubs /journal?after=0&timeout=10, "
    "POST /hubs/{name}/reset /query/explain {\"query\": \"SELECT ...\"}\n";

static void handle(void *ctx, struct http_exchange *exchange)
{
    struct control *control = ctx;
    const struct str path = http_path(exchange);
    if (!from_this_machine(control, exchange)) {
        return;
    }
    if (str_starts(path, STR("/hubs/"))) {
        struct str name;
        struct str action;
        (void)str_cut(str_skip(path, sizeof("/hubs/") - 1), '/', &name, &action);
        handle_hub_action(control, exchange, name, action);
        return;
    }
    const struct str method = http_method(exchange);
    const bool reading = str_equal(method, STR("GET")) || str_equal(method, STR("HEAD"));
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        if (!str_equal(path, str_from(routes[i].path))) {
            continue;
        }
        if (routes[i].takes_post ? !str_equal(method, STR("POST")) : !reading) {
            http_answer_header(exchange, "Allow",
                               routes[i].takes_post ? STR("POST") : STR("GET, HEAD"));
            control_refuse(exchange, 405, "%s takes %s", routes[i].path,
                           routes[i].takes_post ? "POST" : "GET");
            return;
        }
        routes[i].handle(control, exchange);
        return;
    }
    if (str_equal(path, STR("/"))) {
        answer_text(exchange, 200, str_of(index_text, sizeof(index_text) - 1));
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
        if (str_equal(path, str_from(missing[i]))) {
            control_refuse(exchange, 501, "this version does not do %s", missing[i]);
            return;
        }
    }
    control_refuse(exchange, 404, "there is nothing at '%.*s'; GET / lists what there is",
                   STR_ARG(path));
}

static void too_large(void *ctx, struct http_exchange *exchange)
{
    (void)ctx;
    control_refuse(exchange, 413, "the body is larger than %d bytes", BODY_MAX);
}

enum status control_create(const struct control_config *config, struct control **ret_control)
{
    struct control *control = mem_zalloc(sizeof(*control));
    if (control == NULL) {
        return STATUS_NO_MEMORY;
    }
    control->config = *config;
    control->started_us = clock_monotonic_us();
    list_init(&control->polls);
    const struct http_server_config server = {
        .name = "control",
        .body_max = BODY_MAX,
        .ctx = control,
        .handle = handle,
        .too_large = too_large,
    };
    const enum status status = http_server_create(config->net, &server, &control->server);
    if (status != STATUS_OK) {
        control_destroy(control);
        return status;
    }
    *ret_control = control;
    return STATUS_OK;
}

void control_destroy(struct control *control)
{
    if (control == NULL) {
        return;
    }
    control_polls_end(control);
    http_server_destroy(control->server);
    mem_free(control);
}

struct http_server *control_server(struct control *control)
{
    return control->server;
}

void control_set_ready(struct control *control)
{
    control->ready = true;
}
