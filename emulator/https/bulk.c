/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

enum { ERRORS_MAX = 8 << 20, TEXT_MAX = 4096 };

/* Service reference, 2.7. */
enum action { ACT_PUT, ACT_DELETE, ACT_TWIN };

struct import_mode {
    const char *name;
    enum action action;
    enum hub_put_mode put_mode;
    bool if_match; /* the item's etag counts, if it has one */
};

static const struct import_mode modes[] = {
    {"createOrUpdate", ACT_PUT, HUB_CREATE_OR_UPDATE, false}, /* when none is given */
    {"create", ACT_PUT, HUB_CREATE, false},
    {"update", ACT_PUT, HUB_UPDATE, false},
    {"updateIfMatchETag", ACT_PUT, HUB_UPDATE, true},
    {"createOrUpdateIfMatchETag", ACT_PUT, HUB_CREATE_OR_UPDATE, true},
    {"delete", ACT_DELETE, HUB_UPDATE, false},
    {"deleteIfMatchETag", ACT_DELETE, HUB_UPDATE, true},
    {"updateTwin", ACT_TWIN, HUB_UPDATE, false},
    {"updateTwinIfMatchETag", ACT_TWIN, HUB_UPDATE, true},
};

/* An element of the request; points into its tree. */
struct item {
    struct identity_key key;
    const struct import_mode *mode;
    struct str etag, twin_etag; /* data NULL: none */
    const cJSON *object;
    const cJSON *tags, *desired;
};

static bool read_mode(const cJSON *object, const struct import_mode **ret_mode,
                      struct problem *problem)
{
    struct str name = str_from(modes[0].name);
    if (!https_member_text(object, "importMode", &name, problem)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        if (str_equal_nocase(name, str_from(modes[i].name))) {
            *ret_mode = &modes[i];
            return true;
        }
    }
    problem_set(problem, PROBLEM_NO_OFFSET, "importMode '%.*s' is not known", STR_ARG(name));
    return false;
}

/* Fills a zeroed item as far as it can be read: errors name what was found. `mode` stays NULL when
 * it is no good. */
static bool read_item(const cJSON *object, struct item *item, struct problem *problem)
{
    const struct import_mode *mode = NULL;
    const cJSON *properties = NULL;
    item->object = object;
    item->tags = json_member(object, "tags");
    if (!https_member_text(object, "id", &item->key.device, problem) ||
        !https_member_text(object, "moduleId", &item->key.module, problem) ||
        !https_member_text(object, "etag", &item->etag, problem) ||
        !https_member_text(object, "eTag", &item->etag, problem) ||
        !https_member_text(object, "twinETag", &item->twin_etag, problem) ||
        !https_member_object(object, "properties", &properties, problem) ||
        !read_mode(object, &mode, problem)) {
        return false;
    }
    if (item->key.device.size == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "'id' is missing or empty");
        return false;
    }
    item->desired = json_member(properties, "desired");
    item->mode = mode;
    return true;
}

static const cJSON *or_absent(const cJSON *section)
{
    return cJSON_IsNull(section) ? NULL : section;
}

static enum hub_code put(struct hub *hub, const struct item *item, const struct hub_match *match,
                         struct arena *arena, struct problem *problem)
{
    struct hub_identity_desc desc;
    if (!https_identity_read(item->object, arena, &desc, problem)) {
        return HUB_ARGUMENT_INVALID;
    }
    desc.tags = or_absent(item->tags);
    desc.desired = or_absent(item->desired);
    const struct hub_identity_write write = {
        .key = item->key,
        .desc = &desc,
        .mode = item->mode->put_mode,
        .match = match,
    };
    struct storage_identity *identity = NULL;
    return hub_identity_put(hub, &write, arena, &identity, problem);
}

static enum hub_code apply(struct hub *hub, const struct item *item, struct problem *problem)
{
    /* An arena for each: the metadata of a hundred twins need not fit the request's. */
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_TWIN_ARENA_MAX);
    const struct import_mode *mode = item->mode;
    const struct str etag = mode->action == ACT_TWIN ? item->twin_etag : item->etag;
    struct hub_match match = {.kind = HUB_MATCH_ANY};
    if (mode->if_match) {
        match = https_if_match(etag);
        /* Without an etag it succeeds, as recorded. */
        match.kind = match.kind == HUB_MATCH_NONE ? HUB_MATCH_ANY : match.kind;
    }
    switch (mode->action) {
    case ACT_PUT:
        return put(hub, item, &match, &arena, problem);
    case ACT_DELETE:
        return hub_identity_delete(hub, item->key, &match, problem);
    case ACT_TWIN:
        break;
    }
    const struct hub_twin_change change = {
        .tags = item->tags, .desired = item->desired, .match = &match};
    struct storage_identity *twin = NULL;
    return hub_twin_update(hub, item->key, &change, &arena, &twin, problem);
}

