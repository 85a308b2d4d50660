/* SPDX-License-Identifier: MIT */
#include "clients/device/device_internal.h"

#include <pthread.h>
#include <time.h>

#include <openssl/ssl.h>

/* Sent and not confirmed; more wait in libmosquitto for their turn. At a round trip of 100 ms this
 * is 2560 messages a second. */
#define IN_FLIGHT_MAX 256U

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
    const enum status status = endpoint_trust(device->tls, problem);
    return status != STATUS_OK ? status : endpoint_expect_host(device->tls, &device->endpoint);
}

/* Set up once in a process and never torn down: libmosquitto counts its users without a lock. */
static void init_libmosquitto(void)
{
    (void)mosquitto_lib_init();
}

static enum status make_mosquitto(struct iothub_device *device)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, init_libmosquitto);

    struct buf client_id CLEANUP(buf_finish) = BUF_INIT(DEVICE_USER_SIZE_MAX);
    buf_append_format(&client_id, "%s%s%s", device->device_id,
                      device->module_id[0] == '\0' ? "" : "/", device->module_id);
    if (buf_status(&client_id) != STATUS_OK) {
        return buf_status(&client_id);
    }
    device->mosquitto = mosquitto_new(client_id.data, false, device);
    if (device->mosquitto == NULL ||
        mosquitto_int_option(device->mosquitto, MOSQ_OPT_TCP_NODELAY, 1) != 0 ||
        mosquitto_max_inflight_messages_set(device->mosquitto, IN_FLIGHT_MAX) != 0) {
        return STATUS_NO_MEMORY;
    }
    connection_listen(device->mosquitto);
    return STATUS_OK;
}

enum status link_init(struct iothub_device *device, struct problem *problem)
{
    enum status status = make_mosquitto(device);
    if (status == STATUS_OK) {
        status = make_tls(device, problem);
    }
    if (status == STATUS_OK) {
        relay_init(&device->relay);
    }
    return status;
}

void link_finish(struct iothub_device *device)
{
    mosquitto_destroy(device->mosquitto);
    device->mosquitto = NULL;
    relay_finish(&device->relay);
    SSL_CTX_free(device->tls);
    device->tls = NULL;
}

/* ---- Connecting ---- */

/* What must be done when SUBACK has come, outside of libmosquitto's callbacks. */
static enum iothub_result came_up(struct iothub_device *device, struct iothub_error *error)
{
    device->connection_count++;
    device->retry_count = 0;
    device->announce_made = device->lost;
    device->lost = false;
    device->wanted = true;
    return inbox_resync(device) == STATUS_OK ? IOTHUB_OK : device_no_memory(error);
}

static enum iothub_result step(struct iothub_device *device, int64_t wait_us,
                               struct iothub_error *error)
{
    const bool was_up = device->state == LINK_UP;
    const enum iothub_result result = connection_step(device, wait_us, error);
    if (device->state >= LINK_SUBSCRIBING && device->held_count > 0) {
        outbox_release(device);
    }
    return result == IOTHUB_OK && !was_up && device->state == LINK_UP ? came_up(device, error)
                                                                      : result;
}

enum iothub_result link_connect(struct iothub_device *device, struct iothub_error *error)
{
    enum iothub_result result = IOTHUB_OK;
    if (device->state == LINK_DOWN) {
        result = connection_dial(device, error);
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
        connection_end(device);
    }
}

/* ---- Keeping it ---- */

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
        return connection_dial(device, error);
    }
    const int64_t left_us = device->retry_at_us - now_us;
    pause_for(left_us < wait_us ? left_us : wait_us);
    return IOTHUB_OK;
}

/* The credentials' time has come: a token of ours is made anew by a reconnect; of one that the
 * program brought it is told, unless it brought another (renew_at_us is 0 then). */
static void renew(struct iothub_device *device)
{
    if (device->credential == CREDENTIAL_SIGNATURE && device->renew_at_us != 0) {
        device->renew_at_us = INT64_MAX;
        device->announce_expiry = true;
        device->expiry_announced = true;
        return;
    }
    connection_end(device);
    device->retry_at_us = 0;
}

static void note_loss(struct iothub_device *device, const struct iothub_error *reason)
{
    const int64_t delay_us =
        settings_retry_delay_us(device->settings, device->retry_count, random_u64(&device->random));
    device->retry_count++;
    device->retry_at_us = clock_monotonic_us() + delay_us;
    device->lost_because = *reason;
    if (!device->lost) { /* a renewal of the token is no loss, unless it fails */
        device->lost = true;
        device->announce_lost = true;
    }
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
        renew(device);
    }
    const enum iothub_result result = device->state == LINK_DOWN ? mend(device, wait_us, &reason)
                                                                 : step(device, wait_us, &reason);
    if (result == IOTHUB_UNAVAILABLE || result == IOTHUB_UNTRUSTED) {
        note_loss(device, &reason);
        return IOTHUB_OK;
    }
    if (result == IOTHUB_REFUSED || result == IOTHUB_INVALID) {
        device->wanted = false; /* only iothub_device_connect() tries again */
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
    const int code = mosquitto_publish(device->mosquitto, ret_id, topic->data, (int)body.size,
                                       body.data, qos, false);
    if (device->state > LINK_DIALLING) {
        /* Off at once, and not at the next turn. A failure shows again there, and is mended. */
        (void)connection_flush(device, NULL);
    }
    switch (code) {
    case MOSQ_ERR_SUCCESS:
        return STATUS_OK;
    case MOSQ_ERR_NOMEM:
        return STATUS_NO_MEMORY;
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_MALFORMED_UTF8:
        return STATUS_INVALID;
    default:
        return STATUS_UNAVAILABLE;
    }
}
