/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "hub_fixture.h"

static enum hub_code seed(struct fixture *fixture, const char *text)
{
    return hub_seed(fixture->hub, str_from(text), &fixture->problem);
}

struct page {
    struct buf items;
    char item_type[16];
};

static void keep_page(void *ctx, const struct hub_query_result *result)
{
    struct page *page = ctx;
    assert_int_equal(result->code, HUB_OK);
    buf_append_str(&page->items, result->items);
    (void)snprintf(page->item_type, sizeof(page->item_type), "%s", result->item_type);
}

static void assert_jobs(struct fixture *fixture, const char *expected)
{
    CLEANUP(buf_finish) struct buf items = BUF_INIT(1 << 16);
    struct page page = {.items = items};
    struct hub_query_job *job = NULL;
    const struct hub_query_request request = {.text = STR("SELECT * FROM devices.jobs"),
                                              .item_max = 100,
                                              .done = keep_page,
                                              .ctx = &page};
    hub_query_start(fixture->hub, &request, &job);
    assert_null(job);
    items = page.items;
    assert_string_equal(page.item_type, "DeviceJob");
    assert_str_equal(buf_str(&items), expected);
}

#define WHOLE_JOB                                                                                  \
    "{\"deviceId\":\"a\",\"moduleId\":\"m\",\"jobId\":\"j1\",\"jobType\":"                         \
    "\"scheduleDeviceMethod\","                                                                    \
    "\"status\":\"failed\",\"startTimeUtc\":\"2024-05-01T18:18:52.7418460Z\","                     \
    "\"endTimeUtc\":\"2024-05-01T18:20:52.7418460Z\","                                             \
    "\"createdDateTimeUtc\":\"2024-05-01T18:18:56.7787100Z\","                                     \
    "\"lastUpdatedDateTimeUtc\":\"2024-05-01T18:18:56.8894400Z\","                                 \
    "\"outcome\":{\"deviceMethodResponse\":null},\"error\":{\"code\":\"DeviceNotFound\"}}"
#define SHORT_JOB                                                                                  \
    "{\"deviceId\":\"b\",\"jobId\":\"j1\",\"jobType\":\"scheduleUpdateTwin\",\"status\":"          \
    "\"scheduled\"}"

static void device_jobs_come_back_as_they_were_given(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    assert_int_equal(seed(&fixture, "{\"devices.jobs\":[" WHOLE_JOB "," SHORT_JOB "]}"), HUB_OK);
    assert_true(hubs_commit(fixture.hubs));
    assert_jobs(&fixture, "[" WHOLE_JOB "," SHORT_JOB "]");
    assert_int_equal(hub_reset(fixture.hub), HUB_OK);
    assert_jobs(&fixture, "[" WHOLE_JOB "," SHORT_JOB "]");
    fixture_finish(&fixture);
}

static void a_device_job_that_is_there_stays(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    assert_int_equal(seed(&fixture, "{\"devices.jobs\":[" SHORT_JOB ",{\"deviceId\":\"b\","
                                    "\"jobId\":\"j1\",\"jobType\":\"x\",\"status\":\"y\"}]}"),
                     HUB_OK);
    assert_jobs(&fixture, "[" SHORT_JOB "]");
    fixture_finish(&fixture);
}

static const struct {
    const char *text;
    const char *problem;
} refusals[] = {
    {"[]", "a seed is a JSON object with \"devices\", \"devices.modules\" and \"devices.jobs\""},
    {"{\"devices\":{}}", "devices must be an array of documents"},
    {"{\"devices.jobs\":1}", "devices.jobs must be an array of documents"},
    {"{\"policies\":{},\"device\":[]}",
     "a seed has \"devices\", \"devices.modules\", \"devices.jobs\" and \"policies\", but no "
     "\"device\""},
    {"{\"devices\":[{\"deviceId\":\"a\"}],\"devices.modules\":[{\"deviceId\":\"b\",\"moduleId\":"
     "\"m\"}]}",
     "devices.modules[0] 'm': deviceId must be that of a device in this file or in the hub"},
    {"{\"devices\":[{\"deviceId\":\"a\"},{}]}",
     "devices[1]: deviceId must be 1 to 128 of the characters that ids may have"},
    {"{\"devices\":[{\"deviceId\":\"a\",\"status\":\"off\"}]}",
     "devices[0] 'a': status must be enabled or disabled"},
    {"{\"devices.modules\":[{\"deviceId\":\"a\"}]}",
     "devices.modules[0]: moduleId must be 1 to 128 of the characters that ids may have"},
    {"{\"devices.jobs\":[{\"deviceId\":\"a\",\"jobType\":\"t\",\"status\":\"s\"}]}",
     "devices.jobs[0] 'a': jobId must be 1 to 128 of the characters that ids may have"},
    {"{\"devices.jobs\":[{\"deviceId\":\"a\",\"moduleId\":\"\",\"jobId\":\"j\"}]}",
     "devices.jobs[0]: moduleId must be 1 to 128 of the characters that ids may have"},
    {"{\"devices.jobs\":[{\"deviceId\":\"a\",\"jobId\":\"j\",\"status\":\"s\"}]}",
     "devices.jobs[0] 'a': jobType must be given"},
    {"{\"devices.jobs\":[{\"deviceId\":\"a\",\"jobId\":\"j\",\"jobType\":\"t\"}]}",
     "devices.jobs[0] 'a': status must be given"},
    {"{\"devices.jobs\":[{\"deviceId\":\"a\",\"jobId\":\"j\",\"startTimeUtc\":\"noon\"}]}",
     "devices.jobs[0] 'a': startTimeUtc must be an ISO 8601 time"},
    {"{\"devices.jobs\":[{\"deviceId\":\"a\",\"jobId\":\"j\",\"outcome\":[]}]}",
     "devices.jobs[0] 'a': outcome must be an object"},
};

static void what_cannot_be_taken_is_refused_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        struct fixture fixture;
        fixture_init(&fixture);
        assert_int_equal(seed(&fixture, refusals[i].text), HUB_ARGUMENT_INVALID);
        assert_string_equal(fixture.problem.text, refusals[i].problem);
        assert_false(hubs_commit(fixture.hubs));
        fixture_finish(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_jobs_come_back_as_they_were_given),
        cmocka_unit_test(a_device_job_that_is_there_stays),
        cmocka_unit_test(what_cannot_be_taken_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
