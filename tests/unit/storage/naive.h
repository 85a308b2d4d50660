/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_STORAGE_NAIVE_H
#define TESTS_UNIT_STORAGE_NAIVE_H

/* What a query should answer, found out by looking at every record; and what a scan does answer. */
#include "tests/unit/storage/fleet.h"

enum { IDS_MAX = 2048, ARENA_MAX = 64 << 20 };

/* ---- what the answer should be: every record, given to the query whole ---- */

static inline struct query_value text_or_nothing(struct str text)
{
    return text.size > 0 ? query_string(text) : (struct query_value){0};
}

static inline struct query_value text_or_null(struct str text)
{
    return text.size > 0 ? query_string(text) : query_null();
}

static inline struct str iso(struct arena *arena, int64_t time_us)
{
    char *text = arena_alloc(arena, CLOCK_TEXT_SIZE);
    assert_non_null(text);
    clock_text_iso(time_us, text);
    return str_from(text);
}

static inline struct str etag_text(struct arena *arena, uint64_t etag,
                                   void (*append_etag)(struct buf *out, uint64_t etag))
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(100);
    append_etag(&text, etag);
    return str_from(arena_copy(arena, buf_str(&text)));
}

static inline void give_plain(struct query_row *row, const struct storage_identity *r,
                              struct arena *arena)
{
    query_row_set(row, QUERY_DEVICE_ID, query_string(r->key.device));
    query_row_set(row, QUERY_MODULE_ID, text_or_nothing(r->key.module));
    query_row_set(row, QUERY_ETAG,
                  query_string(etag_text(arena, r->twin_etag, storage_twin_etag_append)));
    query_row_set(row, QUERY_DEVICE_ETAG,
                  query_string(etag_text(arena, r->etag, storage_etag_append)));
    query_row_set(row, QUERY_VERSION, query_number((double)r->twin_version));
    query_row_set(row, QUERY_STATUS, query_string(r->enabled ? STR("enabled") : STR("disabled")));
    query_row_set(row, QUERY_STATUS_REASON, text_or_nothing(r->status_reason));
    query_row_set(row, QUERY_STATUS_UPDATE_TIME, query_string(iso(arena, r->status_updated_us)));
    query_row_set(row, QUERY_CONNECTION_STATE,
                  query_string(r->connected ? STR("Connected") : STR("Disconnected")));
    query_row_set(row, QUERY_LAST_ACTIVITY_TIME, query_string(iso(arena, r->last_activity_us)));
    query_row_set(row, QUERY_C2D_MESSAGE_COUNT, query_number((double)r->c2d_count));
    query_row_set(row, QUERY_AUTHENTICATION_TYPE,
                  query_string(str_from(storage_auth_name(r->auth))));
    query_row_set(row, QUERY_PRIMARY_THUMBPRINT, text_or_null(r->primary_thumbprint));
    query_row_set(row, QUERY_SECONDARY_THUMBPRINT, text_or_null(r->secondary_thumbprint));
    query_row_set(row, QUERY_MODEL_ID,
                  query_string(r->model_id.data == NULL ? STR_EMPTY : r->model_id));
    if (r->key.module.size == 0) {
        query_row_set(row, QUERY_IOT_EDGE, query_boolean(r->edge));
    }
    query_row_set(row, QUERY_DEVICE_SCOPE, text_or_nothing(r->device_scope));
    query_row_set(row, QUERY_DESIRED_VERSION, query_number((double)r->desired_version));
    query_row_set(row, QUERY_REPORTED_VERSION, query_number((double)r->reported_version));
}

static inline void give_json(struct query_row *row, enum query_attribute attribute, struct str json,
                             size_t nothing)
{
    if (json.size > nothing) {
        assert_int_equal(query_row_scan(row, attribute, json), STATUS_OK);
    }
}

static inline void give_whole(struct query_row *row, const struct storage_identity *r,
                              struct arena *arena)
{
    query_row_clear(row);
    give_plain(row, r, arena);
    give_json(row, QUERY_PARENT_SCOPES, r->parent_scopes, 0);
    give_json(row, QUERY_CONFIGURATIONS, r->configurations, 2);
    give_json(row, QUERY_TAGS, r->tags, 0);
    give_json(row, QUERY_DESIRED, r->desired, 0);
    give_json(row, QUERY_REPORTED, r->reported, 0);
    give_json(row, QUERY_DESIRED_METADATA, r->desired_metadata, 0);
    give_json(row, QUERY_REPORTED_METADATA, r->reported_metadata, 0);
}

struct answer {
    size_t count;
    int64_t ids[IDS_MAX];
    struct buf text; /* ids and projections, line by line */
};

