/* SPDX-License-Identifier: MIT */
/* The whole of net/ with each allocation refused in its turn: nobody crashes, nothing leaks, and a
 * client that met the refusal does not hurt the next one. */
#include "net/http.h"

#include "http_rig.h"

struct starved {
    struct rig rig;
    struct http_server *server;
    struct net_alarm *alarm;
    struct http_exchange *kept;
    bool served_first;
    bool served_again;
};

static void starved_gone(void *ctx)
{
    struct starved *starved = ctx;
    starved->kept = NULL;
}

static void starved_late(void *ctx)
{
    struct starved *starved = ctx;
    if (starved->kept != NULL) {
        answer_text(TAKE(starved->kept), 200, "late");
    }
}

static void starved_handle(void *ctx, struct http_exchange *exchange)
{
    struct starved *starved = ctx;
    if (str_equal(http_path(exchange), STR("/late"))) {
        starved->kept = exchange;
        http_wait(exchange, starved_gone, starved);
        assert_int_equal(net_alarm_set(starved->alarm, 1), STATUS_OK);
        return;
    }
    answer_echo(exchange);
}

static bool talk(struct rig *rig)
{
    struct client client;
    if (!client_dial(&client, rig->tls_port)) {
        return false;
    }
    const bool good = client_handshake(&client, client_context()) &&
                      ask(&client, "POST /a?b HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc") &&
                      answered(200, "POST|/a|b|abc") &&
                      ask(&client, "GET /late HTTP/1.1\r\n" HOST "\r\n") && answered(200, "late") &&
                      ask(&client, "nonsense\r\n\r\n") && response.status == 400;
    client_close(&client);
    return good;
}

static void starved_client(struct rig *rig)
{
    struct starved *starved = rig->client_ctx;
    starved->served_first = talk(rig);
    starved->served_again = talk(rig);
}

static void loop_under_want(struct starved *starved)
{
    struct rig *rig = &starved->rig;
    struct problem problem;
    const struct net_listener_config listener = {.address = STR("127.0.0.1"),
                                                 .tls = rig_tls,
                                                 .protocol = http_protocol(),
                                                 .endpoint = starved->server};
    if (net_listen(rig->net, &listener, &rig->tls_port, &problem) != STATUS_OK ||
        net_watch_create(rig->net, rig->done[0], rig_client_done, rig, &rig->watch) != STATUS_OK ||
        net_watch_set(rig->watch, NET_READABLE) != STATUS_OK) {
        return;
    }
    rig->client = starved_client;
    rig->client_ctx = starved;
    assert_int_equal(pthread_create(&rig->thread, NULL, rig_thread, rig), 0);
    assert_int_equal(net_run(rig->net), STATUS_OK);
    pthread_join(rig->thread, NULL);
    /* One refusal harms one client at most. */
    assert_true(starved->served_first || starved->served_again);
    assert_true(mem_fail_happened() || (starved->served_first && starved->served_again));
}

static void under_want(void *ctx)
{
    struct starved *starved = ctx;
    *starved = (struct starved){.rig = {.sleep_us = INT64_MAX}};
    struct rig *rig = &starved->rig;
    const struct net_hooks hooks = {
        .ctx = rig, .sleep_us = rig_sleep_us, .wake = rig_wake, .commit = rig_commit};
    const struct http_server_config config = {.name = "starved",
                                              .body_max = BODY_MAX,
                                              .ctx = starved,
                                              .handle = starved_handle,
                                              .too_large = starved_handle};
    assert_int_equal(pipe(rig->done), 0);
    if (net_create(&hooks, &rig->net) == STATUS_OK &&
        http_server_create(rig->net, &config, &starved->server) == STATUS_OK &&
        net_alarm_create(rig->net, starved_late, starved, &starved->alarm) == STATUS_OK) {
        loop_under_want(starved);
    }
    net_watch_destroy(rig->watch);
    net_alarm_destroy(starved->alarm);
    http_server_destroy(starved->server);
    net_destroy(rig->net);
    close(rig->done[0]);
    close(rig->done[1]);
}

static void one_refused_allocation_costs_one_client_at_most(void **state)
{
    (void)state;
    static struct starved starved;
    check_under_failing_allocations(under_want, &starved);
    assert_true(starved.served_first && starved.served_again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_refused_allocation_costs_one_client_at_most),
    };
    return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
