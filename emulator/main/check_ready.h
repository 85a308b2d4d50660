/* SPDX-License-Identifier: MIT */
#ifndef MAIN_CHECK_READY_H
#define MAIN_CHECK_READY_H

#include <stdbool.h>
#include <stdint.h>

/* Asks 127.0.0.1:port's /readyz, for at most two seconds: the container's health check. */
bool check_ready(uint16_t port);

#endif
