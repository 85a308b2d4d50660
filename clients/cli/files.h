/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_FILES_H
#define CLIENTS_CLI_FILES_H

/* Small files, whole; and what OpenSSL reads out of them. */
#include <openssl/x509.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"

#define FILES_SIZE_MAX ((size_t)8 * 1024 * 1024) /* a bundle of all public roots is 220 KiB */

/*
 * Appends the file's bytes. STATUS_UNAVAILABLE when there is no such file, STATUS_IO when it cannot
 * be read; both with the system's reason as the problem.
 */
MUST_CHECK enum status files_read(const char *path, struct buf *out, struct problem *problem);

/* Writes beside it and renames: nobody sees half of it, and a reader of the old one goes on. */
MUST_CHECK enum status files_replace(const char *path, mode_t mode, struct str bytes,
                                     struct problem *problem);

/*
 * All certificates of a PEM file; what else is in it is passed over. STATUS_INVALID when there is
 * none in it; else as files_read(). The caller frees them with certificates_destroyp().
 */
MUST_CHECK enum status files_read_certificates(const char *path, STACK_OF(X509) * *ret_certificates,
                                               struct problem *problem);
void certificates_destroyp(STACK_OF(X509) * *certificates); /* for CLEANUP; NULL is allowed */

bool certificates_hold(const STACK_OF(X509) * certificates, const X509 *certificate);

#endif
