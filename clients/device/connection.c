/* SPDX-License-Identifier: MIT */
#include "clients/device/device_internal.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/sas.h"
#include "base/url.h"

/* The version that the SDK of Node sends; any hub of the last years knows it (device protocol
 * reference, 1.1 and 10). */
#define API_VERSION "2021-04-12"
#define CLIENT_TYPE "iothub-device/0.1 (C; libmosquitto)"

/* A longer sleep could miss the time for PINGREQ or for a new token. */
#define WAIT_MAX_US (5 * CLOCK_SECOND)

#define GOODBYE_US  (CLOCK_SECOND) /* for DISCONNECT to leave */

enum { CHUNK_SIZE = 16384 }; /* a TLS record's worth */

/* ---- What libmosquitto tells us; called from within connection_step() ---- */

static void add_filter(char **filters, int *count, struct buf *filter)
{
    if (buf_status(filter) == STATUS_OK) {
        filters[(*count)++] = filter->data;
    }
}

/*
 * All at once, with QoS 1: a hub grants it, and then wants PUBACK for messages; twins and methods
 * come with QoS 0 in any case (device protocol reference, 1.6). A failure here shows as a SUBACK
 * that does not come.
 */
static void subscribe(struct iothub_device *device)
{
    char twin_responses[] = TOPIC_FILTER_TWIN_RESPONSES;
    char desired[] = TOPIC_FILTER_DESIRED;
    char methods[] = TOPIC_FILTER_METHODS;
    struct buf messages CLEANUP(buf_finish) = BUF_INIT(DEVICE_TOPIC_SIZE_MAX);
    char *filters[4] = {twin_responses};
    int count = 1;
    if (device->handlers.desired != NULL) {
        filters[count++] = desired;
    }
    if (device->handlers.method != NULL) {
        filters[count++] = methods;
    }
    if (device->handlers.message != NULL) {
        topic_append_message_filter(&messages, device->device_id, device->module_id);
        add_filter(filters, &count, &messages);
    }
    (void)mosquitto_subscribe_multiple(device->mosquitto, NULL, count, filters, 1, 0, NULL);
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
    outbox_confirm(ctx, id);
}

static void message_arrived(struct mosquitto *mosquitto, void *ctx,
                            const struct mosquitto_message *message)
{
    (void)mosquitto;
    inbox_receive(ctx, str_from(message->topic),
                  str_of(message->payload, (size_t)message->payloadlen),
                  message->qos > 0 ? (uint16_t)message->mid : 0);
}

void connection_listen(struct mosquitto *mosquitto)
{
    mosquitto_connect_callback_set(mosquitto, connack_arrived);
    mosquitto_subscribe_callback_set(mosquitto, suback_arrived);
    mosquitto_publish_callback_set(mosquitto, puback_arrived);
    mosquitto_message_callback_set(mosquitto, message_arrived);
}

/* ---- What went wrong, in words ---- */

/* The codes of MQTT 3.1.1, table 3.1, and what a hub means by them (reference, 1.2). */
static enum iothub_result explain_refusal(const struct iothub_device *device,
                                          struct iothub_error *error)
{
    struct problem words = {.text = "a code that MQTT 3.1.1 does not know"};
    enum iothub_result result = IOTHUB_REFUSED;
    const char *meaning = words.text;
    const char *because = "";
    long http_status = 401;
    switch (device->refusal) {
    case 1:
        meaning = "unacceptable protocol version; is this an MQTT 3.1.1 server?";
        http_status = 400;
        break;
    case 2:
        meaning = "client id rejected";
        break;
    case 3:
        meaning = "server unavailable; it is busy or starting";
        result = IOTHUB_UNAVAILABLE;
        http_status = 503;
        break;
    case 4:
        meaning = "bad user name or password: ";
        credentials_explain(device, &words);
        because = words.text;
        break;
    case 5:
        meaning = "not authorized: ";
        credentials_explain(device, &words);
        because = words.text;
        break;
    default:
        break;
    }
    (void)device_failed(error, result, "the hub refused the connection of \"%s%s%s\": %d, %s%s",
                        device->device_id, device->module_id[0] == '\0' ? "" : "/",
                        device->module_id, device->refusal, meaning, because);
    device_refusal(error, http_status, "");
    return result;
}

