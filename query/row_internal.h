/* SPDX-License-Identifier: MIT */
#ifndef QUERY_ROW_INTERNAL_H
#define QUERY_ROW_INTERNAL_H

/* The values of one document at the slots of one query, and what reads them. */
#include <cjson/cJSON.h>

#include "query/ast_internal.h"

/* What the row of a message route has besides (route_message.c). */
struct query_route_state {
    cJSON *body, *twin; /* owned; the strings of the row's values are in them. NULL: not asked for,
                           or no JSON */
    struct arena texts; /* what functions made, while one condition is judged */
    enum status failed; /* why a text could not be made; the judgement is void */
};

struct query_row {
    const struct query *query;
    struct query_value *values;      /* one per slot; owned, as is `decided` */
    bool *decided;                   /* per slot: the document was searched there */
    struct arena scratch;            /* strings that had escapes */
    struct query_route_state *route; /* owned; NULL: no message route */
};

/*
 * The value at a source. An object put together from parts has no text here: it is an object when
 * any of its parts is defined, and query_source_append() writes it out.
 */
const struct query_value *query_source_value(const struct query_source *source,
                                             const struct query_row *row);

/* Appends the source's value as JSON; nothing when it is undefined. */
void query_source_append(const struct query_source *source, const struct query_row *row,
                         struct buf *out);
void query_value_append(const struct query_value *value, struct buf *out);

/* The value of an expression. */
struct query_value query_evaluate(const struct query_node *node, const struct query_row *row);

/* `a = b` by the rules of reference 3.4: 1 true, 0 false, -1 undefined. */
enum query_truth { TRUTH_UNDEFINED = -1, TRUTH_FALSE = 0, TRUTH_TRUE = 1 };
enum query_truth query_truth_of(bool value);
enum query_truth query_truth_not(enum query_truth truth);
struct query_value query_value_of(enum query_truth truth);
enum query_truth query_compare_equal(const struct query_value *a, const struct query_value *b,
                                     bool types_must_match, bool ignores_case);

/* Any comparison; `ignores_case` is for = and !=. */
enum query_truth query_compare(enum query_op op, const struct query_value *a,
                               const struct query_value *b, bool types_must_match,
                               bool ignores_case);

/* a + b and so on; undefined when a side is no number, or the result none. */
struct query_value query_apply(enum query_op op, const struct query_value *a,
                               const struct query_value *b);

/* The order of two values of one primitive type: <0, 0, >0. */
int query_value_order(const struct query_value *a, const struct query_value *b);

/*
 * Steps through a JSON array. *rest is the array's text at first. True with the next element in
 * *ret_element; a string's text is then raw, between its quotes, and *ret_escaped says whether it
 * has escapes (query_raw_equal compares such a text). False at the end, or where it is no JSON.
 */
bool query_array_next(struct str *rest, struct query_value *ret_element, bool *ret_escaped);
bool query_raw_equal(struct str raw, struct str plain);

/* ---- message routes ---- */

MUST_CHECK enum status query_route_state_create(struct query_route_state **ret_state);
void query_route_state_clear(struct query_route_state *state);
void query_route_state_destroy(struct query_route_state *state); /* takes NULL */

/* NOT, AND and OR that know null; chains of comparisons, of ??, and of + - || with a || in it. */
struct query_value query_route_logic(const struct query_node *node, const struct query_row *row);
struct query_value query_route_comparison(const struct query_node *node,
                                          const struct query_row *row);
struct query_value query_route_coalesce(const struct query_node *node, const struct query_row *row);
struct query_value query_route_sum(const struct query_node *node, const struct query_row *row);

/* `joined` in the route's texts: a string, or undefined when there is no room. */
struct query_value query_route_text(const struct query_row *row, const struct buf *joined);

#endif
