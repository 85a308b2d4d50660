/* SPDX-License-Identifier: MIT */
#include "storage/columns_internal.h"

#include "check.h"

static struct columns columns;

static int set_up(void **state)
{
    (void)state;
    columns = (struct columns){.size_max = 1 << 20};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    columns_finish(&columns);
    return 0;
}

static struct cell text(const char *data)
{
    return (struct cell){.text = str_from(data)};
}

/* Tags of two devices in a block. */
static struct block *make_block(int64_t number)
{
    struct column_draft draft = {.filled = 0};
    column_draft_clear(&draft);
    column_draft_add(&draft, 0, text("first"));
    column_draft_add(&draft, BLOCK_IDS - 1, text("last"));
    struct block *block = columns_make(&columns, number);
    assert_non_null(block);
    block->known = true;
    block->devices = UINT64_C(1) | UINT64_C(1) << (BLOCK_IDS - 1);
    assert_true(column_draft_keep(&draft, &columns, block, QUERY_TAGS));
    column_draft_finish(&draft);
    return block;
}

static void cells_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct column_draft draft = {.filled = 0};
    struct block *block = columns_make(&columns, 3);
    for (int round = 0; round < 2; round++) { /* a draft is used again and again */
        column_draft_clear(&draft);
        column_draft_add(&draft, 0, text(""));
        column_draft_add(&draft, 1, (struct cell){.null = true});
        column_draft_add(&draft, 5, (struct cell){.number = INT64_MIN});
        column_draft_add(&draft, 6, (struct cell){.number = 0});
        column_draft_add(&draft, 62, text("abc"));
        column_draft_add(&draft, 63, (struct cell){.number = -1});
        const enum query_attribute attribute = round == 0 ? QUERY_TAGS : QUERY_DESIRED;
        assert_true(column_draft_keep(&draft, &columns, block, attribute));
        const struct column *column = block->columns[attribute];
        assert_str_equal(column_cell(column, 0).text, "");
        assert_false(column_cell(column, 0).null);
        assert_true(column_cell(column, 1).null);
        assert_null(column_cell(column, 1).text.data);
        assert_int_equal(column_cell(column, 5).number, INT64_MIN);
        assert_null(column_cell(column, 5).text.data);
        assert_int_equal(column_cell(column, 6).number, 0);
        assert_false(column_cell(column, 6).null);
        assert_str_equal(column_cell(column, 62).text, "abc");
        assert_int_equal(column_cell(column, 63).number, -1);
    }
    column_draft_finish(&draft);
}

static void a_write_makes_stale_what_it_touches(void **state)
{
    (void)state;
    const struct block *block = make_block(2);
    const struct block *other = make_block(3);
    const int64_t id = 2 * BLOCK_IDS + 17;
    columns_forget(&columns, id, QUERY_BIT(QUERY_DESIRED));
    assert_int_equal(block->columns[QUERY_TAGS]->stale, 0);
    columns_forget(&columns, id, QUERY_BIT(QUERY_TAGS));
    assert_int_equal(block->columns[QUERY_TAGS]->stale, 1 << 17);
    assert_true(block->known);
    columns_forget_record(&columns, id);
    assert_false(block->known);
    assert_null(block->columns[QUERY_TAGS]);
    assert_true(other->known);
    assert_int_equal(other->columns[QUERY_TAGS]->stale, 0);
    columns_forget(&columns, INT64_C(1) << 40, UINT64_MAX); /* nothing is kept of that */
    columns_forget_record(&columns, INT64_C(1) << 40);
}

static void a_column_with_little_that_is_right_goes(void **state)
{
    (void)state;
    const struct block *block = make_block(0);
    for (int64_t id = 0; id < 8; id++) {
        columns_forget(&columns, id, QUERY_BIT(QUERY_TAGS));
        columns_forget(&columns, id, QUERY_BIT(QUERY_TAGS)); /* counts once */
        assert_non_null(block->columns[QUERY_TAGS]);
    }
    columns_forget(&columns, 8, QUERY_BIT(QUERY_TAGS));
    assert_null(block->columns[QUERY_TAGS]);
    assert_true(block->known);
}

