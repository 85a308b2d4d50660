/* SPDX-License-Identifier: MIT */
#include "net/net.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/net_internal.h"

void net_touch(struct net *net)
{
    net->touched = true;
}

void net_tick_again(struct net *net)
{
    net->again = true;
}

void net_tick_end_add(struct net *net, struct net_tick_end *tick_end)
{
    list_append(&net->tick_ends, &tick_end->link);
}

void net_tick_end_remove(struct net_tick_end *tick_end)
{
    if (tick_end->link.next != NULL) {
        list_remove(&tick_end->link);
    }
}

/* Output queued in a tick whose commit failed speaks of things that did not happen: it is dropped.
 * A connection that only had older output left to write goes on. */
static void drop_uncommitted(struct net_conn *conn)
{
    if (net_conn_unsent(conn) == conn->output_committed && conn_output_status(conn) == STATUS_OK) {
        conn_write(conn);
        return;
    }
    conn_output_forget(conn);
    if (conn->state == CONN_OPEN) {
        conn->reset = true;
        conn_mark(conn, "what it asked for could not be stored", true);
        return;
    }
    conn_destroy(conn);
}

static void write_dirty(struct net *net, bool committed)
{
    struct list mine; /* a write may make others dirty: those are for the next tick */
    list_init(&mine);
    while (!list_empty(&net->dirty)) {
        struct list *link = net->dirty.next;
        list_remove(link);
        list_append(&mine, link);
    }
    while (!list_empty(&mine)) {
        struct net_conn *conn = LIST_ENTRY(mine.next, struct net_conn, dirty_link);
        list_remove(&conn->dirty_link);
        if (!committed) {
            drop_uncommitted(conn);
        } else {
            conn_write(conn);
        }
    }
}

static bool work_left(const struct net *net)
{
    return net->touched || net->again || !list_empty(&net->dirty) || !list_empty(&net->marked);
}

static void tick_flush(struct net *net)
{
    net->again = false;
    for (struct list *link = net->tick_ends.next; link != &net->tick_ends;) {
        struct net_tick_end *tick_end = LIST_ENTRY(link, struct net_tick_end, link);
        link = link->next;
        tick_end->run(tick_end->ctx);
    }
    conns_close_marked(net);
    bool committed = true;
    if (net->touched) {
        net->touched = false;
        committed = net->hooks.commit(net->hooks.ctx);
    }
    write_dirty(net, committed);
}

static void read_ready(struct net *net)
{
    struct list mine;
    list_init(&mine);
    while (!list_empty(&net->ready)) {
        struct list *link = net->ready.next;
        list_remove(link);
        list_append(&mine, link);
    }
    while (!list_empty(&mine)) {
        struct net_conn *conn = LIST_ENTRY(mine.next, struct net_conn, ready_link);
        list_remove(&conn->ready_link);
        conn_read(conn);
    }
}

static void after_poll(uv_check_t *check)
{
    struct net *net = check->data;
    read_ready(net);
    if (clock_monotonic_us() >= net->wake_at_us) {
        net->wake_at_us = INT64_MAX;
        net->hooks.wake(net->hooks.ctx);
        net_touch(net);
    }
    if (net->stopping && !net->stop_begun) {
        net->stop_begun = true;
        net->stop_by_us = clock_monotonic_us() + NET_STOP_US;
        listeners_close(net);
        conns_stop(net);
    }
    tick_flush(net);
}

static void sleep_over(uv_timer_t *timer)
{
    (void)timer; /* it has done its work by ending the poll */
}

static void idle_pass(uv_idle_t *idle)
{
    (void)idle; /* its being active keeps the poll from sleeping */
}

/* Everything that lasts is gone, or has had its time. */
static bool stop_is_over(struct net *net)
{
    if (!net->stop_begun) {
        return false;
    }
    const bool late = clock_monotonic_us() >= net->stop_by_us;
    for (struct list *link = net->conns.next; late && link != &net->conns;) {
        struct net_conn *conn = LIST_ENTRY(link, struct net_conn, all_link);
        link = link->next;
        if (conn->state == CONN_FLUSHING || conn->state == CONN_LINGERING) {
            conn_destroy(conn);
        }
    }
    return list_empty(&net->conns) && !work_left(net);
}

static void set_sleep(struct net *net)
{
    int64_t sleep_us = net->hooks.sleep_us(net->hooks.ctx);
    const bool busy = work_left(net) || !list_empty(&net->ready);
    net->wake_at_us = INT64_MAX;
    if (sleep_us != INT64_MAX) {
        net->wake_at_us = clock_monotonic_us() + (sleep_us < 0 ? 0 : sleep_us);
    }
    if (busy || sleep_us <= 0 || (net->stopping && !net->stop_begun)) {
        uv_timer_stop(&net->sleep);
        uv_idle_start(&net->idle, idle_pass);
        return;
    }
    uv_idle_stop(&net->idle);
    if (sleep_us == INT64_MAX) {
        uv_timer_stop(&net->sleep);
        return;
    }
    /* Rounded up: waking early would only mean going to sleep again. */
    const uint64_t sleep_ms = (uint64_t)(sleep_us / 1000 + (sleep_us % 1000 != 0));
    uv_update_time(&net->loop);
    uv_timer_start(&net->sleep, sleep_over, sleep_ms, 0);
}

