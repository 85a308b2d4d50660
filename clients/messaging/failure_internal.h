/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_MESSAGING_FAILURE_INTERNAL_H
#define CLIENTS_MESSAGING_FAILURE_INTERNAL_H

/*
 * What went wrong, made into a struct iothub_error. Each function returns the result that it wrote;
 * `error` may be NULL.
 */
#include <proton/condition.h>

#include <iothub/common.h>

#include "base/status.h"

enum iothub_result failure(struct iothub_error *error, enum iothub_result result,
                           const char *format, ...) PRINTF_LIKE(3, 4);
enum iothub_result failure_status(struct iothub_error *error, enum status status,
                                  const struct problem *problem);

/*
 * The other side's condition: its name, the status that its description or its name stands for, and
 * its words, taken out of the JSON they come in (service API reference, 6.4). `what` was refused:
 * "the message". A condition that passes by itself is IOTHUB_UNAVAILABLE.
 */
enum iothub_result failure_condition(struct iothub_error *error, pn_condition_t *condition,
                                     const char *what);

/* The same for a status and a description, as answers to requests have them. */
enum iothub_result failure_answer(struct iothub_error *error, long http_status,
                                  const char *condition, const char *description, const char *what);

#endif
