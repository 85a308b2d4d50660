/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "main/app.h"

enum {
    TEXT_MAX = 1 << 20,
    HTTPS_PORT = 443,
    MQTT_PORT = 8883,
    AMQP_PORT = 5671,
    PLAIN_PORT = 5672,
    PATH_SIZE = 4096
};

static uint16_t https_port(const struct app *app)
{
    return app->ports[APP_HTTPS] != 0 ? app->ports[APP_HTTPS] : app->ports[APP_HTTPS_ALT];
}

static void append_host(struct buf *out, struct str host, uint16_t port, uint16_t usual)
{
    buf_append_str(out, host);
    if (port != usual) {
        buf_append_format(out, ":%" PRIu16, port);
    }
}

void app_append_service_string(struct buf *out, const struct app *app)
{
    buf_append_str(out, STR("HostName="));
    append_host(out, hub_host(app->hub), https_port(app), HTTPS_PORT);
    const struct hub_policy *owner = &hub_policies(app->hub)[0];
    buf_append_format(out, ";SharedAccessKeyName=%s;SharedAccessKey=%s", owner->name,
                      owner->primary_key);
}

/*
 * For readers of the built-in endpoint, in the form of Event Hubs: without TLS where that port is
 * bound, since then nothing has to be trusted (service reference, 7.5).
 */
static void append_event_hubs_string(struct buf *out, const struct app *app)
{
    const bool plain = app->ports[APP_AMQP_PLAIN] != 0;
    const struct hub_policy *owner = &hub_policies(app->hub)[0];
    buf_append_str(out, STR("Endpoint=sb://"));
    append_host(out, hub_host(app->hub), app->ports[plain ? APP_AMQP_PLAIN : APP_AMQP],
                plain ? PLAIN_PORT : AMQP_PORT);
    buf_append_format(out, ";SharedAccessKeyName=%s;SharedAccessKey=%s;EntityPath=%.*s%s",
                      owner->name, owner->primary_key, STR_ARG(hub_name(app->hub)),
                      plain ? ";UseDevelopmentEmulator=true" : "");
}

static void append_permissions(struct buf *out, unsigned permissions)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {
        {HUB_REGISTRY_READ, "RegistryRead"},
        {HUB_REGISTRY_WRITE, "RegistryWrite"},
        {HUB_SERVICE_CONNECT, "ServiceConnect"},
        {HUB_DEVICE_CONNECT, "DeviceConnect"},
    };
    const char *separator = "";
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if ((permissions & names[i].bit) != 0) {
            buf_append_format(out, "%s\"%s\"", separator, names[i].name);
            separator = ", ";
        }
    }
}

static void append_policies(struct buf *out, const struct app *app)
{
    for (size_t i = 0; i < HUB_POLICY_COUNT; i++) {
        const struct hub_policy *policy = &hub_policies(app->hub)[i];
        buf_append_format(out,
                          "%s\n    {\"name\": \"%s\", \"primaryKey\": \"%s\", \"secondaryKey\": "
                          "\"%s\", \"permissions\": [",
                          i > 0 ? "," : "", policy->name, policy->primary_key,
                          policy->secondary_key);
        append_permissions(out, policy->permissions);
        buf_append_str(out, STR("]}"));
    }
}

static void append_member(struct buf *out, const char *name, struct str value)
{
    buf_append_format(out, "  \"%s\": ", name);
    json_append_string(out, value);
    buf_append_str(out, STR(",\n"));
}

enum status app_write_ready_file(struct app *app, struct problem *problem)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(TEXT_MAX);
    CLEANUP(buf_finish) struct buf service = BUF_INIT(TEXT_MAX);
    CLEANUP(buf_finish) struct buf event_hubs = BUF_INIT(TEXT_MAX);
    app_append_service_string(&service, app);
    append_event_hubs_string(&event_hubs, app);
    buf_append_format(&text, "{\n  \"pid\": %ld,\n  \"version\": \"%s\",\n", (long)getpid(),
                      EMULATOR_VERSION);
    append_member(&text, "hubName", hub_name(app->hub));
    append_member(&text, "hostName", hub_host(app->hub));
    buf_append_format(&text,
                      "  \"ports\": {\"mqtt\": %" PRIu16 ", \"https\": %" PRIu16
                      ", \"httpsAlt\": %" PRIu16 ", \"amqp\": %" PRIu16 ", \"amqpPlain\": %" PRIu16
                      ", \"control\": %" PRIu16 "},\n",
                      app->ports[APP_MQTT], app->ports[APP_HTTPS], app->ports[APP_HTTPS_ALT],
                      app->ports[APP_AMQP], app->ports[APP_AMQP_PLAIN], app->ports[APP_CONTROL]);
    append_member(&text, "caPath", str_from(app->ca_path));
    append_member(&text, "caBundlePath", str_from(app->bundle_path));
    append_member(&text, "serviceConnectionString", buf_str(&service));
    append_member(&text, "eventHubsConnectionString", buf_str(&event_hubs));
    buf_append_str(&text, STR("  \"policies\": ["));
    append_policies(&text, app);
    buf_append_str(&text, STR("\n  ]\n}\n"));
    if (buf_status(&text) != STATUS_OK) {
        return buf_status(&text);
    }
    return ready_file_write(&app->ready_file, buf_str(&text), app_ready_file_mode(app), problem);
}