static void before_poll(uv_prepare_t *prepare)
{
    struct net *net = prepare->data;
    if (work_left(net)) {
        tick_flush(net);
    }
    if (stop_is_over(net)) {
        uv_stop(&net->loop);
        uv_idle_start(&net->idle, idle_pass);
        return;
    }
    set_sleep(net);
}

static void signalled(uv_signal_t *handle, int number)
{
    struct net *net = handle->data;
    if (!net->stopping) {
        LOG_INFO("net", "stopping: got %s", number == SIGINT ? "SIGINT" : "SIGTERM");
    }
    net_stop(net);
}

/* A device is a descriptor: what the system allows us is taken without being asked. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            LOG_WARN("net", "could not raise the limit of open files: %s", strerror(errno));
        }
    }
}

static void lists_init(struct net *net)
{
    list_init(&net->conns);
    list_init(&net->dirty);
    list_init(&net->marked);
    list_init(&net->ready);
    list_init(&net->tick_ends);
    list_init(&net->handshakes_waiting);
    for (size_t i = 0; i < DEADLINE_COUNT; i++) {
        list_init(&net->deadlines[i]);
    }
    net->deadline_lengths_us[DEADLINE_STRANGER] = NET_STRANGER_US;
    net->deadline_lengths_us[DEADLINE_HANDSHAKE] = NET_HANDSHAKE_US;
    net->deadline_lengths_us[DEADLINE_REQUEST] = UPGRADE_HEAD_US;
    net->deadline_lengths_us[DEADLINE_FLUSH] = NET_FLUSH_US;
    net->deadline_lengths_us[DEADLINE_LINGER] = NET_LINGER_US;
}

/* These libuv calls cannot fail on a loop that was just made. */
static void handles_init(struct net *net)
{
    uv_prepare_init(&net->loop, &net->prepare);
    uv_check_init(&net->loop, &net->check);
    uv_idle_init(&net->loop, &net->idle);
    uv_timer_init(&net->loop, &net->sleep);
    uv_timer_init(&net->loop, &net->sweep);
    uv_timer_init(&net->loop, &net->accept_again);
    net->prepare.data = net;
    net->check.data = net;
    net->sweep.data = net;
    net->accept_again.data = net;
    uv_prepare_start(&net->prepare, before_poll);
    uv_check_start(&net->check, after_poll);
    for (size_t i = 0; i < ARRAY_SIZE(net->signals); i++) {
        uv_signal_init(&net->loop, &net->signals[i]);
        net->signals[i].data = net;
    }
}

enum status net_create(const struct net_hooks *hooks, struct net **ret_net)
{
    assert(hooks->sleep_us != NULL && hooks->wake != NULL && hooks->commit != NULL);

    struct net *net = mem_zalloc(sizeof(*net));
    if (net == NULL) {
        return STATUS_NO_MEMORY;
    }
    if (uv_loop_init(&net->loop) != 0) {
        mem_free(net);
        return STATUS_IO;
    }
    net->hooks = *hooks;
    net->wake_at_us = INT64_MAX;
    lists_init(net);
    handles_init(net);
    /* A peer that is gone is told by write(), not by a signal. */
    signal(SIGPIPE, SIG_IGN);
    if (uv_signal_start(&net->signals[0], signalled, SIGTERM) != 0 ||
        uv_signal_start(&net->signals[1], signalled, SIGINT) != 0) {
        net_destroy(net);
        return STATUS_IO;
    }
    raise_file_limit();
    *ret_net = net;
    return STATUS_OK;
}

enum status net_run(struct net *net)
{
    uv_run(&net->loop, UV_RUN_DEFAULT);
    assert(list_empty(&net->conns));
    return STATUS_OK;
}

void net_stop(struct net *net)
{
    net->stopping = true;
}

void net_destroy(struct net *net)
{
    if (net == NULL) {
        return;
    }
    if (!list_empty(&net->conns)) { /* net_run() was never called, or never ended */
        net_stop(net);
        uv_run(&net->loop, UV_RUN_DEFAULT);
    }
    listeners_close(net);
    uv_close((uv_handle_t *)&net->prepare, NULL);
    uv_close((uv_handle_t *)&net->check, NULL);
    uv_close((uv_handle_t *)&net->idle, NULL);
    uv_close((uv_handle_t *)&net->sleep, NULL);
    uv_close((uv_handle_t *)&net->sweep, NULL);
    uv_close((uv_handle_t *)&net->accept_again, NULL);
    uv_close((uv_handle_t *)&net->signals[0], NULL);
    uv_close((uv_handle_t *)&net->signals[1], NULL);
    uv_run(&net->loop, UV_RUN_DEFAULT);
    const int busy = uv_loop_close(&net->loop);
    assert(busy == 0); /* a watch or an alarm outlived the loop */
    listeners_free(net);
    mem_free(net);
}

void net_figures(const struct net *net, struct net_figures *ret_figures)
{
    *ret_figures = net->figures;
}
