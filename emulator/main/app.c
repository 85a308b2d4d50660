/* SPDX-License-Identifier: MIT */
#include "main/app.h"

#include <stdio.h>
#include <stdlib.h>

#include "main/files.h"
#include "main/keys.h"

enum { SEED_FILE_MAX = 1 << 30 };

/* ---- keys and seed ---- */

static enum status read_whole(const char *option, const char *path, struct buf *out,
                              struct problem *problem)
{
    bool there = false;
    const enum status status = file_read(path, out, &there, problem);
    if (status == STATUS_OK && !there) {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s %s: there is no such file", option, path);
        return STATUS_INVALID;
    }
    return status;
}

/* Puts the file's name in front of what was wrong in it. */
static void name_file(struct problem *problem, const char *option, const char *path)
{
    struct problem whole;
    problem_set(&whole, problem->offset, "%s %s: %s", option, path, problem->text);
    *problem = whole;
}

static enum status take_keys(struct app *app, const char *option, const char *path,
                             struct problem *problem)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(SEED_FILE_MAX);
    enum status status = read_whole(option, path, &text, problem);
    if (status != STATUS_OK) {
        return status;
    }
    status = keys_read(buf_str(&text), app->policies, problem);
    if (status == STATUS_INVALID) {
        name_file(problem, option, path);
    }
    return status;
}

static enum status load_keys(struct app *app, struct problem *problem)
{
    char path[APP_PATH_SIZE];
    app_path_in_home(app, "keys.json", path);
    enum status status = keys_load_or_make(path, &app->random, app->policies, problem);
    if (status == STATUS_INVALID) {
        name_file(problem, "the file", path);
    }
    if (status == STATUS_OK && app->options.seed != NULL) {
        status = take_keys(app, "--seed", app->options.seed, problem);
    }
    if (status == STATUS_OK && app->options.keys_from != NULL) {
        status = take_keys(app, "--keys-from", app->options.keys_from, problem);
    }
    return status;
}

static enum status apply_seed(struct app *app, struct problem *problem)
{
    if (app->options.seed == NULL) {
        return STATUS_OK;
    }
    CLEANUP(buf_finish) struct buf text = BUF_INIT(SEED_FILE_MAX);
    const enum status status = read_whole("--seed", app->options.seed, &text, problem);
    if (status != STATUS_OK) {
        return status;
    }
    const enum hub_code code = hub_seed(app->hub, buf_str(&text), problem);
    if (code == HUB_OK) {
        return STATUS_OK;
    }
    name_file(problem, "--seed", app->options.seed);
    return code == HUB_SERVER_ERROR ? STATUS_IO : STATUS_INVALID;
}

/* ---- the parts, one after the other ---- */

static enum status make_random(struct app *app)
{
    if (app->options.random_seed_given) {
        random_init_seed(&app->random, app->options.random_seed);
        return STATUS_OK;
    }
    return random_init_system(&app->random);
}

