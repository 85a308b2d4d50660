/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_HTTP_DATE_H
#define CLIENTS_CLI_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Reads an HTTP date, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), as seconds since 1970.
 * False, leaving *ret_time_s, for anything else, the obsolete forms too. */
bool http_date_read(struct str text, int64_t *ret_time_s);

#endif
