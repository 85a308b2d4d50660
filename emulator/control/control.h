/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

/*
 * The control endpoint: what a test and a person may ask of the emulator itself, over plain HTTP on
 * loopback. It answers only to names of this machine and to pages that came from it, so that a web
 * page elsewhere cannot drive it.
 *
 *   GET  /healthz             alive: 200
 *   GET  /readyz              200 once every listener is bound and the seed applied, else 503
 *   GET  /ca.pem              the certificate authority to trust
 *   GET  /metrics             Prometheus text
 *   GET  /hubs                names and figures
 *   POST /hubs/{name}/reset   back to the start: 204
 *   GET  /journal             rows: ?after=N&device=ID&kind=a,b&limit=N&timeout=S&hub=NAME
 *   POST /query/explain       {"query": "SELECT ..."}, ?hub=NAME: runs the query to its end and
 *                             answers how: {"query": in its canonical form, "tree": as parsed,
 *                             "itemType": "Twin", "access": "scan", "rowsRead": N,
 *                             "rowsReturned": N, "timeMs": 1.234}
 */
#include "base/status.h"
#include "base/str.h"
#include "hub/hub.h"
#include "net/http.h"

struct control;

struct control_config {
    struct net *net;     /* borrowed */
    struct hubs *hubs;   /* borrowed */
    struct str hub_name; /* of the hub that /journal shows unless told otherwise; borrowed */
    struct str ca_pem;   /* borrowed */
    const char *version;
};

MUST_CHECK enum status control_create(const struct control_config *config,
                                      struct control **ret_control);
void control_destroy(struct control *control); /* before net_destroy(); takes NULL */

/* The endpoint for net_listen(), with http_protocol(). */
struct http_server *control_server(struct control *control);

void control_set_ready(struct control *control); /* from now on /readyz says yes */

#endif
