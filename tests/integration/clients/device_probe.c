/* SPDX-License-Identifier: MIT */

/*
 * The device library, driven line by line from a test:
 *
 *   set NAME VALUE      a setting                 send BODY       telemetry, with a property
 *   certificate CHAIN KEY [PASSPHRASE]            report JSON     a reported patch
 *   signature TOKEN     a new one                 twin            prints the twin
 *   product TEXT        of the program            model TEXT      the device's model id
 *   connect                                       respond JSON    to the last method called
 *   disconnect                                    burst COUNT     messages without waiting
 *   stream COUNT        one each 5 ms, whatever happens meanwhile
 *   flush MS            waits for them            answer-by DEED  what messages are met with
 *   (end of input)      ends the program
 *
 * Each command is answered with "ok ..." or "failed RESULT: why". Between commands it listens, and
 * prints "desired ...", "method ...", "message ...", "stored N", "never confirmed N", "lost: why",
 * "made" and "expires: why". DEED is "nothing", "report" (a property, from within the handler),
 * "crash" or "both".
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <iothub/device.h>

#include "base/attr.h"
#include "base/json.h"

struct probe {
    struct iothub_device *device;
    char request_id[IOTHUB_DEVICE_REQUEST_ID_SIZE];
    bool connected;
    char deed; /* 'n', 'r', 'c' or 'b' */
};

static const char *const settings[] = {
    [IOTHUB_DEVICE_CONNECT_TIMEOUT_MS] = "connect-timeout-ms",
    [IOTHUB_DEVICE_ANSWER_TIMEOUT_MS] = "answer-timeout-ms",
    [IOTHUB_DEVICE_KEEP_ALIVE_S] = "keep-alive-s",
    [IOTHUB_DEVICE_TOKEN_LIFETIME_S] = "token-lifetime-s",
    [IOTHUB_DEVICE_TOKEN_RENEWAL_PERCENT] = "token-renewal-percent",
    [IOTHUB_DEVICE_RETRY_FIRST_MS] = "retry-first-ms",
    [IOTHUB_DEVICE_RETRY_MAX_MS] = "retry-max-ms",
    [IOTHUB_DEVICE_RETRY_JITTER_PERCENT] = "retry-jitter-percent",
    [IOTHUB_DEVICE_PENDING_MAX] = "pending-max",
    [IOTHUB_DEVICE_PENDING_BYTES_MAX] = "pending-bytes-max",
};

static void say_tree(const char *label, const cJSON *tree)
{
    char *text = cJSON_PrintUnformatted(tree);
    (void)printf("%s %s\n", label, text == NULL ? "" : text);
    (void)fflush(stdout);
    cJSON_free(text);
}

static const char *name_of(enum iothub_result result)
{
    static const char *const names[] = {
        [IOTHUB_OK] = "ok",
        [IOTHUB_INVALID] = "invalid",
        [IOTHUB_REFUSED] = "refused",
        [IOTHUB_UNAVAILABLE] = "unavailable",
        [IOTHUB_UNTRUSTED] = "untrusted",
        [IOTHUB_NO_MEMORY] = "no memory",
    };
    return names[result];
}

static void say_status(enum iothub_result status, const char *words)
{
    if (status == IOTHUB_OK) {
        (void)printf("ok %s\n", words);
    } else {
        (void)printf("failed %s: %s\n", name_of(status), words);
    }
    (void)fflush(stdout);
}

static void desired_changed(struct iothub_device *device,
                            const struct iothub_device_desired *desired, void *ctx)
{
    (void)device;
    (void)ctx;
    say_tree(desired->whole ? "desired whole" : "desired patch", desired->properties);
}

static void method_called(struct iothub_device *device, const struct iothub_device_method *method,
                          void *ctx)
{
    (void)device;
    struct probe *probe = ctx;
    memcpy(probe->request_id, method->request_id, sizeof(probe->request_id));
    char label[128];
    (void)snprintf(label, sizeof(label), "method %s", method->name);
    say_tree(label, method->payload);
}

static void connection_changed(struct iothub_device *device, enum iothub_device_event event,
                               const char *reason, void *ctx)
{
    (void)device;
    (void)ctx;
    static const char *const words[] = {
        [IOTHUB_DEVICE_LOST] = "lost: ",
        [IOTHUB_DEVICE_BACK] = "made",
        [IOTHUB_DEVICE_SIGNATURE_EXPIRES] = "expires: ",
    };
    (void)printf("%s%s\n", words[event], reason);
    (void)fflush(stdout);
}

