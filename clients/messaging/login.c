/* SPDX-License-Identifier: MIT */
#include "clients/messaging/login_internal.h"

#include "base/clock.h"
#include "clients/messaging/failure_internal.h"

struct patience login_patience(const struct iothub_messaging_options *options, bool interruptible)
{
    const int64_t timeout_ms = options->timeout_ms == 0 ? LOGIN_TIMEOUT_MS : options->timeout_ms;
    return (struct patience){.until_us = clock_monotonic_us() + timeout_ms * 1000,
                             .ends_with_signal = interruptible};
}

/* ---- Tokens ---- */

static enum iothub_result token_for(const struct place *place, int64_t lifetime_s, struct buf *out,
                                    struct iothub_error *error)
{
    const struct clock clock = CLOCK_SYSTEM;
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    const int64_t expiry_s = clock_now_us(&clock) / CLOCK_SECOND + lifetime_s;
    const enum status status = place_token(place, expiry_s, out, &problem);
    return status == STATUS_OK ? IOTHUB_OK : failure_status(error, status, &problem);
}

enum iothub_result login_token(const struct login *login, struct buf *out,
                               struct iothub_error *error)
{
    return token_for(&login->place, login->token_lifetime_s, out, error);
}

static enum iothub_result ask(struct login *login, struct iothub_error *error)
{
    struct buf token CLEANUP(buf_finish) = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    struct buf resource CLEANUP(buf_finish) = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    char id[REQUEST_ID_SIZE];
    enum iothub_result result = login_token(login, &token, error);
    place_resource(&login->place, &resource);
    if (result != IOTHUB_OK || buf_status(&resource) != STATUS_OK) {
        return result != IOTHUB_OK ? result : failure_status(error, STATUS_NO_MEMORY, NULL);
    }
    const struct message_request request = {
        .pairs = {{"operation", "put-token"},
                  {"type", "servicebus.windows.net:sastoken"},
                  {"name", resource.data}},
        .body = token.data,
    };
    result = requests_send(&login->cbs, &request, id, error);
    /* Early enough that the answer, or another connection, still fits into the rest of its life. */
    login->renew_at_us =
        login->place.key[0] == '\0'
            ? INT64_MAX
            : clock_monotonic_us() + login->token_lifetime_s * CLOCK_SECOND / 10 * 8;
    login->renewing = result == IOTHUB_OK;
    return result;
}

static enum iothub_result verdict(struct login *login, const struct message *answer,
                                  struct iothub_error *error)
{
    login->renewing = false;
    return requests_verdict(answer, "the token", error);
}

enum iothub_result login_open(struct login *login, const struct patience *patience,
                              struct iothub_error *error)
{
    const struct peer_login how = {.endpoint = login->place.endpoint, .tls = login->place.tls};
    struct message answer CLEANUP(message_finish);
    message_init(&answer);
    enum iothub_result result = peer_open(&how, patience, &login->peer, error);
    if (result == IOTHUB_OK) {
        result = requests_open(&login->cbs, login->peer, "$cbs", patience, error);
    }
    if (result == IOTHUB_OK) {
        result = ask(login, error);
    }
    if (result == IOTHUB_OK) {
        result = requests_await(&login->cbs, &answer, patience, error);
    }
    if (result == IOTHUB_OK) {
        result = verdict(login, &answer, error);
    }
    if (result != IOTHUB_OK) {
        login_close(login);
    }
    return result;
}

void login_close(struct login *login)
{
    requests_finish(&login->cbs);
    peer_close(login->peer);
    login->peer = NULL;
    login->renewing = false;
}

enum iothub_result login_keep(struct login *login, struct iothub_error *error)
{
    struct message answer CLEANUP(message_finish);
    enum status status = STATUS_OK;
    message_init(&answer);
    if (login->renewing && requests_take(&login->cbs, &answer, &status)) {
        return status == STATUS_OK ? verdict(login, &answer, error)
                                   : failure_status(error, status, NULL);
    }
    if (!login->renewing && clock_monotonic_us() >= login->renew_at_us) {
        return ask(login, error);
    }
    return IOTHUB_OK;
}

