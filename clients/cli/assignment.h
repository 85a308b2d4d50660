/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_ASSIGNMENT_H
#define CLIENTS_CLI_ASSIGNMENT_H

/*
 * "Set this variable to that value", as each reader of such lines wants it written. What is written
 * means exactly the value, whatever characters it holds; a value that a reader has no spelling for
 * is refused, never bent. Pure functions.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

enum assignment_form {
    ASSIGNMENT_BASH,   /* also sh, dash, zsh, ksh: export NAME='value'; */
    ASSIGNMENT_PWSH,   /* PowerShell: $env:NAME = 'value' */
    ASSIGNMENT_DOTENV, /* .env, as python-dotenv, node's dotenv and docker compose read it */
    ASSIGNMENT_DOCKER, /* docker run --env-file: no quotes, all that follows '=' */
};

/* "bash", "pwsh", "dotenv", "docker". False for any other name. */
bool assignment_form_named(struct str name, enum assignment_form *ret_form);

/*
 * Appends one line with its line feed. STATUS_INVALID, with a problem and nothing appended, when
 * the form cannot hold the value: a line break in a file of lines; for .env a value that its
 * readers disagree about.
 */
MUST_CHECK enum status assignment_append(struct buf *out, enum assignment_form form,
                                         const char *name, struct str value,
                                         struct problem *problem);

/* Appends `text` as one word of a POSIX shell's, in quotes. */
void assignment_append_word(struct buf *out, struct str text);

/* Appends `text` as a comment line, which all four forms begin with '#'. */
void assignment_append_comment(struct buf *out, struct str text);

#endif
