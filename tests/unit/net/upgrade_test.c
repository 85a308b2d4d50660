/* SPDX-License-Identifier: MIT */
#include "net/upgrade_internal.h"

#include "check.h"

#include "base/buf.h"
#include "net/limits.h"

static const struct net_protocol nothing = {.name = "nothing"};
static const struct http_websocket table[] = {
    {.sub_protocol = "mqtt", .protocol = &nothing},
    {.sub_protocol = "AMQPWSB10", .at_root = true, .protocol = &nothing},
};

#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define MQTT    "Sec-WebSocket-Protocol: mqtt\r\n"
#define AMQP    "Sec-WebSocket-Protocol: AMQPWSB10\r\n"
#define REST    UPGRADE VERSION KEY
#define PATH    "GET /$iothub/websocket HTTP/1.1\r\n"

static const struct {
    const char *what;
    const char *request;
    size_t entry; /* of the table */
    const char *sub_protocol;
} accepted[] = {
    {"Python's", PATH REST MQTT "\r\n", 0, "mqtt"},
    {"the C SDK's, in capitals", PATH REST "Sec-WebSocket-Protocol: MQTT\r\n\r\n", 0, "MQTT"},
    {"an encoded path", "GET /%24iothub/websocket HTTP/1.1\r\n" REST MQTT "\r\n", 0, "mqtt"},
    {"Java's, with a query",
     "GET /$iothub/websocket?iothub-no-client-cert=true HTTP/1.1\r\n" REST MQTT "\r\n", 0, "mqtt"},
    {"Node's, with a port in its path",
     "GET /:8443/$iothub/websocket HTTP/1.1\r\n" REST MQTT "\r\n", 0, "mqtt"},
    {"an absolute target",
     "GET https://localhost:8443/$iothub/websocket HTTP/1.1\r\n" REST MQTT "\r\n", 0, "mqtt"},
    {"capitals in the path", "GET /$IotHub/WebSocket HTTP/1.1\r\n" REST MQTT "\r\n", 0, "mqtt"},
    {"case 82: AMQP", PATH REST AMQP "\r\n", 1, "AMQPWSB10"},
    {"AMQP in small letters", PATH REST "Sec-WebSocket-Protocol: amqpwsb10\r\n\r\n", 1,
     "amqpwsb10"},
    {"Python's service SDK, with a slash",
     "GET /$servicebus/websocket/ HTTP/1.1\r\n" REST AMQP "\r\n", 1, "AMQPWSB10"},
    {"AMQP at the root", "GET / HTTP/1.1\r\n" REST AMQP "\r\n", 1, "AMQPWSB10"},
    {"AMQP at the root with a query", "GET /?a=b HTTP/1.1\r\n" REST AMQP "\r\n", 1, "AMQPWSB10"},
    {"the first known of a list", PATH REST "Sec-WebSocket-Protocol: x, AMQPWSB10 ,mqtt\r\n\r\n", 1,
     "AMQPWSB10"},
    {"a list over two headers",
     PATH REST "Sec-WebSocket-Protocol: x,\r\nsec-websocket-protocol: y,mqtt\r\n\r\n", 0, "mqtt"},
    {"other letters, other order",
     PATH KEY MQTT "connection: keep-alive, UPGRADE\r\nUPGRADE: WebSocket\r\n"
                   "sec-websocket-VERSION:13\r\n\r\n",
     0, "mqtt"},
    {"compression, which is not granted",
     PATH REST MQTT "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n",
     0, "mqtt"},
    {"lone line feeds",
     "GET /$iothub/websocket HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\n"
     "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
     "Sec-WebSocket-Protocol: mqtt\n\n",
     0, "mqtt"},
};

