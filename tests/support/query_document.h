/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_QUERY_DOCUMENT_H
#define TESTS_SUPPORT_QUERY_DOCUMENT_H

/* For tests and fuzz targets of query/: fills a row from a whole document, as storage does from its
 * columns. */
#include <assert.h>

#include "base/alloc.h"
#include "base/json.h"
#include "query/query.h"

/* Texts printed for the scans; they live until documents_finish(). */
struct document_texts {
    char *texts[16];
    size_t count;
};

static inline void document_texts_finish(struct document_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        mem_free(texts->texts[i]);
    }
    texts->count = 0;
}

static inline struct query_value document_value(const cJSON *node)
{
    if (cJSON_IsString(node)) {
        return query_string(json_str(node));
    }
    if (cJSON_IsNumber(node)) {
        return query_number(node->valuedouble);
    }
    if (cJSON_IsBool(node)) {
        return query_boolean(cJSON_IsTrue(node));
    }
    assert(cJSON_IsNull(node));
    return query_null();
}

static inline void document_set(struct query_row *row, enum query_attribute attribute,
                                const cJSON *node)
{
    if (node != NULL) {
        query_row_set(row, attribute, document_value(node));
    }
}

static inline void document_scan(struct query_row *row, enum query_attribute attribute,
                                 const cJSON *node, struct document_texts *texts)
{
    if (node == NULL) {
        return;
    }
    struct buf text = BUF_INIT(1U << 20);
    json_append_tree(&text, node);
    char *data = buf_take(&text);
    assert(data != NULL);
    assert(texts->count < ARRAY_SIZE(texts->texts));
    texts->texts[texts->count++] = data;
    assert(query_row_scan(row, attribute, str_from(data)) == STATUS_OK);
}

/* desired or reported: $metadata and $version are kept apart from the rest. */
static inline void document_section(struct query_row *row, enum query_attribute first,
                                    const cJSON *section, struct document_texts *texts)
{
    static const enum query_attribute others[][2] = {
        [0] = {QUERY_DESIRED_METADATA, QUERY_DESIRED_VERSION},
        [1] = {QUERY_REPORTED_METADATA, QUERY_REPORTED_VERSION},
    };
    const size_t which = first == QUERY_DESIRED ? 0 : 1;
    if (section == NULL) {
        return;
    }
    document_scan(row, others[which][0], json_member(section, "$metadata"), texts);
    document_set(row, others[which][1], json_member(section, "$version"));
    cJSON *rest = cJSON_Duplicate(section, true);
    cJSON_DeleteItemFromObjectCaseSensitive(rest, "$metadata");
    cJSON_DeleteItemFromObjectCaseSensitive(rest, "$version");
    document_scan(row, first, rest, texts);
    cJSON_Delete(rest);
}

