/* SPDX-License-Identifier: MIT */
#include "base/timers.h"

#include "check.h"

/* A timer that notes its firing in a log shared by all, then does what the test asks for. */
struct probe {
    struct timer timer;
    struct timers *timers;
    struct fired *fired;
    int number;
    struct timer *to_stop;
    struct timer *to_start; /* at start_at_us, as often as starts_left says */
    int64_t start_at_us;
    int starts_left;
    struct probe *to_free;
};

struct fired {
    int numbers[2000];
    size_t count;
};

static void fire_probe(void *ctx)
{
    struct probe *probe = ctx;
    assert_false(timer_running(&probe->timer)); /* it may start itself */
    assert_true(probe->fired->count < ARRAY_SIZE(probe->fired->numbers));
    probe->fired->numbers[probe->fired->count++] = probe->number;
    if (probe->to_stop != NULL) {
        timers_stop(probe->timers, probe->to_stop);
    }
    if (probe->to_start != NULL && probe->starts_left-- > 0) {
        assert_int_equal(timers_start(probe->timers, probe->to_start, probe->start_at_us),
                         STATUS_OK);
    }
    if (probe->to_free != NULL) {
        struct probe *gone = probe->to_free; /* perhaps this very one */
        timers_stop(probe->timers, &gone->timer);
        mem_free(gone);
    }
}

static struct probe probe_of(struct timers *timers, struct fired *fired, int number)
{
    return (struct probe){
        .timer = {.fire = fire_probe}, .timers = timers, .fired = fired, .number = number};
}

static void start(struct probe *probe, int64_t due_us)
{
    probe->timer.ctx = probe;
    assert_int_equal(timers_start(probe->timers, &probe->timer, due_us), STATUS_OK);
}

static void check_fired(const struct fired *fired, const int *expected, size_t count)
{
    assert_int_equal(fired->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(fired->numbers[i], expected[i]);
    }
}

#define CHECK_FIRED(fired, ...)                                                                    \
    check_fired((fired), (const int[]){__VA_ARGS__}, ARRAY_SIZE(((const int[]){__VA_ARGS__})))

static void a_timer_fires_when_due_and_not_before(void **state)
{
    (void)state;
    CLEANUP(timers_finish) struct timers timers;
    timers_init(&timers);
    assert_true(timers_next_us(&timers) == INT64_MAX);
    timers_fire(&timers, INT64_MAX); /* nothing there */

    struct fired fired = {0};
    struct probe probe = probe_of(&timers, &fired, 1);
    assert_false(timer_running(&probe.timer));
    start(&probe, 100);
    assert_true(timer_running(&probe.timer));
    assert_int_equal(timers_next_us(&timers), 100);
    timers_fire(&timers, 99);
    assert_int_equal(fired.count, 0);
    timers_fire(&timers, 100);
    assert_int_equal(fired.count, 1);
    assert_false(timer_running(&probe.timer));
    timers_fire(&timers, 1000);
    assert_int_equal(fired.count, 1);
}

static void the_earliest_fires_first_and_equals_in_order_of_starting(void **state)
{
    (void)state;
    CLEANUP(timers_finish) struct timers timers;
    timers_init(&timers);
    struct fired fired = {0};
    static const int64_t due[] = {30, 10, 20, 10, 30, 10, -5};
    struct probe probes[ARRAY_SIZE(due)];
    for (size_t i = 0; i < ARRAY_SIZE(due); i++) {
        probes[i] = probe_of(&timers, &fired, (int)i);
        start(&probes[i], due[i]);
    }
    timers_fire(&timers, 29);
    CHECK_FIRED(&fired, 6, 1, 3, 5, 2);
    assert_int_equal(timers_next_us(&timers), 30);
    timers_fire(&timers, 30);
    CHECK_FIRED(&fired, 6, 1, 3, 5, 2, 0, 4);
}