enum iothub_result login_renew(struct login *login, const struct patience *patience)
{
    struct message answer CLEANUP(message_finish);
    message_init(&answer);
    enum iothub_result result = login_keep(login, NULL);
    if (result == IOTHUB_OK && login->renewing) {
        result = requests_await(&login->cbs, &answer, patience, NULL);
        if (result == IOTHUB_OK) {
            result = verdict(login, &answer, NULL);
        }
    }
    return result;
}

int64_t login_due_us(const struct login *login)
{
    return login->renewing ? INT64_MAX : login->renew_at_us;
}

/* ---- The way to the event hub ---- */

static bool link_ended(void *ctx)
{
    pn_link_t *link = ctx;
    return (pn_link_state(link) & PN_REMOTE_CLOSED) != 0;
}

/* {NULL}: it is not there, or no text. */
static struct str info_text(pn_data_t *info, const char *name)
{
    pn_data_rewind(info);
    if (!pn_data_next(info) || !pn_data_enter(info) || !pn_data_lookup(info, name) ||
        (pn_data_type(info) != PN_STRING && pn_data_type(info) != PN_SYMBOL)) {
        return (struct str){0};
    }
    const pn_bytes_t bytes = pn_data_get_bytes(info);
    return str_of(bytes.start, bytes.size);
}

static int64_t info_port(pn_data_t *info)
{
    pn_data_rewind(info);
    if (!pn_data_next(info) || !pn_data_enter(info) || !pn_data_lookup(info, "port")) {
        return 0;
    }
    switch ((int)pn_data_type(info)) {
    case PN_INT:
        return pn_data_get_int(info);
    case PN_UINT:
        return pn_data_get_uint(info);
    case PN_USHORT:
        return pn_data_get_ushort(info);
    default:
        return 0;
    }
}

static enum iothub_result follow(struct place *place, pn_condition_t *condition,
                                 struct iothub_error *error)
{
    pn_data_t *info = pn_condition_info(condition);
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    struct str host = info_text(info, "network-host");
    if (host.size == 0) {
        host = info_text(info, "hostname");
    }
    const enum status status =
        place_redirect(place, info_text(info, "address"), host, info_port(info), &problem);
    return status == STATUS_OK ? IOTHUB_OK : failure_status(error, status, &problem);
}

static enum iothub_result ask_the_way(struct peer *peer, struct place *place,
                                      const struct patience *patience, struct iothub_error *error)
{
    struct buf address CLEANUP(buf_finish) = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    buf_append_format(&address, "amqps://%s/messages/events/$management", place->endpoint.host);
    pn_session_t *session = peer_session(peer);
    const struct peer_link_request request = {.session = session, .address = address.data};
    pn_link_t *link =
        session == NULL || buf_status(&address) != STATUS_OK ? NULL : peer_attach(peer, &request);
    if (link == NULL) {
        return failure_status(error, STATUS_NO_MEMORY, NULL);
    }
    pn_link_flow(link, 1);
    const enum iothub_result result =
        peer_wait(peer, link_ended, link, patience, "the way to the event hub", error);
    if (result != IOTHUB_OK) {
        return result;
    }
    pn_condition_t *condition = pn_link_remote_condition(link);
    const char *name = pn_condition_get_name(condition);
    return name != NULL && strcmp(name, "amqp:link:redirect") == 0
               ? follow(place, condition, error)
               : failure_condition(error, condition, "the way to the event hub");
}

enum iothub_result login_redirect(struct place *place, int64_t token_lifetime_s,
                                  const struct patience *patience, struct iothub_error *error)
{
    struct buf user CLEANUP(buf_finish) = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    struct buf token CLEANUP(buf_finish) = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    struct peer *peer = NULL;
    place_plain_user(place, &user);
    enum iothub_result result = token_for(place, token_lifetime_s, &token, error);
    if (result == IOTHUB_OK && buf_status(&user) != STATUS_OK) {
        result = failure_status(error, STATUS_NO_MEMORY, NULL);
    }
    if (result != IOTHUB_OK) {
        return result;
    }
    const struct peer_login how = {
        .endpoint = place->endpoint, .tls = place->tls, .user = user.data, .password = token.data};
    result = peer_open(&how, patience, &peer, error);
    if (result == IOTHUB_OK) {
        result = ask_the_way(peer, place, patience, error);
    }
    peer_close(peer);
    return result;
}
