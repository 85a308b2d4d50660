/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "hub/hub_internal.h"

/* ---- reading ---- */

static enum hub_code read_twin(struct hub *hub, struct identity_key key, struct arena *arena,
                               struct storage_identity **ret_twin, struct problem *problem)
{
    enum status status = hub_flush_activity(hub);
    struct storage_identity *twin = NULL;
    if (status == STATUS_OK) {
        status =
            storage_identity_get(hub->storage, key, STORAGE_TWIN | STORAGE_METADATA, arena, &twin);
    }
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    if (twin == NULL) {
        return hub_absent(key, problem);
    }
    *ret_twin = twin;
    return HUB_OK;
}

enum hub_code hub_twin_get(struct hub *hub, struct identity_key key, struct arena *arena,
                           struct storage_identity **ret_twin, struct problem *problem)
{
    return read_twin(hub, key, arena, ret_twin, problem);
}

static struct hub_stamp stamp_now(const struct hub *hub, uint64_t version)
{
    struct hub_stamp stamp = {.version = version};
    clock_text_iso(hub_now_us(hub), stamp.time);
    return stamp;
}

static enum hub_code first_metadata(struct hub *hub, int64_t at_us, struct arena *arena,
                                    struct str *ret_text, struct problem *problem)
{
    char time[CLOCK_TEXT_SIZE];
    clock_text_iso(at_us, time);
    const char *text = arena_format(arena, "{\"$lastUpdated\":\"%s\"}", time);
    if (text == NULL) {
        return hub_fail(hub, STATUS_NO_MEMORY, problem);
    }
    *ret_text = str_from(text);
    return HUB_OK;
}

enum hub_code hub_new_twin(struct hub *hub, struct storage_identity *identity, const cJSON *tags,
                           const cJSON *desired, struct arena *arena, struct problem *problem)
{
    identity->twin_etag = 1;
    identity->twin_version = 2; /* as recorded (service reference, 3.2) */
    identity->desired_version = 1;
    identity->reported_version = 1;
    identity->tags = STR("{}");
    identity->desired = STR("{}");
    identity->reported = STR("{}");
    /* A module's first times are "never", a device's are its creation's (service reference, 3.1).
     */
    const int64_t at_us = identity->key.module.size > 0 ? CLOCK_NEVER : hub_now_us(hub);
    enum hub_code code = first_metadata(hub, at_us, arena, &identity->reported_metadata, problem);
    identity->desired_metadata = identity->reported_metadata;
    /* What comes with a bulk creation is stamped "never", version 1 (service reference, 2.7). */
    struct hub_stamp stamp = {.version = 1};
    clock_text_iso(CLOCK_NEVER, stamp.time);
    if (code == HUB_OK && tags != NULL) {
        const struct hub_section_write write = {.kind = HUB_SECTION_TAGS,
                                                .text = &identity->tags,
                                                .patch = tags,
                                                .replace = true,
                                                .stamp = &stamp};
        code = hub_section_check(tags, HUB_SECTION_TAGS, true, problem);
        code = code != HUB_OK ? code : hub_section_write(hub, &write, arena, problem);
    }
    if (code == HUB_OK && desired != NULL) {
        const struct hub_section_write write = {.kind = HUB_SECTION_DESIRED,
                                                .text = &identity->desired,
                                                .metadata = &identity->desired_metadata,
                                                .patch = desired,
                                                .replace = true,
                                                .stamp = &stamp};
        code = hub_section_check(desired, HUB_SECTION_DESIRED, true, problem);
        code = code != HUB_OK ? code : hub_section_write(hub, &write, arena, problem);
    }
    return code;
}

/* ---- what a service changes ---- */

static bool says_something(const cJSON *patch)
{
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, patch)
    {
        if (!hub_is_echo_member(member->string)) {
            return true;
        }
    }
    return false;
}

