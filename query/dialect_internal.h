/* SPDX-License-Identifier: MIT */
#ifndef QUERY_DIALECT_INTERNAL_H
#define QUERY_DIALECT_INTERNAL_H

/*
 * What differs between the languages that share this grammar and this evaluator: the names that can
 * be addressed, the functions, and the points where the reference leaves a choice. Twin queries are
 * the one dialect here; target conditions (reference, 6.2) and message routes (6.1) bring tables of
 * their own, never a shared one.
 */
#include "query/ast_internal.h"

enum query_entry_kind {
    ENTRY_VALUE,  /* an attribute with nothing below it */
    ENTRY_JSON,   /* an attribute given as JSON: anything may be below it */
    ENTRY_OBJECT, /* an object of the hub's own, with the members listed */
};

struct query_entry {
    const char
        *name; /* in canonical case; "" in an object: members of this JSON stand in the object */
    enum query_entry_kind kind;
    enum query_attribute attribute;    /* VALUE, JSON */
    bool exact_case;                   /* else the name is found in any letter case */
    unsigned collections;              /* 1 << enum query_collection; 0: wherever its parent is */
    const struct query_entry *members; /* OBJECT */
    size_t member_count;
};

struct query_function {
    const char *name;
    size_t arguments;
    bool wants_path; /* its argument must be a path */
    struct query_value (*call)(const struct query_node *arguments, const struct query_row *row);
};

struct query_dialect {
    const struct query_entry *entries;
    size_t entry_count;
    const struct query_function *functions;
    size_t function_count;
    /* Open question 1 of the reference: `NOT a = b` is NOT (a = b), or, in routes, (NOT a) = b. */
    bool not_binds_tight;
    /* Open question 2: values of two primitive types are unequal (P1), or cannot be compared (P2).
     */
    bool types_must_match;
};

extern const struct query_dialect query_twin_dialect;

/* The functions of twin queries, in function.c. */
#define QUERY_TWIN_FUNCTION_COUNT 11U
extern const struct query_function query_twin_functions[QUERY_TWIN_FUNCTION_COUNT];

#endif
