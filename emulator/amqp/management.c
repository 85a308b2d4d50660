/* SPDX-License-Identifier: MIT */
/*
 * $management: what there is to read, and how far it goes (service reference, 7.2). A request is a
 * message with application properties; the answer goes to the receiver of the same session.
 *
 * Anybody may attach: the Java SDK does so without a token on the connection, and has one in each
 * request (security_token). That is checked then, and counts as if it had come over $cbs.
 */
#include "amqp/event_hub.h"
#include "amqp/event_message.h"
#include "amqp/kinds_internal.h"
#include "amqp/limits.h"
#include "amqp/message.h"

/* ---- requests ---- */

struct request {
    struct str operation, type, name, partition, token; /* empty: not given */
};

static struct str property(const struct amqp_message *message, struct str name)
{
    struct amqp_value value;
    if (!amqp_map_find(&message->application, name, &value) ||
        (value.type != AMQP_STRING && value.type != AMQP_SYMBOL)) {
        return STR_EMPTY;
    }
    return value.bytes;
}

/* What is answered besides the body. */
struct verdict {
    int32_t status;
    const char *condition; /* NULL: none */
    struct problem why;
};

static void say_no(struct verdict *verdict, int32_t status, const char *condition)
{
    verdict->status = status;
    verdict->condition = condition;
}

/* ---- what is read ---- */

static void append_pair(struct buf *out, struct str key, struct amqp_value value)
{
    amqp_append_string(out, key);
    amqp_append(out, &value);
}

static void append_event_hub(struct buf *out, const struct hub *hub)
{
    char texts[STORAGE_PARTITIONS_MAX][4];
    struct str ids[STORAGE_PARTITIONS_MAX];
    const unsigned count = hub_partitions(hub);
    for (unsigned i = 0; i < count; i++) {
        const char digits[] = {(char)('0' + i / 10), (char)('0' + i % 10)};
        const size_t skipped = i < 10 ? 1 : 0;
        memcpy(texts[i], digits + skipped, sizeof(digits) - skipped);
        ids[i] = str_of(texts[i], sizeof(digits) - skipped);
    }
    const struct amqp_open map = amqp_open_map(out);
    append_pair(out, STR("name"), amqp_string(hub_name(hub)));
    append_pair(out, STR("type"), amqp_string(STR("com.microsoft:eventhub")));
    append_pair(out, STR("created_at"), amqp_timestamp(hub_started_us(hub)));
    append_pair(out, STR("partition_count"), amqp_int((int32_t)count));
    amqp_append_string(out, STR("partition_ids"));
    amqp_append_string_array(out, ids, count);
    append_pair(out, STR("georeplication_factor"), amqp_int(1));
    amqp_close(out, map, 12);
}

static void append_partition(struct buf *out, const struct hub *hub, struct str id,
                             const struct hub_partition *partition)
{
    char offset[AMQP_OFFSET_TEXT_SIZE];
    const struct amqp_open map = amqp_open_map(out);
    append_pair(out, STR("name"), amqp_string(hub_name(hub)));
    append_pair(out, STR("type"), amqp_string(STR("com.microsoft:partition")));
    append_pair(out, STR("partition"), amqp_string(id));
    append_pair(out, STR("begin_sequence_number"), amqp_long((int64_t)partition->begin));
    append_pair(out, STR("last_enqueued_sequence_number"), amqp_long((int64_t)partition->next - 1));
    append_pair(out, STR("last_enqueued_offset"),
                amqp_string(amqp_offset_text(partition->last_offset, offset)));
    append_pair(out, STR("last_enqueued_time_utc"), amqp_timestamp(partition->last_us));
    append_pair(out, STR("is_partition_empty"), amqp_boolean(partition->begin == partition->next));
    amqp_close(out, map, 16);
}

