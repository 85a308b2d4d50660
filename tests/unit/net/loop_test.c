/* SPDX-License-Identifier: MIT */
/* The tick: reading, the commit, writing, sleeping, stopping. */
#include "net/net.h"

#include "echo_rig.h"

static void plain_client(struct rig *rig)
{
    one_echo(rig, false);
}

static void tls_client(struct rig *rig)
{
    one_echo(rig, true);
}

static void bytes_come_back_over_plain_tcp(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&echo, &rig, &seen, plain_client);
    assert_int_equal(seen.opened, 1);
    assert_int_equal(seen.closed, 1);
    assert_int_equal(seen.by_us, 0);
    assert_string_equal(seen.why, "closed by the peer");
}

static void bytes_come_back_over_tls(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&echo, &rig, &seen, tls_client);
    assert_int_equal(seen.opened, 1);
    assert_int_equal(seen.closed, 1);
}

static void byte_by_byte_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    for (int i = 0; i < 2000; i++) {
        const char byte = (char)i;
        char back = 0;
        CLIENT_CHECK(rig, client_send(&client, &byte, 1));
        if (i % 100 == 0) { /* the other bytes wait in the stream */
            continue;
        }
        CLIENT_CHECK(rig, client_receive_all(&client, &back, 1));
    }
    client_close(&client);
}

static void a_stream_may_come_byte_by_byte(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&echo, &rig, &seen, byte_by_byte_client);
    assert_int_equal(seen.closed, 1);
}

/* ---- large transfers ---- */

enum { TRANSFER = 24 * 1024 * 1024 };
static char sent[TRANSFER];
static char received[TRANSFER];

struct pump {
    struct client *client;
    bool good;
};

static void *pump_in(void *ctx)
{
    struct pump *pump = ctx;
    pump->good = client_send(pump->client, sent, sizeof(sent));
    return NULL;
}

/* Two directions at once need two threads on plain TCP; a TLS object allows only one at a time. */
static void transfer_client(struct rig *rig)
{
    struct client client;
    pthread_t thread;
    CLIENT_CHECK(rig, client_connect(&client, rig, false));
    for (size_t i = 0; i < sizeof(sent); i++) {
        sent[i] = (char)(i * 2654435761U >> 13);
    }
    struct pump pump = {&client, false};
    CLIENT_CHECK(rig, pthread_create(&thread, NULL, pump_in, &pump) == 0);
    CLIENT_CHECK(rig, client_receive_all(&client, received, sizeof(received)));
    pthread_join(thread, NULL);
    CLIENT_CHECK(rig, pump.good);
    CLIENT_CHECK(rig, memcmp(sent, received, sizeof(sent)) == 0);
    client_close(&client);
}

static void many_megabytes_come_back_unharmed_over_plain_tcp(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&echo, &rig, &seen, transfer_client);
    assert_int_equal(seen.closed, 1);
}

static void tls_transfer_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    /* All of it is sent before the first byte is read: the server has to keep it meanwhile. */
    CLIENT_CHECK(rig, client_send(&client, sent, sizeof(sent)));
    CLIENT_CHECK(rig, client_receive_all(&client, received, sizeof(received)));
    CLIENT_CHECK(rig, memcmp(sent, received, sizeof(sent)) == 0);
    client_close(&client);
}

static void many_megabytes_come_back_unharmed_over_tls(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&echo, &rig, &seen, tls_transfer_client);
    assert_int_equal(seen.closed, 1);
}

/* ---- messages that come in pieces ---- */

/* Takes whole lines only, and answers each with its length. */
static size_t line_received(void *ctx, struct str data)
{
    struct session *session = ctx;
    size_t taken = 0;
    for (struct str rest = data; str_find(rest, '\n') != SIZE_MAX; rest = str_skip(data, taken)) {
        const size_t size = str_find(rest, '\n') + 1;
        buf_append_format(net_conn_output(session->conn), "%zu;", size);
        taken += size;
    }
    return taken;
}

static const struct net_protocol lines = {.name = "lines",
                                          .opened = echo_opened,
                                          .received = line_received,
                                          .closed = echo_closed,
                                          .input_max = 100,
                                          .output_max = 4096};

