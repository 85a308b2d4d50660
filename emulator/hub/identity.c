/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/json.h"
#include "base/sas.h"
#include "hub/hub_internal.h"

enum { ID_SIZE_MAX = 128, ETAG_FIRST_MAX = 1000000000 };

bool hub_auth_from_name(struct str name, enum storage_auth *ret_auth)
{
    static const enum storage_auth all[] = {STORAGE_AUTH_SAS, STORAGE_AUTH_SELF_SIGNED,
                                            STORAGE_AUTH_CA, STORAGE_AUTH_NONE};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        if (str_equal_nocase(name, str_from(storage_auth_name(all[i])))) {
            *ret_auth = all[i];
            return true;
        }
    }
    return false;
}

/* Service reference, 2.5: the union of the published lists. */
bool hub_id_valid(struct str id)
{
    static const char specials[] = "-:.+%_#*?!(),=@;$'";
    if (id.size == 0 || id.size > ID_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < id.size; i++) {
        const char c = id.data[i];
        const bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alphanumeric && (c == '\0' || strchr(specials, c) == NULL)) {
            return false;
        }
    }
    return true;
}

static enum hub_code check_key(struct identity_key key, struct problem *problem)
{
    const bool device_valid = hub_id_valid(key.device);
    if (device_valid && (key.module.size == 0 || hub_id_valid(key.module))) {
        return HUB_OK;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "%s id '%.*s' must be 1 to 128 of the ASCII letters, digits and "
                "- : . + %% _ # * ? ! ( ) , = @ ; $ '",
                device_valid ? "module" : "device",
                STR_ARG(device_valid ? key.module : key.device));
    return HUB_ARGUMENT_INVALID;
}

void hub_describe_absent(struct identity_key key, struct problem *problem)
{
    if (key.module.size > 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "module '%.*s' on device '%.*s' is not registered",
                    STR_ARG(key.module), STR_ARG(key.device));
        return;
    }
    problem_set(problem, PROBLEM_NO_OFFSET, "device '%.*s' is not registered", STR_ARG(key.device));
}

bool hub_match_holds(const struct hub_match *match, struct str etag)
{
    return match == NULL || match->kind != HUB_MATCH_ETAG || str_equal(match->etag, etag);
}

void hub_identity_etag_append(struct buf *out, const struct storage_identity *identity)
{
    storage_etag_append(out, identity->etag);
}

int64_t hub_next_generation(struct hub *hub)
{
    int64_t generation = clock_dotnet_ticks(hub_now_us(hub));
    if (generation <= hub->generation_last) {
        generation = hub->generation_last + 1;
    }
    hub->generation_last = generation;
    return generation;
}

enum hub_code hub_identity_get(struct hub *hub, struct identity_key key, struct arena *arena,
                               struct storage_identity **ret_identity, struct problem *problem)
{
    enum status status = hub_flush_activity(hub);
    struct storage_identity *identity = NULL;
    if (status == STATUS_OK) {
        status = storage_identity_get(hub->storage, key, STORAGE_IDENTITY, arena, &identity);
    }
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    if (identity == NULL) {
        return hub_absent(key, problem);
    }
    *ret_identity = identity;
    return HUB_OK;
}

enum hub_code hub_devices_list(struct hub *hub, size_t limit, struct arena *arena,
                               struct storage_identity ***ret_identities, size_t *ret_count)
{
    enum status status = hub_flush_activity(hub);
    if (status == STATUS_OK) {
        status = storage_devices_list(hub->storage, limit, arena, ret_identities, ret_count);
    }
    return status == STATUS_OK ? HUB_OK : hub_fail(hub, status, NULL);
}

enum hub_code hub_modules_list(struct hub *hub, struct str device, struct arena *arena,
                               struct storage_identity ***ret_identities, size_t *ret_count,
                               struct problem *problem)
{
    struct storage_identity *parent = NULL;
    const enum hub_code code =
        hub_identity_get(hub, (struct identity_key){.device = device}, arena, &parent, problem);
    if (code != HUB_OK) {
        return code;
    }
    const enum status status =
        storage_modules_list(hub->storage, device, arena, ret_identities, ret_count);
    return status == STATUS_OK ? HUB_OK : hub_fail(hub, status, problem);
}

