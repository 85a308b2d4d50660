/* SPDX-License-Identifier: MIT */
#include "query/dialect_internal.h"
#include "query/parser_internal.h"

enum {
    DEVICES = 1 << QUERY_DEVICES,
    MODULES = 1 << QUERY_MODULES,
    JOBS = 1 << QUERY_JOBS,
    TWINS = DEVICES | MODULES,
    ALL = TWINS | JOBS,
};

#define VALUE(text, id, where)                                                                     \
    {                                                                                              \
        .name = (text), .kind = ENTRY_VALUE, .attribute = (id), .collections = (where)             \
    }
#define JSON(text, id, where)                                                                      \
    {                                                                                              \
        .name = (text), .kind = ENTRY_JSON, .attribute = (id), .collections = (where)              \
    }
#define OBJECT(text, list, where)                                                                  \
    {                                                                                              \
        .name = (text), .kind = ENTRY_OBJECT, .members = (list), .member_count = ARRAY_SIZE(list), \
        .collections = (where)                                                                     \
    }
#define EXACT(text, what, id)                                                                      \
    {                                                                                              \
        .name = (text), .kind = (what), .attribute = (id), .exact_case = true                      \
    }

static const struct query_entry thumbprint[] = {
    VALUE("primaryThumbprint", QUERY_PRIMARY_THUMBPRINT, 0),
    VALUE("secondaryThumbprint", QUERY_SECONDARY_THUMBPRINT, 0),
};

static const struct query_entry capabilities[] = {
    VALUE("iotEdge", QUERY_IOT_EDGE, 0),
};

static const struct query_entry desired[] = {
    EXACT("", ENTRY_JSON, QUERY_DESIRED),
    EXACT("$metadata", ENTRY_JSON, QUERY_DESIRED_METADATA),
    EXACT("$version", ENTRY_VALUE, QUERY_DESIRED_VERSION),
};

static const struct query_entry reported[] = {
    EXACT("", ENTRY_JSON, QUERY_REPORTED),
    EXACT("$metadata", ENTRY_JSON, QUERY_REPORTED_METADATA),
    EXACT("$version", ENTRY_VALUE, QUERY_REPORTED_VERSION),
};

static const struct query_entry properties[] = {
    OBJECT("desired", desired, 0),
    OBJECT("reported", reported, 0),
};

/* Reference, 2.2 to 2.4. */
static const struct query_entry twin_entries[] = {
    VALUE("deviceId", QUERY_DEVICE_ID, ALL),
    VALUE("id", QUERY_DEVICE_ID, TWINS),
    VALUE("moduleId", QUERY_MODULE_ID, MODULES | JOBS),
    VALUE("etag", QUERY_ETAG, TWINS),
    VALUE("deviceEtag", QUERY_DEVICE_ETAG, TWINS),
    VALUE("version", QUERY_VERSION, TWINS),
    VALUE("status", QUERY_STATUS, ALL),
    VALUE("statusReason", QUERY_STATUS_REASON, TWINS),
    VALUE("statusUpdateTime", QUERY_STATUS_UPDATE_TIME, TWINS),
    VALUE("connectionState", QUERY_CONNECTION_STATE, TWINS),
    VALUE("lastActivityTime", QUERY_LAST_ACTIVITY_TIME, TWINS),
    VALUE("cloudToDeviceMessageCount", QUERY_C2D_MESSAGE_COUNT, TWINS),
    VALUE("authenticationType", QUERY_AUTHENTICATION_TYPE, TWINS),
    OBJECT("x509Thumbprint", thumbprint, TWINS),
    VALUE("modelId", QUERY_MODEL_ID, TWINS),
    OBJECT("capabilities", capabilities, TWINS),
    VALUE("deviceScope", QUERY_DEVICE_SCOPE, TWINS),
    JSON("parentScopes", QUERY_PARENT_SCOPES, TWINS),
    JSON("tags", QUERY_TAGS, TWINS),
    OBJECT("properties", properties, TWINS),
    JSON("configurations", QUERY_CONFIGURATIONS, TWINS),
    VALUE("jobId", QUERY_JOB_ID, JOBS),
    VALUE("jobType", QUERY_JOB_TYPE, JOBS),
    VALUE("startTimeUtc", QUERY_START_TIME, JOBS),
    VALUE("endTimeUtc", QUERY_END_TIME, JOBS),
    VALUE("createdDateTimeUtc", QUERY_CREATED_TIME, JOBS),
    VALUE("createdTimeUtc", QUERY_CREATED_TIME, JOBS),
    VALUE("lastUpdatedDateTimeUtc", QUERY_LAST_UPDATED_TIME, JOBS),
    JSON("outcome", QUERY_JOB_OUTCOME, JOBS),
    JSON("error", QUERY_JOB_ERROR, JOBS),
};

/* Reference, 6.2: "deviceId", "tags" and "properties.reported", and of modules their id. */
static const struct query_entry target_properties[] = {
    OBJECT("reported", reported, 0),
};

static const struct query_entry target_entries[] = {
    VALUE("deviceId", QUERY_DEVICE_ID, TWINS),
    VALUE("moduleId", QUERY_MODULE_ID, MODULES),
    JSON("tags", QUERY_TAGS, TWINS),
    OBJECT("properties", target_properties, TWINS),
};

const struct query_dialect query_twin_dialect = {
    .syntax = SYNTAX_QUERY,
    .parse_expression = query_parse_where,
    .advices = query_twin_advices,
    .advice_count = QUERY_TWIN_ADVICE_COUNT,
    .entries = twin_entries,
    .entry_count = ARRAY_SIZE(twin_entries),
    .functions = query_twin_functions,
    .function_count = QUERY_TWIN_FUNCTION_COUNT,
    .not_binds_tight = false,
    .types_must_match = false,
};

const struct query_dialect query_target_dialect = {
    .syntax = SYNTAX_QUERY,
    .parse_expression = query_parse_where,
    .advices = query_twin_advices,
    .advice_count = QUERY_TWIN_ADVICE_COUNT,
    .entries = target_entries,
    .entry_count = ARRAY_SIZE(target_entries),
    .functions = query_target_functions,
    .function_count = QUERY_TARGET_FUNCTION_COUNT,
    .has_no_lists = true,
    .is_restricted = true,
};

const struct query_dialect query_route_dialect = {
    .syntax = SYNTAX_ROUTE,
    .parse_expression = query_parse_route,
    .advices = query_route_advices,
    .advice_count = QUERY_ROUTE_ADVICE_COUNT,
    .functions = query_route_functions,
    .function_count = QUERY_ROUTE_FUNCTION_COUNT,
    .not_binds_tight = true,
    .null_is_logical = true,
};