static enum iothub_result lost(const struct iothub_device *device, int code,
                               struct iothub_error *error)
{
    if (code == MOSQ_ERR_NOMEM) {
        return device_no_memory(error);
    }
    const char *why = mosquitto_strerror(code);
    if (code == MOSQ_ERR_SUCCESS || code == MOSQ_ERR_CONN_LOST) {
        why = device->state == LINK_UP
                  ? "the hub closed it; another client with this identity, a topic that it does "
                    "not allow, or an end of the token can be the cause"
                  : "the other side closed it";
    } else if (code == MOSQ_ERR_KEEPALIVE) {
        why = "the hub did not answer a sign of life";
    }
    return device_failed(error, IOTHUB_UNAVAILABLE, "the connection to %s, port %u was lost: %s",
                         device->endpoint.host, (unsigned)device->endpoint.port, why);
}

static enum iothub_result too_late(const struct iothub_device *device, struct iothub_error *error)
{
    static const char *const missing[] = {
        [LINK_DOWN] = "answer",
        [LINK_DIALLING] = "answer",
        [LINK_CONNECTING] = "accept the device (CONNACK)",
        [LINK_SUBSCRIBING] = "confirm the subscriptions (SUBACK)",
        [LINK_UP] = "answer",
    };
    const char *what = missing[device->state];
    if (device->state == LINK_DIALLING && stream_state(device->stream) == STREAM_SHAKING) {
        what = "begin to speak TLS";
    }
    return device_failed(error, IOTHUB_UNAVAILABLE, "%s, port %u did not %s within %d ms",
                         device->endpoint.host, (unsigned)device->endpoint.port, what,
                         (int)device->settings[IOTHUB_DEVICE_CONNECT_TIMEOUT_MS]);
}

/* What clients/endpoint says; `problem` holds the words. */
static enum iothub_result stream_failed(enum iothub_result result, const struct problem *problem,
                                        struct iothub_error *error)
{
    return result == IOTHUB_NO_MEMORY ? device_no_memory(error)
                                      : device_failed(error, result, "%s", problem->text);
}

static enum iothub_result broken(const struct iothub_device *device, struct iothub_error *error)
{
    return device_failed(error, IOTHUB_UNAVAILABLE, "the connection to %s, port %u was lost: %s",
                         device->endpoint.host, (unsigned)device->endpoint.port,
                         stream_why(device->stream));
}

/* ---- Dialling ---- */

/*
 * The names under which CONNECT introduces us. They hold the hub's name even where a gateway is
 * dialled, and never a port (device protocol reference, 1.1 and 7.1). The values are encoded, the
 * ids are not.
 */
static void append_user_name(const struct iothub_device *device, struct buf *out)
{
    const bool is_module = device->module_id[0] != '\0';
    buf_append_format(out,
                      "%s/%s/%s%s?api-version=" API_VERSION "&DeviceClientType=", device->hub.host,
                      device->device_id, device->module_id, is_module ? "/" : "");
    if (device->product != NULL) {
        url_encode_append(out, str_from(device->product));
        url_encode_append(out, STR(" "));
    }
    url_encode_append(out, STR(CLIENT_TYPE));
    if (device->model_id != NULL) {
        buf_append_str(out, STR("&model-id="));
        url_encode_append(out, str_from(device->model_id));
    }
}

static enum iothub_result open_stream(struct iothub_device *device, struct iothub_error *error)
{
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    const struct stream_target target = {
        .endpoint = device->endpoint, .protocol = "MQTT", .tls = true, .context = device->tls};
    const enum iothub_result result =
        stream_open(&target, device->deadline_us, &device->stream, &problem);
    if (result != IOTHUB_OK) {
        connection_end(device);
        return stream_failed(result, &problem, error);
    }
    return IOTHUB_OK;
}