static void lines_client(struct rig *rig)
{
    struct client client;
    char text[128];
    memset(text, 'x', sizeof(text));
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, client_send(&client, "ab", 2));
    usleep(20000);
    CLIENT_CHECK(rig, client_send(&client, "cd\ne", 4));
    CLIENT_CHECK(rig, client_expect(&client, "5;"));
    CLIENT_CHECK(rig, client_send(&client, "f\n", 2));
    CLIENT_CHECK(rig, client_expect(&client, "3;"));
    CLIENT_CHECK(rig, client_send(&client, text, 100)); /* as much as may stay */
    usleep(20000);
    CLIENT_CHECK(rig, client_send(&client, "\n", 1));
    CLIENT_CHECK(rig, client_expect(&client, "101;"));
    CLIENT_CHECK(rig, client_send(&client, text, 101));
    CLIENT_CHECK(rig, client_expect_end(&client));
    client_close(&client);
}

static void what_is_not_taken_comes_again_up_to_the_limit(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&lines, &rig, &seen, lines_client);
    assert_int_equal(seen.by_us, 1);
    assert_non_null(strstr(seen.why, "more than 100 bytes"));
}

/* ---- the commit ---- */

/* Bytes that had been written when the first commit after some input ran. */
static int committed_after;

static void look_at_output(struct rig *rig)
{
    struct net_figures figures;
    net_figures(rig->net, &figures);
    if (figures.bytes_in > 0 && committed_after == -1) {
        committed_after = (int)figures.bytes_out;
    }
}

static void nothing_leaves_before_the_commit(void **state)
{
    (void)state;
    struct rig rig = {.on_commit = look_at_output};
    struct echo seen = {0};
    committed_after = -1;
    play(&echo, &rig, &seen, plain_client);
    assert_int_equal(committed_after, 0);
    assert_true(rig.commits >= 2 && rig.commits < 20); /* input and the end; none in idle ticks */
}

static size_t failing_received(void *ctx, struct str data)
{
    struct session *session = ctx;
    if (str_equal(data, STR("fail"))) {
        session->rig->commit_fails = true;
    }
    return echo_received(ctx, data);
}

static const struct net_protocol failing = {.name = "failing",
                                            .opened = echo_opened,
                                            .received = failing_received,
                                            .closed = echo_closed,
                                            .input_max = 1024,
                                            .output_max = 4096};

static void failing_client(struct rig *rig)
{
    struct client bystander;
    CLIENT_CHECK(rig, client_connect(&bystander, rig, true));
    CLIENT_CHECK(rig, client_send(&bystander, "here", 4));
    CLIENT_CHECK(rig, client_expect(&bystander, "here"));
    for (int tls = 0; tls <= 1; tls++) {
        struct client client;
        char byte;
        CLIENT_CHECK(rig, client_connect(&client, rig, tls == 1));
        CLIENT_CHECK(rig, client_send(&client, "fail", 4));
        CLIENT_CHECK(rig, client_receive(&client, &byte, 1) <= 0);
        client_close(&client);
    }
    CLIENT_CHECK(rig, client_send(&bystander, "still", 5));
    CLIENT_CHECK(rig, client_expect(&bystander, "still"));
    client_close(&bystander);
}

static void a_failed_commit_drops_the_output_and_closes_only_who_had_some(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&failing, &rig, &seen, failing_client);
    assert_int_equal(seen.opened, 3);
    assert_int_equal(seen.closed, 3);
    assert_int_equal(seen.by_us, 2);
}

/* ---- sleeping ---- */

static void sleepy_client(struct rig *rig)
{
    (void)rig;
    usleep(200000);
}

static void the_hub_is_woken_when_it_asked_for_it(void **state)
{
    (void)state;
    static const struct {
        int64_t sleep_us;
        unsigned wakes_min;
        unsigned wakes_max;
    } naps[] = {
        {INT64_MAX, 0, 0}, {50000, 3, 5}, {1, 20, 1000000}, {0, 100, 100000000}, {400000, 0, 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(naps); i++) {
        struct rig rig = {0};
        rig_create(&rig);
        rig.sleep_us = naps[i].sleep_us;
        rig_run(&rig, sleepy_client);
        rig_finish(&rig);
        assert_in_range(rig.wakes, naps[i].wakes_min, naps[i].wakes_max);
    }
}

static struct session *greeted;

static void *greeted_opened(void *endpoint, struct net_conn *conn)
{
    greeted = echo_opened(endpoint, conn);
    return greeted;
}

static void greet(struct rig *rig)
{
    if (greeted != NULL) {
        buf_append_str(net_conn_output(greeted->conn), STR("tick"));
        greeted = NULL;
        rig->sleep_us = INT64_MAX;
    }
}

static void greeted_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, client_expect(&client, "tick"));
    client_close(&client);
}

