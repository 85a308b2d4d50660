/* SPDX-License-Identifier: MIT */
#include "clients/cli/near.h"

#include <stdint.h>
#include <string.h>

enum { WORD_MAX = 40 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Damerau and Levenshtein's, neighbours swapped at most once: three rows of the usual matrix. */
size_t near_distance(const char *a, const char *b)
{
    const size_t a_size = strlen(a);
    const size_t b_size = strlen(b);
    if (a_size > WORD_MAX || b_size > WORD_MAX) {
        return SIZE_MAX;
    }
    size_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *above_that = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            const size_t changed = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = least(changed, 1 + least(above[j], row[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], above_that[j - 2] + 1);
            }
        }
    }
    return rows[a_size % 3][b_size];
}

struct near near_to(const char *written)
{
    return (struct near){.written = written};
}

void near_consider(struct near *near, const char *word)
{
    if (word == NULL) {
        return;
    }
    /* One slip in three letters is a slip; more is another word. */
    const size_t tolerated = 1 + strlen(near->written) / 3;
    const size_t distance = near_distance(near->written, word);
    if (distance <= tolerated && distance < strlen(word) &&
        (near->best == NULL || distance < near->best_distance)) {
        near->best = word;
        near->best_distance = distance;
    }
}
