/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "base/alloc.h"
#include "net/net_internal.h"

static_assert((int)NET_READABLE == (int)UV_READABLE && (int)NET_WRITABLE == (int)UV_WRITABLE,
              "events pass through unchanged");

struct net_watch {
    uv_poll_t poll;
    struct net *net;
    void (*ready)(void *ctx, int events);
    void *ctx;
};

struct net_alarm {
    uv_timer_t timer;
    struct net *net;
    void (*fire)(void *ctx);
    void *ctx;
};

static void free_data(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void watch_ready(uv_poll_t *poll, int status, int events)
{
    struct net_watch *watch = poll->data;
    net_touch(watch->net);
    /* A descriptor in error is ready for everything: the next call on it says what is wrong. */
    watch->ready(watch->ctx, status < 0 ? NET_READABLE | NET_WRITABLE : events);
}

enum status net_watch_create(struct net *net, int fd, void (*ready)(void *ctx, int events),
                             void *ctx, struct net_watch **ret_watch)
{
    struct net_watch *watch = mem_zalloc(sizeof(*watch));
    if (watch == NULL) {
        return STATUS_NO_MEMORY;
    }
    if (uv_poll_init(&net->loop, &watch->poll, fd) != 0) {
        mem_free(watch);
        return STATUS_IO;
    }
    watch->poll.data = watch;
    watch->net = net;
    watch->ready = ready;
    watch->ctx = ctx;
    *ret_watch = watch;
    return STATUS_OK;
}

enum status net_watch_set(struct net_watch *watch, int events)
{
    const int rc =
        events == 0 ? uv_poll_stop(&watch->poll) : uv_poll_start(&watch->poll, events, watch_ready);
    return rc == 0 ? STATUS_OK : STATUS_IO;
}

void net_watch_destroy(struct net_watch *watch)
{
    if (watch != NULL) {
        uv_close((uv_handle_t *)&watch->poll, free_data);
    }
}

static void alarm_fires(uv_timer_t *timer)
{
    struct net_alarm *alarm = timer->data;
    net_touch(alarm->net);
    alarm->fire(alarm->ctx);
}

enum status net_alarm_create(struct net *net, void (*fire)(void *ctx), void *ctx,
                             struct net_alarm **ret_alarm)
{
    struct net_alarm *alarm = mem_zalloc(sizeof(*alarm));
    if (alarm == NULL) {
        return STATUS_NO_MEMORY;
    }
    uv_timer_init(&net->loop, &alarm->timer);
    alarm->timer.data = alarm;
    alarm->net = net;
    alarm->fire = fire;
    alarm->ctx = ctx;
    *ret_alarm = alarm;
    return STATUS_OK;
}

enum status net_alarm_set(struct net_alarm *alarm, uint64_t in_ms)
{
    uv_update_time(&alarm->net->loop); /* a long tick must not shorten it */
    return uv_timer_start(&alarm->timer, alarm_fires, in_ms, 0) == 0 ? STATUS_OK : STATUS_IO;
}

void net_alarm_stop(struct net_alarm *alarm)
{
    uv_timer_stop(&alarm->timer);
}

void net_alarm_destroy(struct net_alarm *alarm)
{
    if (alarm != NULL) {
        uv_close((uv_handle_t *)&alarm->timer, free_data);
    }
}
