/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "hub/hub_internal.h"

/*
 * Bytes of JSON text. What counts against a section's own limit are names and values, and control
 * characters and empty containers do not count at all: this bounds those. The metadata has a node
 * for each member, so that it needs no refusal of its own.
 */
enum { DOCUMENT_TEXT_MAX = 512 << 10, METADATA_TEXT_MAX = 8 << 20 };

/* Prints a tree into the arena. STATUS_LIMIT: it is longer than that. */
static enum status keep_tree(const cJSON *tree, size_t size_max, struct arena *arena,
                             struct str *ret_text)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(size_max);
    json_append_tree(&text, tree);
    if (buf_status(&text) != STATUS_OK) {
        return buf_status(&text);
    }
    const char *copy = arena_copy(arena, buf_str(&text));
    if (copy == NULL) {
        return STATUS_NO_MEMORY;
    }
    *ret_text = str_of(copy, text.size);
    return STATUS_OK;
}

/* The two trees after the write; the caller frees them, also on failure. */
static enum status merged(const struct hub_section_write *write, cJSON **document, cJSON **metadata)
{
    const bool empty = write->replace;
    enum status status = json_parse(empty ? STR("{}") : *write->text, document, NULL);
    if (status == STATUS_OK && write->metadata != NULL) {
        status = json_parse(empty ? STR("{}") : *write->metadata, metadata, NULL);
    }
    if (status != STATUS_OK) {
        return status;
    }
    return hub_merge(*document, *metadata, write->patch, write->stamp) ? STATUS_OK
                                                                       : STATUS_NO_MEMORY;
}

static enum status keep_both(const struct hub_section_write *write, const cJSON *document,
                             const cJSON *metadata, struct arena *arena)
{
    struct str text = STR_EMPTY;
    struct str metadata_text = STR_EMPTY;
    enum status status = keep_tree(document, DOCUMENT_TEXT_MAX, arena, &text);
    if (status == STATUS_OK && metadata != NULL) {
        status = keep_tree(metadata, METADATA_TEXT_MAX, arena, &metadata_text);
    }
    if (status != STATUS_OK) {
        return status;
    }
    *write->text = text;
    if (metadata != NULL) {
        *write->metadata = metadata_text;
    }
    return STATUS_OK;
}

enum hub_code hub_section_write(struct hub *hub, const struct hub_section_write *write,
                                struct arena *arena, struct problem *problem)
{
    CLEANUP(json_destroyp) cJSON *document = NULL;
    CLEANUP(json_destroyp) cJSON *metadata = NULL;
    enum status status = merged(write, &document, &metadata);
    if (status == STATUS_OK) {
        const enum hub_code code = hub_section_check_size(document, write->kind, problem);
        if (code != HUB_OK) {
            return code;
        }
        status = keep_both(write, document, metadata, arena);
    }
    if (status == STATUS_LIMIT) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the section would be longer than %d bytes, written as JSON",
                    DOCUMENT_TEXT_MAX);
        return HUB_ARGUMENT_INVALID;
    }
    return status == STATUS_OK ? HUB_OK : hub_fail(hub, status, problem);
}