static void what_clients_send_is_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
        struct upgrade_answer answer;
        struct problem problem = {.text = "?"};
        const struct str request = str_from(accepted[i].request);
        if (upgrade_read(request, table, 2, &answer, &problem) != UPGRADE_ACCEPTED) {
            fail_msg("%s: %s", accepted[i].what, problem.text);
        }
        assert_ptr_equal(answer.websocket, &table[accepted[i].entry]);
        assert_true(str_equal(answer.sub_protocol, str_from(accepted[i].sub_protocol)));
        for (size_t cut = 0; cut < request.size; cut++) {
            const enum upgrade part =
                upgrade_read(str_of(request.data, cut), table, 2, &answer, &problem);
            assert_int_equal(part, UPGRADE_NEED_MORE);
        }
    }
}

static const struct {
    const char *what;
    const char *request;
    unsigned http_status;
    const char *says;
} refused[] = {
    {"no sub-protocol", PATH REST "\r\n", 400, "must be mqtt or AMQPWSB10"},
    {"an unknown sub-protocol", PATH REST "Sec-WebSocket-Protocol: soap\r\n\r\n", 400, "\"soap\""},
    {"an empty list", PATH REST "Sec-WebSocket-Protocol: , ,\r\n\r\n", 400, "must be mqtt"},
    {"MQTT at the root", "GET / HTTP/1.1\r\n" REST MQTT "\r\n", 400, "only AMQP"},
    {"version 8", PATH UPGRADE KEY MQTT "Sec-WebSocket-Version: 8\r\n\r\n", 426, "\"8\""},
    {"no version", PATH UPGRADE KEY MQTT "\r\n", 426, "must be 13"},
    {"no key", PATH UPGRADE VERSION MQTT "\r\n", 400, "16 bytes"},
    {"a key of 15 bytes",
     PATH UPGRADE VERSION MQTT "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n\r\n", 400, "16 bytes"},
    {"a key of 17 bytes",
     PATH UPGRADE VERSION MQTT "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n", 400,
     "16 bytes"},
    {"a key that is not base64",
     PATH UPGRADE VERSION MQTT "Sec-WebSocket-Key: !GhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 400,
     "16 bytes"},
    {"no Connection: Upgrade",
     PATH "Upgrade: websocket\r\nConnection: keep-alive\r\n" VERSION KEY MQTT "\r\n", 400,
     "Connection: Upgrade"},
    {"HTTP/1.0", "GET /$iothub/websocket HTTP/1.0\r\n" REST MQTT "\r\n", 400, "HTTP/1.1"},
    {"no upgrade at all", PATH "Host: localhost\r\n\r\n", 426, "Upgrade: websocket"},
    {"an upgrade to something else", PATH "Upgrade: h2c\r\n\r\n", 426, "Upgrade: websocket"},
    {"frames before the answer", PATH REST MQTT "\r\n\x82\x80", 400, "2 bytes came before"},
};

static void what_cannot_be_granted_is_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct upgrade_answer answer = {.http_status = 0};
        struct problem problem = {.text = "?"};
        if (upgrade_read(str_from(refused[i].request), table, 2, &answer, &problem) !=
            UPGRADE_REFUSED) {
            fail_msg("%s was not refused", refused[i].what);
        }
        assert_int_equal(answer.http_status, refused[i].http_status);
        if (strstr(problem.text, refused[i].says) == NULL) {
            fail_msg("%s: %s", refused[i].what, problem.text);
        }
        CLEANUP(buf_finish) struct buf out = BUF_INIT(4096);
        upgrade_append_refused(&out, &answer, problem.text);
        assert_true((strstr(out.data, "\r\nSec-WebSocket-Version: 13\r\n") != NULL) ==
                    (answer.http_status == 426));
        assert_non_null(strstr(out.data, problem.text));
    }
}

static const char *const ordinary[] = {
    "POST /$iothub/websocket HTTP/1.1\r\n",
    "X",
    "GEX",
    "\r\n",
    "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n",
    "GET /devices/d1?api-version=2021-04-12 HTTP/1.1\r\n",
    "GET /$iothub/websocket/x HTTP/1.1\r\n",
    "GET /x$iothub/websocket HTTP/1.1\r\n",
    "GET /$iothub/websocket// HTTP/1.1\r\n",
    "GET /devices?a=/$iothub/websocket HTTP/1.1\r\n",
    "GET\r\n",
    "GET \r\n",
};

