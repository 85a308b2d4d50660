/* SPDX-License-Identifier: MIT */
/* Readers of events: where they start, who may read beside whom, how they go on. */
#include <assert.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "hub/events.h"
#include "hub/hub_internal.h"

enum { ROWS_OF_A_TURN = 4096 }; /* of the journal, looked at in one call: about a millisecond */

struct hub_reader {
    struct hub *hub;
    unsigned partition;
    bool exclusive;
    int64_t epoch;
    struct storage_place place;
    const struct hub_reader_ops *ops;
    void *ctx;
    struct hub_watcher watcher;
    struct list link; /* in hub->readers */
    struct str group; /* its bytes follow */
};

/* ---- where it starts ---- */

static enum hub_reader_answer machine_failed(struct hub *hub, enum status status,
                                             struct problem *problem)
{
    hub_note_failure(hub, status, problem);
    return HUB_READER_FAILED;
}

/* The service's own text, and what it most often means here. */
static enum hub_reader_answer beyond_end(const char *what, int64_t value, int64_t last,
                                         struct problem *problem)
{
    problem_set(problem, PROBLEM_NO_OFFSET,
                "The supplied %s '%" PRId64 "' is invalid. The last %s in the system is '%" PRId64
                "'. (A checkpoint of other data, from before the hub was reset? Delete it.)",
                what, value, what, last);
    return HUB_READER_BAD_START;
}

static enum hub_reader_answer start_after(struct hub *hub, unsigned partition, uint64_t sequence,
                                          struct storage_place *ret_place, struct problem *problem)
{
    const enum status status = storage_events_after(hub->storage, partition, sequence, ret_place);
    return status == STATUS_OK ? HUB_READER_OPEN : machine_failed(hub, status, problem);
}

static enum hub_reader_answer start_at_time(struct hub *hub, unsigned partition,
                                            const struct hub_start *start,
                                            struct storage_place *ret_place,
                                            struct problem *problem)
{
    enum { MS = 1000 };
    /* Events show whole milliseconds: behind one of them means in the next. */
    const int64_t latest_ms = INT64_MAX / MS - 1;
    const int64_t value_ms = start->value < latest_ms ? start->value : latest_ms;
    const int64_t first_ms = start->inclusive ? value_ms : value_ms + 1;
    const int64_t first_us = first_ms > INT64_MIN / MS ? first_ms * MS : INT64_MIN;
    uint64_t before = 0;
    const enum status status = storage_journal_before(hub->storage, first_us, &before);
    return status == STATUS_OK ? start_after(hub, partition, before, ret_place, problem)
                               : machine_failed(hub, status, problem);
}

/* The first number that is wanted, given what was named. */
static uint64_t first_wanted(const struct hub_start *start)
{
    if (start->value < 0) {
        return 0;
    }
    return (uint64_t)start->value + (start->inclusive ? 0 : 1);
}

static enum hub_reader_answer start_at_sequence(struct hub *hub, unsigned partition,
                                                const struct hub_start *start,
                                                struct storage_place *ret_place,
                                                struct problem *problem)
{
    const struct storage_partition all = storage_partition(hub->storage, partition);
    const uint64_t wanted = first_wanted(start);
    if (wanted > all.next) {
        return beyond_end("sequence number", start->value, (int64_t)all.next - 1, problem);
    }
    const enum status status = storage_events_find(
        hub->storage, partition, wanted > all.begin ? wanted : all.begin, ret_place);
    return status == STATUS_OK ? HUB_READER_OPEN : machine_failed(hub, status, problem);
}

static enum hub_reader_answer start_at_offset(struct hub *hub, unsigned partition,
                                              const struct hub_start *start,
                                              struct storage_place *ret_place,
                                              struct problem *problem)
{
    const struct storage_partition all = storage_partition(hub->storage, partition);
    const uint64_t wanted = first_wanted(start);
    if (wanted > all.last + 1) {
        return beyond_end("offset", start->value, all.last == 0 ? -1 : (int64_t)all.last, problem);
    }
    return start_after(hub, partition, wanted == 0 ? 0 : wanted - 1, ret_place, problem);
}

