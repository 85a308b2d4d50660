/* SPDX-License-Identifier: MIT */
/* All there is to attach to (device protocol reference, 9.4; service reference, 6 and 7). */
#include "amqp/kinds_internal.h"

const struct amqp_link_kind *const amqp_link_kinds[] = {
    &amqp_kind_cbs_requests,
    &amqp_kind_cbs_answers,
    &amqp_kind_telemetry,
    &amqp_kind_module_telemetry,
    &amqp_kind_devicebound,
    &amqp_kind_module_devicebound,
    &amqp_kind_module_inputs,
    &amqp_kind_twin_requests,
    &amqp_kind_twin_answers,
    &amqp_kind_module_twin_requests,
    &amqp_kind_module_twin_answers,
    &amqp_kind_method_calls,
    &amqp_kind_method_answers,
    &amqp_kind_module_method_calls,
    &amqp_kind_module_method_answers,
    &amqp_kind_service_send,
    &amqp_kind_feedback,
    &amqp_kind_file_notifications,
    &amqp_kind_events,
    &amqp_kind_management_requests,
    &amqp_kind_management_answers,
    &amqp_kind_named_management_requests,
    &amqp_kind_named_management_answers,
    &amqp_kind_redirected_events,
    &amqp_kind_redirected_management_requests,
    &amqp_kind_redirected_management,
    NULL,
};
