/* SPDX-License-Identifier: MIT */
#include "clients/device/device_client_internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/alloc.h"
#include "base/sas.h"

/* ---- What libmosquitto tells us; called from within mosquitto_loop() ---- */

static void subscribe(struct device_client *client)
{
    /* libmosquitto takes char *const *, but writes to none of them. */
    char twin_responses[] = TOPIC_FILTER_TWIN_RESPONSES;
    char desired[] = TOPIC_FILTER_DESIRED;
    char methods[] = TOPIC_FILTER_METHODS;
    char *filters[3] = {twin_responses};
    int count = 1;
    if (client->handlers.desired != NULL) {
        filters[count++] = desired;
    }
    if (client->handlers.method != NULL) {
        filters[count++] = methods;
    }
    /* QoS 0: the hub sends all of these with QoS 0 anyway (device protocol reference, 1.6). A
     * failure here shows as a SUBACK that does not come. */
    (void)mosquitto_subscribe_multiple(client->mosquitto, NULL, count, filters, 0, 0, NULL);
    client->state = LINK_SUBSCRIBING;
}

static void connack_arrived(struct mosquitto *mosquitto, void *ctx, int code)
{
    (void)mosquitto;
    struct device_client *client = ctx;
    client->refusal = code;
    if (code == 0) {
        subscribe(client);
    }
}

static void suback_arrived(struct mosquitto *mosquitto, void *ctx, int id, int count,
                           const int *granted)
{
    (void)mosquitto;
    (void)id;
    struct device_client *client = ctx;
    for (int i = 0; i < count; i++) {
        if (granted[i] > 2) {
            client->subscribe_refused = true;
        }
    }
    if (!client->subscribe_refused) {
        client->state = LINK_UP;
    }
}

static void puback_arrived(struct mosquitto *mosquitto, void *ctx, int id)
{
    (void)mosquitto;
    struct device_client *client = ctx;
    if (id == client->publish_id) {
        client->published = true;
    }
}

static void message_arrived(struct mosquitto *mosquitto, void *ctx,
                            const struct mosquitto_message *message)
{
    (void)mosquitto;
    struct device_client *client = ctx;
    inbox_receive(client, str_from(message->topic),
                  str_of(message->payload, (size_t)message->payloadlen));
}

/* OpenSSL asks about each certificate of the chain; we only take down what it objected to. */
static int certificate_checked(int accepted, X509_STORE_CTX *store)
{
    if (!accepted) {
        const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
        struct device_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
        client->certificate_error = X509_STORE_CTX_get_error(store);
    }
    return accepted;
}

/* ---- Setting up ---- */

/*
 * The TLS context is ours rather than libmosquitto's, whose own would also take TLS 1.1 and either
 * the system's roots or a file, and keeps to itself why a certificate was refused.
 */
static enum status make_tls(struct device_client *client, struct problem *problem)
{
    client->tls = SSL_CTX_new(TLS_client_method());
    if (client->tls == NULL) {
        return STATUS_NO_MEMORY;
    }
    SSL_CTX_set_app_data(client->tls, client);
    SSL_CTX_set_verify(client->tls, SSL_VERIFY_PEER, certificate_checked);
    const enum status status = endpoint_trust(client->tls, problem);
    return status != STATUS_OK ? status : endpoint_expect_host(client->tls, &client->endpoint);
}

