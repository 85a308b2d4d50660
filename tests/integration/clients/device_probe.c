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

#include "clients/device/device_client.h"

struct probe {
    struct device_client *client;
    char request_id[DEVICE_REQUEST_ID_SIZE];
    bool connected;
};

static void say_tree(const char *label, const cJSON *tree)
{
    char *text = cJSON_PrintUnformatted(tree);
    (void)printf("%s %s\n", label, text == NULL ? "" : text);
    (void)fflush(stdout);
    cJSON_free(text);
}

static void say_status(enum status status, const char *words)
{
    if (status == STATUS_OK) {
        (void)printf("ok %s\n", words);
    } else {
        (void)printf("failed %s: %s\n", status_text(status), words);
    }
    (void)fflush(stdout);
}

static void desired_changed(struct device_client *client, const struct device_desired *desired,
                            void *ctx)
{
    (void)client;
    (void)ctx;
    say_tree(desired->whole ? "desired whole" : "desired patch", desired->properties);
}

static void method_called(struct device_client *client, const struct device_method *method,
                          void *ctx)
{
    (void)client;
    struct probe *probe = ctx;
    memcpy(probe->request_id, method->request_id, sizeof(probe->request_id));
    char label[128];
    (void)snprintf(label, sizeof(label), "method %s", method->name);
    say_tree(label, method->payload);
}

static void connection_changed(struct device_client *client, bool connected, const char *reason,
                               void *ctx)
{
    (void)client;
    (void)ctx;
    (void)printf(connected ? "made%s\n" : "lost: %s\n", reason);
    (void)fflush(stdout);
}

static enum status send_telemetry(struct probe *probe, struct str body, struct problem *problem)
{
    static const struct device_property properties[] = {
        {"$.ct", "application/json"},
        {"a property", "1 & 2"},
    };
    return device_client_send(probe->client, body, properties, ARRAY_SIZE(properties), problem);
}

static enum status show_twin(struct probe *probe, struct problem *problem)
{
    cJSON *twin CLEANUP(json_destroyp) = NULL;
    const enum status status = device_client_get_twin(probe->client, &twin, problem);
    if (status == STATUS_OK) {
        say_tree("twin", twin);
    }
    return status;
}

static enum status report(struct probe *probe, const char *patch, struct problem *problem)
{
    int64_t version = 0;
    const enum status status = device_client_report(probe->client, patch, &version, problem);
    if (status == STATUS_OK) {
        (void)printf("version %d\n", (int)version);
    }
    return status;
}

static void obey(struct probe *probe, struct str line)
{
    struct str command = STR_EMPTY;
    struct str rest = STR_EMPTY;
    struct problem problem = {.text = ""};
    enum status status = STATUS_OK;
    uint64_t lifetime_s = 0;
    (void)str_cut(line, ' ', &command, &rest);
    if (str_equal(command, STR("lifetime")) && str_to_u64(rest, &lifetime_s)) {
        device_client_set_token_lifetime(probe->client, (int64_t)lifetime_s);
    } else if (str_equal(command, STR("connect"))) {
        status = device_client_connect(probe->client, &problem);
        probe->connected = status == STATUS_OK;
    } else if (str_equal(command, STR("disconnect"))) {
        device_client_disconnect(probe->client);
        probe->connected = false;
    } else if (str_equal(command, STR("send"))) {
        status = send_telemetry(probe, rest, &problem);
    } else if (str_equal(command, STR("report"))) {
        status = report(probe, rest.data, &problem);
    } else if (str_equal(command, STR("twin"))) {
        status = show_twin(probe, &problem);
    } else if (str_equal(command, STR("respond"))) {
        status = device_client_respond(probe->client, probe->request_id, 200, rest.data, &problem);
    } else {
        status = STATUS_INVALID;
    }
    say_status(status, problem.text);
}

static bool input_waits(int timeout_ms)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, timeout_ms) > 0;
}

int main(int argc, char **argv)
{
    struct probe probe = {.client = NULL};
    struct problem problem = {.text = ""};
    const struct device_client_handlers handlers = {
        .desired = desired_changed,
        .method = method_called,
        .connection = connection_changed,
        .ctx = &probe,
    };
    if (argc != 2 ||
        device_client_create(argv[1], &handlers, &probe.client, &problem) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", problem.text);
        return EXIT_FAILURE;
    }
    static char line[300000];
    (void)setvbuf(stdin, NULL, _IONBF, 0); /* what poll() does not see cannot be waited for */
    int code = EXIT_SUCCESS;
    while (code == EXIT_SUCCESS) {
        if (!input_waits(probe.connected ? 0 : 1000)) {
            if (probe.connected && device_client_run(probe.client, 20, &problem) != STATUS_OK) {
                (void)printf("ended: %s\n", problem.text);
                code = EXIT_FAILURE;
            }
        } else if (fgets(line, (int)sizeof(line), stdin) == NULL) {
            break;
        } else {
            line[strcspn(line, "\n")] = '\0';
            obey(&probe, str_from(line));
        }
    }
    device_client_destroy(probe.client);
    return code;
}