/* ---- the answer's list of errors ---- */

static void append_error(struct buf *errors, const struct item *item, enum hub_code code,
                         const char *why)
{
    const struct https_error error = {
        .code = code,
        .wording = item->mode != NULL && item->mode->action == ACT_TWIN ? HTTPS_OF_TWIN
                                                                        : HTTPS_OF_IDENTITY,
        .key = item->key,
        .why = why,
    };
    CLEANUP(buf_finish) struct buf text = BUF_INIT(TEXT_MAX);
    https_error_text_append(&text, &error);
    buf_append_str(errors, errors->size == 0 ? STR("{\"deviceId\":") : STR(",{\"deviceId\":"));
    json_append_string(errors, item->key.device);
    buf_append_str(errors, STR(",\"moduleId\":"));
    if (item->key.module.size == 0) {
        buf_append_str(errors, STR("null"));
    } else {
        json_append_string(errors, item->key.module);
    }
    buf_append_format(errors, ",\"errorCode\":\"%s\",\"errorStatus\":", hub_code_name(code));
    json_append_string(errors, buf_str(&text));
    buf_append_byte(errors, '}');
}

static bool same_key(const struct item *a, const struct item *b)
{
    return str_equal(a->key.device, b->key.device) && str_equal(a->key.module, b->key.module);
}

/* None of several definitions of one identity is applied: which one was meant? */
static bool comes_again(const struct item *items, size_t count, size_t index)
{
    for (size_t i = 0; i < count; i++) {
        if (i != index && items[i].mode != NULL && same_key(&items[i], &items[index])) {
            return true;
        }
    }
    return false;
}

static enum hub_code apply_unless_doubled(struct hub *hub, const struct item *items, size_t count,
                                          size_t index, struct problem *problem)
{
    if (!comes_again(items, count, index)) {
        return apply(hub, &items[index], problem);
    }
    problem_set(problem, PROBLEM_NO_OFFSET, "'%.*s' is defined more than once in this request",
                STR_ARG(items[index].key.device));
    return HUB_DEVICE_DEFINED_MULTIPLE_TIMES;
}

static void answer(struct https_request *request, const struct buf *errors)
{
    const bool good = errors->size == 0;
    struct buf *body = https_answer_body(request);
    buf_append_format(body, "{\"isSuccessful\":%s,\"errors\":[", good ? "true" : "false");
    buf_append_str(body, buf_str(errors));
    buf_append_str(body, STR("],\"warnings\":[]}"));
    if (!good) {
        https_answer_header(request, "iothub-errorcode",
                            str_from(hub_code_name(HUB_BULK_REGISTRY_OPERATION_FAILURE)));
    }
    https_answer_json(request, good ? 200 : 400);
}

/* Items are independent of each other: the good ones are applied. */
static void run(struct https_request *request, const cJSON *body, struct item *items, size_t count)
{
    CLEANUP(buf_finish) struct buf errors = BUF_INIT(ERRORS_MAX);
    struct problem problem = {0};
    size_t index = 0;
    const cJSON *element = NULL;
    cJSON_ArrayForEach(element, body)
    {
        if (!read_item(element, &items[index], &problem)) {
            append_error(&errors, &items[index], HUB_ARGUMENT_INVALID, problem.text);
        }
        index++;
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i].mode == NULL) {
            continue;
        }
        problem = (struct problem){0};
        const enum hub_code code = apply_unless_doubled(request->hub, items, count, i, &problem);
        if (code == HUB_SERVER_ERROR) {
            https_answer_error(request, code, problem.text);
            return;
        }
        if (code != HUB_OK) {
            append_error(&errors, &items[i], code, problem.text);
        }
    }
    if (buf_status(&errors) != STATUS_OK) {
        https_answer_error(request, HUB_SERVER_ERROR, NULL);
        return;
    }
    answer(request, &errors);
}

void https_bulk(struct https_request *request)
{
    struct problem problem;
    CLEANUP(json_destroyp) cJSON *body = NULL;
    if (!https_read_body(request, cJSON_Array, &body)) {
        return;
    }
    size_t count = 0;
    for (const cJSON *element = body->child; element != NULL; element = element->next) {
        count++;
    }
    if (count > HTTPS_BULK_MAX) {
        problem_set(&problem, PROBLEM_NO_OFFSET, "%zu identities in one request, at most %d fit",
                    count, HTTPS_BULK_MAX);
        /* The code's own status would be 413; the reference has 400 (2.7). */
        https_answer_error_as(request, 400, HUB_TOO_MANY_DEVICES, problem.text);
        return;
    }
    struct item *items = ARENA_ARRAY(request->arena, struct item, count + 1);
    if (items == NULL) {
        https_answer_error(request, HUB_SERVER_ERROR, NULL);
        return;
    }
    run(request, body, items, count);
}
