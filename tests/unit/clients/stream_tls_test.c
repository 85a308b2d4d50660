/* SPDX-License-Identifier: MIT */

/* A stream and a server with a certificate made here, in turn, in one thread. */
#include "clients/endpoint/stream.h"

#include <poll.h>

#include "base/clock.h"
#include "certificate.h"
#include "check.h"
#include "listener.h"

static struct certificate own;

static int make_certificate(void **state)
{
    (void)state;
    certificate_make(&own);
    return 0;
}

static int remove_certificate(void **state)
{
    (void)state;
    certificate_remove(&own);
    return 0;
}

struct rig {
    int listener;
    SSL_CTX *server_tls;
    SSL *server;
    struct stream_target target;
    struct stream *stream;
    struct problem problem;
};

static void rig_begin(struct rig *rig)
{
    struct sockaddr_in address;
    *rig = (struct rig){.listener = listen_somewhere(1, &address),
                        .server_tls = SSL_CTX_new(TLS_server_method()),
                        .target = {.protocol = "MQTT", .tls = true}};
    certificate_use(&own, rig->server_tls);
    rig->target.endpoint = (struct endpoint){.host = "127.0.0.1", .port = ntohs(address.sin_port)};
    assert_int_equal(setenv(ENDPOINT_CA_VARIABLE, own.path, 1), 0);
}

static void server_leaves(struct rig *rig)
{
    if (rig->server != NULL) {
        assert_int_equal(close(SSL_get_fd(rig->server)), 0);
    }
    SSL_free(rig->server);
    rig->server = NULL;
}

static void rig_end(struct rig *rig)
{
    stream_close(rig->stream);
    server_leaves(rig);
    SSL_CTX_free(rig->server_tls);
    assert_int_equal(close(rig->listener), 0);
}

/* Both ends in turn, until the stream is open or has failed. */
static enum iothub_result open_stream(struct rig *rig)
{
    enum iothub_result result = stream_open(&rig->target, clock_monotonic_us() + 5 * CLOCK_SECOND,
                                            &rig->stream, &rig->problem);
    assert_int_equal(result, IOTHUB_OK);
    const int fd = accept(rig->listener, NULL, NULL);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    rig->server = SSL_new(rig->server_tls);
    assert_int_equal(SSL_set_fd(rig->server, fd), 1);
    SSL_set_accept_state(rig->server);
    while (result == IOTHUB_OK && stream_state(rig->stream) != STREAM_OPEN) {
        struct pollfd poll_fd = {.fd = stream_fd(rig->stream),
                                 .events = stream_events(rig->stream)};
        assert_true(clock_monotonic_us() < stream_due_us(rig->stream));
        (void)SSL_do_handshake(rig->server);
        if (poll(&poll_fd, 1, 10) == 1) {
            result = stream_step(rig->stream, &rig->problem);
        }
    }
    (void)SSL_do_handshake(rig->server);
    return result;
}

static void await_bytes(struct rig *rig)
{
    const struct patience patience = {.until_us = clock_monotonic_us() + 5 * CLOCK_SECOND};
    assert_int_equal(stream_wait(rig->stream, false, &patience), STREAM_READY);
}

/* Reads, past what TLS 1.3 says after the handshake. */
static enum stream_moved read_some(struct rig *rig, char *data, size_t size, size_t *ret_size)
{
    enum stream_moved moved = STREAM_WAITS;
    while (moved == STREAM_WAITS) {
        await_bytes(rig);
        moved = stream_read(rig->stream, data, size, ret_size);
    }
    return moved;
}

static void what_is_left_of_a_record_is_pending(void **state)
{
    (void)state;
    struct rig rig;
    char data[8];
    size_t size = 0;
    rig_begin(&rig);
    assert_int_equal(open_stream(&rig), IOTHUB_OK);
    assert_int_equal(SSL_write(rig.server, "0123456789", 10), 10);
    assert_false(stream_has_pending(rig.stream));
    assert_int_equal(read_some(&rig, data, sizeof(data), &size), STREAM_MOVED);
    assert_int_equal(size, 8);
    assert_true(stream_has_pending(rig.stream));
    await_bytes(&rig); /* of which poll() knows nothing */
    assert_int_equal(read_some(&rig, data, sizeof(data), &size), STREAM_MOVED);
    assert_int_equal(size, 2);
    assert_false(stream_has_pending(rig.stream));
    assert_int_equal(stream_read(rig.stream, data, sizeof(data), &size), STREAM_WAITS);
    assert_int_equal(stream_events(rig.stream), POLLIN);
    assert_int_equal(stream_write(rig.stream, "hello", 5, &size), STREAM_MOVED);
    assert_int_equal(stream_events(rig.stream), 0);
    assert_int_equal(SSL_read(rig.server, data, sizeof(data)), 5);
    rig_end(&rig);
}

