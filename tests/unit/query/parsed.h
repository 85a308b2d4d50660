/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_QUERY_PARSED_H
#define TESTS_UNIT_QUERY_PARSED_H

/* For the tests of query/: a text parsed, with the arena it lives in. */
#include "check.h"
#include "query/query.h"

struct parsed {
    struct arena arena;
    const struct query *query; /* NULL: refused */
    enum status status;
    struct problem problem;
};

static inline void parsed_finish(struct parsed *parsed)
{
    arena_finish(&parsed->arena);
}

static inline struct parsed parse_str(struct str text)
{
    struct parsed parsed = {.arena = ARENA_INIT(QUERY_ARENA_SIZE)};
    parsed.status = query_parse(text, &parsed.arena, &parsed.query, &parsed.problem);
    return parsed;
}

static inline struct parsed parse(const char *text)
{
    return parse_str(str_from(text));
}

/* The same, for a text that must be right. */
static inline struct parsed parse_right(const char *text)
{
    struct parsed parsed = parse(text);
    if (parsed.status != STATUS_OK) {
        fail_msg("%s: %s", text, parsed.problem.text);
    }
    return parsed;
}

#endif
