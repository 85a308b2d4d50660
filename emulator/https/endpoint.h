/* SPDX-License-Identifier: MIT */
#ifndef HTTPS_ENDPOINT_H
#define HTTPS_ENDPOINT_H

/*
 * The hub's REST endpoint: the service's registry, twins, methods, queries and statistics, and the
 * device's telemetry (service reference, 2 to 5; device protocol reference, 8.1 and 8.2). A request
 * becomes hub calls, a hub answer becomes status, headers and body; nothing is kept between
 * requests.
 */
#include "base/attr.h"
#include "base/status.h"
#include "hub/hub.h"
#include "net/http.h"
#include "net/net.h"

struct https;

/* Borrows both until https_destroy(), which comes before theirs. */
MUST_CHECK enum status https_create(struct net *net, struct hubs *hubs, struct https **ret_https);
void https_destroy(struct https *https); /* takes NULL */

/* For listeners: protocol http_protocol(), and this as the endpoint. */
struct http_server *https_server(struct https *https);

#endif