enum hub_code hub_counts(struct hub *hub, struct storage_counts *ret_counts)
{
    const enum status status = storage_counts(hub->storage, ret_counts);
    return status == STATUS_OK ? HUB_OK : hub_fail(hub, status, NULL);
}

/* ---- what a client wants an identity to be ---- */

static bool hex_of_size(struct str s, size_t size)
{
    if (s.size != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        const char c = s.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
            return false;
        }
    }
    return true;
}

static bool thumbprint_valid(struct str thumbprint)
{
    return thumbprint.size == 0 || hex_of_size(thumbprint, 40) || hex_of_size(thumbprint, 64);
}

static enum hub_code set_keys(struct hub *hub, const struct hub_identity_desc *desc,
                              struct arena *arena, struct storage_identity *identity,
                              struct problem *problem)
{
    if ((desc->primary_key.size > 0) != (desc->secondary_key.size > 0)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "give both primaryKey and secondaryKey, or neither to have them generated");
        return HUB_ARGUMENT_INVALID;
    }
    if (desc->primary_key.size > 0) {
        if (!sas_key_valid(desc->primary_key) || !sas_key_valid(desc->secondary_key)) {
            problem_set(problem, PROBLEM_NO_OFFSET,
                        "a symmetric key must be base64 of %u to %u bytes", SAS_KEY_SIZE_MIN,
                        SAS_KEY_SIZE_MAX);
            return HUB_ARGUMENT_INVALID;
        }
        identity->primary_key = desc->primary_key;
        identity->secondary_key = desc->secondary_key;
        return HUB_OK;
    }
    if (identity->primary_key.size > 0) {
        return HUB_OK; /* an update that says nothing of keys keeps them */
    }
    char *keys = ARENA_ARRAY(arena, char, (size_t)2 * RANDOM_KEY_SIZE);
    if (keys == NULL) {
        return hub_fail(hub, STATUS_NO_MEMORY, problem);
    }
    random_key(&hub->random, keys);
    random_key(&hub->random, keys + RANDOM_KEY_SIZE);
    identity->primary_key = str_from(keys);
    identity->secondary_key = str_from(keys + RANDOM_KEY_SIZE);
    return HUB_OK;
}

static enum hub_code set_auth(struct hub *hub, const struct hub_identity_desc *desc,
                              struct arena *arena, struct storage_identity *identity,
                              struct problem *problem)
{
    const bool thumbprints =
        desc->primary_thumbprint.size > 0 || desc->secondary_thumbprint.size > 0;
    if (desc->auth_type.size > 0) {
        if (!hub_auth_from_name(desc->auth_type, &identity->auth)) {
            problem_set(problem, PROBLEM_NO_OFFSET,
                        "authentication.type '%.*s' is not one of sas, selfSigned, "
                        "certificateAuthority, none",
                        STR_ARG(desc->auth_type));
            return HUB_ARGUMENT_INVALID;
        }
    } else if (thumbprints) {
        identity->auth = STORAGE_AUTH_SELF_SIGNED;
    }
    if (identity->auth == STORAGE_AUTH_SAS) {
        identity->primary_thumbprint = (struct str){0};
        identity->secondary_thumbprint = (struct str){0};
        return set_keys(hub, desc, arena, identity, problem);
    }
    identity->primary_key = STR_EMPTY;
    identity->secondary_key = STR_EMPTY;
    if (!thumbprint_valid(desc->primary_thumbprint) ||
        !thumbprint_valid(desc->secondary_thumbprint)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "a thumbprint must be 40 (SHA-1) or 64 (SHA-256) hex digits");
        return HUB_ARGUMENT_INVALID;
    }
    if (thumbprints) {
        identity->primary_thumbprint = desc->primary_thumbprint;
        identity->secondary_thumbprint = desc->secondary_thumbprint;
    }
    if (identity->auth == STORAGE_AUTH_SELF_SIGNED && identity->primary_thumbprint.size == 0 &&
        identity->secondary_thumbprint.size == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "authentication.type selfSigned needs a thumbprint in x509Thumbprint");
        return HUB_ARGUMENT_INVALID;
    }
    return HUB_OK;
}