enum status link_init(struct device_client *client, struct problem *problem)
{
    struct buf client_id = BUF_INIT(DEVICE_USER_SIZE_MAX);
    buf_append_format(&client_id, "%s%s%s", client->device_id,
                      client->module_id[0] == '\0' ? "" : "/", client->module_id);
    enum status status = buf_status(&client_id);
    if (status == STATUS_OK) {
        client->mosquitto = mosquitto_new(client_id.data, false, client);
        status = client->mosquitto == NULL ? STATUS_NO_MEMORY : make_tls(client, problem);
    }
    buf_finish(&client_id);
    if (status != STATUS_OK) {
        return status;
    }
    if (mosquitto_int_option(client->mosquitto, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0) != 0 ||
        mosquitto_void_option(client->mosquitto, MOSQ_OPT_SSL_CTX, client->tls) != 0 ||
        mosquitto_int_option(client->mosquitto, MOSQ_OPT_TCP_NODELAY, 1) != 0) {
        return STATUS_NO_MEMORY;
    }
    mosquitto_connect_callback_set(client->mosquitto, connack_arrived);
    mosquitto_subscribe_callback_set(client->mosquitto, suback_arrived);
    mosquitto_publish_callback_set(client->mosquitto, puback_arrived);
    mosquitto_message_callback_set(client->mosquitto, message_arrived);
    return STATUS_OK;
}

void link_finish(struct device_client *client)
{
    mosquitto_destroy(client->mosquitto);
    client->mosquitto = NULL;
    SSL_CTX_free(client->tls);
    client->tls = NULL;
}

/* ---- What went wrong, in words ---- */

/* The codes of MQTT 3.1.1, table 3.1, and what a hub means by them (reference, 1.2). */
static enum status explain_refusal(const struct device_client *client, struct problem *problem)
{
    const char *meaning = "a code that MQTT 3.1.1 does not know";
    enum status status = STATUS_INVALID;
    switch (client->refusal) {
    case 1:
        meaning = "unacceptable protocol version; is this an MQTT 3.1.1 server?";
        break;
    case 2:
        meaning = "client id rejected";
        break;
    case 3:
        meaning = "server unavailable; it is busy or starting";
        status = STATUS_UNAVAILABLE;
        break;
    case 4:
        meaning = "bad user name or password";
        break;
    case 5:
        meaning = "not authorized; the key is wrong, the device or module does not exist or is "
                  "disabled, or this machine's clock is off";
        break;
    default:
        break;
    }
    problem_set(problem, PROBLEM_NO_OFFSET, "the hub refused the connection of \"%s%s%s\": %d, %s",
                client->device_id, client->module_id[0] == '\0' ? "" : "/", client->module_id,
                client->refusal, meaning);
    return status;
}

static enum status explain_failure(const struct device_client *client, int code,
                                   struct problem *problem)
{
    const int system_error = errno; /* of the call that failed a moment ago */
    const char *host = client->endpoint.host;
    const unsigned port = client->endpoint.port;
    if (code == MOSQ_ERR_NOMEM) {
        return STATUS_NO_MEMORY;
    }
    if (client->certificate_error != 0) {
        endpoint_explain_certificate(client->certificate_error, &client->endpoint, problem);
    } else if (code == MOSQ_ERR_EAI) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the host name \"%s\" cannot be found", host);
    } else if (code == MOSQ_ERR_ERRNO) {
        problem_set(problem, PROBLEM_NO_OFFSET, "could not reach %s, port %u: %s", host, port,
                    strerror(system_error));
    } else if (code == MOSQ_ERR_TLS) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "no TLS connection came about with %s, port %u: is that the hub's port?", host,
                    port);
    } else {
        problem_set(problem, PROBLEM_NO_OFFSET, "the connection to %s, port %u was lost: %s", host,
                    port, mosquitto_strerror(code));
    }
    return STATUS_IO;
}

/* ---- Connecting ---- */

/* The password of CONNECT: a token signed just now, or the one that the user brought. */
static enum status append_password(struct device_client *client, struct buf *out,
                                   struct problem *problem)
{
    const struct connection_string *parts = &client->parts;
    if (parts->shared_access_signature.size > 0) {
        buf_append_str(out, parts->shared_access_signature);
        client->renew_at_us = INT64_MAX;
        return buf_status(out);
    }
    const struct clock clock = CLOCK_SYSTEM;
    const int64_t now_s = clock_now_us(&clock) / CLOCK_SECOND;
    const enum status status =
        sas_sign(out, buf_str(&client->resource), parts->shared_access_key,
                 parts->shared_access_key_name, now_s + client->token_lifetime_s);
    if (status == STATUS_INVALID) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the SharedAccessKey is not base64");
    }
    /* Early enough that a few failing attempts still fit into the rest of the token's life. */
    client->renew_at_us = clock_monotonic_us() + client->token_lifetime_s * CLOCK_SECOND / 10 * 8;
    return status;
}

