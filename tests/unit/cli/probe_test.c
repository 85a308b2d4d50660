/* SPDX-License-Identifier: MIT */
#include "clients/cli/probe.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "clients/cli/names.h"
#include "clients/cli/port_holder.h"
#include "clients/cli/subprocess.h"

/* A listener on loopback whom nobody serves. */
static int listen_somewhere(uint16_t *ret_port)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void a_listener_is_known_by_its_process(void **state)
{
    (void)state;
    uint16_t port = 0;
    const int fd = listen_somewhere(&port);
    struct port_holder holder = port_holder_find(port);
    assert_true(holder.listening);
    assert_int_equal(holder.pid, getpid());
    assert_non_null(strstr(holder.command, "unit_cli_probe"));
    close(fd);
    holder = port_holder_find(port);
    assert_false(holder.listening);
    assert_int_equal(holder.pid, 0);
}

static void a_port_is_open_closed_or_silent(void **state)
{
    (void)state;
    uint16_t port = 0;
    const int fd = listen_somewhere(&port);
    CLEANUP(probe_finish) struct probe silent;
    probe_init(&silent, 50);
    assert_int_equal(probe_connect(&silent, "127.0.0.1", port), PROBE_OK);
    assert_int_equal(probe_tls(&silent, "localhost", NULL), PROBE_SILENT);

    CLEANUP(probe_finish) struct probe mute;
    CLEANUP(buf_finish) struct buf answer = BUF_INIT(64);
    probe_init(&mute, 50);
    assert_int_equal(probe_connect(&mute, "127.0.0.1", port), PROBE_OK);
    assert_int_equal(probe_ask(&mute, STR("GET / HTTP/1.1\r\n\r\n"), &answer), PROBE_SILENT);
    close(fd);

    CLEANUP(probe_finish) struct probe refused;
    probe_init(&refused, 50);
    assert_int_equal(probe_connect(&refused, "127.0.0.1", port), PROBE_REFUSED);
    assert_int_not_equal(refused.why_not.text[0], '\0');

    CLEANUP(probe_finish) struct probe nowhere;
    probe_init(&nowhere, 50);
    assert_int_equal(probe_connect(&nowhere, "localhost", port), PROBE_UNREACHABLE);
}

/* ---- names ---- */

static void names_resolve_or_tell_why_not(void **state)
{
    (void)state;
    struct names_answer answer = names_resolve("127.0.0.1", 1000);
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.addresses[0], "127.0.0.1");
    assert_true(names_all_loopback(&answer));
    answer = names_resolve("192.0.2.7", 1000);
    assert_int_equal(answer.count, 1);
    assert_false(names_all_loopback(&answer));
    answer = names_resolve("no such name!", 1000);
    assert_int_equal(answer.count, 0);
    assert_int_not_equal(answer.why_not.text[0], '\0');
    assert_false(names_all_loopback(&answer));
}

static void loopback_is_a_whole_net(void **state)
{
    (void)state;
    assert_true(names_is_loopback("127.0.0.1"));
    assert_true(names_is_loopback("127.255.0.9"));
    assert_true(names_is_loopback("::1"));
    assert_false(names_is_loopback("128.0.0.1"));
    assert_false(names_is_loopback("::2"));
    assert_false(names_is_loopback("localhost"));
}

/* ---- other programs ---- */

static void programs_are_heard_and_ended(void **state)
{
    (void)state;
    static const struct {
        const char *argv[4];
        enum subprocess_result result;
        int exit_code;
        const char *output;
    } cases[] = {
        {{"sh", "-c", "echo out; echo err >&2; exit 3", NULL}, SUBPROCESS_DONE, 3, "out\nerr\n"},
        {{"sh", "-c", "cat", NULL}, SUBPROCESS_DONE, 0, ""},
        {{"no-such-program-here", NULL, NULL, NULL}, SUBPROCESS_MISSING, -1, ""},
        {{"sh", "-c", "kill -9 $$", NULL}, SUBPROCESS_FAILED, -1, ""},
        {{"sleep", "60", NULL, NULL}, SUBPROCESS_SLOW, -1, ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_finish) struct buf output = BUF_INIT(4096);
        int exit_code = -1;
        const int64_t wait_ms = cases[i].result == SUBPROCESS_SLOW ? 50 : 20000;
        assert_int_equal(subprocess_run(cases[i].argv, wait_ms, &output, &exit_code),
                         cases[i].result);
        assert_int_equal(exit_code, cases[i].exit_code);
        assert_str_equal(buf_str(&output), cases[i].output);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_is_known_by_its_process),
        cmocka_unit_test(a_port_is_open_closed_or_silent),
        cmocka_unit_test(names_resolve_or_tell_why_not),
        cmocka_unit_test(loopback_is_a_whole_net),
        cmocka_unit_test(programs_are_heard_and_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