static void add_text(cJSON *tree, const char *name, const char *text)
{
    if (text != NULL) {
        (void)cJSON_AddStringToObject(tree, name, text);
    }
}

static void show_message(const struct iothub_device_message *message)
{
    cJSON *tree = cJSON_CreateObject();
    char body[256];
    (void)snprintf(body, sizeof(body), "%.*s", (int)message->body_size,
                   (const char *)message->body);
    add_text(tree, "body", body);
    add_text(tree, "messageId", message->message_id);
    add_text(tree, "correlationId", message->correlation_id);
    add_text(tree, "contentType", message->content_type);
    add_text(tree, "to", message->to);
    add_text(tree, "ack", message->ack);
    add_text(tree, "input", message->input);
    cJSON *properties = cJSON_AddObjectToObject(tree, "properties");
    for (size_t i = 0; i < message->property_count; i++) {
        add_text(properties, message->properties[i].name,
                 message->properties[i].value == NULL ? "" : message->properties[i].value);
    }
    say_tree("message", tree);
    cJSON_Delete(tree);
}

static void message_came(struct iothub_device *device, const struct iothub_device_message *message,
                         void *ctx)
{
    const struct probe *probe = ctx;
    show_message(message);
    if (probe->deed == 'r' || probe->deed == 'b') {
        const enum iothub_result result =
            iothub_device_report(device, "{\"handled\":true}", NULL, NULL);
        (void)printf("reported %d\n", (int)result);
        (void)fflush(stdout);
    }
    if (probe->deed == 'c' || probe->deed == 'b') {
        _exit(9);
    }
}

static void confirmed(struct iothub_device *device, enum iothub_result result, void *ctx)
{
    (void)device;
    (void)printf("%s %d\n", result == IOTHUB_OK ? "stored" : "never confirmed", (int)(intptr_t)ctx);
    (void)fflush(stdout);
}

static enum iothub_result send_burst(struct probe *probe, int count, int pause_ms,
                                     struct iothub_error *error)
{
    enum iothub_result result = IOTHUB_OK;
    for (int i = 0; result == IOTHUB_OK && i < count; i++) {
        char body[32];
        const int size = snprintf(body, sizeof(body), "{\"n\":%d}", i);
        const struct iothub_device_message message = {
            .body = body,
            .body_size = (size_t)size,
            .content_type = "application/json",
            .content_encoding = "utf-8",
        };
        result = iothub_device_send_async(probe->device, &message, confirmed, (void *)(intptr_t)i,
                                          error);
        if (result == IOTHUB_OK && pause_ms > 0) {
            result = iothub_device_run(probe->device, pause_ms, error);
        }
    }
    return result;
}

static enum iothub_result set(struct probe *probe, struct str rest, struct iothub_error *error)
{
    struct str name = STR_EMPTY;
    struct str value_text = STR_EMPTY;
    uint64_t value = 0;
    (void)str_cut(rest, ' ', &name, &value_text);
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        if (str_equal(name, str_from(settings[i])) && str_to_u64(value_text, &value)) {
            return iothub_device_set(probe->device, (enum iothub_device_setting)i, (int64_t)value,
                                     error);
        }
    }
    return IOTHUB_INVALID;
}

/* The words of `rest`, each ended by a NUL. */
static enum iothub_result use_certificate(struct probe *probe, char *rest,
                                          struct iothub_error *error)
{
    char *words[3] = {NULL};
    for (size_t i = 0; i < ARRAY_SIZE(words) && rest != NULL; i++) {
        words[i] = rest;
        rest = strchr(rest, ' ');
        if (rest != NULL) {
            *rest++ = '\0';
        }
    }
    return iothub_device_use_certificate(probe->device, words[0], words[1], words[2], error);
}

static enum iothub_result send_telemetry(struct probe *probe, struct str body,
                                         struct iothub_error *error)
{
    static const struct iothub_device_property properties[] = {{"a property", "1 & 2"}};
    const struct iothub_device_message message = {
        .body = body.data,
        .body_size = body.size,
        .content_type = "application/json",
        .properties = properties,
        .property_count = ARRAY_SIZE(properties),
    };
    return iothub_device_send(probe->device, &message, error);
}

static enum iothub_result show_twin(struct probe *probe, struct iothub_error *error)
{
    cJSON *twin CLEANUP(json_destroyp) = NULL;
    const enum iothub_result status = iothub_device_get_twin(probe->device, &twin, error);
    if (status == IOTHUB_OK) {
        say_tree("twin", twin);
    }
    return status;
}