/* A section's fate in one request. */
struct intent {
    const cJSON *patch; /* an object */
    bool write;
    bool replace;
};

static enum hub_code read_intent(const cJSON *given, bool replace, enum hub_section section,
                                 const cJSON *empty, struct intent *ret_intent,
                                 struct problem *problem)
{
    if (given == NULL || cJSON_IsNull(given)) {
        /* A JSON null clears, and so does a PUT that leaves the section out. */
        const bool clear = replace || given != NULL;
        *ret_intent = (struct intent){.patch = empty, .write = clear, .replace = true};
        return HUB_OK;
    }
    const enum hub_code code = hub_section_check(given, section, true, problem);
    if (code == HUB_OK) {
        *ret_intent = (struct intent){
            .patch = given,
            .write = replace || says_something(given),
            .replace = replace,
        };
    }
    return code;
}

static void append_member_separator(struct buf *out, bool *first)
{
    if (!*first) {
        buf_append_byte(out, ',');
    }
    *first = false;
}

/* The members of a patch that count, without braces. */
static void append_patch_members(struct buf *out, const cJSON *patch)
{
    bool first = true;
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, patch)
    {
        if (hub_is_echo_member(member->string)) {
            continue;
        }
        append_member_separator(out, &first);
        json_append_string(out, str_from(member->string));
        buf_append_byte(out, ':');
        json_append_tree(out, member);
    }
}

/* Tells a connected device. After a replacement it gets the whole section. */
static void notify_desired(struct hub *hub, const struct storage_identity *twin,
                           const struct intent *desired)
{
    struct hub_link *link = hub_link_find(hub, twin->id);
    if (link == NULL || (link->interests & HUB_INTEREST_DESIRED) == 0) {
        return;
    }
    CLEANUP(buf_finish) struct buf patch = BUF_INIT(HUB_SCRATCH_MAX);
    if (desired->replace) {
        hub_append_versioned(&patch, twin->desired, STR_EMPTY, twin->desired_version);
    } else {
        CLEANUP(buf_finish) struct buf members = BUF_INIT(HUB_SCRATCH_MAX);
        buf_append_byte(&members, '{');
        append_patch_members(&members, desired->patch);
        buf_append_byte(&members, '}');
        if (buf_status(&members) != STATUS_OK) {
            (void)hub_fail(hub, buf_status(&members), NULL);
            return;
        }
        hub_append_versioned(&patch, buf_str(&members), STR_EMPTY, twin->desired_version);
    }
    if (buf_status(&patch) != STATUS_OK) {
        (void)hub_fail(hub, buf_status(&patch), NULL);
        return;
    }
    link->ops->desired(link->ctx, twin->desired_version, buf_str(&patch));
}

/* {"<members>","$metadata":{...},"$version":n}: a changed section as change events show it. */
static enum status append_changed_section(struct buf *out, const cJSON *patch,
                                          const struct hub_stamp *stamp, uint64_t version)
{
    CLEANUP(json_destroyp) cJSON *metadata = hub_stamp_tree(patch, stamp);
    if (metadata == NULL) {
        return STATUS_NO_MEMORY;
    }
    buf_append_byte(out, '{');
    append_patch_members(out, patch);
    if (says_something(patch)) {
        buf_append_byte(out, ',');
    }
    buf_append_str(out, STR("\"$metadata\":"));
    json_append_tree(out, metadata);
    buf_append_format(out, ",\"$version\":%" PRIu64 "}", version);
    return buf_status(out);
}

