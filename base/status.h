/* SPDX-License-Identifier: MIT */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

/*
 * The operating errors: what can go wrong that is nobody's answer. "Device not found" is an answer
 * and belongs to the type of the function that gives it; a full disk is a status. A status is
 * passed up unchanged; detail for people travels in a struct problem filled where it was found.
 */
#include <stddef.h>

#include "base/attr.h"
#include "base/str.h"

enum status {
    STATUS_OK = 0,
    STATUS_NO_MEMORY,   /* an allocation was refused */
    STATUS_LIMIT,       /* the caller's input is larger than a limit of limits.h */
    STATUS_INVALID,     /* the caller's input is not well formed; a struct problem says where */
    STATUS_IO,          /* a file, socket or database failed */
    STATUS_CORRUPT,     /* stored data is not what was written */
    STATUS_UNAVAILABLE, /* a port, a name or a file that somebody else holds */
};

/* The words for a status, for logs: "out of memory". Never NULL. */
const char *status_text(enum status status);

/*
 * What was wrong, in plain words, for the one who sent it. `text` is lower case, no full stop, and
 * quotes the offending value; `offset` is in bytes of the input, or PROBLEM_NO_OFFSET.
 */
#define PROBLEM_TEXT_SIZE 512U
#define PROBLEM_NO_OFFSET ((size_t)-1)

struct problem {
    size_t offset;
    char text[PROBLEM_TEXT_SIZE];
};

/* Fills `problem` (NULL is allowed and ignored); a text too long is cut at a whole character. */
void problem_set(struct problem *problem, size_t offset, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
