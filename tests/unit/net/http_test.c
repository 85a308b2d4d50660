/* SPDX-License-Identifier: MIT */
#include "net/http.h"

#include "http_rig.h"

static void get_client(struct rig *rig)
{
    for (int tls = 0; tls <= 1; tls++) {
        struct client client;
        CLIENT_CHECK(rig, client_connect(&client, rig, tls == 1));
        CLIENT_CHECK(rig, ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
        CLIENT_CHECK(rig, answered(200, "hello"));
        CLIENT_CHECK(rig, strstr(response.head, "\r\nDate: ") != NULL);
        CLIENT_CHECK(rig, strstr(response.head, "\r\nContent-Type: text/plain\r\n") != NULL);
        client_close(&client);
    }
}

static void a_get_is_answered_over_tls_and_plain(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, get_client);
    assert_int_equal(endpoint.handled, 2);
}

static const struct {
    const char *what;
    const char *request;
    unsigned status;
    const char *body;
} exchanges[] = {
    {"the raw target", "GET /echo/a%2Fb%20c?x=%24a&y=+ HTTP/1.1\r\n" HOST "\r\n", 200,
     "GET|/echo/a%2Fb%20c|x=%24a&y=+|"},
    {"an absolute target", "GET https://localhost:8443/echo?q HTTP/1.1\r\n" HOST "\r\n", 200,
     "GET|/echo|q|"},
    {"a body", "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n12345", 200,
     "PUT|/echo||12345"},
    {"an empty body", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 200,
     "POST|/echo||"},
    {"a chunked body",
     "PATCH /echo HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n"
     "0\r\n\r\n",
     200, "PATCH|/echo||abcdefg"},
    {"a method of its own", "PURGE /echo HTTP/1.1\r\n" HOST "\r\n", 200, "PURGE|/echo||"},
    {"a body with DELETE", "DELETE /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab", 200,
     "DELETE|/echo||ab"},
    {"an unknown path", "GET /no HTTP/1.1\r\n" HOST "\r\n", 404, "not found"},
    {"no content", "DELETE /nothing HTTP/1.1\r\n" HOST "\r\n", 204, ""},
    {"headers", "GET /headers HTTP/1.1\r\nHost: h\r\nX-Two-Words: a  b\r\nX-Empty:\r\n\r\n", 200,
     "no|yes|a  b|Host=h;X-Two-Words=a  b;X-Empty=;"},
    {"an answer's header with a line feed in it", "GET /bad-header HTTP/1.1\r\n" HOST "\r\n", 500,
     ""},
};

static void keep_alive_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(exchanges); i++) {
            if (!CLIENT_CHECK(rig, ask(&client, exchanges[i].request)) ||
                !answered(exchanges[i].status, exchanges[i].body)) {
                client_check(rig, false, exchanges[i].what, __LINE__);
                break;
            }
        }
    }
    client_close(&client);
}

static void one_connection_carries_every_kind_of_request(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, keep_alive_client);
    assert_int_equal(endpoint.handled, 3 * ARRAY_SIZE(exchanges));
}

static void head_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, false));
    const char request[] = "HEAD /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    CLIENT_CHECK(rig, client_send(&client, request, sizeof(request) - 1));
    CLIENT_CHECK(rig, read_head(&client));
    CLIENT_CHECK(rig, response.status == 200);
    CLIENT_CHECK(rig, strstr(response.head, "Content-Length: 5\r\n") != NULL);
    CLIENT_CHECK(rig, client_expect_end(&client));
    client_close(&client);
}

static void head_gets_the_head_and_close_closes(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, head_client);
}

static void continue_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, ask(&client, "POST /echo HTTP/1.1\r\n" HOST
                                   "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
    CLIENT_CHECK(rig, response.status == 100);
    CLIENT_CHECK(rig, ask(&client, "abc"));
    CLIENT_CHECK(rig, answered(200, "POST|/echo||abc"));
    client_close(&client);
}

static void who_waits_for_100_continue_gets_it(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, continue_client);
}

static void pipeline_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    const char requests[] = "GET /echo/1 HTTP/1.1\r\n" HOST "\r\n"
                            "GET /later HTTP/1.1\r\n" HOST "\r\n"
                            "POST /echo/2 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nxy"
                            "GET /echo/3 HTTP/1.1\r\n" HOST "\r\n";
    CLIENT_CHECK(rig, client_send(&client, requests, sizeof(requests) - 1));
    CLIENT_CHECK(rig, read_response(&client) && answered(200, "GET|/echo/1||"));
    CLIENT_CHECK(rig, read_response(&client) && answered(200, "late"));
    CLIENT_CHECK(rig, read_response(&client) && answered(200, "POST|/echo/2||xy"));
    CLIENT_CHECK(rig, read_response(&client) && answered(200, "GET|/echo/3||"));
    client_close(&client);
}

