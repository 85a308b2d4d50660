/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sas.h"
#include "hub/hub_internal.h"

enum { SEED_ARENA_MAX = 4 << 20, SEED_TEXT_MAX = 1 << 20, WHERE_SIZE = 192 };

/* Where in the file we are, for messages. */
struct place {
    struct hub *hub;
    struct arena *arena;
    struct problem *problem;
    char where[WHERE_SIZE]; /* "devices[3] 'dev-a1'" */
};

static bool refuse(const struct place *place, const char *member, const char *expected)
{
    problem_set(place->problem, PROBLEM_NO_OFFSET, "%s: %s must be %s", place->where, member,
                expected);
    return false;
}

static bool read_text(const struct place *place, const cJSON *document, const char *name,
                      struct str *ret_value)
{
    const cJSON *member = json_member(document, name);
    if (member == NULL || cJSON_IsNull(member)) {
        return true;
    }
    if (!cJSON_IsString(member)) {
        return refuse(place, name, "a string");
    }
    *ret_value = json_str(member);
    return true;
}

static bool read_whole(const struct place *place, const cJSON *document, const char *name,
                       uint64_t *ret_value)
{
    const cJSON *member = json_member(document, name);
    if (member == NULL) {
        return true;
    }
    if (!cJSON_IsNumber(member) || member->valuedouble < 0 ||
        member->valuedouble > 4503599627370495.0) {
        return refuse(place, name, "a whole number");
    }
    *ret_value = (uint64_t)member->valuedouble;
    return true;
}

static bool read_time(const struct place *place, const cJSON *document, const char *name,
                      int64_t *ret_time_us)
{
    struct str text = STR_EMPTY;
    if (!read_text(place, document, name, &text)) {
        return false;
    }
    if (text.size > 0 && !clock_from_iso(text, ret_time_us)) {
        return refuse(place, name, "an ISO 8601 time");
    }
    return true;
}

/* A text with one of two meanings; absent: the second. */
static bool read_choice(const struct place *place, const cJSON *document, const char *name,
                        const char *yes, const char *no, bool *ret_yes)
{
    struct str text = STR_EMPTY;
    if (!read_text(place, document, name, &text)) {
        return false;
    }
    if (text.size == 0) {
        return true;
    }
    *ret_yes = str_equal_nocase(text, str_from(yes));
    char expected[64];
    (void)snprintf(expected, sizeof(expected), "%s or %s", yes, no);
    return *ret_yes || str_equal_nocase(text, str_from(no)) || refuse(place, name, expected);
}

/* A JSON value kept as text. */
static bool keep_json(const struct place *place, const cJSON *value, const char *name,
                      struct str *ret_text)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(SEED_TEXT_MAX);
    json_append_tree(&text, value);
    const char *copy =
        buf_status(&text) == STATUS_OK ? arena_copy(place->arena, buf_str(&text)) : NULL;
    if (copy == NULL) {
        return refuse(place, name, "smaller: it does not fit");
    }
    *ret_text = str_of(copy, text.size);
    return true;
}

static bool read_section(const struct place *place, const cJSON *section, const char *name,
                         enum hub_section kind, struct str *ret_text)
{
    if (section == NULL) {
        return true;
    }
    struct problem problem;
    if (hub_section_check(section, kind, true, &problem) != HUB_OK ||
        hub_section_check_size(section, kind, &problem) != HUB_OK) {
        problem_set(place->problem, PROBLEM_NO_OFFSET, "%s: %s", place->where, problem.text);
        return false;
    }
    return keep_json(place, section, name, ret_text);
}

/* Takes $metadata and $version out of a properties section, which is then the section itself. */
struct properties {
    enum hub_section kind;
    const char *name;
    struct str *text;
    struct str *metadata;
    uint64_t *version;
};

