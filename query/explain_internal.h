/* SPDX-License-Identifier: MIT */
#ifndef QUERY_EXPLAIN_INTERNAL_H
#define QUERY_EXPLAIN_INTERNAL_H

/* How a refused query is explained to the one who wrote it. */
#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"

/*
 * Fills the problem in the service's form (reference, section 4), "SQL query parse failed due to
 * following errors: \n\tLine 1:29 ...", and returns STATUS_INVALID. Lines and columns count from 1,
 * columns in characters.
 */
enum status query_explain(struct problem *problem, struct str text, size_t offset,
                          const char *format, ...) PRINTF_LIKE(4, 5);

/* A token as an error quotes it: `'LIKE'`, cut when long, or "end of the query". */
#define QUERY_QUOTE_SIZE 64U
const char *query_explain_quote(struct str token, char out[QUERY_QUOTE_SIZE]);

#endif
