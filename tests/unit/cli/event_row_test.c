/* SPDX-License-Identifier: MIT */
#include "clients/cli/event_row.h"

#include "base/json.h"
#include "check.h"

static void a_star_stands_for_any_characters(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *id;
        bool matches;
    } cases[] = {
        {"d1", "d1", true},      {"d1", "d2", false}, {"d1", "d11", false},
        {"d1", "d", false},      {"", "", true},      {"", "d", false},
        {"*", "", true},         {"*", "d", true},    {"d*", "d", true},
        {"d*", "d12", true},     {"d*", "e", false},  {"*1", "d1", true},
        {"*1", "d12", false},    {"*1", "1", true},   {"d*1", "d1", true},
        {"d*1", "d121", true},   {"d*1", "d", false}, {"*a*b*", "xaybz", true},
        {"*a*b*", "b a", false}, {"**", "x", true},   {"*ab", "aab", true},
        {"a*", "*", false},      {"*", "*", true},    {"a*bc", "abxbc", true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (event_id_matches(str_from(cases[i].pattern), str_from(cases[i].id)) !=
            cases[i].matches) {
            fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].id);
        }
    }
}

static cJSON *annotations;
static cJSON *properties;
static cJSON *application;

static struct iothub_event event_with(const char *body)
{
    return (struct iothub_event){
        .body = body,
        .body_size = strlen(body),
        .partition = "2",
        .sequence_number = 7,
        .offset = "42",
        .enqueued_ms = INT64_C(1795258800123),
        .device_id = "d1",
        .module_id = "",
        .source = "Telemetry",
        .content_type = "",
        .content_encoding = "",
        .annotations = annotations,
        .properties = properties,
        .application = application,
    };
}

static void assert_row(const struct iothub_event *event, unsigned parts, const char *expected)
{
    struct buf text CLEANUP(buf_finish) = BUF_INIT(5000);
    cJSON *row CLEANUP(json_destroyp) = event_row(event, parts, NULL);
    json_append_tree(&text, row);
    assert_str_equal(buf_str(&text), expected);
}

static void a_row_is_as_az_prints_it(void **state)
{
    (void)state;
    struct iothub_event event = event_with("{\"t\":1}");
#define TAIL                                                                                       \
    ",\"enqueuedTime\":\"2026-11-21T11:00:00.1230000Z\",\"source\":\"Telemetry\","                 \
    "\"partition\":\"2\",\"sequenceNumber\":7}"
#define HEAD                                                                                       \
    "{\"event\":{\"origin\":\"d1\",\"module\":\"\",\"interface\":\"dtmi:x;1\","                    \
    "\"component\":\"\",\"payload\":{\"t\":1}"
    assert_row(&event, 0, HEAD "}" TAIL);
    assert_row(&event, EVENT_SYSTEM | EVENT_APPLICATION | EVENT_ANNOTATIONS,
               HEAD
               ",\"properties\":{\"system\":{\"message_id\":\"m1\"},\"application\":{\"k\":\"v\"}}"
               ",\"annotations\":{\"dt-dataschema\":\"dtmi:x;1\"}}" TAIL);
#undef HEAD
#undef TAIL
}

static void assert_line(const struct iothub_event *event, const char *device, const char *payload)
{
    struct buf text CLEANUP(buf_finish) = BUF_INIT(5000);
    cJSON *row CLEANUP(json_destroyp) = event_row(event, EVENT_APPLICATION, NULL);
    cJSON *line CLEANUP(json_destroyp) = event_line(row);
    assert_string_equal(json_member(line, "device")->valuestring, device);
    assert_string_equal(json_member(line, "time")->valuestring, "2026-11-21T11:00:00");
    json_append_tree(&text, json_member(line, "payload"));
    assert_str_equal(buf_str(&text), payload);
    assert_int_equal(cJSON_GetArraySize(json_member(line, "properties")), 1);
}

static void a_line_is_short(void **state)
{
    (void)state;
    struct iothub_event event = event_with("{\"t\":1}");
    assert_line(&event, "d1", "{\"t\":1}");
    event.module_id = "m";
    event.source = "twinChangeEvents";
    assert_line(&event, "d1/m", "\"twinChangeEvents {\\\"t\\\":1}\"");
    event = event_with("\xff");
    assert_line(&event, "d1", "\"base64 /w==\"");
    event = event_with("");
    event.source = "";
    assert_line(&event, "d1", "\"\"");
}

static void make_line(void *ctx)
{
    cJSON *row CLEANUP(json_destroyp) = event_row(ctx, EVENT_SYSTEM | EVENT_ANNOTATIONS, NULL);
    cJSON *line CLEANUP(json_destroyp) = row == NULL ? NULL : event_line(row);
    (void)line;
}

static void a_refused_allocation_is_told(void **state)
{
    (void)state;
    struct iothub_event event = event_with("{\"t\":[1,2,{\"a\":\"b\"}]}");
    event.source = "twinChangeEvents";
    check_under_failing_allocations(make_line, &event);
}

int main(void)
{
    mem_use_for_json();
    annotations = cJSON_Parse("{\"dt-dataschema\":\"dtmi:x;1\"}");
    properties = cJSON_Parse("{\"message_id\":\"m1\"}");
    application = cJSON_Parse("{\"k\":\"v\"}");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_stands_for_any_characters),
        cmocka_unit_test(a_row_is_as_az_prints_it),
        cmocka_unit_test(a_line_is_short),
        cmocka_unit_test(a_refused_allocation_is_told),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cJSON_Delete(annotations);
    cJSON_Delete(properties);
    cJSON_Delete(application);
    return failed;
}
