/* SPDX-License-Identifier: MIT */
/*
 * Claims-based security: tokens that come as messages to $cbs and are answered on the receiver of
 * the same session (device protocol reference, 9.3; service reference, 6.3). The name of a request
 * is not looked at: SDKs disagree about it, and the token says itself what it is for.
 */
#include "amqp/kinds_internal.h"
#include "amqp/limits.h"
#include "amqp/message.h"

/* What a put-token asks, in the bytes of its message. */
struct request {
    struct amqp_value id;
    struct str operation, type; /* empty: not given, or no text */
    struct str token;
};

static struct str text_of(const struct amqp_value *value)
{
    return value->type == AMQP_STRING || value->type == AMQP_SYMBOL ? value->bytes : STR_EMPTY;
}

static struct str property(const struct amqp_message *message, struct str name)
{
    struct amqp_value value;
    return amqp_map_find(&message->application, name, &value) ? text_of(&value) : STR_EMPTY;
}

static struct request read_request(const struct amqp_message *message)
{
    return (struct request){
        .id = message->properties[AMQP_MESSAGE_ID],
        .operation = property(message, STR("operation")),
        .type = property(message, STR("type")),
        .token = message->body_is == AMQP_SECTION_VALUE ? text_of(&message->body) : STR_EMPTY,
    };
}

static enum hub_code check_request(const struct request *request, struct problem *problem)
{
    if (!str_equal(request->operation, STR("put-token"))) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the operation '%.*s' is not put-token",
                    STR_ARG(request->operation));
        return HUB_ARGUMENT_INVALID;
    }
    if (str_equal_nocase(request->type, STR("bearer")) ||
        str_equal_nocase(request->type, STR("jwt"))) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the token is of type '%.*s': this hub knows no Azure Active Directory; use "
                    "a connection string with a SharedAccessKey",
                    STR_ARG(request->type));
        return HUB_UNAUTHORIZED_ACCESS;
    }
    if (!str_equal(request->type, STR("servicebus.windows.net:sastoken"))) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the token's type '%.*s' is not servicebus.windows.net:sastoken",
                    STR_ARG(request->type));
        return HUB_ARGUMENT_INVALID;
    }
    if (request->token.size == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the body is no string with a token in it");
        return HUB_ARGUMENT_INVALID;
    }
    return HUB_OK;
}

/* The same id in the same type; the status an int: clients take nothing else. */
static void append_answer(struct buf *out, const struct amqp_value *id, enum hub_code code,
                          const char *why)
{
    struct amqp_value properties[AMQP_PROPERTY_COUNT] = {{0}};
    properties[AMQP_CORRELATION_ID] = *id;
    const struct amqp_entry application[] = {
        {STR("status-code"), amqp_int((int32_t)hub_code_http_status(code))},
        {STR("status-description"), amqp_string(code == HUB_OK ? STR("OK") : str_from(why))},
    };
    amqp_append_properties(out, properties);
    amqp_append_application(out, application, ARRAY_SIZE(application));
    amqp_append_value_section(out);
    amqp_append_null(out);
}

static enum hub_code put_token(struct amqp_link *link, const struct request *request,
                               struct problem *problem)
{
    const enum hub_code code = check_request(request, problem);
    return code != HUB_OK ? code : amqp_grant_token(link->conn, request->token, problem);
}

/* Whose token it says it is: a refusal is told beside the device that it concerns. `decoded` backs
 * it. */
static struct identity_key claimed_by(struct str token, struct buf *decoded)
{
    struct hub_token claim;
    struct problem ignored;
    return hub_token_read(token, decoded, &claim, &ignored) == HUB_OK ? claim.key : amqp_nobody;
}

/* Accepted, whatever becomes of the token: that is what the answer says. */
static enum hub_code delivery(struct amqp_link *link, const struct amqp_delivery *delivery,
                              struct problem *problem)
{
    struct amqp_message message;
    if (!amqp_message_read(delivery->message, &message, problem)) {
        return HUB_FORMAT_ERROR;
    }
    const struct request request = read_request(&message);
    struct problem why = {.text = ""};
    const enum hub_code code = put_token(link, &request, &why);
    if (code != HUB_OK) {
        CLEANUP(buf_finish) struct buf decoded = BUF_INIT(AMQP_REQUEST_SIZE_MAX);
        amqp_conn_note_refused(link->conn, claimed_by(request.token, &decoded), code, why.text);
    }
    struct amqp_link *receiver = amqp_link_other(link, &amqp_kind_cbs_answers);
    if (receiver == NULL) {
        return HUB_OK; /* nobody listens; the token counts all the same */
    }
    struct buf *answer = &amqp_link_endpoint(link)->message;
    buf_clear(answer);
    append_answer(answer, &request.id, code, why.text);
    if (buf_status(answer) != STATUS_OK) {
        problem_set(problem, PROBLEM_NO_OFFSET, "out of memory");
        return HUB_SERVER_ERROR;
    }
    const struct amqp_outgoing outgoing = {.message = buf_str(answer), .settled = true};
    amqp_link_send(receiver, &outgoing);
    return HUB_OK;
}

const struct amqp_link_kind amqp_kind_cbs_requests = {
    .name = "cbs requests",
    .pattern = "$cbs",
    .direction = AMQP_FROM_PEER,
    .right = AMQP_FREE,
    .credit = 100,
    .message_size_max = AMQP_REQUEST_SIZE_MAX,
    .max_message_shown = AMQP_REQUEST_SIZE_MAX,
    .delivery = delivery,
};

const struct amqp_link_kind amqp_kind_cbs_answers = {
    .name = "cbs answers",
    .pattern = "$cbs",
    .direction = AMQP_TO_PEER,
    .right = AMQP_FREE,
};
