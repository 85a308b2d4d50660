/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/clock.h"
#include "clients/messaging/backoff_internal.h"
#include "clients/messaging/event_internal.h"
#include "clients/messaging/failure_internal.h"
#include "clients/messaging/reader_internal.h"

/* A connection that lasted so long was a good one: the next attempt waits no longer than the first.
 */
#define GOOD_AFTER_US (30 * CLOCK_SECOND)

/* A program that is slower than its events finds some waiting each time; the connection wants to be
 * looked after all the same. */
#define TURN_EVERY_US CLOCK_SECOND

/* ---- Connecting ---- */

static void disconnect(struct iothub_reader *reader)
{
    for (size_t i = 0; i < reader->count; i++) {
        reader->partitions[i].link = NULL;
        buf_clear(&reader->partitions[i].incoming);
    }
    login_close(&reader->login);
    reader->connected = false;
}

static enum iothub_result connect_now(struct iothub_reader *reader, bool interruptible,
                                      struct iothub_error *error)
{
    const struct patience patience = login_patience(&reader->connection, interruptible);
    struct place place = reader->origin;
    enum iothub_result result = IOTHUB_OK;
    if (!place.is_event_hub) {
        result = login_redirect(&place, reader->login.token_lifetime_s, &patience, error);
    }
    if (result != IOTHUB_OK) {
        return result;
    }
    reader->login.place = place;
    result = login_open(&reader->login, &patience, error);
    if (result == IOTHUB_OK) {
        result = partitions_attach(reader, &patience, error);
    }
    reader->connected = result == IOTHUB_OK;
    reader->connected_at_us = clock_monotonic_us();
    if (result != IOTHUB_OK) {
        disconnect(reader);
    }
    return result;
}

/* ---- Losing it, and making it anew ---- */

static void retry_later(struct iothub_reader *reader)
{
    reader->retry_at_us =
        clock_monotonic_us() + backoff_delay_us(reader->attempts, random_u64(&reader->random));
    reader->attempts++;
}

static void lose(struct iothub_reader *reader, const struct iothub_error *reason)
{
    if (reader->connected && clock_monotonic_us() - reader->connected_at_us >= GOOD_AFTER_US) {
        reader->attempts = 0;
    }
    disconnect(reader);
    retry_later(reader);
    if (!reader->announced_lost) {
        reader->announced_lost = true;
        if (reader->connection_changed != NULL) {
            reader->connection_changed(reader->ctx, 0, reason->text);
        }
    }
}

static enum iothub_result give_up(struct iothub_reader *reader, const struct iothub_error *reason,
                                  struct iothub_error *error)
{
    disconnect(reader);
    if (reason->result != IOTHUB_NO_MEMORY) {
        reader->is_over = true;
        reader->over = *reason;
    }
    if (error != NULL) {
        *error = *reason;
    }
    return reason->result;
}

/* Too many readers: one of them may be ourselves, whom the other side does not know to be gone. */
static bool may_pass(const struct iothub_error *reason)
{
    return reason->result == IOTHUB_UNAVAILABLE ||
           strcmp(reason->code, "amqp:resource-limit-exceeded") == 0 ||
           strcmp(reason->code, "com.microsoft:quota-exceeded") == 0;
}

static enum iothub_result mend(struct iothub_reader *reader, struct iothub_error *error)
{
    struct iothub_error reason = {.result = IOTHUB_OK};
    const enum iothub_result result = connect_now(reader, true, &reason);
    if (result == IOTHUB_OK) {
        if (reader->announced_lost && reader->connection_changed != NULL) {
            reader->connection_changed(reader->ctx, 1, "");
        }
        reader->announced_lost = false;
        return IOTHUB_OK;
    }
    if (!may_pass(&reason)) {
        return give_up(reader, &reason, error);
    }
    lose(reader, &reason);
    return IOTHUB_OK;
}

/* ---- Events ---- */

/* What came twice, which services do when they have moved a partition, is passed over. */
static bool is_old(const struct partition *partition, const struct iothub_event *event)
{
    return partition->has_last && event->sequence_number <= partition->last;
}

