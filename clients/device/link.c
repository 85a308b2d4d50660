/* SPDX-License-Identifier: MIT */
#include "clients/device/device_internal.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/alloc.h"
#include "base/sas.h"

/* ---- What libmosquitto tells us; called from within mosquitto_loop() ---- */

static void subscribe(struct iothub_device *device)
{
    /* libmosquitto takes char *const *, but writes to none of them. */
    char twin_responses[] = TOPIC_FILTER_TWIN_RESPONSES;
    char desired[] = TOPIC_FILTER_DESIRED;
    char methods[] = TOPIC_FILTER_METHODS;
    char *filters[3] = {twin_responses};
    int count = 1;
    if (device->handlers.desired != NULL) {
        filters[count++] = desired;
    }
    if (device->handlers.method != NULL) {
        filters[count++] = methods;
    }
    /* QoS 0: the hub sends all of these with QoS 0 anyway (device protocol reference, 1.6). A
     * failure here shows as a SUBACK that does not come. */
    (void)mosquitto_subscribe_multiple(device->mosquitto, NULL, count, filters, 0, 0, NULL);
    device->state = LINK_SUBSCRIBING;
}

static void connack_arrived(struct mosquitto *mosquitto, void *ctx, int code)
{
    (void)mosquitto;
    struct iothub_device *device = ctx;
    device->refusal = code;
    if (code == 0) {
        subscribe(device);
    }
}

static void suback_arrived(struct mosquitto *mosquitto, void *ctx, int id, int count,
                           const int *granted)
{
    (void)mosquitto;
    (void)id;
    struct iothub_device *device = ctx;
    for (int i = 0; i < count; i++) {
        if (granted[i] > 2) {
            device->subscribe_refused = true;
        }
    }
    if (!device->subscribe_refused) {
        device->state = LINK_UP;
    }
}

static void puback_arrived(struct mosquitto *mosquitto, void *ctx, int id)
{
    (void)mosquitto;
    struct iothub_device *device = ctx;
    if (id == device->publish_id) {
        device->published = true;
    }
}

static void message_arrived(struct mosquitto *mosquitto, void *ctx,
                            const struct mosquitto_message *message)
{
    (void)mosquitto;
    struct iothub_device *device = ctx;
    inbox_receive(device, str_from(message->topic),
                  str_of(message->payload, (size_t)message->payloadlen));
}

/* OpenSSL asks about each certificate of the chain; we only take down what it objected to. */
static int certificate_checked(int accepted, X509_STORE_CTX *store)
{
    if (!accepted) {
        const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
        struct iothub_device *device = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
        device->certificate_error = X509_STORE_CTX_get_error(store);
    }
    return accepted;
}

/* ---- Setting up ---- */

/*
 * The TLS context is ours rather than libmosquitto's, whose own would also take TLS 1.1 and either
 * the system's roots or a file, and keeps to itself why a certificate was refused.
 */
static enum status make_tls(struct iothub_device *device, struct problem *problem)
{
    device->tls = SSL_CTX_new(TLS_client_method());
    if (device->tls == NULL) {
        return STATUS_NO_MEMORY;
    }
    SSL_CTX_set_app_data(device->tls, device);
    SSL_CTX_set_verify(device->tls, SSL_VERIFY_PEER, certificate_checked);
    const enum status status = endpoint_trust(device->tls, problem);
    return status != STATUS_OK ? status : endpoint_expect_host(device->tls, &device->endpoint);
}

/* Set up once in a process and never torn down: libmosquitto counts its users without a lock. */
static void init_libmosquitto(void)
{
    (void)mosquitto_lib_init();
}