static void what_a_timer_queues_leaves_at_once(void **state)
{
    (void)state;
    static const struct net_protocol protocol = {.name = "greeted",
                                                 .opened = greeted_opened,
                                                 .received = echo_received,
                                                 .closed = echo_closed,
                                                 .input_max = 1024,
                                                 .output_max = 4096};
    struct rig rig = {.on_wake = greet};
    struct echo seen = {0};
    rig.endpoint = &rig;
    rig.client_ctx = &seen;
    rig_create(&rig);
    rig.sleep_us = 5000;
    rig_listen(&rig, &protocol, rig_tls, &rig.tls_port);
    rig_run(&rig, greeted_client);
    rig_finish(&rig);
}

/* ---- other descriptors, other timers ---- */

static struct net_alarm *alarm_under_test;
static int alarms_fired;

static void alarm_fired(void *ctx)
{
    (void)ctx;
    alarms_fired++;
    const bool again = greeted == NULL;
    if (greeted != NULL) {
        buf_append_str(net_conn_output(greeted->conn), STR("tick"));
        greeted = NULL;
    }
    if (again) { /* nobody was there yet */
        assert_int_equal(net_alarm_set(alarm_under_test, 10), STATUS_OK);
    }
}

static void an_alarm_fires_once_and_its_output_leaves(void **state)
{
    (void)state;
    static const struct net_protocol protocol = {.name = "greeted",
                                                 .opened = greeted_opened,
                                                 .received = echo_received,
                                                 .closed = echo_closed,
                                                 .input_max = 1024,
                                                 .output_max = 4096};
    struct rig rig = {0};
    struct echo seen = {0};
    struct net_alarm *never = NULL;
    alarms_fired = 0;
    rig.endpoint = &rig;
    rig.client_ctx = &seen;
    rig_create(&rig);
    rig_listen(&rig, &protocol, rig_tls, &rig.tls_port);
    assert_int_equal(net_alarm_create(rig.net, alarm_fired, NULL, &alarm_under_test), STATUS_OK);
    assert_int_equal(net_alarm_create(rig.net, alarm_fired, NULL, &never), STATUS_OK);
    assert_int_equal(net_alarm_set(alarm_under_test, 30), STATUS_OK);
    assert_int_equal(net_alarm_set(never, 1), STATUS_OK);
    net_alarm_stop(never);
    rig_run(&rig, greeted_client);
    net_alarm_destroy(alarm_under_test);
    net_alarm_destroy(never);
    net_alarm_destroy(NULL);
    rig_finish(&rig);
    assert_true(alarms_fired >= 1);
}

/* ---- many, and stopping ---- */

enum { MANY = 200 };
static struct client clients[MANY];

static void many_client(struct rig *rig)
{
    for (size_t i = 0; i < MANY; i++) {
        CLIENT_CHECK(rig, client_connect(&clients[i], rig, i % 2 == 0));
    }
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MANY; i++) {
            CLIENT_CHECK(rig, client_send(&clients[i], &i, sizeof(i)));
        }
        for (size_t i = 0; i < MANY; i++) {
            size_t back = SIZE_MAX;
            CLIENT_CHECK(rig, client_receive_all(&clients[i], &back, sizeof(back)) && back == i);
        }
    }
    for (size_t i = 0; i < MANY; i++) {
        client_close(&clients[i]);
    }
}

static void two_hundred_connections_are_served(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&echo, &rig, &seen, many_client);
    assert_int_equal(seen.opened, MANY);
    assert_int_equal(seen.closed, MANY);
}

static int64_t stop_took_us;

