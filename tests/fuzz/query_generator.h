/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_QUERY_GENERATOR_H
#define TESTS_FUZZ_QUERY_GENERATOR_H

/*
 * Bytes become a query that is right: its tree for naive_query.h, and its text, in which
 * everything that may vary does: letter case, spaces, parentheses, quotes, escapes, prefixes.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "naive_query.h"

/* Everything lives in the arena and in constants. */
void query_generate(struct str bytes, struct arena *arena, struct naive_query *ret_query,
                    struct buf *text);

#endif
