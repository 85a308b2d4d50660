/* SPDX-License-Identifier: MIT */
#include "clients/endpoint/stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "check.h"

/* A socket that listens on a free port, and where that is. */
static int listen_somewhere(struct endpoint *ret_endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_endpoint = (struct endpoint){.host = "127.0.0.1", .port = ntohs(address.sin_port)};
    return fd;
}

static struct patience for_ms(int64_t milliseconds)
{
    return (struct patience){.until_us = clock_monotonic_us() + milliseconds * 1000};
}

static struct stream *dialled(const struct endpoint *endpoint)
{
    struct stream *stream = NULL;
    struct problem problem = {.text = ""};
    const struct patience patience = for_ms(5000);
    if (stream_dial(endpoint, false, &patience, &stream, &problem) != IOTHUB_OK) {
        fail_msg("%s", problem.text);
    }
    return stream;
}

static void bytes_go_both_ways(void **state)
{
    (void)state;
    struct endpoint endpoint;
    char data[8];
    size_t size = 0;
    const int listener = listen_somewhere(&endpoint);
    struct stream *stream = dialled(&endpoint);
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
    stream_close(stream);
    assert_int_equal(close(listener), 0);
}

static void writing_to_nobody_is_an_end_and_no_signal(void **state)
{
    (void)state;
    struct endpoint endpoint;
    size_t size = 0;
    const int listener = listen_somewhere(&endpoint);
    struct stream *stream = dialled(&endpoint);
    assert_int_equal(close(accept(listener, NULL, NULL)), 0);
    enum stream_moved moved = STREAM_MOVED;
    for (int i = 0; i < 1000 && moved == STREAM_MOVED; i++) {
        moved = stream_write(stream, "x", 1, &size);
        usleep(1000);
    }
    assert_int_equal(moved, STREAM_ENDED);
    stream_close(stream);
    assert_int_equal(close(listener), 0);
}

static void waiting_has_an_end(void **state)
{
    (void)state;
    struct endpoint endpoint;
    const int listener = listen_somewhere(&endpoint);
    struct stream *stream = dialled(&endpoint);
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
    struct endpoint endpoint;
    const struct sigaction action = {.sa_handler = arrived};
    const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    const int listener = listen_somewhere(&endpoint);
    struct stream *stream = dialled(&endpoint);
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

static void assert_unreachable(const struct endpoint *endpoint, bool tls, const char *words)
{
    struct stream *stream = NULL;
    struct problem problem = {.text = ""};
    const struct patience patience = for_ms(200);
    assert_int_equal(stream_dial(endpoint, tls, &patience, &stream, &problem), IOTHUB_UNAVAILABLE);
    assert_null(stream);
    if (strstr(problem.text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", problem.text, words);
    }
}

static void what_cannot_be_reached_is_told_in_time(void **state)
{
    (void)state;
    struct endpoint endpoint;
    const int listener = listen_somewhere(&endpoint);
    assert_unreachable(&endpoint, true, "no answer in time"); /* nobody answers TLS's hello */
    assert_int_equal(close(listener), 0);
    assert_unreachable(&endpoint, false, "refused");
    const struct endpoint nowhere = {.host = "no-such-host.invalid", .port = 1};
    assert_unreachable(&nowhere, false, "cannot be found");
}

static void a_ca_file_that_is_none_stops_it(void **state)
{
    (void)state;
    struct endpoint endpoint;
    struct stream *stream = NULL;
    struct problem problem = {.text = ""};
    const int listener = listen_somewhere(&endpoint);
    const struct patience patience = for_ms(5000);
    assert_int_equal(setenv(ENDPOINT_CA_VARIABLE, "/nowhere/ca.pem", 1), 0);
    assert_int_equal(stream_dial(&endpoint, true, &patience, &stream, &problem), IOTHUB_INVALID);
    assert_non_null(strstr(problem.text, "/nowhere/ca.pem"));
    assert_int_equal(unsetenv(ENDPOINT_CA_VARIABLE), 0);
    assert_int_equal(close(listener), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(writing_to_nobody_is_an_end_and_no_signal),
        cmocka_unit_test(waiting_has_an_end),
        cmocka_unit_test(a_signal_ends_it_for_those_who_wish_so),
        cmocka_unit_test(what_cannot_be_reached_is_told_in_time),
        cmocka_unit_test(a_ca_file_that_is_none_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