static bool read_properties(const struct place *place, const cJSON *parent,
                            const struct properties *into)
{
    const char *name = into->name;
    cJSON *section = json_member(parent, name);
    if (section == NULL) {
        return true;
    }
    if (!cJSON_IsObject(section)) {
        return refuse(place, name, "an object");
    }
    if (!read_whole(place, section, "$version", into->version)) {
        return false;
    }
    const cJSON *metadata = json_member(section, "$metadata");
    if (metadata != NULL &&
        (!cJSON_IsObject(metadata) || !keep_json(place, metadata, "$metadata", into->metadata))) {
        return refuse(place, "$metadata", "an object");
    }
    cJSON_DeleteItemFromObjectCaseSensitive(section, "$metadata");
    cJSON_DeleteItemFromObjectCaseSensitive(section, "$version");
    return read_section(place, section, name, into->kind, into->text);
}

/* The wire's etags back to their counters: base64 of eight bytes, or of decimal digits. */
static bool read_etags(const struct place *place, const cJSON *document,
                       struct storage_identity *identity)
{
    struct str twin = STR_EMPTY;
    struct str device = STR_EMPTY;
    if (!read_text(place, document, "etag", &twin) ||
        !read_text(place, document, "deviceEtag", &device)) {
        return false;
    }
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(64);
    if (twin.size > 0) {
        if (!base64_decode_append(&bytes, twin) || bytes.size != 8) {
            return refuse(place, "etag", "base64 of eight bytes");
        }
        identity->twin_etag = 0;
        for (size_t i = 0; i < bytes.size; i++) {
            identity->twin_etag = identity->twin_etag << 8 | (unsigned char)bytes.data[i];
        }
    }
    buf_clear(&bytes);
    if (device.size > 0 &&
        (!base64_decode_append(&bytes, device) || !str_to_u64(buf_str(&bytes), &identity->etag))) {
        return refuse(place, "deviceEtag", "base64 of decimal digits");
    }
    return true;
}

static bool read_key_pair(const struct place *place, const cJSON *pair, const char *primary,
                          const char *secondary, struct str *ret_primary, struct str *ret_secondary)
{
    return read_text(place, pair, primary, ret_primary) &&
           read_text(place, pair, secondary, ret_secondary);
}

static bool read_auth(const struct place *place, const cJSON *document,
                      struct storage_identity *identity)
{
    const cJSON *auth = json_member(document, "authentication");
    const cJSON *keys = json_member(auth, "symmetricKey");
    const cJSON *thumbprints = json_member(document, "x509Thumbprint");
    if (thumbprints == NULL) {
        thumbprints = json_member(auth, "x509Thumbprint");
    }
    struct str type = STR_EMPTY;
    if (!read_text(place, auth, "type", &type) ||
        !read_text(place, document, "authenticationType", &type) ||
        !read_key_pair(place, keys, "primaryKey", "secondaryKey", &identity->primary_key,
                       &identity->secondary_key) ||
        !read_key_pair(place, thumbprints, "primaryThumbprint", "secondaryThumbprint",
                       &identity->primary_thumbprint, &identity->secondary_thumbprint)) {
        return false;
    }
    if (type.size > 0 && !hub_auth_from_name(type, &identity->auth)) {
        return refuse(place, "authenticationType", "sas, selfSigned, certificateAuthority or none");
    }
    if (identity->auth != STORAGE_AUTH_SAS) {
        return true;
    }
    struct str *both[] = {&identity->primary_key, &identity->secondary_key};
    for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
        if (both[i]->size > 0 && !sas_key_valid(*both[i])) {
            return refuse(place, "symmetricKey", "base64 of 16 to 64 bytes");
        }
        if (both[i]->size == 0) {
            char *key = ARENA_ARRAY(place->arena, char, RANDOM_KEY_SIZE);
            if (key == NULL) {
                return refuse(place, "symmetricKey", "smaller: out of memory");
            }
            random_key(&place->hub->random, key);
            *both[i] = str_from(key);
        }
    }
    return true;
}