static enum iothub_result report(struct probe *probe, const char *patch, struct iothub_error *error)
{
    int64_t version = 0;
    const enum iothub_result status = iothub_device_report(probe->device, patch, &version, error);
    if (status == IOTHUB_OK) {
        (void)printf("version %d\n", (int)version);
    }
    return status;
}

/* Commands that change what is to come. */
static bool obey_setting(struct probe *probe, struct str command, char *rest,
                         enum iothub_result *result, struct iothub_error *error)
{
    if (str_equal(command, STR("set"))) {
        *result = set(probe, str_from(rest), error);
    } else if (str_equal(command, STR("certificate"))) {
        *result = use_certificate(probe, rest, error);
    } else if (str_equal(command, STR("signature"))) {
        *result = iothub_device_use_signature(probe->device, rest, error);
    } else if (str_equal(command, STR("product"))) {
        *result = iothub_device_set_product(probe->device, rest, error);
    } else if (str_equal(command, STR("model"))) {
        *result = iothub_device_set_model(probe->device, rest, error);
    } else if (str_equal(command, STR("answer-by"))) {
        probe->deed = rest[0];
    } else {
        return false;
    }
    return true;
}

static bool obey_connection(struct probe *probe, struct str command, enum iothub_result *result,
                            struct iothub_error *error)
{
    if (str_equal(command, STR("connect"))) {
        *result = iothub_device_connect(probe->device, error);
        probe->connected = *result == IOTHUB_OK;
    } else if (str_equal(command, STR("disconnect"))) {
        iothub_device_disconnect(probe->device);
        probe->connected = false;
    } else {
        return false;
    }
    return true;
}

static enum iothub_result obey_sending(struct probe *probe, struct str command, const char *rest,
                                       struct iothub_error *error)
{
    uint64_t number = 0;
    if (str_equal(command, STR("send"))) {
        return send_telemetry(probe, str_from(rest), error);
    }
    if (str_equal(command, STR("report"))) {
        return report(probe, rest, error);
    }
    if (str_equal(command, STR("twin"))) {
        return show_twin(probe, error);
    }
    if (str_equal(command, STR("respond"))) {
        return iothub_device_respond(probe->device, probe->request_id, 200, rest, error);
    }
    if (str_equal(command, STR("burst")) && str_to_u64(str_from(rest), &number)) {
        return send_burst(probe, (int)number, 0, error);
    }
    if (str_equal(command, STR("stream")) && str_to_u64(str_from(rest), &number)) {
        return send_burst(probe, (int)number, 5, error);
    }
    if (str_equal(command, STR("flush")) && str_to_u64(str_from(rest), &number)) {
        return iothub_device_flush(probe->device, (int)number, error);
    }
    return IOTHUB_INVALID;
}

static void obey(struct probe *probe, char *line)
{
    struct iothub_error error = {.text = ""};
    enum iothub_result result = IOTHUB_OK;
    const size_t size = strcspn(line, " ");
    char *rest = line + size + (line[size] == ' ' ? 1 : 0);
    const struct str command = str_of(line, size);
    if (!obey_setting(probe, command, rest, &result, &error) &&
        !obey_connection(probe, command, &result, &error)) {
        result = obey_sending(probe, command, rest, &error);
    }
    say_status(result, error.text);
}

static bool input_waits(int timeout_ms)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, timeout_ms) > 0;
}

int main(int argc, char **argv)
{
    struct probe probe = {.deed = 'n'};
    struct iothub_error error = {.text = ""};
    const struct iothub_device_handlers handlers = {
        .desired = desired_changed,
        .method = method_called,
        .message = message_came,
        .connection = connection_changed,
        .ctx = &probe,
    };
    if (argc != 2 || iothub_device_create(argv[1], &handlers, &probe.device, &error) != IOTHUB_OK) {
        (void)fprintf(stderr, "%s\n", error.text);
        return EXIT_FAILURE;
    }
    static char line[300000];
    (void)setvbuf(stdin, NULL, _IONBF, 0); /* what poll() does not see cannot be waited for */
    int code = EXIT_SUCCESS;
    while (code == EXIT_SUCCESS) {
        if (!input_waits(probe.connected ? 0 : 1000)) {
            if (probe.connected && iothub_device_run(probe.device, 20, &error) != IOTHUB_OK) {
                (void)printf("ended: %s\n", error.text);
                code = EXIT_FAILURE;
            }
        } else if (fgets(line, (int)sizeof(line), stdin) == NULL) {
            break;
        } else {
            line[strcspn(line, "\n")] = '\0';
            obey(&probe, line);
        }
    }
    iothub_device_destroy(probe.device);
    return code;
}
