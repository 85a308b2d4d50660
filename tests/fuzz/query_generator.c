/* SPDX-License-Identifier: MIT */
#include "query_generator.h"

#include <assert.h>
#include <string.h>

#include "query_generator_internal.h"

enum { DEPTH_MAX = 6, NODES_MAX = 60 };

static bool is_taken(const struct naive_query *query, const char *key)
{
    for (size_t i = 0; i < query->column_count; i++) {
        if (strcmp(query->columns[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

/* An aggregate without an alias has a key of its own: $1, $2 ... (3.7) */
static const char *free_key(const struct naive_query *query, const struct naive_column *column,
                            size_t *unnamed)
{
    static const char *const numbered[] = {"$1", "$2", "$3", "$4"};
    const char *key = column->aggregate[0] == '\0' ? naive_key(query->collection, &column->path)
                                                   : numbered[*unnamed];
    if (is_taken(query, key)) {
        return NULL;
    }
    *unnamed += column->aggregate[0] == '\0' ? 0 : 1;
    return key;
}

static void write_column(struct generator *generator, struct buf *text, struct naive_query *query,
                         struct naive_column column, size_t *unnamed)
{
    static const char *const aliases[] = {"x", "Y", "an-alias", "[[two words]]"};
    static const char *const alias_keys[] = {"x", "Y", "an-alias", "two words"};
    static_assert(ARRAY_SIZE(aliases) == NAIVE_COLUMNS_MAX, "one for each column");
    buf_append_str(text, query->column_count == 0 ? STR_EMPTY : STR(", "));
    if (column.aggregate[0] != '\0') {
        generator_write_any_case(generator, text, column.aggregate);
        buf_append_byte(text, '(');
    }
    if (column.path.count > 0) {
        generator_write_path(generator, text, &column.path);
    }
    buf_append_str(text, column.aggregate[0] != '\0' ? STR(")") : STR_EMPTY);
    column.key = generator_chance(generator, 2) ? free_key(query, &column, unnamed) : NULL;
    if (column.key == NULL) {
        generator_write_word(generator, text, "AS");
        buf_append_str(text, str_from(aliases[query->column_count]));
        column.key = alias_keys[query->column_count];
    }
    query->columns[query->column_count++] = column;
}

static void write_columns(struct generator *generator, struct buf *text, struct naive_query *query,
                          bool aggregates)
{
    static const char *const names[] = {"COUNT", "SUM", "AVG", "MIN", "MAX"};
    const size_t count = 1 + generator_pick(generator, NAIVE_COLUMNS_MAX);
    size_t unnamed = 0;
    for (size_t i = 0; i < count; i++) {
        struct naive_column column = {.aggregate = ""};
        if (!aggregates) {
            column.path = generator_path(generator);
        } else if (query->group_count > 0 && generator_chance(generator, 3)) {
            column.path = query->groups[generator_pick(generator, query->group_count)];
        } else {
            column.aggregate = names[generator_pick(generator, ARRAY_SIZE(names))];
            column.path = column.aggregate[0] == 'C' ? (struct naive_path){.count = 0}
                                                     : generator_path(generator);
        }
        write_column(generator, text, query, column, &unnamed);
    }
}

static void write_groups(struct generator *generator, struct buf *text,
                         const struct naive_query *query)
{
    for (size_t i = 0; i < query->group_count; i++) {
        if (i == 0) {
            generator_write_word(generator, text, "GROUP");
            generator_write_any_case(generator, text, "BY");
            generator_write_space(generator, text);
        } else {
            buf_append_str(text, STR(" , "));
        }
        generator_write_path(generator, text, &query->groups[i]);
    }
}

void query_generate(struct str bytes, struct arena *arena, struct naive_query *ret_query,
                    struct buf *text)
{
    static const char *const collections[] = {"devices", "devices", "devices", "devices.modules",
                                              "devices.jobs"};
    struct generator generator = {.bytes = bytes, .arena = arena, .nodes_left = NODES_MAX};
    struct naive_query query = {
        .collection = collections[generator_pick(&generator, ARRAY_SIZE(collections))]};
    generator.collection = query.collection;
    /* What each collection allows: 3.8. */
    const bool jobs = strcmp(query.collection, "devices.jobs") == 0;
    const size_t shape = jobs ? 0 : generator_pick(&generator, 4);
    const bool groups = shape == 3 && strcmp(query.collection, "devices") == 0;
    const size_t group_count = groups ? 1 + generator_pick(&generator, NAIVE_GROUPS_MAX) : 0;
    for (size_t i = 0; i < group_count; i++) {
        query.groups[i] = generator_group(&generator);
    }
    query.group_count = group_count;
    generator_write_any_case(&generator, text, "SELECT");
    generator_write_space(&generator, text);
    if (generator_chance(&generator, 4)) {
        query.top = 1 + (int)generator_pick(&generator, 9);
        generator_write_any_case(&generator, text, "TOP");
        buf_append_format(text, generator_chance(&generator, 3) ? " (%d) " : " %d ", query.top);
    }
    if (shape == 0) {
        buf_append_byte(text, '*');
    } else {
        write_columns(&generator, text, &query, shape >= 2);
    }
    generator_write_word(&generator, text, "FROM");
    generator_write_any_case(&generator, text, query.collection);
    if (!generator_chance(&generator, 8)) {
        struct naive_node *where = generator_condition(&generator, DEPTH_MAX);
        generator_write_word(&generator, text, "WHERE");
        generator_write_expression(&generator, text, where);
        query.where = where;
    }
    write_groups(&generator, text, &query);
    generator_write_maybe_space(&generator, text);
    *ret_query = query;
}
