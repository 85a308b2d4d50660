/* SPDX-License-Identifier: MIT */
/*
 * What a connection may do. Tokens are kept as they came and asked about again for each link: it is
 * the hub that knows what a token opens, and a device may have been deleted since. One that runs
 * out takes the links with it that were attached by it; the same links stay when a new one for the
 * same resource comes in time (device protocol reference, 9.3).
 */
#include "amqp/amqp_internal.h"
#include "amqp/limits.h"
#include "base/alloc.h"
#include "base/sas.h"

/* ---- grants ---- */

static void grant_free(struct amqp_grant *grant)
{
    hub_timer_stop(grant->conn->hub, &grant->expiry);
    while (!list_empty(&grant->links)) {
        struct amqp_link *link = LIST_ENTRY(grant->links.next, struct amqp_link, grant_link);
        list_remove(&link->grant_link);
        link->grant = NULL;
    }
    mem_free(grant->token);
    mem_free(grant);
}

void amqp_grants_finish(struct amqp_conn *conn)
{
    size_t position = 0;
    for (;;) {
        struct amqp_grant *grant = map_next(&conn->grants, &position);
        if (grant == NULL) {
            break;
        }
        grant_free(grant);
    }
}

static void expired(void *ctx)
{
    struct amqp_grant *grant = ctx;
    struct amqp_conn *conn = grant->conn;
    struct problem why;
    problem_set(&why, PROBLEM_NO_OFFSET,
                "the token for '%.*s' has expired, and no new one came over $cbs",
                STR_ARG(grant->resource.size > 0 ? grant->resource : STR("the whole hub")));
    if (conn->by_plain) { /* it has no $cbs to renew it by */
        amqp_engine_refuse(conn, HUB_UNAUTHORIZED_ACCESS,
                           "the token the client connected with has expired");
        return;
    }
    while (!list_empty(&grant->links)) {
        struct amqp_link *link = LIST_ENTRY(grant->links.next, struct amqp_link, grant_link);
        amqp_link_refuse(link, HUB_UNAUTHORIZED_ACCESS, why.text);
    }
    (void)map_remove(&conn->grants, grant->name);
    grant_free(grant);
}

/* `within`, which lies in `whole`, as it lies in the copy of `whole` at `copy`. */
static struct str moved(struct str within, struct str whole, const char *copy)
{
    return within.size == 0 ? STR_EMPTY : str_of(copy + (within.data - whole.data), within.size);
}

/* One block: the grant, then its name, which begins with the resource. */
static struct amqp_grant *grant_new(struct amqp_conn *conn, const struct hub_token *token)
{
    const size_t name_size = token->resource.size + 1 + token->policy.size;
    struct amqp_grant *grant = mem_zalloc(sizeof(*grant) + name_size);
    if (grant == NULL) {
        return NULL;
    }
    char *name = (char *)(grant + 1);
    if (token->resource.size > 0) {
        memcpy(name, token->resource.data, token->resource.size);
    }
    name[token->resource.size] = '?';
    if (token->policy.size > 0) {
        memcpy(name + token->resource.size + 1, token->policy.data, token->policy.size);
    }
    grant->conn = conn;
    grant->name = str_of(name, name_size);
    grant->resource = str_of(name, token->resource.size);
    grant->key.device = moved(token->key.device, token->resource, name);
    grant->key.module = moved(token->key.module, token->resource, name);
    grant->expiry = (struct timer){.fire = expired, .ctx = grant};
    list_init(&grant->links);
    return grant;
}

static enum hub_code no_memory(struct problem *problem)
{
    problem_set(problem, PROBLEM_NO_OFFSET, "out of memory");
    return HUB_SERVER_ERROR;
}