enum status link_init(struct iothub_device *device, struct problem *problem)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, init_libmosquitto);

    struct buf client_id = BUF_INIT(DEVICE_USER_SIZE_MAX);
    buf_append_format(&client_id, "%s%s%s", device->device_id,
                      device->module_id[0] == '\0' ? "" : "/", device->module_id);
    enum status status = buf_status(&client_id);
    if (status == STATUS_OK) {
        device->mosquitto = mosquitto_new(client_id.data, false, device);
        status = device->mosquitto == NULL ? STATUS_NO_MEMORY : make_tls(device, problem);
    }
    buf_finish(&client_id);
    if (status != STATUS_OK) {
        return status;
    }
    if (mosquitto_int_option(device->mosquitto, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0) != 0 ||
        mosquitto_void_option(device->mosquitto, MOSQ_OPT_SSL_CTX, device->tls) != 0 ||
        mosquitto_int_option(device->mosquitto, MOSQ_OPT_TCP_NODELAY, 1) != 0) {
        return STATUS_NO_MEMORY;
    }
    mosquitto_connect_callback_set(device->mosquitto, connack_arrived);
    mosquitto_subscribe_callback_set(device->mosquitto, suback_arrived);
    mosquitto_publish_callback_set(device->mosquitto, puback_arrived);
    mosquitto_message_callback_set(device->mosquitto, message_arrived);
    return STATUS_OK;
}

void link_finish(struct iothub_device *device)
{
    mosquitto_destroy(device->mosquitto);
    device->mosquitto = NULL;
    SSL_CTX_free(device->tls);
    device->tls = NULL;
}

/* ---- What went wrong, in words ---- */

