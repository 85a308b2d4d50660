/* SPDX-License-Identifier: MIT */
#include "clients/cli/ready_file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_LIMIT = 1 << 20 };

/* ---- where ---- */

static bool add_place(char path[READY_PATH_SIZE], const char *folder, const char *rest)
{
    if (folder == NULL || folder[0] == '\0') {
        return false;
    }
    const int size = snprintf(path, READY_PATH_SIZE, "%s%s", folder, rest);
    return size > 0 && size < READY_PATH_SIZE;
}

size_t ready_file_places(char paths[READY_PLACES][READY_PATH_SIZE])
{
    size_t count = 0;
    if (add_place(paths[0], getenv(READY_FILE_VARIABLE), "")) {
        return 1;
    }
    if (add_place(paths[0], getenv("XDG_DATA_HOME"), "/iothub-emulator/ready.json") ||
        add_place(paths[0], getenv("HOME"), "/.local/share/iothub-emulator/ready.json")) {
        count++;
    }
    count += add_place(paths[count], READY_FILE_SERVICE, "") ? 1 : 0;
    return count;
}

/* ---- one file ---- */

static bool read_whole(const char *path, struct buf *text)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return false;
    }
    char piece[4096];
    size_t size = 0;
    errno = 0;
    while ((size = fread(piece, 1, sizeof(piece), file)) > 0) {
        buf_append(text, piece, size);
    }
    const int error = ferror(file) == 0 ? 0 : errno == 0 ? EIO : errno;
    (void)fclose(file);
    errno = error;
    return error == 0;
}

static const char *text_of(const cJSON *tree, const char *name)
{
    const cJSON *node = json_member(tree, name);
    return cJSON_IsString(node) ? node->valuestring : "";
}

static uint16_t port_of(const cJSON *ports, const char *name)
{
    double port = 0.0;
    (void)json_member_number(ports, name, &port);
    return port >= 1.0 && port <= 65535.0 ? (uint16_t)port : 0;
}

static void take_apart(struct ready_file *file)
{
    const cJSON *ports = json_member(file->tree, "ports");
    double pid = 0.0;
    (void)json_member_number(file->tree, "pid", &pid);
    file->pid = pid >= 1.0 && pid < 1e9 ? (long)pid : 0;
    file->version = text_of(file->tree, "version");
    file->hub_name = text_of(file->tree, "hubName");
    file->host_name = text_of(file->tree, "hostName");
    file->ca_path = text_of(file->tree, "caPath");
    file->ca_bundle_path = text_of(file->tree, "caBundlePath");
    file->service_connection_string = text_of(file->tree, "serviceConnectionString");
    file->event_hubs_connection_string = text_of(file->tree, "eventHubsConnectionString");
    file->policies = json_member(file->tree, "policies");
    file->ports = (struct ready_ports){
        .mqtt = port_of(ports, "mqtt"),
        .https = port_of(ports, "https"),
        .https_alt = port_of(ports, "httpsAlt"),
        .amqp = port_of(ports, "amqp"),
        .amqp_plain = port_of(ports, "amqpPlain"),
        .control = port_of(ports, "control"),
    };
}

/* A process of another user cannot be signalled, but it is there. */
static bool runs(long pid)
{
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

enum ready_result ready_file_read(const char *path, struct ready_file *ret_file,
                                  struct problem *problem)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(SIZE_LIMIT);
    *ret_file = (struct ready_file){0};
    take_apart(ret_file); /* no text is NULL */
    (void)snprintf(ret_file->path, sizeof(ret_file->path), "%s", path);
    if (!read_whole(path, &text)) {
        const enum ready_result result = errno == ENOENT ? READY_NONE : READY_UNREADABLE;
        problem_set(problem, PROBLEM_NO_OFFSET, "%s cannot be read: %s", path, strerror(errno));
        return result;
    }
    if (buf_status(&text) != STATUS_OK ||
        json_parse(buf_str(&text), &ret_file->tree, NULL) != STATUS_OK) {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s is no ready file of an emulator", path);
        return READY_UNREADABLE;
    }
    take_apart(ret_file);
    if (ret_file->pid == 0 || ret_file->service_connection_string[0] == '\0') {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s is no ready file of an emulator", path);
        return READY_UNREADABLE;
    }
    if (!runs(ret_file->pid)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "%s is stale: its emulator, process %ld, has ended; start it again", path,
                    ret_file->pid);
        return READY_STALE;
    }
    return READY_FOUND;
}

void ready_file_finish(struct ready_file *file)
{
    if (file != NULL) {
        cJSON_Delete(file->tree);
        file->tree = NULL;
    }
}

/* ---- all of them ---- */

enum ready_result ready_file_find(struct ready_file *ret_file, struct problem *problem)
{
    char paths[READY_PLACES][READY_PATH_SIZE];
    const size_t count = ready_file_places(paths);
    enum ready_result first = READY_NONE;
    for (size_t i = 0; i < count; i++) {
        struct problem here = {0};
        const enum ready_result result = ready_file_read(paths[i], ret_file, &here);
        if (result == READY_FOUND) {
            return READY_FOUND;
        }
        if (first == READY_NONE && (result != READY_NONE || i == 0)) {
            first = result;
            problem_set(problem, PROBLEM_NO_OFFSET, "%s", here.text);
        }
        if (i + 1 < count) {
            ready_file_finish(ret_file);
        }
    }
    return first;
}