static void pipelined_requests_are_answered_in_order_around_a_late_one(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, pipeline_client);
}

static void byte_wise_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    const char request[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc";
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        CLIENT_CHECK(rig, client_send(&client, request + i, 1));
    }
    CLIENT_CHECK(rig, read_response(&client) && answered(200, "POST|/echo||abc"));
    client_close(&client);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, byte_wise_client);
}

/* ---- sizes ---- */

static char filler[BODY_MAX + 1];

static bool post(struct client *client, size_t size)
{
    char head[128];
    const int head_size = snprintf(
        head, sizeof(head), "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", size);
    memset(filler, 'x', sizeof(filler));
    return client_send(client, head, (size_t)head_size) && client_send(client, filler, size) &&
           read_response(client);
}

static void body_limit_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, post(&client, BODY_MAX));
    CLIENT_CHECK(rig, response.status == 200);
    CLIENT_CHECK(rig, response.body_size == BODY_MAX + sizeof("POST|/echo||") - 1);
    CLIENT_CHECK(rig, post(&client, BODY_MAX + 1));
    CLIENT_CHECK(rig, answered(413, "too large"));
    CLIENT_CHECK(rig, ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    CLIENT_CHECK(rig, answered(200, "hello"));
    client_close(&client);
}

static void a_body_above_the_limit_is_answered_413_and_the_connection_goes_on(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, body_limit_client);
    assert_int_equal(endpoint.too_large, 1);
}

static void chunked_limit_client(struct rig *rig)
{
    struct client client;
    const char head[] = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
    CLIENT_CHECK(rig, client_connect(&client, rig, false));
    CLIENT_CHECK(rig, client_send(&client, head, sizeof(head) - 1));
    for (size_t size = 0; size <= BODY_MAX; size += 4096) {
        CLIENT_CHECK(rig, client_send(&client, "1000\r\n", 6));
        CLIENT_CHECK(rig, client_send(&client, filler, 4096));
        CLIENT_CHECK(rig, client_send(&client, "\r\n", 2));
    }
    CLIENT_CHECK(rig, ask(&client, "0\r\n\r\n"));
    CLIENT_CHECK(rig, answered(413, "too large"));
    client_close(&client);
}

static void a_chunked_body_above_the_limit_is_answered_413(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, chunked_limit_client);
    assert_int_equal(endpoint.too_large, 1);
}

static void announced_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, ask(&client, "PATCH /echo HTTP/1.1\r\n" HOST
                                   "Expect: 100-continue\r\nContent-Length: 300000\r\n\r\n"));
    CLIENT_CHECK(rig, answered(413, "too large"));
    CLIENT_CHECK(rig, client_expect_end(&client));
    client_close(&client);

    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(
        rig, ask(&client, "PATCH /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999\r\n\r\n"));
    CLIENT_CHECK(rig, answered(413, "too large"));
    CLIENT_CHECK(rig, client_send(&client, filler, sizeof(filler))); /* nobody resets it */
    CLIENT_CHECK(rig, client_expect_end(&client));
    client_close(&client);
}

static void an_announced_excess_is_answered_before_it_is_sent(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, announced_client);
    assert_int_equal(endpoint.too_large, 2);
}

static bool ask_with_header_of(struct client *client, size_t size)
{
    const char head[] = "GET /hello HTTP/1.1\r\n" HOST "X-Long: ";
    memset(filler, 'x', sizeof(filler));
    return client_send(client, head, sizeof(head) - 1) && client_send(client, filler, size) &&
           client_send(client, "\r\n\r\n", 4) && read_response(client);
}

static void long_header_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, ask_with_header_of(&client, 30000));
    CLIENT_CHECK(rig, answered(200, "hello"));
    CLIENT_CHECK(rig, ask_with_header_of(&client, 100000));
    CLIENT_CHECK(rig, response.status == 431 || response.status == 413);
    client_close(&client);
}

static void a_long_header_passes_and_an_endless_one_is_refused(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, long_header_client);
    assert_int_equal(endpoint.handled, 1);
}

static void big_answer_client(struct rig *rig)
{
    struct client client;
    const char request[] = "GET /big HTTP/1.1\r\n" HOST "\r\n";
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, client_send(&client, request, sizeof(request) - 1));
    usleep(100000); /* a slow reader: the server must hold back */
    CLIENT_CHECK(rig, read_response(&client));
    CLIENT_CHECK(rig, response.status == 200 && response.body_size == BIG_ANSWER);
    bool right = true;
    for (size_t i = 0; i + 8 <= response.body_size; i += 8) {
        char line[16];
        snprintf(line, sizeof(line), "%07zx\n", i);
        right = right && memcmp(response.body + i, line, 8) == 0;
    }
    CLIENT_CHECK(rig, right);
    CLIENT_CHECK(rig, ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    CLIENT_CHECK(rig, answered(200, "hello"));
    client_close(&client);
}