static inline void document_fill(struct query_row *row, const cJSON *document,
                                 struct document_texts *texts)
{
    static const struct {
        const char *name;
        enum query_attribute attribute;
    } values[] = {
        {"deviceId", QUERY_DEVICE_ID},
        {"moduleId", QUERY_MODULE_ID},
        {"etag", QUERY_ETAG},
        {"deviceEtag", QUERY_DEVICE_ETAG},
        {"version", QUERY_VERSION},
        {"status", QUERY_STATUS},
        {"statusReason", QUERY_STATUS_REASON},
        {"statusUpdateTime", QUERY_STATUS_UPDATE_TIME},
        {"connectionState", QUERY_CONNECTION_STATE},
        {"lastActivityTime", QUERY_LAST_ACTIVITY_TIME},
        {"cloudToDeviceMessageCount", QUERY_C2D_MESSAGE_COUNT},
        {"authenticationType", QUERY_AUTHENTICATION_TYPE},
        {"modelId", QUERY_MODEL_ID},
        {"deviceScope", QUERY_DEVICE_SCOPE},
        {"jobId", QUERY_JOB_ID},
        {"jobType", QUERY_JOB_TYPE},
        {"startTimeUtc", QUERY_START_TIME},
        {"endTimeUtc", QUERY_END_TIME},
        {"createdDateTimeUtc", QUERY_CREATED_TIME},
        {"lastUpdatedDateTimeUtc", QUERY_LAST_UPDATED_TIME},
    };
    static const struct {
        const char *name;
        enum query_attribute attribute;
    } texts_of[] = {
        {"tags", QUERY_TAGS},
        {"configurations", QUERY_CONFIGURATIONS},
        {"parentScopes", QUERY_PARENT_SCOPES},
        {"outcome", QUERY_JOB_OUTCOME},
        {"error", QUERY_JOB_ERROR},
    };
    query_row_clear(row);
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        document_set(row, values[i].attribute, json_member(document, values[i].name));
    }
    for (size_t i = 0; i < ARRAY_SIZE(texts_of); i++) {
        document_scan(row, texts_of[i].attribute, json_member(document, texts_of[i].name), texts);
    }
    const cJSON *thumbprint = json_member(document, "x509Thumbprint");
    document_set(row, QUERY_PRIMARY_THUMBPRINT, json_member(thumbprint, "primaryThumbprint"));
    document_set(row, QUERY_SECONDARY_THUMBPRINT, json_member(thumbprint, "secondaryThumbprint"));
    document_set(row, QUERY_IOT_EDGE,
                 json_member(json_member(document, "capabilities"), "iotEdge"));
    const cJSON *properties = json_member(document, "properties");
    document_section(row, QUERY_DESIRED, json_member(properties, "desired"), texts);
    document_section(row, QUERY_REPORTED, json_member(properties, "reported"), texts);
}

/* The row of a document that passed: what it projects, or its ids. */
static inline void document_append(const struct query *query, const struct query_row *row,
                                   const cJSON *document, struct buf *out)
{
    const struct query_info *info = query_info(query);
    if (info->shape == QUERY_ROWS) {
        query_project(query, row, out);
        return;
    }
    const char *second = info->collection == QUERY_JOBS ? "jobId" : "moduleId";
    buf_append_str(out, info->collection == QUERY_DEVICES ? STR_EMPTY : STR("["));
    json_append_string(out, json_str(json_member(document, "deviceId")));
    if (info->collection != QUERY_DEVICES) {
        buf_append_byte(out, ',');
        json_append_string(out, json_str(json_member(document, second)));
        buf_append_byte(out, ']');
    }
}

/*
 * Runs a query over an array of documents, as a hub does. Appends a JSON array: what it projects,
 * or, for SELECT *, the documents' ids ("dev-a1", or ["dev-a1","cam"] for modules and jobs).
 */
static inline void document_run(const struct query *query, const cJSON *documents, struct buf *out)
{
    const struct query_info *info = query_info(query);
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert(query_row_create(query, &row) == STATUS_OK);
    struct query_groups *groups CLEANUP(query_groups_destroyp) = NULL;
    if (info->shape == QUERY_GROUPS) {
        assert(query_groups_create(query, 1000, 1U << 20, &groups) == STATUS_OK);
    }
    uint64_t produced = 0;
    buf_append_byte(out, '[');
    for (const cJSON *document = documents->child; document != NULL; document = document->next) {
        struct document_texts texts CLEANUP(document_texts_finish) = {0};
        document_fill(row, document, &texts);
        if (!query_where(query, row)) {
            continue;
        }
        if (groups != NULL) {
            assert(query_groups_add(groups, row) == STATUS_OK);
            continue;
        }
        if (produced == info->top) {
            break;
        }
        buf_append_str(out, produced++ == 0 ? STR_EMPTY : STR(","));
        document_append(query, row, document, out);
    }
    for (size_t i = 0; groups != NULL && i < query_groups_size(groups); i++) {
        buf_append_str(out, i == 0 ? STR_EMPTY : STR(","));
        query_groups_append(groups, i, out);
    }
    buf_append_byte(out, ']');
    assert(buf_status(out) == STATUS_OK);
}

#endif
