/* SPDX-License-Identifier: MIT */
#include "https/endpoint.h"

#include "base/alloc.h"
#include "https/https_internal.h"

static struct https_request *request_of(struct https *https, struct http_exchange *exchange)
{
    struct arena *arena = http_arena(exchange);
    struct https_request *request = ARENA_NEW(arena, struct https_request);
    if (request != NULL) {
        *request = (struct https_request){
            .https = https,
            .exchange = exchange,
            .arena = arena,
            .method = http_method(exchange),
            .key = {.device = STR_EMPTY, .module = STR_EMPTY},
        };
    }
    return request;
}

static void handle(void *ctx, struct http_exchange *exchange)
{
    struct https_request *request = request_of(ctx, exchange);
    if (request == NULL) {
        http_answer(exchange, 500);
        return;
    }
    https_dispatch(request);
}

static void too_large(void *ctx, struct http_exchange *exchange)
{
    struct https_request *request = request_of(ctx, exchange);
    if (request == NULL) {
        http_answer(exchange, 500);
        return;
    }
    if (https_find_hub(request)) {
        struct problem problem;
        problem_set(&problem, PROBLEM_NO_OFFSET, "the body is larger than %d bytes",
                    HTTPS_BODY_MAX);
        https_answer_error(request, HUB_REQUEST_TOO_LARGE, problem.text);
    }
}

/* It has no request that could name a hub: the one that was dialled is told. */
static void websocket_refused(void *ctx, struct net_conn *conn, const char *why)
{
    const struct https *https = ctx;
    const struct str names[] = {net_conn_server_name(conn), net_conn_local(conn), STR("localhost")};
    struct hub *hub = NULL;
    for (size_t i = 0; hub == NULL && i < ARRAY_SIZE(names); i++) {
        hub = names[i].size == 0 ? NULL : hubs_find(https->hubs, names[i], NULL);
    }
    if (hub != NULL) {
        const struct identity_key nobody = {.device = STR_EMPTY, .module = STR_EMPTY};
        hub_note_refused(hub, "https", net_conn_id(conn), nobody, HUB_FORMAT_ERROR, why);
    }
}

enum status https_create(struct net *net, struct hubs *hubs, struct https **ret_https)
{
    struct https *https = mem_zalloc(sizeof(*https));
    if (https == NULL) {
        return STATUS_NO_MEMORY;
    }
    https->hubs = hubs;
    enum status status = random_init_system(&https->random);
    if (status == STATUS_OK) {
        const struct http_server_config config = {
            .name = "https",
            .body_max = HTTPS_BODY_MAX,
            .ctx = https,
            .handle = handle,
            .too_large = too_large,
            .websocket_refused = websocket_refused,
        };
        status = http_server_create(net, &config, &https->server);
    }
    if (status != STATUS_OK) {
        https_destroy(https);
        return status;
    }
    *ret_https = https;
    return STATUS_OK;
}

void https_destroy(struct https *https)
{
    if (https == NULL) {
        return;
    }
    http_server_destroy(https->server);
    mem_free(https);
}

struct http_server *https_server(struct https *https)
{
    return https->server;
}