static enum hub_code set_status(struct hub *hub, const struct hub_identity_desc *desc,
                                struct storage_identity *identity, struct problem *problem)
{
    bool enabled = true;
    if (desc->status.size > 0) {
        enabled = str_equal_nocase(desc->status, STR("enabled"));
        if (!enabled && !str_equal_nocase(desc->status, STR("disabled"))) {
            problem_set(problem, PROBLEM_NO_OFFSET, "status '%.*s' is neither enabled nor disabled",
                        STR_ARG(desc->status));
            return HUB_ARGUMENT_INVALID;
        }
    }
    if (desc->status_reason.size > HUB_STATUS_REASON_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET, "statusReason has %zu characters, at most %d fit",
                    desc->status_reason.size, HUB_STATUS_REASON_MAX);
        return HUB_ARGUMENT_INVALID;
    }
    if (identity->id != 0 && identity->enabled != enabled) {
        identity->status_updated_us = hub_now_us(hub);
    }
    identity->enabled = enabled;
    identity->status_reason = desc->status_reason;
    return HUB_OK;
}

/* Devices of IoT Edge have a scope of their own; their children and modules take it on. */
static enum hub_code set_scopes(struct hub *hub, const struct hub_identity_desc *desc,
                                struct arena *arena, struct storage_identity *identity,
                                struct problem *problem)
{
    identity->edge = desc->edge;
    if (desc->device_scope.size > 0) {
        identity->device_scope = desc->device_scope;
    } else if (desc->edge && identity->device_scope.size == 0) {
        const char *scope =
            arena_format(arena, "ms-azure-iot-edge://%.*s-%lld", STR_ARG(identity->key.device),
                         (long long)identity->generation);
        if (scope == NULL) {
            return hub_fail(hub, STATUS_NO_MEMORY, problem);
        }
        identity->device_scope = str_from(scope);
    }
    if (desc->parent_scopes.data != NULL) {
        identity->parent_scopes = desc->parent_scopes;
    } else if (!desc->edge && desc->device_scope.size > 0) {
        CLEANUP(buf_finish) struct buf scopes = BUF_INIT(HUB_READ_ARENA_MAX);
        buf_append_byte(&scopes, '[');
        json_append_string(&scopes, desc->device_scope);
        buf_append_byte(&scopes, ']');
        const char *copy = arena_copy(arena, buf_str(&scopes));
        if (copy == NULL || buf_status(&scopes) != STATUS_OK) {
            return hub_fail(hub, STATUS_NO_MEMORY, problem);
        }
        identity->parent_scopes = str_from(copy);
    }
    return HUB_OK;
}

static enum hub_code apply_desc(struct hub *hub, const struct hub_identity_desc *desc,
                                struct arena *arena, struct storage_identity *identity,
                                struct problem *problem)
{
    enum hub_code code = set_auth(hub, desc, arena, identity, problem);
    if (identity->key.module.size == 0) {
        if (code == HUB_OK) {
            code = set_status(hub, desc, identity, problem);
        }
        if (code == HUB_OK) {
            code = set_scopes(hub, desc, arena, identity, problem);
        }
    } else if (desc->managed_by.data != NULL) {
        identity->managed_by = desc->managed_by;
    }
    return code;
}

/* ---- create ---- */

static void note_identity(struct hub *hub, enum hub_event event,
                          const struct storage_identity *identity)
{
    const bool module = identity->key.module.size > 0;
    char detail[96];
    (void)snprintf(detail, sizeof(detail), "{\"opType\":\"%s%s\",\"generationId\":\"%lld\"}",
                   event == HUB_EVENT_IDENTITY_CREATED   ? "create"
                   : event == HUB_EVENT_IDENTITY_UPDATED ? "update"
                                                         : "delete",
                   module ? "ModuleIdentity" : "DeviceIdentity", (long long)identity->generation);
    CLEANUP(buf_finish) struct buf body = BUF_INIT(HUB_SCRATCH_MAX);
    if (event != HUB_EVENT_IDENTITY_UPDATED) {
        hub_twin_lifecycle_append(&body, identity);
    }
    if (buf_status(&body) != STATUS_OK) {
        (void)hub_fail(hub, buf_status(&body), NULL);
        return;
    }
    hub_event(hub, event, identity->key, str_from(detail),
              body.size > 0 ? buf_str(&body) : (struct str){0});
}

