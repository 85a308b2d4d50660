/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "base/log.h"
#include "net/http_internal.h"
#include "net/upgrade_internal.h"

/*
 * A connection's first request decides what the connection is: until then its bytes wait in net's
 * input, and libmicrohttpd does not know of it. One that becomes a WebSocket has no session here
 * any more: net unframes its bytes for the protocol inside.
 */

static void refuse(struct http_session *session, const struct upgrade_answer *answer,
                   const char *why)
{
    const struct http_server_config *config = &session->server->config;
    if (config->websocket_refused != NULL) {
        config->websocket_refused(config->ctx, session->conn, why);
    } else {
        LOG_WARN("net", "conn=%" PRIu64 " peer=%.*s refused with %u: %s", session->conn_id,
                 STR_ARG(net_conn_peer(session->conn)), answer->http_status, why);
    }
    upgrade_append_refused(net_conn_output(session->conn), answer, why);
    session->refused = true;
    net_conn_close(session->conn, why);
}

static void become_websocket(struct http_session *session, const struct upgrade_answer *answer)
{
    struct net_conn *conn = session->conn;
    LOG_DEBUG("net", "conn=%" PRIu64 " is a WebSocket for %s", session->conn_id,
              answer->websocket->sub_protocol);
    upgrade_append_accepted(net_conn_output(conn), answer);
    if (!conn_upgrade(conn, answer->websocket->protocol, answer->websocket->endpoint)) {
        session->refused = true;
        net_conn_reset(conn, "out of memory");
        return;
    }
    http_session_free(session);
}

enum http_first http_session_judge(struct http_session *session, struct str data)
{
    const struct http_server *server = session->server;
    struct upgrade_answer answer;
    struct problem problem;
    switch (upgrade_read(data, server->websockets, server->websocket_count, &answer, &problem)) {
    case UPGRADE_NONE:
        return HTTP_FIRST_REQUEST;
    case UPGRADE_NEED_MORE:
        return HTTP_FIRST_WAITS;
    case UPGRADE_ACCEPTED:
        become_websocket(session, &answer);
        return HTTP_FIRST_DONE;
    case UPGRADE_REFUSED:
        refuse(session, &answer, problem.text);
        return HTTP_FIRST_DONE;
    }
    return HTTP_FIRST_REQUEST;
}