/* The grant of this name, made if there is none. */
static enum hub_code grant_get(struct amqp_conn *conn, const struct hub_token *token,
                               struct amqp_grant **ret_grant, struct problem *problem)
{
    struct amqp_grant *grant = grant_new(conn, token);
    if (grant == NULL) {
        return no_memory(problem);
    }
    struct amqp_grant *known = map_get(&conn->grants, grant->name);
    if (known != NULL) {
        grant_free(grant);
        *ret_grant = known;
        return HUB_OK;
    }
    if (conn->grants.count >= AMQP_TOKENS_MAX) {
        grant_free(grant);
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the connection has %zu tokens; open another one for more devices",
                    conn->grants.count);
        return HUB_MAX_CBS_TOKEN_EXCEEDED;
    }
    if (map_put(&conn->grants, grant->name, grant, NULL) != STATUS_OK) {
        grant_free(grant);
        return no_memory(problem);
    }
    *ret_grant = grant;
    return HUB_OK;
}

/* ---- tokens ---- */

/* Does it say the truth about itself? What it opens is asked when a link is attached. */
static enum hub_code check_token(struct hub *hub, struct str text, const struct hub_token *token,
                                 struct problem *problem)
{
    if (token->policy.size > 0) {
        return hub_authorize(hub, text, 0, token->resource, problem);
    }
    if (token->key.device.size == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the token names no policy (skn), and its resource (sr) '%.*s' no device: "
                    "nobody's key can have signed it",
                    STR_ARG(token->resource));
        return HUB_UNAUTHORIZED_ACCESS;
    }
    struct hub_principal principal;
    const struct hub_credentials credentials = {.key = token->key, .token = text};
    return hub_authenticate(hub, &credentials, &principal, problem);
}

static void start_expiry(struct amqp_grant *grant, int64_t expires_us)
{
    struct hub *hub = grant->conn->hub;
    const int64_t grace_us = hub_settings(hub)->token_close_grace_s * CLOCK_SECOND;
    hub_timer_stop(hub, &grant->expiry);
    if (expires_us < INT64_MAX - grace_us) {
        const int64_t left_us = expires_us + grace_us - hub_now_us(hub);
        hub_timer_start(hub, &grant->expiry, left_us > 0 ? left_us : 0);
    }
}

static void somebody_proved_himself(struct amqp_conn *conn)
{
    conn->had_grant = true;
    if (conn->opened && !conn->closing) {
        timers_stop(&conn->endpoint->timers, &conn->wait);
    }
}

enum hub_code amqp_grant_token(struct amqp_conn *conn, struct str text, struct problem *problem)
{
    CLEANUP(buf_finish) struct buf decoded = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    struct hub_token token;
    struct amqp_grant *grant = NULL;
    enum hub_code code = hub_token_read(text, &decoded, &token, problem);
    if (code == HUB_OK) {
        code = check_token(conn->hub, text, &token, problem);
    }
    if (code == HUB_OK) {
        code = grant_get(conn, &token, &grant, problem);
    }
    if (code != HUB_OK) {
        return code;
    }
    char *copy = mem_alloc(text.size + 1);
    if (copy == NULL) {
        return no_memory(problem);
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    mem_free(grant->token);
    grant->token = copy;
    start_expiry(grant, token.expires_us);
    somebody_proved_himself(conn);
    return HUB_OK;
}

/* ---- what they open ---- */

/* May the grant be for this identity at all? Saves asking the hub about a thousand others. */
static bool concerns(const struct amqp_grant *grant, struct identity_key key)
{
    if (grant->token == NULL) {
        return false;
    }
    if (grant->key.device.size == 0) {
        return grant->resource.size == 0 || str_equal(grant->resource, STR("/devices"));
    }
    return str_equal(grant->key.device, key.device) &&
           (grant->key.module.size == 0 || str_equal(grant->key.module, key.module));
}

/* A certificate speaks for one identity on a connection: the first that is asked for (device
 * protocol reference, 9.2). */
static enum hub_code by_certificate(struct amqp_conn *conn,
                                    const struct net_client_certificate *shown,
                                    struct identity_key key, struct hub_principal *ret_principal,
                                    struct amqp_grant **ret_grant, struct problem *problem)
{
    const struct hub_certificate certificate = {
        .sha1 = shown->sha1,
        .sha256 = shown->sha256,
        .common_name = shown->common_name,
        .not_after_us = shown->not_after_us,
    };
    const struct hub_credentials credentials = {.key = key, .certificate = &certificate};
    enum hub_code code = hub_authenticate(conn->hub, &credentials, ret_principal, problem);
    if (code != HUB_OK) {
        return code;
    }
    CLEANUP(buf_finish) struct buf name = BUF_INIT(AMQP_ADDRESS_SIZE_MAX);
    buf_append_str(&name, key.device);
    buf_append_byte(&name, '/');
    buf_append_str(&name, key.module);
    const struct hub_token as_token = {.resource = buf_str(&name), .policy = STR("certificate")};
    code = grant_get(conn, &as_token, ret_grant, problem);
    if (code == HUB_OK) {
        somebody_proved_himself(conn);
    }
    return code;
}

static enum hub_code no_token(const struct amqp_conn *conn, struct identity_key key,
                              struct problem *problem)
{
    if (conn->grants.count > 0) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "no token for '%.*s%s%.*s' came over this connection's $cbs",
                    STR_ARG(key.device), key.module.size > 0 ? "/modules/" : "",
                    STR_ARG(key.module));
    } else {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "neither a token (put-token on $cbs, or SASL PLAIN) nor a client certificate "
                    "came before the link");
    }
    return HUB_UNAUTHORIZED_ACCESS;
}

