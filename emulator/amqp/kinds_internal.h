/* SPDX-License-Identifier: MIT */
#ifndef AMQP_KINDS_INTERNAL_H
#define AMQP_KINDS_INTERNAL_H

/* The rows of the table in kinds.c, each defined in the file of its name. */
#include "amqp/amqp_internal.h"

extern const struct amqp_link_kind amqp_kind_cbs_requests, amqp_kind_cbs_answers; /* cbs.c */
extern const struct amqp_link_kind amqp_kind_telemetry, amqp_kind_module_telemetry;

#endif
