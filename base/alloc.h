/* SPDX-License-Identifier: MIT */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

/*
 * The only way to the heap, so that tests can make the nth allocation fail. Each function that
 * returns memory may return NULL, and each caller checks.
 */
#include <stddef.h>

#include "base/attr.h"

MUST_CHECK void *mem_alloc(size_t size);                 /* contents undefined */
MUST_CHECK void *mem_zalloc(size_t size);                /* zeroed */
MUST_CHECK void *mem_realloc(void *memory, size_t size); /* on NULL the old block still stands */
void mem_free(void *memory);                             /* NULL is allowed */

/* Points cJSON at these functions. Call once, before the first JSON. */
void mem_use_for_json(void);

/*
 * For tests: lets `count` allocations pass and refuses the one after them, once. A negative count
 * switches the mechanism off. mem_fail_happened() says whether the refusal was reached.
 */
void mem_fail_after(long count);
int mem_fail_happened(void);

#endif