static enum hub_code check_new_module(struct hub *hub, const struct storage_identity *parent,
                                      struct str module, bool by_service, struct problem *problem)
{
    if (by_service && str_starts(module, STR("$edge"))) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "module id '%.*s' is reserved: the hub makes $edgeAgent and $edgeHub itself",
                    STR_ARG(module));
        return HUB_SYSTEM_MODULE_MODIFY;
    }
    size_t count = 0;
    const enum status status = storage_modules_count(hub->storage, parent->key.device, &count);
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    if (count >= HUB_MODULES_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "device '%.*s' has %d modules, the most it can have",
                    STR_ARG(parent->key.device), HUB_MODULES_MAX);
        return HUB_TOO_MANY_MODULES;
    }
    return HUB_OK;
}

static enum hub_code insert_new(struct hub *hub, struct identity_key key,
                                const struct hub_identity_desc *desc, struct arena *arena,
                                struct storage_identity **ret_identity, struct problem *problem)
{
    struct storage_identity *identity = ARENA_NEW(arena, struct storage_identity);
    if (identity == NULL) {
        return hub_fail(hub, STATUS_NO_MEMORY, problem);
    }
    *identity = (struct storage_identity){
        .key = key,
        .generation = hub_next_generation(hub),
        .etag = 1 + random_u64(&hub->random) % ETAG_FIRST_MAX,
        .enabled = true,
        .status_updated_us = CLOCK_NEVER,
        .connection_updated_us = CLOCK_NEVER,
        .last_activity_us = CLOCK_NEVER,
        .primary_key = STR_EMPTY,
        .secondary_key = STR_EMPTY,
    };
    enum hub_code code = apply_desc(hub, desc, arena, identity, problem);
    if (code == HUB_OK) {
        code = hub_new_twin(hub, identity, desc->tags, desc->desired, arena, problem);
    }
    if (code != HUB_OK) {
        return code;
    }
    const enum status status = storage_identity_insert(hub->storage, identity);
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    note_identity(hub, HUB_EVENT_IDENTITY_CREATED, identity);
    *ret_identity = identity;
    return HUB_OK;
}

/* An IoT Edge device comes with its two system modules (service reference, 2.5). */
static enum hub_code insert_edge_modules(struct hub *hub, struct str device, struct arena *arena,
                                         struct problem *problem)
{
    static const char *const modules[] = {"$edgeAgent", "$edgeHub"};
    const struct hub_identity_desc desc = {.managed_by = STR("iotEdge")};
    for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
        const struct identity_key key = {.device = device, .module = str_from(modules[i])};
        struct storage_identity *module = NULL;
        const enum status status =
            storage_identity_get(hub->storage, key, STORAGE_IDENTITY, arena, &module);
        if (status != STATUS_OK) {
            return hub_fail(hub, status, problem);
        }
        if (module != NULL) {
            continue;
        }
        const enum hub_code code = insert_new(hub, key, &desc, arena, &module, problem);
        if (code != HUB_OK) {
            return code;
        }
    }
    return HUB_OK;
}

static enum hub_code create_one(struct hub *hub, struct identity_key key,
                                const struct hub_identity_desc *desc, struct arena *arena,
                                struct storage_identity **ret_identity, struct problem *problem)
{
    if (key.module.size > 0) {
        struct storage_identity *parent = NULL;
        enum hub_code code = hub_identity_get(hub, (struct identity_key){.device = key.device},
                                              arena, &parent, problem);
        if (code == HUB_OK) {
            code = check_new_module(hub, parent, key.module, true, problem);
        }
        if (code != HUB_OK) {
            return code;
        }
    }
    enum hub_code code = insert_new(hub, key, desc, arena, ret_identity, problem);
    if (code == HUB_OK && desc->edge && key.module.size == 0) {
        code = insert_edge_modules(hub, key.device, arena, problem);
    }
    return code;
}

/* ---- update, delete ---- */

static enum hub_code check_match(const struct storage_identity *identity,
                                 const struct hub_match *match, struct problem *problem)
{
    CLEANUP(buf_finish) struct buf etag = BUF_INIT(64);
    hub_identity_etag_append(&etag, identity);
    if (hub_match_holds(match, buf_str(&etag))) {
        return HUB_OK;
    }
    /* The service's whole text (service reference, 2.3). */
    problem_set(problem, PROBLEM_NO_OFFSET, "PreconditionFailed");
    return HUB_PRECONDITION_FAILED;
}

