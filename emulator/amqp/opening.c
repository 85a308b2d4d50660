/* SPDX-License-Identifier: MIT */
/*
 * What comes before the engine: which protocol header the client sends, and SASL where it wants it
 * (device protocol reference, 9.1; service reference, 6.2). Only PLAIN proves anything here;
 * ANONYMOUS and MSSBCBS say that a token will come over $cbs, EXTERNAL that there is a certificate.
 */
#include <inttypes.h>

#include "amqp/amqp_internal.h"
#include "amqp/limits.h"
#include "amqp/sasl.h"
#include "base/log.h"

struct hub *amqp_hub_dialled(struct amqp_conn *conn)
{
    const struct str names[] = {net_conn_server_name(conn->net), net_conn_local(conn->net),
                                STR("localhost")};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct hub *hub =
            names[i].size == 0 ? NULL : hubs_find(conn->endpoint->hubs, names[i], NULL);
        if (hub != NULL) {
            return hub;
        }
    }
    return NULL;
}

static void refuse(struct amqp_conn *conn, enum hub_code code, const char *why)
{
    amqp_conn_note_refused(conn, amqp_nobody, code, why);
    amqp_conn_end(conn, why);
}

/* ---- the first header ---- */

/* Other protocols' first bytes, and where they belong. */
static const struct {
    struct str start;
    const char *why;
} strangers[] = {
    {{"GET ", 4}, "this is the AMQP port, and an HTTP request came: REST has the HTTPS port"},
    {{"PUT ", 4}, "this is the AMQP port, and an HTTP request came: REST has the HTTPS port"},
    {{"POST ", 5}, "this is the AMQP port, and an HTTP request came: REST has the HTTPS port"},
    {{"PATCH ", 6}, "this is the AMQP port, and an HTTP request came: REST has the HTTPS port"},
    {{"DELETE ", 7}, "this is the AMQP port, and an HTTP request came: REST has the HTTPS port"},
    {{"\x10", 1}, "this is the AMQP port, and an MQTT client came: MQTT has port 8883"},
    {{"AMQP\x02", 5},
     "the client asks for TLS inside AMQP: here TLS comes first, as amqps:// on port 5671"},
    {{"AMQP\x00\x00\x09\x01", 8},
     "this hub speaks AMQP 1.0, and a client of AMQP 0-9-1 (RabbitMQ's) came"},
    {{"AMQP\x01\x01", 6}, "this hub speaks AMQP 1.0, and a client of AMQP 0-10 came"},
};

/* Answered with the header that would have been right (AMQP 1.0, 2.2). */
static size_t refuse_header(struct amqp_conn *conn, struct str data)
{
    const char *why = "the first bytes are no protocol header of AMQP 1.0";
    for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
        if (str_starts(data, strangers[i].start)) {
            why = strangers[i].why;
        }
    }
    buf_append_str(net_conn_output(conn->net), sasl_header);
    refuse(conn, HUB_INVALID_PROTOCOL_VERSION, why);
    return data.size;
}

/* Is `data` the beginning of one of the headers, or one of them with more behind it? */
static bool begins(struct str data, struct str header)
{
    return str_starts(data, header) || str_starts(header, data);
}

static void start_engine(struct amqp_conn *conn)
{
    if (amqp_engine_start(conn) != STATUS_OK) {
        refuse(conn, HUB_SERVER_ERROR, "out of memory");
        return;
    }
    conn->state = AMQP_ENGINE;
}

static size_t read_header(struct amqp_conn *conn, struct str data)
{
    const bool after_sasl = conn->state == AMQP_AFTER_SASL;
    if (!begins(data, amqp_header) && (after_sasl || !begins(data, sasl_header))) {
        return refuse_header(conn, data);
    }
    if (data.size < SASL_HEADER_SIZE) {
        return 0;
    }
    if (str_starts(data, amqp_header)) { /* the engine takes and answers it */
        start_engine(conn);
        return 0;
    }
    struct buf *out = net_conn_output(conn->net);
    buf_append_str(out, sasl_header);
    sasl_append_mechanisms(out);
    conn->state = AMQP_SASL;
    return SASL_HEADER_SIZE;
}

/* ---- SASL ---- */

