/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_DEVICE_ERRORS_INTERNAL_H
#define CLIENTS_DEVICE_ERRORS_INTERNAL_H

/* Filling a struct iothub_error, in the shape of `return device_failed(error, IOTHUB_..., "...");`.
 * `error` may be NULL everywhere. */
#include <iothub/common.h>

#include "base/attr.h"
#include "base/status.h"

enum iothub_result device_failed(struct iothub_error *error, enum iothub_result result,
                                 const char *format, ...) PRINTF_LIKE(3, 4);
enum iothub_result device_no_memory(struct iothub_error *error);

/* Says what the hub's refusal would be called in HTTP, and its own name for it ("" for none). */
void device_refusal(struct iothub_error *error, long http_status, const char *code);

/* What base/ reports, as the public headers do; `problem` holds the words. */
enum iothub_result device_status(enum status status, const struct problem *problem,
                                 struct iothub_error *error);

#endif