static bool read_system(const struct place *place, const cJSON *document,
                        struct storage_identity *identity)
{
    uint64_t c2d_count = 0;
    struct str generation = STR_EMPTY;
    const cJSON *edge = json_member(json_member(document, "capabilities"), "iotEdge");
    identity->edge = cJSON_IsTrue(edge) != 0;
    if (!read_choice(place, document, "status", "enabled", "disabled", &identity->enabled) ||
        !read_choice(place, document, "connectionState", "Connected", "Disconnected",
                     &identity->connected) ||
        !read_time(place, document, "statusUpdateTime", &identity->status_updated_us) ||
        !read_time(place, document, "lastActivityTime", &identity->last_activity_us) ||
        !read_text(place, document, "statusReason", &identity->status_reason) ||
        !read_text(place, document, "modelId", &identity->model_id) ||
        !read_text(place, document, "managedBy", &identity->managed_by) ||
        !read_text(place, document, "deviceScope", &identity->device_scope) ||
        !read_text(place, document, "generationId", &generation) ||
        !read_whole(place, document, "cloudToDeviceMessageCount", &c2d_count) ||
        !read_whole(place, document, "version", &identity->twin_version)) {
        return false;
    }
    if (c2d_count > UINT32_MAX) {
        return refuse(place, "cloudToDeviceMessageCount", "smaller");
    }
    identity->c2d_count = (uint32_t)c2d_count;
    if (generation.size > 0 && !str_to_i64(generation, &identity->generation)) {
        return refuse(place, "generationId", "a decimal number in a string");
    }
    return true;
}

static bool read_documents(const struct place *place, cJSON *document,
                           struct storage_identity *identity)
{
    const cJSON *properties = json_member(document, "properties");
    const cJSON *scopes = json_member(document, "parentScopes");
    const cJSON *configurations = json_member(document, "configurations");
    if (scopes != NULL && (!cJSON_IsArray(scopes) ||
                           !keep_json(place, scopes, "parentScopes", &identity->parent_scopes))) {
        return refuse(place, "parentScopes", "an array");
    }
    if (configurations != NULL &&
        (!cJSON_IsObject(configurations) ||
         !keep_json(place, configurations, "configurations", &identity->configurations))) {
        return refuse(place, "configurations", "an object");
    }
    const struct properties desired = {HUB_SECTION_DESIRED, "desired", &identity->desired,
                                       &identity->desired_metadata, &identity->desired_version};
    const struct properties reported = {HUB_SECTION_REPORTED, "reported", &identity->reported,
                                        &identity->reported_metadata, &identity->reported_version};
    return read_section(place, json_member(document, "tags"), "tags", HUB_SECTION_TAGS,
                        &identity->tags) &&
           read_properties(place, properties, &desired) &&
           read_properties(place, properties, &reported);
}

static bool read_identity(const struct place *place, cJSON *document, struct identity_key key,
                          struct storage_identity *identity)
{
    *identity = (struct storage_identity){
        .key = key,
        .generation = hub_next_generation(place->hub),
        .etag = 1,
        .enabled = true,
        .status_updated_us = CLOCK_NEVER,
        .connection_updated_us = CLOCK_NEVER,
        .last_activity_us = CLOCK_NEVER,
        .primary_key = STR_EMPTY,
        .secondary_key = STR_EMPTY,
    };
    struct problem problem;
    if (hub_new_twin(place->hub, identity, NULL, NULL, place->arena, &problem) != HUB_OK) {
        problem_set(place->problem, PROBLEM_NO_OFFSET, "%s: %s", place->where, problem.text);
        return false;
    }
    return read_system(place, document, identity) && read_auth(place, document, identity) &&
           read_etags(place, document, identity) && read_documents(place, document, identity);
}