/* The token must be for whom the user names: it would otherwise open more than was asked for. */
static enum hub_code check_user(const struct sasl_user *user, struct problem *problem)
{
    CLEANUP(buf_finish) struct buf decoded = BUF_INIT(AMQP_ADDRESS_SIZE_MAX);
    struct hub_token token;
    const enum hub_code code = hub_token_read(user->password, &decoded, &token, problem);
    if (code != HUB_OK) {
        return code;
    }
    if (user->policy.size > 0) {
        if (!str_equal(user->policy, token.policy)) {
            problem_set(problem, PROBLEM_NO_OFFSET,
                        "the user names policy '%.*s', and the token '%.*s' (its skn)",
                        STR_ARG(user->policy), STR_ARG(token.policy));
            return HUB_UNAUTHORIZED_ACCESS;
        }
        return HUB_OK;
    }
    if (token.key.device.size > 0 && !str_equal(token.key.device, user->device)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the user names device '%.*s', and the token is for '%.*s' (its sr)",
                    STR_ARG(user->device), STR_ARG(token.key.device));
        return HUB_UNAUTHORIZED_ACCESS;
    }
    return HUB_OK;
}

static enum hub_code plain(struct amqp_conn *conn, struct str response, struct identity_key *key,
                           struct problem *problem)
{
    struct sasl_user user;
    if (!sasl_read_plain(response, &user, problem)) {
        return HUB_UNAUTHORIZED_ACCESS;
    }
    *key = (struct identity_key){.device = user.device, .module = user.module};
    if (conn->hub == NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET, "no hub answers where the client dialled");
        return HUB_IOTHUB_NOT_FOUND;
    }
    enum hub_code code = check_user(&user, problem);
    if (code == HUB_OK) {
        code = amqp_grant_token(conn, user.password, problem);
    }
    if (code == HUB_OK && user.device.size > 0) {
        struct hub_principal principal;
        struct amqp_grant *grant = NULL;
        code = amqp_grant_device(conn, *key, &principal, &grant, problem);
    }
    conn->by_plain = code == HUB_OK;
    return code;
}

static enum hub_code external(struct amqp_conn *conn, struct problem *problem)
{
    struct net_client_certificate certificate;
    if (!net_conn_client_certificate(conn->net, &certificate)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "SASL EXTERNAL was chosen, but no client certificate came with TLS");
        return HUB_UNAUTHORIZED_ACCESS;
    }
    return HUB_OK;
}

static enum hub_code check_mechanism(struct amqp_conn *conn, const struct sasl_init *init,
                                     struct identity_key *key, struct problem *problem)
{
    if (str_equal(init->mechanism, STR("ANONYMOUS")) ||
        str_equal(init->mechanism, STR("MSSBCBS"))) {
        return HUB_OK;
    }
    if (str_equal(init->mechanism, STR("PLAIN"))) {
        return plain(conn, init->response, key, problem);
    }
    if (str_equal(init->mechanism, STR("EXTERNAL"))) {
        return external(conn, problem);
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "the client chose SASL %.*s; the hub has MSSBCBS, PLAIN, ANONYMOUS and EXTERNAL",
                STR_ARG(init->mechanism));
    return HUB_UNAUTHORIZED_ACCESS;
}

static size_t read_init(struct amqp_conn *conn, struct str data)
{
    struct problem problem = {.text = ""};
    struct sasl_init init;
    const enum sasl_result result = sasl_read_init(data, &init, &problem);
    if (result == SASL_NEED_MORE) {
        return 0;
    }
    if (result == SASL_MALFORMED) {
        refuse(conn, HUB_FORMAT_ERROR, problem.text);
        return data.size;
    }
    struct identity_key key = amqp_nobody;
    const enum hub_code code = check_mechanism(conn, &init, &key, &problem);
    sasl_append_outcome(net_conn_output(conn->net), code == HUB_OK ? SASL_OK : SASL_AUTH);
    if (code != HUB_OK) {
        amqp_conn_note_refused(conn, key, code, problem.text);
        amqp_conn_end(conn, problem.text);
        return data.size;
    }
    conn->state = AMQP_AFTER_SASL;
    return init.size;
}

size_t amqp_opening_received(struct amqp_conn *conn, struct str data)
{
    switch (conn->state) {
    case AMQP_HEADER:
    case AMQP_AFTER_SASL:
        return read_header(conn, data);
    case AMQP_SASL:
        return read_init(conn, data);
    case AMQP_ENGINE:
    case AMQP_ENDING:
        break;
    }
    return 0;
}
