/* SPDX-License-Identifier: MIT */
#include "base/sas.h"
#include "base/url.h"
#include "https/https_internal.h"

enum { RESOURCE_MAX = 4096 };

static struct str token_of(const struct https_request *request)
{
    const struct str token = http_header(request->exchange, "Authorization");
    return token.data == NULL ? STR_EMPTY : str_trim(token);
}

/* The host in a token's resource: "sb://hub.example/devices/d1" -> "hub.example". */
static struct str host_of(struct str resource)
{
    for (size_t i = 0; i < resource.size; i++) {
        if (str_starts(str_skip(resource, i), STR("://"))) {
            resource = str_skip(resource, i + 3);
            break;
        }
    }
    struct str host;
    struct str path;
    (void)str_cut(resource, '/', &host, &path);
    return host;
}

static struct hub *hub_of_token(struct https_request *request)
{
    struct sas_token token;
    if (sas_parse(token_of(request), &token, NULL) != STATUS_OK) {
        return NULL;
    }
    CLEANUP(buf_finish) struct buf resource = BUF_INIT(RESOURCE_MAX);
    url_decode_append(&resource, token.resource);
    const struct str host = host_of(buf_str(&resource));
    return host.size == 0 ? NULL : hubs_find(request->https->hubs, host, NULL);
}

bool https_find_hub(struct https_request *request)
{
    struct problem problem = {0};
    const struct str host = http_header(request->exchange, "Host");
    if (host.data != NULL && host.size > 0) {
        request->hub = hubs_find(request->https->hubs, host, &problem);
    } else {
        problem_set(&problem, PROBLEM_NO_OFFSET, "the request has no Host header");
    }
    if (request->hub == NULL) {
        request->hub = hub_of_token(request);
    }
    if (request->hub == NULL) {
        https_answer_error(request, HUB_IOTHUB_NOT_FOUND, problem.text);
        return false;
    }
    return true;
}

static enum hub_code authorize_service(struct https_request *request, struct problem *problem)
{
    const struct str token = token_of(request);
    if (str_starts_nocase(token, STR("Bearer "))) {
        problem_set(
            problem, PROBLEM_NO_OFFSET,
            "the request carries a Bearer token of Microsoft Entra ID, which only Azure can "
            "check; use a connection string of this hub");
        return HUB_UNAUTHORIZED_ACCESS;
    }
    CLEANUP(buf_finish) struct buf resource = BUF_INIT(RESOURCE_MAX);
    https_path_append(&resource, &request->path);
    return hub_authorize(request->hub, token, request->route->permission, buf_str(&resource),
                         problem);
}

static enum hub_code authorize_device(struct https_request *request, struct problem *problem)
{
    struct hub_credentials credentials = {.key = request->key, .token = token_of(request)};
    struct net_client_certificate sent;
    struct hub_certificate certificate;
    const struct net_conn *conn = http_conn(request->exchange);
    if (conn != NULL && net_conn_client_certificate(conn, &sent)) {
        certificate = (struct hub_certificate){
            .sha1 = sent.sha1,
            .sha256 = sent.sha256,
            .common_name = sent.common_name,
            .not_after_us = sent.not_after_us,
        };
        credentials.certificate = &certificate;
    }
    return hub_authenticate(request->hub, &credentials, &request->principal, problem);
}

bool https_authorize(struct https_request *request)
{
    struct problem problem = {0};
    const enum hub_code code = request->route->permission == HUB_DEVICE_CONNECT
                                   ? authorize_device(request, &problem)
                                   : authorize_service(request, &problem);
    if (code != HUB_OK) {
        https_answer_error(request, code, problem.text);
        return false;
    }
    return true;
}