static inline void answer_add(struct answer *answer, const struct query *query,
                              const struct query_row *row, int64_t id)
{
    assert_true(answer->count < IDS_MAX);
    answer->ids[answer->count++] = id;
    buf_append_format(&answer->text, "%lld ", (long long)id);
    if (query_info(query)->shape == QUERY_ROWS) {
        query_project(query, row, &answer->text);
    }
    buf_append_byte(&answer->text, '\n');
}

static inline void add_if_passing(struct storage *storage, const struct query *query,
                                  struct identity_key key, struct arena *arena,
                                  struct answer *answer)
{
    CLEANUP(query_row_destroyp) struct query_row *row = NULL;
    assert_int_equal(query_row_create(query, &row), STATUS_OK);
    struct storage_identity *r = NULL;
    assert_int_equal(storage_identity_get(storage, key, STORAGE_TWIN | STORAGE_METADATA, arena, &r),
                     STATUS_OK);
    give_whole(row, r, arena);
    if (query_where(query, row)) {
        answer_add(answer, query, row, r->id);
    }
}

/* In the order of ids: modules are registered right behind their device in this fleet. */
static inline void answer_naively(struct storage *storage, const struct query *query,
                                  struct answer *answer)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(ARENA_MAX);
    struct storage_identity **devices = NULL;
    size_t device_count = 0;
    assert_int_equal(storage_devices_list(storage, SIZE_MAX, &arena, &devices, &device_count),
                     STATUS_OK);
    for (size_t i = 0; i < device_count; i++) {
        struct storage_identity **modules = NULL;
        size_t module_count = 0;
        if (query_info(query)->collection == QUERY_DEVICES) {
            add_if_passing(storage, query, devices[i]->key, &arena, answer);
            continue;
        }
        assert_int_equal(
            storage_modules_list(storage, devices[i]->key.device, &arena, &modules, &module_count),
            STATUS_OK);
        for (size_t m = 0; m < module_count; m++) {
            add_if_passing(storage, query, modules[m]->key, &arena, answer);
        }
    }
}

/* ---- what the scan answers ---- */

/* From behind `after`, `page` rows at most, in slices of `slice` rows read. True: there may be
 * more. */
static inline bool answer_page(struct storage *storage, const struct query *query, int64_t after,
                               size_t page, size_t slice, struct answer *answer)
{
    struct storage_scan *scan = NULL;
    assert_int_equal(storage_scan_open(storage, query, after, &scan), STATUS_OK);
    enum storage_scan_result result = STORAGE_SCAN_ROW;
    size_t rows = 0;
    size_t rows_left = slice;
    while (result != STORAGE_SCAN_END && rows < page) {
        const struct query_row *row = NULL;
        assert_int_equal(storage_scan_next(scan, &rows_left, &result, &row), STATUS_OK);
        if (result == STORAGE_SCAN_ROW) {
            answer_add(answer, query, row, storage_scan_id(scan));
            rows++;
        } else if (result == STORAGE_SCAN_PAUSED) {
            assert_int_equal(rows_left, 0);
            rows_left = slice;
        }
    }
    storage_scan_close(scan);
    return result != STORAGE_SCAN_END;
}

static inline void answer_by_pages(struct storage *storage, const struct query *query, size_t page,
                                   size_t slice, struct answer *answer)
{
    int64_t after = 0;
    while (answer_page(storage, query, after, page, slice, answer)) {
        after = answer->ids[answer->count - 1];
    }
}

static inline void assert_same_answer(const char *text, const struct answer *found,
                                      const struct answer *expected)
{
    assert_int_equal(buf_status(&found->text), STATUS_OK);
    assert_int_equal(buf_status(&expected->text), STATUS_OK);
    if (!str_equal(buf_str(&found->text), buf_str(&expected->text))) {
        fail_msg("%s\nanswers %zu rows\n%.2000s\nnot %zu\n%.2000s", text, found->count,
                 buf_str(&found->text).data, expected->count, buf_str(&expected->text).data);
    }
}

static inline void assert_answers_as_naively(struct storage *storage, const char *text, size_t page,
                                             size_t slice)
{
    static struct answer expected;
    static struct answer found;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *query = parse(text, &arena);
    expected = (struct answer){.text = BUF_INIT(ARENA_MAX)};
    found = (struct answer){.text = BUF_INIT(ARENA_MAX)};
    answer_naively(storage, query, &expected);
    answer_by_pages(storage, query, page, slice, &found);
    assert_same_answer(text, &found, &expected);
    buf_finish(&expected.text);
    buf_finish(&found.text);
}

#endif
