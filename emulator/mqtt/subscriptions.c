/* SPDX-License-Identifier: MIT */
#include "mqtt/limits.h"
#include "mqtt/subscriptions_internal.h"

void subscriptions_init(struct subscriptions *subscriptions)
{
    *subscriptions = (struct subscriptions){.list = BUF_INIT(MQTT_SUBSCRIPTIONS_SIZE_MAX)};
}

void subscriptions_finish(struct subscriptions *subscriptions)
{
    buf_finish(&subscriptions->list);
}

static void append(struct subscriptions *subscriptions, const struct topic_owner *owner,
                   const struct packet_filter *filter)
{
    struct str method;
    const enum topic_flow flow = topic_read_filter(owner, filter->text, &method, NULL);
    if (flow == TOPIC_FLOW_FORBIDDEN) {
        return;
    }
    packet_append_filter(&subscriptions->list, filter);
    subscriptions->count++;
    subscriptions->flows |= 1U << (unsigned)flow;
}

/* Builds the list anew, without `removed` and with `added` at the end (may be NULL). */
static enum status rebuild(struct subscriptions *subscriptions, const struct topic_owner *owner,
                           struct str removed, const struct packet_filter *added)
{
    struct subscriptions changed;
    subscriptions_init(&changed);
    struct packet_filters filters;
    struct packet_filter filter;
    if (!packet_read_filter_list(buf_str(&subscriptions->list), &filters, NULL)) {
        return STATUS_CORRUPT;
    }
    while (packet_filter_next(&filters, &filter)) {
        if (!str_equal(filter.text, removed)) {
            append(&changed, owner, &filter);
        }
    }
    if (added != NULL) {
        append(&changed, owner, added);
    }
    const enum status status = buf_status(&changed.list);
    if (status != STATUS_OK) {
        subscriptions_finish(&changed);
        return status;
    }
    subscriptions_finish(subscriptions);
    *subscriptions = changed;
    return STATUS_OK;
}

enum status subscriptions_add(struct subscriptions *subscriptions, const struct topic_owner *owner,
                              const struct packet_filter *filter)
{
    return rebuild(subscriptions, owner, filter->text, filter);
}

enum status subscriptions_remove(struct subscriptions *subscriptions,
                                 const struct topic_owner *owner, struct str filter)
{
    return rebuild(subscriptions, owner, filter, NULL);
}

enum status subscriptions_restore(struct subscriptions *subscriptions,
                                  const struct topic_owner *owner, struct str list)
{
    struct packet_filters filters;
    struct packet_filter filter;
    if (!packet_read_filter_list(list, &filters, NULL)) {
        return STATUS_CORRUPT;
    }
    struct subscriptions restored;
    subscriptions_init(&restored);
    while (packet_filter_next(&filters, &filter)) {
        append(&restored, owner, &filter);
    }
    const enum status status = buf_status(&restored.list);
    if (status != STATUS_OK) {
        subscriptions_finish(&restored);
        return status;
    }
    subscriptions_finish(subscriptions);
    *subscriptions = restored;
    return STATUS_OK;
}

bool subscriptions_have_method(const struct subscriptions *subscriptions,
                               const struct topic_owner *owner, struct str method)
{
    if (subscriptions_have(subscriptions, TOPIC_FLOW_METHODS)) {
        return true;
    }
    struct packet_filters filters;
    struct packet_filter filter;
    if (!subscriptions_have(subscriptions, TOPIC_FLOW_METHOD) ||
        !packet_read_filter_list(buf_str(&subscriptions->list), &filters, NULL)) {
        return false;
    }
    while (packet_filter_next(&filters, &filter)) {
        struct str name;
        if (topic_read_filter(owner, filter.text, &name, NULL) == TOPIC_FLOW_METHOD &&
            str_equal(name, method)) {
            return true;
        }
    }
    return false;
}
