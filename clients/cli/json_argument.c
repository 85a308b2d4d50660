/* SPDX-License-Identifier: MIT */
#include "clients/cli/json_argument.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- where it is ---- */

static enum cli_exit read_stream(FILE *stream, const char *name, struct buf *out)
{
    char piece[16384];
    size_t size = 0;
    while ((size = fread(piece, 1, sizeof(piece), stream)) > 0) {
        buf_append(out, piece, size);
    }
    if (ferror(stream) != 0) {
        return cli_fail(CLI_FAILED, "%s cannot be read: %s", name, strerror(errno));
    }
    if (buf_status(out) != STATUS_OK) {
        return cli_fail(CLI_FAILED, "%s cannot be read: %s", name,
                        buf_status(out) == STATUS_LIMIT ? "it is too long"
                                                        : status_text(buf_status(out)));
    }
    return CLI_DONE;
}

static bool is_file(const char *name)
{
    struct stat about;
    return stat(name, &about) == 0 && !S_ISDIR(about.st_mode);
}

enum cli_exit json_argument_text(const char *argument, const char *what, struct buf *out)
{
    if (strcmp(argument, "-") == 0) {
        return read_stream(stdin, "standard input", out);
    }
    FILE *file = fopen(argument, "rbe");
    if (file == NULL) {
        return cli_fail(CLI_FAILED, "%s: %s cannot be read: %s", what, argument, strerror(errno));
    }
    const enum cli_exit exit_code = read_stream(file, argument, out);
    (void)fclose(file);
    return exit_code;
}

enum cli_exit json_argument_read(const char *argument, const char *what, cJSON **ret_tree)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(JSON_ARGUMENT_MAX);
    struct problem problem = {0};
    const bool elsewhere = strcmp(argument, "-") == 0 || is_file(argument);
    if (elsewhere) {
        const enum cli_exit exit_code = json_argument_text(argument, what, &text);
        if (exit_code != CLI_DONE) {
            return exit_code;
        }
    } else {
        buf_append_str(&text, str_from(argument));
    }
    const enum status status = json_parse(buf_str(&text), ret_tree, &problem);
    if (status == STATUS_NO_MEMORY) {
        return cli_fail(CLI_FAILED, "out of memory");
    }
    if (status != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "%s: '%s' %s: %s", what, argument,
                        elsewhere ? "holds no JSON" : "is neither JSON nor the name of a file",
                        problem.text);
    }
    return CLI_DONE;
}

/* ---- single changes ---- */

static bool refuse_change(struct problem *problem, const char *change, const char *why)
{
    problem_set(problem, PROBLEM_NO_OFFSET, "'%s' %s", change, why);
    return false;
}

/* The member called `name`, made if there is none; NULL when it is there and no object. */
static cJSON *step_into(cJSON *object, const char *name)
{
    cJSON *member = json_member(object, name);
    if (member == NULL) {
        return cJSON_AddObjectToObject(object, name);
    }
    return cJSON_IsObject(member) ? member : NULL;
}

static bool put(cJSON *object, const char *name, struct str text)
{
    CLEANUP(buf_finish) struct buf copy = BUF_INIT(JSON_ARGUMENT_MAX);
    cJSON *value = NULL;
    if (json_parse(text, &value, NULL) != STATUS_OK) {
        buf_append_str(&copy, text);
        value = buf_status(&copy) == STATUS_OK
                    ? cJSON_CreateString(copy.data == NULL ? "" : copy.data)
                    : NULL;
    }
    if (value == NULL) {
        return false;
    }
    const bool done = json_member(object, name) != NULL
                          ? cJSON_ReplaceItemInObjectCaseSensitive(object, name, value) != 0
                          : cJSON_AddItemToObject(object, name, value) != 0;
    if (!done) {
        cJSON_Delete(value);
    }
    return done;
}

bool json_argument_set(cJSON *tree, const char *change, struct problem *problem)
{
    struct str path = STR_EMPTY;
    struct str value = STR_EMPTY;
    if (!str_cut(str_from(change), '=', &path, &value)) {
        return refuse_change(problem, change, "is not PATH=VALUE");
    }
    cJSON *object = tree;
    char name[256];
    for (bool more = true; more;) {
        struct str piece = STR_EMPTY;
        more = str_cut(path, '.', &piece, &path);
        if (piece.size == 0 || piece.size >= sizeof(name)) {
            return refuse_change(problem, change, "has an empty name, or one that is too long");
        }
        memcpy(name, piece.data, piece.size);
        name[piece.size] = '\0';
        object = more ? step_into(object, name) : object;
        if (object == NULL) {
            return refuse_change(problem, change, "leads through something that is no object");
        }
    }
    return put(object, name, value) || refuse_change(problem, change, "needs too much memory");
}

enum cli_exit json_argument_set_all(const struct cli_call *call, cJSON *tree)
{
    const struct cli_values changes = cli_values(call, "set");
    for (size_t i = 0; i < changes.count; i++) {
        struct problem problem = {0};
        if (!json_argument_set(tree, changes.items[i], &problem)) {
            return cli_fail(CLI_MISUSED, "--set: %s", problem.text);
        }
    }
    return CLI_DONE;
}
