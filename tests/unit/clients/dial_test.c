/* SPDX-License-Identifier: MIT */
#include "clients/endpoint/dial_internal.h"

#include <netdb.h>
#include <poll.h>

#include "base/clock.h"
#include "check.h"
#include "listener.h"

#define IN_ALL_US (CLOCK_SECOND * 6 / 10)

/* Two addresses, as getaddrinfo() would list them. */
struct pair {
    struct sockaddr_in addresses[2];
    struct addrinfo list[2];
};

static void make_pair(struct pair *pair, struct sockaddr_in first, struct sockaddr_in second)
{
    *pair = (struct pair){.addresses = {first, second}};
    for (size_t i = 0; i < 2; i++) {
        pair->list[i] = (struct addrinfo){.ai_family = AF_INET,
                                          .ai_addr = (struct sockaddr *)&pair->addresses[i],
                                          .ai_addrlen = sizeof(pair->addresses[i]),
                                          .ai_next = i == 0 ? &pair->list[1] : NULL};
    }
}

/* Steps until it is decided. */
static enum dial_result dialled(struct dial *dial, const struct pair *pair)
{
    enum dial_result result = dial_begin(dial, pair->list, clock_monotonic_us() + IN_ALL_US);
    while (result == DIAL_WAITS) {
        struct pollfd poll_fd = {.fd = dial->fd, .events = POLLOUT};
        const int64_t left_us = dial->address_deadline_us - clock_monotonic_us();
        (void)poll(&poll_fd, 1, left_us <= 0 ? 0 : (int)(left_us / 1000 + 1));
        result = dial_step(dial);
    }
    return result;
}

static void a_silent_address_gets_its_share_of_the_time_and_no_more(void **state)
{
    (void)state;
    struct silence silence;
    struct sockaddr_in address;
    struct pair pair;
    struct dial dial;
    const int listener = listen_somewhere(1, &address);
    silence_begin(&silence);
    make_pair(&pair, silence.address, address);
    dial_init(&dial);
    const int64_t began_us = clock_monotonic_us();
    assert_int_equal(dialled(&dial, &pair), DIAL_CONNECTED);
    const int64_t took_us = clock_monotonic_us() - began_us;
    assert_true(took_us >= IN_ALL_US / 2);
    assert_true(took_us < IN_ALL_US);
    assert_int_equal(close(accept(listener, NULL, NULL)), 0);
    dial_finish(&dial);
    silence_end(&silence);
    assert_int_equal(close(listener), 0);
}

static void a_step_too_early_changes_nothing(void **state)
{
    (void)state;
    struct silence silence;
    struct pair pair;
    struct dial dial;
    silence_begin(&silence);
    make_pair(&pair, silence.address, silence.address);
    dial_init(&dial);
    const int64_t deadline_us = clock_monotonic_us() + 60 * CLOCK_SECOND;
    assert_int_equal(dial_begin(&dial, pair.list, deadline_us), DIAL_WAITS);
    const struct dial before = dial;
    assert_int_equal(dial_step(&dial), DIAL_WAITS);
    assert_int_equal(dial.fd, before.fd);
    assert_ptr_equal(dial.next, &pair.list[1]);
    assert_int_equal(dial.address_deadline_us, before.address_deadline_us);
    dial_finish(&dial);
    silence_end(&silence);
}

static void one_that_refuses_is_passed_over_at_once(void **state)
{
    (void)state;
    struct sockaddr_in address;
    struct pair pair;
    struct dial dial;
    const int listener = listen_somewhere(1, &address);
    make_pair(&pair, nobody_listens(), address);
    dial_init(&dial);
    const int64_t began_us = clock_monotonic_us();
    assert_int_equal(dialled(&dial, &pair), DIAL_CONNECTED);
    assert_true(clock_monotonic_us() - began_us < IN_ALL_US / 2);
    dial_finish(&dial);
    assert_int_equal(close(listener), 0);
}

static void the_first_failure_is_told_and_not_the_last(void **state)
{
    (void)state;
    struct silence silence;
    struct pair pair;
    struct dial dial;
    silence_begin(&silence);
    make_pair(&pair, nobody_listens(), silence.address);
    dial_init(&dial);
    const int64_t began_us = clock_monotonic_us();
    assert_int_equal(dialled(&dial, &pair), DIAL_FAILED);
    assert_true(clock_monotonic_us() - began_us >= IN_ALL_US); /* all that was left was its share */
    assert_string_equal(dial_why(&dial), "Connection refused");
    make_pair(&pair, silence.address, nobody_listens());
    assert_int_equal(dialled(&dial, &pair), DIAL_FAILED);
    assert_string_equal(dial_why(&dial), "no answer in time");
    dial_finish(&dial);
    silence_end(&silence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_address_gets_its_share_of_the_time_and_no_more),
        cmocka_unit_test(a_step_too_early_changes_nothing),
        cmocka_unit_test(one_that_refuses_is_passed_over_at_once),
        cmocka_unit_test(the_first_failure_is_told_and_not_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
