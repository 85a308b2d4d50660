/* SPDX-License-Identifier: MIT */
#ifndef BASE_JSON_H
#define BASE_JSON_H

/*
 * JSON: cJSON trees with the strictness, the explanations and the exact numbers that cJSON leaves
 * out. All trees are cJSON's and are freed with cJSON_Delete (json_destroyp for CLEANUP).
 */
#include <cjson/cJSON.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

#define JSON_DEPTH_MAX 64U

/*
 * Parses one whole RFC 8259 text: well-formed UTF-8, nothing before or after but white space, depth
 * at most JSON_DEPTH_MAX, no duplicate names kept (the last wins). Refused although the grammar
 * allows them, since a tree could not hold them unchanged: "\u0000", half a surrogate pair,
 * numbers out of a double's range or longer than 63 characters. On STATUS_INVALID the problem says
 * what stood where ("unexpected ',' at byte 17, expected a value").
 */
MUST_CHECK enum status json_parse(struct str text, cJSON **ret_tree, struct problem *problem);

/* The same check without building anything. */
MUST_CHECK enum status json_check(struct str text, struct problem *problem);

void json_destroyp(cJSON **tree); /* for CLEANUP; takes a pointer to NULL */

/* Writers. Strings are escaped as short as JSON allows; text that is not UTF-8 gets U+FFFD in place
 * of each bad byte. Numbers are the shortest text that reads back as the same double; whole numbers
 * of up to 2^53 have no exponent; what is no number at all (NaN, infinity) is written as null. A
 * NULL tree is one that could not be built: the buffer fails with STATUS_NO_MEMORY. A cJSON_Raw
 * node is written as it is. */
void json_append_string(struct buf *out, struct str s);
void json_append_number(struct buf *out, double number);
void json_append_tree(struct buf *out, const cJSON *tree);

/*
 * Object members without cJSON's case folding. json_member gives NULL when `object` is NULL, no
 * object, or lacks the name. The typed readers answer false/STR_EMPTY and leave the output when the
 * member is missing or of another type. A struct str points into the tree.
 */
cJSON *json_member(const cJSON *object, const char *name);
bool json_member_str(const cJSON *object, const char *name, struct str *ret_value);
bool json_member_bool(const cJSON *object, const char *name, bool *ret_value);
bool json_member_number(const cJSON *object, const char *name, double *ret_value);
struct str json_str(const cJSON *string_node); /* "" when it is no string */

#endif
