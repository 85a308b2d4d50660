/* SPDX-License-Identifier: MIT */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

/*
 * Memory that is freed all at once: one arena per request, per connection, per parsed query. Pieces
 * are aligned for any type and are never freed alone. A maximum bounds what an input can cost.
 */
#include <stddef.h>

#include "base/attr.h"
#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first; owned */
    size_t size;                /* bytes handed out */
    size_t size_max;
};

#define ARENA_INIT(max) ((struct arena){.size_max = (max)})

void arena_init(struct arena *arena, size_t size_max);
void arena_finish(
    struct arena *arena); /* takes NULL, zeroed and finished ones; usable again after */

/* Frees all but the first block, for the next request. */
void arena_reset(struct arena *arena);

MUST_CHECK void *arena_alloc(struct arena *arena, size_t size); /* zeroed; NULL: refused */
MUST_CHECK char *arena_copy(struct arena *arena,
                            struct str s); /* with a NUL after it; NULL: refused */
MUST_CHECK char *arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#define ARENA_NEW(arena, type)          ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))

#endif
