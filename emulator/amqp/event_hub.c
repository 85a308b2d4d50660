/* SPDX-License-Identifier: MIT */
#include "amqp/event_hub.h"

bool amqp_event_hub_named(const struct hub *hub, struct str name, struct problem *problem)
{
    if (str_equal_nocase(name, hub_name(hub))) {
        return true;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "there is no event hub '%.*s' here: the connection string needs EntityPath=%.*s",
                STR_ARG(name), STR_ARG(hub_name(hub)));
    return false;
}

bool amqp_event_hub_partition(const struct hub *hub, struct str number, unsigned *ret_partition,
                              struct problem *problem)
{
    uint64_t partition = 0;
    if (str_to_u64(number, &partition) && partition < hub_partitions(hub)) {
        *ret_partition = (unsigned)partition;
        return true;
    }
    /* The service's own text. */
    problem_set(problem, PROBLEM_NO_OFFSET,
                "The specified partition is invalid for an EventHub partition sender or receiver. "
                "It should be between 0 and %u. It is '%.*s'.",
                hub_partitions(hub) - 1, STR_ARG(number));
    return false;
}

void amqp_event_hub_refuse(struct amqp_link *link, const char *condition, enum hub_code code,
                           const char *why)
{
    amqp_conn_note_refused(link->conn, (struct identity_key){0}, code, why);
    const struct amqp_error error = {.condition = condition, .description = why};
    amqp_link_detach(link, &error);
}