static enum status take_from(struct iothub_reader *reader, struct partition *partition,
                             pn_delivery_t *delivery, struct problem *problem)
{
    enum status status = buf_status(&partition->incoming);
    if (status == STATUS_OK) {
        status = message_read(buf_str(&partition->incoming), &reader->message, problem);
    }
    if (status != STATUS_OK) {
        return status;
    }
    buf_clear(&partition->incoming);
    pn_delivery_update(delivery, PN_ACCEPTED);
    pn_delivery_settle(delivery);
    partition_flow(reader, partition);
    reader->event = event_of(&reader->message, partition->id);
    return STATUS_OK;
}

/* The next event of whichever partition has one; they take turns. */
static enum status take_event(struct iothub_reader *reader, bool *ret_came, struct problem *problem)
{
    for (size_t i = 0; i < reader->count; i++) {
        pn_delivery_t *delivery = NULL;
        struct partition *partition = &reader->partitions[(reader->turn + i) % reader->count];
        while (peer_receive(partition->link, &partition->incoming, &delivery)) {
            const enum status status = take_from(reader, partition, delivery, problem);
            if (status != STATUS_OK) {
                return status;
            }
            if (is_old(partition, &reader->event)) {
                continue;
            }
            partition->has_last = true;
            partition->last = reader->event.sequence_number;
            partition->position =
                position_after(reader->event.offset, reader->event.sequence_number);
            reader->turn = (reader->turn + i + 1) % reader->count;
            *ret_came = true;
            return STATUS_OK;
        }
    }
    return STATUS_OK;
}

/* IOTHUB_OK as long as all links live. */
static enum iothub_result check_links(struct iothub_reader *reader, struct iothub_error *error)
{
    for (size_t i = 0; i < reader->count; i++) {
        const enum iothub_result result = peer_link_verdict(
            reader->login.peer, reader->partitions[i].link, "reading events", error);
        if (result != IOTHUB_OK) {
            return result;
        }
    }
    return IOTHUB_OK;
}

enum turn { TURN_AGAIN, TURN_EVENT, TURN_TIMED_OUT, TURN_OVER };

static enum turn lost_or_over(struct iothub_reader *reader, const struct iothub_error *reason,
                              struct iothub_error *error)
{
    if (strcmp(reason->code, "amqp:link:stolen") == 0) {
        (void)give_up(reader, reason, error);
        return TURN_OVER;
    }
    lose(reader, reason);
    return TURN_AGAIN;
}

/* Nothing has come: what else is there to do? */
static enum turn wait_for_more(struct iothub_reader *reader, int64_t until_us,
                               struct iothub_error *error)
{
    struct iothub_error reason = {.result = IOTHUB_OK};
    enum iothub_result result = login_keep(&reader->login, &reason);
    if (result == IOTHUB_OK) {
        result = check_links(reader, &reason);
    }
    if (result != IOTHUB_OK) {
        return lost_or_over(reader, &reason, error);
    }
    const int64_t due_us = login_due_us(&reader->login);
    const struct patience patience = {.until_us = due_us < until_us ? due_us : until_us,
                                      .ends_with_signal = true};
    switch (peer_step(reader->login.peer, &patience)) {
    case PEER_WENT_ON:
    case PEER_ENDED: /* what came before the end is taken first; then check_links() sees it */
        return TURN_AGAIN;
    case PEER_INTERRUPTED:
        return TURN_TIMED_OUT;
    case PEER_TIMED_OUT:
        break;
    }
    return clock_monotonic_us() >= until_us ? TURN_TIMED_OUT : TURN_AGAIN;
}

/* Heartbeats, settlements, credit, a new token. */
static enum iothub_result look_after(struct iothub_reader *reader, struct iothub_error *error)
{
    const int64_t now_us = clock_monotonic_us();
    if (now_us - reader->turned_at_us < TURN_EVERY_US) {
        return IOTHUB_OK;
    }
    reader->turned_at_us = now_us;
    peer_turn(reader->login.peer); /* should it end here, what came before is taken first */
    return login_keep(&reader->login, error);
}

static enum turn read_on(struct iothub_reader *reader, int64_t until_us, struct iothub_error *error)
{
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    bool came = false;
    struct iothub_error reason = {.result = IOTHUB_OK};
    if (look_after(reader, &reason) != IOTHUB_OK) {
        return lost_or_over(reader, &reason, error);
    }
    const enum status status = take_event(reader, &came, &problem);
    if (status != STATUS_OK) {
        (void)failure_status(&reason, status, &problem);
        (void)give_up(reader, &reason, error);
        return TURN_OVER;
    }
    return came ? TURN_EVENT : wait_for_more(reader, until_us, error);
}

