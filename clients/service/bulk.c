/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

/* Service API reference, 2.7. */

static const struct {
    const char *name;
    bool describes; /* the item says what the identity is to be */
} modes[] = {
    [IOTHUB_SERVICE_BULK_CREATE] = {"create", true},
    [IOTHUB_SERVICE_BULK_UPDATE] = {"update", true},
    [IOTHUB_SERVICE_BULK_UPDATE_IF_MATCH] = {"updateIfMatchETag", true},
    [IOTHUB_SERVICE_BULK_CREATE_OR_UPDATE] = {"createOrUpdate", true},
    [IOTHUB_SERVICE_BULK_CREATE_OR_UPDATE_IF_MATCH] = {"createOrUpdateIfMatchETag", true},
    [IOTHUB_SERVICE_BULK_DELETE] = {"delete", false},
    [IOTHUB_SERVICE_BULK_DELETE_IF_MATCH] = {"deleteIfMatchETag", false},
    [IOTHUB_SERVICE_BULK_UPDATE_TWIN] = {"updateTwin", false},
    [IOTHUB_SERVICE_BULK_UPDATE_TWIN_IF_MATCH] = {"updateTwinIfMatchETag", false},
};

/* ---- items ---- */

static enum iothub_result check_item(enum iothub_service_bulk_mode mode,
                                     struct iothub_service_id id,
                                     const struct iothub_service_registration *registration,
                                     struct iothub_error *error)
{
    if ((size_t)mode >= ARRAY_SIZE(modes)) {
        return service_failed(error, IOTHUB_INVALID, "there is no such mode: %d", (int)mode);
    }
    const enum iothub_result result = service_check_id(id, error);
    return result == IOTHUB_OK && modes[mode].describes
               ? service_check_registration(registration, error)
               : result;
}

static void append_item(struct buf *text, enum iothub_service_bulk_mode mode,
                        struct iothub_service_id id,
                        const struct iothub_service_registration *registration)
{
    buf_append_str(text, STR("{\"id\":"));
    json_append_string(text, str_from(id.device_id));
    if (id.module_id != NULL) {
        buf_append_str(text, STR(",\"moduleId\":"));
        json_append_string(text, str_from(id.module_id));
    }
    buf_append_format(text, ",\"importMode\":\"%s\"", modes[mode].name);
    if (modes[mode].describes) {
        service_append_registration(text, id.module_id != NULL, registration);
    }
    buf_append_byte(text, '}');
}