static bool read_partition(struct buf *body, struct hub *hub, struct str id,
                           struct verdict *verdict)
{
    unsigned number = 0;
    struct hub_partition partition;
    if (!amqp_event_hub_partition(hub, id, &number, &verdict->why)) {
        say_no(verdict, 404, "com.microsoft:entity-not-found");
        return false;
    }
    if (hub_partition_get(hub, number, &partition) != HUB_OK) {
        problem_set(&verdict->why, PROBLEM_NO_OFFSET, "the emulator could not read its journal");
        say_no(verdict, 500, "amqp:internal-error");
        return false;
    }
    append_partition(body, hub, id, &partition);
    return true;
}

/* False: the verdict says why not. */
static bool check_right(struct amqp_conn *conn, struct str token, struct verdict *verdict)
{
    const struct str any = {NULL, 0};
    struct amqp_grant *grant = NULL;
    enum hub_code code = amqp_grant_service(conn, any, &grant, &verdict->why);
    if (code != HUB_OK && token.size > 0) {
        code = amqp_grant_token(conn, token, &verdict->why);
        if (code == HUB_OK) {
            code = amqp_grant_service(conn, any, &grant, &verdict->why);
        }
    }
    if (code != HUB_OK) {
        say_no(verdict, 401, "amqp:unauthorized-access");
    }
    return code == HUB_OK;
}

/* False: the verdict says why not. */
static bool read_entity(struct buf *body, struct hub *hub, const struct request *request,
                        struct verdict *verdict)
{
    if (!str_equal_nocase(request->operation, STR("READ"))) {
        problem_set(&verdict->why, PROBLEM_NO_OFFSET,
                    "the operation '%.*s' is not READ, which is all that $management does",
                    STR_ARG(request->operation));
        say_no(verdict, 501, "amqp:not-implemented");
        return false;
    }
    if (!amqp_event_hub_named(hub, request->name, &verdict->why)) {
        say_no(verdict, 404, "amqp:not-found");
        return false;
    }
    if (str_equal_nocase(request->type, STR("com.microsoft:eventhub"))) {
        append_event_hub(body, hub);
        return true;
    }
    if (str_equal_nocase(request->type, STR("com.microsoft:partition"))) {
        return read_partition(body, hub, request->partition, verdict);
    }
    problem_set(&verdict->why, PROBLEM_NO_OFFSET,
                "the type '%.*s' is neither com.microsoft:eventhub nor com.microsoft:partition",
                STR_ARG(request->type));
    say_no(verdict, 400, "com.microsoft:argument-error");
    return false;
}

/* ---- answers ---- */

/* The same id in the same type, or clients wait for ever. Old ones look for names in camel case. */
static void append_head(struct buf *out, const struct amqp_message *message,
                        const struct verdict *verdict)
{
    struct amqp_value properties[AMQP_PROPERTY_COUNT] = {{0}};
    const struct amqp_value *id = &message->properties[AMQP_MESSAGE_ID];
    properties[AMQP_CORRELATION_ID] =
        id->type == AMQP_NULL ? message->properties[AMQP_CORRELATION_ID] : *id;
    const struct str description = verdict->status == 200 ? STR("OK") : str_from(verdict->why.text);
    const struct amqp_value status = amqp_int(verdict->status);
    const struct amqp_entry application[] = {
        {STR("status-code"), status},
        {STR("status-description"), amqp_string(description)},
        {STR("statusCode"), status},
        {STR("statusDescription"), amqp_string(description)},
        {STR("error-condition"), amqp_symbol(str_from(verdict->condition))},
    };
    amqp_append_properties(out, properties);
    amqp_append_application(out, application,
                            ARRAY_SIZE(application) - (verdict->condition == NULL ? 1 : 0));
    amqp_append_value_section(out);
}

