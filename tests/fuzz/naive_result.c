/* SPDX-License-Identifier: MIT */
#include "naive_query_internal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- 3.7, 3.8: results ---- */

static void add_member(cJSON *row, const char *key, const cJSON *value)
{
    if (value != NULL) {
        (void)cJSON_AddItemToObject(row, key, cJSON_Duplicate(value, true));
    }
}

static cJSON *project(const struct naive_query *query, const struct naive_context *context)
{
    cJSON *row = cJSON_CreateObject();
    for (size_t i = 0; i < query->column_count; i++) {
        add_member(row, query->columns[i].key, naive_find(context, &query->columns[i].path));
    }
    return row;
}

static bool is_same(const cJSON *a, const cJSON *b)
{
    return a == NULL || b == NULL ? a == b : cJSON_Compare(a, b, true) != 0;
}

static bool is_same_group(const struct naive_query *query, const cJSON *a, const cJSON *b)
{
    const struct naive_context left = {query->collection, a};
    const struct naive_context right = {query->collection, b};
    for (size_t i = 0; i < query->group_count; i++) {
        if (!is_same(naive_find(&left, &query->groups[i]), naive_find(&right, &query->groups[i]))) {
            return false;
        }
    }
    return true;
}

/* MIN and MAX need one primitive type; anything else leaves the member out. */
static const cJSON *extreme(const struct naive_query *query, const struct naive_column *column,
                            const cJSON *const *members, size_t count)
{
    const cJSON *best = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct naive_context context = {query->collection, members[i]};
        const cJSON *tree = naive_find(&context, &column->path);
        const struct naive_value value = naive_value(tree);
        if (value.type == NAIVE_TYPE_UNDEFINED) {
            continue;
        }
        if (!naive_is_primitive(value) || (best != NULL && naive_value(best).type != value.type)) {
            return NULL;
        }
        const int sign = best == NULL ? 0 : naive_order(value, naive_value(best));
        if (best == NULL || (column->aggregate[1] == 'I' ? sign < 0 : sign > 0)) {
            best = tree;
        }
    }
    return best;
}

static void add_sum(cJSON *row, const struct naive_query *query, const struct naive_column *column,
                    const cJSON *const *members, size_t count)
{
    double sum = 0.0;
    size_t numbers = 0;
    for (size_t i = 0; i < count; i++) {
        const struct naive_context context = {query->collection, members[i]};
        const struct naive_value value = naive_value(naive_find(&context, &column->path));
        if (value.type == NAIVE_TYPE_UNDEFINED) {
            continue;
        }
        if (value.type != NAIVE_TYPE_NUMBER) {
            return;
        }
        sum += value.number;
        numbers++;
    }
    if (!isfinite(sum)) { /* no JSON number: left out like other sums that cannot be had */
        return;
    }
    if (column->aggregate[0] == 'S') {
        (void)cJSON_AddNumberToObject(row, column->key, sum);
    } else if (numbers > 0) {
        (void)cJSON_AddNumberToObject(row, column->key, sum / (double)numbers);
    }
}

static cJSON *aggregate(const struct naive_query *query, const cJSON *const *members, size_t count)
{
    cJSON *row = cJSON_CreateObject();
    for (size_t i = 0; i < query->column_count; i++) {
        const struct naive_column *column = &query->columns[i];
        switch (column->aggregate[0]) {
        case '\0': {
            const struct naive_context context = {query->collection, members[0]};
            add_member(row, column->key, naive_find(&context, &column->path));
            break;
        }
        case 'C':
            (void)cJSON_AddNumberToObject(row, column->key, (double)count);
            break;
        case 'M':
            add_member(row, column->key, extreme(query, column, members, count));
            break;
        default:
            add_sum(row, query, column, members, count);
            break;
        }
    }
    return row;
}

enum { DOCUMENTS_MAX = 64 };

static void aggregate_all(const struct naive_query *query, const cJSON *const *passed, size_t count,
                          cJSON *rows)
{
    if (query->group_count == 0) {
        (void)cJSON_AddItemToArray(rows, aggregate(query, passed, count));
        return;
    }
    bool taken[DOCUMENTS_MAX] = {false};
    for (size_t i = 0; i < count; i++) {
        const cJSON *members[DOCUMENTS_MAX] = {NULL};
        size_t member_count = 0;
        for (size_t j = i; j < count && !taken[i]; j++) {
            if (is_same_group(query, passed[i], passed[j])) {
                members[member_count++] = passed[j];
                taken[j] = j > i;
            }
        }
        if (member_count > 0) {
            (void)cJSON_AddItemToArray(rows, aggregate(query, members, member_count));
        }
    }
}

cJSON *naive_run(const struct naive_query *query, const cJSON *documents)
{
    const cJSON *passed[DOCUMENTS_MAX] = {NULL};
    size_t count = 0;
    const cJSON *document = NULL;
    cJSON_ArrayForEach(document, documents)
    {
        const struct naive_context context = {query->collection, document};
        if (naive_passes(query->where, &context)) {
            assert(count < DOCUMENTS_MAX);
            passed[count++] = document;
        }
    }
    bool aggregates = query->group_count > 0;
    for (size_t i = 0; i < query->column_count; i++) {
        aggregates = aggregates || query->columns[i].aggregate[0] != '\0';
    }
    cJSON *rows = cJSON_CreateArray();
    if (aggregates) {
        aggregate_all(query, passed, count, rows);
    }
    for (size_t i = 0; i < count && !aggregates; i++) {
        const struct naive_context context = {query->collection, passed[i]};
        (void)cJSON_AddItemToArray(rows, query->column_count == 0 ? cJSON_Duplicate(passed[i], true)
                                                                  : project(query, &context));
    }
    while (query->top > 0 && cJSON_GetArraySize(rows) > query->top) {
        cJSON_DeleteItemFromArray(rows, query->top);
    }
    return rows;
}
