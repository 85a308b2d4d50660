/* SPDX-License-Identifier: MIT */
#ifndef QUERY_DIALECT_INTERNAL_H
#define QUERY_DIALECT_INTERNAL_H

/*
 * What differs between the languages that share this grammar and this evaluator: the names that can
 * be addressed, the functions, the words and rules of expressions, and the points where the
 * reference leaves a choice. Twin queries and the queryCondition of jobs are one dialect; target
 * conditions (reference, 6.2) and message routes (6.1) have tables of their own, never a shared
 * one.
 */
#include "query/ast_internal.h"
#include "query/lexer_internal.h"

struct query_parser;

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

/* What is known of an expression's value before there is a message; sets of them are masks. */
enum query_static_type {
    STATIC_BOOLEAN = 1,
    STATIC_NUMBER = 2,
    STATIC_STRING = 4,
    STATIC_NULL = 8,
    STATIC_UNDEFINED = 16,
    STATIC_DYNAMIC = 32, /* of $body and $twin: anything */
    STATIC_ANY = 63,
};

#define QUERY_FUNCTION_TYPES_MAX 3U

struct query_function {
    const char *name;
    size_t arguments;     /* at least */
    size_t arguments_max; /* SIZE_MAX: any number */
    bool wants_path;      /* its argument must be a path */
    struct query_value (*call)(const struct query_node *arguments, const struct query_row *row);
    /* routes: the types of the arguments, the last for all that follow, and of the value */
    unsigned takes[QUERY_FUNCTION_TYPES_MAX];
    enum query_static_type gives;
};

/* A word that stands where it cannot, and what to write instead. */
struct query_advice {
    const char *word;
    const char *advice;
};

struct query_dialect {
    enum query_syntax syntax;
    struct query_node *(*parse_expression)(struct query_parser *parser);
    const struct query_advice *advices;
    size_t advice_count;
    const struct query_entry *entries;
    size_t entry_count;
    const struct query_function *functions;
    size_t function_count;
    /* Open question 1 of the reference: `NOT a = b` is NOT (a = b), or, in routes, (NOT a) = b. */
    bool not_binds_tight;
    /* Open question 2: values of two primitive types are unequal (P1), or cannot be compared (P2).
     */
    bool types_must_match;
    bool has_no_lists;    /* IN and NIN are refused */
    bool is_restricted;   /* only what `entries` lists may be addressed */
    bool null_is_logical; /* AND, OR and NOT know null (reference, 6.1) */
};

extern const struct query_dialect query_twin_dialect;
extern const struct query_dialect query_target_dialect;
extern const struct query_dialect query_route_dialect;

/* function.c */
#define QUERY_TWIN_FUNCTION_COUNT 11U
extern const struct query_function query_twin_functions[QUERY_TWIN_FUNCTION_COUNT];
#define QUERY_TARGET_FUNCTION_COUNT 11U
extern const struct query_function query_target_functions[QUERY_TARGET_FUNCTION_COUNT];

/* route_function.c */
#define QUERY_ROUTE_FUNCTION_COUNT 26U
extern const struct query_function query_route_functions[QUERY_ROUTE_FUNCTION_COUNT];

/* advice.c */
#define QUERY_TWIN_ADVICE_COUNT 41U
extern const struct query_advice query_twin_advices[QUERY_TWIN_ADVICE_COUNT];
#define QUERY_ROUTE_ADVICE_COUNT 20U
extern const struct query_advice query_route_advices[QUERY_ROUTE_ADVICE_COUNT];

/* What to write instead of a word of other SQL dialects, or of another dialect of this language,
 * that stands where it cannot: "use STARTSWITH(path, 'text')". NULL for other words. */
const char *query_advice_for(const struct query_dialect *dialect, struct str word);

#endif