/* The journal's row: the body is the service's twin change event (service reference, 8). */
static void note_change(struct hub *hub, const struct storage_identity *twin,
                        const struct intent *tags, const struct intent *desired,
                        const struct hub_stamp *stamp)
{
    CLEANUP(buf_finish) struct buf body = BUF_INIT(HUB_SCRATCH_MAX);
    enum status status = STATUS_OK;
    const bool replaced = tags->replace && desired->replace;
    if (replaced) {
        hub_twin_append(&body, twin);
    } else {
        buf_append_format(&body, "{\"version\":%" PRIu64, twin->twin_version);
        if (tags->write) {
            buf_append_str(&body, STR(",\"tags\":{"));
            append_patch_members(&body, tags->patch);
            buf_append_byte(&body, '}');
        }
        if (desired->write) {
            buf_append_str(&body, STR(",\"properties\":{\"desired\":"));
            status = append_changed_section(&body, desired->patch, stamp, twin->desired_version);
            buf_append_byte(&body, '}');
        }
        buf_append_byte(&body, '}');
    }
    status = status == STATUS_OK ? buf_status(&body) : status;
    if (status != STATUS_OK) {
        (void)hub_fail(hub, status, NULL);
        return;
    }
    hub_event(hub, HUB_EVENT_TWIN_CHANGED, twin->key,
              replaced ? STR("{\"opType\":\"replaceTwin\"}") : STR("{\"opType\":\"updateTwin\"}"),
              buf_str(&body));
}

static enum hub_code check_twin_match(const struct storage_identity *twin,
                                      const struct hub_match *match, struct problem *problem)
{
    CLEANUP(buf_finish) struct buf etag = BUF_INIT(64);
    hub_twin_etag_append(&etag, twin);
    if (hub_match_holds(match, buf_str(&etag))) {
        return HUB_OK;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "ETag mismatch for device ID '%.*s': If-Match has \"%.*s\", the twin has \"%.*s\"; "
                "read the twin again and retry",
                STR_ARG(twin->key.device), STR_ARG(match->etag), STR_ARG(buf_str(&etag)));
    return HUB_PRECONDITION_FAILED;
}

static enum hub_code write_twin(struct hub *hub, struct storage_identity *twin,
                                const struct intent *tags, const struct intent *desired,
                                struct arena *arena, struct problem *problem)
{
    const struct hub_stamp stamp = stamp_now(hub, twin->desired_version + 1);
    unsigned sections = 0;
    enum hub_code code = HUB_OK;
    if (tags->write) {
        const struct hub_section_write write = {.kind = HUB_SECTION_TAGS,
                                                .text = &twin->tags,
                                                .patch = tags->patch,
                                                .replace = tags->replace,
                                                .stamp = &stamp};
        code = hub_section_write(hub, &write, arena, problem);
        sections |= STORAGE_TAGS;
    }
    if (code == HUB_OK && desired->write) {
        const struct hub_section_write write = {.kind = HUB_SECTION_DESIRED,
                                                .text = &twin->desired,
                                                .metadata = &twin->desired_metadata,
                                                .patch = desired->patch,
                                                .replace = desired->replace,
                                                .stamp = &stamp};
        code = hub_section_write(hub, &write, arena, problem);
        sections |= STORAGE_DESIRED;
        twin->desired_version++;
    }
    if (code != HUB_OK) {
        return code;
    }
    twin->twin_etag++;
    twin->twin_version++;
    const enum status status = storage_twin_update(hub->storage, twin, sections);
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    note_change(hub, twin, tags, desired, &stamp);
    if (desired->write) {
        notify_desired(hub, twin, desired);
    }
    return HUB_OK;
}

enum hub_code hub_twin_update(struct hub *hub, struct identity_key key,
                              const struct hub_twin_change *change, struct arena *arena,
                              struct storage_identity **ret_twin, struct problem *problem)
{
    struct storage_identity *twin = NULL;
    enum hub_code code = read_twin(hub, key, arena, &twin, problem);
    if (code == HUB_OK) {
        code = check_twin_match(twin, change->match, problem);
    }
    if (code != HUB_OK) {
        return code;
    }
    CLEANUP(json_destroyp) cJSON *empty = cJSON_CreateObject();
    if (empty == NULL) {
        return hub_fail(hub, STATUS_NO_MEMORY, problem);
    }
    struct intent tags;
    struct intent desired;
    code = read_intent(change->tags, change->replace, HUB_SECTION_TAGS, empty, &tags, problem);
    if (code == HUB_OK) {
        code = read_intent(change->desired, change->replace, HUB_SECTION_DESIRED, empty, &desired,
                           problem);
    }
    if (code == HUB_OK && (tags.write || desired.write)) {
        code = write_twin(hub, twin, &tags, &desired, arena, problem);
    }
    if (code == HUB_OK) {
        *ret_twin = twin;
    }
    return code;
}

