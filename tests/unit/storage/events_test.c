/* SPDX-License-Identifier: MIT */
#include "storage/storage.h"

#include "base/random.h"
#include "tests/unit/storage/fixture.h"

enum { START_US = 1700000000 }; /* times of rows: this many seconds, and a second more each */

static struct storage *open_with(const char *directory, unsigned partitions)
{
    const struct storage_config config = {.directory = directory, .partitions = partitions};
    struct storage *storage = NULL;
    struct problem problem = {0};
    if (storage_open(&config, &storage, &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    return storage;
}

enum { NO_EVENT = STORAGE_PARTITIONS_MAX };

static uint64_t put(struct storage *storage, unsigned partition)
{
    struct journal_row row = {
        .key = key_of("d", ""),
        .detail = STR("{}"),
        .at_us = (START_US + (int64_t)storage_journal_last(storage) + 1) * CLOCK_SECOND,
        .event = partition != NO_EVENT,
        .partition = partition,
    };
    uint64_t sequence = 0;
    assert_int_equal(storage_journal_append(storage, &row, &sequence), STATUS_OK);
    return sequence;
}

/* What a reader was given. */
struct heard {
    size_t count, count_max;
    uint64_t position, sequence; /* of the first */
    uint64_t position_last, sequence_last;
};

static bool hear(void *ctx, uint64_t position, const struct journal_row *row)
{
    struct heard *heard = ctx;
    if (heard->count == heard->count_max) {
        return false;
    }
    if (heard->count == 0) {
        heard->position = position;
        heard->sequence = row->sequence;
    } else {
        assert_int_equal(position, heard->position_last + 1);
        assert_true(row->sequence > heard->sequence_last);
    }
    heard->position_last = position;
    heard->sequence_last = row->sequence;
    heard->count++;
    return true;
}

static bool read_some(struct storage *storage, unsigned partition, struct storage_place *place,
                      uint64_t rows_max, struct heard *heard)
{
    const struct storage_events_turn turn = {
        .partition = partition, .rows_max = rows_max, .each = hear, .ctx = heard};
    bool more = false;
    assert_int_equal(storage_events_read(storage, &turn, place, &more), STATUS_OK);
    return more;
}

static struct heard hear_all(struct storage *storage, unsigned partition,
                             struct storage_place *place, uint64_t rows_max)
{
    struct heard heard = {.count_max = SIZE_MAX};
    while (read_some(storage, partition, place, rows_max, &heard)) {
    }
    return heard;
}

static void positions_have_no_gaps_whatever_lies_between(void **state)
{
    (void)state;
    struct storage *storage = open_with(NULL, 3);
    assert_int_equal(storage_partitions(storage), 3);
    for (unsigned i = 0; i < 40; i++) { /* no event, 0, 1, none, 0, 1 ...; 2 stays empty */
        put(storage, i % 3 == 0 ? (unsigned)NO_EVENT : i % 3 - 1);
    }
    const struct storage_partition before = storage_partition(storage, 0);
    assert_int_equal(before.next, 0); /* nothing is committed yet */
    struct storage_place nowhere = {0};
    assert_int_equal(hear_all(storage, 0, &nowhere, 100).count, 0);
    commit(storage);

    const struct storage_partition first = storage_partition(storage, 0);
    assert_int_equal(first.begin, 0);
    assert_int_equal(first.next, 13);
    assert_int_equal(first.last, 38);
    assert_int_equal(first.last_us, (START_US + 38) * CLOCK_SECOND);
    const struct storage_partition empty = storage_partition(storage, 2);
    assert_int_equal(empty.next, 0);
    assert_int_equal(empty.last, 0);

    for (uint64_t rows_max = 1; rows_max < 50; rows_max += 7) {
        struct storage_place place = {0};
        const struct heard heard = hear_all(storage, 1, &place, rows_max);
        assert_int_equal(heard.count, 13);
        assert_int_equal(heard.position, 0);
        assert_int_equal(heard.sequence, 3);
        assert_int_equal(heard.sequence_last, 39);
        assert_int_equal(place.position, 13);
        assert_int_equal(place.after, 40);
    }
    storage_close(storage);
}

static void an_event_that_is_refused_comes_again(void **state)
{
    (void)state;
    struct storage *storage = open_with(NULL, 1);
    for (int i = 0; i < 5; i++) {
        put(storage, 0);
    }
    commit(storage);
    struct storage_place place = {0};
    struct heard heard = {.count_max = 2};
    assert_true(read_some(storage, 0, &place, 100, &heard));
    assert_int_equal(place.position, 2);
    heard = (struct heard){.count_max = 3};
    assert_false(read_some(storage, 0, &place, 100, &heard));
    assert_int_equal(heard.position, 2);
    assert_int_equal(heard.count, 3);
    storage_close(storage);
}

/* ---- against counting by hand ---- */

enum { MANY = 9000, PARTITIONS = 5 }; /* rows: a few marks, and no multiple of their distance */

struct truth {
    uint64_t next[PARTITIONS];               /* events so far */
    uint64_t rows[PARTITIONS][MANY * 2 + 1]; /* the row of each */
};

static void put_many(struct storage *storage, struct truth *truth, uint64_t seed)
{
    struct random random;
    random_init_seed(&random, seed);
    for (int i = 0; i < MANY; i++) {
        const unsigned of = (unsigned)(random_u64(&random) % 16);
        const uint64_t sequence = put(storage, of < PARTITIONS - 1 ? of : NO_EVENT);
        if (of < PARTITIONS - 1) {
            truth->rows[of][truth->next[of]++] = sequence;
        }
        if (i % 100 == 99) {
            commit(storage);
        }
    }
}

static void check_places(struct storage *storage, const struct truth *truth)
{
    for (unsigned p = 0; p < PARTITIONS; p++) {
        const struct storage_partition partition = storage_partition(storage, p);
        assert_int_equal(partition.next, truth->next[p]);
        if (partition.next > 0) {
            assert_int_equal(partition.last, truth->rows[p][partition.next - 1]);
            assert_int_equal(partition.last_us,
                             (START_US + (int64_t)partition.last) * CLOCK_SECOND);
        }
        for (uint64_t at = partition.begin; at < partition.next; at += 1 + at % 97) {
            struct storage_place place = {0};
            assert_int_equal(storage_events_find(storage, p, at, &place), STATUS_OK);
            struct heard heard = {.count_max = 1};
            while (heard.count == 0) {
                (void)read_some(storage, p, &place, 50, &heard);
            }
            assert_int_equal(heard.position, at);
            assert_int_equal(heard.sequence, truth->rows[p][at]);
            assert_int_equal(storage_events_after(storage, p, truth->rows[p][at], &place),
                             STATUS_OK);
            assert_int_equal(place.position, at + 1);
            assert_int_equal(storage_events_after(storage, p, truth->rows[p][at] - 1, &place),
                             STATUS_OK);
            assert_int_equal(place.position, at);
        }
        struct storage_place end = {0};
        assert_int_equal(storage_events_find(storage, p, partition.next, &end), STATUS_OK);
        assert_int_equal(hear_all(storage, p, &end, 1000).count, 0);
    }
}

/* The positions of what is left, when rows up to `end` went. */
static void check_begins(struct storage *storage, const struct truth *truth, uint64_t end)
{
    for (unsigned p = 0; p < PARTITIONS; p++) {
        uint64_t begin = 0;
        while (begin < truth->next[p] && truth->rows[p][begin] <= end) {
            begin++;
        }
        assert_int_equal(storage_partition(storage, p).begin, begin);
        struct storage_place place = {0}; /* a reader whose events are gone goes on behind them */
        const struct heard heard = hear_all(storage, p, &place, 1000);
        assert_int_equal(heard.count, truth->next[p] - begin);
        if (heard.count > 0) {
            assert_int_equal(heard.position, begin);
        }
    }
}

static void positions_survive_restart_trim_rollback_and_clear(void **state)
{
    (void)state;
    static struct truth truth;
    struct place place = place_make();
    struct storage *storage = open_with(place.directory, PARTITIONS);
    put_many(storage, &truth, 1);
    check_places(storage, &truth);
    storage_close(storage);

    storage = open_with(place.directory, 0);
    assert_int_equal(storage_partitions(storage), PARTITIONS);
    check_places(storage, &truth);
    check_begins(storage, &truth, 0);

    static const uint64_t ends[] = {1, 2047, 2048, 2049, 5000, 8999};
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        assert_int_equal(storage_journal_trim(storage, ends[i]), STATUS_OK);
        storage_rollback(storage);
        check_begins(storage, &truth, i == 0 ? 0 : ends[i - 1]);
        assert_int_equal(storage_journal_trim(storage, ends[i]), STATUS_OK);
        commit(storage);
        check_places(storage, &truth);
        check_begins(storage, &truth, ends[i]);
        storage_close(storage);
        storage = open_with(place.directory, 0);
        check_places(storage, &truth);
        check_begins(storage, &truth, ends[i]);
    }
    put_many(storage, &truth, 2);
    put(storage, 0);
    storage_rollback(storage);
    check_places(storage, &truth);

    assert_int_equal(storage_clear(storage), STATUS_OK);
    commit(storage);
    check_begins(storage, &truth, UINT64_MAX);
    truth.rows[1][truth.next[1]++] = put(storage, 1);
    commit(storage);
    storage_close(storage);
    storage = open_with(place.directory, PARTITIONS);
    check_places(storage, &truth);
    assert_int_equal(storage_partition(storage, 1).begin + 1, storage_partition(storage, 1).next);
    storage_close(storage);
    place_remove(&place);
}

static void a_time_finds_the_row_before_it(void **state)
{
    (void)state;
    struct storage *storage = open_with(NULL, 0);
    assert_int_equal(storage_partitions(storage), 4);
    uint64_t before = 9;
    assert_int_equal(storage_journal_before(storage, INT64_MAX, &before), STATUS_OK);
    assert_int_equal(before, 0);
    for (int i = 0; i < 100; i++) {
        put(storage, 0);
    }
    assert_int_equal(storage_journal_trim(storage, 30), STATUS_OK);
    static const struct {
        int64_t offset_us; /* from START_US */
        uint64_t before;
    } times[] = {
        {INT64_C(0), 30},
        {INT64_C(31) * CLOCK_SECOND, 30},
        {INT64_C(31) * CLOCK_SECOND + 1, 31},
        {INT64_C(77) * CLOCK_SECOND, 76},
        {INT64_C(77) * CLOCK_SECOND + 1, 77},
        {INT64_C(100) * CLOCK_SECOND, 99},
        {INT64_C(100) * CLOCK_SECOND + 1, 100},
        {INT64_C(5000) * CLOCK_SECOND, 100},
    };
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        const int64_t at_us = START_US * CLOCK_SECOND + times[i].offset_us;
        assert_int_equal(storage_journal_before(storage, at_us, &before), STATUS_OK);
        assert_int_equal(before, times[i].before);
    }
    storage_close(storage);
}

