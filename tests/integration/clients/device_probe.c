/* SPDX-License-Identifier: MIT */

/*
 * The device library, driven line by line from a test:
 *
 *   lifetime SECONDS    of the next token          send BODY       telemetry, with a property
 *   connect                                        report JSON     a reported patch
 *   disconnect                                     twin            prints the twin
 *   respond JSON        to the last method called  (end of input)  ends the program
 *
 * Each command is answered with "ok ..." or "failed STATUS: why". Between commands it listens, and
 * prints "desired ...", "method ...", "lost: why" and "made".
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
    (void)printf(event == IOTHUB_DEVICE_BACK ? "made%s\n" : "lost: %s\n", reason);
    (void)fflush(stdout);
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

static void obey(struct probe *probe, struct str line)
{
    struct str command = STR_EMPTY;
    struct str rest = STR_EMPTY;
    struct iothub_error error = {.text = ""};
    enum iothub_result status = IOTHUB_OK;
    uint64_t lifetime_s = 0;
    (void)str_cut(line, ' ', &command, &rest);
    if (str_equal(command, STR("lifetime")) && str_to_u64(rest, &lifetime_s)) {
        status = iothub_device_set(probe->device, IOTHUB_DEVICE_TOKEN_LIFETIME_S,
                                   (int64_t)lifetime_s, &error);
    } else if (str_equal(command, STR("connect"))) {
        status = iothub_device_connect(probe->device, &error);
        probe->connected = status == IOTHUB_OK;
    } else if (str_equal(command, STR("disconnect"))) {
        iothub_device_disconnect(probe->device);
        probe->connected = false;
    } else if (str_equal(command, STR("send"))) {
        status = send_telemetry(probe, rest, &error);
    } else if (str_equal(command, STR("report"))) {
        status = report(probe, rest.data, &error);
    } else if (str_equal(command, STR("twin"))) {
        status = show_twin(probe, &error);
    } else if (str_equal(command, STR("respond"))) {
        status = iothub_device_respond(probe->device, probe->request_id, 200, rest.data, &error);
    } else {
        status = IOTHUB_INVALID;
    }
    say_status(status, error.text);
}

static bool input_waits(int timeout_ms)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, timeout_ms) > 0;
}

int main(int argc, char **argv)
{
    struct probe probe = {.device = NULL};
    struct iothub_error error = {.text = ""};
    const struct iothub_device_handlers handlers = {
        .desired = desired_changed,
        .method = method_called,
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
            obey(&probe, str_from(line));
        }
    }
    iothub_device_destroy(probe.device);
    return code;
}