static enum status dial(struct device_client *client, struct problem *problem)
{
    struct buf password CLEANUP(buf_finish) = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    enum status status = append_password(client, &password, problem);
    if (status != STATUS_OK) {
        return status;
    }
    client->refusal = 0;
    client->subscribe_refused = false;
    client->certificate_error = 0;
    ERR_clear_error();
    int code = mosquitto_username_pw_set(client->mosquitto, client->user_name.data, password.data);
    if (code == MOSQ_ERR_SUCCESS) {
        code = mosquitto_connect(client->mosquitto, client->endpoint.host, client->endpoint.port,
                                 DEVICE_KEEP_ALIVE_S);
    }
    if (code != MOSQ_ERR_SUCCESS) {
        return explain_failure(client, code, problem);
    }
    client->state = LINK_CONNECTING;
    client->deadline_us = clock_monotonic_us() + DEVICE_ANSWER_TIMEOUT_US;
    return STATUS_OK;
}

/* What must be done when SUBACK has come, outside of libmosquitto's callbacks. */
static enum status link_came_up(struct device_client *client)
{
    client->connection_count++;
    client->retry_count = 0;
    client->announce_made = client->lost;
    client->lost = false;
    client->wanted = true;
    return inbox_resync(client);
}

static void hang_up(struct device_client *client)
{
    (void)mosquitto_disconnect(client->mosquitto);
    /* Lets libmosquitto write what is left and close its socket; it ends with MOSQ_ERR_NO_CONN. */
    for (int i = 0; i < 10 && mosquitto_loop(client->mosquitto, 10, 1) == MOSQ_ERR_SUCCESS; i++) {
    }
    client->state = LINK_DOWN; /* last: a SUBACK may have come in between */
}

/* A longer sleep could miss the time for PINGREQ or for a new token. */
#define LOOP_WAIT_MAX_US (5 * CLOCK_SECOND)

/* One turn of the loop of a link that is not down. On failure the link is. */
static enum status step(struct device_client *client, int64_t wait_us, struct problem *problem)
{
    const bool was_up = client->state == LINK_UP;
    const int64_t slice_us = wait_us < LOOP_WAIT_MAX_US ? wait_us : LOOP_WAIT_MAX_US;
    const int wait_ms = (int)((slice_us + 999) / 1000);
    errno = 0;
    const int code = mosquitto_loop(client->mosquitto, wait_ms, 1);
    enum status status = STATUS_OK;
    if (client->refusal != 0) {
        status = explain_refusal(client, problem);
    } else if (code != MOSQ_ERR_SUCCESS) {
        status = explain_failure(client, code, problem);
    } else if (client->subscribe_refused) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the hub refused a subscription");
        status = STATUS_INVALID;
    } else if (client->state != LINK_UP && clock_monotonic_us() > client->deadline_us) {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s, port %u did not answer in time",
                    client->endpoint.host, (unsigned)client->endpoint.port);
        status = STATUS_UNAVAILABLE;
    }
    if (status != STATUS_OK) {
        hang_up(client);
        return status;
    }
    return !was_up && client->state == LINK_UP ? link_came_up(client) : STATUS_OK;
}

enum status link_connect(struct device_client *client, struct problem *problem)
{
    enum status status = STATUS_OK;
    if (client->state == LINK_DOWN) {
        status = dial(client, problem);
    }
    while (status == STATUS_OK && client->state != LINK_UP) {
        status = step(client, CLOCK_SECOND, problem);
    }
    return status;
}

