/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "query/check_internal.h"
#include "query/dialect_internal.h"

int query_name_order(struct str a, struct str b)
{
    if (a.size != b.size) {
        return a.size < b.size ? -1 : 1;
    }
    return a.size == 0 ? 0 : memcmp(a.data, b.data, a.size);
}

/* ---- paths to sources ---- */

/*
 * `devices.`, and in the other collections `devices.modules.` or `devices.jobs.`, say nothing that
 * FROM did not: they go (reference, 2.1).
 */
static void drop_prefix(const struct query *query, struct query_path *path)
{
    static const char *const second[] = {
        [QUERY_DEVICES] = NULL, [QUERY_MODULES] = "modules", [QUERY_JOBS] = "jobs"};
    if (path->name_count < 2 || !str_equal_nocase(path->names[0], STR("devices"))) {
        return;
    }
    const char *name = second[query->info.collection];
    const bool longer =
        path->name_count > 2 && name != NULL && str_equal_nocase(path->names[1], str_from(name));
    path->names += longer ? 2 : 1;
    path->name_count -= longer ? 2 : 1;
}

static const struct query_entry *find_entry(const struct query_entry *entries, size_t count,
                                            struct str name, unsigned collection)
{
    for (size_t i = 0; i < count; i++) {
        const struct query_entry *entry = &entries[i];
        const struct str known = str_from(entry->name);
        const bool same =
            entry->exact_case ? str_equal(known, name) : str_equal_nocase(known, name);
        if (same && (entry->collections == 0 || (entry->collections & collection) != 0)) {
            return entry;
        }
    }
    return NULL;
}

static void use_slot(struct query_checker *checker, struct query_source *source,
                     enum query_attribute attribute, const struct str *names, size_t name_count)
{
    source->kind = SOURCE_SLOT;
    source->attribute = attribute;
    source->names = names;
    source->name_count = name_count;
    source->next = checker->slots;
    checker->slots = source;
    checker->slot_count++;
}

/* A whole object of the hub's own: each of its members is a source. */
static enum status use_object(struct query_checker *checker, const struct query_entry *entry,
                              struct query_source *source, uint64_t *needs)
{
    source->kind = SOURCE_OBJECT;
    source->member_count = entry->member_count;
    source->members = ARENA_ARRAY(checker->arena, struct query_member, entry->member_count);
    if (source->members == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < entry->member_count; i++) {
        const struct query_entry *member = &entry->members[i];
        source->members[i].name = str_from(member->name);
        struct query_source *part = &source->members[i].source;
        if (member->kind != ENTRY_OBJECT) {
            use_slot(checker, part, member->attribute, NULL, 0);
            *needs |= QUERY_BIT(member->attribute);
            continue;
        }
        const enum status status = use_object(checker, member, part, needs);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status query_resolve(struct query_checker *checker, struct query_path *path, uint64_t *needs)
{
    const struct query *query = checker->query;
    drop_prefix(query, path);
    const unsigned collection = 1U << query->info.collection;
    const struct query_entry *entries = query->dialect->entries;
    size_t entry_count = query->dialect->entry_count;
    size_t used = 0;
    const struct query_entry *entry = NULL;
    while (used < path->name_count) {
        entry = find_entry(entries, entry_count, path->names[used], collection);
        if (entry != NULL) {
            path->names[used++] = str_from(entry->name);
        } else {
            entry =
                entry_count > 0 ? find_entry(entries, entry_count, STR_EMPTY, collection) : NULL;
        }
        if (entry == NULL || entry->kind != ENTRY_OBJECT) {
            break;
        }
        entries = entry->members;
        entry_count = entry->member_count;
    }
    const size_t left = path->name_count - used;
    if (entry == NULL || (entry->kind == ENTRY_VALUE && left > 0)) {
        path->source.kind = SOURCE_NOTHING;
        return STATUS_OK;
    }
    if (entry->kind == ENTRY_OBJECT) {
        return use_object(checker, entry, &path->source, needs);
    }
    use_slot(checker, &path->source, entry->attribute, path->names + used, left);
    *needs |= QUERY_BIT(entry->attribute);
    return STATUS_OK;
}

/* ---- numbering ---- */

static int source_order(const struct query_source *a, const struct query_source *b)
{
    if (a->attribute != b->attribute) {
        return a->attribute < b->attribute ? -1 : 1;
    }
    for (size_t i = 0; i < a->name_count && i < b->name_count; i++) {
        const int order = query_name_order(a->names[i], b->names[i]);
        if (order != 0) {
            return order;
        }
    }
    return a->name_count < b->name_count ? -1 : a->name_count > b->name_count;
}

static int source_order_for_qsort(const void *a, const void *b)
{
    return source_order(*(struct query_source *const *)a, *(struct query_source *const *)b);
}

enum status query_number_slots(struct query_checker *checker)
{
    struct query *query = checker->query;
    struct query_source **sorted =
        ARENA_ARRAY(checker->arena, struct query_source *, checker->slot_count);
    query->slots = ARENA_ARRAY(checker->arena, const struct query_source *, checker->slot_count);
    if (sorted == NULL || query->slots == NULL) {
        return STATUS_NO_MEMORY;
    }
    size_t count = 0;
    for (struct query_source *source = checker->slots; source != NULL; source = source->next) {
        sorted[count++] = source;
    }
    qsort(sorted, count, sizeof(struct query_source *), source_order_for_qsort);

    for (size_t i = 0; i < count; i++) {
        if (i == 0 || source_order(sorted[i - 1], sorted[i]) != 0) {
            query->slots[query->slot_count++] = sorted[i];
        }
        sorted[i]->slot = query->slot_count - 1;
    }
    size_t slot = 0;
    for (size_t attribute = 0; attribute <= QUERY_ATTRIBUTE_COUNT; attribute++) {
        while (slot < query->slot_count && (size_t)query->slots[slot]->attribute < attribute) {
            slot++;
        }
        query->slot_from[attribute] = slot;
    }
    return STATUS_OK;
}
