/* SPDX-License-Identifier: MIT */
#include "hub/events.h"

#include <assert.h>
#include <inttypes.h>

#include "base/log.h"
#include "hub/hub_internal.h"

/* ---- what is an event, and of which partition ---- */

/* Service reference, 8. An identity that is only updated is no event there. */
static const struct {
    unsigned route;
    struct hub_notification of_device, of_module;
} notifications[HUB_EVENT_COUNT] = {
    [HUB_EVENT_TELEMETRY] = {HUB_ROUTE_TELEMETRY, {.source = "Telemetry"}, {.source = "Telemetry"}},
    [HUB_EVENT_TWIN_CHANGED] = {HUB_ROUTE_TWIN,
                                {"twinChangeEvents", "twinChangeNotification", "updateTwin"},
                                {"twinChangeEvents", "twinChangeNotification", "updateTwin"}},
    [HUB_EVENT_REPORTED] = {HUB_ROUTE_TWIN,
                            {"twinChangeEvents", "twinChangeNotification", "updateTwin"},
                            {"twinChangeEvents", "twinChangeNotification", "updateTwin"}},
    [HUB_EVENT_IDENTITY_CREATED] = {HUB_ROUTE_LIFECYCLE,
                                    {"deviceLifecycleEvents", "deviceLifecycleNotification",
                                     "createDeviceIdentity"},
                                    {"deviceLifecycleEvents", "moduleLifecycleNotification",
                                     "createModuleIdentity"}},
    [HUB_EVENT_IDENTITY_DELETED] = {HUB_ROUTE_LIFECYCLE,
                                    {"deviceLifecycleEvents", "deviceLifecycleNotification",
                                     "deleteDeviceIdentity"},
                                    {"deviceLifecycleEvents", "moduleLifecycleNotification",
                                     "deleteModuleIdentity"}},
    [HUB_EVENT_CONNECTED] = {HUB_ROUTE_CONNECTION,
                             {"deviceConnectionStateEvents", "deviceConnectionStateNotification",
                              "deviceConnected"},
                             {"deviceConnectionStateEvents", "moduleConnectionStateNotification",
                              "moduleConnected"}},
    [HUB_EVENT_DISCONNECTED] = {HUB_ROUTE_CONNECTION,
                                {"deviceConnectionStateEvents", "deviceConnectionStateNotification",
                                 "deviceDisconnected"},
                                {"deviceConnectionStateEvents", "moduleConnectionStateNotification",
                                 "moduleDisconnected"}},
};

static const struct {
    const char *name;
    enum hub_route route;
} routes[] = {
    {"telemetry", HUB_ROUTE_TELEMETRY},
    {"twin", HUB_ROUTE_TWIN},
    {"lifecycle", HUB_ROUTE_LIFECYCLE},
    {"connection", HUB_ROUTE_CONNECTION},
};

static bool route_from_name(struct str name, unsigned *ret_route)
{
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        if (str_equal_nocase(name, str_from(routes[i].name))) {
            *ret_route = routes[i].route;
            return true;
        }
    }
    return false;
}

bool hub_routes_from_text(struct str text, unsigned *ret_routes)
{
    unsigned all = 0;
    for (bool more = true; more;) {
        struct str name;
        more = str_cut(text, ',', &name, &text);
        unsigned route = 0;
        if (!route_from_name(str_trim(name), &route)) {
            return false;
        }
        all |= route;
    }
    *ret_routes = all;
    return true;
}

unsigned hub_route_of(enum hub_event event)
{
    return notifications[event].route;
}

/* FNV-1a leaves ids that differ in their last characters only near each other: mixed once more, as
 * MurmurHash3 ends. Never to be changed: readers remember positions in partitions. */
unsigned hub_partition_of(const struct hub *hub, struct str device)
{
    const uint64_t hash = str_hash(device);
    const uint64_t mixed = ((hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd)) >> 33;
    return (unsigned)(mixed % storage_partitions(hub->storage));
}

/* ---- how a row is shown ---- */

struct hub_notification hub_notification_of(const struct journal_row *row)
{
    assert(row->kind < HUB_EVENT_COUNT && notifications[row->kind].route != 0);
    struct hub_notification notification = row->key.module.size > 0
                                               ? notifications[row->kind].of_module
                                               : notifications[row->kind].of_device;
    /* The one whose kind does not say what was done: see note_change() in twin.c. */
    if (row->kind == HUB_EVENT_TWIN_CHANGED &&
        str_equal(row->detail, STR("{\"opType\":\"replaceTwin\"}"))) {
        notification.operation = "replaceTwin";
    }
    return notification;
}

/* Readers compare them as hexadecimal numbers, to know which of two states is the later. */
void hub_notification_body_append(struct buf *out, const struct journal_row *row)
{
    if (row->kind == HUB_EVENT_CONNECTED || row->kind == HUB_EVENT_DISCONNECTED) {
        buf_append_format(out, "{\"sequenceNumber\":\"%048d%016" PRIX64 "\"}", 0, row->sequence);
    }
}

/* ---- partitions ---- */

int64_t hub_started_us(const struct hub *hub)
{
    return hub->started_us;
}

unsigned hub_partitions(const struct hub *hub)
{
    return storage_partitions(hub->storage);
}

/* Looked up once a second: it takes some twenty reads. */
enum status hub_events_floor(struct hub *hub, uint64_t *ret_sequence)
{
    const int64_t now_us = hub_now_us(hub);
    if (now_us < hub->events_floor_us || now_us - hub->events_floor_us >= CLOCK_SECOND) {
        const int64_t oldest_us = now_us - hub->settings.events_retention_s * CLOCK_SECOND;
        const enum status status =
            storage_journal_before(hub->storage, oldest_us, &hub->events_floor);
        if (status != STATUS_OK) {
            return status;
        }
        hub->events_floor_us = now_us;
    }
    *ret_sequence = hub->events_floor;
    return STATUS_OK;
}

enum hub_code hub_partition_get(struct hub *hub, unsigned partition,
                                struct hub_partition *ret_partition)
{
    uint64_t floor = 0;
    struct storage_place first;
    enum status status = hub_events_floor(hub, &floor);
    if (status == STATUS_OK) {
        status = storage_events_after(hub->storage, partition, floor, &first);
    }
    if (status != STATUS_OK) {
        return hub_fail(hub, status, NULL);
    }
    const struct storage_partition all = storage_partition(hub->storage, partition);
    *ret_partition = (struct hub_partition){
        .begin = first.position < all.next ? first.position : all.next,
        .next = all.next,
        .last_offset = all.last,
        .last_us = all.last_us,
    };
    return HUB_OK;
}

/* ---- consumer groups ---- */

bool hub_consumer_group(const struct hub *hub, struct str group, struct problem *problem)
{
    if (str_equal_nocase(group, STR("$Default"))) {
        return true;
    }
    CLEANUP(buf_finish) struct buf known = BUF_INIT(HUB_SCRATCH_MAX);
    buf_append_str(&known, STR("$Default"));
    for (size_t i = 0; i < hub->group_count; i++) {
        if (str_equal_nocase(group, hub->groups[i])) {
            return true;
        }
        buf_append_str(&known, STR(", "));
        buf_append_str(&known, hub->groups[i]);
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "there is no consumer group '%.*s', only %.*s; start the emulator with "
                "--consumer-groups %.*s",
                STR_ARG(group), STR_ARG(buf_str(&known)), STR_ARG(group));
    return false;
}
