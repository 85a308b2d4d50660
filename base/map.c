/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include <assert.h>

#include "base/alloc.h"

/*
 * Open addressing with linear probing. A slot is freed by moving its successors back, not by a
 * marker, so that a map which lives for months is as fast as a new one.
 */
enum { SLOTS_FIRST = 16 };

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_finish(struct map *map)
{
    if (map == NULL) {
        return;
    }
    mem_free(map->slots);
    map_init(map);
}

static size_t home_of(const struct map *map, struct str key)
{
    const uint64_t hash = str_hash(key);
    /* FNV's low bits alone know little of the last bytes' high bits. */
    return (size_t)(hash ^ hash >> 32) & (map->slot_count - 1);
}

static size_t after(const struct map *map, size_t slot)
{
    return (slot + 1) & (map->slot_count - 1);
}

/* The slot that holds `key`, or the empty one where it belongs; there is always an empty one. */
static size_t find(const struct map *map, struct str key)
{
    size_t at = home_of(map, key);
    while (map->slots[at].value != NULL && !str_equal(map->slots[at].key, key)) {
        at = after(map, at);
    }
    return at;
}

void *map_get(const struct map *map, struct str key)
{
    return map->count == 0 ? NULL : map->slots[find(map, key)].value;
}

static enum status grow(struct map *map)
{
    struct map bigger = {
        .slot_count = map->slot_count == 0 ? SLOTS_FIRST : map->slot_count * 2,
        .count = map->count,
    };
    bigger.slots = bigger.slot_count > SIZE_MAX / sizeof(*bigger.slots)
                       ? NULL
                       : mem_zalloc(bigger.slot_count * sizeof(*bigger.slots));
    if (bigger.slots == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < map->slot_count; i++) {
        if (map->slots[i].value != NULL) {
            bigger.slots[find(&bigger, map->slots[i].key)] = map->slots[i];
        }
    }
    mem_free(map->slots);
    *map = bigger;
    return STATUS_OK;
}

enum status map_put(struct map *map, struct str key, void *value, void **ret_old)
{
    assert(value != NULL);
    if (map->count + 1 > map->slot_count / 4 * 3 && map_get(map, key) == NULL) {
        const enum status status = grow(map);
        if (status != STATUS_OK) {
            return status;
        }
    }
    struct map_slot *slot = &map->slots[find(map, key)];
    if (slot->value == NULL) {
        map->count++;
    }
    if (ret_old != NULL) {
        *ret_old = slot->value;
    }
    /* The old key lives in the old value, which its owner may now free. */
    *slot = (struct map_slot){.key = key, .value = value};
    return STATUS_OK;
}

void *map_remove(struct map *map, struct str key)
{
    if (map->count == 0) {
        return NULL;
    }
    size_t hole = find(map, key);
    void *removed = map->slots[hole].value;
    if (removed == NULL) {
        return NULL;
    }
    const size_t mask = map->slot_count - 1;
    for (size_t at = after(map, hole); map->slots[at].value != NULL; at = after(map, at)) {
        /* It may move only if the hole is not before its home. */
        const size_t from_home = (at - home_of(map, map->slots[at].key)) & mask;
        if (from_home >= ((at - hole) & mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole] = (struct map_slot){0};
    map->count--;
    return removed;
}

void *map_next(const struct map *map, size_t *position)
{
    while (*position < map->slot_count) {
        void *value = map->slots[(*position)++].value;
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}
