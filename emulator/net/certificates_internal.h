/* SPDX-License-Identifier: MIT */
#ifndef NET_CERTIFICATES_INTERNAL_H
#define NET_CERTIFICATES_INTERNAL_H

/*
 * The installation's set of certificates as it lies in its directory: loaded when it is whole and
 * fresh, mended when not. Two programs that start at once end with the same set.
 */
#include "base/buf.h"
#include "net/certificate_issue_internal.h"
#include "net/tls.h"

struct certificates {
    struct identity identities[CERTIFICATE_KINDS];
    struct buf ca_pem;
};

/* Only `directory`, `names` and `name_count` of `config` matter. */
MUST_CHECK enum status certificates_ensure(const struct net_tls_config *config, int64_t now_us,
                                           struct certificates *ret_certificates,
                                           enum net_tls_made *ret_made, struct problem *problem);
void certificates_finish(struct certificates *certificates); /* takes NULL and zeroed ones */

#endif