static void a_write_that_finds_no_room_waits_for_it(void **state)
{
    (void)state;
    struct rig rig;
    static const char data[65536];
    size_t size = 0;
    rig_begin(&rig);
    assert_int_equal(open_stream(&rig), IOTHUB_OK);
    enum stream_moved moved = STREAM_MOVED;
    for (int i = 0; i < 10000 && moved == STREAM_MOVED; i++) {
        moved = stream_write(rig.stream, data, sizeof(data), &size);
    }
    assert_int_equal(moved, STREAM_WAITS);
    assert_int_equal(stream_events(rig.stream), POLLOUT);
    rig_end(&rig);
}

static void an_end_is_the_same_with_and_without_a_goodbye(void **state)
{
    (void)state;
    for (int goodbye = 0; goodbye < 2; goodbye++) {
        struct rig rig;
        char data[8];
        size_t size = 0;
        rig_begin(&rig);
        assert_int_equal(open_stream(&rig), IOTHUB_OK);
        if (goodbye == 1) {
            (void)SSL_shutdown(rig.server);
        }
        server_leaves(&rig);
        assert_int_equal(read_some(&rig, data, sizeof(data), &size), STREAM_ENDED);
        assert_true(stream_was_closed(rig.stream));
        assert_string_equal(stream_why(rig.stream), "the other side closed it");
        rig_end(&rig);
    }
}

static void writing_to_nobody_is_an_end_and_no_signal(void **state)
{
    (void)state;
    struct rig rig;
    size_t size = 0;
    rig_begin(&rig);
    assert_int_equal(open_stream(&rig), IOTHUB_OK);
    server_leaves(&rig);
    enum stream_moved moved = STREAM_MOVED;
    for (int i = 0; i < 1000 && moved == STREAM_MOVED; i++) {
        moved = stream_write(rig.stream, "x", 1, &size);
        usleep(1000);
    }
    assert_int_equal(moved, STREAM_ENDED);
    assert_false(stream_was_closed(rig.stream));
    rig_end(&rig);
}

static void the_caller_s_context_shows_the_caller_s_certificate(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig);
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    certificate_use(&own, tls);
    assert_int_equal(endpoint_trust(tls, NULL), STATUS_OK);
    assert_int_equal(endpoint_expect_host(tls, &rig.target.endpoint), STATUS_OK);
    rig.target.context = tls;
    SSL_CTX_set_verify(rig.server_tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    assert_int_equal(SSL_CTX_load_verify_file(rig.server_tls, own.path), 1);
    assert_int_equal(open_stream(&rig), IOTHUB_OK);
    SSL_CTX_free(tls); /* the stream has a reference of its own */
    X509 *shown = SSL_get1_peer_certificate(rig.server);
    assert_non_null(shown);
    assert_int_equal(X509_cmp(shown, own.x509), 0);
    X509_free(shown);
    rig_end(&rig);
}

static void a_name_is_told_to_the_server_and_an_address_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        const char *told;
    } cases[] = {{"localhost", "localhost"}, {"127.0.0.1", NULL}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct rig rig;
        rig_begin(&rig);
        assert_int_equal(endpoint_parse(str_from(cases[i].host), rig.target.endpoint.port,
                                        &rig.target.endpoint, NULL),
                         STATUS_OK);
        assert_int_equal(open_stream(&rig), IOTHUB_OK);
        const char *told = SSL_get_servername(rig.server, TLSEXT_NAMETYPE_host_name);
        if (cases[i].told == NULL) {
            assert_null(told);
        } else {
            assert_string_equal(told, cases[i].told);
        }
        rig_end(&rig);
    }
}

static void a_stranger_s_certificate_is_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig);
    assert_int_equal(unsetenv(ENDPOINT_CA_VARIABLE), 0);
    assert_int_equal(open_stream(&rig), IOTHUB_UNTRUSTED);
    assert_non_null(strstr(rig.problem.text, ENDPOINT_CA_VARIABLE));
    rig_end(&rig);
}

static void a_server_without_tls_is_told(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig);
    enum iothub_result result = stream_open(&rig.target, clock_monotonic_us() + 5 * CLOCK_SECOND,
                                            &rig.stream, &rig.problem);
    const int fd = accept(rig.listener, NULL, NULL);
    assert_int_equal(write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
    while (result == IOTHUB_OK) {
        struct pollfd poll_fd = {.fd = stream_fd(rig.stream), .events = stream_events(rig.stream)};
        assert_int_equal(poll(&poll_fd, 1, 5000), 1);
        result = stream_step(rig.stream, &rig.problem);
    }
    assert_int_equal(result, IOTHUB_UNAVAILABLE);
    assert_non_null(strstr(rig.problem.text, "is that the port for MQTT?"));
    assert_int_equal(close(fd), 0);
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_of_a_record_is_pending),
        cmocka_unit_test(a_write_that_finds_no_room_waits_for_it),
        cmocka_unit_test(an_end_is_the_same_with_and_without_a_goodbye),
        cmocka_unit_test(writing_to_nobody_is_an_end_and_no_signal),
        cmocka_unit_test(the_caller_s_context_shows_the_caller_s_certificate),
        cmocka_unit_test(a_name_is_told_to_the_server_and_an_address_is_not),
        cmocka_unit_test(a_stranger_s_certificate_is_refused),
        cmocka_unit_test(a_server_without_tls_is_told),
    };
    return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