static void stopping_client(struct rig *rig)
{
    /* Connected, half-way through a handshake, silent, and about to begin one. */
    for (size_t i = 0; i < MANY; i++) {
        if (i % 4 == 0) {
            CLIENT_CHECK(rig, client_connect(&clients[i], rig, i % 8 == 0));
            CLIENT_CHECK(rig, client_send(&clients[i], "x", 1));
            CLIENT_CHECK(rig, client_expect(&clients[i], "x"));
        } else {
            CLIENT_CHECK(rig, client_dial(&clients[i], rig->tls_port));
        }
        if (i % 4 == 1) {
            CLIENT_CHECK(rig, client_send(&clients[i], "\x16\x03\x01\x02\x00\x01\x00", 7));
        }
    }
    const int64_t begun_us = clock_monotonic_us();
    kill(getpid(), SIGTERM);
    for (size_t i = 0; i < MANY; i += 4) {
        CLIENT_CHECK(rig, client_expect_end(&clients[i]));
    }
    stop_took_us = clock_monotonic_us() - begun_us;
    for (size_t i = 0; i < MANY; i++) {
        client_close(&clients[i]);
    }
}

static void sigterm_closes_everybody_in_order_and_quickly(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&echo, &rig, &seen, stopping_client);
    assert_int_equal(seen.closed, seen.opened);
    assert_int_equal(seen.by_us, seen.opened);
    assert_string_equal(seen.why, "the server is stopping");
    assert_true(stop_took_us < 900000);
}

static void stubborn_client(struct rig *rig)
{
    for (size_t i = 0; i < 10; i++) {
        CLIENT_CHECK(rig, client_connect(&clients[i], rig, true));
        CLIENT_CHECK(rig, client_send(&clients[i], "x", 1));
        CLIENT_CHECK(rig, client_expect(&clients[i], "x"));
    }
    kill(getpid(), SIGINT);
    usleep(1500000); /* nobody closes his end */
    for (size_t i = 0; i < 10; i++) {
        client_close(&clients[i]);
    }
}

static void sigint_does_not_wait_for_those_who_never_close(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    const int64_t begun_us = clock_monotonic_us();
    rig.endpoint = &rig;
    rig.client_ctx = &seen;
    rig_create(&rig);
    rig_listen(&rig, &echo, rig_tls, &rig.tls_port);
    rig.client = stubborn_client;
    assert_int_equal(pipe(rig.done), 0);
    assert_int_equal(pthread_create(&rig.thread, NULL, rig_thread, &rig), 0);
    assert_int_equal(net_run(rig.net), STATUS_OK);
    assert_true(clock_monotonic_us() - begun_us < 1400000);
    pthread_join(rig.thread, NULL);
    close(rig.done[0]);
    close(rig.done[1]);
    rig_finish(&rig);
    assert_null(rig.wrong);
    assert_int_equal(seen.closed, 10);
}

static void a_stop_before_the_run_ends_it_at_once(void **state)
{
    (void)state;
    struct rig rig = {0};
    uint16_t port = 0;
    rig_create(&rig);
    rig_listen(&rig, &echo, NULL, &port);
    net_stop(rig.net);
    assert_int_equal(net_run(rig.net), STATUS_OK);
    rig_finish(&rig);
}

static void a_loop_that_never_ran_can_be_destroyed(void **state)
{
    (void)state;
    struct rig rig = {0};
    uint16_t port = 0;
    rig_create(&rig);
    rig_listen(&rig, &echo, NULL, &port);
    struct client client;
    assert_true(client_dial(&client, port)); /* waits in the backlog */
    rig_finish(&rig);
    client_close(&client);
    net_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back_over_plain_tcp),
        cmocka_unit_test(bytes_come_back_over_tls),
        cmocka_unit_test(a_stream_may_come_byte_by_byte),
        cmocka_unit_test(many_megabytes_come_back_unharmed_over_plain_tcp),
        cmocka_unit_test(many_megabytes_come_back_unharmed_over_tls),
        cmocka_unit_test(what_is_not_taken_comes_again_up_to_the_limit),
        cmocka_unit_test(nothing_leaves_before_the_commit),
        cmocka_unit_test(a_failed_commit_drops_the_output_and_closes_only_who_had_some),
        cmocka_unit_test(the_hub_is_woken_when_it_asked_for_it),
        cmocka_unit_test(what_a_timer_queues_leaves_at_once),
        cmocka_unit_test(an_alarm_fires_once_and_its_output_leaves),
        cmocka_unit_test(two_hundred_connections_are_served),
        cmocka_unit_test(sigterm_closes_everybody_in_order_and_quickly),
        cmocka_unit_test(sigint_does_not_wait_for_those_who_never_close),
        cmocka_unit_test(a_stop_before_the_run_ends_it_at_once),
        cmocka_unit_test(a_loop_that_never_ran_can_be_destroyed),
    };
    return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