static void a_restart_moves_it_behind_its_equals(void **state)
{
    (void)state;
    CLEANUP(timers_finish) struct timers timers;
    timers_init(&timers);
    struct fired fired = {0};
    struct probe probes[3];
    for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
        probes[i] = probe_of(&timers, &fired, (int)i);
        start(&probes[i], 10);
    }
    start(&probes[0], 10); /* again, at the same time */
    start(&probes[2], 5);  /* earlier */
    assert_int_equal(timers.size, 3);
    timers_fire(&timers, 10);
    CHECK_FIRED(&fired, 2, 1, 0);
}

static void a_stopped_timer_does_not_fire(void **state)
{
    (void)state;
    CLEANUP(timers_finish) struct timers timers;
    timers_init(&timers);
    struct fired fired = {0};
    struct probe probes[3];
    for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
        probes[i] = probe_of(&timers, &fired, (int)i);
        start(&probes[i], (int64_t)i);
    }
    timers_stop(&timers, &probes[1].timer);
    timers_stop(&timers, &probes[1].timer);
    assert_false(timer_running(&probes[1].timer));
    timers_stop(&timers, &probes[2].timer); /* the last of the heap */
    timers_fire(&timers, 10);
    CHECK_FIRED(&fired, 0);
}

static void a_callback_may_stop_another_that_is_due(void **state)
{
    (void)state;
    CLEANUP(timers_finish) struct timers timers;
    timers_init(&timers);
    struct fired fired = {0};
    struct probe first = probe_of(&timers, &fired, 1);
    struct probe second = probe_of(&timers, &fired, 2);
    struct probe third = probe_of(&timers, &fired, 3);
    first.to_stop = &second.timer;
    third.to_stop = &third.timer; /* not running any more: harmless */
    start(&first, 1);
    start(&second, 1);
    start(&third, 1);
    timers_fire(&timers, 1);
    CHECK_FIRED(&fired, 1, 3);
}

static void a_callback_may_start_what_is_due_at_once(void **state)
{
    (void)state;
    CLEANUP(timers_finish) struct timers timers;
    timers_init(&timers);
    struct fired fired = {0};
    struct probe starter = probe_of(&timers, &fired, 1);
    struct probe other = probe_of(&timers, &fired, 2);
    struct probe started = probe_of(&timers, &fired, 3);
    started.timer.ctx = &started;
    starter.to_start = &started.timer;
    starter.starts_left = 1;
    starter.start_at_us = 10;
    start(&starter, 10);
    start(&other, 10);
    timers_fire(&timers, 10);
    CHECK_FIRED(&fired, 1, 2, 3); /* started last, fired last */
}

static void a_timer_may_restart_itself(void **state)
{
    (void)state;
    CLEANUP(timers_finish) struct timers timers;
    timers_init(&timers);
    struct fired fired = {0};
    struct probe again = probe_of(&timers, &fired, 1);
    again.to_start = &again.timer;
    again.starts_left = 2;
    again.start_at_us = 20;
    start(&again, 10);
    timers_fire(&timers, 19);
    CHECK_FIRED(&fired, 1);
    assert_true(timer_running(&again.timer));
    timers_fire(&timers, 20); /* its second restart is due already */
    CHECK_FIRED(&fired, 1, 1, 1);
    assert_false(timer_running(&again.timer));
}

static void a_callback_may_free_its_own_timer_or_another(void **state)
{
    (void)state;
    CLEANUP(timers_finish) struct timers timers;
    timers_init(&timers);
    struct fired fired = {0};
    struct probe *own = mem_alloc(sizeof(*own));
    struct probe *victim = mem_alloc(sizeof(*victim));
    assert_non_null(own);
    assert_non_null(victim);
    struct probe killer = probe_of(&timers, &fired, 3);
    *own = probe_of(&timers, &fired, 1);
    *victim = probe_of(&timers, &fired, 2);
    own->to_free = own;
    killer.to_free = victim;
    start(own, 1);
    start(&killer, 1);
    start(victim, 1);
    timers_fire(&timers, 1);
    CHECK_FIRED(&fired, 1, 3);
    assert_true(timers_next_us(&timers) == INT64_MAX);
}