static void a_big_answer_waits_for_a_slow_reader(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, big_answer_client);
}

static void flood_client(struct rig *rig)
{
    /* More requests than fit any buffer, while the first is not answered yet. */
    enum { COUNT = 6000 };
    const char request[] = "GET /hello HTTP/1.1\r\n" HOST
                           "X-Padding: 0123456789012345678901234567890123456789\r\n\r\n";
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, false));
    CLIENT_CHECK(rig, client_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n", 40));
    for (int i = 0; i < COUNT; i++) {
        CLIENT_CHECK(rig, client_send(&client, request, sizeof(request) - 1));
    }
    CLIENT_CHECK(rig, read_response(&client) && answered(200, "late"));
    for (int i = 0; i < COUNT && rig->wrong == NULL; i++) {
        CLIENT_CHECK(rig, read_response(&client) && answered(200, "hello"));
    }
    client_close(&client);
}

static void requests_queued_behind_a_late_answer_wait_in_the_sockets(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, flood_client);
    assert_int_equal(endpoint.handled, 6001);
}

/* ---- what is not HTTP ---- */

static const char *const malformed[] = {
    "nonsense\r\n\r\n",
    " \r\n\r\n",
    "GET /hello HTTP/9.1\r\n" HOST "\r\n",
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
};

static void malformed_client(struct rig *rig)
{
    for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
        struct client client;
        CLIENT_CHECK(rig, client_connect(&client, rig, true));
        if (!CLIENT_CHECK(rig, ask(&client, malformed[i])) || response.status < 400 ||
            response.status > 505) {
            client_check(rig, false, malformed[i], __LINE__);
        }
        CLIENT_CHECK(rig, client_expect_end(&client));
        client_close(&client);
    }
}

static void malformed_requests_are_refused_and_closed(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, malformed_client);
    assert_int_equal(endpoint.handled, 0);
}

/* None of these has an end of a line that libmicrohttpd would wait for. */
static const char *const strangers[] = {"\x10\x0c", "AMQP", "\x01", "\xff\xfe", " "};

static void stranger_client(struct rig *rig)
{
    for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
        struct client client;
        CLIENT_CHECK(rig, client_connect(&client, rig, true));
        if (!CLIENT_CHECK(rig, ask(&client, strangers[i])) || response.status != 400) {
            client_check(rig, false, strangers[i], __LINE__);
        }
        CLIENT_CHECK(rig, client_expect_end(&client));
        client_close(&client);
    }
}

static void who_speaks_something_else_is_not_left_waiting(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, stranger_client);
    assert_int_equal(endpoint.handled, 0);
}

static void plain_on_tls_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_dial(&client, rig->tls_port));
    CLIENT_CHECK(rig, ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    CLIENT_CHECK(rig, response.status == 400);
    CLIENT_CHECK(rig, strstr(response.body, "https://") != NULL);
    CLIENT_CHECK(rig, client_expect_end(&client));
    client_close(&client);
}

static void plain_http_on_the_tls_port_is_told_where_to_go(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    play(&endpoint, plain_on_tls_client);
    assert_int_equal(endpoint.handled, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_is_answered_over_tls_and_plain),
        cmocka_unit_test(one_connection_carries_every_kind_of_request),
        cmocka_unit_test(head_gets_the_head_and_close_closes),
        cmocka_unit_test(who_waits_for_100_continue_gets_it),
        cmocka_unit_test(pipelined_requests_are_answered_in_order_around_a_late_one),
        cmocka_unit_test(a_request_may_come_byte_by_byte),
        cmocka_unit_test(a_body_above_the_limit_is_answered_413_and_the_connection_goes_on),
        cmocka_unit_test(a_chunked_body_above_the_limit_is_answered_413),
        cmocka_unit_test(an_announced_excess_is_answered_before_it_is_sent),
        cmocka_unit_test(a_long_header_passes_and_an_endless_one_is_refused),
        cmocka_unit_test(a_big_answer_waits_for_a_slow_reader),
        cmocka_unit_test(requests_queued_behind_a_late_answer_wait_in_the_sockets),
        cmocka_unit_test(malformed_requests_are_refused_and_closed),
        cmocka_unit_test(who_speaks_something_else_is_not_left_waiting),
        cmocka_unit_test(plain_http_on_the_tls_port_is_told_where_to_go),
    };
    return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
