/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_NAIVE_QUERY_H
#define TESTS_FUZZ_NAIVE_QUERY_H

/*
 * The query language a second time, as simply as the reference tells it (sections 2 and 3): a tree
 * that is walked over whole cJSON documents. It shares nothing with query/ and need not be fast; it
 * is what query/ is compared with. Trees are made by a generator, never from text.
 */
#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

enum naive_kind {
    NAIVE_NUMBER,
    NAIVE_STRING,
    NAIVE_TRUE,
    NAIVE_FALSE,
    NAIVE_NULL,
    NAIVE_UNDEFINED,
    NAIVE_PATH,
    NAIVE_ARRAY, /* written: [1, a.b] */
    NAIVE_CALL,
    NAIVE_NEGATE,
    NAIVE_NOT,
    NAIVE_BINARY, /* arithmetic, comparison, AND, OR: `op` */
    NAIVE_IN,     /* the left side, then constants */
    NAIVE_NIN,
};

/* Operators and functions go by the names of the reference: "+", "!=", "AND", "STARTSWITH". */
#define NAIVE_CHILDREN_MAX 4
#define NAIVE_NAMES_MAX    8

struct naive_path {
    const char *names[NAIVE_NAMES_MAX]; /* as written, without quotes */
    size_t count;
};

struct naive_node {
    enum naive_kind kind;
    const char *op;
    double number;
    const char *text; /* STRING: its value; NUMBER: how it is written */
    struct naive_path path;
    struct naive_node *children[NAIVE_CHILDREN_MAX];
    size_t count;
};

struct naive_column {
    const char *aggregate; /* "" for a plain path */
    struct naive_path path;
    const char *key; /* the alias, or the key that stands for it */
};

#define NAIVE_COLUMNS_MAX 4
#define NAIVE_GROUPS_MAX  2

struct naive_query {
    const char *collection; /* "devices", "devices.modules", "devices.jobs" */
    struct naive_column columns[NAIVE_COLUMNS_MAX];
    size_t column_count;            /* 0: SELECT * */
    const struct naive_node *where; /* NULL: none */
    struct naive_path groups[NAIVE_GROUPS_MAX];
    size_t group_count;
    int top; /* 0: none */
};

/* The rows, in order, as a JSON array; for SELECT * the documents themselves. */
cJSON *naive_run(const struct naive_query *query, const cJSON *documents);

/* Whether a first name is one of the system's, which are found in any letter case. */
bool naive_is_system_name(const char *collection, const char *name);

/* The key of a column without an alias: its last name, a system name in its canonical case. */
const char *naive_key(const char *collection, const struct naive_path *path);

#endif
