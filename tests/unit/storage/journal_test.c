/* SPDX-License-Identifier: MIT */
#include "storage/storage.h"

#include "tests/unit/storage/fixture.h"

/* What a read called back with. */
struct heard {
    size_t count;
    uint64_t sequences[64];
    uint64_t next;
};

static void hear(void *ctx, const struct journal_row *row)
{
    struct heard *heard = ctx;
    assert_true(heard->count < ARRAY_SIZE(heard->sequences));
    heard->sequences[heard->count++] = row->sequence;
}

static struct heard read_journal(struct storage *storage, struct journal_filter filter)
{
    struct heard heard = {.next = 9999};
    assert_int_equal(storage_journal_read(storage, &filter, hear, &heard, &heard.next), STATUS_OK);
    return heard;
}

static const struct journal_filter all = {.limit = 64, .rows_read_max = 1000};

static void check_row(void *ctx, const struct journal_row *row)
{
    const struct journal_row *expected = ctx;
    assert_int_equal(row->sequence, 1);
    assert_int_equal(row->at_us, expected->at_us);
    assert_int_equal(row->kind, expected->kind);
    assert_true(str_equal(row->key.device, expected->key.device));
    assert_true(str_equal(row->key.module, expected->key.module));
    assert_true(str_equal(row->detail, expected->detail));
    assert_true(str_equal(row->body, expected->body));
    assert_int_equal(row->body.data == NULL, expected->body.data == NULL);
}

static void every_field_comes_back(void **state)
{
    (void)state;
    static char large[300000];
    memset(large, 'x', sizeof(large));
    const struct journal_row rows[] = {
        {.at_us = -1, .kind = 0, .detail = STR("{}")}, /* about the hub, no body */
        {.at_us = INT64_MAX,
         .kind = 63,
         .key = key_of("d", "m"),
         .detail = STR("{\"a\":\"b\"}"),
         .body = STR("a\0\xff")},
        {.kind = 1, .key = key_of("d", ""), .detail = STR("{}"), .body = STR_EMPTY},
        {.kind = 1,
         .key = key_of("d", ""),
         .detail = STR("{}"),
         .body = {.data = large, .size = sizeof(large)}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct storage *storage = open_storage(NULL);
        uint64_t sequence = 0;
        assert_int_equal(storage_journal_append(storage, &rows[i], &sequence), STATUS_OK);
        assert_int_equal(sequence, 1);
        struct journal_row expected = rows[i];
        uint64_t next = 0;
        assert_int_equal(storage_journal_read(storage, &all, check_row, &expected, &next),
                         STATUS_OK);
        assert_int_equal(next, 1);
        storage_close(storage);
    }
}

/* Rows 1..12: kinds 0, 1, 2, 0, 1, 2 ...; devices d0, d1, d0, d1 ... */
static struct storage *twelve_rows(void)
{
    struct storage *storage = open_storage(NULL);
    for (uint32_t i = 0; i < 12; i++) {
        assert_int_equal(append(storage, i % 3, i % 2 == 0 ? "d0" : "d1", STR("b")), i + 1);
    }
    commit(storage);
    return storage;
}

static const struct {
    struct journal_filter filter;
    size_t count;
    uint64_t first, last, next;
} reads[] = {
    {{.limit = 64, .rows_read_max = 1000}, 12, 1, 12, 12},
    {{.after = 11, .limit = 64, .rows_read_max = 1000}, 1, 12, 12, 12},
    {{.after = 12, .limit = 64, .rows_read_max = 1000}, 0, 0, 0, 12},
    {{.after = 500, .limit = 64, .rows_read_max = 1000}, 0, 0, 0, 500}, /* never backwards */
    {{.after = UINT64_MAX, .limit = 64, .rows_read_max = 1000}, 0, 0, 0, UINT64_MAX},
    {{.limit = 5, .rows_read_max = 1000}, 5, 1, 5, 5},
    {{.limit = 12, .rows_read_max = 1000}, 12, 1, 12, 12},
    {{.limit = SIZE_MAX, .rows_read_max = SIZE_MAX}, 12, 1, 12, 12},
    {{.limit = 0, .rows_read_max = 1000}, 0, 0, 0, 0},
    {{.limit = 64, .rows_read_max = 0}, 0, 0, 0, 0},
    {{.limit = 64, .rows_read_max = 7}, 7, 1, 7, 7},
    {{.after = 3, .limit = 64, .rows_read_max = 7}, 7, 4, 10, 10},
    {{.kinds = 1, .limit = 64, .rows_read_max = 1000}, 4, 1, 10, 12},
    {{.kinds = 6, .limit = 64, .rows_read_max = 1000}, 8, 2, 12, 12},
    {{.kinds = UINT64_C(1) << 63, .limit = 64, .rows_read_max = 1000}, 0, 0, 0, 12},
    {{.kinds = UINT64_MAX, .limit = 64, .rows_read_max = 1000}, 12, 1, 12, 12},
    {{.kinds = 4, .limit = 2, .rows_read_max = 1000}, 2, 3, 6, 6},
    {{.kinds = 4, .limit = 64, .rows_read_max = 5}, 1, 3, 3, 5},
    {{.device = {"d1", 2}, .limit = 64, .rows_read_max = 1000}, 6, 2, 12, 12},
    {{.device = {"d", 1}, .limit = 64, .rows_read_max = 1000}, 0, 0, 0, 12},
    {{.device = {"d1", 2}, .kinds = 2, .limit = 64, .rows_read_max = 1000}, 2, 2, 8, 12},
};

static void filters_choose_rows_and_tell_where_to_go_on(void **state)
{
    (void)state;
    struct storage *storage = twelve_rows();
    for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
        const struct heard heard = read_journal(storage, reads[i].filter);
        if (heard.count != reads[i].count || heard.next != reads[i].next) {
            fail_msg("read %zu: %zu rows, next %llu", i, heard.count,
                     (unsigned long long)heard.next);
        }
        if (heard.count > 0) {
            assert_int_equal(heard.sequences[0], reads[i].first);
            assert_int_equal(heard.sequences[heard.count - 1], reads[i].last);
        }
    }
    storage_close(storage);
}

