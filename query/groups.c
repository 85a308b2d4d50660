/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/map.h"
#include "query/row_internal.h"

/*
 * Aggregates (reference, 3.8). A group is found by the canonical text of its GROUP BY values; what
 * its row shows of them is the text of the first document that fell into it.
 */
struct total {
    double sum;
    uint64_t numbers;        /* what SUM and AVG have added */
    bool not_numbers;        /* something came by that they cannot add */
    bool mixed;              /* something came by that MIN and MAX cannot order */
    struct query_value best; /* of MIN or MAX; a string's text is in `text` */
    char *text;              /* in groups->arena, reused */
    size_t text_capacity;
};

struct group { /* in groups->arena, with all it points to */
    struct str key;
    struct str *values;   /* JSON, one per GROUP BY path; empty: undefined */
    struct total *totals; /* one per column */
    uint64_t count;
};

struct query_groups {
    const struct query *query;
    struct arena arena;
    struct map by_key;
    struct group **list; /* owned; in the order they were first seen */
    size_t count, capacity, groups_max;
    struct buf key; /* of the document at hand */
};

static void *groups_alloc(struct query_groups *groups, size_t size, enum status *ret_status)
{
    void *memory = arena_alloc(&groups->arena, size);
    if (memory == NULL) {
        const bool full = size > groups->arena.size_max - groups->arena.size;
        *ret_status = full ? STATUS_LIMIT : STATUS_NO_MEMORY;
    }
    return memory;
}

/* ---- keys ---- */