static enum status open_storage(struct app *app, struct problem *problem)
{
    char path[APP_PATH_SIZE];
    app_path_in_home(app, "data", path);
    struct storage_config config = {
        .directory = app->options.data != NULL ? app->options.data : path,
        .sync_full = app->options.sync_full,
        .partitions = app->options.partitions,
    };
    if (app->options.memory) {
        config.directory = NULL;
    } else {
        const enum status status = folder_make(config.directory, 0700, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return storage_open(&config, &app->storage, problem);
}

static enum status make_hub(struct app *app, struct problem *problem)
{
    const struct hub_config config = {
        .name = STR("hub"),
        .hosts = app->options.hostnames,
        .host_count = app->options.hostname_count,
        .consumer_groups = app->options.consumer_groups,
        .consumer_group_count = app->options.consumer_group_count,
        .storage = app->storage,
        .policies = app->policies,
        .random = app->random,
        .clock = CLOCK_SYSTEM,
        .settings = app->options.settings,
    };
    enum status status = hubs_create(&app->hubs);
    if (status == STATUS_OK) {
        status = hubs_add(app->hubs, &config, &app->hub);
    }
    if (status == STATUS_OK) {
        status = apply_seed(app, problem);
    }
    if (status == STATUS_OK &&
        hub_fleet(app->hub, app->options.fleet_count, app->options.fleet_seed, problem) != HUB_OK) {
        status = STATUS_IO;
    }
    if (status == STATUS_OK && !hubs_commit(app->hubs)) {
        status = STATUS_IO;
    }
    return status;
}

static int64_t sleep_us(void *ctx)
{
    return hubs_sleep_us(ctx);
}

static void wake(void *ctx)
{
    hubs_wake(ctx);
}

static bool commit(void *ctx)
{
    return hubs_commit(ctx);
}

/* What the HTTPS ports carry besides HTTPS (device protocol reference, 1.9; service
 * reference, 6.1). */
static void add_websockets(struct app *app)
{
    const struct http_websocket websockets[] = {
        {.sub_protocol = "mqtt", .protocol = mqtt_protocol(), .endpoint = app->mqtt},
        {.sub_protocol = "AMQPWSB10",
         .at_root = true,
         .protocol = amqp_protocol(),
         .endpoint = app->amqp},
    };
    for (size_t i = 0; i < ARRAY_SIZE(websockets); i++) {
        http_server_add_websocket(https_server(app->https), &websockets[i]);
    }
}

static enum status make_endpoints(struct app *app)
{
    const struct net_hooks hooks = {
        .ctx = app->hubs, .sleep_us = sleep_us, .wake = wake, .commit = commit};
    enum status status = net_create(&hooks, &app->net);
    if (status == STATUS_OK) {
        status = mqtt_endpoint_create(app->hubs, &app->mqtt);
    }
    if (status == STATUS_OK) {
        status = https_create(app->net, app->hubs, &app->https);
    }
    if (status == STATUS_OK) {
        status = amqp_endpoint_create(app->net, app->hubs, &app->amqp);
    }
    if (status != STATUS_OK) {
        return status;
    }
    add_websockets(app);
    const struct control_config control = {
        .net = app->net,
        .hubs = app->hubs,
        .hub_name = STR("hub"),
        .ca_pem = net_tls_ca_pem(app->tls),
        .version = EMULATOR_VERSION,
    };
    return control_create(&control, &app->control);
}

static enum status make_tls(struct app *app, struct problem *problem)
{
    char path[APP_PATH_SIZE];
    app_path_in_home(app, "certificates", path);
    const struct net_tls_config config = {
        .directory = path,
        .names = app->options.hostnames,
        .name_count = app->options.hostname_count,
    };
    return net_tls_create(&config, &app->tls, &app->tls_made, problem);
}

enum status app_init(struct app *app, const struct options *options, struct problem *problem)
{
    *app = (struct app){.options = *options, .ready_file = READY_FILE_INIT};
    enum status status = make_random(app);
    if (status == STATUS_OK) {
        status = passed_sockets_init(&app->passed, problem);
    }
    if (status == STATUS_OK) {
        status = app_find_places(app, problem);
    }
    if (status == STATUS_OK) {
        status = load_keys(app, problem);
    }
    if (status == STATUS_OK) {
        status = make_tls(app, problem);
    }
    if (status == STATUS_OK) {
        status = app_publish_authority(app, problem);
    }
    if (status == STATUS_OK) {
        status = open_storage(app, problem);
    }
    if (status == STATUS_OK) {
        status = make_hub(app, problem);
    }
    if (status == STATUS_OK) {
        status = make_endpoints(app);
    }
    return status == STATUS_OK ? app_listen(app, problem) : status;
}

void app_finish(struct app *app)
{
    ready_file_remove(&app->ready_file); /* who looks from now on is not sent here any more */
    /* Connections first, while their sessions can still tell the hub; what that changes is
     * committed. */
    control_destroy(app->control);
    https_destroy(app->https);
    amqp_endpoint_destroy(app->amqp);
    net_destroy(app->net);
    mqtt_endpoint_destroy(app->mqtt);
    if (app->hubs != NULL) {
        (void)hubs_commit(app->hubs);
    }
    hubs_destroy(app->hubs);
    storage_close(app->storage);
    net_tls_destroy(app->tls);
    passed_sockets_finish(&app->passed);
}
