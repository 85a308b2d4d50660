/* SPDX-License-Identifier: MIT */
#include "amqp/address.h"

#include <assert.h>

#include "base/url.h"

/* Without scheme, host and slashes at either end. */
static struct str bare(struct str address)
{
    for (size_t i = 0; i + 2 < address.size && address.data[i] != '/'; i++) {
        if (str_starts(str_skip(address, i), STR("://"))) {
            const struct str rest = str_skip(address, i + 3);
            address = str_skip(rest, str_find(rest, '/'));
            break;
        }
    }
    while (address.size > 0 && address.data[0] == '/') {
        address = str_skip(address, 1);
    }
    while (address.size > 0 && address.data[address.size - 1] == '/') {
        address.size--;
    }
    return address;
}

/* The decoded segment, in `store`. */
static struct str decode(struct str segment, char *store)
{
    struct buf decoded = BUF_INIT(segment.size);
    struct str out = STR_EMPTY;
    url_decode_append(&decoded, segment);
    if (buf_status(&decoded) == STATUS_OK && decoded.size > 0) {
        memcpy(store, decoded.data, decoded.size);
        out = str_of(store, decoded.size);
    }
    buf_finish(&decoded);
    return out;
}

bool amqp_address_match(const char *pattern, struct str address, char *store,
                        struct amqp_address *ret_address)
{
    struct amqp_address found = {.device = STR_EMPTY, .module = STR_EMPTY};
    struct str form = str_from(pattern);
    struct str rest = bare(address);
    size_t part = 0;
    while (form.size > 0 && rest.size > 0) {
        struct str wanted;
        struct str segment;
        (void)str_cut(form, '/', &wanted, &form);
        (void)str_cut(rest, '/', &segment, &rest);
        const struct str decoded = decode(segment, store);
        store += decoded.size;
        if (decoded.size == 0) {
            return false;
        }
        if (str_equal(wanted, STR("{d}"))) {
            found.device = decoded;
        } else if (str_equal(wanted, STR("{m}"))) {
            found.module = decoded;
        } else if (str_equal(wanted, STR("{}"))) {
            assert(part < AMQP_ADDRESS_PARTS_MAX);
            found.parts[part++] = decoded;
        } else if (!str_equal_nocase(wanted, decoded)) {
            return false;
        }
    }
    if (form.size > 0 || rest.size > 0) {
        return false;
    }
    *ret_address = found;
    return true;
}
