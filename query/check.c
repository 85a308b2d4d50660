/* SPDX-License-Identifier: MIT */
#include "query/check_internal.h"

#include <stdlib.h>

#include "query/dialect_internal.h"
#include "query/explain_internal.h"

static enum status refuse(const struct query_checker *checker, size_t offset, const char *what)
{
    return query_explain(checker->problem, checker->query->text, offset, "%s", what);
}

/* ---- WHERE ---- */

static enum status refuse_count(const struct query_checker *checker, const struct query_node *node)
{
    const struct query_function *function = node->function;
    const size_t wanted =
        node->child_count < function->arguments ? function->arguments : function->arguments_max;
    const char *least = function->arguments == function->arguments_max ? ""
                        : node->child_count < function->arguments      ? "at least "
                                                                       : "at most ";
    return query_explain(checker->problem, checker->query->text, node->offset,
                         "%s takes %s%zu argument%s, not %zu", function->name, least, wanted,
                         wanted == 1 ? "" : "s", node->child_count);
}

enum status query_check_call(const struct query_checker *checker, struct query_node *node)
{
    const struct query_dialect *dialect = checker->query->dialect;
    const struct str text = checker->query->text;
    for (size_t i = 0; i < dialect->function_count; i++) {
        if (str_equal_nocase(node->name, str_from(dialect->functions[i].name))) {
            node->function = &dialect->functions[i];
        }
    }
    if (node->function == NULL) {
        char quoted[QUERY_QUOTE_SIZE];
        const char *advice = query_advice_for(dialect, node->name);
        return query_explain(checker->problem, text, node->offset, "Unknown function %s%s%s",
                             query_explain_quote(node->name, quoted), advice == NULL ? "" : ": ",
                             advice == NULL ? "" : advice);
    }
    const struct query_function *function = node->function;
    if (node->child_count < function->arguments || node->child_count > function->arguments_max) {
        return refuse_count(checker, node);
    }
    if (function->wants_path && node->children->kind != NODE_PATH) {
        return query_explain(checker->problem, text, node->children->offset,
                             "%s takes the path of a property", function->name);
    }
    return STATUS_OK;
}

