/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/sas.h"
#include "https/endpoint.h"
#include "hub/hub_internal.h" /* the tests move time */

enum { TOKENS_MAX = 4096, LATE_S = 2000000000, ANSWER_MAX = 64 << 20 };

struct http_server {
    struct http_server_config config;
};

struct hub *fake_hub;
struct hubs *fake_hubs;
const struct net_client_certificate *fake_certificate;

static struct http_server the_server;
static struct https *https;
static struct storage *storage;
static struct buf tokens[HUB_POLICY_COUNT];

/* ---- what net would do ---- */

enum status http_server_create(struct net *net, const struct http_server_config *config,
                               struct http_server **ret_server)
{
    (void)net;
    the_server.config = *config;
    *ret_server = &the_server;
    return STATUS_OK;
}

void http_server_destroy(struct http_server *server)
{
    (void)server;
}

struct str http_method(const struct http_exchange *exchange)
{
    return exchange->method;
}

struct str http_path(const struct http_exchange *exchange)
{
    return exchange->path;
}

struct str http_query(const struct http_exchange *exchange)
{
    return exchange->query;
}

struct str http_body(const struct http_exchange *exchange)
{
    return exchange->body;
}

struct str http_header(const struct http_exchange *exchange, const char *name)
{
    for (size_t i = 0; i < exchange->header_count; i++) {
        if (str_equal_nocase(exchange->headers[i].name, str_from(name))) {
            return exchange->headers[i].value;
        }
    }
    return (struct str){.data = NULL, .size = 0};
}

void http_headers_each(const struct http_exchange *exchange,
                       void (*each)(void *ctx, struct str name, struct str value), void *ctx)
{
    for (size_t i = 0; i < exchange->header_count; i++) {
        each(ctx, exchange->headers[i].name, exchange->headers[i].value);
    }
}

struct net_conn *http_conn(const struct http_exchange *exchange)
{
    (void)exchange;
    static char connection;
    return fake_certificate == NULL ? NULL : (struct net_conn *)(void *)&connection;
}

uint64_t http_conn_id(const struct http_exchange *exchange)
{
    (void)exchange;
    return 1;
}

bool net_conn_client_certificate(const struct net_conn *conn,
                                 struct net_client_certificate *ret_certificate)
{
    assert(conn != NULL);
    *ret_certificate = *fake_certificate;
    return true;
}

struct arena *http_arena(struct http_exchange *exchange)
{
    return &exchange->arena;
}

struct buf *http_answer_body(struct http_exchange *exchange)
{
    return &exchange->answer_body;
}

void http_answer_header(struct http_exchange *exchange, const char *name, struct str value)
{
    buf_append_str(&exchange->answer_headers, str_from(name));
    buf_append_str(&exchange->answer_headers, STR(": "));
    buf_append_str(&exchange->answer_headers, value);
    buf_append_byte(&exchange->answer_headers, '\n');
}

void http_answer(struct http_exchange *exchange, unsigned http_status)
{
    assert(exchange->status == 0);
    exchange->status = http_status;
    exchange->gone = NULL;
}

void http_wait(struct http_exchange *exchange, void (*gone)(void *ctx), void *ctx)
{
    assert(exchange->status == 0);
    exchange->gone = gone;
    exchange->gone_ctx = ctx;
}

/* ---- a request's life ---- */

struct http_exchange fake_request(const char *method, const char *path, const char *body)
{
    struct http_exchange exchange = {
        .method = str_from(method),
        .body = body == NULL ? STR_EMPTY : str_from(body),
        .arena = ARENA_INIT(8U << 20),
        .answer_body = BUF_INIT(ANSWER_MAX),
        .answer_headers = BUF_INIT(1U << 20),
    };
    (void)str_cut(str_from(path), '?', &exchange.path, &exchange.query);
    if (exchange.query.size == 0) {
        exchange.query = STR("api-version=2021-04-12");
    }
    fake_set_header(&exchange, STR("Host"), STR("localhost"));
    fake_set_header(&exchange, STR("Authorization"), fake_token("iothubowner"));
    return exchange;
}

