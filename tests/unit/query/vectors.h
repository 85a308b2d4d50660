/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_QUERY_VECTORS_H
#define TESTS_UNIT_QUERY_VECTORS_H

/* fixtures/query-vectors.json: the reference's vectors (section 7) and their fleet. */
#include <stdio.h>

#include "check.h"
#include "query_document.h"

#define VECTORS_FILE FIXTURES_DIR "/query-vectors.json"

static inline cJSON *vectors_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct buf text = BUF_INIT(1U << 20);
    size_t size = 0;
    do {
        void *room = buf_room(&text, 65536);
        assert_non_null(room);
        size = fread(room, 1, 65536, file);
        buf_grown(&text, size);
    } while (size > 0);
    assert_int_equal(fclose(file), 0);
    cJSON *tree = NULL;
    struct problem problem;
    if (json_parse(buf_str(&text), &tree, &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    buf_finish(&text);
    return tree;
}

#endif