enum iothub_result connection_dial(struct iothub_device *device, struct iothub_error *error)
{
    struct buf password CLEANUP(buf_finish) = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    struct buf user_name CLEANUP(buf_finish) = BUF_INIT(DEVICE_USER_SIZE_MAX);
    const enum iothub_result result = credentials_append_password(device, &password, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    append_user_name(device, &user_name);
    if (buf_status(&user_name) != STATUS_OK ||
        mosquitto_username_pw_set(device->mosquitto, user_name.data,
                                  password.size > 0 ? password.data : NULL) != 0) {
        return device_no_memory(error);
    }
    device->refusal = 0;
    device->subscribe_refused = false;
    device->dial_count++;
    device->deadline_us =
        clock_monotonic_us() +
        device->settings[IOTHUB_DEVICE_CONNECT_TIMEOUT_MS] * (CLOCK_SECOND / 1000);
    device->state = LINK_DIALLING;
    return open_stream(device, error);
}

/* TLS stands: now libmosquitto may speak. */
static enum iothub_result introduce(struct iothub_device *device, struct iothub_error *error)
{
    device->state = LINK_CONNECTING;
    return relay_open(&device->relay, device->mosquitto,
                      (int)device->settings[IOTHUB_DEVICE_KEEP_ALIVE_S], error);
}

/* ---- Going on ---- */

static int wait_ms(const struct iothub_device *device, int64_t wait_us)
{
    int64_t left_us = wait_us < WAIT_MAX_US ? wait_us : WAIT_MAX_US;
    if (device->state != LINK_UP) {
        const int64_t end_us =
            device->state == LINK_DIALLING ? stream_due_us(device->stream) : device->deadline_us;
        const int64_t until_us = end_us - clock_monotonic_us();
        left_us = until_us < left_us ? until_us : left_us;
    }
    if (left_us <= 0 || stream_has_pending(device->stream)) {
        return 0;
    }
    return (int)((left_us + 999) / 1000);
}

static void wait_for_step(struct iothub_device *device, int64_t wait_us)
{
    struct pollfd poll_fd = {.fd = stream_fd(device->stream),
                             .events = stream_events(device->stream)};
    (void)poll(&poll_fd, 1, wait_ms(device, wait_us));
}

static void wait_for_traffic(struct iothub_device *device, int64_t wait_us)
{
    const struct relay *relay = &device->relay;
    struct pollfd fds[3] = {
        {.fd = stream_fd(device->stream),
         .events = (short)(stream_events(device->stream) & POLLOUT)},
        {.fd = relay->fd},
        {.fd = mosquitto_socket(device->mosquitto), .events = POLLIN},
    };
    if (relay->down.size < RELAY_SIZE_MAX) {
        fds[0].events |= POLLIN;
    }
    if (relay->up.size < RELAY_SIZE_MAX) {
        fds[1].events = POLLIN;
    }
    if (relay->down.size > 0) {
        fds[1].events |= POLLOUT;
    }
    if (mosquitto_want_write(device->mosquitto)) {
        fds[2].events |= POLLOUT;
    }
    (void)poll(fds, 3, wait_ms(device, wait_us));
}

/* What has arrived from the hub, as far as there is room. */
static enum iothub_result hear(struct iothub_device *device, struct iothub_error *error)
{
    struct buf *down = &device->relay.down;
    while (down->size < RELAY_SIZE_MAX) {
        size_t size = 0;
        void *room = buf_room(down, CHUNK_SIZE);
        if (room == NULL) {
            return device_no_memory(error);
        }
        switch (stream_read(device->stream, room, CHUNK_SIZE, &size)) {
        case STREAM_MOVED:
            buf_grown(down, size);
            break;
        case STREAM_WAITS:
            return IOTHUB_OK;
        case STREAM_ENDED:
            return stream_was_closed(device->stream) ? IOTHUB_OK : broken(device, error);
        }
    }
    return IOTHUB_OK;
}

/* What is to go to the hub, as far as it goes. */
static enum iothub_result say(struct iothub_device *device, struct iothub_error *error)
{
    struct buf *up = &device->relay.up;
    while (up->size > 0) {
        size_t size = 0;
        switch (stream_write(device->stream, up->data, up->size, &size)) {
        case STREAM_MOVED:
            buf_consume(up, size);
            break;
        case STREAM_WAITS:
            return IOTHUB_OK;
        case STREAM_ENDED:
            return broken(device, error);
        }
    }
    return IOTHUB_OK;
}

/* From the hub through libmosquitto, and back. */
static enum iothub_result move_traffic(struct iothub_device *device, int *ret_code,
                                       struct iothub_error *error)
{
    struct relay *relay = &device->relay;
    enum iothub_result result = hear(device, error);
    relay_give(relay);
    int code = mosquitto_loop_read(device->mosquitto, 1);
    if (code == MOSQ_ERR_SUCCESS && mosquitto_want_write(device->mosquitto)) {
        code = mosquitto_loop_write(device->mosquitto, 1);
    }
    if (code == MOSQ_ERR_SUCCESS) {
        code = mosquitto_loop_misc(device->mosquitto);
    }
    *ret_code = code;
    if (result == IOTHUB_OK) {
        result = connection_flush(device, error);
    }
    return result;
}

enum iothub_result connection_flush(struct iothub_device *device, struct iothub_error *error)
{
    const enum iothub_result result = relay_take(&device->relay, error);
    return result == IOTHUB_OK ? say(device, error) : result;
}

static enum iothub_result speak(struct iothub_device *device, int64_t wait_us,
                                struct iothub_error *error)
{
    wait_for_traffic(device, wait_us);
    int code = MOSQ_ERR_SUCCESS;
    const enum iothub_result result = move_traffic(device, &code, error);
    if (device->refusal != 0) { /* more telling than the end of the connection that follows */
        return explain_refusal(device, error);
    }
    if (device->subscribe_refused) {
        return device_failed(error, IOTHUB_REFUSED, "the hub refused a subscription");
    }
    if (result != IOTHUB_OK) {
        return result;
    }
    return code != MOSQ_ERR_SUCCESS || stream_was_closed(device->stream) ? lost(device, code, error)
                                                                         : IOTHUB_OK;
}

static enum iothub_result go_on_dialling(struct iothub_device *device, int64_t wait_us,
                                         struct iothub_error *error)
{
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    if (stream_state(device->stream) != STREAM_OPEN) {
        wait_for_step(device, wait_us);
        const enum iothub_result result = stream_step(device->stream, &problem);
        if (result != IOTHUB_OK) {
            return stream_failed(result, &problem, error);
        }
    }
    return stream_state(device->stream) == STREAM_OPEN ? introduce(device, error) : IOTHUB_OK;
}

enum iothub_result connection_step(struct iothub_device *device, int64_t wait_us,
                                   struct iothub_error *error)
{
    assert(device->state != LINK_DOWN);