/* The key, and whether its place is free. */
static bool read_key(struct place *place, const char *collection, size_t index,
                     const cJSON *document, bool module, struct identity_key *ret_key)
{
    (void)snprintf(place->where, sizeof(place->where), "%s[%zu]", collection, index);
    struct identity_key key = {.device = STR_EMPTY, .module = STR_EMPTY};
    if (!read_text(place, document, "deviceId", &key.device) ||
        (module && !read_text(place, document, "moduleId", &key.module))) {
        return false;
    }
    if (!hub_id_valid(key.device)) {
        return refuse(place, "deviceId", "1 to 128 of the characters that ids may have");
    }
    if (module && !hub_id_valid(key.module)) {
        return refuse(place, "moduleId", "1 to 128 of the characters that ids may have");
    }
    (void)snprintf(place->where, sizeof(place->where), "%s[%zu] '%.*s'", collection, index,
                   STR_ARG(module ? key.module : key.device));
    *ret_key = key;
    return true;
}

static enum status is_there(const struct place *place, struct identity_key key, bool *ret_is_there)
{
    struct storage_identity *there = NULL;
    const enum status status =
        storage_identity_get(place->hub->storage, key, STORAGE_IDENTITY, place->arena, &there);
    *ret_is_there = there != NULL;
    return status;
}

/* HUB_OK also when the record was there already. */
static enum hub_code load_twin(struct place *place, cJSON *document, struct identity_key key)
{
    struct hub *hub = place->hub;
    bool there = false;
    enum status status = is_there(place, key, &there);
    if (status == STATUS_OK && !there && key.module.size > 0) {
        bool device_there = false;
        status = is_there(place, (struct identity_key){.device = key.device}, &device_there);
        if (status == STATUS_OK && !device_there) {
            (void)refuse(place, "deviceId", "that of a device in this file or in the hub");
            return HUB_ARGUMENT_INVALID;
        }
    }
    if (status == STATUS_OK && !there) {
        struct storage_identity identity;
        if (!read_identity(place, document, key, &identity)) {
            return HUB_ARGUMENT_INVALID;
        }
        status = storage_identity_insert(hub->storage, &identity);
    }
    return status == STATUS_OK ? HUB_OK : hub_fail(hub, status, place->problem);
}

/* ---- device jobs ---- */

static bool read_object(const struct place *place, const cJSON *document, const char *name,
                        struct str *ret_text)
{
    const cJSON *member = json_member(document, name);
    if (member == NULL) {
        return true;
    }
    return (cJSON_IsObject(member) || refuse(place, name, "an object")) &&
           keep_json(place, member, name, ret_text);
}

static bool read_job_key(struct place *place, size_t index, const cJSON *document,
                         struct storage_job *job)
{
    const bool module = json_member(document, "moduleId") != NULL;
    if (!read_key(place, "devices.jobs", index, document, module, &job->key) ||
        !read_text(place, document, "jobId", &job->job)) {
        return false;
    }
    return hub_id_valid(job->job) ||
           refuse(place, "jobId", "1 to 128 of the characters that ids may have");
}

static bool read_job(const struct place *place, const cJSON *document, struct storage_job *job)
{
    job->started_us = job->ended_us = job->created_us = job->updated_us = CLOCK_NEVER;
    if (!read_text(place, document, "jobType", &job->type) ||
        !read_text(place, document, "status", &job->status) ||
        !read_time(place, document, "startTimeUtc", &job->started_us) ||
        !read_time(place, document, "endTimeUtc", &job->ended_us) ||
        !read_time(place, document, "createdDateTimeUtc", &job->created_us) ||
        !read_time(place, document, "lastUpdatedDateTimeUtc", &job->updated_us) ||
        !read_object(place, document, "outcome", &job->outcome) ||
        !read_object(place, document, "error", &job->error)) {
        return false;
    }
    return (job->type.size > 0 || refuse(place, "jobType", "given")) &&
           (job->status.size > 0 || refuse(place, "status", "given"));
}

