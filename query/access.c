/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "query/check_internal.h"
#include "query/dialect_internal.h"

/*
 * What the top-level conjuncts of WHERE say about keys. A row passes only if each of them is true,
 * so any one of them may narrow the search; the rest is left to query_where().
 */
struct access {
    struct query *query;
    struct arena *arena;
    struct query_equality *equalities; /* room for every conjunct */
    enum status status;
};

static size_t count_conjuncts(const struct query_node *node)
{
    if (node->kind != NODE_AND) {
        return 1;
    }
    size_t count = 0;
    for (const struct query_node *child = node->children; child != NULL; child = child->next) {
        count += count_conjuncts(child);
    }
    return count;
}

/* The hint that a path's attribute feeds, NULL when it is no key. */
static struct query_key_hint *hint_of(struct access *access, const struct query_node *node)
{
    if (node->kind != NODE_PATH || node->path->source.kind != SOURCE_SLOT) {
        return NULL;
    }
    switch ((int)node->path->source.attribute) {
    case QUERY_DEVICE_ID:
        return &access->query->info.device_id;
    case QUERY_MODULE_ID:
        return &access->query->info.module_id;
    default:
        return NULL;
    }
}

static int id_order(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* `path IN literals`: the list that starts at `literal`. Only strings can be keys. */
static void narrow_to_list(struct access *access, struct query_key_hint *hint,
                           const struct query_node *literal, size_t count)
{
    if (hint->kind == QUERY_KEY_ONE_OF && hint->id_count <= count) {
        return;
    }
    struct str *ids = ARENA_ARRAY(access->arena, struct str, count);
    if (ids == NULL) {
        access->status = STATUS_NO_MEMORY;
        return;
    }
    size_t found = 0;
    for (size_t i = 0; i < count; i++, literal = literal->next) {
        if (literal->value.type == QUERY_STRING) {
            ids[found++] = literal->value.text;
        }
    }
    qsort(ids, found, sizeof(*ids), id_order);
    size_t distinct = 0;
    for (size_t i = 0; i < found; i++) {
        if (distinct == 0 || !str_equal(ids[distinct - 1], ids[i])) {
            ids[distinct++] = ids[i];
        }
    }
    *hint = (struct query_key_hint){.kind = QUERY_KEY_ONE_OF, .ids = ids, .id_count = distinct};
}

static void note_call(struct access *access, const struct query_node *node)
{
    if (!str_equal(str_from(node->function->name), STR("STARTSWITH"))) {
        return;
    }
    const struct query_node *prefix = node->children->next;
    struct query_key_hint *hint = hint_of(access, node->children);
    if (hint == NULL || prefix->kind != NODE_LITERAL || prefix->value.type != QUERY_STRING ||
        hint->kind == QUERY_KEY_ONE_OF ||
        (hint->kind == QUERY_KEY_PREFIX && hint->prefix.size >= prefix->value.text.size)) {
        return;
    }
    *hint = (struct query_key_hint){.kind = QUERY_KEY_PREFIX, .prefix = prefix->value.text};
}

static void note_equality(struct access *access, const struct query_node *node)
{
    const struct query_node *path = node->children;
    const struct query_node *literal = path->next;
    if (path->kind == NODE_LITERAL) {
        literal = path;
        path = path->next;
    }
    if (path->kind != NODE_PATH || path->path->source.kind != SOURCE_SLOT ||
        literal->kind != NODE_LITERAL || literal->value.type == QUERY_UNDEFINED ||
        node->ignores_case) {
        return;
    }
    const struct query_source *source = &path->path->source;
    access->equalities[access->query->info.equality_count++] =
        (struct query_equality){.attribute = source->attribute,
                                .names = source->names,
                                .name_count = source->name_count,
                                .value = literal->value,
                                .slot = source->slot};
    struct query_key_hint *hint = hint_of(access, path);
    if (hint != NULL) {
        narrow_to_list(access, hint, literal, 1);
    }
}

static void note_conjuncts(struct access *access, const struct query_node *node)
{
    if (node->kind == NODE_AND) {
        for (const struct query_node *child = node->children; child != NULL; child = child->next) {
            note_conjuncts(access, child);
        }
    } else if (node->kind == NODE_COMPARE && node->op == OP_EQUAL) {
        note_equality(access, node);
    } else if (node->kind == NODE_IN && node->op == OP_IN) {
        struct query_key_hint *hint = hint_of(access, node->children);
        if (hint != NULL) {
            narrow_to_list(access, hint, node->children->next, node->child_count - 1);
        }
    } else if (node->kind == NODE_CALL) {
        note_call(access, node);
    }
}

enum status query_find_access(struct query *query, struct arena *arena)
{
    if (query->where == NULL) {
        return STATUS_OK;
    }
    struct access access = {.query = query, .arena = arena};
    access.equalities = ARENA_ARRAY(arena, struct query_equality, count_conjuncts(query->where));
    if (access.equalities == NULL) {
        return STATUS_NO_MEMORY;
    }
    query->info.equalities = access.equalities;
    note_conjuncts(&access, query->where);
    return access.status;
}