static void finishing_forgets_all_and_fires_none(void **state)
{
    (void)state;
    struct timers timers;
    timers_init(&timers);
    struct fired fired = {0};
    struct probe probe = probe_of(&timers, &fired, 1);
    start(&probe, 1);
    timers_finish(&timers);
    assert_false(timer_running(&probe.timer));
    assert_int_equal(fired.count, 0);
    start(&probe, 1); /* usable again */
    timers_finish(&timers);
    timers_finish(&timers);
    timers_finish(NULL);
}

static uint64_t next_number(uint64_t *number)
{
    *number = *number * 6364136223846793005U + 1442695040888963407U;
    return *number >> 33;
}

enum { MANY = 200 };

/* The one that a plain search finds next, or NULL when none is due. */
static struct probe *naive_next(struct probe *probes, int64_t now_us)
{
    struct probe *best = NULL;
    for (size_t i = 0; i < MANY; i++) {
        const struct timer *timer = &probes[i].timer;
        if (!timer_running(timer) || timer->due_us > now_us) {
            continue;
        }
        if (best == NULL || timer->due_us < best->timer.due_us ||
            (timer->due_us == best->timer.due_us && timer->order < best->timer.order)) {
            best = &probes[i];
        }
    }
    return best;
}

static void it_agrees_with_a_naive_search(void **state)
{
    (void)state;
    static struct probe probes[MANY];
    CLEANUP(timers_finish) struct timers timers;
    timers_init(&timers);
    struct fired fired = {0};
    for (size_t i = 0; i < MANY; i++) {
        probes[i] = probe_of(&timers, &fired, (int)i);
    }
    uint64_t number = 7;
    int64_t now_us = 0;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 50; i++) {
            struct probe *probe = &probes[next_number(&number) % MANY];
            if (next_number(&number) % 3 == 0) {
                timers_stop(&timers, &probe->timer);
            } else {
                start(probe, now_us + (int64_t)(next_number(&number) % 40));
            }
        }
        now_us += 5;
        while (timers_next_us(&timers) <= now_us) {
            const struct probe *expected = naive_next(probes, now_us);
            assert_non_null(expected);
            assert_int_equal(timers_next_us(&timers), expected->timer.due_us);
            fired.count = 0;
            timers_fire(&timers, timers_next_us(&timers));
            assert_int_equal(fired.numbers[0], expected->number);
        }
        assert_null(naive_next(probes, now_us));
    }
}

static void start_whatever_fails(void *ctx)
{
    struct fired *fired = ctx;
    static struct probe probes[40];
    CLEANUP(timers_finish) struct timers timers;
    timers_init(&timers);
    size_t running = 0;
    for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
        probes[i] = probe_of(&timers, fired, (int)i);
        probes[i].timer.ctx = &probes[i];
        const enum status status = timers_start(&timers, &probes[i].timer, (int64_t)i);
        assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
        assert_int_equal(timer_running(&probes[i].timer), status == STATUS_OK);
        running += status == STATUS_OK;
    }
    fired->count = 0;
    timers_fire(&timers, INT64_MAX);
    assert_int_equal(fired->count, running);
}

static void a_refused_allocation_leaves_the_others_running(void **state)
{
    (void)state;
    struct fired fired = {0};
    check_under_failing_allocations(start_whatever_fails, &fired);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_fires_when_due_and_not_before),
        cmocka_unit_test(the_earliest_fires_first_and_equals_in_order_of_starting),
        cmocka_unit_test(a_restart_moves_it_behind_its_equals),
        cmocka_unit_test(a_stopped_timer_does_not_fire),
        cmocka_unit_test(a_callback_may_stop_another_that_is_due),
        cmocka_unit_test(a_callback_may_start_what_is_due_at_once),
        cmocka_unit_test(a_timer_may_restart_itself),
        cmocka_unit_test(a_callback_may_free_its_own_timer_or_another),
        cmocka_unit_test(finishing_forgets_all_and_fires_none),
        cmocka_unit_test(it_agrees_with_a_naive_search),
        cmocka_unit_test(a_refused_allocation_leaves_the_others_running),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
