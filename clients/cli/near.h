/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_NEAR_H
#define CLIENTS_CLI_NEAR_H

/* "Did you mean ...?": which of many words somebody meant who wrote another. */
#include <stddef.h>

struct near {
    const char *written;
    const char *best;     /* the nearest word so far, or NULL */
    size_t best_distance; /* its distance */
};

/* `written` is NUL-ended and outlives the search. */
struct near near_to(const char *written);

/* Considers `word` (NULL: nothing); the earlier of two equally near ones stays. */
void near_consider(struct near *near, const char *word);

/* Letters to insert, drop, change or swap with their neighbours to make `a` into `b`; words of more
 * than 40 bytes are as far from all others as can be. */
size_t near_distance(const char *a, const char *b);

#endif