static bool only_certificate(const struct amqp_conn *conn)
{
    size_t position = 0;
    const struct amqp_grant *grant = map_next(&conn->grants, &position);
    return grant == NULL || grant->token == NULL;
}

/* The certificate's grant is there already: is it this identity's? */
static bool taken_by_another(const struct amqp_conn *conn, struct identity_key key)
{
    size_t position = 0;
    const struct amqp_grant *grant = map_next(&conn->grants, &position);
    if (grant == NULL) {
        return false;
    }
    struct str device;
    struct str module;
    (void)str_cut(grant->resource, '/', &device, &module);
    return !str_equal(device, key.device) || !str_equal(module, key.module);
}

enum hub_code amqp_grant_device(struct amqp_conn *conn, struct identity_key key,
                                struct hub_principal *ret_principal, struct amqp_grant **ret_grant,
                                struct problem *problem)
{
    enum hub_code code = HUB_OK;
    bool asked = false;
    size_t position = 0;
    for (struct amqp_grant *grant = map_next(&conn->grants, &position); grant != NULL;
         grant = map_next(&conn->grants, &position)) {
        if (!concerns(grant, key)) {
            continue;
        }
        asked = true;
        const struct hub_credentials credentials = {.key = key, .token = str_from(grant->token)};
        code = hub_authenticate(conn->hub, &credentials, ret_principal, problem);
        if (code == HUB_OK) {
            *ret_grant = grant;
            return HUB_OK;
        }
    }
    if (asked) {
        return code;
    }
    struct net_client_certificate shown;
    if (!only_certificate(conn) || !net_conn_client_certificate(conn->net, &shown)) {
        return no_token(conn, key, problem);
    }
    if (taken_by_another(conn, key)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "a connection that is authenticated by a certificate is for one device or "
                    "module only");
        return HUB_UNAUTHORIZED_ACCESS;
    }
    return by_certificate(conn, &shown, key, ret_principal, ret_grant, problem);
}

enum hub_code amqp_grant_service(struct amqp_conn *conn, struct str resource,
                                 struct amqp_grant **ret_grant, struct problem *problem)
{
    size_t position = 0;
    enum hub_code code = HUB_UNAUTHORIZED_ACCESS;
    problem_set(problem, PROBLEM_NO_OFFSET,
                "no token of a policy came before the link (put-token on $cbs, or SASL PLAIN)");
    for (struct amqp_grant *grant = map_next(&conn->grants, &position); grant != NULL;
         grant = map_next(&conn->grants, &position)) {
        if (grant->token == NULL) {
            continue;
        }
        code = hub_authorize(conn->hub, str_from(grant->token), HUB_SERVICE_CONNECT,
                             resource.data == NULL ? grant->resource : resource, problem);
        if (code == HUB_OK) {
            *ret_grant = grant;
            return HUB_OK;
        }
    }
    return code;
}
