/* SPDX-License-Identifier: MIT */
/*
 * Any bytes, read as a property bag: keys and values never grow, and a bag written anew from what
 * was read, all of it percent-encoded, reads the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mqtt/property_bag.h"

enum { BAG_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf scratch CLEANUP(buf_finish) = BUF_INIT(BAG_MAX);
    struct buf scratch_again CLEANUP(buf_finish) = BUF_INIT(BAG_MAX);
    struct buf anew CLEANUP(buf_finish) = BUF_INIT(BAG_MAX);
    struct bag bag;
    struct bag_property property;
    if (bag_init(&bag, str_of(data, size), &scratch) != STATUS_OK) {
        return 0;
    }
    size_t total = 0;
    while (bag_next(&bag, &property)) {
        total += property.key.size + property.value.size;
        bag_append(&anew, property.key,
                   property.has_value ? property.value : (struct str){.data = NULL});
    }
    check(total <= size && buf_status(&scratch) == STATUS_OK);

    struct bag again;
    struct bag_property same;
    if (buf_status(&anew) != STATUS_OK ||
        bag_init(&again, buf_str(&anew), &scratch_again) != STATUS_OK ||
        bag_init(&bag, str_of(data, size), &scratch) != STATUS_OK) {
        return 0;
    }
    while (bag_next(&bag, &property)) {
        check(bag_next(&again, &same));
        check(str_equal(same.key, property.key) && str_equal(same.value, property.value));
        check(same.name == property.name && same.has_value == property.has_value);
    }
    check(!bag_next(&again, &same));
    return 0;
}
