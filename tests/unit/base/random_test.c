/* SPDX-License-Identifier: MIT */
#include "base/random.h"

#include "base/sas.h"
#include "check.h"

static void the_same_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    struct random first;
    struct random second;
    random_init_seed(&first, 42);
    random_init_seed(&second, 42);
    char a[RANDOM_UUID_SIZE];
    char b[RANDOM_UUID_SIZE];
    random_uuid(&first, a);
    random_uuid(&second, b);
    assert_string_equal(a, b);
    random_uuid(&second, b);
    assert_string_not_equal(a, b); /* and never twice the same */

    random_init_seed(&first, 43);
    random_init_seed(&second, 42);
    assert_true(random_u64(&first) != random_u64(&second));
}

/* SHA-256 of the seed (here 24 bytes after the number 1) and a counter of eight bytes, computed by
 * sha256sum: runs that people have recorded must repeat with every later version. */
static void the_bytes_of_a_seed_never_change(void **state)
{
    (void)state;
    static const unsigned char expected[] = {
        0x3d, 0x0a, 0xd1, 0x2b, 0x8e, 0xe8, 0x92, 0x8e, 0xdf, 0x24, 0x8c, 0xa9, 0x1c, 0xa5,
        0x56, 0x00, 0xfb, 0x38, 0x3f, 0x07, 0xc3, 0x2b, 0xff, 0x1d, 0x6d, 0xec, 0x47, 0x2b,
        0x25, 0xcf, 0x59, 0xa7, 0x9d, 0xc3, 0x70, 0xfe, 0xad, 0xa9, 0x3d, 0x1f};
    struct random random;
    random_init_seed(&random, 1);
    unsigned char bytes[40];
    random_bytes(&random, bytes, sizeof(bytes));
    assert_memory_equal(bytes, expected, sizeof(expected));
    assert_int_equal(random.counter, 2);
}

static void exactly_the_asked_bytes_are_written(void **state)
{
    (void)state;
    struct random random;
    random_init_seed(&random, 7);
    for (size_t size = 0; size <= 70; size++) {
        unsigned char bytes[72];
        memset(bytes, 0xee, sizeof(bytes));
        random_bytes(&random, bytes, size);
        assert_int_equal(bytes[size], 0xee);
        assert_int_equal(bytes[size + 1], 0xee);
    }
}

static void system_seeds_differ(void **state)
{
    (void)state;
    struct random first;
    struct random second;
    assert_int_equal(random_init_system(&first), STATUS_OK);
    assert_int_equal(random_init_system(&second), STATUS_OK);
    assert_memory_not_equal(first.seed, second.seed, RANDOM_SEED_SIZE);
    assert_true(random_u64(&first) != random_u64(&second));
}

static void a_uuid_is_one_of_version_4(void **state)
{
    (void)state;
    struct random random;
    random_init_seed(&random, 3);
    for (int i = 0; i < 200; i++) {
        char uuid[RANDOM_UUID_SIZE];
        random_uuid(&random, uuid);
        assert_int_equal(strlen(uuid), RANDOM_UUID_SIZE - 1);
        assert_int_equal(strspn(uuid, "0123456789abcdef-"), RANDOM_UUID_SIZE - 1);
        for (size_t k = 0; k < RANDOM_UUID_SIZE - 1; k++) {
            assert_int_equal(uuid[k] == '-', k == 8 || k == 13 || k == 18 || k == 23);
        }
        assert_int_equal(uuid[14], '4');
        assert_non_null(strchr("89ab", uuid[19]));
    }
}

static void a_key_is_fit_for_signing(void **state)
{
    (void)state;
    struct random random;
    random_init_seed(&random, 3);
    char key[RANDOM_KEY_SIZE];
    char other[RANDOM_KEY_SIZE];
    random_key(&random, key);
    random_key(&random, other);
    assert_int_equal(strlen(key), RANDOM_KEY_SIZE - 1);
    assert_true(sas_key_valid(str_from(key)));
    assert_string_not_equal(key, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(the_bytes_of_a_seed_never_change),
        cmocka_unit_test(exactly_the_asked_bytes_are_written),
        cmocka_unit_test(system_seeds_differ),
        cmocka_unit_test(a_uuid_is_one_of_version_4),
        cmocka_unit_test(a_key_is_fit_for_signing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
