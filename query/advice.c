/* SPDX-License-Identifier: MIT */
#include "query/dialect_internal.h"

/* Twin queries, and the conditions of configurations and jobs. */
const struct query_advice query_twin_advices[QUERY_TWIN_ADVICE_COUNT] = {
    {"DISTINCT", "there is no DISTINCT; select the path and COUNT() with GROUP BY path"},
    {"ORDER", "results cannot be sorted; sort them in your program"},
    {"HAVING", "there is no HAVING; filter the groups in your program"},
    {"LIMIT", "use SELECT TOP n"},
    {"OFFSET", "pages are asked for with the x-ms-continuation header"},
    {"JOIN", "one query reads one collection"},
    {"INNER", "one query reads one collection"},
    {"LEFT", "one query reads one collection"},
    {"LIKE", "there is no LIKE; use STARTSWITH(path, 'text')"},
    {"BETWEEN", "write path >= low AND path <= high"},
    {"EXISTS", "there are no subqueries; test a property with is_defined(path)"},
    {"IS", "write path = null, or is_defined(path)"},
    {"UNION", "one query reads one collection"},
    {"NOT", "'not in' is written NIN: path NIN ['a', 'b']"},
    {"STARTS_WITH", "in twin queries it is written STARTSWITH"},
    {"ENDS_WITH", "in twin queries it is written ENDSWITH"},
    {"CONTAINS", "it exists in message routes only; twin queries have STARTSWITH and "
                 "ARRAY_CONTAINS"},
    {"ISDEFINED", "it is written IS_DEFINED"},
    {"COUNT", "aggregates stand in the SELECT list only"},
    {"AVG", "aggregates stand in the SELECT list only"},
    {"SUM", "aggregates stand in the SELECT list only"},
    {"MIN", "aggregates stand in the SELECT list only"},
    {"MAX", "aggregates stand in the SELECT list only"},
    {"CONCAT", "it exists in message routes only"},
    {"LENGTH", "it exists in message routes only"},
    {"LOWER", "it exists in message routes only"},
    {"UPPER", "it exists in message routes only"},
    {"SUBSTRING", "it exists in message routes only"},
    {"INDEX_OF", "it exists in message routes only"},
    {"AS_NUMBER", "it exists in message routes only"},
    {"ABS", "it exists in message routes only"},
    {"EXP", "it exists in message routes only"},
    {"POWER", "it exists in message routes only"},
    {"SQUARE", "it exists in message routes only"},
    {"CEILING", "it exists in message routes only"},
    {"FLOOR", "it exists in message routes only"},
    {"SIGN", "it exists in message routes only"},
    {"SQRT", "it exists in message routes only"},
    {"TWIN_CHANGE_INCLUDES", "it exists in the routes of an IoT Edge hub only"},
    {"HAS_INTERFACE", "it was in a preview of 2019 only; compare modelId"},
    {"HAS_CAPABILITYMODEL", "it was in a preview of 2019 only; compare modelId"},
};

/* Message routes. */
const struct query_advice query_route_advices[QUERY_ROUTE_ADVICE_COUNT] = {
    {"SELECT", "a route's condition is only what would stand after WHERE"},
    {"WHERE", "a route's condition is only what would stand after WHERE"},
    {"FROM", "a route's condition is only what would stand after WHERE"},
    {"IN", "a route has no IN; write a = 'x' OR a = 'y'"},
    {"NIN", "a route has no NIN; write a != 'x' AND a != 'y'"},
    {"LIKE", "there is no LIKE; use STARTS_WITH(name, 'text') or CONTAINS(name, 'text')"},
    {"BETWEEN", "write value >= low AND value <= high"},
    {"IS", "write IS_NULL(value), or IS_DEFINED(value)"},
    {"STARTSWITH", "in message routes it is written STARTS_WITH"},
    {"ENDSWITH", "in message routes it is written ENDS_WITH"},
    {"ISDEFINED", "it is written IS_DEFINED"},
    {"ARRAY_CONTAINS", "it exists in twin queries only"},
    {"TWIN_CHANGE_INCLUDES", "it exists in the routes of an IoT Edge hub only"},
    {"COUNT", "a route judges one message; there are no aggregates"},
    {"AVG", "a route judges one message; there are no aggregates"},
    {"SUM", "a route judges one message; there are no aggregates"},
    {"MIN", "a route judges one message; there are no aggregates"},
    {"MAX", "a route judges one message; there are no aggregates"},
    {"SUBSTR", "it is written SUBSTRING"},
    {"LEN", "it is written LENGTH"},
};

const char *query_advice_for(const struct query_dialect *dialect, struct str word)
{
    for (size_t i = 0; i < dialect->advice_count; i++) {
        if (str_equal_nocase(word, str_from(dialect->advices[i].word))) {
            return dialect->advices[i].advice;
        }
    }
    return NULL;
}
