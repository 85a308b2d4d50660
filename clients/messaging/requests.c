/* SPDX-License-Identifier: MIT */
#include "clients/messaging/requests_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "clients/messaging/failure_internal.h"

enum { CREDIT = 100 };

static bool pair_is_decided(void *ctx)
{
    const struct requests *requests = ctx;
    const bool refused = peer_link_decided(requests->receiver) &&
                         (pn_link_state(requests->receiver) & PN_REMOTE_CLOSED) != 0;
    return refused ||
           (peer_link_decided(requests->receiver) && peer_link_decided(requests->sender) &&
            (pn_link_credit(requests->sender) > 0 ||
             (pn_link_state(requests->sender) & PN_REMOTE_CLOSED) != 0));
}

enum iothub_result requests_open(struct requests *requests, struct peer *peer, const char *address,
                                 const struct patience *patience, struct iothub_error *error)
{
    pn_session_t *session = peer_session(peer);
    const struct peer_link_request in = {.session = session, .address = address};
    const struct peer_link_request out = {.session = session, .address = address, .sends = true};
    struct requests made = {.peer = peer,
                            .incoming = BUF_INIT(MESSAGE_SIZE_MAX),
                            .address = address,
                            .receiver = session == NULL ? NULL : peer_attach(peer, &in),
                            .sender = session == NULL ? NULL : peer_attach(peer, &out)};
    if (made.receiver == NULL || made.sender == NULL) {
        return failure_status(error, STATUS_NO_MEMORY, NULL);
    }
    pn_link_flow(made.receiver, CREDIT);
    char what[64];
    (void)snprintf(what, sizeof(what), "the link to %s", address);
    enum iothub_result result = peer_wait(peer, pair_is_decided, &made, patience, what, error);
    if (result == IOTHUB_OK) {
        result = peer_link_verdict(peer, made.receiver, what, error);
    }
    if (result == IOTHUB_OK) {
        result = peer_link_verdict(peer, made.sender, what, error);
    }
    if (result == IOTHUB_OK) {
        *requests = made;
    }
    return result;
}

void requests_finish(struct requests *requests)
{
    buf_finish(&requests->incoming);
    *requests = (struct requests){0};
}

void requests_close(struct requests *requests)
{
    if (requests->peer != NULL) {
        pn_session_close(pn_link_session(requests->sender));
    }
    requests_finish(requests);
}

enum iothub_result requests_send(struct requests *requests, const struct message_request *request,
                                 char ret_id[REQUEST_ID_SIZE], struct iothub_error *error)
{
    struct buf bytes CLEANUP(buf_finish) = BUF_INIT(MESSAGE_SIZE_MAX);
    struct message_request numbered = *request;
    char id[REQUEST_ID_SIZE];
    (void)snprintf(id, sizeof(id), "%" PRIu64, requests->peer->number_next++);
    numbered.id = id;
    numbered.reply_to = pn_terminus_get_address(pn_link_target(requests->receiver));
    const enum status status = message_write_request(&numbered, &bytes);
    pn_delivery_t *delivery =
        status == STATUS_OK ? peer_send(requests->peer, requests->sender, buf_str(&bytes)) : NULL;
    if (delivery == NULL) {
        return failure_status(error, STATUS_NO_MEMORY, NULL);
    }
    pn_delivery_settle(delivery); /* the answer tells all there is to tell */
    memcpy(ret_id, id, sizeof(id));
    return IOTHUB_OK;
}

bool requests_take(struct requests *requests, struct message *answer, enum status *ret_status)
{
    pn_delivery_t *delivery = NULL;
    if (!peer_receive(requests->receiver, &requests->incoming, &delivery)) {
        return false;
    }
    enum status status = buf_status(&requests->incoming);
    if (status == STATUS_OK) {
        status = message_read(buf_str(&requests->incoming), answer, NULL);
    }
    buf_clear(&requests->incoming);
    pn_delivery_update(delivery, PN_ACCEPTED);
    pn_delivery_settle(delivery);
    pn_link_flow(requests->receiver, 1);
    *ret_status = status;
    return true;
}

struct awaiting {
    struct requests *requests;
    struct message *answer;
    enum status status;
    bool came;
};

static bool answer_came(void *ctx)
{
    struct awaiting *awaiting = ctx;
    awaiting->came = awaiting->came ||
                     requests_take(awaiting->requests, awaiting->answer, &awaiting->status) ||
                     (pn_link_state(awaiting->requests->receiver) & PN_REMOTE_CLOSED) != 0;
    return awaiting->came;
}

enum iothub_result requests_await(struct requests *requests, struct message *answer,
                                  const struct patience *patience, struct iothub_error *error)
{
    char what[64];
    (void)snprintf(what, sizeof(what), "an answer from %s", requests->address);
    struct awaiting awaiting = {.requests = requests, .answer = answer, .status = STATUS_OK};
    enum iothub_result result =
        peer_wait(requests->peer, answer_came, &awaiting, patience, what, error);
    if (result == IOTHUB_OK && answer->properties == NULL && awaiting.status == STATUS_OK) {
        result = peer_link_verdict(requests->peer, requests->receiver, what, error);
    }
    if (result == IOTHUB_OK && awaiting.status != STATUS_OK) {
        result = failure_status(error, awaiting.status, NULL);
    }
    return result;
}

const char *requests_id_of(const struct message *answer)
{
    const cJSON *id = json_member(answer->properties, "correlation_id");
    return cJSON_IsString(id) ? id->valuestring : "";
}

enum iothub_result requests_verdict(const struct message *answer, const char *what,
                                    struct iothub_error *error)
{
    enum { FIRST_REFUSAL = 300 };
    double code = 0;
    if (!json_member_number(answer->application, "status-code", &code)) {
        (void)json_member_number(answer->application, "statusCode", &code);
    }
    if (code >= 200 && code < FIRST_REFUSAL) {
        return IOTHUB_OK;
    }
    const cJSON *words = json_member(answer->application, "status-description");
    const cJSON *condition = json_member(answer->application, "error-condition");
    return failure_answer(error, (long)code,
                          cJSON_IsString(condition) ? condition->valuestring
                          : code == 401             ? "amqp:unauthorized-access"
                                                    : "",
                          cJSON_IsString(words) ? words->valuestring : "", what);
}
