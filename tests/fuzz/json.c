/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <assert.h>

#include "fuzz.h"

/* Checking and parsing agree; what was read, written, read and written again is the same text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str text = str_of(data, size);
    struct problem problem = {0};
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    const enum status status = json_parse(text, &tree, &problem);
    assert(json_check(text, NULL) == status);
    if (status != STATUS_OK) {
        assert(problem.text[0] != '\0' && problem.offset <= size);
        return 0;
    }

    CLEANUP(buf_finish) struct buf first = BUF_INIT(SIZE_MAX / 8);
    json_append_tree(&first, tree);
    CLEANUP(json_destroyp) cJSON *again = NULL;
    assert(json_parse(buf_str(&first), &again, NULL) == STATUS_OK);

    CLEANUP(buf_finish) struct buf second = BUF_INIT(SIZE_MAX / 8);
    json_append_tree(&second, again);
    assert(str_equal(buf_str(&first), buf_str(&second)));
    return 0;
}