static int member_order(const void *a, const void *b)
{
    return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

static enum status append_canonical(struct buf *out, const cJSON *tree);

/* Members in the order of their names: objects are equal whatever order they were sent in. */
static enum status append_canonical_object(struct buf *out, const cJSON *object)
{
    const size_t count = (size_t)cJSON_GetArraySize(object);
    const cJSON **members = mem_alloc((count + 1) * sizeof(const cJSON *));
    if (members == NULL) {
        return STATUS_NO_MEMORY;
    }
    size_t filled = 0;
    for (const cJSON *member = object->child; member != NULL; member = member->next) {
        members[filled++] = member;
    }
    qsort(members, filled, sizeof(cJSON *), member_order);
    enum status status = STATUS_OK;
    buf_append_byte(out, '{');
    for (size_t i = 0; i < filled && status == STATUS_OK; i++) {
        json_append_string(out, str_from(members[i]->string));
        buf_append_byte(out, ':');
        status = append_canonical(out, members[i]);
        buf_append_byte(out, ',');
    }
    buf_append_byte(out, '}');
    mem_free(members);
    return status;
}

static enum status append_canonical(struct buf *out, const cJSON *tree)
{
    if (cJSON_IsObject(tree)) {
        return append_canonical_object(out, tree);
    }
    if (!cJSON_IsArray(tree)) {
        json_append_tree(out, tree);
        return STATUS_OK;
    }
    enum status status = STATUS_OK;
    buf_append_byte(out, '[');
    for (const cJSON *item = tree->child; item != NULL && status == STATUS_OK; item = item->next) {
        status = append_canonical(out, item);
        buf_append_byte(out, ',');
    }
    buf_append_byte(out, ']');
    return status;
}

/* A text that is the same for the same JSON value; it ends in a line feed, which no JSON holds. */
static enum status append_key(const struct query_groups *groups, struct buf *key, size_t path,
                              const struct query_row *row)
{
    const struct query_source *source = &groups->query->group_paths[path]->source;
    const struct query_value *value = query_source_value(source, row);
    enum status status = STATUS_OK;
    if (value->type == QUERY_NUMBER) {
        json_append_number(key, value->number + 0.0); /* -0 is 0 */
    } else if (value->type == QUERY_ARRAY || value->type == QUERY_OBJECT) {
        const size_t start = key->size;
        query_source_append(source, row, key);
        if (buf_status(key) != STATUS_OK) {
            return buf_status(key);
        }
        cJSON *tree CLEANUP(json_destroyp) = NULL;
        status = json_parse(str_skip(buf_str(key), start), &tree, NULL);
        buf_truncate(key, start);
        if (status != STATUS_OK) {
            return status == STATUS_INVALID ? STATUS_CORRUPT : status;
        }
        status = append_canonical(key, tree);
    } else {
        query_value_append(value, key);
    }
    buf_append_byte(key, '\n');
    return status;
}

static enum status build_key(struct query_groups *groups, const struct query_row *row)
{
    buf_clear(&groups->key);
    for (size_t i = 0; i < groups->query->group_path_count; i++) {
        const enum status status = append_key(groups, &groups->key, i, row);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return buf_status(&groups->key);
}

/* ---- groups ---- */

static enum status keep(struct query_groups *groups, struct str s, struct str *ret_kept)
{
    enum status status = STATUS_OK;
    char *kept = groups_alloc(groups, s.size, &status);
    if (kept != NULL) {
        if (s.size > 0) {
            memcpy(kept, s.data, s.size);
        }
        *ret_kept = str_of(kept, s.size);
    }
    return status;
}

static enum status list_room(struct query_groups *groups)
{
    if (groups->count == groups->groups_max) {
        return STATUS_LIMIT;
    }
    if (groups->count < groups->capacity) {
        return STATUS_OK;
    }
    const size_t capacity = groups->capacity == 0 ? 16 : groups->capacity * 2;
    struct group **list = mem_realloc(groups->list, capacity * sizeof(struct group *));
    if (list == NULL) {
        return STATUS_NO_MEMORY;
    }
    groups->list = list;
    groups->capacity = capacity;
    return STATUS_OK;
}

/* What the group's row shows of its GROUP BY values. */
static enum status keep_values(struct query_groups *groups, struct group *group,
                               const struct query_row *row)
{
    struct buf text CLEANUP(buf_finish) = BUF_INIT(groups->arena.size_max);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < groups->query->group_path_count && status == STATUS_OK; i++) {
        buf_clear(&text);
        query_source_append(&groups->query->group_paths[i]->source, row, &text);
        status = buf_status(&text);
        if (status == STATUS_OK) {
            status = keep(groups, buf_str(&text), &group->values[i]);
        }
    }
    return status;
}

/* Adds the group that groups->key names. `row` is NULL for the one group without GROUP BY. */
static enum status add_group(struct query_groups *groups, const struct query_row *row,
                             struct group **ret_group)
{
    const struct query *query = groups->query;
    enum status status = list_room(groups);
    if (status != STATUS_OK) {
        return status;
    }
    struct group *group = groups_alloc(groups, sizeof(*group), &status);
    struct str *values = groups_alloc(groups, query->group_path_count * sizeof(*values), &status);
    struct total *totals = groups_alloc(groups, query->column_count * sizeof(*totals), &status);
    if (status != STATUS_OK) {
        return status;
    }
    group->values = values;
    group->totals = totals;
    status = keep(groups, buf_str(&groups->key), &group->key);
    if (status == STATUS_OK && row != NULL) {
        status = keep_values(groups, group, row);
    }
    if (status == STATUS_OK) {
        status = map_put(&groups->by_key, group->key, group, NULL);
    }
    if (status == STATUS_OK) {
        groups->list[groups->count++] = group;
        *ret_group = group;
    }
    return status;
}

/* ---- totals ---- */

static void add_to_sum(struct total *total, const struct query_value *value)
{
    if (value->type == QUERY_NUMBER) {
        total->sum += value->number;
        total->numbers++;
    } else {
        total->not_numbers = true;
    }
}

static enum status keep_best(struct query_groups *groups, struct total *total,
                             const struct query_value *value)
{
    total->best = *value;
    total->best.text = STR_EMPTY; /* the row's, which will be gone */
    if (value->type != QUERY_STRING) {
        return STATUS_OK;
    }
    enum status status = STATUS_OK;
    if (value->text.size > total->text_capacity) {
        const size_t capacity = value->text.size * 2;
        total->text = groups_alloc(groups, capacity, &status);
        total->text_capacity = status == STATUS_OK ? capacity : 0;
    }
    if (status == STATUS_OK && value->text.size > 0) {
        memcpy(total->text, value->text.data, value->text.size);
    }
    total->best.text = str_of(total->text, status == STATUS_OK ? value->text.size : 0);
    return status;
}

static enum status add_to_best(struct query_groups *groups, struct total *total,
                               const struct query_value *value, bool wants_less)
{
    if (total->mixed || value->type == QUERY_ARRAY || value->type == QUERY_OBJECT ||
        (total->best.type != QUERY_UNDEFINED && total->best.type != value->type)) {
        total->mixed = true;
        return STATUS_OK;
    }
    if (total->best.type != QUERY_UNDEFINED) {
        const int order = query_value_order(value, &total->best);
        if (order == 0 || (order < 0) != wants_less) {
            return STATUS_OK;
        }
    }
    return keep_best(groups, total, value);
}

static enum status add_to_total(struct query_groups *groups, struct total *total,
                                const struct query_column *column, const struct query_row *row)
{
    const struct query_value *value = query_source_value(&column->path->source, row);
    if (value->type == QUERY_UNDEFINED) {
        return STATUS_OK;
    }
    switch (column->aggregate) {
    case AGGREGATE_SUM:
    case AGGREGATE_AVG:
        add_to_sum(total, value);
        break;
    case AGGREGATE_MIN:
    case AGGREGATE_MAX:
        return add_to_best(groups, total, value, column->aggregate == AGGREGATE_MIN);
    case AGGREGATE_NONE:
    case AGGREGATE_COUNT:
        break;
    }
    return STATUS_OK;
}

enum status query_groups_add(struct query_groups *groups, const struct query_row *row)
{
    enum status status = build_key(groups, row);
    if (status != STATUS_OK) {
        return status;
    }
    struct group *group = map_get(&groups->by_key, buf_str(&groups->key));
    if (group == NULL) {
        status = add_group(groups, row, &group);
    }
    for (size_t i = 0; i < groups->query->column_count && status == STATUS_OK; i++) {
        if (groups->query->columns[i].path != NULL) {
            status = add_to_total(groups, &group->totals[i], &groups->query->columns[i], row);
        }
    }
    if (status == STATUS_OK) {
        group->count++;
    }
    return status;
}

void query_groups_count_rows(struct query_groups *groups, uint64_t count)
{
    assert(groups->query->info.counts_only);
    groups->list[0]->count += count;
}

/* ---- the object's life ---- */

enum status query_groups_create(const struct query *query, size_t groups_max, size_t bytes_max,
                                struct query_groups **ret_groups)
{
    assert(query->info.shape == QUERY_GROUPS && groups_max > 0);
    struct query_groups *groups = mem_zalloc(sizeof(*groups));
    if (groups == NULL) {
        return STATUS_NO_MEMORY;
    }
    groups->query = query;
    groups->groups_max = groups_max;
    arena_init(&groups->arena, bytes_max);
    map_init(&groups->by_key);
    buf_init(&groups->key, bytes_max);
    if (query->group_path_count == 0) {
        struct group *only = NULL;
        const enum status status = add_group(groups, NULL, &only);
        if (status != STATUS_OK) {
            query_groups_destroy(groups);
            return status;
        }
    }
    *ret_groups = groups;
    return STATUS_OK;
}

void query_groups_destroy(struct query_groups *groups)
{
    if (groups == NULL) {
        return;
    }
    mem_free(groups->list);
    map_finish(&groups->by_key);
    buf_finish(&groups->key);
    arena_finish(&groups->arena);
    mem_free(groups);
}

void query_groups_destroyp(struct query_groups **groups)
{
    query_groups_destroy(*groups);
}

/* ---- the rows ---- */

size_t query_groups_size(const struct query_groups *groups)
{
    const uint64_t top = groups->query->info.top;
    return top < groups->count ? (size_t)top : groups->count;
}

/* A column's value as JSON; nothing when it is undefined. */
static void append_column(const struct group *group, const struct query_column *column,
                          const struct total *total, struct buf *out)
{
    double number = total->sum;
    switch (column->aggregate) {
    case AGGREGATE_NONE:
        buf_append_str(out, group->values[column->group_index]);
        return;
    case AGGREGATE_COUNT:
        buf_append_format(out, "%llu", (unsigned long long)group->count);
        return;
    case AGGREGATE_MIN:
    case AGGREGATE_MAX:
        if (!total->mixed) {
            query_value_append(&total->best, out);
        }
        return;
    case AGGREGATE_AVG:
        number = total->sum / (double)total->numbers; /* of nothing: not a number */
        break;
    case AGGREGATE_SUM:
        break;
    }
    if (!total->not_numbers && isfinite(number)) {
        json_append_number(out, number);
    }
}

void query_groups_append(const struct query_groups *groups, size_t index, struct buf *out)
{
    assert(index < query_groups_size(groups));
    const struct group *group = groups->list[index];
    const struct query *query = groups->query;
    buf_append_byte(out, '{');
    bool first = true;
    for (size_t i = 0; i < query->column_count; i++) {
        const size_t before = out->size;
        buf_append_str(out, first ? STR_EMPTY : STR(","));
        json_append_string(out, query->columns[i].key);
        buf_append_byte(out, ':');
        const size_t named = out->size;
        append_column(group, &query->columns[i], &group->totals[i], out);
        if (out->size == named) {
            buf_truncate(out, before);
        } else {
            first = false;
        }
    }
    buf_append_byte(out, '}');
}