static void other_requests_are_left_to_http_as_soon_as_they_can_be_told(void **state)
{
    (void)state;
    struct upgrade_answer answer;
    for (size_t i = 0; i < ARRAY_SIZE(ordinary); i++) {
        if (upgrade_read(str_from(ordinary[i]), table, 2, &answer, NULL) != UPGRADE_NONE) {
            fail_msg("%s", ordinary[i]);
        }
    }
    const struct str request = str_from(accepted[0].request);
    assert_int_equal(upgrade_read(request, table, 0, &answer, NULL), UPGRADE_NONE);
    assert_int_equal(upgrade_read(request, table + 1, 1, &answer, NULL), UPGRADE_REFUSED);
}

static void a_head_is_waited_for_up_to_its_limit(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        enum upgrade at_limit;
    } heads[] = {
        {"GET /", UPGRADE_NONE},
        {"GET / HTTP/1.1\r\nX: ", UPGRADE_NONE},
        {PATH "X: ", UPGRADE_REFUSED},
    };
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
        CLEANUP(buf_finish) struct buf head = BUF_INIT(UPGRADE_HEAD_MAX);
        struct upgrade_answer answer = {.http_status = 0};
        buf_append_str(&head, str_from(heads[i].start));
        while (head.size < UPGRADE_HEAD_MAX - 1) {
            buf_append_byte(&head, 'a');
        }
        assert_int_equal(upgrade_read(buf_str(&head), table, 2, &answer, NULL), UPGRADE_NEED_MORE);
        buf_append_byte(&head, 'a');
        assert_int_equal(upgrade_read(buf_str(&head), table, 2, &answer, NULL), heads[i].at_limit);
        assert_true(heads[i].at_limit == UPGRADE_NONE || answer.http_status == 431);
    }
}

static void a_head_that_comes_at_once_has_the_same_limit(void **state)
{
    (void)state;
    for (size_t size = UPGRADE_HEAD_MAX - 1; size <= UPGRADE_HEAD_MAX + 1; size++) {
        CLEANUP(buf_finish) struct buf head = BUF_INIT(UPGRADE_HEAD_MAX + 1);
        struct upgrade_answer answer = {.http_status = 0};
        buf_append_str(&head, STR(PATH REST MQTT "X: "));
        while (head.size < size - 4) {
            buf_append_byte(&head, 'a');
        }
        buf_append_str(&head, STR("\r\n\r\n"));
        const bool fits = size <= UPGRADE_HEAD_MAX;
        assert_int_equal(upgrade_read(buf_str(&head), table, 2, &answer, NULL),
                         fits ? UPGRADE_ACCEPTED : UPGRADE_REFUSED);
        assert_int_equal(answer.http_status, fits ? 0 : 431);
    }
}

static void the_answer_proves_that_the_key_was_read(void **state)
{
    (void)state;
    struct upgrade_answer answer;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(4096);
    assert_int_equal(upgrade_read(str_from(accepted[1].request), table, 2, &answer, NULL),
                     UPGRADE_ACCEPTED);
    upgrade_append_accepted(&out, &answer);
    assert_string_equal(out.data, /* the example of RFC 6455, 1.3 */
                        "HTTP/1.1 101 Switching Protocols\r\n"
                        "Upgrade: websocket\r\n"
                        "Connection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                        "Sec-WebSocket-Protocol: MQTT\r\n"
                        "\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_clients_send_is_accepted),
        cmocka_unit_test(what_cannot_be_granted_is_refused_with_a_reason),
        cmocka_unit_test(other_requests_are_left_to_http_as_soon_as_they_can_be_told),
        cmocka_unit_test(a_head_is_waited_for_up_to_its_limit),
        cmocka_unit_test(a_head_that_comes_at_once_has_the_same_limit),
        cmocka_unit_test(the_answer_proves_that_the_key_was_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