static enum hub_code load_job(struct place *place, size_t index, cJSON *document)
{
    struct storage *storage = place->hub->storage;
    struct storage_job job = {.job = STR_EMPTY};
    if (!read_job_key(place, index, document, &job)) {
        return HUB_ARGUMENT_INVALID;
    }
    struct storage_job *there = NULL;
    enum status status = storage_job_get(storage, job.key, job.job, place->arena, &there);
    if (status == STATUS_OK && there == NULL) {
        if (!read_job(place, document, &job)) {
            return HUB_ARGUMENT_INVALID;
        }
        status = storage_job_insert(storage, &job);
    }
    return status == STATUS_OK ? HUB_OK : hub_fail(place->hub, status, place->problem);
}

/* ---- the file ---- */

static const char *const collections[] = {"devices", "devices.modules", "devices.jobs"};
enum collection { DEVICES, MODULES, JOBS, COLLECTION_COUNT };

static enum hub_code load_document(struct place *place, enum collection kind, size_t index,
                                   cJSON *document)
{
    if (kind == JOBS) {
        return load_job(place, index, document);
    }
    struct identity_key key;
    if (!read_key(place, collections[kind], index, document, kind == MODULES, &key)) {
        return HUB_ARGUMENT_INVALID;
    }
    return load_twin(place, document, key);
}

static enum hub_code load_collection(struct hub *hub, const cJSON *seed, enum collection kind,
                                     struct problem *problem)
{
    const cJSON *collection = json_member(seed, collections[kind]);
    if (collection != NULL && !cJSON_IsArray(collection)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s must be an array of documents",
                    collections[kind]);
        return HUB_ARGUMENT_INVALID;
    }
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(SEED_ARENA_MAX);
    struct place place = {.hub = hub, .arena = &arena, .problem = problem};
    size_t index = 0;
    cJSON *document = NULL;
    cJSON_ArrayForEach(document, collection)
    {
        arena_reset(&arena);
        const enum hub_code code = load_document(&place, kind, index++, document);
        if (code != HUB_OK) {
            return code;
        }
    }
    return HUB_OK;
}

/* A misspelt member would load nothing, and say nothing. */
static enum hub_code check_members(const cJSON *seed, struct problem *problem)
{
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, seed)
    {
        bool known = strcmp(member->string, "policies") == 0; /* main's */
        for (size_t i = 0; i < ARRAY_SIZE(collections); i++) {
            known = known || strcmp(member->string, collections[i]) == 0;
        }
        if (!known) {
            problem_set(problem, PROBLEM_NO_OFFSET,
                        "a seed has \"devices\", \"devices.modules\", \"devices.jobs\" and "
                        "\"policies\", but no \"%.64s\"",
                        member->string);
            return HUB_ARGUMENT_INVALID;
        }
    }
    return HUB_OK;
}

static enum hub_code keep_text(struct hub *hub, struct str text, struct problem *problem)
{
    assert(hub->seed.data == NULL);
    char *copy = mem_alloc(text.size + 1);
    if (copy == NULL) {
        return hub_fail(hub, STATUS_NO_MEMORY, problem);
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    hub->seed = str_of(copy, text.size);
    return HUB_OK;
}

enum hub_code hub_seed(struct hub *hub, struct str text, struct problem *problem)
{
    CLEANUP(json_destroyp) cJSON *seed = NULL;
    const enum status status = json_parse(text, &seed, problem);
    if (status != STATUS_OK) {
        return status == STATUS_INVALID ? HUB_ARGUMENT_INVALID : hub_fail(hub, status, problem);
    }
    enum hub_code code = HUB_OK;
    if (!cJSON_IsObject(seed)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "a seed is a JSON object with \"devices\", \"devices.modules\" and "
                    "\"devices.jobs\"");
        code = HUB_ARGUMENT_INVALID;
    }
    if (code == HUB_OK) {
        code = check_members(seed, problem);
    }
    for (unsigned kind = 0; code == HUB_OK && kind < COLLECTION_COUNT; kind++) {
        code = load_collection(hub, seed, (enum collection)kind, problem);
    }
    if (code != HUB_OK) {
        hub->failed = true;
        return code;
    }
    return keep_text(hub, text, problem);
}