void link_disconnect(struct device_client *client)
{
    client->wanted = false;
    client->lost = false;
    if (client->state != LINK_DOWN) {
        hang_up(client);
    }
}

/* ---- Keeping it ---- */

/* Twice as long each time, and up to half as long again, lest a fleet comes back as one. */
static int64_t retry_delay_us(struct device_client *client)
{
    int64_t delay_us = DEVICE_RETRY_MAX_US;
    if (client->retry_count < 5) {
        delay_us = CLOCK_SECOND << client->retry_count;
    }
    client->retry_count++;
    return delay_us + (int64_t)(random_u64(&client->random) % (uint64_t)(delay_us / 2));
}

static void pause_for(int64_t duration_us)
{
    const struct timespec duration = {
        .tv_sec = (time_t)(duration_us / CLOCK_SECOND),
        .tv_nsec = (long)(duration_us % CLOCK_SECOND * 1000),
    };
    (void)nanosleep(&duration, NULL); /* a signal ends it early, and should */
}

static enum status mend(struct device_client *client, int64_t wait_us, struct problem *problem)
{
    const int64_t now_us = clock_monotonic_us();
    if (now_us >= client->retry_at_us) {
        return dial(client, problem);
    }
    const int64_t left_us = client->retry_at_us - now_us;
    pause_for(left_us < wait_us ? left_us : wait_us);
    return STATUS_OK;
}

enum status link_keep(struct device_client *client, int64_t wait_us, struct problem *problem)
{
    struct problem reason = {.offset = PROBLEM_NO_OFFSET};
    if (!client->wanted) {
        problem_set(problem, PROBLEM_NO_OFFSET, "not connected; call device_client_connect()");
        return STATUS_UNAVAILABLE;
    }
    if (client->state == LINK_UP && clock_monotonic_us() >= client->renew_at_us) {
        hang_up(client);
        client->retry_at_us = 0;
    }
    const enum status status = client->state == LINK_DOWN ? mend(client, wait_us, &reason)
                                                          : step(client, wait_us, &reason);
    if (status == STATUS_IO || status == STATUS_UNAVAILABLE) {
        client->retry_at_us = clock_monotonic_us() + retry_delay_us(client);
        if (!client->lost) { /* a renewal of the token is no loss, unless it fails */
            client->lost = true;
            client->announce_lost = true;
            client->lost_because = reason;
        }
        return STATUS_OK;
    }
    if (status != STATUS_OK && problem != NULL) {
        *problem = reason;
    }
    return status;
}

enum status link_await(struct device_client *client, int64_t deadline_us, struct problem *problem)
{
    while (client->state != LINK_UP) {
        const int64_t left_us = deadline_us - clock_monotonic_us();
        if (left_us <= 0) {
            problem_set(problem, PROBLEM_NO_OFFSET, "still not connected: %s",
                        client->lost_because.text);
            return STATUS_UNAVAILABLE;
        }
        const enum status status = link_keep(client, left_us, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status link_publish(struct device_client *client, const struct buf *topic, struct str body,
                         int qos, int *ret_id)
{
    const enum status status = buf_status(topic);
    if (status != STATUS_OK) {
        return status;
    }
    if (body.size > DEVICE_BODY_SIZE_MAX) {
        return STATUS_LIMIT;
    }
    const int code = mosquitto_publish(client->mosquitto, ret_id, topic->data, (int)body.size,
                                       body.data, qos, false);
    switch (code) {
    case MOSQ_ERR_SUCCESS:
        return STATUS_OK;
    case MOSQ_ERR_NOMEM:
        return STATUS_NO_MEMORY;
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_MALFORMED_UTF8:
        return STATUS_INVALID;
    default: /* the next link_keep() finds the same fault and mends it */
        return STATUS_UNAVAILABLE;
    }
}
