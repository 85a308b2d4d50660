/* SPDX-License-Identifier: MIT */
#ifndef MAIN_APP_H
#define MAIN_APP_H

/* The parts of the process and the order in which they come and go. */
#include <limits.h>

#include "amqp/endpoint.h"
#include "control/control.h"
#include "https/endpoint.h"
#include "hub/hub.h"
#include "main/options.h"
#include "main/ready_file.h"
#include "main/service_manager.h"
#include "mqtt/endpoint.h"
#include "net/tls.h"

enum app_listener {
    APP_MQTT,
    APP_HTTPS,
    APP_HTTPS_ALT,
    APP_AMQP,
    APP_AMQP_PLAIN,
    APP_CONTROL,
    APP_LISTENER_COUNT,
};

enum { APP_PATH_SIZE = PATH_MAX + 64 };

struct app {
    struct options options;
    char home[PATH_MAX];
    char public_folder[PATH_MAX]; /* of --public-dir */
    char ca_path[APP_PATH_SIZE];  /* where clients find them */
    char bundle_path[APP_PATH_SIZE];
    struct ready_file ready_file;
    struct passed_sockets passed;
    struct random random;
    struct hub_policy policies[HUB_POLICY_COUNT];
    struct storage *storage;
    struct hubs *hubs;
    struct hub *hub; /* the one that this version runs; in hubs */
    struct net *net;
    struct net_tls *tls;
    enum net_tls_made tls_made;
    struct mqtt_endpoint *mqtt;
    struct https *https;
    struct amqp_endpoint *amqp;
    struct control *control;
    uint16_t ports[APP_LISTENER_COUNT]; /* bound; 0: not served */
};

/* Makes everything up to the bound listeners and the applied seed. On failure the problem says what
 * to do; app_finish() is due either way. */
MUST_CHECK enum status app_init(struct app *app, const struct options *options,
                                struct problem *problem);
void app_finish(struct app *app);

/* ---- places.c: which file is where ---- */
/* The installation's folder, the one for all to read, and the ready file's place. */
MUST_CHECK enum status app_find_places(struct app *app, struct problem *problem);
void app_path_in_home(const struct app *app, const char *name, char path[APP_PATH_SIZE]);
/* Sets the paths of the authority's files, with copies at them where they are for all to read. */
MUST_CHECK enum status app_publish_authority(struct app *app, struct problem *problem);
unsigned app_ready_file_mode(const struct app *app);

/* ---- listeners.c ---- */
MUST_CHECK enum status app_listen(struct app *app, struct problem *problem);

/* ---- announce.c ---- */
/* The service's connection string of policy iothubowner, with a port where clients need one. */
void app_append_service_string(struct buf *out, const struct app *app);
MUST_CHECK enum status app_write_ready_file(struct app *app, struct problem *problem);
void app_print_banner(const struct app *app);

#endif
