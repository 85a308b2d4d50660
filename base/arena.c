/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/alloc.h"

enum { BLOCK_SIZE = 4000, ALIGNMENT = alignof(max_align_t) };

struct arena_block {
    struct arena_block *older;
    size_t used;
    size_t capacity;
    alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena, size_t size_max)
{
    assert(size_max < SIZE_MAX / 4);
    *arena = ARENA_INIT(size_max);
}

void arena_finish(struct arena *arena)
{
    if (arena == NULL) {
        return;
    }
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->older;
        mem_free(block);
    }
    arena->size = 0;
}

void arena_reset(struct arena *arena)
{
    while (arena->blocks != NULL && arena->blocks->older != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->older;
        mem_free(block);
    }
    if (arena->blocks != NULL) {
        arena->blocks->used = 0;
    }
    arena->size = 0;
}

static struct arena_block *add_block(struct arena *arena, size_t size)
{
    const size_t capacity = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    struct arena_block *block = mem_alloc(sizeof(*block) + capacity);
    if (block == NULL) {
        return NULL;
    }
    block->older = arena->blocks;
    block->used = 0;
    block->capacity = capacity;
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > arena->size_max - arena->size) {
        return NULL;
    }
    const size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct arena_block *block = arena->blocks;
    if (block == NULL || rounded > block->capacity - block->used) {
        block = add_block(arena, rounded);
        if (block == NULL) {
            return NULL;
        }
    }
    void *piece = block->bytes + block->used;
    block->used += rounded;
    arena->size += size;
    return memset(piece, 0, size);
}

char *arena_copy(struct arena *arena, struct str s)
{
    char *copy = arena_alloc(arena, s.size + 1);
    if (copy != NULL && s.size > 0) {
        memcpy(copy, s.data, s.size);
    }
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    const int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = size < 0 ? NULL : arena_alloc(arena, (size_t)size + 1);
    if (text != NULL) {
        (void)vsnprintf(text, (size_t)size + 1, format, again);
    }
    va_end(again);
    return text;
}
