/* SPDX-License-Identifier: MIT */
#include "query/dialect_internal.h"
#include "query/row_internal.h"

/* The functions of twin queries and target conditions (reference, 1.4). A wrong argument makes the
 * call undefined. */

static const struct query_value undefined = {.type = QUERY_UNDEFINED};

static struct query_value is_defined(const struct query_node *arguments,
                                     const struct query_row *row)
{
    return query_boolean(query_evaluate(arguments, row).type != QUERY_UNDEFINED);
}

static bool two_strings(const struct query_node *arguments, const struct query_row *row,
                        struct str *ret_first, struct str *ret_second)
{
    const struct query_value first = query_evaluate(arguments, row);
    const struct query_value second = query_evaluate(arguments->next, row);
    if (first.type != QUERY_STRING || second.type != QUERY_STRING) {
        return false;
    }
    *ret_first = first.text;
    *ret_second = second.text;
    return true;
}

static struct query_value starts_with(const struct query_node *arguments,
                                      const struct query_row *row)
{
    struct str s;
    struct str prefix;
    return two_strings(arguments, row, &s, &prefix) ? query_boolean(str_starts(s, prefix))
                                                    : undefined;
}

static struct query_value ends_with(const struct query_node *arguments, const struct query_row *row)
{
    struct str s;
    struct str suffix;
    return two_strings(arguments, row, &s, &suffix) ? query_boolean(str_ends(s, suffix))
                                                    : undefined;
}

static bool written_array_contains(const struct query_node *array, const struct query_row *row,
                                   const struct query_value *wanted)
{
    const bool strict = row->query->dialect->types_must_match;
    for (const struct query_node *item = array->children; item != NULL; item = item->next) {
        const struct query_value element = query_evaluate(item, row);
        if (query_compare_equal(&element, wanted, strict, false) == TRUTH_TRUE) {
            return true;
        }
    }
    return false;
}

static bool json_array_contains(struct str json, const struct query_value *wanted, bool strict)
{
    struct query_value element;
    bool escaped = false;
    while (query_array_next(&json, &element, &escaped)) {
        const bool same =
            escaped ? wanted->type == QUERY_STRING && query_raw_equal(element.text, wanted->text)
                    : query_compare_equal(&element, wanted, strict, false) == TRUTH_TRUE;
        if (same) {
            return true;
        }
    }
    return false;
}

static struct query_value array_contains(const struct query_node *arguments,
                                         const struct query_row *row)
{
    const struct query_value array = query_evaluate(arguments, row);
    const struct query_value wanted = query_evaluate(arguments->next, row);
    if (array.type != QUERY_ARRAY || wanted.type == QUERY_UNDEFINED || wanted.type == QUERY_ARRAY ||
        wanted.type == QUERY_OBJECT) {
        return undefined;
    }
    return query_boolean(
        arguments->kind == NODE_ARRAY
            ? written_array_contains(arguments, row, &wanted)
            : json_array_contains(array.text, &wanted, row->query->dialect->types_must_match));
}

static struct query_value is_type(const struct query_node *argument, const struct query_row *row,
                                  enum query_type from, enum query_type to)
{
    const enum query_type type = query_evaluate(argument, row).type;
    return query_boolean(type >= from && type <= to);
}

static struct query_value is_null(const struct query_node *argument, const struct query_row *row)
{
    return is_type(argument, row, QUERY_NULL, QUERY_NULL);
}

static struct query_value is_bool(const struct query_node *argument, const struct query_row *row)
{
    return is_type(argument, row, QUERY_BOOLEAN, QUERY_BOOLEAN);
}

static struct query_value is_number(const struct query_node *argument, const struct query_row *row)
{
    return is_type(argument, row, QUERY_NUMBER, QUERY_NUMBER);
}

static struct query_value is_string(const struct query_node *argument, const struct query_row *row)
{
    return is_type(argument, row, QUERY_STRING, QUERY_STRING);
}

static struct query_value is_array(const struct query_node *argument, const struct query_row *row)
{
    return is_type(argument, row, QUERY_ARRAY, QUERY_ARRAY);
}

static struct query_value is_object(const struct query_node *argument, const struct query_row *row)
{
    return is_type(argument, row, QUERY_OBJECT, QUERY_OBJECT);
}

static struct query_value is_primitive(const struct query_node *argument,
                                       const struct query_row *row)
{
    return is_type(argument, row, QUERY_NULL, QUERY_STRING);
}

#define FUNCTION(text, count, path, function)                                                      \
    {                                                                                              \
        .name = (text), .arguments = (count), .arguments_max = (count), .wants_path = (path),      \
        .call = (function)                                                                         \
    }

const struct query_function query_twin_functions[QUERY_TWIN_FUNCTION_COUNT] = {
    FUNCTION("IS_DEFINED", 1, true, is_defined),
    FUNCTION("STARTSWITH", 2, false, starts_with),
    FUNCTION("ENDSWITH", 2, false, ends_with),
    FUNCTION("ARRAY_CONTAINS", 2, false, array_contains),
    FUNCTION("IS_NULL", 1, false, is_null),
    FUNCTION("IS_BOOL", 1, false, is_bool),
    FUNCTION("IS_NUMBER", 1, false, is_number),
    FUNCTION("IS_STRING", 1, false, is_string),
    FUNCTION("IS_ARRAY", 1, false, is_array),
    FUNCTION("IS_OBJECT", 1, false, is_object),
    FUNCTION("IS_PRIMITIVE", 1, false, is_primitive),
};

/* The hub runs a target condition as a twin query (reference, 6.2), so it accepts the same. */
const struct query_function query_target_functions[QUERY_TARGET_FUNCTION_COUNT] = {
    FUNCTION("IS_DEFINED", 1, true, is_defined),
    FUNCTION("STARTSWITH", 2, false, starts_with),
    FUNCTION("ENDSWITH", 2, false, ends_with),
    FUNCTION("ARRAY_CONTAINS", 2, false, array_contains),
    FUNCTION("IS_NULL", 1, false, is_null),
    FUNCTION("IS_BOOL", 1, false, is_bool),
    FUNCTION("IS_NUMBER", 1, false, is_number),
    FUNCTION("IS_STRING", 1, false, is_string),
    FUNCTION("IS_ARRAY", 1, false, is_array),
    FUNCTION("IS_OBJECT", 1, false, is_object),
    FUNCTION("IS_PRIMITIVE", 1, false, is_primitive),
};
