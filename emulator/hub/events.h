/* SPDX-License-Identifier: MIT */
#ifndef HUB_EVENTS_H
#define HUB_EVENTS_H

/*
 * What the built-in, Event Hubs-compatible endpoint reads (service reference, 7): apart from hub.h
 * because only that endpoint needs it.
 *
 * Rows of the journal that a route names, in partitions. A device's events, and its modules',
 * are all in one, chosen by a hash of its id that stays the same between versions. In a partition
 * they have sequence numbers, from 0 and without gaps, and offsets, which only grow.
 */
#include "hub/hub.h"

int64_t hub_started_us(const struct hub *hub);  /* on its clock: when the event hub was made */
unsigned hub_partitions(const struct hub *hub); /* how many there are */
unsigned hub_partition_of(const struct hub *hub, struct str device);

struct hub_partition {
    uint64_t begin; /* sequence number of the first event that is served */
    uint64_t next;  /* of the one that comes next; equal to `begin` when there is none to read */
    uint64_t last_offset; /* of the last event there ever was; 0: none */
    int64_t last_us;      /* when it was enqueued */
};
MUST_CHECK enum hub_code hub_partition_get(struct hub *hub, unsigned partition,
                                           struct hub_partition *ret_partition);

/* What a routed row is called on the endpoint (service reference, 8). */
struct hub_notification {
    const char *source;    /* iothub-message-source: "Telemetry", "twinChangeEvents" ... */
    const char *schema;    /* iothub-message-schema; NULL: telemetry has none */
    const char *operation; /* opType; likewise */
};
struct hub_notification hub_notification_of(const struct journal_row *row);
/* The body of a row that has none: a connection's {"sequenceNumber":"<64 hex digits>"}. */
void hub_notification_body_append(struct buf *out, const struct journal_row *row);

/* "$Default", in any case, or one of the configured ones. False: the problem lists them. */
bool hub_consumer_group(const struct hub *hub, struct str group, struct problem *problem);

/* Where reading starts. */
enum hub_start_at {
    HUB_START_FIRST,
    HUB_START_LATEST,   /* with what comes from now on */
    HUB_START_OFFSET,   /* behind `value`, or with it when inclusive */
    HUB_START_SEQUENCE, /* likewise */
    HUB_START_TIME,     /* likewise; milliseconds since 1970, as events show them */
};
struct hub_start {
    enum hub_start_at at;
    int64_t value;
    bool inclusive;
};

struct hub_reader;
struct hub_reader_ops {
    /* Somebody with an epoch as high or higher took the partition: the reader is already gone. */
    void (*stolen)(void *ctx, const char *why);
    /* After a commit, once for each hub_reader_wait(): there is more to read. */
    void (*available)(void *ctx);
};
struct hub_reader_request {
    struct str group;
    unsigned partition; /* below hub_partitions() */
    struct hub_start start;
    bool exclusive; /* with an epoch */
    int64_t epoch;
    const struct hub_reader_ops *ops;
    void *ctx;
};
enum hub_reader_answer {
    HUB_READER_OPEN,
    HUB_READER_NO_GROUP,  /* there is no such consumer group */
    HUB_READER_BAD_START, /* it lies behind the last event */
    HUB_READER_LOWER,     /* one with a higher epoch is there, or with any, when this has none */
    HUB_READER_TOO_MANY,  /* settings.event_readers_max */
    HUB_READER_FAILED,    /* the machine did */
};
/* On anything but HUB_READER_OPEN the problem says why. */
MUST_CHECK enum hub_reader_answer hub_reader_open(struct hub *hub,
                                                  const struct hub_reader_request *request,
                                                  struct hub_reader **ret_reader,
                                                  struct problem *problem);
void hub_reader_close(struct hub_reader *reader); /* takes NULL */

struct hub_read_event {
    uint64_t sequence; /* in the partition */
    uint64_t offset;
    const struct journal_row *row; /* during the call */
};
/*
 * Gives committed events, in order, until `each` says false (that one then comes again), or a part
 * of the journal that keeps the tick short was looked at. `each` must not call the hub. *ret_more:
 * read on soon, but let others have their turn; else hub_reader_wait().
 */
MUST_CHECK enum hub_code hub_reader_read(struct hub_reader *reader,
                                         bool (*each)(void *ctx,
                                                      const struct hub_read_event *event),
                                         void *ctx, bool *ret_more);
void hub_reader_wait(struct hub_reader *reader); /* harmless when it waits already */

/* ---- telemetry, read back ---- */

/* What a row of the journal tells of a message. Strings are in the row, or in the arena. */
struct hub_sent {
    struct str auth;       /* hub_auth_method_name() */
    struct str generation; /* of the sender's identity, decimal */
    struct str model_id;   /* announced by the sender's connection; empty: none */
    struct hub_message message;
};
/* Reads a HUB_EVENT_TELEMETRY. STATUS_CORRUPT when it is not what hub_telemetry() writes. */
MUST_CHECK enum status hub_telemetry_read(const struct journal_row *row, struct arena *arena,
                                          struct hub_sent *ret_sent);

#endif