    enum iothub_result result = device->state == LINK_DIALLING
                                    ? go_on_dialling(device, wait_us, error)
                                    : speak(device, wait_us, error);
    if (result == IOTHUB_OK && device->state != LINK_UP &&
        clock_monotonic_us() >= device->deadline_us) {
        result = too_late(device, error);
    }
    if (result != IOTHUB_OK) {
        connection_end(device);
    }
    return result;
}

/* ---- The end ---- */

static void say_goodbye(struct iothub_device *device)
{
    const int64_t end_us = clock_monotonic_us() + GOODBYE_US;
    while (connection_flush(device, NULL) == IOTHUB_OK && device->relay.up.size > 0 &&
           clock_monotonic_us() < end_us) {
        struct pollfd poll_fd = {.fd = stream_fd(device->stream), .events = POLLOUT};
        (void)poll(&poll_fd, 1, (int)(GOODBYE_US / 1000));
    }
}

void connection_end(struct iothub_device *device)
{
    (void)mosquitto_disconnect(device->mosquitto); /* also closes its end */
    if (device->stream != NULL && stream_state(device->stream) == STREAM_OPEN &&
        !stream_was_closed(device->stream)) {
        say_goodbye(device);
    }
    relay_close(&device->relay);
    stream_close(device->stream);
    device->stream = NULL;
    device->state = LINK_DOWN;
}
