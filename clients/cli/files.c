/* SPDX-License-Identifier: MIT */
#include "clients/cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 65536 };

static enum status refuse(struct problem *problem, int error_number)
{
    problem_set(problem, PROBLEM_NO_OFFSET, "%s", strerror(error_number));
    return error_number == ENOENT || error_number == ENOTDIR ? STATUS_UNAVAILABLE : STATUS_IO;
}

static void close_p(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

enum status files_read(const char *path, struct buf *out, struct problem *problem)
{
    CLEANUP(close_p) const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return refuse(problem, errno);
    }
    for (;;) {
        char *room = buf_room(out, CHUNK);
        if (room == NULL) {
            problem_set(problem, PROBLEM_NO_OFFSET, "it is too large");
            return buf_status(out);
        }
        const ssize_t size = read(fd, room, CHUNK);
        if (size < 0) {
            return refuse(problem, errno);
        }
        if (size == 0) {
            return STATUS_OK;
        }
        buf_grown(out, (size_t)size);
    }
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.size > 0) {
        const ssize_t size = write(fd, bytes.data, bytes.size);
        if (size < 0) {
            return false;
        }
        bytes = str_skip(bytes, (size_t)size);
    }
    return true;
}

enum status files_replace(const char *path, mode_t mode, struct str bytes, struct problem *problem)
{
    CLEANUP(buf_finish) struct buf beside = BUF_INIT(FILES_SIZE_MAX);
    buf_append_format(&beside, "%s.XXXXXX", path);
    if (buf_status(&beside) != STATUS_OK) {
        return buf_status(&beside);
    }
    CLEANUP(close_p) const int fd = mkstemp(beside.data);
    if (fd < 0) {
        return refuse(problem, errno);
    }
    if (fchmod(fd, mode) != 0 || !write_all(fd, bytes) || rename(beside.data, path) != 0) {
        const int error_number = errno;
        (void)unlink(beside.data);
        return refuse(problem, error_number);
    }
    return STATUS_OK;
}

/* ---- certificates ---- */

static void bio_destroyp(BIO **bio)
{
    (void)BIO_free(*bio);
}

void certificates_destroyp(STACK_OF(X509) * *certificates)
{
    sk_X509_pop_free(*certificates, X509_free);
}

bool certificates_hold(const STACK_OF(X509) * certificates, const X509 *certificate)
{
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        if (X509_cmp(sk_X509_value(certificates, i), certificate) == 0) {
            return true;
        }
    }
    return false;
}

enum status files_read_certificates(const char *path, STACK_OF(X509) * *ret_certificates,
                                    struct problem *problem)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(FILES_SIZE_MAX);
    const enum status status = files_read(path, &text, problem);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(bio_destroyp) BIO *bio = BIO_new_mem_buf(buf_str(&text).data, (int)text.size);
    CLEANUP(certificates_destroyp) STACK_OF(X509) *certificates = sk_X509_new_null();
    if (bio == NULL || certificates == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (;;) {
        X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (certificate == NULL) {
            break;
        }
        if (sk_X509_push(certificates, certificate) == 0) {
            X509_free(certificate);
            return STATUS_NO_MEMORY;
        }
    }
    ERR_clear_error();
    if (sk_X509_num(certificates) == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "there is no certificate in it");
        return STATUS_INVALID;
    }
    *ret_certificates = TAKE(certificates);
    return STATUS_OK;
}
