/* SPDX-License-Identifier: MIT */
#ifndef STORAGE_ATTRIBUTES_INTERNAL_H
#define STORAGE_ATTRIBUTES_INTERNAL_H

/* How the columns of a stored record become the attributes that a query sees (query language
 * reference, 2.2 to 2.4). */
#include "base/clock.h"
#include "query/query.h"
#include "storage/statement_internal.h"

/* The SQL expression that gives an attribute of a collection's records; NULL: they have none. */
const char *attribute_column(enum query_collection collection, enum query_attribute attribute);

/* Makes values of columns and gives them to a row. Zero it, set the row and the collection, then
 * attribute_maker_init(). */
struct attribute_maker {
    struct query_row *row;
    enum query_collection collection;
    /* What the values that are made here point into, until the next record. */
    char times[QUERY_ATTRIBUTE_COUNT][CLOCK_TEXT_SIZE];
    struct buf etag, twin_etag;
};

void attribute_maker_init(struct attribute_maker *maker);
void attribute_maker_finish(struct attribute_maker *maker);

/* Gives the row one attribute. The cell's text is borrowed until query_row_clear(). */
MUST_CHECK enum status attribute_give(struct attribute_maker *maker, enum query_attribute attribute,
                                      struct cell cell);

#endif
