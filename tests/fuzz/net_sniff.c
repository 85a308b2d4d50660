/* SPDX-License-Identifier: MIT */
#include "net/sniff_internal.h"

#include <assert.h>

#include "fuzz.h"

/* Every start of a peer's words has a name, and what is known from few bytes stays so with more. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum sniffed known = SNIFFED_GARBAGE;
    for (size_t cut = 0; cut <= size && cut <= 32; cut++) {
        const enum sniffed what = sniff(str_of(data, cut));
        assert(sniffed_text(what) != NULL);
        /* One byte can only look like TLS; the second decides. */
        assert(known == SNIFFED_GARBAGE || what == known || (cut == 2 && known == SNIFFED_TLS));
        known = what;
    }
    return 0;
}