static void a_reader_in_steps_hears_each_row_once(void **state)
{
    (void)state;
    struct storage *storage = twelve_rows();
    for (size_t step = 1; step <= 13; step++) {
        uint64_t after = 0;
        uint64_t heard_count = 0;
        while (after < 12) {
            const struct heard heard = read_journal(
                storage,
                (struct journal_filter){
                    .after = after, .device = STR("d1"), .limit = 2, .rows_read_max = step});
            for (size_t i = 0; i < heard.count; i++) {
                assert_int_equal(heard.sequences[i], 2 * ++heard_count);
            }
            assert_true(heard.next > after);
            after = heard.next;
        }
        assert_int_equal(heard_count, 6);
    }
    storage_close(storage);
}

static void uncommitted_rows_are_read_and_go_with_a_rollback(void **state)
{
    (void)state;
    struct storage *storage = twelve_rows();
    assert_int_equal(append(storage, 1, "d", STR("x")), 13);
    assert_int_equal(storage_journal_last(storage), 13);
    assert_int_equal(read_journal(storage, all).count, 13);
    storage_rollback(storage);
    assert_int_equal(storage_journal_last(storage), 12);
    assert_int_equal(read_journal(storage, all).count, 12);
    assert_int_equal(append(storage, 1, "d", STR("x")), 13);
    storage_rollback(storage);

    assert_int_equal(storage_journal_trim(storage, 5), STATUS_OK);
    assert_int_equal(read_journal(storage, all).count, 7);
    storage_rollback(storage);
    assert_int_equal(read_journal(storage, all).count, 12);
    storage_close(storage);
}

static void trimmed_rows_are_gone_and_numbers_go_on(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    for (int i = 0; i < 10; i++) {
        append(storage, 1, "d", STR("x"));
    }
    assert_int_equal(storage_journal_trim(storage, 0), STATUS_OK);
    assert_int_equal(read_journal(storage, all).count, 10);
    assert_int_equal(storage_journal_trim(storage, 4), STATUS_OK);
    struct heard heard = read_journal(storage, all);
    assert_int_equal(heard.count, 6);
    assert_int_equal(heard.sequences[0], 5);
    /* The rows that are gone are not counted as looked at. */
    heard = read_journal(storage, (struct journal_filter){.limit = 64, .rows_read_max = 2});
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.next, 6);
    assert_int_equal(storage_journal_trim(storage, 3), STATUS_OK); /* already */
    assert_int_equal(read_journal(storage, all).count, 6);
    commit(storage);

    assert_int_equal(storage_journal_trim(storage, 5000), STATUS_OK); /* all there are */
    assert_int_equal(read_journal(storage, all).count, 0);
    assert_int_equal(read_journal(storage, all).next, 10);
    assert_int_equal(storage_journal_last(storage), 10);
    commit(storage);
    storage_close(storage);

    storage = open_storage(place.directory);
    assert_int_equal(storage_journal_last(storage), 10);
    assert_int_equal(append(storage, 1, "d", STR("x")), 11);
    heard = read_journal(storage, all);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.sequences[0], 11);
    storage_close(storage);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(filters_choose_rows_and_tell_where_to_go_on),
        cmocka_unit_test(a_reader_in_steps_hears_each_row_once),
        cmocka_unit_test(uncommitted_rows_are_read_and_go_with_a_rollback),
        cmocka_unit_test(trimmed_rows_are_gone_and_numbers_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