static enum hub_reader_answer find_start(struct hub *hub, unsigned partition,
                                         const struct hub_start *start,
                                         struct storage_place *ret_place, struct problem *problem)
{
    switch (start->at) {
    case HUB_START_FIRST:
        return start_after(hub, partition, 0, ret_place, problem);
    case HUB_START_LATEST:
        return start_after(hub, partition, UINT64_MAX, ret_place, problem);
    case HUB_START_OFFSET:
        return start_at_offset(hub, partition, start, ret_place, problem);
    case HUB_START_SEQUENCE:
        return start_at_sequence(hub, partition, start, ret_place, problem);
    case HUB_START_TIME:
        break;
    }
    return start_at_time(hub, partition, start, ret_place, problem);
}

/* ---- who may read beside whom (service reference, 7.3) ---- */

static bool beside(const struct hub_reader *reader, const struct hub_reader_request *request)
{
    return reader->partition == request->partition &&
           str_equal_nocase(reader->group, request->group);
}

static enum hub_reader_answer
check_others(struct hub *hub, const struct hub_reader_request *request, struct problem *problem)
{
    size_t count = 0;
    for (struct list *at = hub->readers.next; at != &hub->readers; at = at->next) {
        const struct hub_reader *other = LIST_ENTRY(at, struct hub_reader, link);
        if (!beside(other, request)) {
            continue;
        }
        count++;
        if (!other->exclusive || (request->exclusive && request->epoch >= other->epoch)) {
            continue;
        }
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "partition %u of consumer group '%.*s' has a reader with epoch %" PRId64
                    ", so one with %s cannot read it; close that reader, or use another consumer "
                    "group",
                    request->partition, STR_ARG(request->group), other->epoch,
                    request->exclusive ? "a lower epoch" : "no epoch");
        return HUB_READER_LOWER;
    }
    if (!request->exclusive && count >= hub->settings.event_readers_max) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "partition %u of consumer group '%.*s' has %zu readers; at most %zu can read "
                    "it at the same time. Close one, or use another consumer group",
                    request->partition, STR_ARG(request->group), count,
                    hub->settings.event_readers_max);
        return HUB_READER_TOO_MANY;
    }
    return HUB_READER_OPEN;
}

static void end_reader(struct hub_reader *reader, const char *why)
{
    const struct hub_reader_ops *ops = reader->ops;
    void *ctx = reader->ctx;
    hub_reader_close(reader);
    ops->stolen(ctx, why);
}

static struct hub_reader *find_other(const struct hub *hub, const struct hub_reader *winner,
                                     const struct hub_reader_request *request)
{
    for (struct list *at = hub->readers.next; at != &hub->readers; at = at->next) {
        struct hub_reader *other = LIST_ENTRY(at, struct hub_reader, link);
        if (other != winner && beside(other, request)) {
            return other;
        }
    }
    return NULL;
}

/* Exclusive means: nobody beside it, with an epoch or without. Those who are told may close
 * others. */
static void end_others(struct hub *hub, const struct hub_reader *winner,
                       const struct hub_reader_request *request)
{
    struct problem why;
    problem_set(&why, PROBLEM_NO_OFFSET,
                "a reader with epoch %" PRId64
                " took partition %u of consumer group '%.*s' for itself",
                request->epoch, request->partition, STR_ARG(request->group));
    struct hub_reader *other = find_other(hub, winner, request);
    while (other != NULL) {
        end_reader(other, why.text);
        other = find_other(hub, winner, request);
    }
}

/* ---- opening, closing ---- */

static void changed(void *ctx)
{
    struct hub_reader *reader = ctx;
    const struct storage_partition all = storage_partition(reader->hub->storage, reader->partition);
    if (reader->place.position >= all.next) {
        hub_reader_wait(reader);
        return;
    }
    reader->ops->available(reader->ctx);
}

