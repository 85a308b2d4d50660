/* SPDX-License-Identifier: MIT */
#include "clients/endpoint/stream.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include "base/clock.h"
#include "check.h"
#include "listener.h"

/* A socket that listens on a free port, and how to get there. */
static int listen_plainly(struct stream_target *ret_target)
{
    struct sockaddr_in address;
    const int fd = listen_somewhere(4, &address);
    *ret_target = (struct stream_target){
        .endpoint = {.host = "127.0.0.1", .port = ntohs(address.sin_port)}, .protocol = "MQTT"};
    return fd;
}

static struct patience for_ms(int64_t milliseconds)
{
    return (struct patience){.until_us = clock_monotonic_us() + milliseconds * 1000};
}

static struct stream *dialled(const struct stream_target *target)
{
    struct stream *stream = NULL;
    struct problem problem = {.text = ""};
    const struct patience patience = for_ms(5000);
    if (stream_dial(target, &patience, &stream, &problem) != IOTHUB_OK) {
        fail_msg("%s", problem.text);
    }
    return stream;
}

static void bytes_go_both_ways(void **state)
{
    (void)state;
    struct stream_target target;
    char data[8];
    size_t size = 0;
    const int listener = listen_plainly(&target);
    struct stream *stream = dialled(&target);
    const int other = accept(listener, NULL, NULL);
    assert_int_equal(stream_read(stream, data, sizeof(data), &size), STREAM_WAITS);
    assert_int_equal(stream_write(stream, "hello", 5, &size), STREAM_MOVED);
    assert_int_equal(size, 5);
    assert_int_equal(read(other, data, sizeof(data)), 5);
    assert_int_equal(write(other, "you", 3), 3);
    const struct patience patience = for_ms(5000);
    assert_int_equal(stream_wait(stream, false, &patience), STREAM_READY);
    assert_int_equal(stream_read(stream, data, sizeof(data), &size), STREAM_MOVED);
    assert_int_equal(size, 3);
    assert_int_equal(close(other), 0);
    assert_int_equal(stream_wait(stream, false, &patience), STREAM_READY);
    assert_int_equal(stream_read(stream, data, sizeof(data), &size), STREAM_ENDED);
    assert_string_equal(stream_why(stream), "the other side closed it");
    assert_true(stream_was_closed(stream));
    stream_close(stream);
    assert_int_equal(close(listener), 0);
}

static void writing_to_nobody_is_an_end_and_no_signal(void **state)
{
    (void)state;
    struct stream_target target;
    size_t size = 0;
    const int listener = listen_plainly(&target);
    struct stream *stream = dialled(&target);
    assert_int_equal(close(accept(listener, NULL, NULL)), 0);
    enum stream_moved moved = STREAM_MOVED;
    for (int i = 0; i < 1000 && moved == STREAM_MOVED; i++) {
        moved = stream_write(stream, "x", 1, &size);
        usleep(1000);
    }
    assert_int_equal(moved, STREAM_ENDED);
    assert_false(stream_was_closed(stream)); /* nobody read that it was */
    stream_close(stream);
    assert_int_equal(close(listener), 0);
}

static void waiting_has_an_end(void **state)
{
    (void)state;
    struct stream_target target;
    const int listener = listen_plainly(&target);
    struct stream *stream = dialled(&target);
    const int64_t begin_us = clock_monotonic_us();
    const struct patience patience = for_ms(30);
    assert_int_equal(stream_wait(stream, false, &patience), STREAM_TIMED_OUT);
    assert_true(clock_monotonic_us() - begin_us >= 30000);
    assert_int_equal(stream_wait(stream, true, &patience), STREAM_READY);
    stream_close(stream);
    assert_int_equal(close(listener), 0);
}

static void arrived(int signal_number)
{
    (void)signal_number;
}

static void a_signal_ends_it_for_those_who_wish_so(void **state)
{
    (void)state;
    struct stream_target target;
    const struct sigaction action = {.sa_handler = arrived};
    const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    const int listener = listen_plainly(&target);
    struct stream *stream = dialled(&target);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    struct patience patience = for_ms(5000);
    patience.ends_with_signal = true;
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_int_equal(stream_wait(stream, false, &patience), STREAM_INTERRUPTED);
    patience = for_ms(100);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_int_equal(stream_wait(stream, false, &patience), STREAM_TIMED_OUT);
    stream_close(stream);
    assert_int_equal(close(listener), 0);
}

