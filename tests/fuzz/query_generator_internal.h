/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_QUERY_GENERATOR_INTERNAL_H
#define TESTS_FUZZ_QUERY_GENERATOR_INTERNAL_H

/* query_generator_tree.c makes expressions, query_generator_text.c writes them, query_generator.c
 * puts queries around them. */
#include "query_generator.h"

struct generator {
    struct str bytes;
    struct arena *arena;
    const char *collection;
    size_t nodes_left;
};

/* The next byte, below `limit`; 0 when there are no more. */
size_t generator_pick(struct generator *generator, size_t limit);
bool generator_chance(struct generator *generator, size_t one_in);

struct naive_path generator_path(struct generator *generator);

/* One of those that several documents share values of, or any. */
struct naive_path generator_group(struct generator *generator);

/* What may be true, mostly. */
struct naive_node *generator_condition(struct generator *generator, size_t depth);

void generator_write_space(struct generator *generator, struct buf *text);
void generator_write_maybe_space(struct generator *generator, struct buf *text);
void generator_write_any_case(struct generator *generator, struct buf *text, const char *word);

/* A keyword between spaces. */
void generator_write_word(struct generator *generator, struct buf *text, const char *word);
void generator_write_path(struct generator *generator, struct buf *text,
                          const struct naive_path *path);
void generator_write_expression(struct generator *generator, struct buf *text,
                                const struct naive_node *node);

#endif
