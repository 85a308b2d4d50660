/* SPDX-License-Identifier: MIT */
#include "base/url.h"

#include <assert.h>

#include "base/base64.h"
#include "fuzz.h"

static void check_pairs(struct str text)
{
    struct str rest = text;
    struct str name;
    struct str value;
    bool has_value = false;
    while (url_pair_next(&rest, &name, &value, &has_value)) {
        assert(str_find(name, '=') == SIZE_MAX && str_find(name, '&') == SIZE_MAX);
        assert(str_find(value, '&') == SIZE_MAX);
        assert(has_value || value.size == 0);
    }
    assert(rest.size == 0);
}

static void check_base64(struct str text)
{
    CLEANUP(buf_finish) struct buf encoded = BUF_INIT(SIZE_MAX / 8);
    CLEANUP(buf_finish) struct buf decoded = BUF_INIT(SIZE_MAX / 8);
    base64_append(&encoded, text);
    assert(base64_decode_append(&decoded, buf_str(&encoded)));
    assert(str_equal(buf_str(&decoded), text));
    buf_clear(&decoded);
    if (!base64_decode_append(&decoded, text)) {
        assert(decoded.size == 0);
    }
}

/* What is encoded decodes to itself; the strict decoder agrees with the lenient or refuses. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str text = str_of(data, size);
    check_pairs(text);
    check_base64(text);

    CLEANUP(buf_finish) struct buf encoded = BUF_INIT(SIZE_MAX / 8);
    CLEANUP(buf_finish) struct buf decoded = BUF_INIT(SIZE_MAX / 8);
    url_encode_append(&encoded, text);
    assert(url_decode_strict_append(&decoded, buf_str(&encoded)));
    assert(str_equal(buf_str(&decoded), text));

    CLEANUP(buf_finish) struct buf lenient = BUF_INIT(SIZE_MAX / 8);
    CLEANUP(buf_finish) struct buf strict = BUF_INIT(SIZE_MAX / 8);
    url_decode_append(&lenient, text);
    assert(lenient.size <= size);
    if (url_decode_strict_append(&strict, text)) {
        assert(str_equal(buf_str(&strict), buf_str(&lenient)));
    } else {
        assert(strict.size == 0);
    }
    return 0;
}
