/* SPDX-License-Identifier: MIT */
#include "base/list.h"

#include "check.h"

struct item {
    int number;
    struct list in_list;
};

/* Walks both ways: the members' numbers must be `expected`, up to its 0. */
static void check_list(struct list *head, const int *expected)
{
    size_t count = 0;
    for (struct list *at = head->next; at != head; at = at->next) {
        assert_int_equal(LIST_ENTRY(at, const struct item, in_list)->number, expected[count]);
        count++;
    }
    assert_int_equal(expected[count], 0);
    for (struct list *at = head->previous; at != head; at = at->previous) {
        count--;
        assert_int_equal(LIST_ENTRY(at, const struct item, in_list)->number, expected[count]);
    }
    assert_int_equal(count, 0);
}

static void members_keep_the_order_of_appending(void **state)
{
    (void)state;
    struct list head;
    list_init(&head);
    assert_true(list_empty(&head));
    check_list(&head, (const int[]){0});

    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
    for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
        list_append(&head, &items[i].in_list);
        assert_false(list_empty(&head));
    }
    check_list(&head, (const int[]){1, 2, 3, 0});
}

static void any_member_is_removed_and_put_back(void **state)
{
    (void)state;
    static const int expected[3][3] = {{2, 3, 0}, {1, 3, 0}, {1, 2, 0}};
    for (size_t i = 0; i < 3; i++) {
        struct list head;
        list_init(&head);
        struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
        for (size_t k = 0; k < ARRAY_SIZE(items); k++) {
            list_append(&head, &items[k].in_list);
        }
        list_remove(&items[i].in_list);
        check_list(&head, expected[i]);
        list_remove(&items[i].in_list); /* in no list: harmless */
        check_list(&head, expected[i]);

        list_append(&head, &items[i].in_list);
        assert_ptr_equal(head.previous, &items[i].in_list);
    }
}

static void the_last_removal_empties_the_list(void **state)
{
    (void)state;
    struct list head;
    list_init(&head);
    struct item only = {.number = 1};
    list_append(&head, &only.in_list);
    list_remove(head.next);
    assert_true(list_empty(&head));
    assert_true(list_empty(&only.in_list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_keep_the_order_of_appending),
        cmocka_unit_test(any_member_is_removed_and_put_back),
        cmocka_unit_test(the_last_removal_empties_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
