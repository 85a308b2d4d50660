/* SPDX-License-Identifier: MIT */
#ifndef BASE_MAP_H
#define BASE_MAP_H

/*
 * A hash table from bytes to pointers. Keys are borrowed: they live in the value they lead to, and
 * stay unchanged while it is in the map. Iteration order is unspecified but the same for the same
 * history of calls.
 */
#include <stddef.h>

#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"

struct map_slot {
    struct str key; /* in the value */
    void *value;    /* NULL: empty slot */
};

struct map {
    struct map_slot *slots; /* owned, a power of two of them */
    size_t slot_count;
    size_t count;
};

void map_init(struct map *map);
void map_finish(struct map *map); /* the values are the caller's */

void *map_get(const struct map *map, struct str key); /* NULL: absent */

/* Puts or replaces; *ret_old (may be NULL) gets what was there. */
MUST_CHECK enum status map_put(struct map *map, struct str key, void *value, void **ret_old);
void *map_remove(struct map *map, struct str key); /* what was there, or NULL */

/* Walks all values: start with *position = 0; NULL at the end. The map must not change meanwhile.
 */
void *map_next(const struct map *map, size_t *position);

#endif