/* What a configuration may look at (reference, 6.2); the words are the service's. */
static enum status check_target(const struct query_checker *checker, const struct query_path *path)
{
    const bool whole_properties = path->source.kind == SOURCE_OBJECT && path->name_count == 1;
    if (!checker->query->dialect->is_restricted ||
        (path->source.kind != SOURCE_NOTHING && !whole_properties)) {
        return STATUS_OK;
    }
    CLEANUP(buf_finish) struct buf name = BUF_INIT(checker->query->text.size + 1);
    for (size_t i = 0; i < path->name_count; i++) {
        buf_append_str(&name, i == 0 ? STR_EMPTY : STR("."));
        buf_append_str(&name, path->names[i]);
    }
    if (buf_status(&name) != STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    problem_set(checker->problem, path->offset,
                "Invalid targetCondition. It must be a filter condition based on 'deviceId', "
                "'tags', or 'properties.reported'. It contains: %.*s",
                STR_ARG(buf_str(&name)));
    return STATUS_INVALID;
}

/* A job's status and type are compared ignoring case (reference, 2.4). */
static bool is_job_word(const struct query *query, const struct query_node *node)
{
    return query->info.collection == QUERY_JOBS && node->kind == NODE_PATH &&
           node->path->source.kind == SOURCE_SLOT &&
           (node->path->source.attribute == QUERY_STATUS ||
            node->path->source.attribute == QUERY_JOB_TYPE);
}

static enum status check_node(struct query_checker *checker, struct query_node *node)
{
    enum status status = STATUS_OK;
    if (node->kind == NODE_PATH) {
        status = query_resolve(checker, node->path, &node->needs);
        status = status == STATUS_OK ? check_target(checker, node->path) : status;
    } else if (node->kind == NODE_CALL) {
        status = query_check_call(checker, node);
    }
    for (struct query_node *child = node->children; child != NULL && status == STATUS_OK;
         child = child->next) {
        status = check_node(checker, child);
        node->needs |= child->needs;
        if (node->kind == NODE_COMPARE || node->kind == NODE_IN) {
            node->ignores_case |= is_job_word(checker->query, child);
        }
    }
    return status;
}

/* ---- SELECT and GROUP BY ---- */

static bool is_same_path(const struct query_path *a, const struct query_path *b)
{
    if (a->name_count != b->name_count) {
        return false;
    }
    for (size_t i = 0; i < a->name_count; i++) {
        if (!str_equal(a->names[i], b->names[i])) {
            return false;
        }
    }
    return true;
}

static enum status check_grouped_column(const struct query_checker *checker,
                                        struct query_column *column)
{
    const struct query *query = checker->query;
    for (size_t i = 0; i < query->group_path_count; i++) {
        if (is_same_path(column->path, query->group_paths[i])) {
            column->group_index = i;
            return STATUS_OK;
        }
    }
    return refuse(checker, column->offset,
                  query->group_path_count == 0
                      ? "A path beside an aggregate needs GROUP BY with that path"
                      : "This path is not one of those after GROUP BY");
}

static enum status check_key(const struct query_checker *checker, struct query_column *column,
                             size_t *unnamed)
{
    if (column->alias.data != NULL) {
        column->key = column->alias;
    } else if (column->aggregate == AGGREGATE_NONE && column->path != NULL) {
        column->key = column->path->names[column->path->name_count - 1];
    } else {
        char *key = arena_format(checker->arena, "$%zu", ++*unnamed);
        if (key == NULL) {
            return STATUS_NO_MEMORY;
        }
        column->key = str_from(key);
    }
    return STATUS_OK;
}

static int column_order(const void *a, const void *b)
{
    const struct query_column *left = *(const struct query_column *const *)a;
    const struct query_column *right = *(const struct query_column *const *)b;
    const int order = query_name_order(left->key, right->key);
    if (order != 0) {
        return order;
    }
    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static enum status check_distinct_keys(const struct query_checker *checker)
{
    const struct query *query = checker->query;
    const struct query_column **sorted =
        ARENA_ARRAY(checker->arena, const struct query_column *, query->column_count);
    if (sorted == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < query->column_count; i++) {
        sorted[i] = &query->columns[i];
    }
    qsort(sorted, query->column_count, sizeof(struct query_column *), column_order);
    for (size_t i = 1; i < query->column_count; i++) {
        if (query_name_order(sorted[i - 1]->key, sorted[i]->key) == 0) {
            char quoted[QUERY_QUOTE_SIZE];
            return query_explain(checker->problem, query->text, sorted[i]->offset,
                                 "Two columns are called %s: give one another name with AS",
                                 query_explain_quote(sorted[i]->key, quoted));
        }
    }
    return STATUS_OK;
}

static enum status check_columns(struct query_checker *checker, bool grouped)
{
    struct query *query = checker->query;
    size_t unnamed = 0;
    for (size_t i = 0; i < query->column_count; i++) {
        struct query_column *column = &query->columns[i];
        enum status status = STATUS_OK;
        if (column->path != NULL) {
            status = query_resolve(checker, column->path, &query->info.select_needs);
            if (status == STATUS_OK && grouped && column->aggregate == AGGREGATE_NONE) {
                status = check_grouped_column(checker, column);
            }
        }
        if (status == STATUS_OK) {
            status = check_key(checker, column, &unnamed);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return check_distinct_keys(checker);
}

/* What each collection allows (reference, 3.8). */
static enum status check_shape(const struct query_checker *checker)
{
    const struct query *query = checker->query;
    if (query->info.collection == QUERY_JOBS && !query->selects_all) {
        return refuse(checker, query->columns[0].offset,
                      "Queries of devices.jobs are SELECT * only");
    }
    if (query->group_path_count == 0) {
        return STATUS_OK;
    }
    if (query->info.collection != QUERY_DEVICES) {
        return refuse(checker, query->group_offset, "GROUP BY is for queries FROM devices only");
    }
    if (query->selects_all) {
        return refuse(checker, query->group_offset,
                      "SELECT * cannot be grouped: select the GROUP BY paths and aggregates");
    }
    return STATUS_OK;
}

static void note_shape(struct query *query)
{
    bool aggregates = query->group_path_count > 0;
    bool counts_only = query->group_path_count == 0 && query->column_count > 0;
    for (size_t i = 0; i < query->column_count; i++) {
        aggregates = aggregates || query->columns[i].aggregate != AGGREGATE_NONE;
        counts_only = counts_only && query->columns[i].aggregate == AGGREGATE_COUNT;
    }
    struct query_info *info = &query->info;
    info->shape = query->selects_all ? QUERY_DOCUMENTS : aggregates ? QUERY_GROUPS : QUERY_ROWS;
    info->counts_only = counts_only;
    info->has_where = query->where != NULL;
    info->item_type = info->shape != QUERY_DOCUMENTS   ? "Raw"
                      : info->collection == QUERY_JOBS ? "DeviceJob"
                                                       : "Twin";
}

enum status query_check(struct query *query, struct arena *arena, struct problem *problem)
{
    struct query_checker checker = {.query = query, .arena = arena, .problem = problem};
    enum status status = check_shape(&checker);
    note_shape(query);
    if (status == STATUS_OK && query->where != NULL) {
        status = check_node(&checker, query->where);
        query->info.where_needs = query->where->needs;
    }
    for (size_t i = 0; i < query->group_path_count && status == STATUS_OK; i++) {
        status = query_resolve(&checker, query->group_paths[i], &query->info.select_needs);
    }
    if (status == STATUS_OK && !query->selects_all) {
        status = check_columns(&checker, query->info.shape == QUERY_GROUPS);
    }
    if (status == STATUS_OK) {
        status = query_number_slots(&checker);
    }
    return status == STATUS_OK ? query_find_access(query, arena) : status;
}