/* ---- what a device reports ---- */

static void note_reported(struct hub *hub, const struct storage_identity *twin, const cJSON *patch,
                          const struct hub_stamp *stamp)
{
    CLEANUP(buf_finish) struct buf body = BUF_INIT(HUB_SCRATCH_MAX);
    buf_append_format(&body,
                      "{\"version\":%" PRIu64 ",\"properties\":{\"reported\":", twin->twin_version);
    const enum status status = append_changed_section(&body, patch, stamp, twin->reported_version);
    buf_append_str(&body, STR("}}"));
    if (status != STATUS_OK || buf_status(&body) != STATUS_OK) {
        (void)hub_fail(hub, status != STATUS_OK ? status : buf_status(&body), NULL);
        return;
    }
    hub_event(hub, HUB_EVENT_REPORTED, twin->key, STR("{\"opType\":\"updateTwin\"}"),
              buf_str(&body));
}

static enum hub_code write_reported(struct hub *hub, struct storage_identity *twin,
                                    const cJSON *patch, struct arena *arena,
                                    struct problem *problem)
{
    const struct hub_stamp stamp = stamp_now(hub, 0);
    const struct hub_section_write write = {.kind = HUB_SECTION_REPORTED,
                                            .text = &twin->reported,
                                            .metadata = &twin->reported_metadata,
                                            .patch = patch,
                                            .stamp = &stamp};
    const enum hub_code code = hub_section_write(hub, &write, arena, problem);
    if (code != HUB_OK) {
        return code;
    }
    twin->twin_version++;
    twin->reported_version++;
    const enum status status = storage_twin_update(hub->storage, twin, STORAGE_REPORTED);
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    note_reported(hub, twin, patch, &stamp);
    return HUB_OK;
}

enum hub_code hub_reported_update(struct hub *hub, const struct hub_report *report,
                                  uint64_t *ret_version, struct problem *problem)
{
    CLEANUP(json_destroyp) cJSON *patch = NULL;
    struct problem detail = {.text = ""};
    const enum status status = json_parse(report->patch, &patch, &detail);
    if (status == STATUS_INVALID) {
        problem_set(problem, detail.offset, "the reported properties are no JSON: %s", detail.text);
        return HUB_ARGUMENT_INVALID;
    }
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    enum hub_code code = hub_section_check(patch, HUB_SECTION_REPORTED, false, problem);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_READ_ARENA_MAX);
    struct storage_identity *twin = NULL;
    if (code == HUB_OK) {
        code = read_twin(hub, report->key, &arena, &twin, problem);
    }
    if (code == HUB_OK && twin->id != report->id) {
        code =
            hub_absent(report->key, problem); /* deleted and made anew under a living connection */
    }
    const uint64_t expected = report->expected_version;
    if (code == HUB_OK && expected != 0 && expected != twin->reported_version) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the patch expects reported $version %" PRIu64 ", the twin has %" PRIu64,
                    expected, twin->reported_version);
        code = HUB_PRECONDITION_FAILED;
    }
    if (code == HUB_OK) {
        code = write_reported(hub, twin, patch, &arena, problem);
    }
    if (code == HUB_OK) {
        struct hub_link *link = hub_link_find(hub, report->id);
        if (link != NULL) {
            hub_link_touch(link);
        }
        *ret_version = twin->reported_version;
    }
    return code;
}
