/* SPDX-License-Identifier: MIT */
#include "clients/cli/assignment.h"

#include <assert.h>

static const struct {
    const char *name;
    enum assignment_form form;
} forms[] = {
    {"bash", ASSIGNMENT_BASH},
    {"pwsh", ASSIGNMENT_PWSH},
    {"dotenv", ASSIGNMENT_DOTENV},
    {"docker", ASSIGNMENT_DOCKER},
};

bool assignment_form_named(struct str name, enum assignment_form *ret_form)
{
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if (str_equal(name, str_from(forms[i].name))) {
            *ret_form = forms[i].form;
            return true;
        }
    }
    return false;
}

static bool has(struct str value, const char *any_of)
{
    assert(value.data != NULL || value.size == 0);

    for (size_t i = 0; i < value.size; i++) {
        if (strchr(any_of, value.data[i]) != NULL) {
            return true;
        }
    }
    return false;
}

void assignment_append_word(struct buf *out, struct str text)
{
    buf_append_byte(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        buf_append_str(out, text.data[i] == '\'' ? STR("'\\''") : str_of(text.data + i, 1));
    }
    buf_append_byte(out, '\'');
}

/* The semicolon ends the command also where `eval $(...)` lost its quotes and so its lines. */
static void append_bash(struct buf *out, const char *name, struct str value)
{
    buf_append_format(out, "export %s=", name);
    assignment_append_word(out, value);
    buf_append_str(out, STR(";\n"));
}

/* PowerShell takes U+2018 to U+201B for the plain quotation mark; each of them is doubled. */
static size_t pwsh_quote_size(struct str rest)
{
    const bool typographic =
        str_starts(rest, STR("\xe2\x80\x98")) || str_starts(rest, STR("\xe2\x80\x99")) ||
        str_starts(rest, STR("\xe2\x80\x9a")) || str_starts(rest, STR("\xe2\x80\x9b"));
    return typographic ? 3 : str_starts(rest, STR("'")) ? 1 : 0;
}

static void append_pwsh(struct buf *out, const char *name, struct str value)
{
    buf_append_format(out, "$env:%s = '", name);
    while (value.size > 0) {
        const size_t quote_size = pwsh_quote_size(value);
        const size_t size = quote_size > 0 ? quote_size : 1;
        buf_append(out, value.data, size);
        buf_append(out, value.data, quote_size);
        value = str_skip(value, size);
    }
    buf_append_str(out, STR("'\n"));
}

/* Plain where nobody could read anything else into it. */
static bool dotenv_is_plain(struct str value)
{
    for (size_t i = 0; i < value.size; i++) {
        const char c = value.data[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && strchr("-_./:+@%", c) == NULL) {
            return false;
        }
    }
    return value.size > 0;
}

/*
 * Between single quotes everything stands for itself, but for "${", which python-dotenv expands
 * even there, and a backslash, which it unescapes and node's dotenv keeps. A single quote needs
 * double ones, and there docker compose expands any '$'.
 */
static const char *dotenv_quote(struct str value)
{
    if (dotenv_is_plain(value)) {
        return "";
    }
    bool expands = false;
    for (size_t i = 0; i + 1 < value.size; i++) {
        expands = expands || (value.data[i] == '$' && value.data[i + 1] == '{');
    }
    if (expands || has(value, "\\")) {
        return NULL;
    }
    if (!has(value, "'")) {
        return "'";
    }
    return has(value, "\"$`") ? NULL : "\"";
}

static enum status append_dotenv(struct buf *out, const char *name, struct str value,
                                 struct problem *problem)
{
    const char *quote = dotenv_quote(value);
    if (quote == NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the readers of .env files disagree about how to write %s, whose value is "
                    "\"%.*s\"; set it where the program is started",
                    name, STR_ARG(value));
        return STATUS_INVALID;
    }
    buf_append_format(out, "%s=%s%.*s%s\n", name, quote, STR_ARG(value), quote);
    return STATUS_OK;
}

enum status assignment_append(struct buf *out, enum assignment_form form, const char *name,
                              struct str value, struct problem *problem)
{
    const bool by_line = form == ASSIGNMENT_DOTENV || form == ASSIGNMENT_DOCKER;
    if (memchr(value.data == NULL ? "" : value.data, '\0', value.size) != NULL ||
        (by_line && has(value, "\r\n"))) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the value of %s has a line break in it", name);
        return STATUS_INVALID;
    }
    switch (form) {
    case ASSIGNMENT_BASH:
        append_bash(out, name, value);
        break;
    case ASSIGNMENT_PWSH:
        append_pwsh(out, name, value);
        break;
    case ASSIGNMENT_DOTENV:
        return append_dotenv(out, name, value, problem);
    case ASSIGNMENT_DOCKER:
        buf_append_format(out, "%s=%.*s\n", name, STR_ARG(value));
        break;
    }
    return STATUS_OK;
}

void assignment_append_comment(struct buf *out, struct str text)
{
    buf_append_format(out, "# %.*s\n", STR_ARG(text));
}