static void stale_cells_are_renewed_among_the_others(void **state)
{
    (void)state;
    struct column **column = &make_block(0)->columns[QUERY_TAGS]; /* "first" and "last" */
    columns_forget(&columns, 0, QUERY_BIT(QUERY_TAGS));
    columns_forget(&columns, 30, QUERY_BIT(QUERY_TAGS));
    static const char *const texts[] = {"", "f", "longer than it was", "first"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        assert_true(column_renew(&columns, column, 0, text(texts[i])));
        assert_str_equal(column_cell(*column, 0).text, texts[i]);
        assert_str_equal(column_cell(*column, BLOCK_IDS - 1).text, "last");
        assert_int_equal((*column)->stale, 1 << 30);
    }
    assert_true(column_renew(&columns, column, 30, (struct cell){.number = -5}));
    assert_int_equal(column_cell(*column, 30).number, -5);
    assert_int_equal((*column)->stale, 0);
    assert_true(column_renew(&columns, column, 30, (struct cell){.null = true}));
    assert_true(column_cell(*column, 30).null);
    assert_true(column_renew(&columns, column, BLOCK_IDS - 1, text("end")));
    assert_str_equal(column_cell(*column, BLOCK_IDS - 1).text, "end");
    assert_str_equal(column_cell(*column, 0).text, "first");
    columns.size_max = columns.size;
    assert_false(column_renew(&columns, column, 0, text("no room")));
    assert_null(*column);
}

static void texts_stay_while_somebody_holds(void **state)
{
    (void)state;
    const struct str kept = column_cell(make_block(0)->columns[QUERY_TAGS], 63).text;
    const size_t size = columns.size;
    columns_hold(&columns);
    columns_hold(&columns);
    columns_forget_record(&columns, 0);
    columns_clear(&columns);
    assert_str_equal(kept, "last");
    columns_release(&columns);
    assert_str_equal(kept, "last");
    assert_true(columns.size > 0 && columns.size < size);
    columns_release(&columns);
    assert_int_equal(columns.size, 0);
}

static void memory_has_an_end(void **state)
{
    (void)state;
    int64_t number = 0;
    while (columns_make(&columns, number) != NULL) {
        number += PAGE_BLOCKS;
    }
    assert_true(columns.size <= columns.size_max);
    assert_true(columns.size + sizeof(struct page) > columns.size_max);
    assert_null(columns_make(&columns, COLUMN_ID_MAX / BLOCK_IDS));
    columns_clear(&columns);
    assert_int_equal(columns.size, 0);
    assert_non_null(columns_make(&columns, 0));
}

/* ---- marks ---- */

static struct query_equality equality_of(const struct str *names, size_t count)
{
    return (struct query_equality){
        .attribute = QUERY_TAGS, .names = names, .name_count = count, .value = query_number(1)};
}