static enum status answer(struct amqp_link *link, struct amqp_link *receiver,
                          const struct amqp_message *message)
{
    struct amqp_endpoint *endpoint = amqp_link_endpoint(link);
    const struct request request = {
        .operation = property(message, STR("operation")),
        .type = property(message, STR("type")),
        .name = property(message, STR("name")),
        .partition = property(message, STR("partition")),
        .token = property(message, STR("security_token")),
    };
    struct verdict verdict = {.status = 200, .why = {.text = ""}};
    buf_clear(&endpoint->body);
    if (!check_right(link->conn, request.token, &verdict) ||
        !read_entity(&endpoint->body, amqp_link_hub(link), &request, &verdict)) {
        amqp_conn_note_refused(link->conn, (struct identity_key){0},
                               verdict.status == 401 ? HUB_UNAUTHORIZED_ACCESS
                                                     : HUB_GENERIC_NOT_FOUND,
                               verdict.why.text);
        amqp_append_null(&endpoint->body);
    }
    buf_clear(&endpoint->message);
    append_head(&endpoint->message, message, &verdict);
    buf_append_str(&endpoint->message, buf_str(&endpoint->body));
    if (buf_status(&endpoint->body) != STATUS_OK || buf_status(&endpoint->message) != STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    const struct amqp_outgoing outgoing = {.message = buf_str(&endpoint->message), .settled = true};
    amqp_link_send(receiver, &outgoing);
    return STATUS_OK;
}

static enum hub_code deliver(struct amqp_link *link, const struct amqp_link_kind *answers,
                             const struct amqp_delivery *delivery, struct problem *problem)
{
    struct amqp_message message;
    if (!amqp_message_read(delivery->message, &message, problem)) {
        return HUB_FORMAT_ERROR;
    }
    struct amqp_link *receiver = amqp_link_other(link, answers);
    if (receiver == NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "nobody would hear the answer: attach a receiver from $management first");
        return HUB_INVALID_OPERATION;
    }
    if (answer(link, receiver, &message) != STATUS_OK) {
        problem_set(problem, PROBLEM_NO_OFFSET, "out of memory");
        return HUB_SERVER_ERROR;
    }
    return HUB_OK;
}

/* ---- under both of its addresses ---- */

static enum hub_code check_name(struct amqp_link *link, struct problem *problem)
{
    if (!amqp_event_hub_named(amqp_link_hub(link), link->address.parts[0], problem)) {
        amqp_event_hub_refuse(link, "amqp:not-found", HUB_GENERIC_NOT_FOUND, problem->text);
    }
    return HUB_OK;
}

static enum hub_code delivery(struct amqp_link *link, const struct amqp_delivery *delivery,
                              struct problem *problem)
{
    return deliver(link, &amqp_kind_management_answers, delivery, problem);
}

static enum hub_code named_delivery(struct amqp_link *link, const struct amqp_delivery *delivery,
                                    struct problem *problem)
{
    return deliver(link, &amqp_kind_named_management_answers, delivery, problem);
}

const struct amqp_link_kind amqp_kind_management_requests = {
    .name = "management requests",
    .pattern = "$management",
    .direction = AMQP_FROM_PEER,
    .right = AMQP_FREE,
    .credit = 100,
    .message_size_max = AMQP_REQUEST_SIZE_MAX,
    .max_message_shown = AMQP_REQUEST_SIZE_MAX,
    .delivery = delivery,
};

const struct amqp_link_kind amqp_kind_management_answers = {
    .name = "management answers",
    .pattern = "$management",
    .direction = AMQP_TO_PEER,
    .right = AMQP_FREE,
};

const struct amqp_link_kind amqp_kind_named_management_requests = {
    .name = "management requests",
    .pattern = "{}/$management",
    .direction = AMQP_FROM_PEER,
    .right = AMQP_FREE,
    .credit = 100,
    .message_size_max = AMQP_REQUEST_SIZE_MAX,
    .max_message_shown = AMQP_REQUEST_SIZE_MAX,
    .attach = check_name,
    .delivery = named_delivery,
};

const struct amqp_link_kind amqp_kind_named_management_answers = {
    .name = "management answers",
    .pattern = "{}/$management",
    .direction = AMQP_TO_PEER,
    .right = AMQP_FREE,
    .attach = check_name,
};
