/* SPDX-License-Identifier: MIT */
#include "storage/attributes_internal.h"

#include "storage/storage.h"

enum { ETAG_SIZE_MAX = 32 };

enum form {
    FORM_NONE, /* the collection's records do not have it */
    FORM_TEXT,
    FORM_TEXT_IF_ANY,  /* empty or NULL: the document has no such member */
    FORM_TEXT_OR_NULL, /* JSON's null */
    FORM_NUMBER,
    FORM_BOOLEAN_IF_ANY,
    FORM_TIME,
    FORM_TIME_IF_ANY, /* CLOCK_NEVER is not shown */
    FORM_ETAG,
    FORM_TWIN_ETAG,
    FORM_STATUS,
    FORM_CONNECTION,
    FORM_AUTH,
    FORM_JSON,
    FORM_OBJECT_IF_ANY, /* "{}" is not shown */
};

struct source {
    const char *column;
    enum form form;
};

/* Query language reference, 2.2 and 2.3. */
static const struct source twin_sources[QUERY_ATTRIBUTE_COUNT] = {
    [QUERY_DEVICE_ID] = {"device_id", FORM_TEXT},
    [QUERY_MODULE_ID] = {"module_id", FORM_TEXT_IF_ANY},
    [QUERY_ETAG] = {"twin_etag", FORM_TWIN_ETAG},
    [QUERY_DEVICE_ETAG] = {"etag", FORM_ETAG},
    [QUERY_VERSION] = {"twin_version", FORM_NUMBER},
    [QUERY_STATUS] = {"enabled", FORM_STATUS},
    [QUERY_STATUS_REASON] = {"status_reason", FORM_TEXT_IF_ANY},
    [QUERY_STATUS_UPDATE_TIME] = {"status_updated_us", FORM_TIME},
    [QUERY_CONNECTION_STATE] = {"connected", FORM_CONNECTION},
    [QUERY_LAST_ACTIVITY_TIME] = {"last_activity_us", FORM_TIME},
    [QUERY_C2D_MESSAGE_COUNT] = {"c2d_shown(id, c2d_count)", FORM_NUMBER},
    [QUERY_AUTHENTICATION_TYPE] = {"auth", FORM_AUTH},
    [QUERY_PRIMARY_THUMBPRINT] = {"primary_thumbprint", FORM_TEXT_OR_NULL},
    [QUERY_SECONDARY_THUMBPRINT] = {"secondary_thumbprint", FORM_TEXT_OR_NULL},
    [QUERY_MODEL_ID] = {"model_id", FORM_TEXT},
    [QUERY_IOT_EDGE] = {"iif(module_id = '', edge, NULL)", FORM_BOOLEAN_IF_ANY},
    [QUERY_DEVICE_SCOPE] = {"device_scope", FORM_TEXT_IF_ANY},
    [QUERY_PARENT_SCOPES] = {"parent_scopes", FORM_JSON},
    [QUERY_CONFIGURATIONS] = {"configurations", FORM_OBJECT_IF_ANY},
    [QUERY_TAGS] = {"tags", FORM_JSON},
    [QUERY_DESIRED] = {"desired", FORM_JSON},
    [QUERY_REPORTED] = {"reported", FORM_JSON},
    [QUERY_DESIRED_METADATA] = {"(SELECT m.desired FROM metadata AS m"
                                " WHERE m.identity = identity.id)",
                                FORM_JSON},
    [QUERY_REPORTED_METADATA] = {"(SELECT m.reported FROM metadata AS m"
                                 " WHERE m.identity = identity.id)",
                                 FORM_JSON},
    [QUERY_DESIRED_VERSION] = {"desired_version", FORM_NUMBER},
    [QUERY_REPORTED_VERSION] = {"reported_version", FORM_NUMBER},
};

/* Query language reference, 2.4. */
static const struct source job_sources[QUERY_ATTRIBUTE_COUNT] = {
    [QUERY_DEVICE_ID] = {"device_id", FORM_TEXT},
    [QUERY_MODULE_ID] = {"module_id", FORM_TEXT_IF_ANY},
    [QUERY_STATUS] = {"status", FORM_TEXT},
    [QUERY_JOB_ID] = {"job_id", FORM_TEXT},
    [QUERY_JOB_TYPE] = {"type", FORM_TEXT},
    [QUERY_START_TIME] = {"started_us", FORM_TIME_IF_ANY},
    [QUERY_END_TIME] = {"ended_us", FORM_TIME_IF_ANY},
    [QUERY_CREATED_TIME] = {"created_us", FORM_TIME_IF_ANY},
    [QUERY_LAST_UPDATED_TIME] = {"updated_us", FORM_TIME_IF_ANY},
    [QUERY_JOB_OUTCOME] = {"outcome", FORM_JSON},
    [QUERY_JOB_ERROR] = {"error", FORM_JSON},
};