enum iothub_result iothub_service_bulk_add(cJSON *items, enum iothub_service_bulk_mode mode,
                                           struct iothub_service_id id,
                                           const struct iothub_service_registration *registration,
                                           cJSON **ret_item, struct iothub_error *error)
{
    static const struct iothub_service_registration plain = {.disabled = false};
    const struct iothub_service_registration *wanted = registration == NULL ? &plain : registration;
    if (!cJSON_IsArray(items)) {
        return service_failed(error, IOTHUB_INVALID, "the items are no array");
    }
    enum iothub_result result = check_item(mode, id, wanted, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    struct buf text CLEANUP(buf_finish) = BUF_INIT(SERVICE_BODY_SIZE_MAX);
    append_item(&text, mode, id, wanted);
    if (buf_status(&text) != STATUS_OK) {
        return service_not_built(error, buf_status(&text));
    }
    cJSON *item = NULL;
    result = service_parse(buf_str(&text), &item, error);
    if (result == IOTHUB_OK && !cJSON_AddItemToArray(items, item)) {
        cJSON_Delete(item);
        return service_no_memory(error);
    }
    if (result == IOTHUB_OK && ret_item != NULL) {
        *ret_item = item;
    }
    return result;
}

/* ---- one request ---- */

/* Takes up to IOTHUB_SERVICE_BULK_MAX items from *next on, which is moved behind them. */
static size_t append_batch(struct buf *body, const cJSON **next)
{
    size_t count = 0;
    buf_append_byte(body, '[');
    while (*next != NULL && count < IOTHUB_SERVICE_BULK_MAX) {
        if (count > 0) {
            buf_append_byte(body, ',');
        }
        json_append_tree(body, *next);
        *next = (*next)->next;
        count++;
    }
    buf_append_byte(body, ']');
    return count;
}

/* A refusal of 400 is an answer, when it tells which items were refused. */
static bool read_result(struct str body, cJSON **ret_result)
{
    cJSON *tree CLEANUP(json_destroyp) = NULL;
    if (json_parse(body, &tree, NULL) != STATUS_OK || !cJSON_IsArray(json_member(tree, "errors"))) {
        return false;
    }
    *ret_result = TAKE(tree);
    return true;
}

static enum iothub_result send_batch(struct iothub_service *service, const struct buf *body,
                                     cJSON **ret_result, struct iothub_error *error)
{
    struct iothub_error refusal = {.result = IOTHUB_OK};
    struct service_request request CLEANUP(service_request_finish);
    struct service_answer answer CLEANUP(service_answer_finish);
    service_request_init(&request, "POST");
    service_answer_init(&answer);
    if (buf_status(body) != STATUS_OK) {
        return service_not_built(error, buf_status(body));
    }
    service_url(&request.url, &service->endpoint, "/devices", "");
    request.body = buf_str(body);
    const enum iothub_result result = service_request_send(service, &request, &answer, &refusal);
    const bool is_answer =
        result == IOTHUB_OK || (result == IOTHUB_REFUSED && refusal.http_status == 400);
    if (is_answer && read_result(buf_str(&answer.body), ret_result)) {
        return IOTHUB_OK;
    }
    if (result == IOTHUB_OK) {
        return service_failed(error, IOTHUB_UNAVAILABLE,
                              "the hub's answer tells nothing of errors; the items may be done");
    }
    if (error != NULL) {
        *error = refusal;
    }
    return result;
}

/* ---- all ---- */

/* Moves the elements of the batch's list to the end of the whole's. */
static void move_list(cJSON *whole, cJSON *batch, const char *name)
{
    cJSON *to = json_member(whole, name);
    cJSON *from = json_member(batch, name);
    for (cJSON *each = cJSON_DetachItemFromArray(from, 0); each != NULL;
         each = cJSON_DetachItemFromArray(from, 0)) {
        (void)cJSON_AddItemToArray(to, each);
    }
}

static void merge(cJSON *whole, cJSON *batch)
{
    bool is_successful = false;
    (void)json_member_bool(batch, "isSuccessful", &is_successful);
    if (!is_successful) {
        cJSON *flag = json_member(whole, "isSuccessful");
        flag->type = cJSON_False;
    }
    move_list(whole, batch, "errors");
    move_list(whole, batch, "warnings");
}

static cJSON *new_result(void)
{
    cJSON *whole CLEANUP(json_destroyp) = cJSON_CreateObject();
    return cJSON_AddTrueToObject(whole, "isSuccessful") != NULL &&
                   cJSON_AddArrayToObject(whole, "errors") != NULL &&
                   cJSON_AddArrayToObject(whole, "warnings") != NULL
               ? TAKE(whole)
               : NULL;
}

static enum iothub_result send_all(struct iothub_service *service, const cJSON *items,
                                   bool (*progress)(size_t done, const cJSON *result, void *ctx),
                                   void *ctx, cJSON *whole, struct iothub_error *error)
{
    struct buf body CLEANUP(buf_finish) = BUF_INIT(SERVICE_BODY_SIZE_MAX);
    const cJSON *next = items->child;
    size_t done = 0;
    bool more = true;
    while (next != NULL && more) {
        cJSON *batch CLEANUP(json_destroyp) = NULL;
        buf_clear(&body);
        done += append_batch(&body, &next);
        const enum iothub_result result = send_batch(service, &body, &batch, error);
        if (result != IOTHUB_OK) {
            return result;
        }
        more = progress == NULL || progress(done, batch, ctx);
        merge(whole, batch);
    }
    return IOTHUB_OK;
}

enum iothub_result iothub_service_bulk(struct iothub_service *service, const cJSON *items,
                                       bool (*progress)(size_t done, const cJSON *result,
                                                        void *ctx),
                                       void *ctx, cJSON **ret_result, struct iothub_error *error)
{
    if (!cJSON_IsArray(items)) {
        return service_failed(error, IOTHUB_INVALID, "the items are no array");
    }
    cJSON *whole CLEANUP(json_destroyp) = new_result();
    if (whole == NULL) {
        return service_no_memory(error);
    }
    const enum iothub_result result = send_all(service, items, progress, ctx, whole, error);
    if (result == IOTHUB_OK) {
        *ret_result = TAKE(whole);
    }
    return result;
}
