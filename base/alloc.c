/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdlib.h>

/* Allocations that may still pass before one is refused; negative: the mechanism is off. */
static _Thread_local long passes_left = -1;
static _Thread_local bool refused;

static bool refuse_this_one(void)
{
    if (passes_left < 0) {
        return false;
    }
    if (passes_left == 0) {
        passes_left = -1;
        refused = true;
        return true;
    }
    passes_left--;
    return false;
}

void *mem_alloc(size_t size)
{
    return refuse_this_one() ? NULL : malloc(size == 0 ? 1 : size);
}

void *mem_zalloc(size_t size)
{
    return refuse_this_one() ? NULL : calloc(1, size == 0 ? 1 : size);
}

void *mem_realloc(void *memory, size_t size)
{
    return refuse_this_one() ? NULL : realloc(memory, size == 0 ? 1 : size);
}

void mem_free(void *memory)
{
    free(memory);
}

void mem_use_for_json(void)
{
    cJSON_Hooks hooks = {.malloc_fn = mem_alloc, .free_fn = mem_free};
    cJSON_InitHooks(&hooks);
}

void mem_fail_after(long count)
{
    passes_left = count;
    refused = false;
}

int mem_fail_happened(void)
{
    return refused;
}
