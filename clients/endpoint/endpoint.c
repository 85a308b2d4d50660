/* SPDX-License-Identifier: MIT */
#include "clients/endpoint/endpoint.h"

#include <assert.h>

/* Only what can stand in a name or an address; "https://host/" and "my hub" are common slips. */
static bool host_is_plausible(struct str host)
{
    for (size_t i = 0; i < host.size; i++) {
        const char c = host.data[i];
        if (c <= ' ' || c > '~' || c == '/' || c == '[' || c == ']' || c == '@') {
            return false;
        }
    }
    return host.size > 0 && host.size < ENDPOINT_HOST_SIZE;
}

/*
 * Cuts the port off. Two colons and no bracket are an IPv6 address, whose colons are its own.
 * *ret_port keeps its value when there is no port.
 */
static bool split(struct str text, struct str *ret_host, struct str *ret_port)
{
    struct str host = STR_EMPTY;
    struct str rest = STR_EMPTY;
    if (str_starts(text, STR("["))) {
        if (!str_cut(str_skip(text, 1), ']', ret_host, &rest)) {
            return false;
        }
        if (rest.size == 0) {
            return true;
        }
        *ret_port = str_skip(rest, 1);
        return rest.data[0] == ':';
    }
    if (!str_cut(text, ':', &host, &rest) || str_find(rest, ':') != SIZE_MAX) {
        *ret_host = text;
        return true;
    }
    *ret_host = host;
    *ret_port = rest;
    return true;
}

enum status endpoint_parse(struct str text, uint16_t port_default, struct endpoint *ret_endpoint,
                           struct problem *problem)
{
    assert(port_default != 0);

    struct str host = STR_EMPTY;
    struct str port_text = {0};
    if (!split(text, &host, &port_text) || !host_is_plausible(host)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "\"%.*s\" is not a host name; write it as in \"myhub.azure-devices.net\" or "
                    "\"localhost:8883\", with no \"https://\" before it",
                    STR_ARG(text));
        return STATUS_INVALID;
    }
    uint64_t port = port_default;
    if (port_text.data != NULL && (!str_to_u64(port_text, &port) || port == 0 || port > 65535)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "\"%.*s\" in \"%.*s\" is not a port (1 to 65535)",
                    STR_ARG(port_text), STR_ARG(text));
        return STATUS_INVALID;
    }
    memcpy(ret_endpoint->host, host.data, host.size);
    ret_endpoint->host[host.size] = '\0';
    ret_endpoint->port = (uint16_t)port;
    return STATUS_OK;
}
