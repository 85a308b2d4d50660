/* SPDX-License-Identifier: MIT */
#ifndef QUERY_CHECK_INTERNAL_H
#define QUERY_CHECK_INTERNAL_H

/*
 * The checker: fills in what ast_internal.h marks "checked", and refuses what the grammar allows
 * but the reference does not (3.7, 3.8, 3.10).
 */
#include "query/ast_internal.h"

struct query_checker {
    struct query *query;
    struct arena *arena;
    struct problem *problem;
    struct query_source *slots; /* every path's slot, newest first, linked by next */
    size_t slot_count;
};

/* STATUS_INVALID when the text is at fault, STATUS_NO_MEMORY when the arena refuses. */
MUST_CHECK enum status query_check(struct query *query, struct arena *arena,
                                   struct problem *problem);

/* The same for a message route (reference, 6.1): static types, and a slot for each path. */
MUST_CHECK enum status query_check_route(struct query *query, struct arena *arena,
                                         struct problem *problem);

/* Finds the function of a call; refuses unknown ones and wrong numbers of arguments. */
MUST_CHECK enum status query_check_call(const struct query_checker *checker,
                                        struct query_node *node);

/*
 * Resolves one path (reference, 2.1): drops a collection prefix, puts system names into their
 * canonical case, and notes the source with the checker. Adds the attributes it reads to *needs.
 */
MUST_CHECK enum status query_resolve(struct query_checker *checker, struct query_path *path,
                                     uint64_t *needs);

/* Numbers the slots when all paths are resolved: equal ones share one number. */
MUST_CHECK enum status query_number_slots(struct query_checker *checker);

/* Reads the hints of struct query_info off the top-level conjuncts of WHERE. */
MUST_CHECK enum status query_find_access(struct query *query, struct arena *arena);

#endif