static void data_keeps_its_number_of_partitions(void **state)
{
    (void)state;
    struct place place = place_make();
    storage_close(open_with(place.directory, 32));
    storage_close(open_with(place.directory, 32));
    struct storage_config config = {.directory = place.directory, .partitions = 31};
    struct storage *storage = NULL;
    struct problem problem = {0};
    assert_int_equal(storage_open(&config, &storage, &problem), STATUS_INVALID);
    assert_null(storage);
    assert_non_null(strstr(problem.text, "32 partitions"));
    storage = open_with(place.directory, 0);
    assert_int_equal(storage_partitions(storage), 32);
    storage_close(storage);
    place_remove(&place);
}

static void rows_from_before_there_were_partitions_are_no_events(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_with(place.directory, 2);
    for (int i = 0; i < 5000; i++) {
        put(storage, 1);
    }
    commit(storage);
    storage_close(storage);
    place_run_sql(&place, "journal.db",
                  "DROP TABLE mark; DROP TABLE events; ALTER TABLE journal DROP COLUMN partition;"
                  "PRAGMA user_version = 1");
    storage = open_with(place.directory, 2);
    assert_int_equal(storage_journal_last(storage), 5000);
    assert_int_equal(storage_partition(storage, 1).next, 0);
    put(storage, 1);
    commit(storage);
    struct storage_place at = {0};
    assert_int_equal(storage_events_find(storage, 1, 0, &at), STATUS_OK);
    const struct heard heard = hear_all(storage, 1, &at, 10000);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.sequence, 5001);
    storage_close(storage);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_have_no_gaps_whatever_lies_between),
        cmocka_unit_test(an_event_that_is_refused_comes_again),
        cmocka_unit_test(positions_survive_restart_trim_rollback_and_clear),
        cmocka_unit_test(a_time_finds_the_row_before_it),
        cmocka_unit_test(data_keeps_its_number_of_partitions),
        cmocka_unit_test(rows_from_before_there_were_partitions_are_no_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