static struct hub_reader *reader_new(struct hub *hub, const struct hub_reader_request *request,
                                     struct storage_place place)
{
    struct hub_reader *reader = mem_zalloc(sizeof(*reader) + request->group.size);
    if (reader == NULL) {
        return NULL;
    }
    char *group = (char *)(reader + 1);
    memcpy(group, request->group.data, request->group.size);
    reader->group = str_of(group, request->group.size);
    reader->hub = hub;
    reader->partition = request->partition;
    reader->exclusive = request->exclusive;
    reader->epoch = request->epoch;
    reader->place = place;
    reader->ops = request->ops;
    reader->ctx = request->ctx;
    reader->watcher = (struct hub_watcher){.changed = changed, .ctx = reader};
    list_append(&hub->readers, &reader->link);
    return reader;
}

enum hub_reader_answer hub_reader_open(struct hub *hub, const struct hub_reader_request *request,
                                       struct hub_reader **ret_reader, struct problem *problem)
{
    assert(request->partition < hub_partitions(hub));
    if (!hub_consumer_group(hub, request->group, problem)) {
        return HUB_READER_NO_GROUP;
    }
    enum hub_reader_answer answer = check_others(hub, request, problem);
    struct storage_place place = {0};
    if (answer == HUB_READER_OPEN) {
        answer = find_start(hub, request->partition, &request->start, &place, problem);
    }
    if (answer != HUB_READER_OPEN) {
        return answer;
    }
    struct hub_reader *reader = reader_new(hub, request, place);
    if (reader == NULL) {
        return machine_failed(hub, STATUS_NO_MEMORY, problem);
    }
    if (request->exclusive) {
        end_others(hub, reader, request);
    }
    *ret_reader = reader;
    return HUB_READER_OPEN;
}

void hub_reader_close(struct hub_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    hub_journal_unwatch(&reader->watcher);
    list_remove(&reader->link);
    mem_free(reader);
}

void hub_readers_end_all(struct hub *hub, const char *why)
{
    while (!list_empty(&hub->readers)) {
        end_reader(LIST_ENTRY(hub->readers.next, struct hub_reader, link), why);
    }
}

/* ---- reading ---- */

void hub_reader_wait(struct hub_reader *reader)
{
    hub_journal_unwatch(&reader->watcher);
    hub_journal_watch(reader->hub, &reader->watcher);
}

struct turn {
    bool (*each)(void *ctx, const struct hub_read_event *event);
    void *ctx;
};

static bool give(void *ctx, uint64_t position, const struct journal_row *row)
{
    const struct turn *turn = ctx;
    const struct hub_read_event event = {.sequence = position, .offset = row->sequence, .row = row};
    return turn->each(turn->ctx, &event);
}

/* What became too old while it waited to be read is passed. */
static enum status skip_old(struct hub_reader *reader)
{
    uint64_t floor = 0;
    const enum status status = hub_events_floor(reader->hub, &floor);
    if (status != STATUS_OK || reader->place.after >= floor) {
        return status;
    }
    return storage_events_after(reader->hub->storage, reader->partition, floor, &reader->place);
}

enum hub_code hub_reader_read(struct hub_reader *reader,
                              bool (*each)(void *ctx, const struct hub_read_event *event),
                              void *ctx, bool *ret_more)
{
    struct hub *hub = reader->hub;
    struct turn turn = {.each = each, .ctx = ctx};
    enum status status = skip_old(reader);
    if (status == STATUS_OK) {
        const struct storage_events_turn rows = {
            .partition = reader->partition, .rows_max = ROWS_OF_A_TURN, .each = give, .ctx = &turn};
        status = storage_events_read(hub->storage, &rows, &reader->place, ret_more);
    }
    return status == STATUS_OK ? HUB_OK : hub_fail(hub, status, NULL);
}