static void it_opens_step_by_step(void **state)
{
    (void)state;
    struct stream_target target;
    struct stream *stream = NULL;
    struct problem problem = {.text = ""};
    const int listener = listen_plainly(&target);
    const int64_t deadline_us = clock_monotonic_us() + 5 * CLOCK_SECOND;
    assert_int_equal(stream_open(&target, deadline_us, &stream, &problem), IOTHUB_OK);
    while (stream_state(stream) != STREAM_OPEN) {
        struct pollfd poll_fd = {.fd = stream_fd(stream), .events = stream_events(stream)};
        assert_int_equal(stream_state(stream), STREAM_DIALLING);
        assert_int_equal(stream_due_us(stream), deadline_us); /* of the only address */
        assert_int_equal(poll(&poll_fd, 1, 5000), 1);
        assert_int_equal(stream_step(stream, &problem), IOTHUB_OK);
    }
    assert_int_equal(stream_events(stream), 0);
    assert_false(stream_has_pending(stream));
    assert_int_equal(close(accept(listener, NULL, NULL)), 0);
    stream_close(stream);
    assert_int_equal(close(listener), 0);
}

static void assert_unreachable(const struct stream_target *target, const char *words)
{
    struct stream *stream = NULL;
    struct problem problem = {.text = ""};
    const struct patience patience = for_ms(200);
    assert_int_equal(stream_dial(target, &patience, &stream, &problem), IOTHUB_UNAVAILABLE);
    assert_null(stream);
    if (strstr(problem.text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", problem.text, words);
    }
}

static void what_cannot_be_reached_is_told_in_time(void **state)
{
    (void)state;
    struct silence silence;
    struct stream_target target;
    const int listener = listen_plainly(&target);
    target.tls = true;
    assert_unreachable(&target, "no answer in time"); /* nobody answers TLS's hello */
    target.tls = false;
    assert_int_equal(close(listener), 0);
    assert_unreachable(&target, "refused");
    silence_begin(&silence);
    target.endpoint.port = ntohs(silence.address.sin_port);
    assert_unreachable(&target, "no answer in time");
    silence_end(&silence);
    const struct stream_target nowhere = {.endpoint = {.host = "no-such-host.invalid", .port = 1}};
    assert_unreachable(&nowhere, "cannot be found");
}

static void a_ca_file_that_is_none_stops_it(void **state)
{
    (void)state;
    struct stream_target target;
    struct stream *stream = NULL;
    struct problem problem = {.text = ""};
    const int listener = listen_plainly(&target);
    const struct patience patience = for_ms(5000);
    target.tls = true;
    assert_int_equal(setenv(ENDPOINT_CA_VARIABLE, "/nowhere/ca.pem", 1), 0);
    assert_int_equal(stream_dial(&target, &patience, &stream, &problem), IOTHUB_INVALID);
    assert_non_null(strstr(problem.text, "/nowhere/ca.pem"));
    assert_int_equal(unsetenv(ENDPOINT_CA_VARIABLE), 0);
    assert_int_equal(close(listener), 0);
}

static void dial_and_close(void *ctx)
{
    struct stream *stream = NULL;
    const struct patience patience = for_ms(5000);
    const enum iothub_result result = stream_dial(ctx, &patience, &stream, NULL);
    assert_true(result == IOTHUB_OK || result == IOTHUB_NO_MEMORY);
    stream_close(stream);
}

static void it_survives_every_refused_allocation(void **state)
{
    (void)state;
    struct stream_target target;
    const int listener = listen_plainly(&target);
    check_under_failing_allocations(dial_and_close, &target);
    assert_int_equal(close(listener), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(writing_to_nobody_is_an_end_and_no_signal),
        cmocka_unit_test(waiting_has_an_end),
        cmocka_unit_test(a_signal_ends_it_for_those_who_wish_so),
        cmocka_unit_test(it_opens_step_by_step),
        cmocka_unit_test(what_cannot_be_reached_is_told_in_time),
        cmocka_unit_test(a_ca_file_that_is_none_stops_it),
        cmocka_unit_test(it_survives_every_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
