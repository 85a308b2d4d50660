/* SPDX-License-Identifier: MIT */
/* Answers that come later, and clients that leave. */
#include "net/http.h"

#include "http_rig.h"

static void later_client(struct rig *rig)
{
    struct client client;
    struct client other;
    const char request[] = "GET /later HTTP/1.1\r\n" HOST "\r\n";
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, client_send(&client, request, sizeof(request) - 1));
    CLIENT_CHECK(rig, client_connect(&other, rig, true));
    CLIENT_CHECK(rig, ask(&other, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    CLIENT_CHECK(rig, answered(200, "hello"));
    CLIENT_CHECK(rig, read_response(&client) && answered(200, "late"));
    CLIENT_CHECK(rig, ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    CLIENT_CHECK(rig, answered(200, "hello"));
    client_close(&client);
    client_close(&other);
}

static void a_late_answer_arrives_and_nobody_waits_for_it(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, later_client);
    assert_int_equal(endpoint.gone, 0);
}

static void leaving_client(struct rig *rig)
{
    static const char *const requests[] = {"GET /gone HTTP/1.1\r\n" HOST "\r\n",
                                           "GET /kept HTTP/1.1\r\n" HOST "\r\n"};
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        struct client client;
        CLIENT_CHECK(rig, client_connect(&client, rig, true));
        CLIENT_CHECK(rig, client_send(&client, requests[i], strlen(requests[i])));
        usleep(50000);
        client_close(&client);
    }
    usleep(200000); /* /kept is answered to nobody */
}

static void who_leaves_before_the_answer_is_noticed(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, leaving_client);
    assert_int_equal(endpoint.handled, 2);
    assert_int_equal(endpoint.gone, 1);
    assert_null(endpoint.kept);
}

static void unfinished_client(struct rig *rig)
{
    static const char *const starts[] = {"GET /he", "GET /hello HTTP/1.1\r\nHo",
                                         "POST /echo HTTP/1.1\r\n" HOST
                                         "Content-Length: 10\r\n\r\nabc"};
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        struct client client;
        CLIENT_CHECK(rig, client_connect(&client, rig, i % 2 == 0));
        CLIENT_CHECK(rig, client_send(&client, starts[i], strlen(starts[i])));
        client_close(&client);
    }
    usleep(50000);
}

static void who_leaves_in_the_middle_of_a_request_leaves_nothing_behind(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, unfinished_client);
    assert_int_equal(endpoint.handled, 0);
}

static void stopping_client(struct rig *rig)
{
    struct client client;
    const char request[] = "GET /gone HTTP/1.1\r\n" HOST "\r\n";
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, client_send(&client, request, sizeof(request) - 1));
    usleep(50000);
    kill(getpid(), SIGTERM);
    CLIENT_CHECK(rig, client_expect_end(&client));
    client_close(&client);
}

static void stopping_tells_those_who_wait_for_an_answer(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, stopping_client);
    assert_int_equal(endpoint.gone, 1);
}

static void half_closed_client(struct rig *rig)
{
    struct client client;
    const char request[] = "GET /hello HTTP/1.1\r\n" HOST "\r\n";
    CLIENT_CHECK(rig, client_connect(&client, rig, false));
    CLIENT_CHECK(rig, client_send(&client, request, sizeof(request) - 1));
    shutdown(client.fd, SHUT_WR);
    CLIENT_CHECK(rig, read_response(&client) && answered(200, "hello"));
    CLIENT_CHECK(rig, client_expect_end(&client));
    client_close(&client);
}

static void who_closes_his_half_still_gets_the_answer(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, half_closed_client);
}

static void uncommitted_client(struct rig *rig)
{
    struct client client;
    struct client other;
    const char request[] = "GET /uncommitted HTTP/1.1\r\n" HOST "\r\n";
    char byte;
    CLIENT_CHECK(rig, client_connect(&other, rig, true));
    CLIENT_CHECK(rig, ask(&other, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, client_send(&client, request, sizeof(request) - 1));
    CLIENT_CHECK(rig, client_receive(&client, &byte, 1) <= 0);
    client_close(&client);
    CLIENT_CHECK(rig, ask(&other, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    CLIENT_CHECK(rig, answered(200, "hello"));
    client_close(&other);
}

static void an_answer_whose_commit_failed_is_never_sent(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, uncommitted_client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_answer_arrives_and_nobody_waits_for_it),
        cmocka_unit_test(who_leaves_before_the_answer_is_noticed),
        cmocka_unit_test(who_leaves_in_the_middle_of_a_request_leaves_nothing_behind),
        cmocka_unit_test(stopping_tells_those_who_wait_for_an_answer),
        cmocka_unit_test(who_closes_his_half_still_gets_the_answer),
        cmocka_unit_test(an_answer_whose_commit_failed_is_never_sent),
    };
    return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
