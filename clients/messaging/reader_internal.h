/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_MESSAGING_READER_INTERNAL_H
#define CLIENTS_MESSAGING_READER_INTERNAL_H

/* What the files of the reader share: partitions.c finds and attaches what reader.c reads. */
#include "base/random.h"
#include "clients/messaging/login_internal.h"
#include "clients/messaging/selector_internal.h"

#define READER_PARTITIONS_MAX 2048U /* Event Hubs' own limit is 2000, in its largest tier */
#define READER_NAME_SIZE      128U  /* of a consumer group or a partition, and a NUL */

struct partition {
    char id[READER_NAME_SIZE];
    struct position position; /* where reading starts, or goes on */
    bool has_last;
    int64_t
        last; /* sequence number of the event returned last, or that was there before the first */
    pn_link_t *link;     /* NULL: not connected */
    struct buf incoming; /* a message that has partly come */
};

struct iothub_reader {
    struct place origin; /* as the connection string has it */
    struct iothub_messaging_options connection;
    char group[READER_NAME_SIZE];
    char only[READER_NAME_SIZE]; /* the only partition; "": all */
    struct position start;
    void (*connection_changed)(void *ctx, int connected, const char *reason);
    void *ctx;

    struct login login;
    struct partition *partitions; /* owned; NULL until the first connection */
    size_t count;
    size_t turn; /* whose event is looked for first */

    bool connected;
    bool announced_lost;
    int64_t connected_at_us;
    int64_t turned_at_us; /* when bytes were moved last */
    unsigned attempts;
    int64_t retry_at_us;
    struct random random;

    struct message message; /* of the event returned last */
    struct iothub_event event;
    bool is_over;
    struct iothub_error over;
};

/* Reads the names of the partitions, if they are not known yet, and where they end, if that
 * matters; then attaches to all of them. */
MUST_CHECK enum iothub_result partitions_attach(struct iothub_reader *reader,
                                                const struct patience *patience,
                                                struct iothub_error *error);

/* Lets more come, when half of what may come has been taken. */
void partition_flow(const struct iothub_reader *reader, struct partition *partition);

#endif