static void print_ports(const struct app *app)
{
    (void)printf("  MQTT over TLS     %s:%" PRIu16 "\n", "localhost", app->ports[APP_MQTT]);
    if (app->ports[APP_HTTPS] != 0) {
        (void)printf("  HTTPS             localhost:%" PRIu16 " and localhost:%" PRIu16 "\n",
                     app->ports[APP_HTTPS], app->ports[APP_HTTPS_ALT]);
    } else {
        (void)printf("  HTTPS             localhost:%" PRIu16
                     " (443 is not bound: SDKs that insist on it, such as Node's, need it)\n",
                     app->ports[APP_HTTPS_ALT]);
    }
    (void)printf("  AMQP over TLS     localhost:%" PRIu16 "\n", app->ports[APP_AMQP]);
    if (app->ports[APP_AMQP_PLAIN] != 0) {
        (void)printf("  AMQP, plain       localhost:%" PRIu16
                     " (Event Hubs clients with UseDevelopmentEmulator=true)\n",
                     app->ports[APP_AMQP_PLAIN]);
    }
    (void)printf("  control           http://localhost:%" PRIu16 "\n", app->ports[APP_CONTROL]);
}

static void print_strings(const struct app *app, struct str service)
{
    (void)printf("\nservice connection string\n  %.*s\n", STR_ARG(service));
    CLEANUP(buf_finish) struct buf device = BUF_INIT(TEXT_MAX);
    append_host(&device, hub_host(app->hub), app->ports[APP_MQTT], MQTT_PORT);
    (void)printf("device connection string\n"
                 "  HostName=%.*s;DeviceId=<id>;SharedAccessKey=<key>\n"
                 "  for SDKs that want a dot in the name (Java, Microsoft's C):\n"
                 "  HostName=hub.localhost;DeviceId=<id>;SharedAccessKey=<key>\n"
                 "  and, where nothing resolves that name, ;GatewayHostName=localhost behind it\n",
                 STR_ARG(buf_str(&device)));
}

static void print_trust(const struct app *app)
{
    if (app->tls_made == NET_TLS_MADE_CA) {
        (void)printf("\nA new certificate authority was made: clients must be told to trust it.\n");
    }
    (void)printf("\ncertificate authority\n  %s\n", app->ca_path);
}

static void print_ready_file(const struct app *app)
{
    const struct ready_file *file = &app->ready_file;
    (void)printf("\nready file, by which programs find this emulator\n  ");
    if (file->other_holds) {
        (void)printf("none: %s is that of another running emulator (pid %ld)\n", file->path,
                     file->holder);
    } else {
        (void)printf("%s\n", file->path);
    }
}

/* One word for a shell, whatever is in it. */
static void append_quoted(struct buf *out, struct str value)
{
    buf_append_byte(out, '\'');
    for (size_t i = 0; i < value.size; i++) {
        buf_append_str(out, value.data[i] == '\'' ? STR("'\\''") : str_of(value.data + i, 1));
    }
    buf_append_byte(out, '\'');
}

static void append_assignment(struct buf *out, const char *name, struct str value)
{
    buf_append_format(out, " %s=", name);
    append_quoted(out, value);
}

/* The command line, by its whole path: it lies beside this program, built or installed alike. */
static void append_command_line(struct buf *out)
{
    char path[PATH_SIZE];
    const ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - sizeof("iothub"));
    path[size > 0 ? size : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return;
    }
    memcpy(slash + 1, "iothub", sizeof("iothub"));
    if (access(path, X_OK) == 0) {
        buf_append_str(out, STR("  eval \"$("));
        append_quoted(out, str_from(path));
        buf_append_str(out, STR(" env)\"\nor, by hand\n"));
    }
}

static void print_next(const struct app *app, struct str service)
{
    const struct str ca = str_from(app->ca_path);
    const struct str bundle = str_from(app->bundle_path);
    CLEANUP(buf_finish) struct buf text = BUF_INIT(TEXT_MAX);
    buf_append_str(&text, STR("\nnext, in another terminal\n"));
    append_command_line(&text);
    buf_append_str(&text, STR("  export"));
    append_assignment(&text, "IOTHUB_CONNECTION_STRING", service);
    CLEANUP(buf_finish) struct buf event_hubs = BUF_INIT(TEXT_MAX);
    append_event_hubs_string(&event_hubs, app);
    append_assignment(&text, "EVENTHUB_CONNECTION_STRING", buf_str(&event_hubs));
    buf_append_str(&text, STR("\n  export"));
    append_assignment(&text, "IOTHUB_CA_FILE", ca);
    append_assignment(&text, "SSL_CERT_FILE", bundle);
    append_assignment(&text, "REQUESTS_CA_BUNDLE", bundle);
    append_assignment(&text, "NODE_EXTRA_CA_CERTS", ca);
    (void)printf("%.*s\n", STR_ARG(buf_str(&text)));
}

void app_print_banner(const struct app *app)
{
    CLEANUP(buf_finish) struct buf service = BUF_INIT(TEXT_MAX);
    app_append_service_string(&service, app);
    (void)printf("iothub-emulator %s is up: hub '%.*s', %s\n", EMULATOR_VERSION,
                 STR_ARG(hub_name(app->hub)), app->options.memory ? "in memory" : "kept on disk");
    print_ports(app);
    print_strings(app, buf_str(&service));
    print_trust(app);
    print_ready_file(app);
    print_next(app, buf_str(&service));
    (void)fflush(stdout);
}