/* Closes what a disabled or deleted device has open: its own connection and its modules'. */
static void end_links_of(struct hub *hub, struct identity_key key, enum hub_code code,
                         const char *why)
{
    for (size_t at = 0;;) {
        struct hub_link *link = map_next(&hub->links, &at);
        if (link == NULL) {
            return;
        }
        if (str_equal(link->device, key.device) &&
            (key.module.size == 0 || str_equal(link->module, key.module))) {
            hub_link_end(link, code, why);
            at = 0; /* the map changed */
        }
    }
}

static enum hub_code update_one(struct hub *hub, struct storage_identity *identity,
                                const struct hub_identity_desc *desc, struct arena *arena,
                                struct problem *problem)
{
    const bool was_enabled = identity->enabled;
    enum hub_code code = apply_desc(hub, desc, arena, identity, problem);
    if (code == HUB_OK && desc->edge && identity->key.module.size == 0) {
        code = insert_edge_modules(hub, identity->key.device, arena, problem);
    }
    if (code != HUB_OK) {
        return code;
    }
    identity->etag++;
    const enum status status = storage_identity_update(hub->storage, identity);
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    note_identity(hub, HUB_EVENT_IDENTITY_UPDATED, identity);
    if (was_enabled && !identity->enabled) {
        end_links_of(hub, (struct identity_key){.device = identity->key.device},
                     HUB_DEVICE_DISABLED, "the device was disabled");
    }
    return HUB_OK;
}

static enum hub_code already_there(struct identity_key key, struct problem *problem)
{
    if (key.module.size > 0) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "A module with ID '%.*s' is already registered on device '%.*s'.",
                    STR_ARG(key.module), STR_ARG(key.device));
        return HUB_MODULE_ALREADY_EXISTS;
    }
    /* The service's own words (service reference, 2.14). */
    problem_set(problem, PROBLEM_NO_OFFSET, "A device with ID '%.*s' is already registered.",
                STR_ARG(key.device));
    return HUB_DEVICE_ALREADY_EXISTS;
}

enum hub_code hub_identity_put(struct hub *hub, const struct hub_identity_write *put,
                               struct arena *arena, struct storage_identity **ret_identity,
                               struct problem *problem)
{
    enum hub_code code = check_key(put->key, problem);
    if (code != HUB_OK) {
        return code;
    }
    struct storage_identity *identity = NULL;
    code = hub_identity_get(hub, put->key, arena, &identity, problem);
    if (code == HUB_SERVER_ERROR) {
        return code;
    }
    if (identity == NULL) {
        if (put->mode == HUB_UPDATE) {
            return code;
        }
        return create_one(hub, put->key, put->desc, arena, ret_identity, problem);
    }
    if (put->mode == HUB_CREATE) {
        return already_there(put->key, problem);
    }
    code = check_match(identity, put->match, problem);
    if (code == HUB_OK) {
        code = update_one(hub, identity, put->desc, arena, problem);
    }
    if (code == HUB_OK) {
        *ret_identity = identity;
    }
    return code;
}

enum hub_code hub_identity_delete(struct hub *hub, struct identity_key key,
                                  const struct hub_match *match, struct problem *problem)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_READ_ARENA_MAX);
    struct storage_identity *identity = NULL; /* with the twin: the event tells what went */
    enum hub_code code = hub_twin_get(hub, key, &arena, &identity, problem);
    if (code == HUB_OK && str_starts(key.module, STR("$edge"))) {
        problem_set(problem, PROBLEM_NO_OFFSET, "module '%.*s' belongs to the hub",
                    STR_ARG(key.module));
        code = HUB_SYSTEM_MODULE_MODIFY;
    }
    if (code == HUB_OK) {
        code = check_match(identity, match, problem);
    }
    if (code != HUB_OK) {
        return code;
    }
    end_links_of(hub, key, key.module.size > 0 ? HUB_MODULE_NOT_FOUND : HUB_DEVICE_NOT_FOUND,
                 key.module.size > 0 ? "the module was deleted" : "the device was deleted");
    size_t count = 0;
    const enum status status = storage_identity_delete(hub->storage, key, &count);
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    note_identity(hub, HUB_EVENT_IDENTITY_DELETED, identity);
    return HUB_OK;
}
