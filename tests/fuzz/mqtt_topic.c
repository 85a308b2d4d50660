/* SPDX-License-Identifier: MIT */
/*
 * The first line is a user name, the second a topic and filter: what it names must lie inside the
 * input, and what is refused must say why.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mqtt/topic.h"
#include "mqtt/username.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_inside(struct str part, struct str whole)
{
    check(part.size == 0 || (part.data >= whole.data && part.size <= whole.size &&
                             part.data + part.size <= whole.data + whole.size));
}

static void try_name(const struct topic_owner *owner, struct str name)
{
    struct topic topic;
    struct problem problem = {0};
    const enum topic_operation operation = topic_read(owner, name, &topic, &problem);
    check(operation == topic.operation);
    check((operation == TOPIC_FORBIDDEN) == (problem.text[0] != '\0'));
    check_inside(topic.bag, name);
    check_inside(topic.request_id, name);
    check(operation == TOPIC_TWIN_GET || operation == TOPIC_METHOD_RESPONSE
              ? topic.request_id.size > 0
              : true);
}

static void try_filter(const struct topic_owner *owner, struct str filter)
{
    struct str method;
    struct problem problem = {0};
    const enum topic_flow flow = topic_read_filter(owner, filter, &method, &problem);
    check((flow == TOPIC_FLOW_FORBIDDEN) == (problem.text[0] != '\0'));
    check((flow == TOPIC_FLOW_METHOD) == (method.size > 0));
    check_inside(method, filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str line;
    struct str name;
    (void)str_cut(str_of(data, size), '\n', &line, &name);
    struct username username;
    struct problem problem = {0};
    if (!username_parse(line, &username, &problem)) {
        check(problem.text[0] != '\0');
        return 0;
    }
    check(username.host.size > 0 && username.device_id.size > 0);
    check_inside(username.host, line);
    check_inside(username.device_id, line);
    check_inside(username.module_id, line);
    check_inside(username.api_version, line);
    check_inside(username.device_client_type, line);
    check_inside(username.model_id, line);
    const struct topic_owner owner = {
        .device_id = username.device_id,
        .module_id = username.module_id,
    };
    try_name(&owner, name);
    try_filter(&owner, name);
    return 0;
}