static const struct source *source_of(enum query_collection collection,
                                      enum query_attribute attribute)
{
    return collection == QUERY_JOBS ? &job_sources[attribute] : &twin_sources[attribute];
}

const char *attribute_column(enum query_collection collection, enum query_attribute attribute)
{
    return source_of(collection, attribute)->column;
}

void attribute_maker_init(struct attribute_maker *maker)
{
    buf_init(&maker->etag, ETAG_SIZE_MAX);
    buf_init(&maker->twin_etag, ETAG_SIZE_MAX);
}

void attribute_maker_finish(struct attribute_maker *maker)
{
    buf_finish(&maker->etag);
    buf_finish(&maker->twin_etag);
}

static struct query_value time_value(struct attribute_maker *maker, enum query_attribute attribute,
                                     int64_t time_us)
{
    clock_text_iso(time_us, maker->times[attribute]);
    return query_string(str_from(maker->times[attribute]));
}

static struct query_value etag_value(struct buf *text, uint64_t etag,
                                     void (*append_etag)(struct buf *out, uint64_t etag))
{
    buf_clear(text);
    append_etag(text, etag);
    return query_string(buf_str(text));
}

/* The value of a cell in a form that is not JSON; undefined: the document has no such member. */
static struct query_value value_of(struct attribute_maker *maker, enum query_attribute attribute,
                                   enum form form, struct cell cell)
{
    const struct query_value undefined = {.type = QUERY_UNDEFINED};
    const bool yes = cell.number != 0;
    switch (form) {
    case FORM_NONE:
    case FORM_JSON:
    case FORM_OBJECT_IF_ANY:
        return undefined;
    case FORM_TEXT:
        return query_string(cell.text.data == NULL ? STR_EMPTY : cell.text);
    case FORM_TEXT_IF_ANY:
        return cell.text.size > 0 ? query_string(cell.text) : undefined;
    case FORM_TEXT_OR_NULL:
        return cell.text.size > 0 ? query_string(cell.text) : query_null();
    case FORM_NUMBER:
        return query_number((double)(uint64_t)cell.number);
    case FORM_BOOLEAN_IF_ANY:
        return cell.null ? undefined : query_boolean(yes);
    case FORM_TIME_IF_ANY:
        return cell.number == CLOCK_NEVER ? undefined : time_value(maker, attribute, cell.number);
    case FORM_TIME:
        return time_value(maker, attribute, cell.number);
    case FORM_ETAG:
        return etag_value(&maker->etag, (uint64_t)cell.number, storage_etag_append);
    case FORM_TWIN_ETAG:
        return etag_value(&maker->twin_etag, (uint64_t)cell.number, storage_twin_etag_append);
    case FORM_STATUS:
        return query_string(yes ? STR("enabled") : STR("disabled"));
    case FORM_CONNECTION:
        return query_string(yes ? STR("Connected") : STR("Disconnected"));
    case FORM_AUTH:
        return query_string(str_from(storage_auth_name((enum storage_auth)cell.number)));
    }
    return undefined;
}

enum status attribute_give(struct attribute_maker *maker, enum query_attribute attribute,
                           struct cell cell)
{
    const enum form form = source_of(maker->collection, attribute)->form;
    if (form == FORM_JSON || form == FORM_OBJECT_IF_ANY) {
        const size_t nothing = form == FORM_OBJECT_IF_ANY ? 2 : 0;
        return cell.text.size <= nothing ? STATUS_OK
                                         : query_row_scan(maker->row, attribute, cell.text);
    }
    const struct query_value value = value_of(maker, attribute, form, cell);
    if (value.type != QUERY_UNDEFINED) {
        query_row_set(maker->row, attribute, value);
    }
    return buf_status(&maker->etag) != STATUS_OK ? buf_status(&maker->etag)
                                                 : buf_status(&maker->twin_etag);
}
