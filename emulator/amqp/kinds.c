/* SPDX-License-Identifier: MIT */
/* All there is to attach to (device protocol reference, 9.4; service reference, 6 and 7). */
#include "amqp/kinds_internal.h"

const struct amqp_link_kind *const amqp_link_kinds[] = {
    &amqp_kind_cbs_requests,
    &amqp_kind_cbs_answers,
    &amqp_kind_telemetry,
    &amqp_kind_module_telemetry,
    NULL,
};
