/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_NAIVE_QUERY_INTERNAL_H
#define TESTS_FUZZ_NAIVE_QUERY_INTERNAL_H

/* What naive_query.c (values and expressions) and naive_result.c (rows and groups) share. */
#include "naive_query.h"

enum naive_type {
    NAIVE_TYPE_UNDEFINED,
    NAIVE_TYPE_NULL,
    NAIVE_TYPE_BOOLEAN,
    NAIVE_TYPE_NUMBER,
    NAIVE_TYPE_STRING,
    NAIVE_TYPE_ARRAY,
    NAIVE_TYPE_OBJECT
};

/* A value of section 3.1. */
struct naive_value {
    enum naive_type type;
    bool boolean;
    double number;
    const char *text;
    const cJSON *tree;              /* ARRAY, OBJECT of a document */
    const struct naive_node *array; /* ARRAY that was written in the query */
};

struct naive_context {
    const char *collection;
    const cJSON *document;
};

struct naive_value naive_value(const cJSON *tree); /* NULL: undefined */

/* Where a path leads; NULL: nowhere. */
const cJSON *naive_find(const struct naive_context *context, const struct naive_path *path);

bool naive_is_primitive(struct naive_value value);

/* Of two primitive values of one type: <0, 0, >0. */
int naive_order(struct naive_value a, struct naive_value b);

/* Whether WHERE, or the lack of one, lets the document through (3.2). */
bool naive_passes(const struct naive_node *where, const struct naive_context *context);

#endif