/* The codes of MQTT 3.1.1, table 3.1, and what a hub means by them (reference, 1.2). */
static enum iothub_result explain_refusal(const struct iothub_device *device,
                                          struct iothub_error *error)
{
    const char *meaning = "a code that MQTT 3.1.1 does not know";
    enum iothub_result result = IOTHUB_REFUSED;
    long http_status = 401;
    switch (device->refusal) {
    case 1:
        meaning = "unacceptable protocol version; is this an MQTT 3.1.1 server?";
        http_status = 400;
        break;
    case 2:
        meaning = "device id rejected";
        break;
    case 3:
        meaning = "server unavailable; it is busy or starting";
        result = IOTHUB_UNAVAILABLE;
        http_status = 503;
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
    (void)device_failed(error, result, "the hub refused the connection of \"%s%s%s\": %d, %s",
                        device->device_id, device->module_id[0] == '\0' ? "" : "/",
                        device->module_id, device->refusal, meaning);
    device_refusal(error, http_status, "");
    return result;
}

static enum iothub_result explain_failure(const struct iothub_device *device, int code,
                                          struct iothub_error *error)
{
    const int system_error = errno; /* of the call that failed a moment ago */
    const char *host = device->endpoint.host;
    const unsigned port = device->endpoint.port;
    if (code == MOSQ_ERR_NOMEM) {
        return device_no_memory(error);
    }
    if (device->certificate_error != 0) {
        struct problem problem;
        endpoint_explain_certificate(device->certificate_error, &device->endpoint, &problem);
        return device_failed(error, IOTHUB_UNTRUSTED, "%s", problem.text);
    }
    switch (code) {
    case MOSQ_ERR_EAI:
        return device_failed(error, IOTHUB_UNAVAILABLE, "the host name \"%s\" cannot be found",
                             host);
    case MOSQ_ERR_ERRNO:
        return device_failed(error, IOTHUB_UNAVAILABLE, "could not reach %s, port %u: %s", host,
                             port, strerror(system_error));
    case MOSQ_ERR_TLS:
        return device_failed(error, IOTHUB_UNAVAILABLE,
                             "no TLS connection came about with %s, port %u: is that the hub's "
                             "port?",
                             host, port);
    default:
        return device_failed(error, IOTHUB_UNAVAILABLE,
                             "the connection to %s, port %u was lost: %s", host, port,
                             mosquitto_strerror(code));
    }
}

/* ---- Connecting ---- */

/* The password of CONNECT: a token signed just now, or the one that the user brought. */
static enum iothub_result append_password(struct iothub_device *device, struct buf *out,
                                          struct iothub_error *error)
{
    const struct connection_string *parts = &device->parts;
    const struct problem problem = {.text = "the token is longer than 4096 bytes"};
    if (parts->shared_access_signature.size > 0) {
        buf_append_str(out, parts->shared_access_signature);
        device->renew_at_us = INT64_MAX;
        return device_status(buf_status(out), &problem, error);
    }
    const struct clock clock = CLOCK_SYSTEM;
    const int64_t now_s = clock_now_us(&clock) / CLOCK_SECOND;
    const enum status status =
        sas_sign(out, buf_str(&device->resource), parts->shared_access_key,
                 parts->shared_access_key_name, now_s + device->token_lifetime_s);
    /* Early enough that a few failing attempts still fit into the rest of the token's life. */
    device->renew_at_us = clock_monotonic_us() + device->token_lifetime_s * CLOCK_SECOND / 10 * 8;
    return device_status(status, &problem, error);
}

static enum iothub_result dial(struct iothub_device *device, struct iothub_error *error)
{
    struct buf password CLEANUP(buf_finish) = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    const enum iothub_result result = append_password(device, &password, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    device->refusal = 0;
    device->subscribe_refused = false;
    device->certificate_error = 0;
    ERR_clear_error();
    int code = mosquitto_username_pw_set(device->mosquitto, device->user_name.data, password.data);
    if (code == MOSQ_ERR_SUCCESS) {
        code = mosquitto_connect(device->mosquitto, device->endpoint.host, device->endpoint.port,
                                 DEVICE_KEEP_ALIVE_S);
    }
    if (code != MOSQ_ERR_SUCCESS) {
        return explain_failure(device, code, error);
    }
    device->state = LINK_CONNECTING;
    device->deadline_us = clock_monotonic_us() + DEVICE_ANSWER_TIMEOUT_US;
    return IOTHUB_OK;
}

/* What must be done when SUBACK has come, outside of libmosquitto's callbacks. */
static enum iothub_result link_came_up(struct iothub_device *device, struct iothub_error *error)
{
    device->connection_count++;
    device->retry_count = 0;
    device->announce_made = device->lost;
    device->lost = false;
    device->wanted = true;
    return inbox_resync(device) == STATUS_OK ? IOTHUB_OK : device_no_memory(error);
}

static void hang_up(struct iothub_device *device)
{
    (void)mosquitto_disconnect(device->mosquitto);
    /* Lets libmosquitto write what is left and close its socket; it ends with MOSQ_ERR_NO_CONN. */
    for (int i = 0; i < 10 && mosquitto_loop(device->mosquitto, 10, 1) == MOSQ_ERR_SUCCESS; i++) {
    }
    device->state = LINK_DOWN; /* last: a SUBACK may have come in between */
}

/* A longer sleep could miss the time for PINGREQ or for a new token. */
#define LOOP_WAIT_MAX_US (5 * CLOCK_SECOND)

/* One turn of the loop of a link that is not down. On failure the link is. */
static enum iothub_result step(struct iothub_device *device, int64_t wait_us,
                               struct iothub_error *error)
{
    const bool was_up = device->state == LINK_UP;
    const int64_t slice_us = wait_us < LOOP_WAIT_MAX_US ? wait_us : LOOP_WAIT_MAX_US;
    const int wait_ms = (int)((slice_us + 999) / 1000);
    errno = 0;
    const int code = mosquitto_loop(device->mosquitto, wait_ms, 1);
    enum iothub_result result = IOTHUB_OK;
    if (device->refusal != 0) {
        result = explain_refusal(device, error);
    } else if (code != MOSQ_ERR_SUCCESS) {
        result = explain_failure(device, code, error);
    } else if (device->subscribe_refused) {
        result = device_failed(error, IOTHUB_REFUSED, "the hub refused a subscription");
    } else if (device->state != LINK_UP && clock_monotonic_us() > device->deadline_us) {
        result = device_failed(error, IOTHUB_UNAVAILABLE, "%s, port %u did not answer in time",
                               device->endpoint.host, (unsigned)device->endpoint.port);
    }
    if (result != IOTHUB_OK) {
        hang_up(device);
        return result;
    }
    return !was_up && device->state == LINK_UP ? link_came_up(device, error) : IOTHUB_OK;
}

enum iothub_result link_connect(struct iothub_device *device, struct iothub_error *error)
{
    enum iothub_result result = IOTHUB_OK;
    if (device->state == LINK_DOWN) {
        result = dial(device, error);
    }
    while (result == IOTHUB_OK && device->state != LINK_UP) {
        result = step(device, CLOCK_SECOND, error);
    }
    return result;
}

void link_disconnect(struct iothub_device *device)
{
    device->wanted = false;
    device->lost = false;
    if (device->state != LINK_DOWN) {
        hang_up(device);
    }
}

/* ---- Keeping it ---- */

/* Twice as long each time, and up to half as long again, lest a fleet comes back as one. */
static int64_t retry_delay_us(struct iothub_device *device)
{
    int64_t delay_us = DEVICE_RETRY_MAX_US;
    if (device->retry_count < 5) {
        delay_us = CLOCK_SECOND << device->retry_count;
    }
    device->retry_count++;
    return delay_us + (int64_t)(random_u64(&device->random) % (uint64_t)(delay_us / 2));
}

static void pause_for(int64_t duration_us)
{
    const struct timespec duration = {
        .tv_sec = (time_t)(duration_us / CLOCK_SECOND),
        .tv_nsec = (long)(duration_us % CLOCK_SECOND * 1000),
    };
    (void)nanosleep(&duration, NULL); /* a signal ends it early, and should */
}

static enum iothub_result mend(struct iothub_device *device, int64_t wait_us,
                               struct iothub_error *error)
{
    const int64_t now_us = clock_monotonic_us();
    if (now_us >= device->retry_at_us) {
        return dial(device, error);
    }
    const int64_t left_us = device->retry_at_us - now_us;
    pause_for(left_us < wait_us ? left_us : wait_us);
    return IOTHUB_OK;
}

enum iothub_result link_keep(struct iothub_device *device, int64_t wait_us,
                             struct iothub_error *error)
{
    struct iothub_error reason = {.text = ""};
    if (!device->wanted) {
        return device_failed(error, IOTHUB_UNAVAILABLE,
                             "not connected; call iothub_device_connect()");
    }
    if (device->state == LINK_UP && clock_monotonic_us() >= device->renew_at_us) {
        hang_up(device);
        device->retry_at_us = 0;
    }
    const enum iothub_result result = device->state == LINK_DOWN ? mend(device, wait_us, &reason)
                                                                 : step(device, wait_us, &reason);
    if (result == IOTHUB_UNAVAILABLE || result == IOTHUB_UNTRUSTED) {
        device->retry_at_us = clock_monotonic_us() + retry_delay_us(device);
        if (!device->lost) { /* a renewal of the token is no loss, unless it fails */
            device->lost = true;
            device->announce_lost = true;
            device->lost_because = reason;
        }
        return IOTHUB_OK;
    }
    if (result != IOTHUB_OK && error != NULL) {
        *error = reason;
    }
    return result;
}

enum iothub_result link_await(struct iothub_device *device, int64_t deadline_us,
                              struct iothub_error *error)
{
    while (device->state != LINK_UP) {
        const int64_t left_us = deadline_us - clock_monotonic_us();
        if (left_us <= 0) {
            return device_failed(error, IOTHUB_UNAVAILABLE, "still not connected: %s",
                                 device->lost_because.text);
        }
        const enum iothub_result result = link_keep(device, left_us, error);
        if (result != IOTHUB_OK) {
            return result;
        }
    }
    return IOTHUB_OK;
}

enum status link_publish(struct iothub_device *device, const struct buf *topic, struct str body,
                         int qos, int *ret_id)
{
    const enum status status = buf_status(topic);
    if (status != STATUS_OK) {
        return status;
    }
    if (body.size > DEVICE_BODY_SIZE_MAX) {
        return STATUS_LIMIT;
    }
    const int code = mosquitto_publish(device->mosquitto, ret_id, topic->data, (int)body.size,
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
