/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/base64.h"
#include "storage/storage.h"

const char *storage_auth_name(enum storage_auth auth)
{
    switch (auth) {
    case STORAGE_AUTH_SAS:
        return "sas";
    case STORAGE_AUTH_SELF_SIGNED:
        return "selfSigned";
    case STORAGE_AUTH_CA:
        return "certificateAuthority";
    case STORAGE_AUTH_NONE:
        return "none";
    }
    return "none"; /* a number that no version wrote */
}

void storage_etag_append(struct buf *out, uint64_t etag)
{
    char digits[24];
    const int size = snprintf(digits, sizeof(digits), "%" PRIu64, etag);
    base64_append(out, str_of(digits, (size_t)size));
}

void storage_twin_etag_append(struct buf *out, uint64_t etag)
{
    char bytes[sizeof(etag)];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(etag >> (8 * (sizeof(bytes) - 1 - i)));
    }
    base64_append(out, str_of(bytes, sizeof(bytes)));
}