static void marks_are_worth_it_when_a_path_is_asked_for_again(void **state)
{
    (void)state;
    const struct str a[] = {STR("a")};
    const struct str ab[] = {STR("a"), STR("b")};
    const struct str a_b[] = {STR("a 1 b")};
    const struct query_equality paths[] = {equality_of(a, 1), equality_of(ab, 2),
                                           equality_of(a_b, 1), equality_of(NULL, 0)};
    struct mark_handle handles[ARRAY_SIZE(paths)];
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        assert_false(marks_ask(&columns, &paths[i], &handles[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        assert_true(marks_ask(&columns, &paths[i], &handles[i]));
        assert_true(marks_stand(&columns, handles[i]));
        for (size_t j = 0; j < i; j++) {
            assert_true(handles[i].path != handles[j].path);
        }
    }
}

static void the_path_not_asked_for_longest_loses_its_place(void **state)
{
    (void)state;
    struct mark_handle first = {0};
    struct mark_handle second = {0};
    struct mark_handle handle = {0};
    const struct str names[] = {STR("first"), STR("second")};
    const struct query_equality firsts = equality_of(&names[0], 1);
    const struct query_equality seconds = equality_of(&names[1], 1);
    uint16_t marks[BLOCK_IDS] = {7};
    (void)make_block(0);
    assert_false(marks_ask(&columns, &firsts, &first));
    assert_false(marks_ask(&columns, &seconds, &second));
    assert_true(marks_ask(&columns, &firsts, &first));
    assert_true(marks_ask(&columns, &seconds, &second));
    marks_keep(&columns, first, 0, UINT64_MAX, marks);
    marks_keep(&columns, second, 0, UINT64_MAX, marks);
    for (int i = 0; i < MARK_PATHS_MAX - 1; i++) {
        const char letter = (char)('a' + i);
        const struct str name = {&letter, 1};
        const struct query_equality equality = equality_of(&name, 1);
        assert_true(marks_ask(&columns, &firsts, &first));
        assert_false(marks_ask(&columns, &equality, &handle));
    }
    assert_true(marks_stand(&columns, first));
    assert_int_equal(marks_missing(&columns, first, 0), 0);
    assert_false(marks_stand(&columns, second));
    assert_true(marks_missing(&columns, second, 0) == UINT64_MAX); /* nor are they inherited */
}

static void marks_go_with_the_attribute_of_their_path(void **state)
{
    (void)state;
    const struct str name = STR("a");
    const struct query_equality equality = equality_of(&name, 1);
    struct mark_handle handle = {0};
    uint16_t marks[BLOCK_IDS] = {7, 0, 8, 7};
    const uint64_t none = UINT64_MAX;
    (void)make_block(0);
    (void)make_block(1);
    assert_false(marks_ask(&columns, &equality, &handle));
    assert_true(marks_ask(&columns, &equality, &handle));
    assert_true(marks_missing(&columns, handle, 0) == none);
    assert_true(marks_match(&columns, handle, 0, 7) == none);
    marks_keep(&columns, handle, 0, none, marks);
    assert_int_equal(marks_missing(&columns, handle, 0), 0);
    assert_int_equal(marks_match(&columns, handle, 0, 7), 1 | 8);
    assert_int_equal(marks_match(&columns, handle, 0, 8), 4);
    assert_int_equal(marks_match(&columns, handle, 0, 9), 0);
    assert_true(marks_match(&columns, handle, 1, 7) == none); /* the other block has none yet */
    columns_forget(&columns, 5, QUERY_BIT(QUERY_REPORTED));
    columns_forget(&columns, BLOCK_IDS + 5, QUERY_BIT(QUERY_TAGS));
    assert_int_equal(marks_missing(&columns, handle, 0), 0);
    columns_forget(&columns, 5, QUERY_BIT(QUERY_TAGS));
    assert_int_equal(marks_missing(&columns, handle, 0), 1 << 5);
    assert_int_equal(marks_match(&columns, handle, 0, 8), 4 | 1 << 5); /* it may be anything */
    marks[5] = 9;
    marks[0] = 9;
    marks_keep(&columns, handle, 0, 1 << 5, marks);
    assert_int_equal(marks_match(&columns, handle, 0, 9), 1 << 5); /* that place alone is taken */
    columns_forget_record(&columns, 5);
    assert_true(marks_missing(&columns, handle, 0) == none);
}

static void every_place_is_found_and_no_other(void **state)
{
    (void)state;
    static const uint16_t wanted[] = {1, 2, 0x7fff, 0x8000, 0x8001, 0xffff};
    const struct str name = STR("a");
    const struct query_equality equality = equality_of(&name, 1);
    struct mark_handle handle = {0};
    (void)make_block(0);
    assert_false(marks_ask(&columns, &equality, &handle));
    assert_true(marks_ask(&columns, &equality, &handle));
    for (size_t w = 0; w < ARRAY_SIZE(wanted); w++) {
        uint16_t all[BLOCK_IDS];
        for (unsigned place = 0; place < BLOCK_IDS; place++) {
            uint16_t marks[BLOCK_IDS] = {0};
            for (size_t i = 0; i < BLOCK_IDS; i++) { /* neighbours that a borrow may run into */
                marks[i] = (uint16_t)(wanted[w] ^ (i % 2 == 0 ? 1 : 0x8000));
            }
            marks_keep(&columns, handle, 0, UINT64_MAX, marks);
            assert_int_equal(marks_match(&columns, handle, 0, wanted[w]), 0);
            marks[place] = wanted[w];
            all[place] = wanted[w];
            marks_keep(&columns, handle, 0, UINT64_MAX, marks);
            assert_int_equal(marks_match(&columns, handle, 0, wanted[w]), UINT64_C(1) << place);
        }
        marks_keep(&columns, handle, 0, UINT64_MAX, all);
        assert_true(marks_match(&columns, handle, 0, wanted[w]) == UINT64_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cells_come_out_as_they_went_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_makes_stale_what_it_touches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_column_with_little_that_is_right_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stale_cells_are_renewed_among_the_others, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(texts_stay_while_somebody_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_has_an_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_are_worth_it_when_a_path_is_asked_for_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_path_not_asked_for_longest_loses_its_place, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(marks_go_with_the_attribute_of_their_path, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_place_is_found_and_no_other, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