/* Sets it anew when it was there. */
void fake_set_header(struct http_exchange *exchange, struct str name, struct str value)
{
    for (size_t i = 0; i < exchange->header_count; i++) {
        if (str_equal_nocase(exchange->headers[i].name, name)) {
            exchange->headers[i].value = value;
            return;
        }
    }
    if (exchange->header_count < FAKE_HEADERS_MAX) {
        exchange->headers[exchange->header_count++] =
            (struct fake_header){.name = name, .value = value};
    }
}

void fake_send(struct http_exchange *exchange)
{
    the_server.config.handle(the_server.config.ctx, exchange);
}

void fake_send_too_large(struct http_exchange *exchange)
{
    the_server.config.too_large(the_server.config.ctx, exchange);
}

void fake_leave(struct http_exchange *exchange)
{
    assert(exchange->gone != NULL);
    void (*gone)(void *ctx) = TAKE(exchange->gone);
    gone(exchange->gone_ctx);
}

void fake_finish(struct http_exchange *exchange)
{
    arena_finish(&exchange->arena);
    buf_finish(&exchange->answer_body);
    buf_finish(&exchange->answer_headers);
}

unsigned fake_status(const char *method, const char *path, const char *body)
{
    CLEANUP(fake_finish) struct http_exchange exchange = fake_request(method, path, body);
    fake_send(&exchange);
    (void)hubs_commit(fake_hubs);
    return exchange.status;
}

/* ---- the hub ---- */

struct str fake_token(const char *policy)
{
    const struct hub_policy *policies = hub_policies(fake_hub);
    for (size_t i = 0; i < HUB_POLICY_COUNT; i++) {
        if (str_equal(str_from(policies[i].name), str_from(policy))) {
            return buf_str(&tokens[i]);
        }
    }
    assert(false);
    return STR_EMPTY;
}

static bool sign_tokens(void)
{
    const struct hub_policy *policies = hub_policies(fake_hub);
    for (size_t i = 0; i < HUB_POLICY_COUNT; i++) {
        tokens[i] = BUF_INIT(TOKENS_MAX);
        if (sas_sign(&tokens[i], STR("localhost"), str_from(policies[i].primary_key),
                     str_from(policies[i].name), LATE_S) != STATUS_OK) {
            return false;
        }
    }
    return true;
}

void fake_advance(int64_t seconds)
{
    clock_advance(&fake_hub->clock, seconds * CLOCK_SECOND);
    hubs_wake(fake_hubs);
}

int fake_setup(void **state)
{
    (void)state;
    const struct storage_config in_memory = {.directory = NULL};
    static struct hub_policy policies[HUB_POLICY_COUNT];
    struct hub_config config = {
        .name = STR("hub"),
        .policies = policies,
        .settings = hub_settings_default(),
    };
    mem_use_for_json();
    random_init_seed(&config.random, 7);
    hub_policies_generate(&config.random, policies);
    clock_freeze(&config.clock);
    clock_set(&config.clock, INT64_C(1795258800000000)); /* 2026-11-21T11:00:00Z */
    if (storage_open(&in_memory, &storage, NULL) != STATUS_OK ||
        hubs_create(&fake_hubs) != STATUS_OK) {
        return -1;
    }
    config.storage = storage;
    return hubs_add(fake_hubs, &config, &fake_hub) == STATUS_OK && sign_tokens() &&
                   https_create(NULL, fake_hubs, &https) == STATUS_OK
               ? 0
               : -1;
}

int fake_teardown(void **state)
{
    (void)state;
    https_destroy(TAKE(https));
    hubs_destroy(TAKE(fake_hubs));
    storage_close(TAKE(storage));
    for (size_t i = 0; i < HUB_POLICY_COUNT; i++) {
        buf_finish(&tokens[i]);
    }
    fake_certificate = NULL;
    return 0;
}
