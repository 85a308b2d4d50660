/* SPDX-License-Identifier: MIT */
/*
 * SUBSCRIBE, UNSUBSCRIBE, and the subscriptions that outlive a connection. A filter the hub does
 * not know ends the connection, as the service's does (device protocol reference, 1.6).
 */
#include "base/log.h"
#include "mqtt/limits.h"
#include "mqtt/session_internal.h"

enum { SESSION_FORM = '1' }; /* first byte of a stored session; a filter list follows */

void session_update_interests(struct session *session)
{
    const struct subscriptions *subscriptions = &session->subscriptions;
    unsigned interests = 0;
    if (subscriptions_have(subscriptions, TOPIC_FLOW_DESIRED)) {
        interests |= HUB_INTEREST_DESIRED;
    }
    if (subscriptions_have(subscriptions, TOPIC_FLOW_METHODS) ||
        subscriptions_have(subscriptions, TOPIC_FLOW_METHOD)) {
        interests |= HUB_INTEREST_METHODS;
    }
    if (session_c2d_subscribed(session)) {
        interests |= HUB_INTEREST_C2D;
    }
    hub_link_interests(session->link, interests);
}

/* ---- The stored session ---- */

static bool store(struct session *session)
{
    if (!session->persistent) {
        return true;
    }
    struct buf *bytes = &session->endpoint->body;
    buf_clear(bytes);
    buf_append_byte(bytes, SESSION_FORM);
    buf_append_str(bytes, buf_str(&session->subscriptions.list));
    return buf_status(bytes) == STATUS_OK &&
           hub_session_store(session->link, buf_str(bytes)) == HUB_OK;
}

/* Subscriptions of an unknown form are forgotten: the client finds no session and subscribes
 * again, which is better than being locked out. */
static enum hub_code restore_list(struct session *session, struct str bytes, bool *ret_present,
                                  struct problem *problem)
{
    const struct topic_owner owner = session_owner(session);
    const enum status status =
        bytes.size > 0 && bytes.data[0] == SESSION_FORM
            ? subscriptions_restore(&session->subscriptions, &owner, str_skip(bytes, 1))
            : STATUS_CORRUPT;
    if (status == STATUS_CORRUPT) {
        LOG_WARN("mqtt", "conn=%llu device=%.*s: the stored session cannot be read; it starts anew",
                 (unsigned long long)net_conn_id(session->conn), STR_ARG(session->key.device));
        return hub_session_drop(session->link);
    }
    if (status != STATUS_OK) {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s", status_text(status));
        return HUB_SERVER_ERROR;
    }
    *ret_present = true;
    return HUB_OK;
}

enum hub_code session_restore(struct session *session, bool *ret_present, struct problem *problem)
{
    if (!session->persistent) {
        return hub_session_drop(session->link);
    }
    struct str bytes = {0};
    const enum hub_code code = hub_session_load(session->link, &session->endpoint->arena, &bytes);
    if (code != HUB_OK || bytes.data == NULL) {
        return code;
    }
    return restore_list(session, bytes, ret_present, problem);
}

/* ---- SUBSCRIBE ---- */

/* All filters are judged before the first takes effect. */
static bool check_filters(struct session *session, struct packet_filters filters)
{
    const struct topic_owner owner = session_owner(session);
    struct packet_filter filter;
    struct problem problem;
    if (filters.count > MQTT_FILTERS_PER_PACKET_MAX) {
        problem_set(&problem, PROBLEM_NO_OFFSET, "SUBSCRIBE names %zu filters, more than %zu",
                    filters.count, MQTT_FILTERS_PER_PACKET_MAX);
        session_refuse(session, HUB_INVALID_OPERATION, problem.text);
        return false;
    }
    while (packet_filter_next(&filters, &filter)) {
        struct str method;
        if (topic_read_filter(&owner, filter.text, &method, &problem) == TOPIC_FLOW_FORBIDDEN) {
            session_refuse(session, HUB_INVALID_OPERATION, problem.text);
            return false;
        }
    }
    return true;
}

static bool add_filter(struct session *session, const struct packet_filter *filter)
{
    const struct topic_owner owner = session_owner(session);
    struct problem problem;
    const enum status status = subscriptions_add(&session->subscriptions, &owner, filter);
    if (status != STATUS_OK) {
        problem_set(&problem, PROBLEM_NO_OFFSET, "the client's subscriptions: %s",
                    status_text(status));
        session_refuse(session, status == STATUS_LIMIT ? HUB_INVALID_OPERATION : HUB_SERVER_ERROR,
                       problem.text);
        return false;
    }
    const size_t count_max = hub_settings(session->hub)->subscriptions_max;
    if (count_max > 0 && session->subscriptions.count > count_max) {
        problem_set(&problem, PROBLEM_NO_OFFSET,
                    "more than %zu subscriptions at a time on one connection", count_max);
        session_refuse(session, HUB_INVALID_OPERATION, problem.text);
        return false;
    }
    hub_note_subscribed(session->link, filter->text, true);
    return true;
}

void session_subscribe(struct session *session, const struct packet_frame *frame)
{
    struct problem problem;
    struct packet_filters filters;
    if (!packet_read_filters(frame, &filters, &problem)) {
        session_refuse(session, HUB_FORMAT_ERROR, problem.text);
        return;
    }
    if (!check_filters(session, filters)) {
        return;
    }
    uint8_t granted[MQTT_FILTERS_PER_PACKET_MAX];
    size_t count = 0;
    struct packet_filter filter;
    while (packet_filter_next(&filters, &filter)) {
        if (filter.qos > 1) {
            filter.qos = 1;
        }
        if (!add_filter(session, &filter)) {
            return;
        }
        granted[count++] = filter.qos;
    }
    if (!store(session)) {
        session_refuse(session, HUB_SERVER_ERROR, "the session could not be stored");
        return;
    }
    packet_append_suback(net_conn_output(session->conn), filters.packet_id, granted, count);
    if (!session->c2d.subscribed && !hub_settings(session->hub)->c2d_on_first_subscribe) {
        session->c2d.since_us = hub_now_us(session->hub);
    }
    session_update_interests(session);
}

/* ---- UNSUBSCRIBE ---- */

void session_unsubscribe(struct session *session, const struct packet_frame *frame)
{
    struct problem problem;
    struct packet_filters filters;
    if (!packet_read_filters(frame, &filters, &problem)) {
        session_refuse(session, HUB_FORMAT_ERROR, problem.text);
        return;
    }
    const struct topic_owner owner = session_owner(session);
    struct packet_filter filter;
    bool stored = true;
    while (stored && packet_filter_next(&filters, &filter)) {
        const size_t before = session->subscriptions.count;
        stored = subscriptions_remove(&session->subscriptions, &owner, filter.text) == STATUS_OK;
        if (session->subscriptions.count < before) {
            hub_note_subscribed(session->link, filter.text, false);
        }
    }
    if (!stored || !store(session)) {
        session_refuse(session, HUB_SERVER_ERROR, "the session could not be stored");
        return;
    }
    session_update_interests(session);
    packet_append_unsuback(net_conn_output(session->conn), filters.packet_id);
}