static enum turn mend_in_time(struct iothub_reader *reader, int64_t until_us,
                              struct iothub_error *error)
{
    const int64_t now_us = clock_monotonic_us();
    if (now_us >= reader->retry_at_us) {
        return mend(reader, error) == IOTHUB_OK ? TURN_AGAIN : TURN_OVER;
    }
    const bool retry_first = reader->retry_at_us < until_us;
    if (!backoff_sleep(retry_first ? reader->retry_at_us : until_us)) {
        return TURN_TIMED_OUT;
    }
    return retry_first ? TURN_AGAIN : TURN_TIMED_OUT;
}

/* ---- The door ---- */

static bool keep(char out[READER_NAME_SIZE], const char *text, const char *otherwise)
{
    const struct str name = str_from(text == NULL || text[0] == '\0' ? otherwise : text);
    if (name.size >= READER_NAME_SIZE || str_find(name, '/') != SIZE_MAX) {
        return false;
    }
    memcpy(out, name.data, name.size);
    out[name.size] = '\0';
    return true;
}

static enum status prepare(struct iothub_reader *reader, const char *connection_string,
                           const struct iothub_reader_options *options, struct problem *problem)
{
    reader->connection = options->connection;
    reader->connection_changed = options->connection_changed;
    reader->ctx = options->ctx;
    reader->login = (struct login){.token_lifetime_s = options->connection.token_lifetime_s == 0
                                                           ? LOGIN_TOKEN_S
                                                           : options->connection.token_lifetime_s};
    message_init(&reader->message);
    if (!keep(reader->group, options->consumer_group, "$Default") ||
        !keep(reader->only, options->partition, "")) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the name of the consumer group or partition is too long, or has a '/' in it");
        return STATUS_INVALID;
    }
    const uint16_t port = options->connection.port;
    enum status status = place_parse(str_from(connection_string), port == 0 ? PLACE_PORT_TLS : port,
                                     &reader->origin, problem);
    if (status == STATUS_OK) {
        status = position_of(options, &reader->start, problem);
    }
    return status == STATUS_OK ? random_init_system(&reader->random) : status;
}

enum iothub_result iothub_reader_open(const char *connection_string,
                                      const struct iothub_reader_options *options,
                                      struct iothub_reader **ret_reader, struct iothub_error *error)
{
    const struct iothub_reader_options defaults = {.consumer_group = NULL};
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    struct iothub_reader *reader = mem_zalloc(sizeof(*reader));
    if (reader == NULL) {
        return failure_status(error, STATUS_NO_MEMORY, NULL);
    }
    const enum status status =
        prepare(reader, connection_string, options == NULL ? &defaults : options, &problem);
    const enum iothub_result result = status == STATUS_OK ? connect_now(reader, false, error)
                                                          : failure_status(error, status, &problem);
    if (result != IOTHUB_OK) {
        iothub_reader_close(reader);
        return result;
    }
    *ret_reader = reader;
    return IOTHUB_OK;
}

void iothub_reader_close(struct iothub_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    disconnect(reader);
    for (size_t i = 0; i < reader->count; i++) {
        buf_finish(&reader->partitions[i].incoming);
    }
    mem_free(reader->partitions);
    message_finish(&reader->message);
    mem_free(reader);
}

enum iothub_result iothub_reader_receive(struct iothub_reader *reader, unsigned timeout_ms,
                                         const struct iothub_event **ret_event,
                                         struct iothub_error *error)
{
    const int64_t until_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    struct iothub_error reason = {.result = IOTHUB_OK};
    enum turn turn = reader->is_over ? TURN_OVER : TURN_AGAIN;
    if (reader->is_over) {
        reason = reader->over;
    }
    while (turn == TURN_AGAIN) {
        turn = reader->connected ? read_on(reader, until_us, &reason)
                                 : mend_in_time(reader, until_us, &reason);
    }
    if (turn == TURN_OVER) {
        if (error != NULL) {
            *error = reason;
        }
        return reason.result;
    }
    *ret_event = turn == TURN_EVENT ? &reader->event : NULL;
    return IOTHUB_OK;
}

size_t iothub_reader_partition_count(const struct iothub_reader *reader)
{
    return reader->count;
}
